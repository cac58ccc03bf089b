//! One SQLite file: one writer, shared by group commit, and a pool of readers beside it.

mod functions;
mod list;
mod pattern;
mod readers;
mod scans;
mod schema_changes;
mod statements;
mod wal;
mod writer;

use crate::error::{Error, Result, is_busy, was_interrupted};
use crate::gate::{Gate, Inside};
use crate::statement_counter::StatementCounter;
use crate::store::Reads;
use diesel::connection::{CacheSize, SimpleConnection};
use diesel::result::Error as DieselError;
use diesel::{Connection as _, QueryResult, SqliteConnection};
use floe_sqlite_watch as watch;
use futures_util::future::BoxFuture;
use readers::{ReadLease, Readers};
use schema_changes::SchemaChanges;
use std::ops::{Deref, DerefMut};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use wal::Wal;
use writer::{WriteLease, Writer, WriterQueue};

pub(crate) use statements::{BackToMark, Mark, Rehearse, UndoRehearsal};

/// How long a list or a count may run on the caller's own thread before it is moved to another one: so long everybody
/// else of that thread waits, each time that somebody asks for something long.
const IN_PLACE: Duration = Duration::from_micros(750);

/// The same for a caller whose scans wait already: those that are short are done in it, and of a flood of long ones, which
/// are going to be refused, each costs others less.
const IN_PLACE_OF_MANY: Duration = Duration::from_micros(100);

/// How many prepared statements a connection keeps: some kilobytes each.
const MOST_STATEMENTS: usize = 256;

/// A connection to a file, and how many statements it keeps.
pub(crate) struct Opened {
    connection: SqliteConnection,
    statements: StatementCounter,
    /// That the file is open.
    _inside: Option<Inside>,
}

/// A query of which is only known whether it failed; its answer goes where whoever runs it looks for it. So what surrounds
/// queries is compiled once, and not for each of them.
type Query<'q> = &'q mut dyn FnMut(&mut SqliteConnection) -> QueryResult<()>;

/// The same, to be run on another thread.
type OwnQuery = Box<dyn FnMut(&mut SqliteConnection) -> QueryResult<()> + Send>;

/// Lets `run` run this query, once, and gives its answer.
fn answer<T>(
    query: impl FnOnce(&mut SqliteConnection) -> QueryResult<T>,
    run: impl FnOnce(Query<'_>) -> QueryResult<()>,
) -> QueryResult<T> {
    let (mut query, mut answer) = (Some(query), None);
    run(&mut |connection| {
        let query = query.take().ok_or(DieselError::BrokenTransactionManager)?;
        answer = Some(query(connection)?);
        Ok(())
    })?;
    answer.ok_or(DieselError::BrokenTransactionManager)
}

/// Where a file is, and whether it may be opened. Cheap to clone.
#[derive(Clone)]
pub(crate) struct DatabaseFile {
    path: Arc<Path>,
    gate: Gate,
}

impl DatabaseFile {
    /// For a connection that nobody needs to know of.
    pub(crate) fn of(path: &Path) -> Self {
        Self { path: path.into(), gate: Gate::default() }
    }
}

/// Why a file takes no more changes before it is opened anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Broken {
    /// The disk failed while changes were made to last.
    DiskFailed,
    /// The file or its log isn't where it was.
    Removed,
}

/// What is called, once and on a thread that may block, when a file takes no more changes.
pub(crate) type OnBroken = Arc<dyn Fn(Broken, &dyn std::error::Error) + Send + Sync>;

/// Whose a file is.
pub(crate) struct FileOwner {
    /// For people: what follows "the data of".
    pub(crate) whose: String,
    /// Who is told when it takes no more changes.
    pub(crate) on_broken: OnBroken,
}

/// How long things may take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TimeLimits {
    /// A statement.
    pub(crate) statement: Duration,
    /// A unit of work, from when it has the writer.
    pub(crate) unit: Duration,
}

/// An open file.
pub struct File {
    file: DatabaseFile,
    writer: WriterQueue,
    readers: Readers,
    limits: TimeLimits,
}

impl File {
    /// Opens a file that exists and is migrated. All its connections come through this gate.
    pub(crate) fn open(path: &Path, limits: TimeLimits, gate: Gate, owner: FileOwner) -> Result<Self> {
        let file = DatabaseFile { path: path.into(), gate };
        let connection = connect(&file, Purpose::Writing)?;
        let recall = watch::Recall::default();
        let wal = Arc::new(Wal::open(file.clone(), recall.clone(), owner).map_err(Error::unavailable)?);
        let schema_changes = Arc::<SchemaChanges>::default();
        let writer = WriterQueue::new(Writer::new(connection, wal, Arc::clone(&schema_changes)), limits.unit);
        let readers = Readers::new(file.clone(), recall, schema_changes);
        Ok(Self { file, writer, readers, limits })
    }

