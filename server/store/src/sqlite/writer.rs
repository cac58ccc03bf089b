//! Group commit: units of work share one physical transaction, and one fsync acknowledges them all.
//!
//! A unit of work holds the writer (a fair lock) from its first statement to its last, between `SAVEPOINT` and
//! `RELEASE` (unless it needs none: [`WriteLease::last_change_follows`]). To commit, it leaves a note where it is to be answered and gives the writer on. The first one that does so
//! also sends a task, which queues for the writer *behind everybody who is waiting already*: those become part of the
//! same transaction. When its turn comes it runs `COMMIT`, on a thread where waiting for the disk holds nobody up, gives
//! the writer on, and makes the log last ([`super::wal`]); back on its own thread it answers all the notes. (Each answer
//! from another thread would cost a system call to wake the event loop up; from there most cost none.) So:
//! - nobody is answered before the fsync;
//! - while the disk is busy with one group the next one is being written; its `COMMIT` waits for that fsync to end;
//! - the busier it is, the larger the groups are, and nobody ever waits for a group to fill;
//! - a future that is dropped half-way leaves nothing undone: the task doesn't depend on it;
//! - nor does an event loop that ends: see [`OnItsWay`].
//!
//! The price: units of a group share their fate. SQLite ends the whole transaction when the disk is full or fails, or a
//! *writing* statement is interrupted; then all of the group are told that nothing was saved, which is true.
//!
//! Numbers: docs/decisions/0003 and 0015.

use super::schema_changes::{SchemaChange, SchemaChanges};
use super::statements::{Begin, BeginUnit, Commit, EndUnit, Rollback, UndoUnit};
use super::wal::{self, Kind, State as WalState, Wal};
use super::{Opened, Query, busy_as_unavailable, on_thread};
use crate::error::{Error, FAILED_UNIT, Result, UNIT_TOO_LONG, is_busy};
use diesel::QueryResult;
use diesel::connection::SimpleConnection;
use diesel::result::{DatabaseErrorKind, Error as DieselError};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};
use tokio::sync::{Mutex, OwnedMutexGuard, oneshot};

/// How many units of work share a physical transaction at the most. Bounds how long the first of them waits.
const LARGEST_GROUP: usize = 512;

/// How long to wait for another process (a backup, the command line) to give the write lock back.
const PATIENCE: Duration = Duration::from_secs(5);

/// How many wait for the writer at the most: more than are served in a tenth of a second only make each other wait.
const MOST_WAITING: usize = 2048;

/// How long a unit of work waits for the writer.
const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// For how long a unit of work may keep the thread.
const BREATH: Duration = Duration::from_millis(2);

/// How long nothing is written before the log is moved, however little is in it.
const IDLE: Duration = Duration::from_secs(1);

/// The one connection that writes to a file, and those who wait for its next fsync.
pub(super) struct Writer {
    connection: Opened,
    /// Whether a physical transaction is open.
    open: bool,
    /// Whether a task is on its way that will commit. Always so while somebody waits.
    scheduled: bool,
    waiting: Vec<oneshot::Sender<Result<()>>>,
    wal: Arc<Wal>,
    schema_changes: Arc<SchemaChanges>,
    /// How many pages were in the log when it was moved the last time, as far as that was possible.
    checkpointed_at: i32,
    /// Whether the log is being moved.
    checkpointing: bool,
    /// How many groups were committed.
    groups: u64,
    /// Whether a task waits for a quiet moment to move the log.
    idle_checkpoint_pending: bool,
}

impl Writer {
    pub(super) fn new(connection: Opened, wal: Arc<Wal>, schema_changes: Arc<SchemaChanges>) -> Self {
        Self {
            connection,
            open: false,
            scheduled: false,
            waiting: Vec::new(),
            wal,
            schema_changes,
            checkpointed_at: 0,
            checkpointing: false,
            groups: 0,
            idle_checkpoint_pending: false,
        }
    }

    /// Ends the physical transaction and makes it last. Everybody is answered when what this gives is dropped.
    pub(super) fn flush(&mut self) -> Option<Answers> {
        self.commit().map(|answers| answers.after_sync(&self.wal))
    }

