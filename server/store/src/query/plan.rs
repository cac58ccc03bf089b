//! Pages of lists: which rows, in which order, from where.

use super::predicate::joined;
use super::{Ordering, Predicate};
use crate::connection::Lane;
use crate::dialect::{Dialect, fit, push_column, push_text_order};
use crate::error::{Error, Result};
use crate::tables::{Raw, SEQUENCE, statement};
use crate::{Connection, Store, on_conn, on_scan};
use diesel::query_builder::{AstPass, QueryFragment};
use diesel::{OptionalExtension, QueryResult};
use floe_kernel::query::{Cursor, Direction, Filter, Order, Selection};
use floe_kernel::value::Value;
use std::sync::Arc;

/// A table, by its name in the database, and its column of ids.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableRef {
    schema: Option<Arc<str>>,
    table: Name,
    id: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Name {
    Fixed(&'static str),
    /// With a comment that names the table's version.
    Made(Arc<str>, Arc<str>),
}

impl TableRef {
    /// A table of the migrations.
    #[must_use]
    pub const fn fixed(table: &'static str, id: &'static str) -> Self {
        Self { schema: None, table: Name::Fixed(table), id }
    }

    pub(crate) fn made(schema: Option<Arc<str>>, table: Arc<str>, id: &'static str) -> Self {
        Self { schema, table: Name::Made(table, "".into()), id }
    }

    /// The same table, whose columns change with this number.
    pub(crate) fn version(self, version: i64) -> Self {
        match self.table {
            Name::Made(table, _) => Self { table: Name::Made(table, format!(" /* v{version} */").into()), ..self },
            Name::Fixed(_) => self,
        }
    }

    /// Something else of this name in the same schema.
    pub(crate) fn beside(&self, name: &str) -> Self {
        Self { table: Name::Made(name.into(), "".into()), ..self.clone() }
    }

    /// Writes its name, qualified where the schema is known.
    pub(crate) fn push<DB: Dialect>(&self, out: &mut AstPass<'_, '_, DB>) -> QueryResult<()> {
        if let Some(schema) = self.schema.as_deref().filter(|_| !DB::SQLITE) {
            out.push_identifier(schema)?;
            out.push_sql(".");
        }
        match &self.table {
            Name::Fixed(name) => out.push_identifier(name),
            Name::Made(name, version) => {
                out.push_identifier(name)?;
                // On PostgreSQL a kept statement must not outlive ALTER TABLE. SQLite prepares it again by itself.
                out.push_sql(if DB::SQLITE { "" } else { version });
                Ok(())
            }
        }
    }
}

/// One page of a list.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The rows of this page and those after it.
    pub predicate: Predicate,
    /// The rows of the whole list, whatever the page: for its total.
    pub all: Predicate,
    /// The order to read them in.
    pub order: Ordering,
    /// How many.
    pub limit: i64,
    /// How many are skipped first.
    pub offset: i64,
    /// Whether they are read backwards, and must be turned around before they are shown.
    pub reverse: bool,
}

/// So many rows are looked up and sorted in no time.
const FEW: usize = 1000;

/// Plans a page. `visible` is what the caller may see of the table; none: everything.
///
/// # Errors
/// [`Error::CursorNotFound`] when the item of the cursor isn't there, or isn't visible.
pub async fn plan(store: &Store, place: &TableRef, selection: &Selection, visible: Option<Predicate>) -> Result<Plan> {
    if store.is_sqlite() {
        if selection.cursor.is_none() {
            return Ok(page(selection, visible, None));
        }
        return plan_in(&mut store.read().await?, place, selection, visible).await;
    }
    // Boxed, so that on SQLite nobody carries the room that this needs.
    Box::pin(async {
        let few = few(store, place, visible.as_ref()).await?;
        let mut plan = match selection.cursor {
            None => page(selection, visible, None),
            Some(_) => plan_in(&mut store.read().await?, place, selection, visible).await?,
        };
        if let Some(rows) = few {
            plan.predicate = plan.predicate.and(Predicate::from(&rows));
            plan.order = plan.order.sorted();
        }
        Ok(plan)
    })
    .await
}

/// The rows that the caller may see, by their numbers, where they are few.
///
/// PostgreSQL's planner guesses how many they are by the number of the caller's roles. Where it takes few for many it
/// walks along the order's index, through the whole table, to find them. So it is told.
async fn few(store: &Store, place: &TableRef, visible: Option<&Predicate>) -> Result<Option<Filter>> {
    let (Some(visible), Name::Made(..)) = (visible, &place.table) else { return Ok(None) };
    if !visible.is_granted() {
        return Ok(None);
    }
    let probe = Probe { place: place.clone(), visible: visible.clone(), limit: FEW as i64 + 1 };
    let found = on_scan!(store, |c| (&probe).load::<Raw>(c))?;
    if found.len() > FEW {
        return Ok(None);
    }
    let number = |raw: Raw| raw.0.first().and_then(|value| if let Value::Integer(n) = value { Some(*n) } else { None });
    let numbers = found.into_iter().filter_map(number).collect();
    Ok(Some(Filter::Numbered { column: SEQUENCE.to_owned(), negated: false, numbers }))
}

