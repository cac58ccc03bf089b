//! A file's write-ahead log: made to last, and moved into the file.
//!
//! SQLite's own `COMMIT` here only writes to the log (`synchronous = NORMAL`). The fsync that makes it last is ours, so
//! that the next group of changes may go on meanwhile; nobody is answered before it ([`Wal::sync`]). What SQLite at
//! `FULL` would do in one step is done in two.
//!
//! Nor does the writer stop while the log is moved into the file (a checkpoint). That happens on a thread of its own, on
//! a connection of its own; only for the little that was written meanwhile the writer is held at the end, because SQLite
//! begins the log anew only when all of it has been moved ([`Wal::start_checkpoint`]).
//!
//! What a reader sees stays in the log for as long as it reads; readers that overlap would let it grow without end. When it
//! is long, scans are recalled and begin anew ([`Kind::Full`]).

use super::statements::{Checkpoint, Truncate, WalStatus};
use super::writer::Writer;
use super::{Broken, DatabaseFile, FileOwner, Opened, Purpose, connect};
use crate::error::{Error, Result};
use diesel::deserialize::QueryableByName;
use diesel::result::Error as DieselError;
use diesel::sql_types::Integer;
use diesel::sqlite::Sqlite;
use diesel::{QueryResult, RunQueryDsl, SqliteConnection};
use floe_sqlite_watch::Recall;
use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::OwnedMutexGuard;

/// How many pages are written to the log before they are moved: 32 MB. A page that is written several times until then
/// is moved once; on the other hand, what is in the log takes a little longer to find.
pub(super) const CHECKPOINT_PAGES: i32 = 8192;

/// How long the log may become before scans are recalled for it: 160 MB, in pages.
pub(super) const FULL_PAGES: i32 = 40_960;

/// How long it may become before nothing is written until that has happened: 224 MB.
pub(super) const MOST_PAGES: i32 = 57_344;

/// What of the file is kept for the next changes when nothing is written any more, in bytes. (SQLite cuts it to as much
/// when it begins the log anew: `journal_size_limit`.)
pub(super) const KEPT_BYTES: u64 = 67_108_864;

/// A way to move the log into the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// As far as that holds up nobody who reads.
    Passive,
    /// All of it. Scans are recalled, and the file is emptied.
    Full,
}

/// Which file it is, whatever its name.
#[derive(PartialEq, Eq)]
struct Identity {
    device: u64,
    inode: u64,
}

impl Identity {
    fn of(path: &Path) -> io::Result<Self> {
        let about = path.metadata()?;
        Ok(Self { device: about.dev(), inode: about.ino() })
    }
}

/// The log of one file.
pub(super) struct Wal {
    database: DatabaseFile,
    /// The log itself. Open as long as the database is: of a write that failed the system tells those who had it open.
    file: File,
    /// Which file the database is. (Opening it to ask would take SQLite's locks from it.)
    identity: Identity,
    /// Whether an fsync has failed. Nobody knows what of the log is on disk then, and a further fsync doesn't tell.
    broken: AtomicBool,
    /// Told when that happens first, or when the files are removed.
    owner: FileOwner,
    /// Held during an fsync. The system tells of a write that failed once: were there two at a time, the other one, which
    /// makes last what comes after it, would know nothing of it.
    sync_lock: Mutex<()>,
    /// Whether the next fsync is to fail: for tests.
    failing: AtomicBool,
    /// Held from a group's `COMMIT` to the end of its fsync: until then the next group grows.
    turn: Arc<tokio::sync::Mutex<()>>,
    /// Held while it is moved beside the writer.
    checkpoint_lock: Mutex<()>,
    /// Recalls the file's scans.
    recall: Recall,
}

impl Wal {
    /// The log of a database that the writer has open: then SQLite has made it, and doesn't remove it.
    ///
    /// # Errors
    /// When it can't be opened.
    pub(super) fn open(database: DatabaseFile, recall: Recall, owner: FileOwner) -> io::Result<Self> {
        let mut path = database.path.as_os_str().to_owned();
        path.push("-wal");
        Ok(Self {
            identity: Identity::of(&database.path)?,
            database,
            file: File::open(path)?,
            broken: AtomicBool::new(false),
            owner,
            sync_lock: Mutex::default(),
            failing: AtomicBool::new(false),
            turn: Arc::default(),
            checkpoint_lock: Mutex::default(),
            recall,
        })
    }

    /// Waits for the fsync of the group before.
    pub(super) async fn turn(&self) -> OwnedMutexGuard<()> {
        Arc::clone(&self.turn).lock_owned().await
    }

    /// Makes last what is committed by now: it survives a loss of power once this returns `Ok`. Waits for the disk.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when that isn't known; [`Error::Damaged`] when the file was removed; [`Error::Closed`] ever
    /// after. Nothing can be written from then on until the file is opened anew: what came later could not be read again after
    /// what is missing.
    pub(super) fn sync(&self) -> Result<()> {
        let _one_at_a_time = self.sync_lock.lock().unwrap_or_else(PoisonError::into_inner);
        self.refuse_if_broken()?;
        let synced =
            if self.failing.load(Ordering::Relaxed) { Err(io::ErrorKind::Other.into()) } else { self.file.sync_data() };
        synced.map_err(|error| {
            self.broke(Broken::DiskFailed, &error);
            Error::unavailable(error)
        })?;
        self.must_be_in_place().map_err(|Removed| {
            Error::Damaged(format!(
                "The data of {} was removed or replaced while it was in use: this change isn't saved. It must be put back, or \
                 restored from a backup.",
                self.owner.whose
            ))
        })
    }

