//! The binary: command line, configuration, wiring. Nothing else.

#![recursion_limit = "256"]

pub mod app;
pub mod command;
pub mod config;
mod logging;
mod openapi;
mod organisations;
mod secrets;
mod serve;

/// The version of Floe.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
