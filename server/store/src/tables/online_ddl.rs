//! Changes of shape that take long, done so that the API goes on meanwhile.
//!
//! On PostgreSQL an index is made `CONCURRENTLY`, on a connection that belongs to no unit of work. SQLite can't cut the
//! making of an index into pieces: its writer is held meanwhile, its readers aren't. Rows go in batches on either.

use super::{Ddl, SEQUENCE, StoredTable};
use crate::connection::Either;
use crate::dialect::Dialect;
use crate::error::Result;
use crate::postgres::{self, Pool, Session, quoted};
use crate::store::Inner;
use crate::{Connection, Store, UnitOfWork, on_conn};
use diesel::QueryResult;
use diesel::deserialize::QueryableByName;
use diesel::query_builder::{AstPass, QueryFragment};
use diesel::sql_types::{BigInt, Bool, Nullable, Text};

/// Where long work on the shape of a store's tables is done, by one process at a time. Given up when dropped.
pub struct OnlineDdl {
    store: Store,
    /// PostgreSQL's: of our own, so that no lease of the pool is kept for long. Holds the lock.
    connection: Option<OwnConnection>,
}

/// PostgreSQL's, where statements take as long as they take.
struct OwnConnection {
    session: Session,
    pool: Pool,
}

impl OwnConnection {
    async fn run(&self, sql: &str) -> Result<()> {
        Ok(postgres::run_long(&self.pool, &self.session, sql).await?)
    }
}

#[derive(QueryableByName)]
struct Got {
    #[diesel(sql_type = Bool)]
    got: bool,
}

impl OnlineDdl {
    /// Takes the online DDL of a store; `None` when another process has it.
    ///
    /// # Errors
    /// [`crate::Error::Unreachable`] when the database can't be reached.
    pub async fn take(store: &Store) -> Result<Option<Self>> {
        let Inner::Postgres(own) = &store.0.inner else {
            return Ok(Some(Self { store: store.clone(), connection: None }));
        };
        let connection = OwnConnection { session: own.pool.connect().await?, pool: own.pool.clone() };
        let schema = &own.schema;
        connection.run(&format!("SET search_path TO {}", quoted(schema))).await?;
        // Tried, never waited for: whoever waits for a lock holds up CREATE INDEX CONCURRENTLY, which waits for
        // everybody that could still see the table as it was.
        let lock = "SELECT pg_try_advisory_lock(hashtextextended('floe schema jobs of ' || $1, 0)) AS got";
        let lock = diesel::sql_query(lock).bind::<Text, _>(&**schema);
        let mut shared = &*connection.session;
        let got = diesel_async::RunQueryDsl::get_result(lock, &mut shared);
        let Got { got } = postgres::answered(&connection.pool, &connection.session, got).await?;
        Ok(got.then(|| Self { store: store.clone(), connection: Some(connection) }))
    }

    /// Lets others have it from now on. (When it is only dropped, they have to wait until PostgreSQL has noticed that its
    /// connection is closed.)
    ///
    /// # Errors
    /// [`crate::Error::Unreachable`] when the connection is lost, and the lock with it.
    pub async fn release(self) -> Result<()> {
        match &self.connection {
            Some(connection) => connection.run("SELECT pg_advisory_unlock_all()").await,
            None => Ok(()),
        }
    }

    /// Makes an index, whatever its kind. What an attempt that was interrupted has left of it is removed first; a
    /// failed one leaves nothing.
    ///
    /// # Errors
    /// [`crate::Error::Conflict`] when rows have the same values of an index that is to be unique.
    pub async fn make_index(&mut self, ddl: &Ddl) -> Result<()> {
        let Some(connection) = &mut self.connection else {
            let mut unit = self.store.begin_alone().await?;
            if let Some(leftover) = ddl.leftover() {
                unit.change(&leftover).await?;
            }
            unit.change(ddl).await?;
            return unit.commit().await;
        };
        if let Some(leftover) = ddl.leftover() {
            connection.run(&concurrently(&leftover.sql(false)?)).await?;
        }
        let made = connection.run(&concurrently(&ddl.sql(false)?)).await;
        if let (Err(_), Some(leftover)) = (&made, ddl.leftover()) {
            // It is there nevertheless, as INVALID: of no use, and kept up to date with every write.
            connection.run(&concurrently(&leftover.sql(false)?)).await?;
        }
        made
    }

    /// Makes another change. One that the database makes concurrently is made so.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn change(&mut self, ddl: &Ddl) -> Result<()> {
        match &mut self.connection {
            Some(connection) => connection.run(&concurrently(&ddl.sql(false)?)).await,
            None => {
                let mut unit = self.store.begin_alone().await?;
                unit.change(ddl).await?;
                unit.commit().await
            }
        }
    }
}

impl Ddl {
    /// What removes that which a failed attempt at this may leave.
    fn leftover(&self) -> Option<Self> {
        match self {
            Self::CreateIndex { table, number, .. }
            | Self::CreateFulltext { table, number, .. }
            | Self::CreateSpatial { table, number, .. } => {
                Some(Self::DropIndex { table: table.clone(), number: *number })
            }
            _ => None,
        }
    }
}