    /// Refuses files that were removed or replaced while they are open: what is written to them is gone once they are closed.
    /// Waits for the disk.
    ///
    /// # Errors
    /// That they were. Then the database is to be opened anew, as after a failure of the disk.
    pub(super) fn must_be_in_place(&self) -> Result<(), Removed> {
        let log_is_there = self.file.metadata().is_ok_and(|about| about.nlink() > 0);
        if log_is_there && Identity::of(&self.database.path).is_ok_and(|now| now == self.identity) {
            return Ok(());
        }
        self.broke(Broken::Removed, &Removed);
        Err(Removed)
    }

    /// Notes that nothing more is written until the file is opened anew.
    fn broke(&self, why: Broken, error: &dyn std::error::Error) {
        if !self.broken.swap(true, Ordering::AcqRel) {
            (self.owner.on_broken)(why, error);
        }
    }

    /// Has the next fsync fail: for tests.
    pub(super) fn fail_next_sync(&self) {
        self.failing.store(true, Ordering::Relaxed);
    }

    pub(super) fn refuse_if_broken(&self) -> Result<()> {
        if self.broken.load(Ordering::Acquire) {
            return Err(Error::Closed);
        }
        Ok(())
    }

    /// How many bytes it has on disk.
    pub(super) fn bytes(&self) -> u64 {
        self.file.metadata().map_or(0, |about| about.len())
    }

    /// Moves the log into the file on a thread of its own. To be called by whoever holds the writer, so that the file is
    /// surely there yet.
    ///
    /// # Errors
    /// When a connection can't be opened, or a thread be started; when the log is broken.
    pub(super) fn start_checkpoint(
        self: &Arc<Self>,
        kind: Kind,
        writer: Arc<tokio::sync::Mutex<Writer>>,
    ) -> Result<()> {
        self.refuse_if_broken()?;
        let connection = connect(&self.database, Purpose::Checkpointing)?;
        let wal = Arc::clone(self);
        let work = move || {
            if let Err(error) = wal.checkpoint_all(kind, connection, &writer) {
                if is_disk_failure(&error) {
                    // What of the file was written isn't known either, and trying again wouldn't tell.
                    wal.broke(Broken::DiskFailed, &error);
                }
                tracing::warn!(database = %wal.database.path.display(), %error, "the log can't be moved into the file");
            }
        };
        std::thread::Builder::new().name("checkpoint".to_owned()).spawn(work).map_err(Error::unavailable)?;
        Ok(())
    }

    fn checkpoint_all(
        &self,
        kind: Kind,
        mut connection: Opened,
        writer: &tokio::sync::Mutex<Writer>,
    ) -> QueryResult<()> {
        let beside = self.with_checkpoint_lock(|| {
            self.recall_for(kind);
            Checkpoint.get_result::<State>(&mut *connection)
        });
        let mut writer = writer.blocking_lock();
        let answers = writer.flush();
        self.recall_for(kind);
        let mut rest = beside.and_then(|_| Checkpoint.get_result::<State>(&mut *connection));
        if kind == Kind::Full && rest.as_ref().is_ok_and(State::is_all_moved) {
            // Those that began meanwhile hold the log as well; whoever begins from now on reads the file alone.
            self.recall_for(kind);
            rest = Truncate.get_result::<State>(&mut *connection);
        }
        writer.checkpoint_done(rest.as_ref().ok());
        drop(writer);
        drop(answers);
        rest.map(drop)
    }

    fn recall_for(&self, kind: Kind) {
        if kind == Kind::Full {
            self.recall.recall();
        }
    }

    /// Runs work on the log while nobody else moves it.
    pub(super) fn with_checkpoint_lock<T>(&self, work: impl FnOnce() -> T) -> T {
        let _moving = self.checkpoint_lock.lock().unwrap_or_else(PoisonError::into_inner);
        work()
    }
}

/// That a file isn't where it was.
#[derive(Debug, thiserror::Error)]
#[error("its file or log was removed or replaced while it was open")]
pub(super) struct Removed;

/// Whether SQLite says that reading or writing the disk failed.
fn is_disk_failure(error: &DieselError) -> bool {
    matches!(error, DieselError::DatabaseError(_, about) if about.message() == "disk I/O error")
}

/// How far the log is now.
pub(super) fn state(connection: &mut SqliteConnection) -> QueryResult<State> {
    WalStatus.get_result::<State>(connection)
}

/// How far a log is, in pages.
#[derive(QueryableByName)]
#[diesel(check_for_backend(Sqlite))]
pub(super) struct State {
    /// How many are in it.
    #[diesel(sql_type = Integer, column_name = log)]
    pub(super) written: i32,
    /// How many of them are in the file as well.
    #[diesel(sql_type = Integer, column_name = checkpointed)]
    pub(super) checkpointed: i32,
}

impl State {
    fn is_all_moved(&self) -> bool {
        self.checkpointed == self.written
    }
}
