//! One SQLite file: one writer, shared by group commit, and a pool of readers beside it.

mod pattern;
mod readers;
mod statements;
mod wal;
mod writer;

use crate::error::{Error, Result, is_busy};
use crate::statement_counter::StatementCounter;
use diesel::connection::{CacheSize, SimpleConnection};
use diesel::result::{DatabaseErrorKind, Error as DieselError};
use diesel::{Connection as _, QueryResult, SqliteConnection};
use floe_sqlite_watch as watch;
use readers::{ReadLease, Readers};
use std::ops::{Deref, DerefMut};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::Mutex;
use wal::Wal;
use writer::{WriteLease, Writer};

pub(crate) use statements::{BackToMark, Mark, Rehearse, UndoRehearsal};

/// How long a list or a count may run on the caller's own thread before it is moved to another one: so long everybody
/// else of that thread waits, each time that somebody asks for something long.
const IN_PLACE: Duration = Duration::from_micros(750);

/// How many prepared statements a connection keeps: some kilobytes each.
const MOST_STATEMENTS: usize = 256;

/// A connection to a file, and how many statements it keeps.
pub(crate) struct Opened {
    connection: SqliteConnection,
    statements: StatementCounter,
}

/// An open file.
pub struct File {
    path: PathBuf,
    writer: Arc<Mutex<Writer>>,
    readers: Readers,
    statement_timeout: Duration,
    gone: AtomicBool,
}

impl File {
    /// Opens a file that exists and is migrated.
    pub(crate) fn open(path: PathBuf, statement_timeout: Duration) -> Result<Self> {
        let connection = connect(&path, Purpose::Writing)?;
        let wal = Arc::new(Wal::open(path.clone()).map_err(Error::unavailable)?);
        let writer = Arc::new(Mutex::new(Writer::new(connection, wal)));
        let readers = Readers::new(path.clone());
        Ok(Self { path, writer, readers, statement_timeout, gone: AtomicBool::new(false) })
    }

    /// A reader, whose statements may take as long as any, or only for this limit.
    pub(crate) async fn read(&self, limit: Option<Duration>) -> Result<Lease> {
        self.refuse_if_gone()?;
        let reader = self.readers.take().await?;
        let statement_timeout = limit.map_or(self.statement_timeout, |limit| limit.min(self.statement_timeout));
        Ok(Lease { connection: Leased::Reader(reader), statement_timeout })
    }

    pub(crate) async fn begin(&self) -> Result<Lease> {
        self.lease(WriteLease::begin(&self.writer).await?)
    }

    /// After a commit of everybody who waits for one.
    pub(crate) async fn begin_alone(&self) -> Result<Lease> {
        self.lease(WriteLease::begin_alone(&self.writer).await?)
    }

    fn lease(&self, unit: WriteLease) -> Result<Lease> {
        self.refuse_if_gone()?;
        Ok(Lease { connection: Leased::Writer(unit), statement_timeout: self.statement_timeout })
    }

    fn refuse_if_gone(&self) -> Result<()> {
        if self.gone.load(Ordering::Acquire) { Err(Error::unavailable("the store is closed")) } else { Ok(()) }
    }

    /// Runs a query that may be long. What `on_scan!` calls. See [`Lease::scan`]. It may take as long as any statement, or only for this
    /// limit.
    ///
    /// # Errors
    /// Those of the query.
    pub async fn scan<T, F>(&self, limit: Option<Duration>, apart: bool, query: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnMut(&mut SqliteConnection) -> QueryResult<T> + Send + 'static,
    {
        self.read(limit).await?.scan(apart, query).await
    }

    /// Commits what waits, and refuses everything from now on.
    pub(crate) async fn close(&self) {
        let writer = self.writer.clone();
        let path = self.path.clone();
        self.gone.store(true, Ordering::Release);
        drop(self.readers.drain());
        let closed = on_thread(move || {
            let mut writer = writer.blocking_lock();
            writer.flush();
            writer.checkpoint()
        });
        if let Err(error) = closed.await.flatten() {
            tracing::warn!(path = %path.display(), %error, "the write-ahead log stays until the next start");
        }
    }
}

/// A connection of a file: a reader, or the writer in the middle of a unit of work. Given back when dropped.
pub struct Lease {
    connection: Leased,
    statement_timeout: Duration,
}

enum Leased {
    Reader(ReadLease),
    Writer(WriteLease),
    /// On another thread, and lost there because whoever waited for it doesn't any more.
    Lost,
}

impl Lease {
    /// Runs a query on this thread. What `on_conn!` calls.
    ///
    /// # Errors
    /// Those of the query.
    pub fn run<T>(&mut self, query: impl FnOnce(&mut SqliteConnection) -> QueryResult<T>) -> QueryResult<T> {
        self.run_within_time(false, query)
    }