    /// Ends the physical transaction. It is in the log then, but doesn't last yet.
    fn commit(&mut self) -> Option<Answers> {
        if !self.open {
            return None;
        }
        let outcome = Commit.run(&mut self.connection);
        if outcome.is_err() {
            // Depending on the fault SQLite has done so already; then this one fails, and that is fine.
            let _ = Rollback.run(&mut self.connection);
        }
        self.open = false;
        self.groups += 1;
        self.connection.tidy();
        Some(Answers { notes: std::mem::take(&mut self.waiting), outcome: outcome.map_err(Error::from) })
    }

    /// Has the log moved when it is long; in a quiet moment, whatever is in it. Waits for that when it is far too long.
    fn start_checkpoint(&mut self, this: &Arc<Mutex<Self>>, is_idle: bool) -> Result<()> {
        let WalState { written, checkpointed } = wal::state(&mut self.connection)?;
        if written < self.checkpointed_at {
            // It was begun anew.
            self.checkpointed_at = 0;
        }
        let is_large = is_idle && self.wal.bytes() > wal::KEPT_BYTES;
        let is_time = if is_idle {
            checkpointed < written || is_large
        } else {
            // Beyond its end with every commit: a reader may have come in between the last time.
            written - self.checkpointed_at >= wal::CHECKPOINT_PAGES || written >= wal::MOST_PAGES
        };
        if is_time && !self.checkpointing {
            let kind = if is_large || written >= wal::FULL_PAGES { Kind::Full } else { Kind::Passive };
            if kind == Kind::Full {
                tracing::info!(bytes = self.wal.bytes(), "the log is long: scans begin anew so that it can be emptied");
            }
            self.wal.start_checkpoint(kind, Arc::clone(this))?;
            self.checkpointing = true;
        }
        if self.checkpointing && written >= wal::MOST_PAGES {
            self.wal.with_checkpoint_lock(|| ());
        }
        Ok(())
    }

    /// The log was moved, as far as was possible: somebody may still read an old state of the file. If even that failed,
    /// it is left alone until it is as long again.
    pub(super) fn checkpoint_done(&mut self, state: Option<&WalState>) {
        self.checkpointed_at = match state {
            Some(state) => state.written,
            None => wal::state(&mut self.connection).map_or(0, |state| state.written),
        };
        self.checkpointing = false;
    }

    /// Writes the log into the file, so that the next start has nothing to do.
    pub(super) fn checkpoint(&mut self) -> Result<()> {
        self.wal.refuse_if_broken()?;
        let connection = &mut self.connection;
        Ok(self.wal.with_checkpoint_lock(|| connection.batch_execute("PRAGMA wal_checkpoint(TRUNCATE)"))?)
    }

    /// Closes the connection, so that the file isn't open any more although somebody still holds the writer.
    pub(super) fn let_go(&mut self) -> Result<()> {
        self.connection = Opened::nowhere()?;
        self.open = false;
        Ok(())
    }

