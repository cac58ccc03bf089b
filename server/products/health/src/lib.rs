//! Whether the server is well: probes for orchestrators, checks for admins, and `ping`.

mod endpoints;
mod model;
mod routes;
mod service;

pub use routes::routes;
pub use service::Health;
