//! The one HTTP client for addresses that somebody else wrote down: webhooks, OAuth, messaging, avatars, imports.
//!
//! ```no_run
//! use floe_outbound::{Method, Outbound, Request, Settings, Target};
//!
//! # async fn deliver() -> Result<(), Box<dyn std::error::Error>> {
//! let outbound = Outbound::new(Settings { allowed: "hooks.internal:8080, 10.1.0.0/16".parse()?, ..Settings::default() });
//! let target = Target::parse("https://example.com/hook")?;
//! let request = Request::new(Method::POST, target).on_behalf_of("shop").body("{}");
//! match outbound.fetch(request).await {
//!     Ok(answer) => println!("{} after {:?}", answer.status, answer.timings.total),
//!     Err(error) => println!("{error}"), // for users; `error.cause()` is for logs
//! }
//! # Ok(())
//! # }
//! ```
//!
//! What holds for every request, whoever makes it:
//!
//! - It connects to an address that was checked, and to no other: the name is resolved once, each address is held against
//!   [what isn't public](special), and the connection is made to one of those that are left. So it is at every redirect.
//! - What may not be reached and what can't be reached are one error, no sooner than one moment ([`Settings::uniform_after`]).
//! - It ends in time ([`Policy::total`]), and holds no more of an answer in memory than it was asked to.
//! - A connection serves one request. None is left over that could be taken for another address or another TLS policy.
//! - Proxies of the environment (`HTTP_PROXY`) aren't used.

mod address;
mod allowed;
mod body;
mod breaker;
mod client;
mod error;
mod gates;
mod guard;
mod hops;
mod journey;
mod network;
mod redirect;
mod request;
mod target;
mod tls;

pub use address::{Block, InvalidBlock, special};
pub use allowed::{Allowed, InvalidAllowed};
pub use body::Body;
pub use breaker::BreakerSettings;
pub use client::{Answer, Outbound, Response, Settings, Timings};
pub use error::{Error, ErrorKind};
pub use hops::Hops;
pub use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
pub use hyper::{Method, StatusCode};
pub use network::{Dialled, Network, Stream, SystemNetwork};
pub use request::{Overflow, Policy, Redirects, Request};
pub use target::{Host, InvalidTarget, Target};
pub use tls::Trust;
