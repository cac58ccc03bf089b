//! What fuzzers do with the query language, as plain functions: `server/fuzz` calls them with whatever it makes up, and
//! this crate's tests with some thousands of inputs that follow from a number, in a second or two.
//!
//! Each function panics when a property doesn't hold; that is how a fuzzer, and a test, notices.

#![allow(clippy::missing_panics_doc, clippy::unwrap_used, reason = "to panic is what these functions are for")]

mod dice;
mod queries;
mod target;

pub use dice::{Dice, rounds};
pub use queries::{fields, parse, random, to_sql};
pub use target::Target;
