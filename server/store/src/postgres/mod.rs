//! PostgreSQL: one pool for all stores; a store is a schema.
//!
//! A round trip costs more than most statements. So what must come before the first statement of a lease (`BEGIN`, the
//! schema) waits and travels with it, in one flight: a read is one round trip, a unit of one statement is two.
//!
//! Connections are not encrypted (no TLS yet): keep the database on the same machine or a private network.

mod listener;
mod pool;
mod run;
mod session;
mod shares;
mod silence;

pub(crate) use pool::Pool;
pub use run::RunOnPostgres;
pub(crate) use session::Session;
pub use session::check_url;
pub(crate) use shares::{Claim, Use};

use crate::error::{Error, FAILED_UNIT, Result};
use crate::gate::Inside;
use diesel::QueryResult;
use diesel::result::{DatabaseErrorKind, Error as DieselError};
use diesel_async::{AsyncPgConnection, SimpleAsyncConnection as _};
use futures_util::future::BoxFuture;
use pool::Held;
use silence::Watchdog;
use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;
use tokio_postgres::NoTls;

/// How long the undoing of a unit may take before its connection is closed instead.
const ROLLING_BACK: Duration = Duration::from_secs(5);

/// How long the server may take to end a statement that nobody waits for any more. Until then it counts as one that runs: of
/// whatever is asked for and left at once, no more runs than there are connections.
const CANCELLING: Duration = Duration::from_secs(2);

/// A connection of the pool, perhaps in the middle of a unit of work. Given back when dropped, and rolled back unless
/// committed.
pub struct Lease {
    held: Option<Held>,
    /// What is sent together with the first statement.
    opening: Option<Opening>,
    /// A statement is under way. Still so when dropped: somebody stopped waiting for its answer.
    busy: bool,
    unit: Unit,
    /// That somebody is in the store whose lease it is.
    inside: Option<Inside>,
}

/// What comes before the first statement.
pub(crate) struct Opening {
    sql: Cow<'static, str>,
    /// How the session is set afterwards, if that is another way.
    set: Option<SessionState>,
}

/// How a session is set outside of transactions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SessionState {
    /// What its `search_path` names.
    schema: Arc<str>,
    /// Whether statements are planned for their values each time. So are lists, which differ in what they look for: of a search
    /// for words that are rare, with a limit, a plan for any words reads the whole table. What is short has the same plan
    /// whatever it is given, which is made once.
    planned_for_values: bool,
}

impl SessionState {
    fn for_use(schema: &Arc<str>, wanted: Use) -> Self {
        Self { schema: schema.clone(), planned_for_values: wanted == Use::Long }
    }

    fn plan_cache_mode(&self) -> &'static str {
        if self.planned_for_values { "force_custom_plan" } else { "auto" }
    }
}

/// What is to be known of a statement before it is sent.
pub(crate) struct Flight {
    opening: Option<Opening>,
    watchdog: Arc<Watchdog>,
    process: i32,
    /// How long the database lets the statement run; none: without end.
    limit: Option<Duration>,
}

/// What became of a flight.
pub(crate) struct Answer<T> {
    outcome: Outcome,
    result: QueryResult<T>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Answered,
    /// The opening failed, so that the statement ran elsewhere than it should, if at all.
    NotOpened,
    /// No answer came, and none will.
    Silence,
}

/// Sends the opening, if there is one, and the query behind it; only then waits for the answers, for as long as there
/// is any hope of one.
async fn in_one_flight<T>(
    flight: Flight,
    connection: &AsyncPgConnection,
    query: impl Future<Output = QueryResult<T>>,
) -> Answer<T> {
    let Flight { opening, watchdog, process, limit } = flight;
    let answer = watchdog.wait(process, limit, opened(opening, connection, query)).await;
    answer.unwrap_or_else(|| Answer { outcome: Outcome::Silence, result: silence::no_answer() })
}

/// The same for rows that are worked on while they come, by somebody who looks at the clock: the server may well be done
/// meanwhile.
pub(crate) async fn in_one_flight_streamed<T>(
    flight: Flight,
    connection: &AsyncPgConnection,
    query: impl Future<Output = QueryResult<T>>,
) -> Answer<T> {
    let limit = 2 * flight.limit.unwrap_or(Duration::MAX / 2);
    let answer = tokio::time::timeout(limit, opened(flight.opening, connection, query)).await;
    answer.unwrap_or_else(|_| Answer { outcome: Outcome::Silence, result: silence::no_answer() })
}

