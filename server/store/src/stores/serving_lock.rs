//! That one server at a time serves a data folder, or the schemas of a prefix: sessions, permissions and limits live in the memory of
//! its process.

use super::place::{self, Id};
use super::{Backend, Stores};
use crate::error::{Error, Result};
use crate::lock_file;
use crate::postgres::{self, Session};
use std::fs::{File, TryLockError};
use std::path::Path;
use std::time::Duration;

/// How long PostgreSQL may take to notice that the server before was killed.
const PATIENCE: Duration = Duration::from_secs(5);

/// Held by the server of a data folder for as long as it runs; commands don't need it. The system gives it back when the process
/// ends, however it does.
pub struct ServingLock(#[allow(dead_code, reason = "held")] File);

/// The same of PostgreSQL's schemas, as long as its connection lives: it keeps a second server from starting, not one that runs
/// while PostgreSQL is restarted.
pub struct ServingSession(#[allow(dead_code, reason = "held")] Session);

impl Stores {
    /// Waits a while until no other server serves these schemas. None on SQLite, where a [`ServingLock`] is taken before anything is
    /// looked at.
    ///
    /// # Errors
    /// [`Error::Unavailable`], naming the schema, when another server serves them; [`Error::Unreachable`].
    pub async fn serve_alone(&self) -> Result<Option<ServingSession>> {
        let Backend::Postgres { schema_prefix, .. } = &self.0.settings.backend else { return Ok(None) };
        let platform = Id::platform().schema(schema_prefix);
        let pool = self.pool()?;
        let session = pool.connect().await?;
        let sql = format!(
            "SET lock_timeout = {}; SELECT pg_advisory_lock(hashtextextended('floe serves {platform}', 0))",
            PATIENCE.as_millis()
        );
        match postgres::run_long(pool, &session, &sql).await.map_err(Error::from) {
            Ok(()) => Ok(Some(ServingSession(session))),
            Err(Error::Busy) => Err(Error::unavailable(format!(
                "another server runs on the schema {platform} of this database. Stop it first"
            ))),
            Err(error) => Err(error),
        }
    }
}

impl ServingLock {
    /// Takes it, without waiting. Makes the folder, unless it is there.
    ///
    /// # Errors
    /// [`Error::Unavailable`], naming the folder, when another server has it.
    pub fn take(folder: &Path) -> Result<Self> {
        place::make_folder(folder)?;
        let file = lock_file::open(&folder.join("serve.lock"))?;
        match file.try_lock() {
            Ok(()) => Ok(Self(file)),
            Err(TryLockError::WouldBlock) => {
                let folder = folder.display();
                Err(Error::unavailable(format!("another server runs on the data folder {folder}. Stop it first")))
            }
            Err(TryLockError::Error(error)) => Err(Error::unavailable(error)),
        }
    }
}
