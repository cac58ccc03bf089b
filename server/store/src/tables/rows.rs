//! Rows of user-defined tables: one by one, and lists.

use super::budget::{self, Budget};
use super::{CREATED, Column, ID, PERMISSIONS, SEQUENCE, StoredTable, UPDATED, seal, statement};
use crate::connection::Lane;
use crate::dialect::{Dialect, fit};
use crate::error::{Error, Result};
use crate::query::{Ordering, Plan, Predicate};
use crate::store::Scans;
use crate::{Connection, Store, UnitOfWork, on_conn, on_scan};
use diesel::deserialize::{self, QueryableByName};
use diesel::query_builder::{AstPass, QueryFragment};
use diesel::row::{Field, NamedRow, Row};
use diesel::{OptionalExtension, QueryResult, SqliteConnection};
use floe_kernel::value::{Kind, Value};
use std::collections::BTreeSet;

/// A row, as it is in the database.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredRow {
    /// Grows with each row of the table.
    pub sequence: i64,
    /// The row's id.
    pub id: String,
    /// When it was made: milliseconds since 1970.
    pub created: i64,
    /// When it was changed last.
    pub updated: i64,
    /// The number of its set of permissions, see [`crate::permissions`].
    pub permissions: i64,
    /// The user's columns, in the order in which they were asked for.
    pub values: Vec<Value>,
}

/// A row to be made.
#[derive(Debug, Clone, Copy)]
pub struct NewRow<'r> {
    /// Its id.
    pub id: &'r str,
    /// Its `$createdAt`.
    pub created: i64,
    /// Its `$updatedAt`.
    pub updated: i64,
    /// The number of its set of permissions.
    pub permissions: i64,
    /// One for each of the table's columns, in their order.
    pub values: &'r [Value],
}

/// What is to change about a row.
#[derive(Debug, Clone, Copy)]
pub struct RowChange<'r> {
    /// Its `$updatedAt`.
    pub updated: i64,
    /// Its `$createdAt`, when that changes.
    pub created: Option<i64>,
    /// The number of its set of permissions, when that changes.
    pub permissions: Option<i64>,
    /// Columns, by their place in [`StoredTable::columns`], and their new values.
    pub values: &'r [(usize, Value)],
}

/// How many bytes the values of a row have whose writing would keep an event loop for long.
const LARGE: usize = 262_144;

/// Makes a row; gives its sequence.
///
/// # Errors
/// [`Error::Conflict`] when the id or something else that is unique is taken, [`Error::QuotaUsed`] when the project may not
/// have another one.
pub async fn insert(unit: &mut UnitOfWork, table: &StoredTable, row: NewRow<'_>) -> Result<i64> {
    unit.refuse_row()?;
    let sequence = insert_in(unit, table, row).await?;
    unit.grow(1);
    Ok(sequence)
}

async fn insert_in(conn: &mut Connection, table: &StoredTable, row: NewRow<'_>) -> Result<i64> {
    let sealed = sealed(table, row.id, row.values.iter().enumerate())?;
    let values: Vec<Value>;
    let row = match sealed {
        None => row,
        Some(sealed) => {
            values = sealed.into_iter().map(|(_, value)| value).collect();
            NewRow { values: &values, ..row }
        }
    };
    conn.breathe().await;
    let insert = Insert { table, row };
    let made = match conn.lane() {
        // Its RETURNING goes by a table, a pager and maybe a journal of its own (docs/decisions/0015).
        Lane::Sqlite(lease) => {
            if is_large(row.values.iter()) {
                let (table, id, values) = (table.clone(), row.id.to_owned(), row.values.to_vec());
                let (created, updated, permissions) = (row.created, row.updated, row.permissions);
                let insert = move |c: &mut SqliteConnection| {
                    let row = NewRow { id: &id, created, updated, permissions, values: &values };
                    diesel::RunQueryDsl::execute(Insert { table: &table, row }, c)
                };
                lease.run_on_thread(insert).await?;
            } else {
                lease.run(|c| diesel::RunQueryDsl::execute(insert, c))?;
            }
            lease.look(|c| diesel::RunQueryDsl::get_result::<Raw>(LastSequence, c))?
        }
        Lane::Postgres(_) => on_conn!(conn, |c| insert.get_result::<Raw>(c))?,
    };
    match made.0.first() {
        Some(Value::Integer(sequence)) => Ok(*sequence),
        other => Err(Error::unavailable(format!("a sequence of {other:?}"))),
    }
}

