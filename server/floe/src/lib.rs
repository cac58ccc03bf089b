//! The binary: command line, configuration, wiring. Nothing else.

// Futures within futures: a request is one, through all floors.
#![recursion_limit = "512"]

pub mod app;
pub mod command;
pub mod config;
mod file_limit;
mod logging;
mod openapi;
mod organisations;
mod reason;
mod secrets;
mod serve;
mod usage;
mod web;

/// The version of Floe.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
