//! What a project may hold, and how much of it it does.
//!
//! Nothing in the database is counted when something is written. While a project is written to, a task looks now and then
//! how large it is; in between this process adds what it makes and takes off what it removes. How many rows there are is
//! seldom counted even then: as long as all rows that its tables ever had are fewer than a project may have, there is
//! nothing to find out.

use crate::connection::{Connection, Number};
use crate::error::{Error, Result};
use crate::prelude::*;
use crate::store::Store;
use crate::stores::BackgroundProject;
use diesel::sql_types::{BigInt, Text};
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Mutex as Turn;

/// How much a project may hold; 0: any number.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Quota {
    /// Rows, of all its tables.
    pub rows: u64,
    /// Bytes: of its file, or of its schema.
    pub bytes: u64,
}

/// What of a quota is used up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Used {
    /// The rows.
    Rows,
    /// The bytes.
    Bytes,
}

/// How long between two looks, at the least: on SQLite, where they cost microseconds, and on PostgreSQL.
const LOOKS: [Duration; 2] = [Duration::from_millis(500), Duration::from_secs(2)];

/// So many times as long as the last look took nobody looks again.
const REST: u32 = 20;

/// How long a request waits for a look.
const PATIENCE: Duration = Duration::from_secs(1);

/// With so many more rows the quota may be used up before anybody looks again: more than one request makes.
const NEAR: i64 = 2000;

/// How much of its quota a project has used.
pub(crate) struct Usage {
    quota: Quota,
    /// Rows at the last look, or more; and what this process has made and removed since.
    rows: AtomicI64,
    /// Whether they were counted then.
    counted: AtomicBool,
    /// As of the last look.
    bytes_used: AtomicBool,
    /// Whether there was one.
    looked: AtomicBool,
    /// How many of the rows that a table ever had are gone, when they were counted last.
    gone: Mutex<HashMap<String, i64>>,
    /// Held by who looks.
    turn: Arc<Turn<()>>,
    opened: Instant,
    /// When to look again, in milliseconds after `opened`.
    due: AtomicU64,
}

impl Usage {
    pub(crate) fn new(quota: Quota) -> Self {
        Self {
            quota,
            rows: AtomicI64::new(0),
            counted: AtomicBool::new(false),
            bytes_used: AtomicBool::new(false),
            looked: AtomicBool::new(false),
            gone: Mutex::default(),
            turn: Arc::default(),
            opened: Instant::now(),
            due: AtomicU64::new(0),
        }
    }

    /// Notes that this process has made so many rows, or removed them.
    pub(crate) fn grow(&self, rows: i64) {
        if self.quota.rows > 0 && rows != 0 {
            self.rows.fetch_add(rows, Relaxed);
        }
    }

    /// Refuses another row beside so many that are made already and not committed.
    pub(crate) fn refuse_row(&self, made: i64) -> Result<()> {
        if self.quota.rows > 0 && self.rows_left(made) <= 0 { Err(Error::QuotaUsed(Used::Rows)) } else { Ok(()) }
    }

    pub(crate) fn refuse_bytes(&self) -> Result<()> {
        if self.bytes_used.load(Relaxed) { Err(Error::QuotaUsed(Used::Bytes)) } else { Ok(()) }
    }

    fn rows_left(&self, made: i64) -> i64 {
        let most = i64::try_from(self.quota.rows).unwrap_or(i64::MAX);
        most.saturating_sub(self.rows.load(Relaxed).saturating_add(made))
    }