/// Changes a row. Whether there is one of this id.
///
/// # Errors
/// [`Error::Conflict`] when something that is unique is taken.
pub async fn update(conn: &mut Connection, table: &StoredTable, id: &str, change: RowChange<'_>) -> Result<bool> {
    let sealed = sealed(table, id, change.values.iter().map(|(n, value)| (*n, value)))?;
    let change = RowChange { values: sealed.as_deref().unwrap_or(change.values), ..change };
    conn.breathe().await;
    if let Lane::Sqlite(lease) = conn.lane()
        && is_large(change.values.iter().map(|(_, value)| value))
    {
        let (table, id, values) = (table.clone(), id.to_owned(), change.values.to_vec());
        let RowChange { updated, created, permissions, .. } = change;
        let update = move |c: &mut SqliteConnection| {
            let change = RowChange { updated, created, permissions, values: &values };
            diesel::RunQueryDsl::execute(Update { table: &table, id: &id, change }, c)
        };
        return Ok(lease.run_on_thread(update).await? > 0);
    }
    let update = Update { table, id, change };
    Ok(on_conn!(conn, |c| update.execute(c))? > 0)
}

fn is_large<'v>(values: impl Iterator<Item = &'v Value>) -> bool {
    let bytes = |value: &Value| match value {
        Value::Text(text) | Value::Json(text) => text.len(),
        _ => 0,
    };
    values.map(bytes).sum::<usize>() > LARGE
}

/// Removes a row. Whether there was one of this id.
///
/// # Errors
/// Those of the database.
pub async fn delete(unit: &mut UnitOfWork, table: &StoredTable, id: &str) -> Result<bool> {
    unit.breathe().await;
    let delete = Delete { table, id };
    let was_there = on_conn!(unit, |c| delete.execute(c))? > 0;
    unit.grow(-i64::from(was_there));
    Ok(was_there)
}

/// The row of this id, with these of its columns (by their place in [`StoredTable::columns`]; none: all).
///
/// # Errors
/// Those of the database.
pub async fn get(
    conn: &mut Connection,
    table: &StoredTable,
    columns: Option<&[usize]>,
    id: &str,
) -> Result<Option<StoredRow>> {
    find(conn, table, columns, id, false).await
}

/// Has others who change one of these rows wait until the end of this unit of work. On PostgreSQL, where it would otherwise wait for
/// each when it comes to it, and two that come to the same rows in different orders for each other. On SQLite they wait anyhow.
///
/// # Errors
/// Those of the database.
pub async fn lock_rows(unit: &mut UnitOfWork, table: &StoredTable, ids: &BTreeSet<&str>) -> Result<(), Error> {
    if unit.is_sqlite() || ids.is_empty() {
        return Ok(());
    }
    let sql = format!(
        "SELECT count(*) AS number FROM (SELECT 1 FROM {name} \
         WHERE _id IN (SELECT jsonb_array_elements_text($1::jsonb)) ORDER BY _id FOR UPDATE OF {name}) AS locked",
        name = table.name()
    );
    let ids = crate::json::write(ids)?;
    on_conn!(unit, |c| diesel::sql_query(sql).bind::<diesel::sql_types::Text, _>(ids).load::<Locked>(c))?;
    Ok(())
}

/// How many rows are locked. Nobody needs to know.
#[derive(diesel::QueryableByName)]
struct Locked {
    #[diesel(sql_type = diesel::sql_types::BigInt)]
    #[allow(dead_code, reason = "a query gives something")]
    number: i64,
}

/// Waits for its turn among the units of work that change many rows of these tables, until the end of this one. On PostgreSQL, where
/// two that change the same rows in different orders would wait for each other, a second each time until one is given up. Who
/// changes one row waits for nobody's turn. On SQLite units take turns anyhow.
///
/// # Errors
/// Those of the database.
pub async fn take_turn(unit: &mut UnitOfWork, tables: impl IntoIterator<Item = &StoredTable>) -> Result<(), Error> {
    if unit.is_sqlite() {
        return Ok(());
    }
    // Sorted, so that nobody waits for a turn in another order.
    let names: BTreeSet<&str> = tables.into_iter().map(StoredTable::name).collect();
    let lock = |name| {
        format!("SELECT pg_advisory_xact_lock(hashtextextended('many rows of ' || current_schema() || '.{name}', 0))")
    };
    unit.batch(&names.into_iter().map(lock).collect::<Vec<_>>().join("; ")).await
}

