//! The pool: which connections there are, and which of them are still good.

use super::SessionState;
use super::session::{self, CONNECTING, Session};
use super::shares::{Claim, SetAside, Share, Shares};
use super::silence::Watchdog;
use crate::error::{Error, Result, has_too_many_connections};
use crate::statement_counter::StatementCounter;
use deadpool::managed::{self, Metrics, Object, PoolError, RecycleError, RecycleResult, TimeoutType};
use diesel::connection::CacheSize;
use diesel::{ConnectionError, ConnectionResult};
use diesel_async::AsyncConnection as _;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio_postgres::Config;

/// How long to wait for a free connection.
const PATIENCE: Duration = Duration::from_secs(5);

/// For how long a connection that PostgreSQL has refused isn't asked for again.
const REFUSED_FOR: Duration = Duration::from_secs(10);

/// A connection is replaced after so long: the server's side of it keeps what it knows of every schema it ever served.
const LONGEST_LIFE: Duration = Duration::from_secs(30 * 60);

/// How many prepared statements a connection keeps, of all the schemas that it serves.
const MOST_STATEMENTS: usize = 1000;

/// How many schemas are migrated at a time, each on a connection beside the pool.
const MOST_MIGRATIONS: usize = 4;

/// One pool for all stores. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Pool {
    connections: managed::Pool<Manager>,
    /// The connections that aren't kept for the platform.
    shares: Shares,
    /// What the platform, which has a connection kept for it, calls its schema.
    platform: Arc<str>,
    migrations: Arc<Semaphore>,
}

/// Makes connections.
pub(super) struct Manager {
    config: Config,
    statement_timeout: Duration,
    watchdog: Arc<Watchdog>,
}

/// A connection of the pool, and where its session is.
pub(super) struct Pooled {
    pub(super) session: Session,
    /// How the session is set; none: as it was made.
    pub(super) state: Option<SessionState>,
    statements: StatementCounter,
    since: Instant,
    pub(super) statement_timeout: Duration,
    pub(super) watchdog: Arc<Watchdog>,
}

/// A connection that is in use, and the right to use it.
pub(super) struct Held {
    pub(super) pooled: Object<Manager>,
    share: Option<Share>,
}

impl Pool {
    /// # Errors
    /// [`Error::Unavailable`] when that isn't a URL of PostgreSQL.
    pub(crate) fn new(url: &str, size: usize, statement_timeout: Duration, platform: &str) -> Result<Self> {
        let config = session::config(url).map_err(Error::unavailable)?;
        let watchdog = Arc::new(Watchdog::new(config.clone()));
        let connections = managed::Pool::builder(Manager { config, statement_timeout, watchdog })
            .max_size(size)
            .wait_timeout(Some(PATIENCE))
            .create_timeout(Some(CONNECTING + PATIENCE))
            .runtime(deadpool::Runtime::Tokio1)
            .build()
            .map_err(Error::unavailable)?;
        // One is kept for the platform: for readiness, and for finding out who calls whom.
        let shares = Shares::new(if size > 2 { size - 1 } else { size });
        let migrations = Arc::new(Semaphore::new(MOST_MIGRATIONS));
        Ok(Self { connections, shares, platform: platform.into(), migrations })
    }

    pub(crate) fn close(&self) {
        self.connections.close();
    }

    pub(super) fn config(&self) -> &Config {
        &self.connections.manager().config
    }

    pub(crate) fn statement_timeout(&self) -> Duration {
        self.connections.manager().statement_timeout
    }

    pub(crate) fn watchdog(&self) -> &Watchdog {
        &self.connections.manager().watchdog
    }

