//! What rows are related to: written with them, and kept in order when they go.
//!
//! A row's values may say what it is related to, by ids of rows or by rows themselves, which are then made or changed
//! along with it ([`values`] reads them, [`writing`] writes them); and a row that goes may take others along, or have to
//! stay for their sake ([`removal`]). All of that happens in the unit of work of the row itself, all or nothing.
//!
//! Every row that is reached through another one is guarded as if it were reached by itself: by the permissions of its
//! own table and its own. See `docs/relationships.md`.

mod removal;
mod values;
mod writing;

pub(super) use removal::remove;
pub(super) use values::Wanted;
pub(super) use writing::relate;

use super::{At, Databases, Operation, load_if_there, schema_key};
use crate::relation::Relation;
use crate::schema::TableSchema;
use crate::vocabulary::Vocabulary;
use floe_gateway::Call;
use floe_kernel::permission::Action;
use floe_kernel::{Error, ErrorKind, Result};
use floe_store::Connection;
use serde_json::{Map, Value as Json};
use std::collections::HashMap;
use std::pin::Pin;
use std::sync::Arc;

/// How many rows deep relationships are written: a row, those that it is related to, and those that these are.
pub(super) const DEPTH: usize = 3;

/// The most rows that one row may name, or take along when it goes.
pub(super) const MAX_ROWS: usize = 5000;

/// The tables that an operation's rows lead to, by their number.
#[derive(Debug, Default)]
pub(super) struct Around(HashMap<i64, Arc<TableSchema>>);

impl Around {
    /// The table that a relationship leads to, unless it isn't there for this caller.
    fn related(&self, call: &Call, relation: &Relation) -> Option<&TableSchema> {
        self.0.get(&relation.related.number).map(|schema| &**schema).filter(|schema| is_open(call, schema))
    }
}

impl Databases {
    /// The tables that the rows of an operation lead to, as far as it says something of these. `newly`: read from the
    /// database, because what is in memory isn't true any more.
    ///
    /// # Errors
    /// Those of storage.
    pub(super) async fn around(
        &self,
        call: &Call,
        schema: &TableSchema,
        operation: &Operation,
        newly: bool,
    ) -> Result<Around> {
        let mut around = Around::default();
        let Some(data) = operation.related_data().filter(|_| !schema.relations.is_empty()) else { return Ok(around) };
        // Within a unit of work, because readers of SQLite don't see what isn't committed with its group yet.
        let mut unit = if newly { Some(call.store.begin().await?) } else { None };
        self.gather(call, schema, data, 1, unit.as_deref_mut(), &mut around).await?;
        Ok(around)
    }

    /// Adds the tables that these values lead to. `depth`: how many rows deep those are that they lead to.
    fn gather<'f>(
        &'f self,
        call: &'f Call,
        schema: &'f TableSchema,
        data: &'f Map<String, Json>,
        depth: usize,
        mut conn: Option<&'f mut Connection>,
        around: &'f mut Around,
    ) -> Pin<Box<dyn Future<Output = Result<()>> + Send + 'f>> {
        Box::pin(async move {
            for relation in &schema.relations {
                let Some(value) = data.get(&relation.key).filter(|value| !value.is_null()) else { continue };
                let number = relation.related.number;
                if !around.0.contains_key(&number) {
                    let at = At { database: schema.database_id.clone(), table: relation.related.id.clone() };
                    let Some(found) = self.found(call, &at, conn.as_deref_mut()).await? else { continue };
                    around.0.insert(number, found);
                }
                let Some(related) = around.0.get(&number).cloned() else { continue };
                if depth + 1 < DEPTH && !related.relations.is_empty() {
                    for nested in rows_in(value) {
                        self.gather(call, &related, nested, depth + 1, conn.as_deref_mut(), around).await?;
                    }
                }
            }
            Ok(())
        })
    }

    /// The schema of a table, whether or not the caller may know of it; none: there is none.
    async fn found(&self, call: &Call, at: &At, conn: Option<&mut Connection>) -> Result<Option<Arc<TableSchema>>> {
        let key = schema_key(&call.project.id, &at.database, &at.table);
        if let Some(conn) = conn {
            self.schemas.invalidate(key.as_str());
            return load_if_there(conn, call, at).await;
        }
        let load = async || load_if_there(&mut call.store.read().await?, call, at).await;
        self.schemas.get_or_load(key.as_str(), load).await
    }
}

/// The rows that stand in the value of a relationship.
fn rows_in(value: &Json) -> impl Iterator<Item = &Map<String, Json>> {
    let alone = value.as_object();
    let list = value.as_array().into_iter().flatten().filter_map(Json::as_object);
    alone.into_iter().chain(list)
}

/// Whether there is such a table for this caller.
fn is_open(call: &Call, schema: &TableSchema) -> bool {
    call.caller.privileged() || (schema.database_enabled && schema.table_enabled)
}

/// Refuses what can't be done to all rows of a table at once, when they have relationships.
///
/// # Errors
/// `general_bad_request`, in Appwrite's words.
pub(super) fn not_in_bulk(call: &Call, schema: &TableSchema, action: Action, word: &str) -> Result<()> {
    if schema.relations.is_empty() {
        return Ok(());
    }
    let words = Vocabulary::of(call).words();
    let columns = if action == Action::Create { words.columns } else { "attributes" };
    let message = format!("Bulk {word} is not supported for {} with relationship {columns}", words.sdk);
    Err(Error::new(ErrorKind::GeneralBadRequest).message(message))
}
