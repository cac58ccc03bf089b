//! PostgreSQL: one pool for all stores; a store is a schema.
//!
//! Connections are not encrypted (no TLS yet): keep the database on the same machine or a private network.

use crate::error::{Error, FAILED_UNIT, Result};
use deadpool::managed::{self, Metrics, Object, RecycleError, RecycleResult};
use diesel::result::Error as DieselError;
use diesel::{ConnectionError, ConnectionResult, QueryResult};
use diesel_async::pooled_connection::PoolableConnection;
use diesel_async::{AsyncConnection, AsyncPgConnection, SimpleAsyncConnection};
use std::sync::Arc;
use std::time::{Duration, Instant};

pub(crate) type Pool = managed::Pool<Manager>;

/// How long to wait for a free connection, or for a new one.
const PATIENCE: Duration = Duration::from_secs(5);

/// A connection is replaced after so long: it keeps prepared statements of every schema that it ever served.
const LONGEST_LIFE: Duration = Duration::from_secs(30 * 60);

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
        let setup = format!("SET statement_timeout = {}", self.statement_timeout.as_millis());
        connection.batch_execute(&setup).await.map_err(ConnectionError::CouldntSetupConfiguration)?;
        Ok(Pooled { connection, schema: None, since: Instant::now(), statement_timeout: self.statement_timeout })
    }

    async fn recycle(&self, pooled: &mut Pooled, _: &Metrics) -> RecycleResult<ConnectionError> {
        if pooled.connection.is_broken() || pooled.since.elapsed() > LONGEST_LIFE {
            return Err(RecycleError::message("closed, or old"));
        }
        Ok(())
    }
}

/// A connection of the pool, perhaps in the middle of a unit of work. Given back when dropped, and rolled back unless
/// committed.
pub struct Lease {
    pooled: Option<Object<Manager>>,
    /// A statement is under way. Still so when dropped: somebody stopped waiting for its answer.
    busy: bool,
    unit: Unit,
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
        Ok(Self { pooled: Some(pooled), busy: false, unit: Unit::None })
    }

    /// For reading, outside of a transaction.
    pub(crate) async fn read(pool: &Pool, schema: &Arc<str>) -> Result<Self> {
        let mut lease = Self::take(pool).await?;
        if lease.schema() != Some(schema) {
            lease.batch(&format!("SET search_path TO {}", quoted(schema))).await?;
            if let Some(pooled) = &mut lease.pooled {
                pooled.schema = Some(schema.clone());
            }
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
        let begin =
            format!("BEGIN READ ONLY; SET LOCAL search_path TO {schema}; SET LOCAL statement_timeout = {limit}");
        lease.batch(&begin).await?;
        Ok(lease)
    }

    /// With a transaction.
    pub(crate) async fn begin(pool: &Pool, schema: &Arc<str>) -> Result<Self> {
        let mut lease = Self::take(pool).await?;
        lease.unit = Unit::Open;
        if lease.schema() == Some(schema) {
            lease.batch("BEGIN").await?;
        } else {
            // LOCAL: for this transaction alone, so that the session stays where it is, whatever comes.
            lease.batch(&format!("BEGIN; SET LOCAL search_path TO {}", quoted(schema))).await?;
        }
        Ok(lease)
    }

    pub(crate) async fn commit(mut self) -> Result<()> {
        if self.unit != Unit::Open {
            return Err(Error::unavailable(FAILED_UNIT));
        }
        self.batch("COMMIT").await?;
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
        let result = self.start()?.batch_execute(sql).await;
        self.finish(result)
    }

    fn schema(&self) -> Option<&Arc<str>> {
        self.pooled.as_ref().and_then(|pooled| pooled.schema.as_ref())
    }

    /// How long a statement may take.
    pub(crate) fn statement_timeout(&self) -> Duration {
        self.pooled.as_ref().map_or(Duration::ZERO, |pooled| pooled.statement_timeout)
    }

    /// The connection, for one statement. What `on_conn!` calls, followed by [`Lease::finish`].
    ///
    /// # Errors
    /// Never, as long as it isn't dropped.
    pub fn start(&mut self) -> QueryResult<&mut AsyncPgConnection> {
        self.busy = true;
        let pooled = self.pooled.as_mut().ok_or(DieselError::BrokenTransactionManager)?;
        Ok(&mut pooled.connection)
    }

    /// The statement is answered.
    ///
    /// # Errors
    /// Those of the statement.
    pub fn finish<T>(&mut self, result: QueryResult<T>) -> QueryResult<T> {
        self.busy = false;
        if self.unit == Unit::Open && matches!(result, Err(DieselError::DatabaseError(..))) {
            self.unit = Unit::Failed;
        }
        result
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let Some(mut pooled) = self.pooled.take() else { return };
        if !self.busy && self.unit == Unit::None {
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