async fn opened<T>(
    opening: Option<Opening>,
    mut connection: &AsyncPgConnection,
    query: impl Future<Output = QueryResult<T>>,
) -> Answer<T> {
    let Some(opening) = opening else { return Answer { outcome: Outcome::Answered, result: query.await } };
    // In this order: whichever is polled first is sent first.
    let (opened, result) = tokio::join!(biased; connection.batch_execute(&opening.sql), query);
    match opened {
        Ok(()) => Answer { outcome: Outcome::Answered, result },
        Err(error) => Answer { outcome: Outcome::NotOpened, result: Err(error) },
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
    async fn take(pool: &Pool, schema: &Arc<str>, claim: Claim) -> Result<Self> {
        Ok(Self {
            held: Some(pool.get(schema, claim).await?),
            opening: None,
            busy: false,
            unit: Unit::None,
            inside: None,
        })
    }

    /// The same, known to the store's gate.
    pub(crate) fn inside(mut self, inside: Inside) -> Self {
        self.inside = Some(inside);
        self
    }

    /// For reading, outside of a transaction.
    pub(crate) async fn read(pool: &Pool, schema: &Arc<str>, claim: Claim) -> Result<Self> {
        let mut lease = Self::take(pool, schema, claim).await?;
        let wanted = SessionState::for_use(schema, claim.wanted);
        if lease.state() != Some(&wanted) {
            let (schema, plans) = (quoted(schema), wanted.plan_cache_mode());
            let sql = format!("SET search_path TO {schema}; SET plan_cache_mode TO {plans}").into();
            lease.opening = Some(Opening { sql, set: Some(wanted) });
        }
        Ok(lease)
    }

    /// For reading, with statements that take no longer than this. In a transaction, so that the limit ends with it; and
    /// should its end come too late for that limit, the connection is closed.
    pub(crate) async fn read_within(pool: &Pool, schema: &Arc<str>, claim: Claim, limit: Duration) -> Result<Self> {
        let limit = limit.min(pool.statement_timeout()).as_millis().max(1);
        let mut lease = Self::take(pool, schema, claim).await?;
        lease.unit = Unit::Open;
        let plans = SessionState::for_use(schema, claim.wanted).plan_cache_mode();
        let schema = quoted(schema);
        let sql = format!(
            "BEGIN READ ONLY; SET LOCAL search_path TO {schema}; SET LOCAL plan_cache_mode TO {plans}; \
             SET LOCAL statement_timeout = {limit}"
        );
        lease.opening = Some(Opening { sql: sql.into(), set: None });
        Ok(lease)
    }

    /// With a transaction.
    pub(crate) async fn begin(pool: &Pool, schema: &Arc<str>, claim: Claim) -> Result<Self> {
        let mut lease = Self::take(pool, schema, claim).await?;
        lease.unit = Unit::Open;
        let wanted = SessionState::for_use(schema, claim.wanted);
        let sql = if lease.state() == Some(&wanted) {
            "BEGIN READ WRITE".into()
        } else {
            // LOCAL: for this transaction alone, so that the session stays where it is, whatever comes.
            let (schema, plans) = (quoted(schema), wanted.plan_cache_mode());
            format!("BEGIN READ WRITE; SET LOCAL search_path TO {schema}; SET LOCAL plan_cache_mode TO {plans}").into()
        };
        lease.opening = Some(Opening { sql, set: None });
        Ok(lease)
    }

    // Futures are boxed where other crates wait for them: each would compile them anew. (And SQLite's callers would carry
    // the room that they need.)
    pub(crate) fn commit(self) -> BoxFuture<'static, Result<()>> {
        Box::pin(async move {
            let mut lease = self;
            if lease.held.is_none() {
                return Err(Error::unreachable(silence::NO_ANSWER));
            }
            if lease.unit != Unit::Open {
                return Err(Error::unavailable(FAILED_UNIT));
            }
            if lease.opening.is_none() {
                lease.batch("COMMIT").await?;
            }
            lease.unit = Unit::None;
            Ok(())
        })
    }

    /// The same after these statements, in one flight with them.
    pub(crate) async fn commit_with(mut self, sql: &str) -> Result<()> {
        if self.unit == Unit::Open {
            self.batch(&format!("{sql}; COMMIT")).await?;
            self.unit = Unit::None;
            return Ok(());
        }
        self.commit().await
    }

    /// Forgets that a statement failed since the mark that was just gone back to.
    pub(crate) fn forgive(&mut self) {
        if self.unit == Unit::Failed {
            self.unit = Unit::Open;
        }
    }

    /// Runs statements that bind nothing and give nothing.
    pub(crate) fn batch<'c>(&'c mut self, sql: &'c str) -> BoxFuture<'c, QueryResult<()>> {
        Box::pin(async move {
            let (flight, connection) = self.start()?;
            let answer = in_one_flight(flight, connection, execute(connection, sql)).await;
            self.finish(answer)
        })
    }

    /// The same without a limit: they take as long as the server works on them.
    pub(crate) fn batch_without_limit<'c>(&'c mut self, sql: &'c str) -> BoxFuture<'c, QueryResult<()>> {
        Box::pin(async move {
            let sql = format!("SET LOCAL statement_timeout = 0; {sql}");
            let (flight, connection) = self.start()?;
            let flight = Flight { limit: None, ..flight };
            let answer = in_one_flight(flight, connection, execute(connection, &sql)).await;
            self.finish(answer)
        })
    }

    fn state(&self) -> Option<&SessionState> {
        self.held.as_ref().and_then(|held| held.pooled.state.as_ref())
    }

    /// How long a statement may take.
    pub(crate) fn statement_timeout(&self) -> Duration {
        self.held.as_ref().map_or(Duration::ZERO, |held| held.pooled.statement_timeout)
    }

    /// The connection, for one statement, and what to send with it: by [`in_one_flight`], and then [`Lease::finish`].
    ///
    /// # Errors
    /// When the connection is lost.
    pub(crate) fn start(&mut self) -> QueryResult<(Flight, &AsyncPgConnection)> {
        let Some(held) = &mut self.held else { return silence::no_answer() };
        let pooled = &mut *held.pooled;
        self.busy = true;
        let opening = self.opening.take();
        if let Some(state) = opening.as_ref().and_then(|opening| opening.set.clone()) {
            // As it isn't set yet; should it not get there, nobody uses it again.
            pooled.state = Some(state);
        }
        let flight = Flight {
            opening,
            watchdog: Arc::clone(&pooled.watchdog),
            process: pooled.session.process,
            limit: Some(pooled.statement_timeout),
        };
        Ok((flight, &pooled.session))
    }

    /// The statement is answered, or given up.
    ///
    /// # Errors
    /// Those of the statement.
    pub(crate) fn finish<T>(&mut self, Answer { outcome, result }: Answer<T>) -> QueryResult<T> {
        self.busy = false;
        if outcome != Outcome::Answered || is_lost(&result) {
            // Not where its next statement should run, or nowhere: closed.
            self.unit = Unit::None;
            match self.held.take() {
                Some(held) if outcome == Outcome::Silence => held.close_silent(),
                Some(held) => held.close(),
                None => {}
            }
        }
        if self.unit == Unit::Open && matches!(result, Err(DieselError::DatabaseError(..))) {
            self.unit = Unit::Failed;
        }
        result
    }
}

