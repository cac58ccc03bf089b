//! That one server at a time serves a data folder: sessions, permissions and limits live in the memory of its process.

use super::place;
use crate::error::{Error, Result};
use crate::lock_file;
use std::fs::{File, TryLockError};
use std::path::Path;

/// Held by the server of a data folder for as long as it runs; commands don't need it. The system gives it back when the process
/// ends, however it does.
pub struct ServingLock(#[allow(dead_code, reason = "held")] File);

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
