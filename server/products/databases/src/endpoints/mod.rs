//! One file an endpoint or a close family.

pub(crate) mod bulk;
pub(crate) mod columns;
pub(crate) mod databases;
mod definitions;
pub(crate) mod indexes;
pub(crate) mod numbers;
mod params;
pub(crate) mod relations;
pub(crate) mod rows;
pub(crate) mod tables;
pub(crate) mod transactions;

use crate::repository::Listed;
use crate::service::At;
use floe_gateway::param::Id;
use floe_gateway::reply::Page;
use serde_json::Value as Json;

fn at(database: Id, table: Id) -> At {
    At { database: database.into(), table: table.into() }
}

fn page<T>(plural: &'static str, listed: Listed<T>, model: impl FnMut(T) -> Json) -> Page<Json> {
    Page { plural, total: listed.total, items: listed.items.into_iter().map(model).collect() }
}
