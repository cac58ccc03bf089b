//! Rows: read and listed. (Made, changed and removed: [`super::operations`].)
//!
//! Who may read what is decided by [`floe_kernel::access::AccessPolicy`] alone. To a caller whom permissions bind, a row that
//! isn't for them is "not found", as one that isn't there.

use super::reader::RowReader;
use super::related::{Choice, RelatedTableFinder};
use super::{At, Databases, is_of_storage};
use crate::schema::TableSchema;
use crate::vocabulary::Vocabulary;
use floe_gateway::Call;
use floe_kernel::access::Reach;
use floe_kernel::permission::Action;
use floe_kernel::query::{MAX_TOTAL, Queries, Selection};
use floe_kernel::{Error, ErrorKind, Result};
use floe_store::query::{Plan, Predicate};
use floe_store::tables::{MAX_ANSWER_BYTES, PERMISSIONS};

/// The most rows of a page for callers whom permissions bind.
const MAX_LIMIT: i64 = 5000;

/// After so many rows of a page, a tenth of a millisecond's work, others have their turn.
const AT_A_TIME: usize = 100;
/// And how many bytes.
const BYTES_AT_A_TIME: usize = 256 << 10;

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
        let guide = RelatedTableFinder::new(self, call);
        let mut attempts = self.attempts(call, at).await?;
        loop {
            let schema = attempts.schema();
            let outcome = match self.row_by(guide, schema, id, queries).await {
                Err(error) if may_be_others(schema, &error) => self.row_by(guide.doubtful(), schema, id, queries).await,
                outcome => outcome,
            };
            if let Some(outcome) = attempts.settle(outcome).await {
                return outcome;
            }
        }
    }

    async fn row_by(
        &self,
        guide: RelatedTableFinder<'_>,
        schema: &TableSchema,
        id: &str,
        queries: &Queries,
    ) -> Result<Vec<u8>> {
        let choice = choose_only(guide, schema, queries).await?;
        read_row(&mut RowReader::Store(self, guide.call()), guide.call(), schema, id, &choice).await
    }

    /// A page of rows, as JSON: those that the caller may read.
    ///
    /// # Errors
    /// `general_query_invalid`, `general_cursor_not_found`; those of finding the table.
    pub(crate) async fn rows(&self, call: &Call, at: &At, wanted: RowsWanted<'_>) -> Result<Vec<u8>> {
        let guide = RelatedTableFinder::new(self, call);
        let mut attempts = self.attempts(call, at).await?;
        loop {
            let schema = attempts.schema();
            let outcome = match self.rows_by(guide, schema, &wanted).await {
                Err(error) if may_be_others(schema, &error) => self.rows_by(guide.doubtful(), schema, &wanted).await,
                outcome => outcome,
            };
            if let Some(outcome) = attempts.settle(outcome).await {
                return outcome;
            }
        }
    }

    /// How many rows there are in all of those that a page is of.
    ///
    /// # Errors
    /// As [`Databases::rows`].
    pub(super) async fn count_rows(&self, call: &Call, at: &At, wanted: &RowsWanted<'_>) -> Result<i64> {
        let mut attempts = self.attempts(call, at).await?;
        loop {
            let outcome = self.count_by(call, attempts.schema(), wanted).await;
            if let Some(outcome) = attempts.settle(outcome).await {
                return outcome;
            }
        }
    }

    async fn count_by(&self, call: &Call, schema: &TableSchema, wanted: &RowsWanted<'_>) -> Result<i64> {
        let page = page(RelatedTableFinder::new(self, call), schema, wanted).await?;
        let (mut reader, visible) = (RowReader::Store(self, call), visible(call, schema));
        let selection = &*reader.settle(schema, &page.selection, visible.as_ref()).await?;
        let plan = reader.plan(schema, selection, visible).await?;
        reader.count(schema, &plan.all, MAX_TOTAL).await
    }

    async fn rows_by(
        &self,
        guide: RelatedTableFinder<'_>,
        schema: &TableSchema,
        wanted: &RowsWanted<'_>,
    ) -> Result<Vec<u8>> {
        let page = page(guide, schema, wanted).await?;
        read_rows(&mut RowReader::Store(self, guide.call()), guide.call(), schema, &page).await
    }
}

/// A page of rows that is asked for, as the table understands it.
pub(super) struct RowPage {
    selection: Selection,
    choice: Choice,
    total: bool,
}

/// Understands what is asked for. To be done before a unit of work begins.
///
/// # Errors
/// `user_unauthorized` for who may read no row of this table, before anything is said of its columns; `general_query_invalid`;
/// those of storage.
pub(super) async fn page(
    guide: RelatedTableFinder<'_>,
    schema: &TableSchema,
    wanted: &RowsWanted<'_>,
) -> Result<RowPage> {
    if schema.policy().reach(&guide.call().caller, Action::Read) == Reach::None {
        return Err(ErrorKind::UserUnauthorized.into());
    }
    let mut selection = guide.follow(schema, wanted.queries).await?.resolve(schema.fields())?;
    if !guide.call().caller.privileged() {
        selection.limit = selection.limit.min(MAX_LIMIT);
    }
    let choice = guide.choice(schema, selection.select.as_deref()).await?;
    Ok(RowPage { selection, choice, total: wanted.total })
}

