//! Rows: read and listed. (Made, changed and removed: [`super::operations`].)
//!
//! Who may read what is decided by [`floe_kernel::access::Guarded`] alone. To a caller whom permissions bind, a row that
//! isn't for them is "not found", as one that isn't there.

use super::related::{Choice, Guide, Reader};
use super::{At, Databases, is_of_storage};
use crate::permission_sets::PermissionSet;
use crate::schema::TableSchema;
use crate::vocabulary::Vocabulary;
use floe_gateway::Call;
use floe_kernel::access::Reach;
use floe_kernel::permission::Action;
use floe_kernel::query::{MAX_TOTAL, Queries, Selection};
use floe_kernel::{Error, ErrorKind, Result};
use floe_store::query::{self, Plan, Predicate};
use floe_store::tables::{self, PERMISSIONS, StoredRow};
use std::collections::HashMap;
use std::sync::Arc;

/// The most rows of a page for callers whom permissions bind.
const MAX_LIMIT: i64 = 5000;

/// After so many rows of a page, a tenth of a millisecond's work, others have their turn.
const AT_A_TIME: usize = 100;

/// What a list of rows is asked for.
#[derive(Debug)]
pub(crate) struct RowsWanted<'r> {
    /// Filters, order, page, columns.
    pub(crate) queries: &'r Queries,
    /// Whether a total is wanted.
    pub(crate) total: bool,
}

impl Databases {
    /// A row, as JSON.
    ///
    /// # Errors
    /// `row_not_found`, also when the caller may not read it; those of finding the table.
    pub(crate) async fn row(&self, call: &Call, at: &At, id: &str, queries: &Queries) -> Result<Vec<u8>> {
        with_schema!(self, call, at, |schema| {
            let guide = Guide::new(self, call);
            match self.row_by(guide, &schema, id, queries).await {
                Err(error) if may_be_others(&schema, &error) => {
                    self.row_by(guide.doubtful(), &schema, id, queries).await
                }
                outcome => outcome,
            }
        })
    }

    async fn row_by(&self, guide: Guide<'_>, schema: &TableSchema, id: &str, queries: &Queries) -> Result<Vec<u8>> {
        let call = guide.call();
        let not_found = Vocabulary::of(call).errors().row_not_found;
        let choice = choose_only(guide, schema, queries).await?;
        let guarded = schema.guarded();
        if guarded.reach(&call.caller, Action::Read) == Reach::None {
            return Err(not_found.into());
        }
        let mut conn = call.store.read().await?;
        let row = tables::get(&mut conn, &schema.stored, choice.columns.as_deref(), id).await?.ok_or(not_found)?;
        let set = match self.sets.known(&schema.project, row.permissions) {
            Some(set) => set,
            None => self.sets.read(&schema.project, row.permissions, &mut conn).await?,
        };
        drop(conn);
        if !guarded.permits(&call.caller, Action::Read, &set.permissions) {
            return Err(not_found.into());
        }
        let found = choice.find(&mut Reader::Store(self, call), std::slice::from_ref(&row)).await?;
        let mut out = Vec::with_capacity(256 + 32 * row.values.len());
        found.write(&mut out, schema, &row, &set, &choice, Vocabulary::of(call));
        Ok(out)
    }

    /// A page of rows, as JSON: those that the caller may read.
    ///
    /// # Errors
    /// `general_query_invalid`, `general_cursor_not_found`; those of finding the table.
    pub(crate) async fn rows(&self, call: &Call, at: &At, wanted: RowsWanted<'_>) -> Result<Vec<u8>> {
        with_schema!(self, call, at, |schema| {
            let guide = Guide::new(self, call);
            match self.rows_by(guide, &schema, &wanted).await {
                Err(error) if may_be_others(&schema, &error) => self.rows_by(guide.doubtful(), &schema, &wanted).await,
                outcome => outcome,
            }
        })
    }

    async fn rows_by(&self, guide: Guide<'_>, schema: &TableSchema, wanted: &RowsWanted<'_>) -> Result<Vec<u8>> {
        let call = guide.call();
        let mut selection = guide.follow(schema, wanted.queries).await?.resolve(schema.fields())?;
        if !call.caller.privileged() {
            selection.limit = selection.limit.min(MAX_LIMIT);
        }
        let choice = guide.choice(schema, selection.select.as_deref()).await?;
        let plan = query::plan(&call.store, schema.stored.place(), &selection, visible(call, schema)).await?;
        let rows = tables::list(&call.store, &schema.stored, choice.columns.as_deref(), &plan).await?;
        let total = if wanted.total { total(call, schema, &selection, &plan, rows.len()).await? } else { 0 };
        self.page(call, schema, &rows, &choice, total).await
    }

