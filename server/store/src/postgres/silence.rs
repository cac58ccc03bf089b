//! Tells a statement that takes long from one whose answer will never come.
//!
//! A connection can die without a word: a failover, a firewall that forgot it, a server that was stopped. Waiting for the
//! longest that a statement may take would leave every connection dead for that long. So when a statement has run for
//! [`PULSE`], the server is asked on another connection whether it still works on it; a statement it doesn't work on, or
//! a server that doesn't answer that either, is given up.

use super::session::Session;
use diesel::QueryResult;
use diesel::deserialize::QueryableByName;
use diesel::result::{DatabaseErrorKind, Error as DieselError};
use diesel::sql_types::{Bool, Integer};
use diesel_async::RunQueryDsl as _;
use std::pin::pin;
use std::time::{Duration, Instant};
use tokio::sync::Mutex;
use tokio_postgres::Config;

/// How long an answer is awaited before the server is asked about it, and again.
const PULSE: Duration = Duration::from_secs(2);

/// How long the server may take to tell.
const TELLING: Duration = Duration::from_secs(1);

/// How long after it said that there's nothing to wait for it is asked again: the answer may be on its way.
const ON_ITS_WAY: Duration = Duration::from_millis(300);

/// What a statement beyond the database's own limit may take on the way.
const SLACK: Duration = Duration::from_secs(2);

pub(super) const NO_ANSWER: &str = "the database doesn't answer";

/// Asks the server what it is doing, on a connection of its own.
pub(crate) struct Watchdog {
    config: Config,
    session: Mutex<Option<Session>>,
}

#[derive(QueryableByName)]
struct Works {
    #[diesel(sql_type = Bool)]
    works: bool,
}

impl Watchdog {
    pub(super) fn new(config: Config) -> Self {
        Self { config, session: Mutex::default() }
    }

    /// Waits for the answer to what was sent to this process of the server. None: there won't be one. A statement without
    /// a limit may take as long as the server works on it.
    pub(super) async fn wait<T>(
        &self,
        process: i32,
        limit: Option<Duration>,
        answer: impl Future<Output = T>,
    ) -> Option<T> {
        let (begun, mut answer) = (Instant::now(), pin!(answer));
        loop {
            if let Ok(answer) = tokio::time::timeout(PULSE, &mut answer).await {
                return Some(answer);
            }
            if limit.is_some_and(|limit| begun.elapsed() > limit + SLACK) {
                return None;
            }
            for last in [false, true] {
                tokio::select! {
                    biased;
                    answer = &mut answer => return Some(answer),
                    works = self.works(process) => match works {
                        true => break,
                        false if last => return None,
                        false => {}
                    }
                }
                if let Ok(answer) = tokio::time::timeout(ON_ITS_WAY, &mut answer).await {
                    return Some(answer);
                }
            }
        }
    }

    /// Whether the server works on what that process was sent. One that doesn't say so in time doesn't.
    async fn works(&self, process: i32) -> bool {
        let told = tokio::time::timeout(TELLING, self.ask(process)).await;
        match told {
            Ok(Ok(works)) => works,
            // It answers, though not this (too many connections, say): the statement's own limit has to do.
            Ok(Err(_)) => true,
            Err(_) => false,
        }
    }

    async fn ask(&self, process: i32) -> Result<bool, Box<dyn std::error::Error + Send + Sync>> {
        let mut place = self.session.lock().await;
        // Put back when it has answered: one that didn't is closed.
        let mut session = match place.take().filter(|session| !session.is_closed()) {
            Some(session) => session,
            None => Session::connect(&self.config, "SET statement_timeout = 1000").await?,
        };
        let sql = "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE pid = $1 AND state NOT LIKE 'idle%') AS works";
        let works: Works = diesel::sql_query(sql).bind::<Integer, _>(process).get_result(&mut *session).await?;
        *place = Some(session);
        Ok(works.works)
    }
}

/// The error of a statement that was given up.
pub(super) fn no_answer<T>() -> QueryResult<T> {
    Err(DieselError::DatabaseError(DatabaseErrorKind::ClosedConnection, Box::new(NO_ANSWER.to_owned())))
}
