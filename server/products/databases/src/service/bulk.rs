//! Many rows at once: those that queries match, and the answers to whatever changes many. For servers and admins only.

use super::links::remove;
use super::operations::emit;
use super::rows::{begin_list, visible};
use super::shapes::{self, Source};
use super::writes::{Permitted, change};
use crate::events;
use crate::row::RowData;
use crate::row_transaction::RowTransaction;
use crate::schema::TableSchema;
use crate::vocabulary::Vocabulary;
use floe_gateway::Call;
use floe_kernel::access::Reach;
use floe_kernel::permission::{Action, Permissions};
use floe_kernel::query::{Filter, Operator, Queries, Selection};
use floe_kernel::value::Value;
use floe_kernel::{Error, ErrorKind, Result};
use floe_store::query::{self, Predicate};
use floe_store::tables::{self, SEQUENCE, StoredRow};

/// How many rows are changed between two looks for more, and how many of the changed ones are answered.
const BATCH: i64 = 100;
/// The most rows that are changed in an order, or from somewhere in the middle.
const MAX_ORDERED: i64 = 5000;

/// The JSON of a list, as it grows: no more than a page of it is answered.
pub(super) struct Answer<'a> {
    schema: &'a TableSchema,
    vocabulary: Vocabulary,
    rows: Vec<Vec<u8>>,
    total: i64,
}

impl<'a> Answer<'a> {
    pub(super) fn new(schema: &'a TableSchema, vocabulary: Vocabulary) -> Self {
        Self { schema, vocabulary, rows: Vec::new(), total: 0 }
    }

    pub(super) fn add(&mut self, row: &Permitted) {
        self.total += 1;
        if self.total <= BATCH {
            self.rows.push(row.json(self.schema, self.vocabulary));
        }
    }

    pub(super) fn json(self) -> Vec<u8> {
        let mut out = begin_list(self.vocabulary, self.total, self.rows.iter().map(|row| row.len() + 1).sum());
        out.extend_from_slice(&self.rows.join(&b','));
        out.extend_from_slice(b"]}");
        out
    }
}

/// What is done to each row that queries match.
enum Work<'w> {
    Update { data: RowData, permissions: Option<&'w Permissions> },
    Delete,
}

/// Something to be done to all rows that queries match.
pub(super) struct Matching<'w> {
    selection: Selection,
    /// Whether it matters which rows come first: then they are all looked up at once.
    in_order: bool,
    work: Work<'w>,
}

impl<'w> Matching<'w> {
    /// Gives them all the same values.
    ///
    /// # Errors
    /// `user_unauthorized` for who may not change every row, `general_query_invalid`.
    pub(super) fn update(
        call: &Call,
        schema: &TableSchema,
        queries: &Queries,
        data: RowData,
        permissions: Option<&'w Permissions>,
    ) -> Result<Self> {
        Self::new(call, schema, queries, Action::Update, Work::Update { data, permissions })
    }

    /// Removes them all.
    ///
    /// # Errors
    /// `user_unauthorized` for who may not remove every row, `general_query_invalid`.
    pub(super) fn delete(call: &Call, schema: &TableSchema, queries: &Queries) -> Result<Self> {
        Self::new(call, schema, queries, Action::Delete, Work::Delete)
    }

    fn new(call: &Call, schema: &TableSchema, queries: &Queries, action: Action, work: Work<'w>) -> Result<Self> {
        if schema.guarded().reach(&call.caller, action) != Reach::All {
            return Err(ErrorKind::UserUnauthorized.into());
        }
        let selection = bounded(queries.resolve(schema.fields())?, queries)?;
        shapes::check(schema, &selection.filter)?;
        let in_order =
            !queries.orders.is_empty() || selection.offset > 0 || selection.cursor.is_some() || selection.random;
        Ok(Self { selection, in_order, work })
    }

