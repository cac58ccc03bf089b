//! The whole server: its binary, its doors and its edge.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test that can't go on fails, and says why"
)]
#![recursion_limit = "512"]

mod binary;
mod browser;
mod commands;
mod contract;
mod doors;
mod durability;
mod edge;
mod events;
mod health;
mod limits;
mod power_loss;
mod room;
mod secret_key;
mod slow_clients;
