//! `…/tables` and `…/collections`.

use super::definitions::{InlineColumns, InlineIndex};
use super::{at, page};
use crate::repository::Listing;
use crate::service::{Databases, NewTable, TableChange};
use crate::vocabulary::Vocabulary;
use floe_gateway::param::{ContainerPermissions, CustomId, Id, List, Queries, Text};
use floe_gateway::{Call, Reply, input};
use floe_kernel::Result;
use std::sync::Arc;

input! {
    /// What creating a table takes.
    pub(crate) struct CreateTable {
        /// The database's id.
        database: Id = path "databaseId",
        /// The table's id.
        id: CustomId = body "tableId" | "collectionId",
        /// Its name.
        name: Text<1, 128> = body "name",
        /// Who may do what with all of its rows. Nobody, unless said.
        permissions: Option<ContainerPermissions> = body "permissions" or None,
        /// Whether rows have permissions of their own.
        row_security: bool = body "rowSecurity" | "documentSecurity" or false,
        /// Whether clients may see it.
        enabled: bool = body "enabled" or true,
        /// Its columns, as their own endpoints take them, with their `type`.
        columns: InlineColumns = body "columns" | "attributes" or InlineColumns::default(),
        /// Its indexes, as their own endpoint takes them.
        indexes: List<InlineIndex, 100> = body "indexes" or List(Vec::new()),
    }
}

pub(crate) async fn create(service: Arc<Databases>, call: Call, input: CreateTable) -> Result<Reply> {
    let new = NewTable {
        id: input.id.or_make(call.now),
        name: input.name.into(),
        permissions: input.permissions.unwrap_or_default().0,
        row_security: input.row_security,
        enabled: input.enabled,
        columns: input.columns.0,
        indexes: input.indexes.0.into_iter().map(|index| index.0).collect(),
    };
    let table = service.create_table(&call, &input.database, new).await?;
    Reply::created(&table.to_json(Vocabulary::of(&call)))
}

input! {
    /// What listing tables takes.
    pub(crate) struct ListTables {
        /// The database's id.
        database: Id = path "databaseId",
        /// Filters, order and page.
        queries: Queries = query "queries" or Queries::default(),
        /// What ids and names must contain.
        search: Text<0, 256> = query "search" or Text::default(),
        /// Whether to count them.
        total: bool = query "total" or true,
    }
}

pub(crate) async fn list(service: Arc<Databases>, call: Call, input: ListTables) -> Result<Reply> {
    let vocabulary = Vocabulary::of(&call);
    let listing = Listing { queries: &input.queries.0, search: &input.search, total: input.total };
    let listed = service.tables(&call, &input.database, &listing).await?;
    Reply::ok(&page(vocabulary.words().tables, listed, |table| table.to_json(vocabulary)))
}

input! {
    /// What names a table.
    pub(crate) struct NamedTable {
        /// The database's id.
        database: Id = path "databaseId",
        /// The table's id.
        table: Id = path "tableId" | "collectionId",
    }
}

pub(crate) async fn get(service: Arc<Databases>, call: Call, input: NamedTable) -> Result<Reply> {
    let table = service.table(&call, &at(input.database, input.table)).await?;
    Reply::ok(&table.to_json(Vocabulary::of(&call)))
}

input! {
    /// What updating a table takes.
    pub(crate) struct UpdateTable {
        /// The database's id.
        database: Id = path "databaseId",
        /// The table's id.
        table: Id = path "tableId" | "collectionId",
        /// Another name.
        name: Option<Text<1, 128>> = body "name" or None,
        /// Other permissions.
        permissions: Option<ContainerPermissions> = body "permissions" or None,
        /// Whether rows have permissions of their own.
        row_security: bool = body "rowSecurity" | "documentSecurity" or false,
        /// Whether clients may see it.
        enabled: bool = body "enabled" or true,
        /// Whether lists of its rows that are kept are to be forgotten. They are with every change of who may see what.
        purge: bool = body "purge" or false,
    }
}

pub(crate) async fn update(service: Arc<Databases>, call: Call, input: UpdateTable) -> Result<Reply> {
    let change = TableChange {
        name: input.name.map(Into::into),
        permissions: input.permissions.map(|permissions| permissions.0),
        row_security: input.row_security,
        enabled: input.enabled,
        purge: input.purge,
    };
    let table = service.update_table(&call, &at(input.database, input.table), change).await?;
    Reply::ok(&table.to_json(Vocabulary::of(&call)))
}

pub(crate) async fn delete(service: Arc<Databases>, call: Call, input: NamedTable) -> Result<Reply> {
    service.delete_table(&call, &at(input.database, input.table)).await?;
    Ok(Reply::empty())
}