    async fn open(&mut self) -> Result<()> {
        self.wal.refuse_if_broken()?;
        let started = Instant::now();
        loop {
            match Begin.run(&mut self.connection) {
                Ok(()) => break,
                Err(error) if is_busy(&error) && started.elapsed() < PATIENCE => {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
                Err(error) => return Err(busy_as_unavailable(error)),
            }
        }
        self.open = true;
        Ok(())
    }

    /// The physical transaction has ended without us: nothing of the group is saved.
    fn lose_group(&mut self) {
        self.open = false;
        let outcome = Err(Error::unavailable("the transaction that this was part of was rolled back"));
        drop(Answers { notes: std::mem::take(&mut self.waiting), outcome });
    }

    /// Undoes the unit that is open. Without others in the group, the write lock isn't kept either.
    fn undo_unit(&mut self, undo: Undo) {
        if !self.open {
            return;
        }
        if self.waiting.is_empty() {
            // A failure means that there is no transaction any more: just what is wanted.
            let _ = Rollback.run(&mut self.connection);
            self.open = false;
            return;
        }
        let undone = match undo {
            Undo::Nothing | Undo::NothingBeforeTheOnly => true,
            Undo::Savepoint => {
                UndoUnit.run(&mut self.connection).and_then(|()| EndUnit.run(&mut self.connection)).is_ok()
            }
            Undo::Group => false,
        };
        if !undone {
            let _ = Rollback.run(&mut self.connection);
            self.lose_group();
        }
    }
}

/// What became of a group, for those who wait to know. Dropping it tells them.
pub(super) struct Answers {
    notes: Vec<oneshot::Sender<Result<()>>>,
    outcome: Result<()>,
}

impl Answers {
    fn after_sync(mut self, wal: &Wal) -> Self {
        if self.outcome.is_ok() {
            self.outcome = wal.sync();
        }
        self
    }
}

impl Drop for Answers {
    fn drop(&mut self) {
        for note in self.notes.drain(..) {
            // Whoever doesn't want to know any more is committed nevertheless.
            let _ = note.send(self.outcome.clone());
        }
    }
}

/// Commits the group, once the one before lasts and everybody who waits for the writer by then has become part of it.
async fn commit_group(on_its_way: OnItsWay, wal: Arc<Wal>) {
    let Some(shared) = on_its_way.0.clone() else { return };
    let turn = wal.turn().await;
    let mut writer = shared.clone().lock_owned().await;
    let committed = on_thread(move || {
        on_its_way.arrived();
        writer.scheduled = false;
        let answers = writer.commit();
        if let Err(error) = writer.start_checkpoint(&shared, false) {
            tracing::warn!(%error, "the log grows");
        }
        let is_first = !std::mem::replace(&mut writer.idle_checkpoint_pending, true);
        drop(writer);
        let answers = answers.map(|answers| answers.after_sync(&wal));
        drop(turn);
        (answers, is_first.then(|| Arc::downgrade(&shared)))
    });
    // Answers on this thread.
    if let Ok((answers, busy)) = committed.await {
        drop(answers);
        if let Some(writer) = busy {
            tokio::spawn(checkpoint_when_idle(writer));
        }
    }
}

/// Moves the log once nothing is written any more: what is in the file is faster to read, and to open after a crash.
async fn checkpoint_when_idle(writer: Weak<Mutex<Writer>>) {
    let mut seen = None;
    loop {
        tokio::time::sleep(IDLE).await;
        let Some(writer) = writer.upgrade() else { return };
        let mut busy = writer.clone().lock_owned().await;
        // Nor can it be moved while a group is under way.
        if seen.replace(busy.groups) != Some(busy.groups) || busy.open {
            continue;
        }
        busy.idle_checkpoint_pending = false;
        let checkpointed = on_thread(move || busy.start_checkpoint(&writer, true)).await;
        if let Err(error) = checkpointed.flatten() {
            tracing::warn!(%error, "the log can't be moved into the file");
        }
        return;
    }
}

/// A commit that must come about, whatever becomes of the event loop that its task lives on: others wait for it. Dropped
/// before it has [arrived](OnItsWay::arrived), it commits on a thread of its own.
struct OnItsWay(Option<Arc<Mutex<Writer>>>);

impl OnItsWay {
    fn arrived(mut self) {
        self.0 = None;
    }
}

impl Drop for OnItsWay {
    fn drop(&mut self) {
        let Some(writer) = self.0.take() else { return };
        let commit = move || {
            let mut writer = writer.blocking_lock();
            writer.scheduled = false;
            writer.flush();
        };
        if let Err(error) = std::thread::Builder::new().spawn(commit) {
            tracing::error!(%error, "a group of changes can't be committed");
        }
    }
}

/// The writer, and those who wait for it.
pub(super) struct WriterQueue {
    writer: Arc<Mutex<Writer>>,
    wal: Arc<Wal>,
    waiting: AtomicUsize,
    /// Of the units that are parts of something long, one waits for the writer at a time.
    long: Arc<Mutex<()>>,
    unit_time: Duration,
}

impl WriterQueue {
    pub(super) fn new(writer: Writer, unit_time: Duration) -> Self {
        let wal = Arc::clone(&writer.wal);
        let (writer, long) = (Arc::new(Mutex::new(writer)), Arc::default());
        Self { writer, wal, waiting: AtomicUsize::new(0), long, unit_time }
    }