/// The row of this id, which nobody else can change until the unit of work ends.
///
/// # Errors
/// Those of the database.
pub async fn get_for_update(conn: &mut Connection, table: &StoredTable, id: &str) -> Result<Option<StoredRow>> {
    find(conn, table, None, id, true).await
}

async fn find(
    conn: &mut Connection,
    table: &StoredTable,
    columns: Option<&[usize]>,
    id: &str,
    lock: bool,
) -> Result<Option<StoredRow>> {
    conn.breathe().await;
    let find = Find { table, columns, id, lock };
    let found = match conn.lane() {
        Lane::Sqlite(lease) => lease.look(|c| diesel::RunQueryDsl::get_result::<StoredRow>(find, c)),
        Lane::Postgres(_) => on_conn!(conn, |c| find.get_result::<StoredRow>(c)),
    };
    let found = found.optional()?;
    found.map(|row| row.fit(table, columns)).transpose()
}

/// The rows of a page, in the order in which they are shown.
///
/// # Errors
/// [`Error::Timeout`] when it takes too long, [`Error::TooLarge`] when they hold more than an answer may.
pub async fn list(
    store: &Store,
    table: &StoredTable,
    columns: Option<&[usize]>,
    plan: &Plan,
) -> Result<Vec<StoredRow>> {
    let select = Select::new(table, columns, plan);
    let budget = Budget::of(store);
    let apart = select.predicate.searches();
    let rows = match store.scans() {
        Scans::Sqlite(file, limit) => {
            let load = move |c: &mut _| budget.within(|| diesel::RunQueryDsl::load::<StoredRow>(&select, c));
            file.scan(limit, apart, load).await
        }
        Scans::Postgres(..) => {
            budget.reading(async { on_scan!(store, apart, |c| (&select).load::<StoredRow>(c)) }).await
        }
    }?;
    arranged(rows, table, columns, plan)
}

/// The same inside a unit of work, where what it changed is seen.
///
/// # Errors
/// [`Error::Timeout`] when it takes too long, [`Error::TooLarge`] when they hold more than an answer may.
pub async fn list_in(
    conn: &mut Connection,
    table: &StoredTable,
    columns: Option<&[usize]>,
    plan: &Plan,
) -> Result<Vec<StoredRow>> {
    let select = Select::new(table, columns, plan);
    let budget = Budget::default();
    let rows = match conn.lane() {
        Lane::Sqlite(lease) => {
            let apart = select.predicate.searches();
            let load = move |c: &mut _| budget.within(|| diesel::RunQueryDsl::load::<StoredRow>(&select, c));
            lease.scan(apart, load).await?
        }
        Lane::Postgres(_) => budget.reading(async { on_conn!(conn, |c| (&select).load::<StoredRow>(c)) }).await?,
    };
    arranged(rows, table, columns, plan)
}

/// Values as they are to be kept, by their column's place; `None` where they are kept as they are.
fn sealed<'v>(
    table: &StoredTable,
    row: &str,
    values: impl Iterator<Item = (usize, &'v Value)>,
) -> Result<Option<Vec<(usize, Value)>>> {
    if !table.has_seals() {
        return Ok(None);
    }
    let seal = |(n, value): (usize, &Value)| {
        let seal = table.columns().get(n).and_then(|column| column.seal.as_ref());
        Ok((n, seal.map_or_else(|| Ok(value.clone()), |seal| seal::sealed(seal, row, value))?))
    };
    values.map(seal).collect::<Result<_>>().map(Some)
}

fn arranged(
    rows: Vec<StoredRow>,
    table: &StoredTable,
    columns: Option<&[usize]>,
    plan: &Plan,
) -> Result<Vec<StoredRow>> {
    let rows = rows.into_iter().map(|row| row.fit(table, columns));
    if plan.reverse { rows.rev().collect() } else { rows.collect() }
}

