//! Whether a file's tables are changing their shape just now.
//!
//! SQLite reads the definitions of all tables anew when it finds them changed. That takes a while where there are many,
//! and when they have changed again by then, it tries once more and gives up (`database schema has changed`). Readers that
//! know hold one state of the file for such a statement (see [`super::readers`]); it costs them two statements more.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

/// For how long after a change the next one is expected.
const RECENT: Duration = Duration::from_secs(2);

static START: LazyLock<Instant> = LazyLock::new(Instant::now);

/// The changes of a file's tables.
#[derive(Default)]
pub(super) struct SchemaChanges {
    /// How many units of work are changing something.
    going_on: AtomicUsize,
    /// When the last of them ended: milliseconds since [`START`], and one; 0: long ago.
    ended: AtomicU64,
}

/// A unit of work that changes a table's shape, until dropped.
pub(super) struct SchemaChange(Arc<SchemaChanges>);

impl SchemaChanges {
    /// One begins.
    pub(super) fn begin(self: &Arc<Self>) -> SchemaChange {
        self.going_on.fetch_add(1, Ordering::AcqRel);
        SchemaChange(Arc::clone(self))
    }

    /// Whether one is going on, or ended a moment ago.
    pub(super) fn are_recent(&self) -> bool {
        if self.going_on.load(Ordering::Acquire) > 0 {
            return true;
        }
        let ended = self.ended.load(Ordering::Acquire);
        if ended == 0 {
            return false;
        }
        let is_recent = now().saturating_sub(ended) < RECENT.as_millis() as u64;
        if !is_recent {
            // So that the clock isn't asked the next time. One that ended just now has put another number there.
            let _ = self.ended.compare_exchange(ended, 0, Ordering::AcqRel, Ordering::Relaxed);
        }
        is_recent
    }
}

impl Drop for SchemaChange {
    fn drop(&mut self) {
        self.0.ended.store(now(), Ordering::Release);
        self.0.going_on.fetch_sub(1, Ordering::AcqRel);
    }
}

fn now() -> u64 {
    u64::try_from(START.elapsed().as_millis()).unwrap_or(u64::MAX - 1).saturating_add(1)
}