    /// A connection for whoever works on this schema. Where PostgreSQL gives fewer than we may have, those that there are get
    /// waited for.
    ///
    /// # Errors
    /// [`Error::Busy`] when none became free in time, [`Error::Unreachable`] when none can be made.
    pub(super) async fn get(&self, schema: &Arc<str>, claim: Claim) -> Result<Held> {
        let until = Instant::now() + PATIENCE;
        let patience = || until.saturating_duration_since(Instant::now());
        let is_platform = *schema == self.platform;
        let mut share = if is_platform { None } else { Some(self.shares.take(schema, claim, patience()).await?) };
        loop {
            match self.connections.get().await {
                Ok(pooled) => return Ok(Held { pooled, share }),
                Err(PoolError::Backend(error)) if has_too_many_connections(&error.to_string()) => {
                    if let Some(share) = share.take() {
                        set_aside(share, error)?;
                    }
                    share = Some(self.shares.take(schema, claim, patience()).await?);
                }
                Err(PoolError::Timeout(TimeoutType::Wait)) => return Err(Error::Busy),
                Err(PoolError::Backend(error)) => return Err(Error::unreachable(error)),
                Err(error) => return Err(Error::unreachable(error)),
            }
        }
    }

    /// A connection beside the pool, without a time limit for statements.
    ///
    /// # Errors
    /// [`Error::Unreachable`] when none can be made.
    pub(crate) async fn connect(&self) -> Result<Session> {
        let (config, limits) = (&self.connections.manager().config, session::limits(None, self.statement_timeout()));
        Session::connect(config, &limits).await.map_err(Error::unreachable)
    }

    /// The right to migrate a schema.
    ///
    /// # Errors
    /// [`Error::Busy`] when others keep migrating.
    pub(crate) async fn migration(&self) -> Result<SemaphorePermit<'_>> {
        match tokio::time::timeout(6 * PATIENCE, self.migrations.acquire()).await {
            Ok(permit) => permit.map_err(Error::unavailable),
            Err(_) => Err(Error::Busy),
        }
    }
}

/// Does without a connection for a while that PostgreSQL has refused.
///
/// # Errors
/// [`Error::Unreachable`] when it was the last one.
fn set_aside(share: Share, refused: ConnectionError) -> Result<()> {
    let SetAside::Share { share, is_first } = share.set_aside() else { return Err(Error::unreachable(refused)) };
    if is_first {
        tracing::warn!(%refused, "PostgreSQL gives fewer connections than DATABASE_POOL_SIZE says: lower that, or raise its limit");
    }
    tokio::spawn(async move {
        tokio::time::sleep(REFUSED_FOR).await;
        drop(share);
    });
    Ok(())
}

impl managed::Manager for Manager {
    type Type = Pooled;
    type Error = ConnectionError;

    async fn create(&self) -> ConnectionResult<Pooled> {
        // Read-only outside of a unit: should a unit's BEGIN ever fail alone, what flies behind it changes nothing.
        let limits = session::limits(Some(self.statement_timeout), self.statement_timeout);
        let setup = format!("{limits}; SET default_transaction_read_only = on");
        let mut session = Session::connect(&self.config, &setup).await?;
        let statements = StatementCounter::default();
        session.set_instrumentation(statements.counter());
        let (statement_timeout, watchdog) = (self.statement_timeout, Arc::clone(&self.watchdog));
        Ok(Pooled { session, state: None, statements, since: Instant::now(), statement_timeout, watchdog })
    }

    async fn recycle(&self, pooled: &mut Pooled, _: &Metrics) -> RecycleResult<ConnectionError> {
        if pooled.session.is_closed() || pooled.since.elapsed() > LONGEST_LIFE {
            return Err(RecycleError::message("closed, or old"));
        }
        if pooled.statements.too_many(MOST_STATEMENTS) {
            pooled.session.set_prepared_statement_cache_size(CacheSize::Disabled);
            pooled.session.set_prepared_statement_cache_size(CacheSize::Unbounded);
        }
        Ok(())
    }
}

impl Held {
    /// Closes the connection, whatever is under way on it.
    pub(super) fn close(self) {
        let Self { pooled, share } = self;
        drop(Object::take(pooled));
        drop(share);
    }

    /// Closes it because it fell silent; and with it those that nobody uses, which have fallen silent too.
    pub(super) fn close_silent(self) {
        if let Some(pool) = Object::pool(&self.pooled) {
            drop(pool.retain(|_, _| false));
        }
        tracing::warn!("a connection to PostgreSQL fell silent; it and the idle ones are made anew");
        self.close();
    }
}
