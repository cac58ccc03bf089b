//! PostgreSQL: one pool for all stores; a store is a schema.
//!
//! A round trip costs more than most statements. So what must come before the first statement of a lease (`BEGIN`, the
//! schema) waits and travels with it, in one flight: a read is one round trip, a unit of one statement is two.
//!
//! Connections are not encrypted (no TLS yet): keep the database on the same machine or a private network.

use crate::error::{Error, FAILED_UNIT, Result};
use crate::gate::Inside;
use crate::statement_counter::StatementCounter;
use deadpool::managed::{self, Metrics, Object, RecycleError, RecycleResult};
use diesel::connection::CacheSize;
use diesel::result::Error as DieselError;
use diesel::{ConnectionError, ConnectionResult, QueryResult};
use diesel_async::pooled_connection::PoolableConnection;
use diesel_async::{AsyncConnection, AsyncPgConnection, SimpleAsyncConnection};
use std::borrow::Cow;
use std::sync::Arc;
use std::time::{Duration, Instant};

pub(crate) type Pool = managed::Pool<Manager>;

/// How long to wait for a free connection, or for a new one.
const PATIENCE: Duration = Duration::from_secs(5);

/// A connection is replaced after so long: the server's side of it keeps what it knows of every schema it ever served.
const LONGEST_LIFE: Duration = Duration::from_secs(30 * 60);

/// How many prepared statements a connection keeps, of all the schemas that it serves.
const MOST_STATEMENTS: usize = 1000;

/// Makes connections.
pub(crate) struct Manager {
    url: String,
    statement_timeout: Duration,
}

/// A connection of the pool, and where its session is.
pub(crate) struct Pooled {
    connection: AsyncPgConnection,
    /// The schema that the session's `search_path` names.
    schema: Option<Arc<str>>,
    statements: StatementCounter,
    since: Instant,
    statement_timeout: Duration,
}

pub(crate) fn pool(url: &str, size: usize, statement_timeout: Duration) -> Result<Pool> {
    Pool::builder(Manager { url: url.to_owned(), statement_timeout })
        .max_size(size)
        .wait_timeout(Some(PATIENCE))
        .create_timeout(Some(PATIENCE))
        .runtime(deadpool::Runtime::Tokio1)
        .build()
        .map_err(Error::unavailable)
}

impl Manager {
    /// A connection outside of the pool, without a time limit for statements.
    pub(crate) async fn connect(&self) -> ConnectionResult<AsyncPgConnection> {
        let mut connection = AsyncPgConnection::establish(&self.url).await?;
        let setup = connection.batch_execute("SET statement_timeout = 0").await;
        setup.map_err(ConnectionError::CouldntSetupConfiguration)?;
        Ok(connection)
    }
}

impl managed::Manager for Manager {
    type Type = Pooled;
    type Error = ConnectionError;

    async fn create(&self) -> ConnectionResult<Pooled> {
        let mut connection = AsyncPgConnection::establish(&self.url).await?;
        // Read-only outside of a unit: should a unit's BEGIN ever fail alone, what flies behind it changes nothing.
        let timeout = self.statement_timeout.as_millis();
        let setup = format!("SET statement_timeout = {timeout}; SET default_transaction_read_only = on");
        connection.batch_execute(&setup).await.map_err(ConnectionError::CouldntSetupConfiguration)?;
        let statements = StatementCounter::default();
        connection.set_instrumentation(statements.counter());
        let statement_timeout = self.statement_timeout;
        Ok(Pooled { connection, schema: None, statements, since: Instant::now(), statement_timeout })
    }

    async fn recycle(&self, pooled: &mut Pooled, _: &Metrics) -> RecycleResult<ConnectionError> {
        if pooled.connection.is_broken() || pooled.since.elapsed() > LONGEST_LIFE {
            return Err(RecycleError::message("closed, or old"));
        }
        if pooled.statements.too_many(MOST_STATEMENTS) {
            pooled.connection.set_prepared_statement_cache_size(CacheSize::Disabled);
            pooled.connection.set_prepared_statement_cache_size(CacheSize::Unbounded);
        }
        Ok(())
    }
}

/// A connection of the pool, perhaps in the middle of a unit of work. Given back when dropped, and rolled back unless
/// committed.
pub struct Lease {
    pooled: Option<Object<Manager>>,
    /// What is sent together with the first statement.
    opening: Option<Opening>,
    /// A statement is under way. Still so when dropped: somebody stopped waiting for its answer.
    busy: bool,
    unit: Unit,
    /// That somebody is in the store whose lease it is.
    inside: Option<Inside>,
}

/// What comes before the first statement.
pub struct Opening {
    sql: Cow<'static, str>,
    /// The schema that the session is in afterwards, if it is another one.
    schema: Option<Arc<str>>,
}

/// What became of a flight.
pub struct Answer<T> {
    opened: bool,
    result: QueryResult<T>,
}