    /// Runs a query that only reads, on this thread.
    ///
    /// # Errors
    /// Those of the query.
    pub(crate) fn look<T>(&mut self, query: impl FnOnce(&mut SqliteConnection) -> QueryResult<T>) -> QueryResult<T> {
        self.run_within_time(true, query)
    }

    fn run_within_time<T>(
        &mut self,
        only_reads: bool,
        query: impl FnOnce(&mut SqliteConnection) -> QueryResult<T>,
    ) -> QueryResult<T> {
        let time = self.statement_timeout;
        let in_time = |connection: &mut SqliteConnection| watch::within(time, || query(connection));
        let result = match &mut self.connection {
            Leased::Reader(reader) => reader.connection().and_then(in_time),
            Leased::Writer(unit) if only_reads => unit.look(in_time),
            Leased::Writer(unit) => unit.run(in_time),
            Leased::Lost => Err(DieselError::BrokenTransactionManager),
        };
        if pattern::gave_up() { Err(interrupted()) } else { result }
    }

    /// See [`crate::UnitOfWork::last_change_follows`].
    pub(crate) fn last_change_follows(&mut self) {
        if let Leased::Writer(unit) = &mut self.connection {
            unit.last_change_follows();
        }
    }

    /// Runs a query that only reads and may be long: at first on this thread, for [`IN_PLACE`]; when it isn't done by
    /// then, or has to be `apart`, on a thread of its own, for as long as any statement may.
    ///
    /// # Errors
    /// Those of the query.
    pub async fn scan<T, F>(&mut self, apart: bool, mut query: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnMut(&mut SqliteConnection) -> QueryResult<T> + Send + 'static,
    {
        if !apart {
            let had_failed = self.has_failed();
            match watch::within(IN_PLACE, || self.run(&mut query)) {
                Err(error) if crate::error::was_interrupted(&error) => {}
                done => return Ok(done?),
            }
            // A statement that reads takes nothing of the unit of work with it.
            if !had_failed {
                self.forgive();
            }
        }
        self.scan_on_thread(query).await
    }

    /// Runs a query that only reads, or something like it, on a thread of its own, for as long as a statement may.
    ///
    /// # Errors
    /// Those of the query.
    pub(crate) async fn scan_on_thread<T: Send + 'static>(
        &mut self,
        query: impl FnOnce(&mut SqliteConnection) -> QueryResult<T> + Send + 'static,
    ) -> Result<T> {
        let connection = std::mem::replace(&mut self.connection, Leased::Lost);
        let mut moved = Self { connection, statement_timeout: self.statement_timeout };
        let (moved, result) = on_thread(move || {
            let result = watch::politely(|| moved.run(query));
            (moved, result)
        })
        .await?;
        self.connection = moved.connection;
        Ok(result?)
    }

    pub(crate) async fn commit(self) -> Result<()> {
        match self.connection {
            Leased::Writer(unit) => unit.commit().await,
            Leased::Reader(_) | Leased::Lost => Err(DieselError::BrokenTransactionManager.into()),
        }
    }

    fn has_failed(&self) -> bool {
        matches!(&self.connection, Leased::Writer(unit) if unit.has_failed())
    }

