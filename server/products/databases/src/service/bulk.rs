//! Many rows at once: those that queries match, and the answers to whatever changes many. For servers and admins only.
//!
//! There may be any number of rows that match, and nobody else may wait for all of them: so they are looked for by a
//! reader, and changed in slices, each a unit of work of its own ([`Matching::perform_in_slices`]). A slice is made as a
//! whole or not at all; when one fails, those before it stay. In a transaction everything is one unit of work, and
//! therefore small ([`Matching::perform`]).

use super::Databases;
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
use floe_store::query::{self, Plan, Predicate};
use floe_store::tables::{self, SEQUENCE, StoredRow};
use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

/// How many rows are looked for at once, and how many are changed in one slice at the most.
const BATCH: i64 = 500;
/// How many are changed in one slice at the least, however slow the machine: a change of a few rows is made as a whole.
const LEAST: i64 = 25;
/// Unless they take longer than this: rows of megabytes, from which values are computed. All of them might take longer than a
/// unit of work may, and could never be changed.
const LONGEST_SLICE: Duration = Duration::from_millis(100);
/// How many of the changed rows are answered.
const ANSWERED: i64 = 100;
/// The most rows that are changed in an order, or from somewhere in the middle.
const MAX_ORDERED: i64 = 5000;
/// How long a change may go on, slice by slice.
const LONGEST: Duration = Duration::from_secs(60);

/// The JSON of a list, as it grows: no more than a page of it is answered.
#[derive(Default)]
pub(super) struct Answer {
    rows: Vec<Vec<u8>>,
    total: i64,
}

impl Answer {
    pub(super) fn add(&mut self, row: &Permitted, schema: &TableSchema, vocabulary: Vocabulary) {
        self.total += 1;
        if self.total <= ANSWERED {
            self.rows.push(row.json(schema, vocabulary));
        }
    }

    fn append(&mut self, more: Self) {
        self.total += more.total;
        let room = usize::try_from(ANSWERED).unwrap_or_default().saturating_sub(self.rows.len());
        self.rows.extend(more.rows.into_iter().take(room));
    }

    pub(super) fn json(self, vocabulary: Vocabulary) -> Vec<u8> {
        let mut out = begin_list(vocabulary, self.total, self.rows.iter().map(|row| row.len() + 1).sum());
        out.extend_from_slice(&self.rows.join(&b','));
        out.extend_from_slice(b"]}");
        out
    }
}