    /// Does it; gives the JSON of the list of what was changed or removed.
    ///
    /// # Errors
    /// Those of changing or removing a row.
    pub(super) async fn perform(
        mut self,
        tx: &mut RowTransaction<'_>,
        call: &Call,
        schema: &TableSchema,
    ) -> Result<Vec<u8>> {
        let mut answer = Answer::new(schema, Vocabulary::of(call));
        let mut behind = 0;
        let visible = visible(call, schema);
        // Each look for more binds the list of all that were found by their shapes.
        let batch = if self.selection.filter.has_shapes() { MAX_ORDERED } else { BATCH };
        shapes::settle(Source::Unit(tx), schema, &mut self.selection.filter, visible.as_ref()).await?;
        while self.selection.limit > 0 {
            let page = if self.in_order { self.selection.limit } else { self.selection.limit.min(batch) };
            let rows = matches(tx, call, schema, &self.selection, page, behind).await?;
            let found = i64::try_from(rows.len()).unwrap_or(i64::MAX);
            behind = rows.last().map_or(behind, |row| row.sequence);
            for row in &rows {
                self.work.apply(tx, call, schema, row, &mut answer).await?;
            }
            self.selection.limit = if self.in_order || found < page { 0 } else { self.selection.limit - found };
        }
        Ok(answer.json())
    }
}

/// Without a limit, all that match; but in an order only so many, because they are looked up at once.
fn bounded(mut selection: Selection, queries: &Queries) -> Result<Selection> {
    let plain = queries.offset.is_none() && queries.cursor.is_none() && !queries.random && queries.orders.is_empty();
    selection.limit = match queries.limit {
        None if plain => i64::MAX,
        None => MAX_ORDERED,
        Some(limit) if plain || limit <= MAX_ORDERED => limit,
        Some(_) => {
            let message = format!("Invalid query: at most {MAX_ORDERED} rows can be changed in an order");
            return Err(Error::new(ErrorKind::GeneralQueryInvalid).message(message).field("queries"));
        }
    };
    Ok(selection)
}

/// The next rows that match, without their values.
async fn matches(
    tx: &mut RowTransaction<'_>,
    call: &Call,
    schema: &TableSchema,
    selection: &Selection,
    page: i64,
    behind: i64,
) -> Result<Vec<StoredRow>> {
    let mut plan = query::plan_in(tx, schema.stored.place(), selection, visible(call, schema)).await?;
    plan.limit = page;
    if behind > 0 {
        // What was changed may still match, or match no longer: the sequence tells what was seen.
        plan.predicate = plan.predicate.and(Predicate::from(&Filter::Compare {
            column: SEQUENCE.to_owned(),
            array: false,
            operator: Operator::Greater,
            values: vec![Value::Integer(behind)],
        }));
    }
    Ok(tables::list_in(tx, &schema.stored, Some(&[]), &plan).await?)
}

impl Work<'_> {
    /// Does the work on one row that matched.
    async fn apply(
        &self,
        tx: &mut RowTransaction<'_>,
        call: &Call,
        schema: &TableSchema,
        row: &StoredRow,
        answer: &mut Answer<'_>,
    ) -> Result<()> {
        // As it is now: on PostgreSQL somebody else may have changed it since it was found, or removed it.
        let Some(row) = tables::get_for_update(tx, &schema.stored, &row.id).await? else { return Ok(()) };
        let set = tx.set(row.permissions).await?;
        let found = Permitted { row, set };
        tx.must_be_unchanged(&schema.stored, &found.row)?;
        let (event, row) = match self {
            Self::Delete => {
                remove(tx, call, schema, &found).await?;
                (events::ROW_DELETE, found)
            }
            Self::Update { data, permissions } => {
                (events::ROW_UPDATE, change(tx, call, schema, found, data.clone(), *permissions).await?)
            }
        };
        emit(tx, event, schema, &row.row.id, || row.json(schema, Vocabulary::of(call))).await?;
        answer.add(&row);
        Ok(())
    }
}