    /// Writes a page.
    async fn page(
        &self,
        call: &Call,
        schema: &TableSchema,
        rows: &[StoredRow],
        choice: &Choice,
        total: i64,
    ) -> Result<Vec<u8>> {
        let sets = self.sets_of(call, schema, rows).await?;
        let found = choice.find(&mut Reader::Store(self, call), rows).await?;
        let vocabulary = Vocabulary::of(call);
        let mut out = begin_list(vocabulary, total, rows.len() * (256 + 32 * schema.columns.len()));
        for (n, row) in rows.iter().enumerate() {
            let set = sets.get(&row.permissions).ok_or_else(|| Error::internal("a row without permissions"))?;
            if n > 0 {
                out.push(b',');
            }
            if n % AT_A_TIME == AT_A_TIME - 1 {
                // Who asks for thousands doesn't keep those waiting who ask for one.
                tokio::task::yield_now().await;
            }
            found.write(&mut out, schema, row, set, choice, vocabulary);
        }
        out.extend_from_slice(b"]}");
        Ok(out)
    }

    /// The sets of permissions of these rows, by number.
    pub(super) async fn sets_of(
        &self,
        call: &Call,
        schema: &TableSchema,
        rows: &[StoredRow],
    ) -> Result<HashMap<i64, Arc<PermissionSet>>> {
        let mut sets = HashMap::new();
        let mut conn = None;
        let mut last = None;
        for number in rows.iter().map(|row| row.permissions) {
            // Neighbours often have the same.
            if last.replace(number) == Some(number) || sets.contains_key(&number) {
                continue;
            }
            let set = match self.sets.known(&schema.project, number) {
                Some(set) => set,
                None => {
                    if conn.is_none() {
                        conn = Some(call.store.read().await?);
                    }
                    let conn = conn.as_mut().ok_or_else(|| Error::internal("no connection"))?;
                    self.sets.read(&schema.project, number, conn).await?
                }
            };
            sets.insert(number, set);
        }
        Ok(sets)
    }
}

/// Begins the JSON of a list of rows.
pub(super) fn begin_list(vocabulary: Vocabulary, total: i64, room: usize) -> Vec<u8> {
    let mut out = Vec::with_capacity(32 + room.min(1 << 20));
    out.extend_from_slice(format!("{{\"total\":{total},\"{}\":[", vocabulary.words().rows).as_bytes());
    out
}

/// Whether storage may have failed because another table has changed that rows of this one are related to.
fn may_be_others(schema: &TableSchema, error: &Error) -> bool {
    !schema.relations.is_empty() && is_of_storage(error)
}

/// What of a single row is asked for, where that is all that can be asked.
async fn choose_only(guide: Guide<'_>, schema: &TableSchema, queries: &Queries) -> Result<Choice> {
    let only_select = Queries { select: queries.select.clone(), ..Queries::default() };
    if *queries != only_select {
        let message = "Invalid query: only select can be used here";
        return Err(Error::new(ErrorKind::GeneralQueryInvalid).message(message).field("queries"));
    }
    guide.choice(schema, queries.select.as_deref()).await
}

/// What the caller may see of the table; none: everything.
pub(super) fn visible(call: &Call, schema: &TableSchema) -> Option<Predicate> {
    match schema.guarded().reach(&call.caller, Action::Read) {
        Reach::All => None,
        Reach::Permitted => Some(Predicate::granted(PERMISSIONS, Action::Read, call.caller.roles())),
        Reach::None => Some(Predicate::any([])),
    }
}

/// How many rows there are in all. Counted only where the page itself doesn't tell.
async fn total(call: &Call, schema: &TableSchema, selection: &Selection, plan: &Plan, on_page: usize) -> Result<i64> {
    let on_page = i64::try_from(on_page).unwrap_or(i64::MAX);
    let is_last = on_page < selection.limit && (on_page > 0 || selection.offset == 0);
    if is_last && selection.cursor.is_none() {
        return Ok((selection.offset + on_page).min(MAX_TOTAL));
    }
    Ok(query::count(&call.store, schema.stored.place(), &plan.all, MAX_TOTAL).await?)
}