impl StoredRow {
    pub(super) fn fit(mut self, table: &StoredTable, columns: Option<&[usize]>) -> Result<Self> {
        for (n, value) in self.values.iter_mut().enumerate() {
            let column =
                columns.map_or(Some(n), |columns| columns.get(n).copied()).and_then(|n| table.columns().get(n));
            if let Some(column) = column {
                // Most are of their column's kind already.
                if value.is_null() || value.kind() != column.kind {
                    *value = fit(std::mem::replace(value, Value::Null(column.kind)), column.kind);
                }
                if let Some(seal) = &column.seal {
                    *value = seal::opened(seal, &self.id, std::mem::replace(value, Value::Null(column.kind)))?;
                }
            }
        }
        Ok(self)
    }
}

/// A row of whatever was selected.
pub(crate) struct Raw(pub(crate) Vec<Value>);

impl<DB: Dialect> QueryableByName<DB> for Raw {
    fn build<'a>(row: &impl NamedRow<'a, DB>) -> deserialize::Result<Self> {
        read_from(row, 0).map(Self)
    }
}

impl<DB: Dialect> QueryableByName<DB> for StoredRow {
    fn build<'a>(row: &impl NamedRow<'a, DB>) -> deserialize::Result<Self> {
        read_row(row, 0)
    }
}

/// A row whose columns start at this place.
pub(super) fn read_row<'a, DB: Dialect>(row: &impl NamedRow<'a, DB>, start: usize) -> deserialize::Result<StoredRow> {
    let Value::Text(id) = read(row, start + 1)? else { return Err("the id is no text".into()) };
    let row = StoredRow {
        sequence: read_number(row, start)?,
        id,
        created: read_number(row, start + 2)?,
        updated: read_number(row, start + 3)?,
        permissions: read_number(row, start + 4)?,
        values: read_from(row, start + FIXED.len())?,
    };
    budget::count(&row)?;
    Ok(row)
}

/// The number at this place.
pub(super) fn read_number<'a, DB: Dialect>(row: &impl NamedRow<'a, DB>, n: usize) -> deserialize::Result<i64> {
    match read(row, n)? {
        Value::Integer(number) => Ok(number),
        other => Err(format!("column {n} holds {other:?}").into()),
    }
}

/// The columns from this one on. (A loop, because `collect` into a `Result` doesn't know how many there will be.)
fn read_from<'a, DB: Dialect>(row: &impl Row<'a, DB>, first: usize) -> deserialize::Result<Vec<Value>> {
    let count = row.field_count();
    let mut values = Vec::with_capacity(count.saturating_sub(first));
    for n in first..count {
        values.push(read(row, n)?);
    }
    Ok(values)
}

fn read<'a, DB: Dialect>(row: &impl Row<'a, DB>, n: usize) -> deserialize::Result<Value> {
    let field = Row::get(row, n).ok_or("a column is missing")?;
    // What kind of nothing, the table knows: see `StoredRow::fit`.
    field.value().map_or(Ok(Value::Null(Kind::Text)), DB::read)
}

/// The columns that every table has, in the order in which they are read.
const FIXED: [&str; 5] = [SEQUENCE, ID, CREATED, UPDATED, PERMISSIONS];

struct Insert<'q> {
    table: &'q StoredTable,
    row: NewRow<'q>,
}
statement!(Insert<'_>);

impl<DB: Dialect> QueryFragment<DB> for Insert<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        out.push_sql("INSERT INTO ");
        self.table.place().push(&mut out)?;
        out.push_sql(" (_id, _created, _updated, _permissions");
        for column in self.table.columns() {
            out.push_sql(", ");
            out.push_identifier(&column.name)?;
        }
        out.push_sql(") VALUES (");
        DB::bind_text(&mut out, self.row.id)?;
        for number in [&self.row.created, &self.row.updated, &self.row.permissions] {
            out.push_sql(", ");
            DB::bind_number(&mut out, number)?;
        }
        for value in self.row.values {
            out.push_sql(", ");
            DB::bind(&mut out, value)?;
        }
        out.push_sql(if DB::SQLITE { ")" } else { ") RETURNING _sequence" });
        Ok(())
    }
}

/// The sequence of the row that a SQLite connection made last.
struct LastSequence;
statement!(LastSequence);

impl<DB: Dialect> QueryFragment<DB> for LastSequence {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        out.push_sql("SELECT last_insert_rowid()");
        Ok(())
    }
}

