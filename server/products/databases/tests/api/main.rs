//! Databases through the public door.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test that can't go on fails, and says why"
)]
#![recursion_limit = "512"]

mod background;
mod bulk;
mod definitions;
mod encryption;
mod fairness;
mod gone;
mod headers;
mod heavy;
mod limits;
mod links;
mod links_security;
mod list_cache;
mod operators;
mod paths;
mod properties;
mod queries;
mod quota;
mod related;
mod relations;
mod removal;
mod rows;
mod search;
mod security;
mod security_callers;
mod spatial;
mod support;
mod sweep;
mod transaction_conflicts;
mod transactions;
mod wire;