/// How far a change in slices has come. It outlives attempts: what is committed isn't done again.
#[derive(Default)]
pub(super) struct BulkProgress {
    /// The sequences of rows that were found, and are to be changed next.
    found: VecDeque<i64>,
    /// The last one that was found.
    behind: i64,
    /// How many may still be found; none: as many as the queries say.
    left: Option<i64>,
    answer: Answer,
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
        if schema.policy().reach(&call.caller, action) != Reach::All {
            return Err(ErrorKind::UserUnauthorized.into());
        }
        let selection = bounded(queries.resolve(schema.fields())?, queries)?;
        shapes::check(schema, &selection.filter)?;
        let in_order =
            !queries.orders.is_empty() || selection.offset > 0 || selection.cursor.is_some() || selection.random;
        Ok(Self { selection, in_order, work })
    }

    /// Does it, in slices: with others' changes in between, and for none of them longer than a slice takes. Gives the JSON
    /// of the list of what was changed or removed.
    ///
    /// # Errors
    /// Those of changing or removing a row; `database_timeout` when there is no end to it. The slices before stay.
    pub(super) async fn perform_in_slices(
        self,
        service: &Databases,
        call: &Call,
        schema: &TableSchema,
        progress: &mut BulkProgress,
    ) -> Result<Vec<u8>> {
        let began = Instant::now();
        let mut settled = self.selection.clone();
        let (store, visible) = (call.store_for_lists(), visible(call, schema));
        shapes::settle(Source::Store(store), schema, &mut settled.filter, visible.as_ref()).await?;
        loop {
            // When nobody is left who waits, the rest is left too.
            if call.interest.is_lost() {
                return Err(took_too_long(progress.answer.total));
            }
            if progress.found.is_empty() {
                let finding = call.interest.while_kept(self.find_more(call, schema, &settled, progress));
                match finding.await.transpose()? {
                    Some(true) => {}
                    Some(false) => return Ok(std::mem::take(&mut progress.answer).json(Vocabulary::of(call))),
                    None => continue,
                }
            }
            if began.elapsed() > LONGEST {
                return Err(took_too_long(progress.answer.total));
            }
            self.slice(service, call, schema, progress).await?;
        }
    }

    /// Finds the next rows that match, by a reader. Whether there are any.
    async fn find_more(
        &self,
        call: &Call,
        schema: &TableSchema,
        settled: &Selection,
        progress: &mut BulkProgress,
    ) -> Result<bool> {
        let left = progress.left.unwrap_or(settled.limit);
        if left <= 0 {
            return Ok(false);
        }
        let page = if self.in_order { left } else { left.min(self.batch()) };
        let (store, place) = (call.store_for_lists(), schema.stored.place());
        let mut plan = query::plan(&store, place, settled, visible(call, schema)).await?;
        go_on(&mut plan, page, progress.behind);
        let rows = tables::list(&store, &schema.stored, Some(&[]), &plan).await?;
        let found = i64::try_from(rows.len()).unwrap_or(i64::MAX);
        progress.behind = rows.last().map_or(progress.behind, |row| row.sequence);
        progress.left = Some(if self.in_order || found < page { 0 } else { left - found });
        progress.found.extend(rows.iter().map(|row| row.sequence));
        Ok(found > 0)
    }

    /// Each look for more binds the list of all that were found by their shapes.
    fn batch(&self) -> i64 {
        if self.selection.filter.has_shapes() { MAX_ORDERED } else { BATCH }
    }

    /// Changes some of the rows that were found, and commits that.
    async fn slice(
        &self,
        service: &Databases,
        call: &Call,
        schema: &TableSchema,
        progress: &mut BulkProgress,
    ) -> Result<()> {
        let mut tx = RowTransaction::begin_slice(service, call).await?;
        if call.interest.is_lost() {
            return Ok(());
        }
        tables::take_turn(&mut tx, [&schema.stored]).await?;
        let some = progress.found.iter().copied().take(usize::try_from(BATCH).unwrap_or(usize::MAX));
        let numbers: Vec<_> = some.collect();
        let taken = numbers.len();
        let rows = self.still_matching(&mut tx, call, schema, numbers).await?;
        tables::lock_rows(&mut tx, &schema.stored, &rows.iter().map(|row| row.id.as_str()).collect()).await?;
        let mut done = Answer::default();
        let mut rows = rows.iter();
        for row in rows.by_ref() {
            self.work.apply(&mut tx, call, schema, row, &mut done).await?;
            if tx.is_slice_over() && (done.total >= LEAST || tx.age() >= LONGEST_SLICE) {
                break;
            }
        }
        tx.commit().await?;
        progress.answer.append(done);
        progress.found.drain(..taken);
        // Those that the slice had no more time for.
        for row in rows.rev() {
            progress.found.push_front(row.sequence);
        }
        Ok(())
    }

    /// Those of the rows that match as they are now, in the same order: others may have changed them since they were found.
    async fn still_matching(
        &self,
        tx: &mut RowTransaction<'_>,
        call: &Call,
        schema: &TableSchema,
        numbers: Vec<i64>,
    ) -> Result<Vec<StoredRow>> {
        let limit = i64::try_from(numbers.len()).unwrap_or(i64::MAX);
        let places: HashMap<_, _> = numbers.iter().enumerate().map(|(place, number)| (*number, place)).collect();
        let these = Filter::Numbered { column: SEQUENCE.to_owned(), negated: false, numbers };
        let mut selection = Selection {
            filter: Filter::All(vec![these, self.selection.filter.clone()]),
            order: Vec::new(),
            random: false,
            limit,
            offset: 0,
            cursor: None,
            select: None,
            count_up_to: 0,
        };
        let visible = visible(call, schema);
        shapes::settle(Source::Unit(tx), schema, &mut selection.filter, visible.as_ref()).await?;
        let plan = query::plan_in(tx, schema.stored.place(), &selection, visible).await?;
        let mut rows = tables::list_in(tx, &schema.stored, Some(&[]), &plan).await?;
        rows.sort_unstable_by_key(|row| places.get(&row.sequence).copied());
        Ok(rows)
    }

    /// Does it within a transaction; gives the JSON of the list of what was changed or removed.
    ///
    /// # Errors
    /// Those of changing or removing a row.
    pub(super) async fn perform(
        mut self,
        tx: &mut RowTransaction<'_>,
        call: &Call,
        schema: &TableSchema,
    ) -> Result<Vec<u8>> {
        let mut answer = Answer::default();
        let mut behind = 0;
        let visible = visible(call, schema);
        let batch = self.batch();
        shapes::settle(Source::Unit(tx), schema, &mut self.selection.filter, visible.as_ref()).await?;
        while self.selection.limit > 0 {
            let page = if self.in_order { self.selection.limit } else { self.selection.limit.min(batch) };
            let mut plan = query::plan_in(tx, schema.stored.place(), &self.selection, visible.clone()).await?;
            go_on(&mut plan, page, behind);
            let rows = tables::list_in(tx, &schema.stored, Some(&[]), &plan).await?;
            let found = i64::try_from(rows.len()).unwrap_or(i64::MAX);
            behind = rows.last().map_or(behind, |row| row.sequence);
            for row in &rows {
                self.work.apply(tx, call, schema, row, &mut answer).await?;
            }
            self.selection.limit = if self.in_order || found < page { 0 } else { self.selection.limit - found };
        }
        Ok(answer.json(Vocabulary::of(call)))
    }
}

fn took_too_long(changed: i64) -> Error {
    let message = format!("The change took too long. {changed} rows were changed; ask again for the others.");
    Error::new(ErrorKind::DatabaseTimeout).message(message)
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

/// Plans a page of so many rows, behind the one of this sequence: what was changed may still match, or match no longer.
fn go_on(plan: &mut Plan, page: i64, behind: i64) {
    plan.limit = page;
    if behind > 0 {
        let predicate = std::mem::replace(&mut plan.predicate, Predicate::any([]));
        plan.predicate = predicate.and(Predicate::from(&Filter::Compare {
            column: SEQUENCE.to_owned(),
            array: false,
            operator: Operator::Greater,
            values: vec![Value::Integer(behind)],
        }));
    }
}

impl Work<'_> {
    /// Does the work on one row that matched.
    async fn apply(
        &self,
        tx: &mut RowTransaction<'_>,
        call: &Call,
        schema: &TableSchema,
        row: &StoredRow,
        answer: &mut Answer,
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
        answer.add(&row, schema, Vocabulary::of(call));
        Ok(())
    }
}
