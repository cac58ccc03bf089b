//! Logs beside files that nobody has open: what a server that was killed has left of projects that nobody has called since.

use super::place::{self, Id};
use super::{Backend, CLOSED_AT_A_TIME, ServingLock, Stores};
use crate::error::Result;
use crate::sqlite::{self, on_thread};
use futures_util::StreamExt as _;
use std::path::Path;

impl Stores {
    /// Writes into the files what is left in logs beside them, so that a file is all of its project. For the server, after
    /// [`Stores::close`]; what can't be written stays where it is. Costs a look at the folder when there is nothing.
    pub async fn empty_leftover_logs(&self, _serving: &ServingLock) {
        let Backend::Sqlite { folder } = &self.0.settings.backend else { return };
        let found = on_thread({
            let folder = folder.clone();
            move || place::files_with_logs(&folder)
        });
        let left = match found.await.flatten() {
            Ok(left) => left,
            Err(error) => return tracing::warn!(%error, "the data folder can't be looked at for logs"),
        };
        // Who still uses one could lose its locks (see `place::check_file`).
        let left = left.into_iter().filter(|id| !self.0.slots.knows(id));
        let emptied = futures_util::stream::iter(left).for_each_concurrent(CLOSED_AT_A_TIME, |id| async move {
            let (file, project) = (id.file(folder), id.name.clone());
            if let Err(error) = on_thread(move || empty_log(&file, &id)).await.flatten() {
                tracing::warn!(project, %error, "its log stays until it is opened again");
            }
        });
        emptied.await;
    }
}

/// Blocks. Closing the file removes its log.
fn empty_log(file: &Path, id: &Id) -> Result<()> {
    place::check_file(file, id)?;
    sqlite::move_log(file)
}