    /// A reader for what is short.
    pub(crate) async fn read(&self, reads: Reads) -> Result<Lease> {
        self.refuse_if_gone()?;
        let reader = self.readers.take().await?;
        let statement_timeout = reads.limit.map_or(self.limits.statement, |limit| limit.min(self.limits.statement));
        Ok(Lease { connection: Leased::Reader(reader), statement_timeout, caller: reads.caller, scan_share: 1 })
    }

    pub(crate) async fn begin(&self) -> Result<Lease> {
        self.lease(self.writer.begin().await?)
    }

    /// After a commit of everybody who waits for one, and after others who do the same.
    pub(crate) async fn begin_alone(&self) -> Result<Lease> {
        self.lease(self.writer.begin_alone().await?)
    }

    fn lease(&self, unit: WriteLease) -> Result<Lease> {
        self.refuse_if_gone()?;
        let statement_timeout = self.limits.statement;
        Ok(Lease { connection: Leased::Writer(unit), statement_timeout, caller: 0, scan_share: 1 })
    }

    fn refuse_if_gone(&self) -> Result<()> {
        self.file.gate.check()
    }

    /// Runs a query that may be long. What `on_scan!` calls. See [`Lease::scan`].
    ///
    /// # Errors
    /// Those of the query; [`Error::Busy`] when too many others scan.
    pub async fn scan<T, F>(&self, reads: Reads, apart: bool, query: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnMut(&mut SqliteConnection) -> QueryResult<T> + Send + 'static,
    {
        self.read(reads).await?.scan(apart, query).await
    }

    /// How many bytes its log has on disk.
    pub(crate) fn wal_bytes(&self) -> u64 {
        self.writer.wal().bytes()
    }

    /// What looks whether the file is still where it was, and has it opened anew if not. To be run on a thread that may block.
    pub(crate) fn place_check(&self) -> impl FnOnce() + Send + use<> {
        let wal = self.writer.shared_wal();
        // Whoever finds out has it told and opened anew.
        move || {
            let _ = wal.must_be_in_place();
        }
    }

    /// Commits what waits, refuses everything from now on for this reason, and waits until no connection is open any more:
    /// the last one of a removed file that closes would remove the log of the next file of that name.
    pub(crate) async fn close(&self, why: Error) {
        self.file.gate.shut(why);
        let (writer, readers) = (self.writer.shared(), self.readers.clone());
        let closed = on_thread(move || {
            drop(readers.drain());
            let mut writer = writer.blocking_lock();
            writer.flush();
            let moved = writer.checkpoint();
            writer.let_go().and(moved)
        });
        if let Err(error) = closed.await.flatten() {
            tracing::warn!(path = %self.file.path.display(), %error, "the write-ahead log stays until it is opened again");
        }
        self.file.gate.empty().await;
    }

    /// As if the disk failed when the next change is made to last: for tests.
    pub(crate) fn fail_next_sync(&self) {
        self.writer.wal().fail_next_sync();
    }
}

/// A connection of a file: a reader, or the writer in the middle of a unit of work. Given back when dropped.
pub struct Lease {
    connection: Leased,
    statement_timeout: Duration,
    /// For whom is read, see [`Reads`].
    caller: u64,
    /// In a unit of work: which part of the time that it has a scan may take.
    scan_share: u32,
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
        answer(query, |query| self.run_within_time(false, query))
    }

    /// Runs a query that only reads, on this thread.
    ///
    /// # Errors
    /// Those of the query.
    pub(crate) fn look<T>(&mut self, query: impl FnOnce(&mut SqliteConnection) -> QueryResult<T>) -> QueryResult<T> {
        answer(query, |query| self.run_within_time(true, query))
    }

