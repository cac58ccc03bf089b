//! `…/indexes`.

use super::params::{IndexedKey, Key, OrderBy};
use super::{at, page};
use crate::model::NewIndex;
use crate::repository::Listing;
use crate::service::Databases;
use crate::vocabulary::Vocabulary;
use floe_gateway::param::{Id, Queries};
use floe_gateway::{Call, Reply, input};
use floe_kernel::Result;
use std::sync::Arc;

input! {
    /// What creating an index takes.
    pub(crate) struct CreateIndex {
        /// The database's id.
        database: Id = path "databaseId",
        /// The table's id.
        table: Id = path "tableId" | "collectionId",
        /// The index's name.
        key: Key = body "key",
        /// `key`, `unique` or `fulltext`.
        kind: String = body "type",
        /// The columns, the most important first.
        columns: Vec<IndexedKey> = body "columns" | "attributes",
        /// Which way each runs: `asc` or `desc`.
        orders: Vec<OrderBy> = body "orders" or Vec::new(),
        /// How many characters of each count.
        lengths: Vec<Option<i64>> = body "lengths" or Vec::new(),
    }
}

pub(crate) async fn create(service: Arc<Databases>, call: Call, input: CreateIndex) -> Result<Reply> {
    let new = NewIndex {
        key: input.key.0,
        kind: input.kind.to_lowercase(),
        columns: input.columns.into_iter().map(|column| column.0).collect(),
        lengths: input.lengths,
        orders: input.orders.into_iter().map(|order| order.0).collect(),
    };
    let index = service.create_index(&call, &at(input.database, input.table), new).await?;
    Reply::json(202, &index.to_json(Vocabulary::of(&call)))
}

input! {
    /// What listing indexes takes.
    pub(crate) struct ListIndexes {
        /// The database's id.
        database: Id = path "databaseId",
        /// The table's id.
        table: Id = path "tableId" | "collectionId",
        /// Filters, order and page.
        queries: Queries = query "queries" or Queries::default(),
        /// Whether to count them.
        total: bool = query "total" or true,
    }
}

pub(crate) async fn list(service: Arc<Databases>, call: Call, input: ListIndexes) -> Result<Reply> {
    let vocabulary = Vocabulary::of(&call);
    let listing = Listing { queries: &input.queries.0, search: "", total: input.total };
    let listed = service.indexes(&call, &at(input.database, input.table), &listing).await?;
    Reply::ok(&page("indexes", listed, |index| index.to_json(vocabulary)))
}

input! {
    /// What names an index.
    pub(crate) struct NamedIndex {
        /// The database's id.
        database: Id = path "databaseId",
        /// The table's id.
        table: Id = path "tableId" | "collectionId",
        /// The index's name.
        key: Key = path "key",
    }
}

pub(crate) async fn get(service: Arc<Databases>, call: Call, input: NamedIndex) -> Result<Reply> {
    let index = service.index(&call, &at(input.database, input.table), &input.key.0).await?;
    Reply::ok(&index.to_json(Vocabulary::of(&call)))
}

pub(crate) async fn delete(service: Arc<Databases>, call: Call, input: NamedIndex) -> Result<Reply> {
    service.delete_index(&call, &at(input.database, input.table), &input.key.0).await?;
    Ok(Reply::empty())
}
