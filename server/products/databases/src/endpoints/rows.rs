//! `…/rows` and `…/documents`, one at a time.

use super::at;
use super::bulk::read_rows;
use super::params::RowValues;
use crate::service::{Databases, Operation, RowInput, RowsWanted};
use crate::vocabulary::Vocabulary;
use floe_gateway::param::{CustomId, Id, Int, ItemPermissions, List, RowQueries};
use floe_gateway::{Call, Reply, input};
use floe_kernel::{Error, ErrorKind, Result};
use std::sync::Arc;

input! {
    /// What creating a row takes; or, from servers, many of them.
    pub(crate) struct CreateRow {
        /// The database's id.
        database: Id = path "databaseId",
        /// The table's id.
        table: Id = path "tableId" | "collectionId",
        /// The row's id.
        id: Option<CustomId> = body "rowId" | "documentId" or None,
        /// Its values; none (`{}`) for a row of defaults.
        data: Option<RowValues> = body "data" or None,
        /// Who may do what with it. Everything its maker alone, unless said.
        permissions: Option<ItemPermissions> = body "permissions" or None,
        /// Many rows instead of one, each with its values, `$id` and `$permissions`.
        rows: List<RowValues, 100> = body "rows" | "documents" or List(Vec::new()),
        /// A transaction to stage this in.
        transaction: Option<Id> = body "transactionId" or None,
    }
}

pub(crate) async fn create(service: Arc<Databases>, call: Call, input: CreateRow) -> Result<Reply> {
    check(&call, &input)?;
    let (at, transaction) = (at(input.database, input.table), input.transaction.as_deref());
    if !input.rows.0.is_empty() {
        let rows = Operation::CreateMany(read_rows(input.rows.0, &call)?);
        // As Appwrite: what is only staged isn't created yet.
        let status = if transaction.is_some() { 200 } else { 201 };
        return Ok(Reply::written(status, service.write(&call, at, rows, transaction).await?));
    }
    let missing = || {
        let words = Vocabulary::of(&call).words();
        let message = format!("{} ID is required when creating a single {}.", words.row, words.row.to_lowercase());
        Error::new(words.errors.row_missing_data).message(message).field(words.row_id)
    };
    let id = input.id.ok_or_else(missing)?.or_make(call.now);
    let row = Operation::Create(row_input(id, input.permissions, input.data.unwrap_or_default()));
    Ok(Reply::written(201, service.write(&call, at, row, transaction).await?))
}

fn row_input(id: String, permissions: Option<ItemPermissions>, data: RowValues) -> RowInput {
    RowInput { id, permissions: permissions.map(|permissions| permissions.0), data: data.0 }
}

/// One row or many: not neither, and not both.
fn check(call: &Call, input: &CreateRow) -> Result<()> {
    let words = Vocabulary::of(call).words();
    let bad = |message: String| Err(Error::new(ErrorKind::GeneralBadRequest).message(message));
    let says_more = input.data.as_ref().is_some_and(|data| !data.0.is_empty());
    match (!says_more, input.rows.0.is_empty()) {
        (true, true) if input.data.is_none() => Err(words.errors.row_missing_data.into()),
        (_, true) => Ok(()),
        (false, false) => bad(format!("You can only send one of the following parameters: data, {}", words.rows)),
        (true, false) if !call.caller.privileged() => Err(ErrorKind::GeneralUnauthorizedScope.into()),
        (true, false) if input.id.is_some() => bad(format!(
            "Param \"{}\" is not allowed when creating multiple {}, set \"$id\" on each instead.",
            words.row_id, words.rows
        )),
        (true, false) if input.permissions.is_some() => bad(format!(
            "Param \"permissions\" is disallowed when creating multiple {}, set \"$permissions\" on each instead",
            words.rows
        )),
        (true, false) => Ok(()),
    }
}

input! {
    /// What listing rows takes.
    pub(crate) struct ListRows {
        /// The database's id.
        database: Id = path "databaseId",
        /// The table's id.
        table: Id = path "tableId" | "collectionId",
        /// Filters, order, page and columns.
        queries: RowQueries = query "queries" or RowQueries::default(),
        /// A transaction whose staged changes are to be seen.
        transaction: Option<Id> = query "transactionId" or None,
        /// Whether to count them.
        total: bool = query "total" or true,
        /// For how many seconds an older answer would do.
        ttl: Int<0, 86400> = query "ttl" or Int(0),
    }
}

