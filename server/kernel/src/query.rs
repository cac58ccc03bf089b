//! The query language of lists: what callers send as `queries[]`, parsed, and then checked against a set of fields.
//!
//! There are two stages, so that a query is never half-understood:
//! 1. [`Queries::parse`] reads the JSON of the wire into [`Queries`]. It knows the grammar and its limits, no fields.
//! 2. [`Queries::resolve`] checks them against the [`Fields`] that a list offers and gives a [`Selection`], in which
//!    every name is a column that exists and every value has the column's type. Storage accepts nothing else.
//!
//! Grammar and limits: `semantics.md` section 7 of the contract.

mod grammar;
mod linked;
mod pattern;
mod resolve;
mod search;

pub use grammar::{Condition, Cursor, Direction, Method, Queries};
pub use linked::{Link, Visible};
pub use pattern::Pattern;
pub use resolve::{Field, Fields, Filter, Operator, Order, Selection};
pub use search::Search;

/// The most queries that one request may carry.
pub const MAX_QUERIES: usize = 100;
/// The most characters of one query.
pub const MAX_QUERY_LENGTH: usize = 4096;
/// The most values of one query.
pub const MAX_QUERY_VALUES: usize = 500;
/// The most conditions of one request, those within `and` and `or` included.
pub const MAX_CONDITIONS: usize = 500;
/// The most values of all conditions of one request.
pub const MAX_VALUES: usize = 10_000;
/// How deep `and` and `or` may be nested.
pub const MAX_QUERY_DEPTH: usize = 8;
/// How many items a list holds unless its queries say otherwise.
pub const DEFAULT_LIMIT: i64 = 25;
/// Totals are counted up to this number and no further, so that counting never outgrows the list itself.
pub const MAX_TOTAL: i64 = 5000;
