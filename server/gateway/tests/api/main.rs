//! The gateway through its own door: requests that no HTTP server has brought.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::redundant_allocation, reason = "tests")]

mod answers;
mod authority;
mod bodies;
mod enter;
mod routes;
mod support;
