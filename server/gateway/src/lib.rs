//! The pipeline: from an HTTP request to a product and back.
//!
//! Receive -> Authenticate -> Validate -> Process -> Persist -> Respond. The first two and the last are here, the others
//! are called from here. What distinguishes one endpoint from another is data: its line in the route table.

mod answer_memory;
pub mod arrival;
pub mod authenticate;
pub mod body;
mod budget;
mod by_address;
pub mod call;
pub mod conditional;
mod connections;
mod content;
pub mod cookies;
mod credentials;
mod departing;
pub mod device;
pub mod gateway;
mod http_server;
pub mod input;
mod interest;
pub mod jwt;
mod leaving;
mod limits;
mod names;
pub mod not_yet;
mod off_loop;
pub mod openapi;
mod origin;
mod paced;
pub mod param;
mod pipeline;
pub mod rate_limit;
mod receive;
pub mod reply;
mod request_log;
mod respond;
pub mod response;
mod response_format;
pub mod route;
pub mod server;
mod share;
mod unambiguous;

pub use answer_memory::AnswerMemory;
pub use arrival::{Arrival, IncomingBody};
pub use call::Call;
pub use gateway::{Gateway, GatewaySettings};
pub use input::Input;
pub use interest::{Interest, Waiting};
pub use reply::Reply;
pub use response::Response;
pub use route::{
    Caching, Callers, CountedFrom, Limit, LimitKey, RequestBody, Route, delete, get, head, patch, post, probe, put,
};

/// The version of the API that we speak: what clients see as `version` and compare their own with.
pub const API_VERSION: &str = "1.9.6";