/// Looks for the rows set by set, by the index on the column of sets. The order that decides nothing (within a set they
/// are all alike) leaves PostgreSQL no other choice than that index.
struct Probe {
    place: TableRef,
    visible: Predicate,
    limit: i64,
}
statement!(Probe);

impl<DB: Dialect> QueryFragment<DB> for Probe {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        out.push_sql("SELECT found._sequence FROM (SELECT DISTINCT set_id FROM (");
        self.visible.push_sets(&mut out)?;
        out.push_sql(") AS sets OFFSET 0) AS mine CROSS JOIN LATERAL (SELECT _sequence FROM ");
        self.place.push(&mut out)?;
        out.push_sql(" WHERE _permissions BETWEEN mine.set_id AND mine.set_id ORDER BY _permissions LIMIT ");
        DB::bind_number(&mut out, &self.limit)?;
        out.push_sql(") AS found LIMIT ");
        DB::bind_number(&mut out, &self.limit)
    }
}

/// The same inside a unit of work.
///
/// # Errors
/// Those of [`plan`].
pub async fn plan_in(
    conn: &mut Connection,
    place: &TableRef,
    selection: &Selection,
    visible: Option<Predicate>,
) -> Result<Plan> {
    let (id, back) = match &selection.cursor {
        None => return Ok(page(selection, visible, None)),
        Some(Cursor::After(id)) => (id, false),
        Some(Cursor::Before(id)) => (id, true),
    };
    let here = Predicate::is(place.id, Value::Text(id.clone()));
    let row = EdgeValues {
        place,
        order: &selection.order,
        predicate: visible.clone().into_iter().fold(here, Predicate::and),
    };
    let raw = on_conn!(conn, |c| row.get_result::<Raw>(c)).optional()?.ok_or(Error::CursorNotFound)?;
    let edge = Edge::new(&selection.order, raw.0, back);
    Ok(page(selection, visible, Some((edge, back))))
}

fn page(selection: &Selection, visible: Option<Predicate>, edge: Option<(Edge, bool)>) -> Plan {
    let filter = Predicate::from(&selection.filter);
    let all = visible.into_iter().fold(filter, Predicate::and);
    let reverse = matches!(edge, Some((_, true)));
    let direction = |step: &Order| if reverse { step.direction.reversed() } else { step.direction };
    let steps = selection.order.iter().map(|step| Order { direction: direction(step), ..step.clone() });
    Plan {
        predicate: edge.into_iter().fold(all.clone(), |all, (edge, _)| all.and(Predicate::beyond(edge))),
        all,
        order: if selection.random { Ordering::random() } else { Ordering::by(steps.collect()) },
        limit: selection.limit,
        offset: selection.offset,
        reverse,
    }
}

/// How many rows there are, counted no further than `up_to`.
///
/// # Errors
/// [`Error::Timeout`] when even that takes too long.
pub async fn count(store: &Store, place: &TableRef, predicate: &Predicate, up_to: i64) -> Result<i64> {
    if up_to <= 0 {
        return Ok(0);
    }
    let count = Count { place: place.clone(), predicate: predicate.clone(), up_to };
    on_scan!(store, count.predicate.searches(), |c| (&count).get_result::<Raw>(c)).and_then(|raw| counted(&raw))
}

/// The same inside a unit of work, where what it changed is counted.
///
/// # Errors
/// Those of [`count`].
pub async fn count_in(conn: &mut Connection, place: &TableRef, predicate: &Predicate, up_to: i64) -> Result<i64> {
    if up_to <= 0 {
        return Ok(0);
    }
    let count = Count { place: place.clone(), predicate: predicate.clone(), up_to };
    let raw = match conn.lane() {
        Lane::Sqlite(lease) => {
            let apart = count.predicate.searches();
            lease.scan(apart, move |c| diesel::RunQueryDsl::get_result::<Raw>(&count, c)).await?
        }
        Lane::Postgres(_) => on_conn!(conn, |c| (&count).get_result::<Raw>(c))?,
    };
    counted(&raw)
}

fn counted(raw: &Raw) -> Result<i64> {
    match raw.0.as_slice() {
        [Value::Integer(count)] => Ok(*count),
        other => Err(Error::unavailable(format!("a count of {other:?}"))),
    }
}

struct Count {
    place: TableRef,
    predicate: Predicate,
    up_to: i64,
}
statement!(Count);