/// The same statement, in PostgreSQL's way that lets rows be written meanwhile, if it has one.
fn concurrently(sql: &str) -> String {
    for head in ["CREATE UNIQUE INDEX ", "CREATE INDEX ", "DROP INDEX "] {
        if let Some(rest) = sql.strip_prefix(head) {
            return format!("{head}CONCURRENTLY {rest}");
        }
    }
    sql.to_owned()
}

#[derive(QueryableByName)]
struct Number {
    #[diesel(sql_type = Nullable<BigInt>)]
    n: Option<i64>,
}

/// The sequence of the last row, 0 if there is none: how many rows there are, or more. Costs one look into an index.
///
/// # Errors
/// Those of the database.
pub async fn last_sequence(conn: &mut Connection, table: &StoredTable) -> Result<i64> {
    let sql = format!("SELECT max({SEQUENCE}) AS n FROM {}", place(conn, table)?);
    Ok(on_conn!(conn, |c| diesel::sql_query(&sql).get_result::<Number>(c))?.n.unwrap_or(0))
}

/// Empties a column in the next rows behind this sequence, `most` at the most. Gives the sequence that it came to; none:
/// there are no more rows.
///
/// # Errors
/// Those of the database.
pub async fn empty_some(
    unit: &mut UnitOfWork,
    table: &StoredTable,
    column: &str,
    after: i64,
    most: i64,
) -> Result<Option<i64>> {
    let Some(end) = end_of_batch(unit, table, after, most).await? else { return Ok(None) };
    let place = place(unit, table)?;
    let rows = format!("{SEQUENCE} > {after} AND {SEQUENCE} <= {end}");
    // Named by us, see docs/decisions/0004.
    unit.execute_ddl(&format!("UPDATE {place} SET {column} = NULL WHERE {rows} AND {column} IS NOT NULL")).await?;
    Ok(Some(end))
}

/// Removes the next rows behind this sequence, `most` at the most. As [`empty_some`].
///
/// # Errors
/// Those of the database.
pub async fn remove_some(unit: &mut UnitOfWork, table: &StoredTable, after: i64, most: i64) -> Result<Option<i64>> {
    let Some(end) = end_of_batch(unit, table, after, most).await? else { return Ok(None) };
    let place = place(unit, table)?;
    unit.execute_ddl(&format!("DELETE FROM {place} WHERE {SEQUENCE} <= {end}")).await?;
    Ok(Some(end))
}

async fn end_of_batch(conn: &mut Connection, table: &StoredTable, after: i64, most: i64) -> Result<Option<i64>> {
    let place = place(conn, table)?;
    let next = format!("SELECT {SEQUENCE} FROM {place} WHERE {SEQUENCE} > {after} ORDER BY {SEQUENCE} LIMIT {most}");
    let sql = format!("SELECT max({SEQUENCE}) AS n FROM ({next}) AS next");
    Ok(on_conn!(conn, |c| diesel::sql_query(&sql).get_result::<Number>(c))?.n)
}

#[derive(QueryableByName)]
struct Named {
    #[diesel(sql_type = Text)]
    name: String,
}

/// Removes an SQLite table's indexes of every kind and the triggers that keep them, one in a unit of work, so that
/// removing its rows is cheap. Those that are part of the table's definition stay. Nothing on PostgreSQL, which drops a
/// table without looking at its rows.
///
/// # Errors
/// Those of the database.
pub async fn drop_own_indexes(store: &Store, table: &StoredTable) -> Result<()> {
    if !store.is_sqlite() {
        return Ok(());
    }
    for (kind, drop) in [("trigger", "DROP TRIGGER"), ("index", "DROP INDEX")] {
        for name in names_of(store, table, kind).await? {
            let mut unit = store.begin_alone().await?;
            unit.execute_ddl(&format!("{drop} IF EXISTS {}", quoted(&name))).await?;
            unit.commit().await?;
        }
    }
    let mut unit = store.begin_alone().await?;
    super::fulltext::remove_all(&mut unit, table).await?;
    unit.commit().await
}

/// The names of what an SQLite table has of this kind, without what is part of its definition.
async fn names_of(store: &Store, table: &StoredTable, kind: &str) -> Result<Vec<String>> {
    let sql = "SELECT name FROM sqlite_master WHERE type = ? AND tbl_name = ? AND sql IS NOT NULL";
    let mut conn = store.read().await?;
    let Either::Sqlite(lease) = &mut conn.0 else { return Ok(Vec::new()) };
    let query = diesel::sql_query(sql).bind::<Text, _>(kind).bind::<Text, _>(table.name());
    let found: Vec<Named> = lease.run(|c| diesel::RunQueryDsl::load(query, c))?;
    Ok(found.into_iter().map(|found| found.name).collect())
}

/// Where a table is, as SQL.
fn place(conn: &Connection, table: &StoredTable) -> Result<String> {
    place_of(table, conn.is_sqlite())
}

/// The same, for whichever database this is.
pub(super) fn place_of(table: &StoredTable, sqlite: bool) -> Result<String> {
    Ok(super::ddl::text_of(&Where(table), sqlite)?)
}

struct Where<'t>(&'t StoredTable);

impl<DB: Dialect> QueryFragment<DB> for Where<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        self.0.place().push(&mut out)
    }
}
