//! `…/columns/relationship` and `…/attributes/relationship`. (Listed, read and removed as any column.)

use super::at;
use super::params::Key;
use crate::relation::{Cardinality, NewRelation, OnDelete};
use crate::service::{Databases, RelationChange};
use crate::vocabulary::Vocabulary;
use floe_gateway::input::{Param, Refusal};
use floe_gateway::param::Id;
use floe_gateway::{Call, Reply, input};
use floe_kernel::Result;
use serde_json::{Value as Json, json};
use std::sync::Arc;

/// A choice of words as a parameter.
macro_rules! one_of {
    ($name:ty) => {
        impl Param for $name {
            fn read(value: Json) -> Result<Self, Refusal> {
                let rule = || format!("Value must be one of ({})", words(Self::ALL, Self::word).join(", ")).into();
                value.as_str().and_then(Self::parse).ok_or_else(rule)
            }

            fn schema() -> Json {
                json!({"type": "string", "enum": words(Self::ALL, Self::word)})
            }
        }
    };
}

fn words<T: Copy>(all: &[T], word: impl Fn(T) -> &'static str) -> Vec<&'static str> {
    all.iter().copied().map(word).collect()
}

one_of!(Cardinality);
one_of!(OnDelete);

input! {
    /// What creating a relationship takes.
    pub(crate) struct CreateRelation {
        /// The database's id.
        database: Id = path "databaseId",
        /// The table's id.
        table: Id = path "tableId" | "collectionId",
        /// The id of the table that it leads to.
        related: Id = body "relatedTableId" | "relatedCollectionId",
        /// How many rows of this table may be related to how many of the other one.
        cardinality: Cardinality = body "type",
        /// Whether the other table gets a column as well.
        two_way: bool = body "twoWay" or false,
        /// The column's name; the other table's id, unless said.
        key: Option<Key> = body "key" or None,
        /// The name of the other table's column; this table's id, unless said.
        two_way_key: Option<Key> = body "twoWayKey" or None,
        /// What becomes of related rows when a row goes.
        on_delete: OnDelete = body "onDelete" or OnDelete::Restrict,
    }
}

pub(crate) async fn create(service: Arc<Databases>, call: Call, input: CreateRelation) -> Result<Reply> {
    let new = NewRelation {
        related: input.related.into(),
        cardinality: input.cardinality,
        two_way: input.two_way,
        key: input.key.map(|key| key.0),
        two_way_key: input.two_way_key.map(|key| key.0),
        on_delete: input.on_delete,
    };
    let made = service.create_relation(&call, &at(input.database, input.table), new).await?;
    Reply::json(202, &made.to_json(Vocabulary::of(&call)))
}

input! {
    /// What updating a relationship takes.
    pub(crate) struct UpdateRelation {
        /// The database's id.
        database: Id = path "databaseId",
        /// The table's id.
        table: Id = path "tableId" | "collectionId",
        /// The column's name.
        key: Key = path "key",
        /// What becomes of related rows when a row goes, from now on.
        on_delete: Option<OnDelete> = body "onDelete" or None,
        /// Another name.
        new_key: Option<Key> = body "newKey" or None,
    }
}

pub(crate) async fn update(service: Arc<Databases>, call: Call, input: UpdateRelation) -> Result<Reply> {
    let change = RelationChange { on_delete: input.on_delete, new_key: input.new_key.map(|key| key.0) };
    let at = at(input.database, input.table);
    let changed = service.update_relation(&call, &at, &input.key.0, change).await?;
    Reply::ok(&changed.to_json(Vocabulary::of(&call)))
}
