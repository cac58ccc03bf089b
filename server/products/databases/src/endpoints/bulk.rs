//! `…/rows` and `…/documents`, many at once.

use super::at;
use super::params::RowValues;
use crate::service::{Databases, Operation, RowInput, Which};
use crate::vocabulary::Vocabulary;
use floe_gateway::param::{Id, List};
use floe_gateway::{Call, Reply, input};
use floe_kernel::permission::{PermissionTarget, Permissions};
use floe_kernel::{Error, Result, id};
use serde_json::{Map, Value as Json};
use std::sync::Arc;

const ID_RULE: &str = "$id must contain at most 36 chars. Valid chars are a-z, A-Z, 0-9, period, hyphen, and underscore. Can't start with a special char";

input! {
    /// What upserting rows takes.
    pub(crate) struct UpsertRows {
        /// The database's id.
        database: Id = path "databaseId",
        /// The table's id.
        table: Id = path "tableId" | "collectionId",
        /// The rows, each with its values, `$id` and `$permissions`.
        rows: List<RowValues, 100> = body "rows" | "documents",
        /// A transaction to stage this in.
        transaction: Option<Id> = body "transactionId" or None,
    }
}

pub(crate) async fn upsert(service: Arc<Databases>, call: Call, input: UpsertRows) -> Result<Reply> {
    let rows = read_rows(input.rows.0, &call)?;
    if rows.is_empty() {
        return Err(Vocabulary::of(&call).errors().row_missing_data.into());
    }
    let rows = Operation::UpsertMany(rows);
    Ok(Reply::written(
        200,
        service.write(&call, at(input.database, input.table), rows, input.transaction.as_deref()).await?,
    ))
}

/// Reads a list of rows: what one says of its id and its permissions stands among its values.
///
/// # Errors
/// For an id or permissions that can't be.
pub(super) fn read_rows(rows: Vec<RowValues>, call: &Call) -> Result<Vec<RowInput>> {
    rows.into_iter().map(|row| read_row(row.0, call)).collect()
}

fn read_row(mut data: Map<String, Json>, call: &Call) -> Result<RowInput> {
    let id = match data.remove("$id") {
        None | Some(Json::Null) => id::unique(call.now),
        Some(Json::String(id)) if id == id::UNIQUE => id::unique(call.now),
        Some(Json::String(id)) if id::is_valid(&id) => id,
        Some(_) => return Err(Error::invalid(Vocabulary::of(call).words().rows, ID_RULE)),
    };
    let permissions = take_permissions(&mut data, Vocabulary::of(call).words().rows)?;
    Ok(RowInput { id, permissions, data })
}

/// Takes the permissions out of a row's values.
///
/// # Errors
/// For permissions that can't be.
pub(super) fn take_permissions(data: &mut Map<String, Json>, parameter: &'static str) -> Result<Option<Permissions>> {
    let list = match data.remove("$permissions") {
        None | Some(Json::Null) => return Ok(None),
        Some(list) => list,
    };
    let texts: Vec<String> =
        serde_json::from_value(list).map_err(|_| Error::invalid(parameter, "$permissions must be a list of texts"))?;
    Permissions::parse(&texts, PermissionTarget::Item).map(Some)
}

input! {
    /// What updating rows takes.
    pub(crate) struct UpdateRows {
        /// The database's id.
        database: Id = path "databaseId",
        /// The table's id.
        table: Id = path "tableId" | "collectionId",
        /// The values that change; `$permissions` among them.
        data: RowValues = body "data" or RowValues::default(),
        /// Which rows: all, unless said.
        queries: Which = body "queries" or Which::default(),
        /// A transaction to stage this in.
        transaction: Option<Id> = body "transactionId" or None,
    }
}

pub(crate) async fn update(service: Arc<Databases>, call: Call, input: UpdateRows) -> Result<Reply> {
    let mut data = input.data.0;
    if data.is_empty() {
        return Err(Vocabulary::of(&call).errors().row_missing_payload.into());
    }
    let permissions = take_permissions(&mut data, "data")?;
    let rows = Operation::UpdateMatching { queries: input.queries, data, permissions };
    Ok(Reply::written(
        200,
        service.write(&call, at(input.database, input.table), rows, input.transaction.as_deref()).await?,
    ))
}

input! {
    /// What deleting rows takes.
    pub(crate) struct DeleteRows {
        /// The database's id.
        database: Id = path "databaseId",
        /// The table's id.
        table: Id = path "tableId" | "collectionId",
        /// Which rows: all, unless said.
        queries: Which = body "queries" or Which::default(),
        /// A transaction to stage this in.
        transaction: Option<Id> = body "transactionId" or None,
    }
}

pub(crate) async fn delete(service: Arc<Databases>, call: Call, input: DeleteRows) -> Result<Reply> {
    let rows = Operation::DeleteMatching { queries: input.queries };
    Ok(Reply::written(
        200,
        service.write(&call, at(input.database, input.table), rows, input.transaction.as_deref()).await?,
    ))
}
