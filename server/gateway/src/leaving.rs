//! How a server that stops parts from the clients that keep their connections.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;
use tokio::time::Instant;

/// How often somebody looks whether the last connection has ended.
const LOOK: Duration = Duration::from_millis(10);

/// Whether the server is about to stop, and how many connections are open. From the moment that it is, every answer says
/// `Connection: close`, so that clients send what comes next elsewhere.
#[derive(Debug, Default)]
pub(crate) struct Leaving {
    begun: AtomicBool,
    open: AtomicUsize,
}

/// A connection that is open, until it is dropped.
#[derive(Debug)]
pub(crate) struct OpenConnection(Arc<Leaving>);

impl Leaving {
    /// Counts one more connection.
    pub(crate) fn open(self: &Arc<Self>) -> OpenConnection {
        self.open.fetch_add(1, Ordering::Relaxed);
        OpenConnection(Arc::clone(self))
    }

    /// Whether the server is about to stop.
    pub(crate) fn has_begun(&self) -> bool {
        self.begun.load(Ordering::Relaxed)
    }

    /// From now on answers tell their clients. Waits until no connection is left, but no longer than this.
    pub(crate) async fn begin(&self, most: Duration) {
        self.begun.store(true, Ordering::Relaxed);
        let end = Instant::now() + most;
        while self.open.load(Ordering::Relaxed) > 0 && Instant::now() < end {
            tokio::time::sleep(LOOK).await;
        }
    }
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::Relaxed);
    }
}
