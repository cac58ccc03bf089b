//! Attacks on the client: hostile names, hosts and answers, over a network in memory with time that stands still unless all
//! wait. Numbers such as SEC-001 are those of the project's list of security cases.

#![allow(clippy::unwrap_used, reason = "a test that can't go on fails, and says why")]

mod addresses;
mod answers;
mod fairness;
mod fake;
mod over_tcp;
mod redirects;
mod requests;
mod tls;