pub(crate) async fn list(service: Arc<Databases>, call: Call, input: ListRows) -> Result<Reply> {
    let wanted = RowsWanted { queries: &input.queries.0, total: input.total };
    let at = at(input.database, input.table);
    if let Some(transaction) = input.transaction {
        return Ok(Reply::written(200, service.rows_within(&call, &at, wanted, &transaction).await?));
    }
    if input.ttl.0 == 0 {
        return Ok(Reply::written(200, service.rows(&call, &at, wanted).await?));
    }
    let (list, kept) = service.kept_rows(&call, &at, wanted, input.ttl.0).await?;
    Ok(Reply::written(200, list).header("X-Appwrite-Cache", if kept { "hit" } else { "miss" }))
}

input! {
    /// What reading a row takes.
    pub(crate) struct GetRow {
        /// The database's id.
        database: Id = path "databaseId",
        /// The table's id.
        table: Id = path "tableId" | "collectionId",
        /// The row's id.
        id: Id = path "rowId" | "documentId",
        /// Columns.
        queries: RowQueries = query "queries" or RowQueries::default(),
        /// A transaction whose staged changes are to be seen.
        transaction: Option<Id> = query "transactionId" or None,
    }
}

pub(crate) async fn get(service: Arc<Databases>, call: Call, input: GetRow) -> Result<Reply> {
    let (at, queries) = (at(input.database, input.table), &input.queries.0);
    let row = match input.transaction {
        None => service.row(&call, &at, &input.id, queries).await?,
        Some(transaction) => service.row_within(&call, &at, &input.id, queries, &transaction).await?,
    };
    Ok(Reply::written(200, row))
}

input! {
    /// What updating a row takes.
    pub(crate) struct UpdateRow {
        /// The database's id.
        database: Id = path "databaseId",
        /// The table's id.
        table: Id = path "tableId" | "collectionId",
        /// The row's id.
        id: Id = path "rowId" | "documentId",
        /// The values that change.
        data: RowValues = body "data" or RowValues::default(),
        /// Other permissions.
        permissions: Option<ItemPermissions> = body "permissions" or None,
        /// A transaction to stage this in.
        transaction: Option<Id> = body "transactionId" or None,
    }
}

pub(crate) async fn update(service: Arc<Databases>, call: Call, input: UpdateRow) -> Result<Reply> {
    if input.data.0.is_empty() && input.permissions.is_none() {
        return Err(Vocabulary::of(&call).errors().row_missing_payload.into());
    }
    let row = Operation::Update(row_input(input.id.into(), input.permissions, input.data));
    Ok(Reply::written(
        200,
        service.write(&call, at(input.database, input.table), row, input.transaction.as_deref()).await?,
    ))
}

input! {
    /// What upserting a row takes.
    pub(crate) struct UpsertRow {
        /// The database's id.
        database: Id = path "databaseId",
        /// The table's id.
        table: Id = path "tableId" | "collectionId",
        /// The row's id.
        id: CustomId = path "rowId" | "documentId",
        /// Its values; none (`{}`) for a row of defaults.
        data: Option<RowValues> = body "data" or None,
        /// Its permissions; those that it has, unless said.
        permissions: Option<ItemPermissions> = body "permissions" or None,
        /// A transaction to stage this in.
        transaction: Option<Id> = body "transactionId" or None,
    }
}

pub(crate) async fn upsert(service: Arc<Databases>, call: Call, input: UpsertRow) -> Result<Reply> {
    if input.data.is_none() && input.permissions.is_none() {
        return Err(Vocabulary::of(&call).errors().row_missing_payload.into());
    }
    let data = input.data.unwrap_or_default();
    let row = Operation::Upsert(row_input(input.id.or_make(call.now), input.permissions, data));
    // As Appwrite answers, whatever its document says: 200, except for what is only staged.
    let status = if input.transaction.is_some() { 201 } else { 200 };
    Ok(Reply::written(
        status,
        service.write(&call, at(input.database, input.table), row, input.transaction.as_deref()).await?,
    ))
}

input! {
    /// What deleting a row takes.
    pub(crate) struct DeleteRow {
        /// The database's id.
        database: Id = path "databaseId",
        /// The table's id.
        table: Id = path "tableId" | "collectionId",
        /// The row's id.
        id: Id = path "rowId" | "documentId",
        /// A transaction to stage this in.
        transaction: Option<Id> = body "transactionId" or None,
    }
}

pub(crate) async fn delete(service: Arc<Databases>, call: Call, input: DeleteRow) -> Result<Reply> {
    let row = Operation::Delete(input.id.into());
    service.write(&call, at(input.database, input.table), row, input.transaction.as_deref()).await?;
    Ok(Reply::empty())
}
