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
pub(super) use values::{Wanted, settle};
pub(super) use writing::relate;

use super::Operation;
use super::operations::OperationOutcome;
use super::reader::RowReader;
use super::related::{Choice, RelatedTable, RelatedTableFinder};
use crate::relation::Relation;
use crate::row_transaction::RowTransaction;
use crate::schema::TableSchema;
use crate::vocabulary::Vocabulary;
use floe_gateway::Call;
use floe_kernel::permission::Action;
use floe_kernel::{Error, ErrorKind, Result};
use floe_store::tables::{self, Following, Linked, Links, StoredRow};
use serde_json::{Map, Value as Json};
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::pin::Pin;
use std::sync::Arc;

/// How many rows deep relationships are written: a row, those that it is related to, and those that these are.
pub(super) const DEPTH: usize = 3;

/// The most rows that one row may name, or take along when it goes: all of them are written at once, and everybody else waits
/// who writes to the same project.
pub(super) const MAX_ROWS: usize = 1000;

/// What an operation needs to know of the tables around its own, found out before its unit of work begins.
#[derive(Default)]
pub(super) struct RelatedSchemas {
    /// The tables that its rows lead to, by their number.
    tables: HashMap<i64, RelatedTable>,
    /// What is answered of what the row is related to; none: that it isn't related.
    answer: Option<Choice>,
}

impl RelatedSchemas {
    /// The table that a relationship leads to, unless it isn't there for this caller.
    fn related(&self, call: &Call, relation: &Relation) -> Option<&TableSchema> {
        self.tables
            .get(&relation.related.number)
            .map(|there| &*there.schema)
            .filter(|schema| schema.is_open(&call.caller))
    }
}

impl RelatedTableFinder<'_> {
    /// What an operation needs to know of the tables around its own, as far as it says something of their rows.
    ///
    /// # Errors
    /// Those of finding the tables.
    pub(super) async fn around(&self, schema: &TableSchema, operation: &Operation) -> Result<RelatedSchemas> {
        let Some(data) = operation.related_data().filter(|_| !schema.relations.is_empty()) else {
            return Ok(RelatedSchemas::default());
        };
        let mut asked = Asked { tables: HashMap::new(), select: vec!["*".to_owned()] };
        // All of them, and of what these are related to that of which something is said.
        asked.select.extend(schema.relations.iter().map(|relation| format!("{}.*", relation.key)));
        self.gather(schema, data, "", 1, &mut asked).await?;
        let answer = self.choice(schema, Some(&asked.select)).await?;
        Ok(RelatedSchemas { tables: asked.tables, answer: Some(answer) })
    }

    /// Adds the tables that these values lead to. `depth`: how many rows deep the row is that has them; `path`: how to
    /// get there, as in a selection.
    fn gather<'f>(
        &'f self,
        schema: &'f TableSchema,
        data: &'f Map<String, Json>,
        path: &'f str,
        depth: usize,
        asked: &'f mut Asked,
    ) -> Pin<Box<dyn Future<Output = Result<()>> + Send + 'f>> {
        Box::pin(async move {
            for relation in &schema.relations {
                let Some(value) = data.get(&relation.key) else { continue };
                let number = relation.related.number;
                let related = match asked.tables.entry(number) {
                    Entry::Occupied(known) => Arc::clone(&known.get().schema),
                    Entry::Vacant(place) => Arc::clone(&place.insert(self.there(schema, relation).await?).schema),
                };
                let path = format!("{path}{}.", relation.key);
                asked.add(format!("{path}*"));
                if depth + 1 < DEPTH && !related.relations.is_empty() {
                    for nested in rows_in(value) {
                        self.gather(&related, nested, &path, depth + 1, asked).await?;
                    }
                }
            }
            Ok(())
        })
    }
}

/// What the values of a row ask for, as it is gathered.
struct Asked {
    tables: HashMap<i64, RelatedTable>,
    select: Vec<String>,
}

impl Asked {
    fn add(&mut self, path: String) {
        if !self.select.contains(&path) {
            self.select.push(path);
        }
    }
}

impl RelatedSchemas {
    /// The JSON of the answer to an operation: where a row was written, with what it is related to, as far as the caller
    /// may read that. When there is too much of it, or it can't be read, the row alone: it is written all the same.
    pub(super) async fn answer(
        &self,
        reader: &mut RowReader<'_, '_>,
        schema: &TableSchema,
        done: OperationOutcome,
        vocabulary: Vocabulary,
    ) -> Vec<u8> {
        let (OperationOutcome::Row(row) | OperationOutcome::Provisional(row), Some(choice)) = (&done, &self.answer)
        else {
            return done.json(schema, vocabulary);
        };
        match choice.find(reader, std::slice::from_ref(&row.row)).await {
            Ok(found) => {
                let row = match done {
                    OperationOutcome::Provisional(row) => row.provisional(),
                    OperationOutcome::Row(row) => row,
                    OperationOutcome::Json(json) => return json,
                };
                let mut out = Vec::new();
                found.write(&mut out, schema, &row.row, &row.set, choice, vocabulary);
                out
            }
            Err(_) => done.json(schema, vocabulary),
        }
    }
}

/// The rows that stand in the value of a relationship.
fn rows_in(value: &Json) -> impl Iterator<Item = &Map<String, Json>> {
    let alone = value.as_object();
    let list = value.as_array().into_iter().flatten().filter_map(Json::as_object);
    alone.into_iter().chain(list)
}

/// The rows that a row is related to, without their values: at most so many, the oldest first.
async fn linked(
    tx: &mut RowTransaction<'_>,
    links: &Links,
    from: Linked,
    table: &TableSchema,
    limit: usize,
) -> Result<Vec<StoredRow>> {
    let following = Following {
        links,
        from: from.end,
        of: vec![from.row],
        table: &table.stored,
        columns: Some(&[]),
        visible: None,
        limit: i64::try_from(limit).unwrap_or(i64::MAX),
    };
    let related = tables::related_in(tx, following).await?;
    Ok(related.into_iter().map(|related| related.row).collect())
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
