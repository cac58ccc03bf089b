//! How much room is left where the data folder is. Looked at in the background, known at once: nobody who asks waits for
//! the file system.

use crate::sqlite::on_thread;
use crate::tasks::Tasks;
use rustix::fs::statvfs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// How long between two looks when there is plenty of room, and when there may soon be none.
const LOOKS: [Duration; 2] = [Duration::from_secs(2), Duration::from_millis(250)];

/// So many times what must stay free is plenty: nothing writes that much between two looks.
const PLENTY: u64 = 8;

/// What must stay free, and where; unless said, nothing.
#[derive(Debug, Clone, Default)]
pub struct MinFreeSpace {
    /// The data folder. It needn't be there yet.
    pub folder: PathBuf,
    /// How many bytes; 0: nobody looks.
    pub bytes: u64,
}

/// How much room is left. Cheap to clone.
#[derive(Clone)]
pub struct FreeSpace(Arc<Looks>);

struct Looks {
    folder: PathBuf,
    least: AtomicU64,
    /// At the last look; `u64::MAX` where nobody looks or nobody can tell.
    free: AtomicU64,
}

impl FreeSpace {
    /// Looks for the first time, and from then on in the background, unless nothing has to stay free.
    pub(crate) async fn watch(MinFreeSpace { folder, bytes }: MinFreeSpace, tasks: &Tasks) -> Self {
        let space = Self(Arc::new(Looks { folder, least: AtomicU64::new(bytes), free: AtomicU64::new(u64::MAX) }));
        if bytes > 0 {
            space.look().await;
            let (again, sleeper) = (space.clone(), tasks.clone());
            tasks.spawn(async move {
                while sleeper.sleep(again.pause()).await {
                    again.look().await;
                }
            });
        }
        space
    }

    /// Whether there is less left than has to stay free.
    #[must_use]
    pub fn is_low(&self) -> bool {
        self.0.is_low()
    }

    /// How many bytes were left at the last look; none: nobody looks, or they can't be told.
    #[must_use]
    pub fn bytes(&self) -> Option<u64> {
        Some(self.0.free.load(Ordering::Relaxed)).filter(|free| *free < u64::MAX)
    }

    /// Has so much to stay free from now on, and looks at once: for tests.
    #[doc(hidden)]
    pub async fn demand(&self, bytes: u64) {
        self.0.least.store(bytes, Ordering::Relaxed);
        self.look().await;
    }

    fn pause(&self) -> Duration {
        let enough = self.0.least.load(Ordering::Relaxed).saturating_mul(PLENTY);
        LOOKS[usize::from(self.0.free.load(Ordering::Relaxed) < enough)]
    }

    /// On a thread: a file system that is away answers late.
    async fn look(&self) {
        let looks = Arc::clone(&self.0);
        if let Err(error) = on_thread(move || looks.look()).await {
            tracing::warn!(%error, "nobody looks how much room is left");
        }
    }
}

impl Looks {
    fn is_low(&self) -> bool {
        self.free.load(Ordering::Relaxed) < self.least.load(Ordering::Relaxed)
    }

    fn look(&self) {
        let was_low = self.is_low();
        // Where nobody can tell, nothing is refused: the database says so itself when the disk is full.
        let free = free_at(&self.folder).unwrap_or(u64::MAX);
        self.free.store(free, Ordering::Relaxed);
        let least = self.least.load(Ordering::Relaxed);
        match (was_low, self.is_low()) {
            (false, true) => {
                tracing::error!(free, least, "too little room is left on the disk: what needs more is refused");
            }
            (true, false) => tracing::warn!(free, least, "there is room on the disk again"),
            _ => {}
        }
    }
}

/// How many bytes we may still write where this folder is, or will be.
fn free_at(folder: &Path) -> Option<u64> {
    let found = folder.ancestors().map(|place| if place.as_os_str().is_empty() { Path::new(".") } else { place });
    let stat = found.into_iter().find_map(|place| statvfs(place).ok())?;
    Some(stat.f_bavail.saturating_mul(stat.f_frsize))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn tells_when_less_is_left_than_has_to_be_and_when_there_is_enough_again() {
        let folder = tempfile::tempdir().unwrap();
        let of = MinFreeSpace { folder: folder.path().join("not/there/yet"), bytes: u64::MAX };
        let tasks = Tasks::here();
        let space = FreeSpace::watch(of, &tasks).await;
        assert!(space.is_low() && space.bytes().is_some_and(|bytes| bytes > 0));
        space.demand(1).await;
        assert!(!space.is_low());
        assert_eq!(tasks.stop(Duration::from_secs(5)).await, 0, "nobody looks any more");
    }

    #[tokio::test]
    async fn nobody_looks_where_nothing_has_to_stay_free() {
        let tasks = Tasks::here();
        let space = FreeSpace::watch(MinFreeSpace::default(), &tasks).await;
        assert_eq!((space.is_low(), space.bytes()), (false, None));
        assert_eq!(tasks.stop(Duration::ZERO).await, 0);
    }
}
