//! `/tablesdb` and `/databases`: databases themselves.

use super::page;
use crate::model::Database;
use crate::repository::Listing;
use crate::service::Databases;
use floe_gateway::param::{CustomId, Id, Queries, Text};
use floe_gateway::{Call, Reply, input};
use floe_kernel::Result;
use std::sync::Arc;

input! {
    /// What creating a database takes.
    pub(crate) struct CreateDatabase {
        /// Its id.
        id: CustomId = body "databaseId",
        /// Its name.
        name: Text<1, 128> = body "name",
        /// Whether clients may see it.
        enabled: bool = body "enabled" or true,
    }
}

pub(crate) async fn create(service: Arc<Databases>, call: Call, input: CreateDatabase) -> Result<Reply> {
    let id = input.id.or_make(call.now);
    Reply::created(&service.create_database(&call, id, input.name.into(), input.enabled).await?.to_json())
}

input! {
    /// What listing databases takes.
    pub(crate) struct ListDatabases {
        /// Filters, order and page.
        queries: Queries = query "queries" or Queries::default(),
        /// What ids and names must contain.
        search: Text<0, 256> = query "search" or Text::default(),
        /// Whether to count them.
        total: bool = query "total" or true,
    }
}

pub(crate) async fn list(service: Arc<Databases>, call: Call, input: ListDatabases) -> Result<Reply> {
    let listing = Listing { queries: &input.queries.0, search: &input.search, total: input.total };
    let listed = service.databases(&call, &listing).await?;
    Reply::ok(&page("databases", listed, |database| database.to_json()))
}

input! {
    /// What names a database.
    pub(crate) struct NamedDatabase {
        /// The database's id.
        id: Id = path "databaseId",
    }
}

pub(crate) async fn get(service: Arc<Databases>, call: Call, input: NamedDatabase) -> Result<Reply> {
    Reply::ok(&Database::to_json(&service.database(&call, &input.id).await?))
}

input! {
    /// What updating a database takes.
    pub(crate) struct UpdateDatabase {
        /// The database's id.
        id: Id = path "databaseId",
        /// Another name.
        name: Option<Text<1, 128>> = body "name" or None,
        /// Whether clients may see it.
        enabled: bool = body "enabled" or true,
    }
}

pub(crate) async fn update(service: Arc<Databases>, call: Call, input: UpdateDatabase) -> Result<Reply> {
    let name = input.name.map(Into::into);
    Reply::ok(&service.update_database(&call, &input.id, name, input.enabled).await?.to_json())
}

pub(crate) async fn delete(service: Arc<Databases>, call: Call, input: NamedDatabase) -> Result<Reply> {
    service.delete_database(&call, &input.id).await?;
    Ok(Reply::empty())
}
