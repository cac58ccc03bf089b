//! `…/increment` and `…/decrement`: a number of a row, changed without being read first.

use super::at;
use super::params::{Key, Numeric};
use crate::service::{Addition, Databases, Operation};
use floe_gateway::param::Id;
use floe_gateway::{Call, Reply, input};
use floe_kernel::{Error, Result};
use std::sync::Arc;

input! {
    /// What adding to a number takes.
    pub(crate) struct Increment {
        /// The database's id.
        database: Id = path "databaseId",
        /// The table's id.
        table: Id = path "tableId" | "collectionId",
        /// The row's id.
        id: Id = path "rowId" | "documentId",
        /// The column's name.
        column: Key = path "column" | "attribute",
        /// How much is added.
        value: Numeric = body "value" or Numeric(1.0),
        /// What the sum must not exceed.
        max: Option<Numeric> = body "max" or None,
        /// A transaction to stage this in.
        transaction: Option<Id> = body "transactionId" or None,
    }
}

pub(crate) async fn increment(service: Arc<Databases>, call: Call, input: Increment) -> Result<Reply> {
    let (by, limit) = (positive(input.value)?, input.max.map(|max| max.0));
    let addition = Operation::Add(Addition { id: input.id.into(), column: input.column.0, by, limit });
    Ok(Reply::written(
        200,
        service.write(&call, at(input.database, input.table), addition, input.transaction.as_deref()).await?,
    ))
}

input! {
    /// What subtracting from a number takes.
    pub(crate) struct Decrement {
        /// The database's id.
        database: Id = path "databaseId",
        /// The table's id.
        table: Id = path "tableId" | "collectionId",
        /// The row's id.
        id: Id = path "rowId" | "documentId",
        /// The column's name.
        column: Key = path "column" | "attribute",
        /// How much is subtracted.
        value: Numeric = body "value" or Numeric(1.0),
        /// What the difference must not fall below.
        min: Option<Numeric> = body "min" or None,
        /// A transaction to stage this in.
        transaction: Option<Id> = body "transactionId" or None,
    }
}

pub(crate) async fn decrement(service: Arc<Databases>, call: Call, input: Decrement) -> Result<Reply> {
    let (by, limit) = (-positive(input.value)?, input.min.map(|min| min.0));
    let addition = Operation::Add(Addition { id: input.id.into(), column: input.column.0, by, limit });
    Ok(Reply::written(
        200,
        service.write(&call, at(input.database, input.table), addition, input.transaction.as_deref()).await?,
    ))
}

/// A number that may be added.
///
/// # Errors
/// When it isn't one.
pub(super) fn positive(value: Numeric) -> Result<f64> {
    if value.0 > 0.0 { Ok(value.0) } else { Err(Error::invalid("value", "Value must be numeric and greater than 0")) }
}