    /// The writer itself, for its end.
    pub(super) fn shared(&self) -> Arc<Mutex<Writer>> {
        Arc::clone(&self.writer)
    }

    pub(super) fn shared_wal(&self) -> Arc<Wal> {
        Arc::clone(&self.wal)
    }

    pub(super) fn wal(&self) -> &Wal {
        &self.wal
    }

    /// Begins a unit of work.
    ///
    /// # Errors
    /// [`Error::Busy`] when too many wait, or it waits for too long.
    pub(super) async fn begin(&self) -> Result<WriteLease> {
        let writer = self.wait_for(&self.writer).await?;
        WriteLease::begin(writer, LARGEST_GROUP, self.unit_time).await
    }

    /// Begins one in a group of its own, after others that do.
    ///
    /// # Errors
    /// As [`WriterQueue::begin`].
    pub(super) async fn begin_alone(&self) -> Result<WriteLease> {
        let turn = self.wait_for(&self.long).await?;
        let writer = self.wait_for(&self.writer).await?;
        let mut unit = WriteLease::begin(writer, 1, self.unit_time).await?;
        unit.turn = Some(turn);
        Ok(unit)
    }

    async fn wait_for<T>(&self, lock: &Arc<Mutex<T>>) -> Result<OwnedMutexGuard<T>> {
        // A lock that somebody waits for already can't be had like this: nobody is passed over.
        if let Ok(guard) = Arc::clone(lock).try_lock_owned() {
            return Ok(guard);
        }
        let _place = Place::take(&self.waiting)?;
        tokio::time::timeout(LONGEST_WAIT, Arc::clone(lock).lock_owned()).await.map_err(|_| Error::Busy)
    }
}

/// A place among those who wait, until dropped.
struct Place<'q>(&'q AtomicUsize);

