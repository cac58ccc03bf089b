//! Who may make and remove projects, and who may clear up what others have left half-way, among all processes.

use super::Stores;
use super::place::Id;
use crate::error::{Error, Result};
use crate::lock_file;
use crate::postgres::{self, Session};
use crate::sqlite::on_thread;
use crate::stores::Backend;
use std::fs::{File, TryLockError};
use std::path::Path;
use std::time::{Duration, Instant};

/// How long whoever clears up waits for those who are making or removing a project.
const PATIENCE: Duration = Duration::from_secs(10);

/// Held while a project is made or removed (by many), or while leftovers are cleared up (by one alone). The system, or
/// PostgreSQL, gives it back when its holder dies.
pub struct LifecycleLock(#[allow(dead_code, reason = "held")] Held);

#[allow(dead_code, reason = "held")]
enum Held {
    File(File),
    Postgres(Box<Session>),
}

impl Stores {
    /// Waits until nobody clears up.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the lock can't be had.
    pub async fn hold_lifecycle(&self) -> Result<LifecycleLock> {
        self.lifecycle_lock(false).await
    }

    /// Waits until nobody makes or removes a project, in any process.
    ///
    /// # Errors
    /// [`Error::Busy`] when somebody does for long.
    pub async fn hold_lifecycle_alone(&self) -> Result<LifecycleLock> {
        self.lifecycle_lock(true).await
    }

    async fn lifecycle_lock(&self, alone: bool) -> Result<LifecycleLock> {
        let held = match &self.0.settings.backend {
            Backend::Sqlite { folder } => {
                let path = folder.join("lifecycle.lock");
                Held::File(on_thread(move || lock_file(&path, alone)).await??)
            }
            Backend::Postgres { schema_prefix, .. } => {
                let pool = self.pool()?;
                let session = pool.connect().await?;
                let name = Id::platform().schema(schema_prefix);
                let kind = if alone { "" } else { "_shared" };
                let sql = format!(
                    "SET lock_timeout = {}; SELECT pg_advisory_lock{kind}(hashtextextended('floe lifecycle of {name}', 0))",
                    PATIENCE.as_millis()
                );
                postgres::run_long(pool, &session, &sql).await?;
                Held::Postgres(Box::new(session))
            }
        };
        Ok(LifecycleLock(held))
    }
}

/// Blocks: to be called on a thread where that is fine.
fn lock_file(path: &Path, alone: bool) -> Result<File> {
    let file = lock_file::open(path)?;
    if !alone {
        file.lock_shared().map_err(Error::unavailable)?;
        return Ok(file);
    }
    let started = Instant::now();
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) if started.elapsed() < PATIENCE => {
                std::thread::sleep(Duration::from_millis(20));
            }
            Err(TryLockError::WouldBlock) => return Err(Error::Busy),
            Err(TryLockError::Error(error)) => return Err(Error::unavailable(error)),
        }
    }
}
