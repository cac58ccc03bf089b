//! The checks.

use crate::model::{Check, Readiness};
use floe_store::Stores;
use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::PathBuf;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

/// Knows how the server is.
pub struct Health {
    stores: Stores,
    folder: PathBuf,
    version: &'static str,
    started: Instant,
    /// Off while the server shuts down.
    accepting: AtomicBool,
    /// When everything was up for the first time.
    up: OnceLock<Instant>,
}

impl Health {
    /// Checks these stores and this data folder, and says that it is this version of Floe.
    #[must_use]
    pub fn new(stores: Stores, folder: PathBuf, version: &'static str) -> Self {
        let (started, accepting, up) = (Instant::now(), AtomicBool::new(true), OnceLock::new());
        Self { stores, folder, version, started, accepting, up }
    }

    /// Says that the server is about to stop: load balancers should look elsewhere.
    pub fn stop_accepting(&self) {
        self.accepting.store(false, Ordering::Relaxed);
    }

    /// Whether the database answers.
    pub(crate) async fn database(&self) -> Check {
        timed("database", async || Ok(self.stores.ping().await?)).await
    }

    /// Whether files can be written and read back.
    pub(crate) async fn storage(&self) -> Check {
        let folder = self.folder.clone();
        let file = folder.join(format!(".health-{}", floe_kernel::secret::random_hex(8)));
        timed("local", async || {
            let work = tokio::task::spawn_blocking(move || {
                // With PostgreSQL nothing has needed the folder yet.
                DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
                std::fs::write(&file, b"well")?;
                let read = std::fs::read(&file);
                std::fs::remove_file(&file)?;
                read
            });
            let read = work.await??;
            if read == b"well" { Ok(()) } else { Err("what was written isn't what is read".into()) }
        })
        .await
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

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// A check and how long it took. What is wrong stands in the log; callers learn only that something is.
async fn timed(name: &'static str, check: impl AsyncFnOnce() -> Result<(), Failure>) -> Check {
    let started = Instant::now();
    let outcome = check().await;
    if let Err(error) = &outcome {
        tracing::warn!(name, %error, "a health check failed");
    }
    let ping = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    Check { name, ping, status: if outcome.is_ok() { "pass" } else { "fail" } }
}
