//! The whole server: its binary, its doors and its edge.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test that can't go on fails, and says why"
)]
#![recursion_limit = "256"]

mod binary;
mod commands;
mod contract;
mod doors;
mod durability;
mod edge;
mod power_loss;
