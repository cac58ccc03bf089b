//! Connections that read, opened when there are none free.

use super::{Opened, Purpose, connect};
use crate::error::{Error, Result};
use diesel::result::Error as DieselError;
use diesel::{QueryResult, SqliteConnection};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How many read one file at the same time. In place, no more than the server has threads; the rest is for scans.
const MOST: usize = 16;

/// How long to wait for one of them.
const PATIENCE: Duration = Duration::from_secs(5);

/// The readers of a file.
pub(super) struct Readers {
    path: PathBuf,
    free: Free,
    permits: Arc<Semaphore>,
}

/// The last one given back is the first one taken: its cache is warm.
type Free = Arc<Mutex<Vec<Opened>>>;

impl Readers {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path, free: Free::default(), permits: Arc::new(Semaphore::new(MOST)) }
    }

    pub(super) async fn take(&self) -> Result<ReadLease> {
        let permit = match self.permits.clone().try_acquire_owned() {
            Ok(permit) => permit,
            Err(_) => tokio::time::timeout(PATIENCE, self.permits.clone().acquire_owned())
                .await
                .map_err(Error::unavailable)?
                .map_err(Error::unavailable)?,
        };
        let free = lock(&self.free).pop();
        let connection = match free {
            Some(connection) => connection,
            None => connect(&self.path, Purpose::Reading)?,
        };
        Ok(ReadLease { connection: Some(connection), home: self.free.clone(), _permit: permit })
    }

    /// The free ones, which are no longer here.
    pub(super) fn drain(&self) -> Vec<Opened> {
        std::mem::take(&mut *lock(&self.free))
    }
}

fn lock(free: &Free) -> MutexGuard<'_, Vec<Opened>> {
    free.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A reader, until dropped.
pub(super) struct ReadLease {
    connection: Option<Opened>,
    home: Free,
    _permit: OwnedSemaphorePermit,
}

impl ReadLease {
    pub(super) fn connection(&mut self) -> QueryResult<&mut SqliteConnection> {
        self.connection.as_deref_mut().ok_or(DieselError::BrokenTransactionManager)
    }
}

impl Drop for ReadLease {
    fn drop(&mut self) {
        // A panic in the middle of a row may have left a statement open, and with it an old state of the data.
        if let Some(mut connection) = self.connection.take().filter(|_| !std::thread::panicking()) {
            connection.tidy();
            lock(&self.home).push(connection);
        }
    }
}
