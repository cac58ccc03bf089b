//! `…/rows` and `…/documents`, many at once.

use super::at;
use super::params::NoTransaction;
use crate::service::{BulkRow, Databases};
use crate::vocabulary::Vocabulary;
use floe_gateway::param::{Id, List, Object, Queries};
use floe_gateway::{Call, Reply, input};
use floe_kernel::permission::{Permissions, Scope};
use floe_kernel::{Error, Result};
use serde_json::Value as Json;
use std::sync::Arc;

input! {
    /// What upserting rows takes.
    pub(crate) struct UpsertRows {
        /// The database's id.
        database: Id = path "databaseId",
        /// The table's id.
        table: Id = path "tableId" | "collectionId",
        /// The rows, each with its values, `$id` and `$permissions`.
        rows: List<Object, 100> = body "rows" | "documents",
        /// A transaction to stage this in.
        _transaction: Option<NoTransaction> = body "transactionId" or None,
    }
}

pub(crate) async fn upsert(service: Arc<Databases>, call: Call, input: UpsertRows) -> Result<Reply> {
    let rows = read_rows(input.rows.0, &call)?;
    if rows.is_empty() {
        return Err(Vocabulary::of(&call).errors().row_missing_data.into());
    }
    Ok(Reply::written(201, service.upsert_rows(&call, &at(input.database, input.table), &rows).await?))
}

pub(super) fn read_rows(rows: Vec<Object>, call: &Call) -> Result<Vec<BulkRow>> {
    rows.into_iter().map(|row| BulkRow::read(row.0, call)).collect()
}

input! {
    /// What updating rows takes.
    pub(crate) struct UpdateRows {
        /// The database's id.
        database: Id = path "databaseId",
        /// The table's id.
        table: Id = path "tableId" | "collectionId",
        /// The values that change; `$permissions` among them.
        data: Object = body "data" or Object::default(),
        /// Which rows: all, unless said.
        queries: Queries = body "queries" or Queries::default(),
        /// A transaction to stage this in.
        _transaction: Option<NoTransaction> = body "transactionId" or None,
    }
}

pub(crate) async fn update(service: Arc<Databases>, call: Call, input: UpdateRows) -> Result<Reply> {
    let mut data = input.data.0;
    if data.is_empty() {
        return Err(Vocabulary::of(&call).errors().row_missing_payload.into());
    }
    let permissions = match data.remove("$permissions") {
        None | Some(Json::Null) => None,
        Some(list) => {
            let texts: Vec<String> = serde_json::from_value(list)
                .map_err(|_| Error::invalid("data", "$permissions must be a list of texts"))?;
            Some(Permissions::parse(&texts, Scope::Item)?)
        }
    };
    let at = at(input.database, input.table);
    Ok(Reply::written(200, service.update_rows(&call, &at, &input.queries.0, &data, permissions.as_ref()).await?))
}

input! {
    /// What deleting rows takes.
    pub(crate) struct DeleteRows {
        /// The database's id.
        database: Id = path "databaseId",
        /// The table's id.
        table: Id = path "tableId" | "collectionId",
        /// Which rows: all, unless said.
        queries: Queries = body "queries" or Queries::default(),
        /// A transaction to stage this in.
        _transaction: Option<NoTransaction> = body "transactionId" or None,
    }
}

pub(crate) async fn delete(service: Arc<Databases>, call: Call, input: DeleteRows) -> Result<Reply> {
    Ok(Reply::written(200, service.delete_rows(&call, &at(input.database, input.table), &input.queries.0).await?))
}
