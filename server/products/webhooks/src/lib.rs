//! Webhooks: to which URLs a project's events are sent. This is where they are defined; sending comes with the queue.
//!
//! A webhook's secret signs what is sent. It is shown in the answer that makes it (`POST /webhooks`, `PATCH
//! /webhooks/{webhookId}/secret`) and in no other; the password of basic authentication is never shown. An update that
//! names a user but no password keeps the password that is there: who reads a webhook and writes it back changes
//! nothing.
//!
//! A URL must name a host of the public internet. That is said here, early and with the parameter named; what a name
//! leads to is checked again by whoever connects.

// Diesel's types nest deeply, and futures hold them.
#![recursion_limit = "256"]

mod endpoints;
mod grammar;
mod model;
mod params;
mod repository;
mod resealing;
mod routes;
mod service;

pub use routes::routes;
pub use service::Webhooks;
