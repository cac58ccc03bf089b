//! Users, as servers see them, through the public door.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test that can't go on fails, and says why"
)]
#![recursion_limit = "512"]

mod admission;
mod events;
mod sessions;
mod users;