struct Update<'q> {
    table: &'q StoredTable,
    id: &'q str,
    change: RowChange<'q>,
}
statement!(Update<'_>);

impl<DB: Dialect> QueryFragment<DB> for Update<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        out.push_sql("UPDATE ");
        self.table.place().push(&mut out)?;
        out.push_sql(" SET _updated = ");
        DB::bind_number(&mut out, &self.change.updated)?;
        for (column, number) in
            [(", _created = ", &self.change.created), (", _permissions = ", &self.change.permissions)]
        {
            if let Some(number) = number {
                out.push_sql(column);
                DB::bind_number(&mut out, number)?;
            }
        }
        for (n, value) in self.change.values {
            out.push_sql(", ");
            out.push_identifier(&column(self.table, *n)?.name)?;
            out.push_sql(" = ");
            DB::bind(&mut out, value)?;
        }
        out.push_sql(" WHERE _id = ");
        DB::bind_text(&mut out, self.id)
    }
}

struct Delete<'q> {
    table: &'q StoredTable,
    id: &'q str,
}
statement!(Delete<'_>);

impl<DB: Dialect> QueryFragment<DB> for Delete<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        out.push_sql("DELETE FROM ");
        self.table.place().push(&mut out)?;
        out.push_sql(" WHERE _id = ");
        DB::bind_text(&mut out, self.id)
    }
}

/// By id: the shape that is read most.
struct Find<'q> {
    table: &'q StoredTable,
    columns: Option<&'q [usize]>,
    id: &'q str,
    lock: bool,
}
statement!(Find<'_>);

impl<DB: Dialect> QueryFragment<DB> for Find<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        push_select(&mut out, self.table, self.columns)?;
        out.push_sql("_id = ");
        DB::bind_text(&mut out, self.id)?;
        if self.lock && !DB::SQLITE {
            out.push_sql(" FOR UPDATE");
        }
        Ok(())
    }
}

/// A page.
struct Select {
    table: StoredTable,
    columns: Option<Vec<usize>>,
    predicate: Predicate,
    order: Ordering,
    limit: i64,
    offset: i64,
}
statement!(Select);

impl Select {
    fn new(table: &StoredTable, columns: Option<&[usize]>, plan: &Plan) -> Self {
        Self {
            table: table.clone(),
            columns: columns.map(<[_]>::to_vec),
            predicate: plan.predicate.clone(),
            order: plan.order.clone(),
            limit: plan.limit,
            offset: plan.offset,
        }
    }
}

impl<DB: Dialect> QueryFragment<DB> for Select {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        push_select(&mut out, &self.table, self.columns.as_deref())?;
        self.predicate.walk_ast(out.reborrow())?;
        out.push_sql(" ORDER BY ");
        self.order.walk_ast(out.reborrow())?;
        out.push_sql(" LIMIT ");
        DB::bind_number(&mut out, &self.limit)?;
        out.push_sql(" OFFSET ");
        DB::bind_number(&mut out, &self.offset)
    }
}

fn push_select<DB: Dialect>(
    out: &mut AstPass<'_, '_, DB>,
    table: &StoredTable,
    columns: Option<&[usize]>,
) -> QueryResult<()> {
    out.push_sql("SELECT ");
    push_columns(out, table, columns)?;
    out.push_sql(" FROM ");
    table.place().push(out)?;
    out.push_sql(" WHERE ");
    Ok(())
}

/// The columns of a row, in the order in which they are read.
pub(super) fn push_columns<DB: Dialect>(
    out: &mut AstPass<'_, '_, DB>,
    table: &StoredTable,
    columns: Option<&[usize]>,
) -> QueryResult<()> {
    out.push_sql("_sequence, _id, _created, _updated, _permissions");
    let count = columns.map_or(table.columns().len(), <[_]>::len);
    for n in 0..count {
        let place = columns.map_or(n, |columns| columns[n]);
        out.push_sql(", ");
        out.push_identifier(&column(table, place)?.name)?;
    }
    Ok(())
}

fn column(table: &StoredTable, n: usize) -> QueryResult<&Column> {
    table.columns().get(n).ok_or_else(|| diesel::result::Error::QueryBuilderError(format!("no column {n}").into()))
}
