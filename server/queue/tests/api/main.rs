//! The queue, which does the same on both databases.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test that can't go on fails, and says why"
)]

#[macro_use]
mod support;
mod admin;
mod crash;
mod fairness;
mod leases;
mod nodes;
mod pushing;
mod working;
