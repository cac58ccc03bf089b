//! Webhooks: to which URLs a project's events are sent.
//!
//! A change asks in its own unit of work which webhooks want to know of it ([`subscribers`]), and notes a delivery for each of
//! them and a job of the queue that makes it ([`sender`]). Who fails again and again is switched off.
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

mod delivery;
mod endpoints;
mod grammar;
mod model;
mod params;
mod repository;
mod resealing;
mod routes;
mod sender;
mod service;
mod subscribers;

pub use routes::routes;
pub use service::Webhooks;
