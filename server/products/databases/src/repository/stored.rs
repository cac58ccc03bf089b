//! How what users have defined is kept: the tables, and what their rows mean.

use crate::domain::Domain;
use crate::model::{AnyColumn, Column, Database, Index, IndexKind, Status, Table};
use crate::relation::{Relation, StoredRelation};
use floe_kernel::permission::Permissions;
use floe_kernel::time::Timestamp;
use floe_store::json;
use floe_store::prelude::*;
use serde_json::Value as Json;

pub(super) mod schema {
    diesel::table! {
        databases (number) {
            number -> BigInt,
            id -> Text,
            name -> Text,
            #[sql_name = "type"]
            kind -> Text,
            enabled -> Bool,
            search -> Text,
            created_at -> BigInt,
            updated_at -> BigInt,
        }
    }
    diesel::table! {
        tables (number) {
            number -> BigInt,
            database_number -> BigInt,
            id -> Text,
            name -> Text,
            enabled -> Bool,
            row_security -> Bool,
            permissions -> Text,
            version -> BigInt,
            search -> Text,
            created_at -> BigInt,
            updated_at -> BigInt,
        }
    }
    diesel::table! {
        columns (number) {
            number -> BigInt,
            table_number -> BigInt,
            key -> Text,
            #[sql_name = "type"]
            kind -> Text,
            format -> Text,
            size -> BigInt,
            required -> Bool,
            array -> Bool,
            default_value -> Nullable<Text>,
            rules -> Text,
            encrypted -> Bool,
            status -> Text,
            error -> Text,
            created_at -> BigInt,
            updated_at -> BigInt,
            related_table -> Nullable<BigInt>,
        }
    }
    diesel::table! {
        indexes (number) {
            number -> BigInt,
            table_number -> BigInt,
            key -> Text,
            #[sql_name = "type"]
            kind -> Text,
            keys -> Text,
            lengths -> Text,
            orders -> Text,
            status -> Text,
            error -> Text,
            created_at -> BigInt,
            updated_at -> BigInt,
        }
    }
}
use schema::{columns, databases, indexes, tables};

#[derive(Queryable, Selectable)]
#[diesel(table_name = databases)]
pub(super) struct DatabaseRow {
    number: i64,
    id: String,
    name: String,
    kind: String,
    enabled: bool,
    created_at: i64,
    updated_at: i64,
}

impl From<DatabaseRow> for Database {
    fn from(row: DatabaseRow) -> Self {
        Self {
            number: row.number,
            id: row.id,
            name: row.name,
            kind: row.kind,
            enabled: row.enabled,
            created: Timestamp::from_millis(row.created_at),
            updated: Timestamp::from_millis(row.updated_at),
        }
    }
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = tables)]
pub(super) struct TableRow {
    number: i64,
    id: String,
    name: String,
    enabled: bool,
    row_security: bool,
    permissions: String,
    version: i64,
    created_at: i64,
    updated_at: i64,
}

impl TryFrom<TableRow> for Table {
    type Error = Error;

    fn try_from(row: TableRow) -> Result<Self, Error> {
        Ok(Self {
            permissions: stored_permissions(&row.permissions)?,
            number: row.number,
            id: row.id,
            name: row.name,
            enabled: row.enabled,
            row_security: row.row_security,
            version: row.version,
            created: Timestamp::from_millis(row.created_at),
            updated: Timestamp::from_millis(row.updated_at),
        })
    }
}

/// Permissions as [`Permissions::canonical`] writes them.
///
/// # Errors
/// When they are not.
pub(crate) fn stored_permissions(text: &str) -> Result<Permissions, Error> {
    Permissions::stored(text).ok_or_else(|| Error::unavailable(format!("permissions {text}")))
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = columns)]
pub(super) struct ColumnRow {
    number: i64,
    table_number: i64,
    key: String,
    kind: String,
    format: String,
    size: i64,
    required: bool,
    array: bool,
    default_value: Option<String>,
    rules: String,
    encrypted: bool,
    status: String,
    error: String,
    created_at: i64,
    updated_at: i64,
    related_table: Option<i64>,
}

impl TryFrom<ColumnRow> for AnyColumn {
    type Error = Error;

    fn try_from(row: ColumnRow) -> Result<Self, Error> {
        let Some(related) = row.related_table else { return Column::try_from(row).map(Self::Plain) };
        let rules = json::read(&row.rules)?;
        let kept = StoredRelation {
            number: row.number,
            key: row.key,
            table: row.table_number,
            related,
            status: Status::stored(&row.status, row.error),
            created: Timestamp::from_millis(row.created_at),
            updated: Timestamp::from_millis(row.updated_at),
        };
        let relation = Relation::stored(kept, &rules);
        relation.map(Self::Relation).ok_or_else(|| Error::unavailable(format!("a relationship of {}", row.rules)))
    }
}

impl TryFrom<ColumnRow> for Column {
    type Error = Error;

    fn try_from(row: ColumnRow) -> Result<Self, Error> {
        let rules: Json = json::read(&row.rules)?;
        let domain = Domain::stored(&row.kind, &row.format, row.size, &rules);
        let default = row.default_value.as_deref().map(serde_json::from_str).transpose();
        Ok(Self {
            domain: domain.ok_or_else(|| Error::unavailable(format!("a column of type {}", row.kind)))?,
            number: row.number,
            key: row.key,
            required: row.required,
            array: row.array,
            encrypted: row.encrypted,
            default: default.map_err(Error::unavailable)?,
            status: Status::stored(&row.status, row.error),
            created: Timestamp::from_millis(row.created_at),
            updated: Timestamp::from_millis(row.updated_at),
        })
    }
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = indexes)]
pub(super) struct IndexRow {
    number: i64,
    key: String,
    kind: String,
    keys: String,
    lengths: String,
    orders: String,
    status: String,
    error: String,
    created_at: i64,
    updated_at: i64,
}

impl TryFrom<IndexRow> for Index {
    type Error = Error;

    fn try_from(row: IndexRow) -> Result<Self, Error> {
        Ok(Self {
            number: row.number,
            key: row.key,
            kind: IndexKind::named(&row.kind)
                .ok_or_else(|| Error::unavailable(format!("an index of type {}", row.kind)))?,
            columns: json::read(&row.keys)?,
            lengths: json::read(&row.lengths)?,
            orders: json::read(&row.orders)?,
            status: Status::stored(&row.status, row.error),
            created: Timestamp::from_millis(row.created_at),
            updated: Timestamp::from_millis(row.updated_at),
        })
    }
}