impl<'q> Place<'q> {
    fn take(waiting: &'q AtomicUsize) -> Result<Self> {
        let place = Self(waiting);
        if waiting.fetch_add(1, Ordering::AcqRel) >= MOST_WAITING { Err(Error::Busy) } else { Ok(place) }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

/// The writer in the middle of a unit of work. Dropped without [`WriteLease::commit`]: undone.
pub(super) struct WriteLease {
    writer: OwnedMutexGuard<Writer>,
    state: State,
    undo: Undo,
    /// From when on statements are refused; none: never.
    deadline: Option<Instant>,
    /// When it let the thread's other tasks go first.
    breathed: Instant,
    /// Its turn among those that are parts of something long.
    turn: Option<OwnedMutexGuard<()>>,
    /// That it changes tables' shapes.
    schema_change: Option<SchemaChange>,
}

/// How what this unit has changed would be undone.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Undo {
    /// It has changed nothing yet.
    Nothing,
    /// The same, and the next statement is the only one that changes something: SQLite undoes it by itself if it fails.
    NothingBeforeTheOnly,
    /// By going back to the savepoint.
    Savepoint,
    /// With the whole group. Nobody who may fail comes so far.
    Group,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// Statements may run.
    Open,
    /// A statement failed. PostgreSQL wouldn't commit this unit any more, so SQLite doesn't either.
    Failed,
    /// SQLite has rolled back the physical transaction; a further statement would commit itself.
    Lost,
    /// Handed over to the group.
    Committed,
}

impl WriteLease {
    /// Begins a unit of work in a group of so many, once the writer is had.
    async fn begin(mut writer: OwnedMutexGuard<Writer>, most: usize, time: Duration) -> Result<Self> {
        if writer.waiting.len() >= most {
            writer = on_thread(move || {
                writer.flush();
                writer
            })
            .await?;
        }
        if !writer.open {
            writer.open().await?;
        }
        let breathed = Instant::now();
        let deadline = breathed.checked_add(time);
        let (state, undo) = (State::Open, Undo::Nothing);
        Ok(Self { writer, state, undo, deadline, breathed, turn: None, schema_change: None })
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// How long it may still hold up others.
    pub(super) fn time_left(&self) -> Duration {
        self.deadline.map_or(Duration::MAX, |deadline| deadline.saturating_duration_since(Instant::now()))
    }

    pub(super) fn is_out_of_breath(&self) -> bool {
        self.breathed.elapsed() >= BREATH
    }

    pub(super) fn has_breathed(&mut self) {
        self.breathed = Instant::now();
    }

    pub(super) fn lift_time_limit(&mut self) {
        self.deadline = None;
    }

    /// Says that tables' shapes change, until this has been committed or undone.
    pub(super) fn change_schema(&mut self) {
        let changes = &self.writer.schema_changes;
        self.schema_change.get_or_insert_with(|| changes.begin());
    }

    fn refuse_if_late(&mut self) -> QueryResult<()> {
        if self.deadline.is_none_or(|deadline| Instant::now() < deadline) {
            return Ok(());
        }
        if self.state == State::Open {
            self.state = State::Failed;
        }
        Err(DieselError::DatabaseError(DatabaseErrorKind::Unknown, Box::new(UNIT_TOO_LONG.to_owned())))
    }

    /// The next statement is the last one of this unit that may fail. If it is the first one as well, it needs no
    /// savepoint, which would copy every page that it changes.
    pub(super) fn last_change_follows(&mut self) {
        if self.undo == Undo::Nothing {
            self.undo = Undo::NothingBeforeTheOnly;
        }
    }

    /// Runs statements that change nothing.
    pub(super) fn look(&mut self, query: Query<'_>) -> QueryResult<()> {
        self.refuse_if_late()?;
        self.run_in(query)
    }

    /// Runs statements.
    pub(super) fn run(&mut self, query: Query<'_>) -> QueryResult<()> {
        self.refuse_if_late()?;
        match self.undo {
            Undo::Savepoint | Undo::Group => self.run_in(query),
            Undo::Nothing => {
                self.run_in(&mut |connection| BeginUnit.run(connection))?;
                self.undo = Undo::Savepoint;
                self.run_in(query)
            }
            Undo::NothingBeforeTheOnly => {
                // At first, in case that it panics.
                self.undo = Undo::Group;
                let result = self.run_in(query);
                if result.is_err() {
                    self.undo = Undo::Nothing;
                }
                result
            }
        }
    }

    /// Runs statements, and notices what became of the transaction.
    fn run_in(&mut self, query: Query<'_>) -> QueryResult<()> {
        if self.state == State::Lost {
            return Err(DieselError::BrokenTransactionManager);
        }
        let before = floe_sqlite_watch::rollbacks();
        let result = query(&mut self.writer.connection);
        if floe_sqlite_watch::rollbacks() != before {
            self.state = State::Lost;
            self.writer.lose_group();
        } else if matches!(result, Err(DieselError::DatabaseError(..))) {
            self.state = State::Failed;
        }
        result
    }

    /// Whether a statement failed, so that the unit can't be committed.
    pub(super) fn has_failed(&self) -> bool {
        self.state == State::Failed
    }

    /// What failed was undone by going back to a mark.
    pub(super) fn forgive(&mut self) {
        if self.state == State::Failed {
            self.state = State::Open;
        }
    }

    /// Hands the unit over to the group, and waits for the group's fsync.
    pub(super) async fn commit(mut self) -> Result<()> {
        if self.state != State::Open {
            return Err(Error::unavailable(FAILED_UNIT));
        }
        if self.undo == Undo::Savepoint {
            self.run_in(&mut |connection| EndUnit.run(connection))?;
        }
        self.state = State::Committed;
        let (note, answer) = oneshot::channel();
        self.writer.waiting.push(note);
        if !std::mem::replace(&mut self.writer.scheduled, true) {
            let on_its_way = OnItsWay(Some(OwnedMutexGuard::mutex(&self.writer).clone()));
            tokio::spawn(commit_group(on_its_way, Arc::clone(&self.writer.wal)));
        }
        // Until others can see it.
        let _schema_change = self.schema_change.take();
        drop(self);
        answer.await.map_err(Error::unavailable)?
    }
}

impl Drop for WriteLease {
    fn drop(&mut self) {
        match self.state {
            State::Committed | State::Lost => {}
            State::Open | State::Failed => self.writer.undo_unit(self.undo),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sqlite::{Broken, DatabaseFile, FileOwner, OnBroken, Purpose, connect};
    use floe_sqlite_watch::Recall;

    /// Who doesn't mind.
    fn nobody() -> FileOwner {
        FileOwner { whose: "nobody".to_owned(), on_broken: Arc::new(|_: Broken, _: &dyn std::error::Error| ()) }
    }

    /// SQLite can't move the log then, and would say so: no reason for a warning.
    #[tokio::test]
    async fn the_log_is_not_moved_while_a_group_is_under_way() {
        let folder = tempfile::tempdir().unwrap();
        let file = DatabaseFile::of(&folder.path().join("file.db"));
        std::fs::File::create(&file.path).unwrap();
        let mut connection = connect(&file, Purpose::Writing).unwrap();
        connection.batch_execute("CREATE TABLE t(i)").unwrap();
        let wal = Arc::new(Wal::open(file, Recall::default(), nobody()).unwrap());
        let writer = WriterQueue::new(Writer::new(connection, wal, Arc::default()), Duration::from_secs(1)).shared();
        writer.lock().await.open().await.unwrap();
        assert!(writer.lock().await.start_checkpoint(&writer, true).is_err(), "it can't be moved now");
        let moving = checkpoint_when_idle(Arc::downgrade(&writer));
        tokio::pin!(moving);
        assert!(tokio::time::timeout(4 * IDLE, &mut moving).await.is_err(), "so it is put off");
        drop(writer.lock().await.flush());
        moving.await;
    }

    #[tokio::test]
    async fn only_so_many_wait() {
        use futures_util::FutureExt as _;
        let folder = tempfile::tempdir().unwrap();
        let file = DatabaseFile::of(&folder.path().join("file.db"));
        std::fs::File::create(folder.path().join("file.db")).unwrap();
        let mut connection = connect(&file, Purpose::Writing).unwrap();
        connection.batch_execute("CREATE TABLE t(i)").unwrap();
        let wal = Arc::new(Wal::open(file, Recall::default(), nobody()).unwrap());
        let writer = WriterQueue::new(Writer::new(connection, wal, Arc::default()), Duration::from_secs(1));
        let unit = writer.begin().await.unwrap();
        let mut waiting: Vec<_> = (0..MOST_WAITING).map(|_| Box::pin(writer.begin())).collect();
        assert!(waiting.iter_mut().all(|wait| wait.now_or_never().is_none()));
        assert!(matches!(writer.begin().now_or_never(), Some(Err(Error::Busy))));
        // Whoever goes away leaves the place to the next one.
        waiting.pop();
        assert!(writer.begin().now_or_never().is_none());
        drop((unit, waiting));
        writer.begin().await.unwrap();
    }

    #[tokio::test]
    async fn nobody_is_told_that_it_is_saved_when_the_disk_did_not_say_so() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::File::create(folder.path().join("file.db")).unwrap();
        let connection = connect(&DatabaseFile::of(&folder.path().join("file.db")), Purpose::Writing).unwrap();
        std::fs::File::create(folder.path().join("broken.db")).unwrap();
        // A device can be opened as a file, but not be synced.
        std::os::unix::fs::symlink("/dev/null", folder.path().join("broken.db-wal")).unwrap();
        let told = Arc::new(AtomicUsize::new(0));
        let on_broken: OnBroken = Arc::new({
            let told = Arc::clone(&told);
            move |why: Broken, _: &dyn std::error::Error| {
                assert_eq!(why, Broken::DiskFailed);
                told.fetch_add(1, Ordering::Relaxed);
            }
        });
        let owner = FileOwner { whose: "the project \"one\"".to_owned(), on_broken };
        let wal =
            Arc::new(Wal::open(DatabaseFile::of(&folder.path().join("broken.db")), Recall::default(), owner).unwrap());
        let writer = WriterQueue::new(Writer::new(connection, wal, Arc::default()), Duration::from_secs(1));
        let mut unit = writer.begin().await.unwrap();
        unit.run(&mut |connection| connection.batch_execute("CREATE TABLE t(i)")).unwrap();
        assert!(matches!(unit.commit().await, Err(Error::Unavailable(_))));
        let next = writer.begin().await;
        assert!(matches!(next, Err(Error::Closed)), "what comes later couldn't be read again");
        assert_eq!(told.load(Ordering::Relaxed), 1);
    }
}