impl<DB: Dialect> QueryFragment<DB> for Count {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        out.push_sql("SELECT count(*) FROM (SELECT 1 FROM ");
        self.place.push(&mut out)?;
        out.push_sql(" WHERE ");
        self.predicate.walk_ast(out.reborrow())?;
        out.push_sql(" LIMIT ");
        DB::bind_number(&mut out, &self.up_to)?;
        out.push_sql(") AS counted");
        Ok(())
    }
}

/// What the cursor's item is ordered by.
struct EdgeValues<'q> {
    place: &'q TableRef,
    order: &'q [Order],
    predicate: Predicate,
}
statement!(EdgeValues<'_>);

impl<DB: Dialect> QueryFragment<DB> for EdgeValues<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        // Something must be selected when the order is random.
        out.push_sql("SELECT ");
        for step in self.order {
            push_column(&mut out, &step.column)?;
            out.push_sql(", ");
        }
        out.push_sql("TRUE FROM ");
        self.place.push(&mut out)?;
        out.push_sql(" WHERE ");
        self.predicate.walk_ast(out)
    }
}

/// Where a page starts: behind the row that has these values.
#[derive(Debug)]
pub(super) struct Edge(Vec<Step>);

#[derive(Debug)]
struct Step {
    column: String,
    nullable: bool,
    direction: Direction,
    value: Value,
}

impl Edge {
    fn new(order: &[Order], values: Vec<Value>, back: bool) -> Self {
        let steps = order.iter().zip(values).map(|(step, value)| Step {
            column: step.column.clone(),
            nullable: step.nullable,
            direction: if back { step.direction.reversed() } else { step.direction },
            value: fit(value, step.kind),
        });
        // After a column that is unique, nothing decides any more; and the sequence, which always comes, is.
        Self(steps.collect())
    }

    /// Whether `(a, b) > (x, y)` says it all: one direction, and no empty values at the edge or behind it.
    fn is_plain(&self) -> bool {
        let first = self.0.first().map(|step| step.direction);
        self.0.iter().all(|step| Some(step.direction) == first && !step.empty_behind() && !step.value.is_null())
    }

    pub(super) fn walk_ast<'b, DB: Dialect>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        if self.is_plain() {
            joined(out.reborrow(), &self.0, ", ", "1", |step, mut out| step.push_column(&mut out))?;
            out.push_sql(self.0.first().map_or(" = ", |step| step.operator()));
            return joined(out, &self.0, ", ", "1", |step, mut out| DB::bind(&mut out, &step.value));
        }
        // (a > x) OR (a = x AND b < y) OR …: the first column that differs decides.
        out.push_sql("(");
        for decisive in 0..self.0.len() {
            out.push_sql(if decisive > 0 { " OR (" } else { "(" });
            for step in &self.0[..decisive] {
                step.alike(out.reborrow())?;
                out.push_sql(" AND ");
            }
            self.0[decisive].behind(out.reborrow())?;
            out.push_sql(")");
        }
        out.push_sql(")");
        Ok(())
    }
}

impl Step {
    /// Empty values come last descending: then they lie behind every edge.
    fn empty_behind(&self) -> bool {
        self.nullable && self.direction == Direction::Descending
    }

    fn operator(&self) -> &'static str {
        match self.direction {
            Direction::Ascending => " > ",
            Direction::Descending => " < ",
        }
    }

    fn push_column<DB: Dialect>(&self, out: &mut AstPass<'_, '_, DB>) -> QueryResult<()> {
        push_column(out, &self.column)?;
        push_text_order(out, self.value.kind());
        Ok(())
    }

    fn compare<'b, DB: Dialect>(&'b self, mut out: AstPass<'_, 'b, DB>, operator: &str) -> QueryResult<()> {
        self.push_column(&mut out)?;
        out.push_sql(operator);
        DB::bind(&mut out, &self.value)
    }

    fn alike<'b, DB: Dialect>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        if !self.value.is_null() {
            return self.compare(out, " = ");
        }
        push_column(&mut out, &self.column)?;
        out.push_sql(" IS NULL");
        Ok(())
    }

    fn behind<'b, DB: Dialect>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        if self.value.is_null() {
            // Empty values come first ascending, before all others; last descending, with nothing behind them.
            if self.direction == Direction::Descending {
                out.push_sql("1 = 0");
                return Ok(());
            }
            push_column(&mut out, &self.column)?;
            out.push_sql(" IS NOT NULL");
            return Ok(());
        }
        out.push_sql("(");
        self.compare(out.reborrow(), self.operator())?;
        if self.empty_behind() {
            out.push_sql(" OR ");
            push_column(&mut out, &self.column)?;
            out.push_sql(" IS NULL");
        }
        out.push_sql(")");
        Ok(())
    }
}