    /// Where there is a quota: has somebody look when it is time, and waits for that where something would be refused without need.
    async fn refresh(self: &Arc<Self>, project: BackgroundProject) {
        let few_are_left = |few| self.quota.rows > 0 && self.rows_left(0) <= few;
        let is_unsure = !self.looked.load(Relaxed) || (few_are_left(NEAR) && !self.counted.load(Relaxed));
        if !is_unsure && self.now() < self.due.load(Relaxed) {
            return;
        }
        let would_refuse = is_unsure || self.bytes_used.load(Relaxed) || few_are_left(0);
        if let Ok(turn) = Arc::clone(&self.turn).try_lock_owned() {
            let usage = Arc::clone(self);
            project.tasks().clone().spawn(async move {
                let _turn = turn;
                usage.look_and_rest(&project).await;
            });
        }
        if would_refuse {
            // What takes longer is of use to those who come later.
            let _ = tokio::time::timeout(PATIENCE, self.turn.lock()).await;
        }
    }

    async fn look_and_rest(&self, project: &BackgroundProject) {
        let began = Instant::now();
        let pause = match self.look(project).await {
            Ok(is_sqlite) => LOOKS[usize::from(!is_sqlite)],
            // Closed, or deleted, meanwhile.
            Err(Error::Closed | Error::ProjectNotFound) => return,
            Err(error) => {
                tracing::warn!(%error, "nobody knows how much a project holds");
                LOOKS[1]
            }
        };
        let due = self.now() + millis(pause.max(began.elapsed() * REST));
        self.due.store(due, Relaxed);
        self.looked.store(true, Relaxed);
    }

    /// Whether this is SQLite.
    async fn look(&self, project: &BackgroundProject) -> Result<bool> {
        let store = project.store().await?;
        if self.quota.bytes > 0 {
            let bytes = bytes_of(&store).await?;
            self.bytes_used.store(bytes >= self.quota.bytes, Relaxed);
        }
        let is_sqlite = store.is_sqlite();
        if self.quota.rows > 0 {
            let tables = rows_ever(&store).await?;
            drop(store);
            let (rows, counted) = self.rows_of(project, tables).await?;
            self.rows.store(rows, Relaxed);
            self.counted.store(counted, Relaxed);
        }
        Ok(is_sqlite)
    }

    /// How many rows there are, or more, and whether they were counted: where it matters.
    async fn rows_of(&self, project: &BackgroundProject, tables: Vec<Rows>) -> Result<(i64, bool)> {
        let known = self.gone.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let most = |table: &Rows| table.ever - known.get(&table.name).copied().unwrap_or_default();
        let rows = tables.iter().map(most).sum::<i64>();
        if rows.saturating_add(NEAR).cast_unsigned() < self.quota.rows {
            return Ok((rows, false));
        }
        let (mut rows, mut gone) = (0, HashMap::with_capacity(tables.len()));
        for table in tables {
            // Asked for anew each time: others work in the background too.
            let there = count(&*project.store().await?, &table).await?.min(table.ever);
            rows += there;
            gone.insert(table.name, table.ever - there);
        }
        *self.gone.lock().unwrap_or_else(PoisonError::into_inner) = gone;
        Ok((rows, true))
    }

    fn now(&self) -> u64 {
        millis(self.opened.elapsed())
    }
}

impl Store {
    /// Sees to it that what is known of how much the project holds isn't old: to be called before something that may need
    /// room. Costs nothing where there is no quota, and waits for a second at the most where something would be refused.
    pub async fn refresh_usage(&self) {
        let usage = &self.open.usage;
        if usage.quota != Quota::default() {
            usage.refresh(self.background()).await;
        }
    }

    /// Refuses when the project holds as many bytes as it may.
    ///
    /// # Errors
    /// [`Error::QuotaUsed`].
    pub fn refuse_if_full(&self) -> Result<()> {
        self.open.usage.refuse_bytes()
    }

    /// Looks how much the project holds, now: for tests.
    #[doc(hidden)]
    pub async fn look_at_usage(&self) {
        let _turn = self.open.usage.turn.lock().await;
        self.open.usage.look_and_rest(&self.background()).await;
    }
}

/// By how many rows a unit of work makes its project grow.
#[derive(Default)]
pub(crate) struct Growth {
    rows: i64,
    at_mark: i64,
    /// Somewhere in a rehearsal: before it.
    before_rehearsal: Option<i64>,
}

