//! How many prepared statements a connection keeps.
//!
//! Diesel keeps all of them or none. Callers compose the filters and orders of lists, so there is no end to their
//! shapes; but an application asks in few of them, and preparing one costs more than running it. So all are kept, by
//! their text, and when a connection has too many it starts over with none: simpler than forgetting the oldest, and
//! what is in use is prepared again at once.

use diesel::connection::{Instrumentation, InstrumentationEvent, get_default_instrumentation};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Counts the statements that a connection keeps.
#[derive(Debug, Clone, Default)]
pub(crate) struct StatementCounter(Arc<AtomicUsize>);

impl StatementCounter {
    /// What tells us of each statement that is kept from now on: for the connection's `set_instrumentation`. Whoever
    /// follows all connections of the process (tests that count statements) is told as well.
    pub(crate) fn counter(&self) -> impl Instrumentation {
        let count = Arc::clone(&self.0);
        let mut others = get_default_instrumentation();
        move |event: InstrumentationEvent<'_>| {
            if matches!(event, InstrumentationEvent::CacheQuery { .. }) {
                count.fetch_add(1, Ordering::Relaxed);
            }
            if let Some(others) = &mut others {
                others.on_connection_event(event);
            }
        }
    }

    /// Whether there are more than `most`; then the count begins anew, and whoever asked forgets them.
    pub(crate) fn too_many(&self, most: usize) -> bool {
        let over = self.0.load(Ordering::Relaxed) > most;
        if over {
            self.0.store(0, Ordering::Relaxed);
        }
        over
    }
}
