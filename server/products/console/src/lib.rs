//! What the console asks about the instance itself: what it can do, and which scopes a key may have.

mod endpoints;
mod model;
mod providers;
mod routes;
mod service;

pub use routes::routes;
pub use service::{Console, Instance, Signup};