    /// Forgets that a statement failed since the mark that was just gone back to.
    pub(crate) fn forgive(&mut self) {
        if let Leased::Writer(unit) = &mut self.connection {
            unit.forgive();
        }
    }

    /// Runs statements that may take as long as they need on a thread of their own.
    pub(crate) async fn run_on_thread<T: Send + 'static>(
        &mut self,
        work: impl FnOnce(&mut SqliteConnection) -> QueryResult<T> + Send + 'static,
    ) -> Result<T> {
        let Leased::Writer(mut unit) = std::mem::replace(&mut self.connection, Leased::Lost) else {
            return Err(DieselError::BrokenTransactionManager.into());
        };
        let (unit, result) = on_thread(move || {
            let result = unit.run(work);
            (unit, result)
        })
        .await?;
        self.connection = Leased::Writer(unit);
        Ok(result?)
    }
}

/// What a connection is for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// The one that writes. Never waits for a lock by itself: that would hold up the thread (see `writer`).
    Writing,
    /// One of those that read.
    Reading,
    /// The one that moves the log into the file, beside the one that writes.
    Checkpointing,
    /// The one that migrates, on a thread where waiting is fine.
    Migrating,
}

/// Opens a connection and says how it behaves.
pub(crate) fn connect(path: &Path, purpose: Purpose) -> Result<Opened> {
    watch::install();
    let path = path.to_str().ok_or_else(|| Error::unavailable("the data folder's name must be Unicode"))?;
    let mut connection = SqliteConnection::establish(path).map_err(Error::unavailable)?;
    // Alone, so that it holds for the switch to WAL as well.
    connection.batch_execute("PRAGMA busy_timeout = 5000")?;
    connection.batch_execute(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA temp_store = MEMORY;
         PRAGMA journal_size_limit = 67108864; PRAGMA wal_autocheckpoint = 2000",
    )?;
    connection.batch_execute(match purpose {
        Purpose::Writing => {
            "PRAGMA cache_size = -16000; PRAGMA busy_timeout = 0; PRAGMA synchronous = NORMAL; PRAGMA wal_autocheckpoint = 0"
        }
        Purpose::Checkpointing => "PRAGMA cache_size = -1000; PRAGMA wal_autocheckpoint = 0",
        Purpose::Reading => "PRAGMA cache_size = -20000; PRAGMA mmap_size = 68719476736; PRAGMA query_only = ON",
        Purpose::Migrating => "PRAGMA cache_size = -16000",
    })?;
    pattern::register(&mut connection)?;
    let statements = StatementCounter::default();
    connection.set_instrumentation(statements.counter());
    Ok(Opened { connection, statements })
}

impl Opened {
    /// Forgets all prepared statements when there are too many. Not in the middle of one.
    fn tidy(&mut self) {
        if self.statements.too_many(MOST_STATEMENTS) {
            self.connection.set_prepared_statement_cache_size(CacheSize::Disabled);
            self.connection.set_prepared_statement_cache_size(CacheSize::Unbounded);
        }
    }
}

impl Deref for Opened {
    type Target = SqliteConnection;

    fn deref(&self) -> &SqliteConnection {
        &self.connection
    }
}

impl DerefMut for Opened {
    fn deref_mut(&mut self) -> &mut SqliteConnection {
        &mut self.connection
    }
}

/// What SQLite says of a statement that was stopped because its time was over.
pub(crate) fn interrupted() -> DieselError {
    DieselError::DatabaseError(DatabaseErrorKind::Unknown, Box::new("interrupted".to_owned()))
}

/// Runs work that may wait for the disk, or be long, on a thread where that holds nobody up.
pub(crate) async fn on_thread<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(Error::unavailable)
}

/// What every connection that closes costs (the last one writes the log into the file) is paid on a thread of its own.
impl Drop for File {
    fn drop(&mut self) {
        let rest = (self.readers.drain(), self.writer.clone());
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn_blocking(move || drop(rest));
        }
    }
}

fn busy_as_unavailable(error: DieselError) -> Error {
    if is_busy(&error) { Error::unavailable("another process holds the database's write lock") } else { error.into() }
}