/// A row, as JSON.
///
/// # Errors
/// `row_not_found`, also when the caller may not read it.
pub(super) async fn read_row(
    reader: &mut RowReader<'_, '_>,
    call: &Call,
    schema: &TableSchema,
    id: &str,
    choice: &Choice,
) -> Result<Vec<u8>> {
    let not_found = || Error::about(Vocabulary::of(call).errors().row_not_found, id);
    let policy = schema.policy();
    if policy.reach(&call.caller, Action::Read) == Reach::None {
        return Err(not_found());
    }
    let (row, set) = reader.row(schema, choice.columns.as_deref(), id).await?.ok_or_else(not_found)?;
    if !policy.permits(&call.caller, Action::Read, &set.permissions) {
        return Err(not_found());
    }
    let found = choice.find(reader, std::slice::from_ref(&row)).await?;
    let mut out = Vec::with_capacity(256 + 32 * row.values.len());
    found.write(&mut out, schema, &row, &set, choice, Vocabulary::of(call));
    Ok(out)
}

/// A page of rows, as JSON: those that the caller may read.
///
/// # Errors
/// `general_cursor_not_found`; those of storage.
pub(super) async fn read_rows(
    reader: &mut RowReader<'_, '_>,
    call: &Call,
    schema: &TableSchema,
    page: &RowPage,
) -> Result<Vec<u8>> {
    let (choice, visible) = (&page.choice, visible(call, schema));
    let selection = &*reader.settle(schema, &page.selection, visible.as_ref()).await?;
    let plan = reader.plan(schema, selection, visible).await?;
    let rows = reader.list(schema, choice.columns.as_deref(), &plan).await?;
    let total = if page.total { total(reader, schema, selection, &plan, rows.len()).await? } else { 0 };
    let sets = reader.sets(schema, &rows).await?;
    let found = choice.find(reader, &rows).await?;
    let vocabulary = Vocabulary::of(call);
    let mut out = begin_list(vocabulary, total, rows.len() * (256 + 32 * schema.columns.len()));
    let mut written = out.len();
    // Each row is dropped once it is written: there is never much more than the longer of the two.
    for (n, row) in rows.into_iter().enumerate() {
        let set = sets.get(&row.permissions).ok_or_else(|| Error::internal("a row without permissions"))?;
        if n > 0 {
            out.push(b',');
        }
        if n % AT_A_TIME == AT_A_TIME - 1 || out.len() - written > BYTES_AT_A_TIME {
            reader.let_others().await;
            call.memory.grow_to(out.len())?;
            written = out.len();
        }
        found.write(&mut out, schema, &row, set, choice, vocabulary);
        // Permissions and escapes count too, though only here.
        if out.len() > 2 * MAX_ANSWER_BYTES {
            return Err(floe_store::Error::TooLarge.into());
        }
    }
    out.extend_from_slice(b"]}");
    Ok(out)
}

/// Begins the JSON of a list of rows.
pub(super) fn begin_list(vocabulary: Vocabulary, total: i64, room: usize) -> Vec<u8> {
    let mut out = Vec::with_capacity(32 + room.min(1 << 20));
    out.extend_from_slice(format!("{{\"total\":{total},\"{}\":[", vocabulary.words().rows).as_bytes());
    out
}

/// Whether storage may have failed because another table has changed that rows of this one are related to.
pub(super) fn may_be_others(schema: &TableSchema, error: &Error) -> bool {
    schema.is_related() && is_of_storage(error)
}

/// What of a single row is asked for, where that is all that can be asked.
///
/// # Errors
/// `general_query_invalid`; those of storage.
pub(super) async fn choose_only(
    guide: RelatedTableFinder<'_>,
    schema: &TableSchema,
    queries: &Queries,
) -> Result<Choice> {
    let only_select = Queries { select: queries.select.clone(), ..Queries::default() };
    if *queries != only_select {
        let message = "Invalid query: only select can be used here";
        return Err(Error::new(ErrorKind::GeneralQueryInvalid).message(message).field("queries"));
    }
    guide.choice(schema, queries.select.as_deref()).await
}

/// What the caller may see of the table; none: everything.
pub(super) fn visible(call: &Call, schema: &TableSchema) -> Option<Predicate> {
    match schema.policy().reach(&call.caller, Action::Read) {
        Reach::All => None,
        Reach::Permitted => Some(Predicate::granted(PERMISSIONS, Action::Read, call.caller.roles())),
        Reach::None => Some(Predicate::any([])),
    }
}

/// How many rows there are in all. Counted only where the page itself doesn't tell.
async fn total(
    reader: &mut RowReader<'_, '_>,
    schema: &TableSchema,
    selection: &Selection,
    plan: &Plan,
    on_page: usize,
) -> Result<i64> {
    let on_page = i64::try_from(on_page).unwrap_or(i64::MAX);
    let is_last = on_page < selection.limit && (on_page > 0 || selection.offset == 0);
    if is_last && selection.cursor.is_none() {
        return Ok((selection.offset + on_page).min(MAX_TOTAL));
    }
    reader.count(schema, &plan.all, MAX_TOTAL).await
}
