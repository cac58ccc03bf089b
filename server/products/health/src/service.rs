//! The checks.

use crate::model::{Check, Probe, Readiness};
use floe_kernel::{Error, ErrorKind};
use floe_store::{Ailment, Stores};
use std::collections::BTreeMap;
use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::PathBuf;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// How long the database may take to answer.
const PATIENCE: Duration = Duration::from_secs(3);

/// How many projects are named at the most.
const MOST_NAMED: usize = 100;

/// In how many seconds whoever asks may ask again.
const RETRY_AFTER: u32 = 1;

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

    /// Whether the database answers, and makes last what is changed.
    ///
    /// # Errors
    /// [`ErrorKind::GeneralServiceUnavailable`], as Appwrite words it, when it doesn't.
    pub(crate) async fn database(&self) -> floe_kernel::Result<Check> {
        let (outcome, latency) = self.ping().await;
        let failed = match outcome {
            Ok(()) => self.projects_with(Ailment::DiskFailed),
            Err(_) => vec!["console".to_owned()],
        };
        if failed.is_empty() {
            return Ok(Check { name: "database", ping: latency, status: "pass" });
        }
        let message = format!("DB failure on: {}", failed.join(", "));
        Err(Error::new(ErrorKind::GeneralServiceUnavailable).message(message).retry_in(RETRY_AFTER))
    }

    /// Whether the database answers, and after how many milliseconds.
    async fn ping(&self) -> (Result<(), Failure>, u64) {
        timed("database", async || Ok(tokio::time::timeout(PATIENCE, self.stores.ping()).await??)).await
    }

    fn projects_with(&self, ailment: Ailment) -> Vec<String> {
        let ailing = self.stores.ailing().into_iter();
        ailing.filter_map(|(project, of)| (of == ailment).then_some(project)).take(MOST_NAMED).collect()
    }

    /// Whether files can be written and read back.
    pub(crate) async fn storage(&self) -> Check {
        let folder = self.folder.clone();
        let file = folder.join(format!(".health-{}", floe_kernel::secret::random_hex(8)));
        let (outcome, ping) = timed("local", async || {
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
        .await;
        Check { name: "local", ping, status: if outcome.is_ok() { "pass" } else { "fail" } }
    }

    /// Whether there is room left; none: nobody looks.
    fn disk(&self) -> Option<Probe> {
        let space = self.stores.free_space();
        let status = if space.is_low() { "degraded" } else { "ok" };
        space.bytes().map(|bytes| Probe { status, latency: 0, projects: Vec::new(), free: Some(bytes) })
    }

    /// Whether requests are welcome. A project whose data is damaged can't be used before somebody restores it, and all the
    /// others can: that is told, and nothing else; so is a disk that is full, since what is there can be read and removed.
    /// A disk that fails is no place for any of them.
    pub(crate) async fn readiness(&self) -> Readiness {
        self.stores.look_for_files().await;
        let (outcome, latency) = self.ping().await;
        let failed = self.projects_with(Ailment::DiskFailed);
        let damaged = self.projects_with(Ailment::Damaged);
        let answers = outcome.is_ok() && failed.is_empty();
        let well = self.accepting.load(Ordering::Relaxed) && answers;
        if well {
            self.up.get_or_init(Instant::now);
        }
        let database = Probe { status: if answers { "ok" } else { "error" }, latency, projects: failed, free: None };
        let mut checks = BTreeMap::from([("database", database)]);
        if !damaged.is_empty() {
            checks.insert("projects", Probe { status: "degraded", latency: 0, projects: damaged, free: None });
        }
        if let Some(disk) = self.disk() {
            checks.insert("disk", disk);
        }
        let is_degraded = checks.values().any(|check| check.status == "degraded");
        let status = match (well, is_degraded) {
            (false, _) => "error",
            (true, true) => "degraded",
            (true, false) => "ok",
        };
        Readiness { status, checks, version: self.version, uptime: self.started.elapsed().as_secs() }
    }

    /// Whether the server has been ready once.
    pub(crate) async fn has_started(&self) -> bool {
        self.up.get().is_some() || self.readiness().await.status != "error"
    }
}

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// How a check ended, and how many milliseconds it took. What is wrong stands in the log; callers learn only that something
/// is.
async fn timed(name: &'static str, check: impl AsyncFnOnce() -> Result<(), Failure>) -> (Result<(), Failure>, u64) {
    let started = Instant::now();
    let outcome = check().await;
    if let Err(error) = &outcome {
        tracing::warn!(name, %error, "a health check failed");
    }
    (outcome, u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX))
}
