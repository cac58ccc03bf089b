//! Rows whose shape passes a test that no database knows. The shapes that may pass are read, those in some frame by way
//! of a spatial index, and tested here, one by one: the same for both databases.

use super::rows::Raw;
use super::spatial::{self, FrameValues};
use super::{StoredTable, statement};
use crate::connection::{Connection, Either};
use crate::dialect::Dialect;
use crate::error::{Error, Result};
use crate::query::Predicate;
use crate::sqlite::on_thread;
use crate::store::{Scans, Store};
use crate::{UnitOfWork, postgres};
use diesel::query_builder::{AstPass, QueryFragment};
use diesel::result::Error as DieselError;
use diesel::{QueryResult, RunQueryDsl as _, SqliteConnection};
use floe_kernel::value::{BoundingBox, Value};
use futures_util::TryStreamExt as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How many shapes PostgreSQL's connection is read ahead, while others are being tested, and how many bytes of them.
const BATCH: usize = 500;
const BATCH_BYTES: usize = 1 << 20;

/// The rows that come into question.
#[derive(Debug, Clone)]
pub struct Shapes {
    /// Of this table.
    pub table: StoredTable,
    /// The column's name in the database. It holds shapes.
    pub column: String,
    /// The number of the spatial index over the column, if there is one, and where shapes must be. Without an index
    /// all of the rows come into question.
    pub within: Option<(i64, BoundingBox)>,
    /// What else must hold for the row.
    pub also: Predicate,
}

/// Whether a shape, as it is kept, passes.
pub type Test = Arc<dyn Fn(&str) -> bool + Send + Sync>;

/// The sequences of the rows whose shape passes. Rows without a shape don't.
///
/// # Errors
/// [`Error::Timeout`] when reading and testing together take longer than a statement may.
pub async fn matching(store: &Store, shapes: Shapes, test: Test) -> Result<Vec<i64>> {
    let select = Select::from(shapes);
    match store.scans() {
        Scans::Sqlite(file, reads) => file.scan(reads, true, move |c| tested(c, &select, &test)).await,
        Scans::Postgres(schema, reads) => streamed(&mut schema.scan(reads).await?, &select, &test).await,
    }
}

/// The same inside a unit of work, where what it changed is seen.
///
/// # Errors
/// As [`matching`].
pub async fn matching_in(unit: &mut UnitOfWork, shapes: Shapes, test: Test) -> Result<Vec<i64>> {
    let select = Select::from(shapes);
    let connection: &mut Connection = unit;
    match &mut connection.0 {
        Either::Sqlite(lease) => lease.scan(true, move |c| tested(c, &select, &test)).await,
        Either::Postgres(lease) => streamed(lease, &select, &test).await,
    }
}

/// On SQLite each shape is tested as it is read.
fn tested(connection: &mut SqliteConnection, select: &Select, test: &Test) -> QueryResult<Vec<i64>> {
    let mut found = Vec::new();
    for row in select.load_iter::<Raw, _>(connection)? {
        let (sequence, shape) = parts(row?)?;
        // SQLite looks at the clock while it works, not while we do.
        if floe_sqlite_watch::is_over() {
            return Err(DieselError::DeserializationError(floe_sqlite_watch::Interrupted.into()));
        }
        if test(&shape) {
            found.push(sequence);
        }
    }
    Ok(found)
}

/// From PostgreSQL they come in batches, each tested on a thread where that holds nobody up.
async fn streamed(lease: &mut postgres::Lease, select: &Select, test: &Test) -> Result<Vec<i64>> {
    let (started, budget) = (Instant::now(), lease.statement_timeout());
    let (flight, shared) = lease.start()?;
    let (mut connection, mut gave_up) = (shared, None);
    let rows = async {
        let rows = diesel_async::RunQueryDsl::load_stream::<Raw>(select, &mut connection).await?;
        batches(rows, test, started, budget).await.unwrap_or_else(|error| {
            gave_up = Some(error);
            Ok(Vec::new())
        })
    };
    let answer = postgres::in_one_flight_streamed(flight, shared, rows).await;
    match gave_up {
        // What is left of the rows is left on its way: without an end to this, the connection is closed.
        Some(error) => Err(error),
        None => Ok(lease.finish(answer)?),
    }
}

async fn batches(
    rows: impl futures_util::Stream<Item = QueryResult<Raw>>,
    test: &Test,
    started: Instant,
    budget: Duration,
) -> Result<QueryResult<Vec<i64>>> {
    let mut rows = std::pin::pin!(rows);
    let mut found = Vec::new();
    loop {
        let (mut batch, mut bytes) = (Vec::new(), 0);
        while batch.len() < BATCH && bytes < BATCH_BYTES {
            match rows.try_next().await.and_then(|row| row.map(parts).transpose()) {
                Ok(Some((sequence, shape))) => {
                    bytes += shape.len();
                    batch.push((sequence, shape));
                }
                Ok(None) => break,
                Err(error) => return Ok(Err(error)),
            }
        }
        let is_last = batch.len() < BATCH && bytes < BATCH_BYTES;
        let (test, until) = (Arc::clone(test), started + budget);
        let passed = on_thread(move || {
            let in_time = |(sequence, shape): (i64, String)| {
                if Instant::now() >= until {
                    return Err(Error::Timeout);
                }
                Ok(test(&shape).then_some(sequence))
            };
            batch.into_iter().map(in_time).filter_map(Result::transpose).collect::<Result<Vec<i64>>>()
        });
        found.extend(passed.await??);
        if is_last {
            return Ok(Ok(found));
        }
    }
}

fn parts(row: Raw) -> QueryResult<(i64, String)> {
    match <[Value; 2]>::try_from(row.0) {
        Ok([Value::Integer(sequence), Value::Text(shape)]) => Ok((sequence, shape)),
        other => Err(DieselError::DeserializationError(format!("a shape of {other:?}").into())),
    }
}

/// Sequence and shape of the rows that come into question.
struct Select {
    shapes: Shapes,
    bounding_box: Option<(i64, FrameValues)>,
}
statement!(Select);

impl From<Shapes> for Select {
    fn from(shapes: Shapes) -> Self {
        let bounding_box = shapes.within.map(|(number, bounding_box)| (number, FrameValues::from(bounding_box)));
        Self { shapes, bounding_box }
    }
}

impl<DB: Dialect> QueryFragment<DB> for Select {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        let Shapes { table, column, also, .. } = &self.shapes;
        out.push_sql("SELECT _sequence, ");
        out.push_identifier(column)?;
        out.push_sql(" FROM ");
        table.place().push(&mut out)?;
        out.push_sql(" WHERE ");
        out.push_identifier(column)?;
        out.push_sql(" IS NOT NULL AND ");
        if let Some((number, bounding_box)) = &self.bounding_box {
            spatial::push_meets(&mut out, table, (*number, column), bounding_box)?;
            out.push_sql(" AND ");
        }
        also.walk_ast(out)
    }
}
