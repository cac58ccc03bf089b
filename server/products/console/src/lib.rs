//! What the console asks about the instance itself: what it can do, and which scopes a key may have.

mod endpoints;
mod model;
mod routes;

pub use routes::{Console, routes};