    fn run_within_time(&mut self, only_reads: bool, query: Query<'_>) -> QueryResult<()> {
        let time = self.statement_timeout;
        match &mut self.connection {
            Leased::Reader(reader) => reader.run(&mut |connection| watch::within(time, || query(connection))),
            Leased::Writer(unit) if only_reads => {
                let time = time.min(unit.time_left());
                unit.look(&mut |connection| watch::within(time, || query(connection)))
            }
            Leased::Writer(unit) => unit.run(&mut |connection| watch::within(time, || query(connection))),
            Leased::Lost => Err(DieselError::BrokenTransactionManager),
        }
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
    /// Those of the query; [`Error::Busy`] when too many others scan.
    pub async fn scan<T, F>(&mut self, apart: bool, mut query: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnMut(&mut SqliteConnection) -> QueryResult<T> + Send + 'static,
    {
        if !apart {
            let mut rows = None;
            let done = self.scan_in_place(&mut |connection| {
                rows = Some(query(connection)?);
                Ok(())
            });
            match done {
                Err(error) if was_interrupted(&error) => {}
                done => return done.and(rows.ok_or(DieselError::BrokenTransactionManager)).map_err(Error::from),
            }
        }
        let rows = Arc::new(Mutex::new(None));
        let found = Arc::clone(&rows);
        self.scan_apart(Box::new(move |connection| {
            let rows = query(connection)?;
            *found.lock().unwrap_or_else(PoisonError::into_inner) = Some(rows);
            Ok(())
        }))
        .await?;
        let rows = rows.lock().unwrap_or_else(PoisonError::into_inner).take();
        Ok(rows.ok_or(DieselError::BrokenTransactionManager)?)
    }

    /// On a thread of its own. Boxed, because that is rare: each list would carry the room that it needs.
    fn scan_apart(&mut self, query: OwnQuery) -> BoxFuture<'_, Result<()>> {
        Box::pin(async move {
            match std::mem::replace(&mut self.connection, Leased::Lost) {
                Leased::Reader(reader) => self.scan_as_reader(reader, query).await,
                Leased::Writer(unit) => self.scan_as_writer(unit, query).await,
                Leased::Lost => Err(DieselError::BrokenTransactionManager.into()),
            }
        })
    }

    /// For as long as that holds nobody up. A statement that reads takes nothing of the unit of work with it when it is
    /// interrupted.
    fn scan_in_place(&mut self, query: Query<'_>) -> QueryResult<()> {
        let is_flood = matches!(&self.connection, Leased::Reader(reader) if reader.is_full_for(self.caller));
        watch::within(if is_flood { IN_PLACE_OF_MANY } else { IN_PLACE }, || self.run_again(query))
    }

    fn run_again(&mut self, query: Query<'_>) -> QueryResult<()> {
        let time = self.statement_timeout;
        let mut in_time = |connection: &mut SqliteConnection| watch::within(time, || query(connection));
        match &mut self.connection {
            Leased::Reader(reader) => reader.run_again(&mut in_time),
            Leased::Writer(unit) => {
                let had_failed = unit.has_failed();
                let result = unit.look(&mut in_time);
                if !had_failed && matches!(&result, Err(error) if was_interrupted(error)) {
                    unit.forgive();
                }
                result
            }
            Leased::Lost => Err(DieselError::BrokenTransactionManager),
        }
    }

    /// When it is this caller's turn. Recalled for a checkpoint it begins anew, within the same time.
    async fn scan_as_reader(&mut self, reader: ReadLease, mut query: OwnQuery) -> Result<()> {
        let mut reader = reader.for_scan(self.caller, self.statement_timeout).await?;
        let time = self.statement_timeout;
        let waits = RecallOnDrop(watch::Recall::default());
        let gone = waits.0.clone();
        let (reader, result) = on_thread(move || {
            let recall = reader.recall().clone();
            let run = || scan_again(&recall, time, || reader.run_again(&mut query));
            let (result, _) = watch::recallable(&gone, || watch::politely(run));
            (reader, result)
        })
        .await?;
        self.connection = Leased::Reader(reader);
        Ok(result?)
    }

    /// For no longer than the unit of work may hold up others.
    async fn scan_as_writer(&mut self, mut unit: WriteLease, mut query: OwnQuery) -> Result<()> {
        let time = self.statement_timeout.min(unit.time_left()) / self.scan_share;
        let (unit, result) = on_thread(move || {
            let result = watch::politely(|| unit.look(&mut |connection| watch::within(time, || query(connection))));
            (unit, result)
        })
        .await?;
        self.connection = Leased::Writer(unit);
        Ok(result?)
    }

    pub(crate) async fn commit(self) -> Result<()> {
        match self.connection {
            Leased::Writer(unit) => unit.commit().await,
            Leased::Reader(_) | Leased::Lost => Err(DieselError::BrokenTransactionManager.into()),
        }
    }

    /// Forgets that a statement failed since the mark that was just gone back to.
    pub(crate) fn forgive(&mut self) {
        if let Leased::Writer(unit) = &mut self.connection {
            unit.forgive();
        }
    }

    /// How long the unit of work may still hold up others; none: as long as it needs, or it isn't one.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        match &self.connection {
            Leased::Writer(unit) => unit.deadline(),
            Leased::Reader(_) | Leased::Lost => None,
        }
    }

    /// Says that the unit of work changes tables' shapes: it takes as long as it needs, and readers are told.
    pub(crate) fn change_schema_from_now_on(&mut self) {
        if let Leased::Writer(unit) = &mut self.connection {
            unit.lift_time_limit();
            unit.change_schema();
        }
    }

    /// Whether this is a unit of work whose statements have kept the thread for a while.
    pub(crate) fn is_out_of_breath(&self) -> bool {
        matches!(&self.connection, Leased::Writer(unit) if unit.is_out_of_breath())
    }

    /// It has let others go first.
    pub(crate) fn has_breathed(&mut self) {
        if let Leased::Writer(unit) = &mut self.connection {
            unit.has_breathed();
        }
    }

    /// Lets what a unit of work scans take only one part in so many of the time that it has.
    pub(crate) fn limit_scans(&mut self, parts: u32) {
        self.scan_share = parts.max(1);
    }

    /// Lets the unit of work take as long as it needs.
    pub(crate) fn lift_time_limit(&mut self) {
        if let Leased::Writer(unit) = &mut self.connection {
            unit.lift_time_limit();
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
            let result = answer(work, |query| unit.run(query));
            (unit, result)
        })
        .await?;
        self.connection = Leased::Writer(unit);
        Ok(result?)
    }
}