async fn execute(mut connection: &AsyncPgConnection, sql: &str) -> QueryResult<()> {
    connection.batch_execute(sql).await
}

/// Whether the connection ended before the statement did.
fn is_lost<T>(result: &QueryResult<T>) -> bool {
    use DatabaseErrorKind::{ClosedConnection, UnableToSendCommand};
    matches!(result, Err(DieselError::DatabaseError(ClosedConnection | UnableToSendCommand, _)))
}

impl Drop for Lease {
    fn drop(&mut self) {
        let Some(held) = self.held.take() else { return };
        if !self.busy && (self.unit == Unit::None || self.opening.is_some()) {
            return;
        }
        let inside = self.inside.take();
        match tokio::runtime::Handle::try_current() {
            Ok(runtime) if !self.busy => {
                runtime.spawn(async move {
                    let _inside = inside;
                    let undone = tokio::time::timeout(ROLLING_BACK, execute(&held.pooled.session, "ROLLBACK")).await;
                    if !matches!(undone, Ok(Ok(()))) {
                        held.close();
                    }
                });
            }
            // The server doesn't notice by itself that nobody reads what a statement gives.
            Ok(runtime) => drop(runtime.spawn(async move {
                let _inside = inside;
                let session = &held.pooled.session;
                let ended = async {
                    if session.cancel_token().cancel_query(NoTls).await.is_ok() {
                        // Answered once the statement is.
                        let _ = execute(session, "ROLLBACK").await;
                    }
                };
                let _ = tokio::time::timeout(CANCELLING, ended).await;
                held.close();
            })),
            // Without a runtime nobody can roll back. Closing the connection does.
            Err(_) => held.close(),
        }
    }
}

/// Runs statements on a connection of our own that may take as long as the server works on them.
///
/// # Errors
/// Those of the statements, and when the server fell silent.
pub(crate) async fn run_long(pool: &Pool, session: &Session, sql: &str) -> QueryResult<()> {
    answered(pool, session, execute(session, sql)).await
}

/// The same for a query that was begun on it.
///
/// # Errors
/// Those of the query, and when the server fell silent.
pub(crate) async fn answered<T>(
    pool: &Pool,
    session: &Session,
    query: impl Future<Output = QueryResult<T>>,
) -> QueryResult<T> {
    let answer = pool.watchdog().wait(session.process, None, query).await;
    answer.unwrap_or_else(silence::no_answer)
}

/// A schema's name as an identifier. (Ours have no quotes, see `stores::Id`; this makes sure.)
pub(crate) fn quoted(schema: &str) -> String {
    format!("\"{}\"", schema.replace('"', "\"\""))
}
