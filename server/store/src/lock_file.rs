//! Files that exist only to be locked: by one process among those that use a data folder. The system gives a lock back when its
//! holder closes the file, or dies.

use crate::error::{Error, Result};
use std::fs::File;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

/// Opens one, and makes it unless it is there. It isn't locked yet.
///
/// # Errors
/// [`Error::Unavailable`].
pub(crate) fn open(path: &Path) -> Result<File> {
    File::options().mode(0o600).create(true).append(true).open(path).map_err(Error::of_file(path))
}
