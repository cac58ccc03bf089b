//! Databases that users define: tables, columns, indexes and rows.
//!
//! Two services speak of one store in two vocabularies: `tablesDB` of tables, columns and rows, `databases` of
//! collections, attributes and documents ([`vocabulary`]). One function serves both.
//!
//! - A table is a real table, its columns are real columns with types ([`floe_store::tables`]); names that users chose
//!   never reach a statement.
//! - A request for rows finds everything it must know of its table in memory ([`schema`]); a change of the table
//!   forgets that, in the moment in which it is committed ([`changes`]).
//! - Permissions of rows are interned: a row has the number of its set, and what a set allows is in memory
//!   ([`permission_sets`]).

#![recursion_limit = "512"]

mod change_guard;
mod domain;
mod endpoints;
mod events;
mod keys;
mod model;
mod operator;
mod permission_sets;
mod relation;
mod repository;
mod routes;
mod row;
mod row_transaction;
mod schema;
mod service;
mod transaction;
mod vocabulary;

pub use routes::routes;
pub use service::Databases;
