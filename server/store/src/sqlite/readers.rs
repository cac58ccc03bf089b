//! Connections that read, opened when there are none free.
//!
//! Short reads and scans are counted apart: however many scan, a row is found at once.

use super::scans::{ScanPermit, ScanSlots};
use super::schema_changes::SchemaChanges;
use super::statements::{BeginRead, Commit, PinSnapshot, Rollback};
use super::{DatabaseFile, Opened, Purpose, Query, connect};
use crate::error::{Error, Result, is_schema_changed};
use diesel::result::Error as DieselError;
use diesel::{QueryResult, SqliteConnection};
use floe_sqlite_watch::{self as watch, Recall};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How many read one file in place at the same time: no more than the server has threads, or they wait for something.
const MOST: usize = 16;

/// How long to wait for one of them.
const PATIENCE: Duration = Duration::from_secs(5);

/// The readers of a file. Cheap to clone.
#[derive(Clone)]
pub(super) struct Readers(Arc<Shared>);

struct Shared {
    file: DatabaseFile,
    /// The last one given back is the first one taken: its cache is warm.
    free: Mutex<Vec<Opened>>,
    short: Arc<Semaphore>,
    scans: Arc<ScanSlots>,
    recall: Recall,
    schema_changes: Arc<SchemaChanges>,
}

impl Readers {
    pub(super) fn new(file: DatabaseFile, recall: Recall, schema_changes: Arc<SchemaChanges>) -> Self {
        let (free, short, scans) = (Mutex::default(), Arc::new(Semaphore::new(MOST)), Arc::default());
        Self(Arc::new(Shared { file, free, short, scans, recall, schema_changes }))
    }

    /// A reader for what is short.
    ///
    /// # Errors
    /// [`Error::Busy`] when none is free for long, [`Error::Unavailable`] when it can't be opened.
    pub(super) async fn take(&self) -> Result<ReadLease> {
        let permit = match self.0.short.clone().try_acquire_owned() {
            Ok(permit) => permit,
            Err(_) => tokio::time::timeout(PATIENCE, self.0.short.clone().acquire_owned())
                .await
                .map_err(|_| Error::Busy)?
                .map_err(Error::unavailable)?,
        };
        self.lease(Permit::Short(permit))
    }

    /// A reader for a scan of this caller's.
    ///
    /// # Errors
    /// As [`Readers::take`].
    async fn take_for_scan(&self, caller: u64, patience: Duration) -> Result<ReadLease> {
        let permit = self.0.scans.acquire(caller, patience.min(PATIENCE)).await?;
        self.lease(Permit::Scan(permit))
    }

    /// Whether this caller has as many scans as they may, and more wait.
    fn is_full_for(&self, caller: u64) -> bool {
        self.0.scans.is_full_for(caller)
    }

    fn lease(&self, permit: Permit) -> Result<ReadLease> {
        let free = self.lock().pop();
        let connection = match free {
            Some(connection) => connection,
            None => connect(&self.0.file, Purpose::Reading)?,
        };
        Ok(ReadLease { connection: Some(connection), home: self.clone(), permit })
    }

    /// The free ones, which are no longer here.
    pub(super) fn drain(&self) -> Vec<Opened> {
        std::mem::take(&mut *self.lock())
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Opened>> {
        self.0.free.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A reader, until dropped.
pub(super) struct ReadLease {
    connection: Option<Opened>,
    home: Readers,
    permit: Permit,
}

enum Permit {
    Short(#[allow(dead_code, reason = "held")] OwnedSemaphorePermit),
    Scan(#[allow(dead_code, reason = "held")] ScanPermit),
}

impl ReadLease {
    /// Runs statements, each of which sees what is committed when it starts.
    pub(super) fn run(&mut self, query: Query<'_>) -> QueryResult<()> {
        let is_changing = self.home.0.schema_changes.are_recent();
        let connection = self.connection.as_deref_mut().ok_or(DieselError::BrokenTransactionManager)?;
        if is_changing { pinned(connection, query) } else { query(connection) }
    }

    /// The same for statements that can be run again: should a table's shape change just when they begin, they are.
    pub(super) fn run_again(&mut self, query: Query<'_>) -> QueryResult<()> {
        match self.run(query) {
            Err(error) if is_schema_changed(&error) => {
                let connection = self.connection.as_deref_mut().ok_or(DieselError::BrokenTransactionManager)?;
                pinned(connection, query)
            }
            done => done,
        }
    }

    /// The same reader, or another one, as one that scans: doesn't count among those for short reads any more.
    ///
    /// # Errors
    /// [`Error::Busy`] when it isn't this caller's turn for long.
    pub(super) async fn for_scan(self, caller: u64, patience: Duration) -> Result<Self> {
        if matches!(self.permit, Permit::Scan(_)) {
            return Ok(self);
        }
        let home = self.home.clone();
        drop(self);
        home.take_for_scan(caller, patience).await
    }

    /// See [`Readers::is_full_for`].
    pub(super) fn is_full_for(&self, caller: u64) -> bool {
        self.home.is_full_for(caller)
    }

    /// What recalls scans of this file.
    pub(super) fn recall(&self) -> &Recall {
        &self.home.0.recall
    }
}

/// Runs statements on one state of the file. While the shapes of tables change in quick succession, SQLite may otherwise
/// find each time that it has read their definitions that they have changed again, and give up.
fn pinned(connection: &mut SqliteConnection, query: Query<'_>) -> QueryResult<()> {
    // Whatever the time is: even a BEGIN that has begun can be interrupted.
    let result = watch::untimed(|| BeginRead.run(connection).and_then(|()| PinSnapshot.run(connection)));
    let result = result.and_then(|()| query(connection));
    watch::untimed(|| {
        if Commit.run(connection).is_err() {
            // Depending on the fault SQLite has ended it already; then this fails, and that is fine.
            let _ = Rollback.run(connection);
        }
    });
    result
}

impl Drop for ReadLease {
    fn drop(&mut self) {
        // A panic in the middle of a row may have left a statement open, and with it an old state of the data.
        if let Some(mut connection) = self.connection.take().filter(|_| !std::thread::panicking()) {
            connection.tidy();
            let mut free = self.home.lock();
            // Looked at with the list locked: who closes the file empties it after the gate is shut.
            if !self.home.0.file.gate.is_shut() {
                free.push(connection);
            }
        }
    }
}