/// Recalls a scan when nobody waits for it any more.
struct RecallOnDrop(watch::Recall);

impl Drop for RecallOnDrop {
    fn drop(&mut self) {
        self.0.recall();
    }
}

/// Runs a query until it isn't recalled for a checkpoint, all in all for so long.
fn scan_again(recall: &watch::Recall, time: Duration, mut query: impl FnMut() -> QueryResult<()>) -> QueryResult<()> {
    let started = Instant::now();
    loop {
        let left = time.saturating_sub(started.elapsed());
        match watch::recallable(recall, || watch::within(left, &mut query)) {
            (Err(error), true) if was_interrupted(&error) && started.elapsed() < time => {}
            (result, _) => return result,
        }
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

/// Opens a connection to a file that exists, and says how it behaves. It never makes the file: one that was removed stays so.
pub(crate) fn connect(file: &DatabaseFile, purpose: Purpose) -> Result<Opened> {
    watch::install(functions::FUNCTIONS);
    let inside = file.gate.enter()?;
    let mut connection = SqliteConnection::establish(&existing(&file.path)?).map_err(Error::unavailable)?;
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
        Purpose::Checkpointing => "PRAGMA cache_size = -1000; PRAGMA busy_timeout = 500; PRAGMA wal_autocheckpoint = 0",
        Purpose::Reading => "PRAGMA cache_size = -20000; PRAGMA mmap_size = 68719476736; PRAGMA query_only = ON",
        Purpose::Migrating => "PRAGMA cache_size = -16000",
    })?;
    let statements = StatementCounter::default();
    connection.set_instrumentation(statements.counter());
    Ok(Opened { connection, statements, _inside: Some(inside) })
}

/// Moves the log of a file that nobody has open into it, and removes it. Blocks.
pub(crate) fn move_log(file: &Path) -> Result<()> {
    let mut connection = connect(&DatabaseFile::of(file), Purpose::Migrating)?;
    Ok(connection.batch_execute("PRAGMA wal_checkpoint(TRUNCATE)")?)
}

/// The URI of a file that is to be opened, and not to be made.
fn existing(path: &Path) -> Result<String> {
    let path = path.to_str().ok_or_else(|| Error::unavailable("the data folder's name must be Unicode"))?;
    let escaped = path.replace('%', "%25").replace('?', "%3f").replace('#', "%23");
    Ok(format!("file:{escaped}?mode=rw"))
}

impl Opened {
    /// A connection to nothing, for who must have one.
    fn nowhere() -> Result<Self> {
        let connection = SqliteConnection::establish(":memory:").map_err(Error::unavailable)?;
        Ok(Self { connection, statements: StatementCounter::default(), _inside: None })
    }

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

/// Runs work that may wait for the disk, or be long, on a thread where that holds nobody up.
pub(crate) async fn on_thread<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(Error::unavailable)
}

/// What every connection that closes costs (the last one writes the log into the file) is paid on a thread of its own,
/// unless it was paid when the file was closed.
impl Drop for File {
    fn drop(&mut self) {
        if self.file.gate.is_shut() {
            return;
        }
        let rest = (self.readers.drain(), self.writer.shared());
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn_blocking(move || drop(rest));
        }
    }
}

fn busy_as_unavailable(error: DieselError) -> Error {
    if is_busy(&error) { Error::unavailable("another process holds the database's write lock") } else { error.into() }
}
