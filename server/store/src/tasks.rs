//! Everything that works in the background: on one runtime, known to whoever shuts the process down.

use std::time::Duration;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// The background tasks of the process. Cheap to clone; clones know the same tasks.
///
/// They live on the runtime that this was made on, not on that of whoever starts them: an event loop that ends takes none of
/// them with it.
#[derive(Clone)]
pub struct Tasks {
    runtime: Handle,
    tracker: TaskTracker,
    stop: CancellationToken,
}

impl Tasks {
    /// On the runtime of whoever calls.
    pub(crate) fn here() -> Self {
        Self { runtime: Handle::current(), tracker: TaskTracker::new(), stop: CancellationToken::new() }
    }

    /// Starts a task. One that may be long, or waits for something to happen, should end when [`Tasks::stopping`] does.
    pub fn spawn<T: Send + 'static>(&self, task: impl Future<Output = T> + Send + 'static) -> JoinHandle<T> {
        self.tracker.spawn_on(task, &self.runtime)
    }

    /// Waits until the process is about to end.
    pub async fn stopping(&self) {
        self.stop.cancelled().await;
    }

    /// Whether the process is about to end.
    #[must_use]
    pub fn is_stopping(&self) -> bool {
        self.stop.is_cancelled()
    }

    /// Sleeps. `false`: the process is about to end, and it was woken for that.
    pub async fn sleep(&self, time: Duration) -> bool {
        tokio::select! {
            () = self.stop.cancelled() => false,
            () = tokio::time::sleep(time) => true,
        }
    }

    /// Tells every task to end, and waits for so long until all have. How many have not.
    pub async fn stop(&self, patience: Duration) -> usize {
        self.stop.cancel();
        self.tracker.close();
        // What is left after that is told.
        let _ = tokio::time::timeout(patience, self.tracker.wait()).await;
        self.tracker.len()
    }
}
