//! Storage, which does the same on both databases.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test that can't go on fails, and says why"
)]
#![recursion_limit = "256"]

#[macro_use]
mod common;
mod dumps;
mod effects;
mod events;
mod fairness;
mod key_register;
mod patterns;
mod queries;
mod round_trips;
mod shapes;
mod silence;
mod stores;
mod units_of_work;
