//! The one HTTP client for addresses that somebody else wrote down: webhooks, OAuth, messaging, avatars, imports.
//!
//! ```no_run
//! use std::time::Duration;
//! use floe_outbound::{HeaderValue, Method, Outbound, Overflow, Policy, Request, Settings, Target, header};
//!
//! # async fn deliver() -> Result<(), Box<dyn std::error::Error>> {
//! let outbound = Outbound::new(Settings { allowed: "hooks.internal:8080, 10.1.0.0/16".parse()?, ..Settings::default() });
//!
//! let request = Request::new(Method::POST, Target::parse("https://example.com/hook")?)
//!     .header(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))
//!     .try_header("X-Appwrite-Webhook-Name", "orders")?
//!     .body("{}")
//!     .policy(Policy {
//!         total: Duration::from_secs(10),
//!         max_body: 16 * 1024,
//!         overflow: Overflow::Cut,
//!         verify_tls: false,
//!         ..Policy::default()
//!     })
//!     .on_behalf_of("shop");
//! match outbound.fetch(request).await {
//!     Ok(answer) => println!("{} after {:?}: {:?}", answer.status, answer.took, answer.body),
//!     Err(error) => println!("{} ({error}) after {:?}", error.kind().as_str(), error.took()),
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
mod exchange;
mod gates;
mod guard;
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
pub use client::{Answer, Outbound, Response, Settings};
pub use error::{Error, ErrorKind};
pub use floe_kernel::hops::Hops;
pub use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
pub use hyper::{Method, StatusCode};
pub use network::{Dialled, Network, Stream, SystemNetwork};
pub use request::{InvalidHeader, Overflow, Policy, Redirects, Request};
pub use target::{Host, InvalidTarget, Target};
pub use tls::Trust;
