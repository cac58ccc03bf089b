//! The way into a store: open until it is shut, and known to be empty once the last has left.

use crate::error::{Error, Result};
use std::sync::atomic::{Ordering, fence};
use std::sync::{Arc, OnceLock};
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;

/// Who may still come in, and whether somebody is inside. Cheap to clone; clones are the same gate.
#[derive(Clone, Default)]
pub(crate) struct Gate(Arc<Shared>);

#[derive(Default)]
struct Shared {
    /// Why nobody comes in any more.
    shut: OnceLock<Error>,
    inside: TaskTracker,
}

/// That somebody is inside: a connection of the store. Until dropped.
pub(crate) type Inside = TaskTrackerToken;

impl Gate {
    /// Refuses everybody once the gate is shut.
    ///
    /// # Errors
    /// What [`Gate::shut`] was given.
    pub(crate) fn check(&self) -> Result<()> {
        self.0.shut.get().map_or(Ok(()), |why| Err(why.clone()))
    }

    /// Comes in.
    ///
    /// # Errors
    /// As [`Gate::check`].
    pub(crate) fn enter(&self) -> Result<Inside> {
        let inside = self.0.inside.token();
        // Counted before it looks, as `empty` looks after it is shut: one of the two sees the other.
        fence(Ordering::SeqCst);
        self.check().map(|()| inside)
    }

    /// Lets nobody in any more; whoever tries is told `why`. The first reason stays.
    pub(crate) fn shut(&self, why: Error) {
        // Shut already: then the first reason is the one that counts.
        let _ = self.0.shut.set(why);
        self.0.inside.close();
        fence(Ordering::SeqCst);
    }

    /// Whether it is shut.
    pub(crate) fn is_shut(&self) -> bool {
        self.0.shut.get().is_some()
    }

    /// Waits until nobody is inside. To be called once it is shut.
    pub(crate) async fn empty(&self) {
        self.0.inside.wait().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_is_inside_is_waited_for_and_nobody_comes_after() {
        let gate = Gate::default();
        let inside = gate.enter().unwrap();
        gate.shut(Error::ProjectNotFound);
        gate.shut(Error::Closed);
        assert!(matches!(gate.enter(), Err(Error::ProjectNotFound)), "the first reason stays");
        assert!(tokio::time::timeout(std::time::Duration::from_millis(20), gate.empty()).await.is_err());
        drop(inside);
        gate.empty().await;
    }
}
