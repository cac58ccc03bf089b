//! Group commit: units of work share one physical transaction, and one fsync acknowledges them all.
//!
//! A unit of work holds the writer (a fair lock) from its first statement to its last, between `SAVEPOINT` and
//! `RELEASE`. To commit, it leaves a note where it is to be answered and gives the writer on. The first one that does so
//! also sends a task, which queues for the writer *behind everybody who is waiting already*: those become part of the
//! same transaction. When its turn comes it runs `COMMIT`, on a thread where waiting for the disk holds nobody up; back
//! on its own thread it answers all the notes. (Each answer from another thread would cost a system call to wake the
//! event loop up; from there most cost none.) So:
//! - nobody is answered before the fsync;
//! - the busier it is, the larger the groups are, and nobody ever waits for a group to fill;
//! - a future that is dropped half-way leaves nothing undone: the task doesn't depend on it;
//! - nor does an event loop that ends: see [`OnItsWay`].
//!
//! The price: units of a group share their fate. SQLite ends the whole transaction when the disk is full or fails, or a
//! *writing* statement is interrupted; then all of the group are told that nothing was saved, which is true.
//!
//! Measured on 2 busy cores at `synchronous=FULL`, units of one insert: about 5,000/s alone, 27,000/s with 16 at once,
//! 39,000/s with 64 (docs/decisions/0003).

use super::statements::{Begin, BeginUnit, Commit, EndUnit, Rollback, UndoUnit};
use super::{Opened, busy_as_unavailable, on_thread};
use crate::error::{Error, FAILED_UNIT, Result, is_busy};
use diesel::connection::SimpleConnection;
use diesel::result::Error as DieselError;
use diesel::{QueryResult, SqliteConnection};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{Mutex, OwnedMutexGuard, oneshot};

/// How many units of work share a physical transaction at the most. Bounds how long the first of them waits.
const LARGEST_GROUP: usize = 512;

/// How long to wait for another process (a backup, the command line) to give the write lock back.
const PATIENCE: Duration = Duration::from_secs(5);

/// The one connection that writes to a file, and those who wait for its next fsync.
pub(super) struct Writer {
    connection: Opened,
    /// Whether a physical transaction is open.
    open: bool,
    /// Whether a task is on its way that will commit. Always so while somebody waits.
    scheduled: bool,
    waiting: Vec<oneshot::Sender<Result<()>>>,
}

impl Writer {
    pub(super) fn new(connection: Opened) -> Self {
        Self { connection, open: false, scheduled: false, waiting: Vec::new() }
    }

    /// Ends the physical transaction. Everybody is answered when what this gives is dropped.
    pub(super) fn flush(&mut self) -> Option<Answers> {
        if !self.open {
            return None;
        }
        let outcome = Commit.run(&mut self.connection);
        if outcome.is_err() {
            // Depending on the fault SQLite has done so already; then this one fails, and that is fine.
            let _ = Rollback.run(&mut self.connection);
        }
        self.open = false;
        self.connection.tidy();
        Some(Answers { notes: std::mem::take(&mut self.waiting), outcome: outcome.map_err(Error::from) })
    }

    /// Writes the log into the file, so that the next start has nothing to do.
    pub(super) fn checkpoint(&mut self) -> QueryResult<()> {
        self.connection.batch_execute("PRAGMA wal_checkpoint(TRUNCATE)")
    }

    async fn open(&mut self) -> Result<()> {
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
    fn undo_unit(&mut self) {
        if !self.open {
            return;
        }
        if self.waiting.is_empty() {
            // A failure means that there is no transaction any more: just what is wanted.
            let _ = Rollback.run(&mut self.connection);
            self.open = false;
        } else if UndoUnit.run(&mut self.connection).and_then(|()| EndUnit.run(&mut self.connection)).is_err() {
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

impl Drop for Answers {
    fn drop(&mut self) {
        for note in self.notes.drain(..) {
            // Whoever doesn't want to know any more is committed nevertheless.
            let _ = note.send(self.outcome.clone());
        }
    }
}

/// Commits the group, once everybody who waits for the writer by now has become part of it.
async fn commit_group(on_its_way: OnItsWay) {
    let Some(writer) = &on_its_way.0 else { return };
    let mut writer = writer.clone().lock_owned().await;
    let committed = on_thread(move || {
        on_its_way.arrived();
        writer.scheduled = false;
        writer.flush()
    });
    // Answers on this thread.
    drop(committed.await);
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

/// The writer in the middle of a unit of work. Dropped without [`WriteLease::commit`]: undone.
pub(super) struct WriteLease {
    writer: OwnedMutexGuard<Writer>,
    state: State,
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
    pub(super) async fn begin(writer: &Arc<Mutex<Writer>>) -> Result<Self> {
        Self::begin_in_group_of(LARGEST_GROUP, writer).await
    }

    /// Begins a group of its own.
    pub(super) async fn begin_alone(writer: &Arc<Mutex<Writer>>) -> Result<Self> {
        Self::begin_in_group_of(1, writer).await
    }

    async fn begin_in_group_of(most: usize, writer: &Arc<Mutex<Writer>>) -> Result<Self> {
        let mut writer = writer.clone().lock_owned().await;
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
        let mut lease = Self { writer, state: State::Open };
        BeginUnit.run(&mut lease.writer.connection)?;
        Ok(lease)
    }

    /// Runs statements, and notices what became of the transaction.
    pub(super) fn run<T>(&mut self, query: impl FnOnce(&mut SqliteConnection) -> QueryResult<T>) -> QueryResult<T> {
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
        self.run(|connection| EndUnit.run(connection))?;
        self.state = State::Committed;
        let (note, answer) = oneshot::channel();
        self.writer.waiting.push(note);
        if !std::mem::replace(&mut self.writer.scheduled, true) {
            tokio::spawn(commit_group(OnItsWay(Some(OwnedMutexGuard::mutex(&self.writer).clone()))));
        }
        drop(self);
        answer.await.map_err(Error::unavailable)?
    }
}

impl Drop for WriteLease {
    fn drop(&mut self) {
        match self.state {
            State::Committed | State::Lost => {}
            State::Open | State::Failed => self.writer.undo_unit(),
        }
    }
}
