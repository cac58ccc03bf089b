//! Whether the server is well: probes for orchestrators, checks for admins, and `ping`.

// Queries of both databases, futures within futures: the compiler counts deep.
#![recursion_limit = "256"]

mod endpoints;
mod model;
mod routes;
mod service;

pub use routes::routes;
pub use service::Health;
