//! The checks.

use crate::model::{Check, Readiness};
use floe_store::Stores;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

/// Knows how the server is.
pub struct Health {
    stores: Stores,
    version: &'static str,
    started: Instant,
    /// Off while the server shuts down.
    accepting: AtomicBool,
    /// When everything was up for the first time.
    up: OnceLock<Instant>,
}

impl Health {
    /// Checks these stores, and says that it is this version of Floe.
    #[must_use]
    pub fn new(stores: Stores, version: &'static str) -> Self {
        Self { stores, version, started: Instant::now(), accepting: AtomicBool::new(true), up: OnceLock::new() }
    }

    /// Says that the server is about to stop: load balancers should look elsewhere.
    pub fn stop_accepting(&self) {
        self.accepting.store(false, Ordering::Relaxed);
    }

    /// Whether the database answers.
    pub(crate) async fn database(&self) -> Check {
        let started = Instant::now();
        let outcome = self.stores.ping().await;
        if let Err(error) = &outcome {
            tracing::warn!(%error, "the database doesn't answer");
        }
        let ping = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        Check { name: "database", ping, status: if outcome.is_ok() { "pass" } else { "fail" } }
    }

    /// Whether requests are welcome.
    pub(crate) async fn readiness(&self) -> Readiness {
        let checks = vec![self.database().await];
        let well = self.accepting.load(Ordering::Relaxed) && checks.iter().all(|check| check.status == "pass");
        if well {
            self.up.get_or_init(Instant::now);
        }
        let status = if well { "pass" } else { "fail" };
        Readiness { status, version: self.version, uptime: self.started.elapsed().as_secs(), checks }
    }

    /// Whether the server has been ready once.
    pub(crate) async fn has_started(&self) -> bool {
        self.up.get().is_some() || self.readiness().await.status == "pass"
    }
}
