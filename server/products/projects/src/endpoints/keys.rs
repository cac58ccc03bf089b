//! `/v1/project/keys`: API keys.

use crate::model::KeyModel;
use crate::params::{Expiry, KeyScope};
use crate::service::{KeyChange, Projects};
use floe_gateway::param::{CustomId, Id, List, Queries, Text};
use floe_gateway::reply::Page;
use floe_gateway::{Call, Reply, input};
use floe_kernel::Result;
use floe_kernel::scope::Scopes;
use std::sync::Arc;

input! {
    /// What `GET /project/keys` takes.
    pub(crate) struct ListKeys {
        /// Filters, order and page.
        pub(crate) queries: Queries = query "queries" or Queries::default(),
        /// Whether to count them all.
        pub(crate) total: bool = query "total" or true,
    }
}

input! {
    /// What `POST /project/keys` takes.
    pub(crate) struct CreateKey {
        /// The key's id.
        pub(crate) key_id: CustomId = body "keyId",
        /// What it is for.
        pub(crate) name: Text<1, 128> = body "name",
        /// What it may enter.
        pub(crate) scopes: List<KeyScope, 200> = body "scopes",
        /// When it ends; never unless given.
        pub(crate) expire: Expiry = body "expire" or Expiry(None),
    }
}

input! {
    /// What `PUT /project/keys/{keyId}` takes.
    pub(crate) struct UpdateKey {
        /// The key's id.
        pub(crate) key_id: Id = path "keyId",
        /// What it is for.
        pub(crate) name: Text<1, 128> = body "name",
        /// What it may enter.
        pub(crate) scopes: List<KeyScope, 200> = body "scopes",
        /// When it ends; never unless given.
        pub(crate) expire: Expiry = body "expire" or Expiry(None),
    }
}

input! {
    /// Which key.
    pub(crate) struct OneKey {
        /// The key's id.
        pub(crate) key_id: Id = path "keyId",
    }
}

pub(crate) async fn list(projects: Arc<Projects>, call: Call, input: ListKeys) -> Result<Reply> {
    let (total, keys) = projects.list_keys(&call.project.id, &input.queries.0, input.total).await?;
    Reply::ok(&Page { plural: "keys", total, items: keys.into_iter().map(KeyModel::from).collect() })
}

pub(crate) async fn create(projects: Arc<Projects>, call: Call, input: CreateKey) -> Result<Reply> {
    let change = KeyChange { name: input.name.into(), scopes: set(&input.scopes), expires: input.expire.0 };
    let id = input.key_id.or_make(call.now);
    let (key, secret) = projects.create_key_for(&call.caller, &call.project, id, change, call.now).await?;
    Reply::created(&KeyModel::made(key, &secret))
}

pub(crate) async fn get(projects: Arc<Projects>, call: Call, input: OneKey) -> Result<Reply> {
    Reply::ok(&KeyModel::from(projects.get_key(&call.project.id, &input.key_id).await?))
}

pub(crate) async fn update(projects: Arc<Projects>, call: Call, input: UpdateKey) -> Result<Reply> {
    let change = KeyChange { name: input.name.into(), scopes: set(&input.scopes), expires: input.expire.0 };
    let key = projects.update_key(&call.caller, &call.project, &input.key_id, change, call.now).await?;
    Reply::ok(&KeyModel::from(key))
}

pub(crate) async fn delete(projects: Arc<Projects>, call: Call, input: OneKey) -> Result<Reply> {
    projects.delete_key(&call.caller, &call.project, &input.key_id).await?;
    Ok(Reply::empty())
}

fn set(scopes: &List<KeyScope, 200>) -> Scopes {
    scopes.0.iter().map(|scope| scope.0).collect()
}