/// Sends the opening, if there is one, and the query behind it; only then waits for the answers.
pub async fn in_one_flight<T>(
    opening: Option<Opening>,
    mut connection: &AsyncPgConnection,
    query: impl Future<Output = QueryResult<T>>,
) -> Answer<T> {
    let Some(opening) = opening else { return Answer { opened: true, result: query.await } };
    // In this order: whichever is polled first is sent first.
    let (opened, result) = tokio::join!(biased; connection.batch_execute(&opening.sql), query);
    match opened {
        Ok(()) => Answer { opened: true, result },
        Err(error) => Answer { opened: false, result: Err(error) },
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Unit {
    None,
    Open,
    /// A statement failed: PostgreSQL refuses all others, and rolls back whatever we say.
    Failed,
}

impl Lease {
    async fn take(pool: &Pool) -> Result<Self> {
        let pooled = pool.get().await.map_err(Error::unavailable)?;
        Ok(Self { pooled: Some(pooled), opening: None, busy: false, unit: Unit::None, inside: None })
    }

    /// The same, known to the store's gate.
    pub(crate) fn inside(mut self, inside: Inside) -> Self {
        self.inside = Some(inside);
        self
    }

    /// For reading, outside of a transaction.
    pub(crate) async fn read(pool: &Pool, schema: &Arc<str>) -> Result<Self> {
        let mut lease = Self::take(pool).await?;
        if lease.schema() != Some(schema) {
            let sql = format!("SET search_path TO {}", quoted(schema)).into();
            lease.opening = Some(Opening { sql, schema: Some(schema.clone()) });
        }
        Ok(lease)
    }

    /// For reading, with statements that take no longer than this. In a transaction, so that the limit ends with it; and
    /// should its end come too late for that limit, the connection is closed.
    pub(crate) async fn read_within(pool: &Pool, schema: &Arc<str>, limit: Duration) -> Result<Self> {
        let limit = limit.min(pool.manager().statement_timeout).as_millis().max(1);
        let mut lease = Self::take(pool).await?;
        lease.unit = Unit::Open;
        let schema = quoted(schema);
        let sql = format!("BEGIN READ ONLY; SET LOCAL search_path TO {schema}; SET LOCAL statement_timeout = {limit}");
        lease.opening = Some(Opening { sql: sql.into(), schema: None });
        Ok(lease)
    }

    /// With a transaction.
    pub(crate) async fn begin(pool: &Pool, schema: &Arc<str>) -> Result<Self> {
        let mut lease = Self::take(pool).await?;
        lease.unit = Unit::Open;
        let sql = if lease.schema() == Some(schema) {
            "BEGIN READ WRITE".into()
        } else {
            // LOCAL: for this transaction alone, so that the session stays where it is, whatever comes.
            format!("BEGIN READ WRITE; SET LOCAL search_path TO {}", quoted(schema)).into()
        };
        lease.opening = Some(Opening { sql, schema: None });
        Ok(lease)
    }

    pub(crate) async fn commit(mut self) -> Result<()> {
        if self.unit != Unit::Open {
            return Err(Error::unavailable(FAILED_UNIT));
        }
        if self.opening.is_none() {
            self.batch("COMMIT").await?;
        }
        self.unit = Unit::None;
        Ok(())
    }

    /// Forgets that a statement failed since the mark that was just gone back to.
    pub(crate) fn forgive(&mut self) {
        if self.unit == Unit::Failed {
            self.unit = Unit::Open;
        }
    }

    /// Runs statements that bind nothing and give nothing.
    pub(crate) async fn batch(&mut self, sql: &str) -> QueryResult<()> {
        let (opening, mut connection) = self.start()?;
        let answer = in_one_flight(opening, connection, async { connection.batch_execute(sql).await }).await;
        self.finish(answer)
    }

    fn schema(&self) -> Option<&Arc<str>> {
        self.pooled.as_ref().and_then(|pooled| pooled.schema.as_ref())
    }

    /// How long a statement may take.
    pub(crate) fn statement_timeout(&self) -> Duration {
        self.pooled.as_ref().map_or(Duration::ZERO, |pooled| pooled.statement_timeout)
    }

    /// The connection, for one statement, and what to send with it. What `on_conn!` calls, followed by
    /// [`in_one_flight`] and [`Lease::finish`].
    ///
    /// # Errors
    /// When the connection is lost.
    pub fn start(&mut self) -> QueryResult<(Option<Opening>, &AsyncPgConnection)> {
        let pooled = self.pooled.as_mut().ok_or(DieselError::BrokenTransactionManager)?;
        self.busy = true;
        let opening = self.opening.take();
        if let Some(schema) = opening.as_ref().and_then(|opening| opening.schema.clone()) {
            // Where it isn't yet; should it not get there, nobody uses it again.
            pooled.schema = Some(schema);
        }
        Ok((opening, &pooled.connection))
    }

    /// The statement is answered.
    ///
    /// # Errors
    /// Those of the statement.
    pub fn finish<T>(&mut self, Answer { opened, result }: Answer<T>) -> QueryResult<T> {
        self.busy = false;
        if !opened {
            // Not where its next statement should run: closed.
            drop(self.pooled.take().map(Object::take));
            self.unit = Unit::None;
        }
        if self.unit == Unit::Open && matches!(result, Err(DieselError::DatabaseError(..))) {
            self.unit = Unit::Failed;
        }
        result
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let Some(mut pooled) = self.pooled.take() else { return };
        if !self.busy && (self.unit == Unit::None || self.opening.is_some()) {
            return;
        }
        match tokio::runtime::Handle::try_current() {
            Ok(runtime) if !self.busy => {
                runtime.spawn(async move {
                    if pooled.connection.batch_execute("ROLLBACK").await.is_err() {
                        drop(Object::take(pooled));
                    }
                });
            }
            // The next one would wait for this one's statement; and without a runtime nobody can roll back. Closing
            // the connection does both.
            _ => drop(Object::take(pooled)),
        }
    }
}

/// A schema's name as an identifier. (Ours have no quotes, see `stores::Id`; this makes sure.)
pub(crate) fn quoted(schema: &str) -> String {
    format!("\"{}\"", schema.replace('"', "\"\""))
}