impl Growth {
    pub(crate) fn rows(&self) -> i64 {
        self.rows
    }

    pub(crate) fn add(&mut self, rows: i64) {
        self.rows += rows;
    }

    pub(crate) fn mark(&mut self) {
        self.at_mark = self.rows;
    }

    pub(crate) fn back_to_mark(&mut self) {
        self.rows = self.at_mark;
    }

    pub(crate) fn rehearse(&mut self) {
        self.before_rehearsal = Some(self.rows);
    }

    pub(crate) fn undo_rehearsal(&mut self) {
        self.rows = self.before_rehearsal.take().unwrap_or(self.rows);
    }

    /// Whether what is done now will be undone.
    pub(crate) fn is_rehearsed(&self) -> bool {
        self.before_rehearsal.is_some()
    }
}

/// A table of rows.
#[derive(QueryableByName)]
struct Rows {
    #[diesel(sql_type = Text)]
    name: String,
    /// How many rows it ever had, or more.
    #[diesel(sql_type = BigInt)]
    ever: i64,
}

/// How many bytes hold something: of a file without the pages that are free, of a schema with everything that its tables
/// and their indexes take on disk.
async fn bytes_of(store: &Store) -> Result<u64> {
    let sql = match store.schema() {
        None => "SELECT (page_count - freelist_count) * page_size AS n \
                 FROM pragma_page_count(), pragma_freelist_count(), pragma_page_size()"
            .to_owned(),
        Some(schema) => format!(
            "SELECT coalesce(sum(pg_total_relation_size(c.oid)), 0)::bigint AS n FROM pg_class c \
             JOIN pg_namespace s ON s.oid = c.relnamespace WHERE s.nspname = '{schema}' AND c.relkind = 'r'"
        ),
    };
    let query = diesel::sql_query(sql);
    let amount = on_conn!(store.read().await?, |c| query.get_result::<Number>(c))?;
    Ok(amount.n.max(0).cast_unsigned())
}

/// The tables of rows, with how many rows they ever had: what the database remembers to number the next one.
async fn rows_ever(store: &Store) -> Result<Vec<Rows>> {
    let sql = match store.schema() {
        None => "SELECT name, seq AS ever FROM sqlite_sequence WHERE name GLOB 'rows_[0-9]*'".to_owned(),
        Some(schema) => format!(
            "SELECT substring(sequencename FROM '^rows_[0-9]+') AS name, last_value AS ever FROM pg_sequences \
             WHERE schemaname = '{schema}' AND sequencename ~ '^rows_[0-9]+_' AND last_value IS NOT NULL"
        ),
    };
    let query = diesel::sql_query(sql);
    Ok(on_conn!(store.read().await?, |c| query.load::<Rows>(c))?)
}

/// How many rows a table has. One that can't be counted in the time that any statement has counts with all it ever had;
/// one that is gone has none.
async fn count(store: &Store, table: &Rows) -> Result<i64> {
    // Named by us (docs/decisions/0004).
    let sql = format!("SELECT count(*) AS n FROM {}", table.name);
    let counted = on_scan!(store, |c| diesel::sql_query(sql.as_str()).get_result::<Number>(c));
    match counted {
        Ok(amount) => Ok(amount.n),
        Err(Error::Timeout) => Ok(table.ever),
        Err(Error::Unavailable(_)) if !is_there(&mut store.read().await?, &table.name).await? => Ok(0),
        Err(error) => Err(error),
    }
}

async fn is_there(conn: &mut Connection, table: &str) -> Result<bool> {
    let sql = if conn.is_sqlite() {
        format!("SELECT count(*) AS n FROM sqlite_master WHERE name = '{table}'")
    } else {
        format!("SELECT count(to_regclass('{table}')) AS n")
    };
    let query = diesel::sql_query(sql);
    Ok(on_conn!(conn, |c| query.get_result::<Number>(c))?.n > 0)
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
