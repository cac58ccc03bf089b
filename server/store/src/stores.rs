//! All the stores of the process: opened at first use, closed when idle.

use crate::effects::EffectHandlers;
use crate::error::{Error, Result};
use crate::migrations::{self, Sets};
use crate::outbox::Outbox;
use crate::postgres::{self, quoted};
use crate::sqlite::{self, on_thread};
use crate::store::{Inner, Open, PgReader, Store};
use diesel::OptionalExtension;
use diesel::sql_types::{Bool, Text};
use floe_kernel::event::{Listeners, NoListeners};
use floe_kernel::time::{Clock, SystemClock};
use std::collections::HashMap;
use std::fs::{DirBuilder, File, OpenOptions};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard, Weak};
use std::time::{Duration, Instant};
use tokio::sync::OnceCell;

/// The project that is the platform itself.
pub const PLATFORM: &str = "console";

/// Which database, and how it is used.
#[derive(Clone)]
pub struct StoreSettings {
    /// Which database.
    pub backend: Backend,
    /// How long a statement may run before it is interrupted.
    pub statement_timeout: Duration,
    /// How long a unit of work may hold SQLite's writer, and with it everybody else who changes something, before its
    /// statements are refused. See [`Store::begin`].
    pub unit_time: Duration,
    /// How long a project stays open without being asked for.
    pub idle_time: Duration,
    /// How many projects are open at the most; more when more are in use at the same time.
    pub max_open: usize,
    /// Who listens to events.
    pub listeners: Arc<dyn Listeners>,
    /// Tells when an event happened.
    pub clock: Arc<dyn Clock>,
}

/// Which database.
#[derive(Debug, Clone)]
pub enum Backend {
    /// Files in a folder: `platform.db` and `projects/<id>.db`.
    Sqlite {
        /// The data folder.
        folder: PathBuf,
    },
    /// A schema for each project: `floe_platform` and `floe_project_<id>`, with `floe` as the prefix.
    Postgres {
        /// `postgres://user:password@host/database`.
        url: String,
        /// How many connections at the most.
        pool_size: usize,
        /// What the names of all our schemas begin with, so that several instances can share a database.
        schema_prefix: String,
    },
}

impl StoreSettings {
    /// This database, with the defaults: 10 s for a statement, 1 s for a unit of work, closed after 5 idle minutes, 512 open projects, nobody
    /// who listens.
    #[must_use]
    pub fn new(backend: Backend) -> Self {
        Self {
            backend,
            statement_timeout: Duration::from_secs(10),
            unit_time: Duration::from_secs(1),
            idle_time: Duration::from_secs(5 * 60),
            max_open: 512,
            listeners: Arc::new(NoListeners),
            clock: Arc::new(SystemClock),
        }
    }
}

/// All the stores of the process. Cheap to clone.
#[derive(Clone)]
pub struct Stores(Arc<Shared>);

struct Shared {
    settings: StoreSettings,
    /// PostgreSQL's; none with SQLite.
    pool: Option<postgres::Pool>,
    open: RwLock<HashMap<String, Arc<Slot>>>,
    effects: Arc<EffectHandlers>,
    /// Whether a task is looking after the idle ones.
    sweeping: AtomicBool,
    started: Instant,
}

/// A store that is open or being opened.
#[derive(Default)]
struct Slot {
    store: OnceCell<Store>,
    /// When it was asked for last: milliseconds since [`Shared::started`].
    used: AtomicU64,
}

impl Stores {
    /// Gets ready: makes the data folder, or reaches the database server. Opens the platform's store, made if need be.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the folder or the server can't be used.
    pub async fn open(settings: StoreSettings) -> Result<Self> {
        let pool = match &settings.backend {
            Backend::Sqlite { folder } => {
                make_folder(folder)?;
                make_folder(&folder.join("projects"))?;
                None
            }
            Backend::Postgres { url, pool_size, schema_prefix } => {
                let platform = Id::platform().schema(schema_prefix);
                Some(postgres::Pool::new(url, *pool_size, settings.statement_timeout, &platform)?)
            }
        };
        let stores = Self(Arc::new(Shared {
            settings,
            pool,
            open: RwLock::default(),
            effects: Arc::default(),
            sweeping: AtomicBool::new(false),
            started: Instant::now(),
        }));
        stores.create(&Id::platform()).await?;
        stores.platform().await?;
        Ok(stores)
    }

    /// Who applies what units of work cause, in every project.
    #[must_use]
    pub fn effects(&self) -> &EffectHandlers {
        &self.0.effects
    }

    /// The platform's own store.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when it can't be opened.
    pub async fn platform(&self) -> Result<Store> {
        self.store(&Id::platform()).await
    }

    /// A project's store; `console` is the platform's. Opened and migrated when it isn't open.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is no such project, [`Error::Unavailable`] when it can't be opened.
    pub async fn project(&self, id: &str) -> Result<Store> {
        if let Some(store) = self.open_already(id) {
            return Ok(store);
        }
        // Boxed, because opening is rare: every request would carry the room that it needs.
        Box::pin(self.store(&Id::parse(id)?)).await
    }

    /// Makes the store of a new project. There already (a previous attempt died half-way): fine.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when it can't be made.
    pub async fn create_project(&self, id: &str) -> Result<Store> {
        let id = Id::parse(id)?;
        self.create(&id).await?;
        self.store(&id).await
    }

    /// Removes a project with all its data, for good. Not there: fine.
    ///
    /// # Errors
    /// [`Error::NotFound`] for the platform, [`Error::Unavailable`] when it can't be removed.
    pub async fn delete_project(&self, id: &str) -> Result<()> {
        let id = Id::parse(id)?;
        if id.is_platform() {
            return Err(Error::NotFound);
        }
        let slot = self.write_open().remove(&id.0);
        if let Some(store) = slot.as_ref().and_then(|slot| slot.store.get()) {
            store.close().await;
        }
        match &self.0.settings.backend {
            Backend::Sqlite { folder } => {
                let file = id.file(folder);
                on_thread(move || remove_file(&file)).await?.map_err(Error::unavailable)
            }
            Backend::Postgres { .. } => {
                let platform = self.platform().await?;
                let mut unit = platform.begin().await?;
                unit.execute_ddl(&format!("DROP SCHEMA IF EXISTS {} CASCADE", quoted(&id.schema(self.prefix()))))
                    .await?;
                unit.commit().await
            }
        }
    }

    /// How many stores are open.
    #[must_use]
    pub fn open_count(&self) -> usize {
        self.read_open().values().filter(|slot| slot.store.initialized()).count()
    }

    /// How many bytes the write-ahead logs of all open SQLite files have on disk; nothing on PostgreSQL. For each of them
    /// it stays below 256 MB, and goes back to 64 MB when it is quiet.
    #[must_use]
    pub fn wal_bytes(&self) -> u64 {
        let bytes = |slot: &Arc<Slot>| match &slot.store.get()?.0.inner {
            Inner::Sqlite(file) => Some(file.wal_bytes()),
            Inner::Postgres(_) => None,
        };
        self.read_open().values().filter_map(bytes).sum()
    }

    /// Whether the database answers.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when it doesn't.
    pub async fn ping(&self) -> Result<()> {
        self.platform().await?.read().await?.batch("SELECT 1").await
    }

    /// Commits what waits and closes everything: for the end of the process.
    pub async fn close(&self) {
        let slots = std::mem::take(&mut *self.write_open());
        for slot in slots.into_values() {
            if let Some(store) = slot.store.get() {
                store.close().await;
            }
        }
        if let Some(pool) = &self.0.pool {
            pool.close();
        }
    }

    fn open_already(&self, id: &str) -> Option<Store> {
        let open = self.read_open();
        let slot = open.get(id)?;
        slot.used.store(self.now(), Ordering::Relaxed);
        slot.store.get().cloned()
    }

    /// Whoever comes while it is being opened waits for the same attempt.
    async fn store(&self, id: &Id) -> Result<Store> {
        if let Some(store) = self.open_already(&id.0) {
            return Ok(store);
        }
        let slot = self.slot(id);
        let store = slot.store.get_or_try_init(|| self.open_store(id)).await.cloned();
        if store.is_err() {
            drop(slot);
            self.write_open().retain(|key, slot| *key != id.0 || !is_free(slot) || slot.store.initialized());
        }
        self.sweep_while_open();
        store
    }

    fn slot(&self, id: &Id) -> Arc<Slot> {
        let mut open = self.write_open();
        if !open.contains_key(&id.0) && open.len() >= self.0.settings.max_open {
            close_least_recently_used(&mut open);
        }
        let slot = open.entry(id.0.clone()).or_default();
        slot.used.store(self.now(), Ordering::Relaxed);
        slot.clone()
    }

    async fn open_store(&self, id: &Id) -> Result<Store> {
        let sets = if id.is_platform() { Sets::ProjectAndPlatform } else { Sets::Project };
        let inner = match &self.0.settings.backend {
            Backend::Sqlite { folder } => {
                let (file, lock) = (id.file(folder), folder.join("migrations.lock"));
                let limits = sqlite::TimeLimits {
                    statement: self.0.settings.statement_timeout,
                    unit: self.0.settings.unit_time,
                };
                on_thread(move || {
                    if !file.exists() {
                        return Err(Error::NotFound);
                    }
                    migrations::migrate_file(&file, &lock, sets)?;
                    sqlite::File::open(file, limits)
                })
                .await?
                .map(Inner::Sqlite)?
            }
            Backend::Postgres { .. } => {
                let schema = id.schema(self.prefix());
                if !self.schema_exists(&schema).await? {
                    return Err(Error::NotFound);
                }
                migrations::migrate_schema(self.pool()?, &schema, sets).await?;
                Inner::Postgres(PgReader { pool: self.pool()?.clone(), schema: schema.into() })
            }
        };
        let (listeners, clock) = (Arc::clone(&self.0.settings.listeners), Arc::clone(&self.0.settings.clock));
        let outbox = Outbox { project: id.0.as_str().into(), listeners, clock };
        let open = Open { inner, outbox, handlers: Arc::clone(&self.0.effects) };
        Ok(Store(Arc::new(open), sqlite::Reads::default()))
    }

    /// Makes what [`Stores::open_store`] looks for.
    async fn create(&self, id: &Id) -> Result<()> {
        match &self.0.settings.backend {
            Backend::Sqlite { folder } => {
                let file = id.file(folder);
                on_thread(move || create_file(&file)).await?.map_err(Error::unavailable)
            }
            Backend::Postgres { .. } => {
                let schema = quoted(&id.schema(self.prefix()));
                let mut lease = postgres::Lease::read(self.pool()?, &"public".into()).await?;
                // Two that make the same schema at once trip over each other in spite of IF NOT EXISTS.
                let lock = "SELECT pg_advisory_xact_lock(hashtext('floe schemas'))";
                Ok(lease
                    .batch(&format!("BEGIN READ WRITE; {lock}; CREATE SCHEMA IF NOT EXISTS {schema}; COMMIT"))
                    .await?)
            }
        }
    }

    async fn schema_exists(&self, schema: &str) -> Result<bool> {
        use diesel_async::RunQueryDsl;
        let mut lease = postgres::Lease::read(self.pool()?, &"public".into()).await?;
        let query = diesel::select(
            diesel::dsl::sql::<Bool>("to_regnamespace(").bind::<Text, _>(quoted(schema)).sql(") IS NOT NULL"),
        );
        let (flight, mut connection) = lease.start()?;
        let found = postgres::in_one_flight(flight, connection, query.get_result::<bool>(&mut connection)).await;
        Ok(lease.finish(found).optional()?.unwrap_or(false))
    }

    fn prefix(&self) -> &str {
        match &self.0.settings.backend {
            Backend::Sqlite { .. } => "",
            Backend::Postgres { schema_prefix, .. } => schema_prefix,
        }
    }

    fn pool(&self) -> Result<&postgres::Pool> {
        self.0.pool.as_ref().ok_or_else(|| Error::unavailable("there is no PostgreSQL here"))
    }

    /// Sees to it that idle stores are closed. Costs nothing while none but the platform's is open.
    fn sweep_while_open(&self) {
        if self.0.sweeping.swap(true, Ordering::AcqRel) {
            return;
        }
        let sweeper = Sweeper(Arc::downgrade(&self.0));
        tokio::spawn(async move {
            while let Some(stores) = sweeper.0.upgrade().map(Self) {
                let Some(next) = stores.close_idle() else { return };
                drop(stores);
                tokio::time::sleep(next).await;
            }
        });
    }

    /// Closes what was idle for long enough. How long until the next one may be; none: nothing is left to look after.
    fn close_idle(&self) -> Option<Duration> {
        let idle = u64::try_from(self.0.settings.idle_time.as_millis()).unwrap_or(u64::MAX);
        let now = self.now();
        let mut open = self.write_open();
        let until = |slot: &Slot| slot.used.load(Ordering::Relaxed).saturating_add(idle);
        open.retain(|id, slot| id == PLATFORM || until(slot) > now || !is_free(slot));
        let next = open.iter().filter(|(id, _)| *id != PLATFORM).map(|(_, slot)| until(slot)).min();
        if next.is_none() {
            // With the map locked: whoever opens the next one finds that nobody is sweeping.
            self.0.sweeping.store(false, Ordering::Release);
        }
        // What is still in use although its time is over is looked at again a tenth of that time later.
        next.map(|next| Duration::from_millis(next.saturating_sub(now).max(idle / 10).max(1)))
    }

    fn now(&self) -> u64 {
        u64::try_from(self.0.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn read_open(&self) -> RwLockReadGuard<'_, HashMap<String, Arc<Slot>>> {
        self.0.open.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write_open(&self) -> RwLockWriteGuard<'_, HashMap<String, Arc<Slot>>> {
        self.0.open.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The task that closes idle stores.
struct Sweeper(Weak<Shared>);

impl Drop for Sweeper {
    /// It also ends when the runtime that it happened to start on does: then the next one to open a store starts it
    /// again. (One that ended by itself has nothing to look after; at worst there are two for a while.)
    fn drop(&mut self) {
        if let Some(shared) = self.0.upgrade() {
            shared.sweeping.store(false, Ordering::Release);
        }
    }
}

/// Whether nobody uses it or is opening it. To be asked with the map locked for writing: then nobody can begin to.
///
/// Only such a store may be closed, so that no file is ever open twice in this process.
fn is_free(slot: &Arc<Slot>) -> bool {
    Arc::strong_count(slot) == 1 && slot.store.get().is_none_or(|store| Arc::strong_count(&store.0) == 1)
}

fn close_least_recently_used(open: &mut HashMap<String, Arc<Slot>>) {
    let free = open.iter().filter(|(id, slot)| *id != PLATFORM && is_free(slot));
    let oldest = free.min_by_key(|(_, slot)| slot.used.load(Ordering::Relaxed)).map(|(id, _)| id.clone());
    if let Some(id) = oldest {
        open.remove(&id);
    }
}

/// A project's id, fit to be a part of a file's and a schema's name.
///
/// It was checked at the edge; checked again here, because here it could leave the folder.
struct Id(String);

impl Id {
    fn parse(id: &str) -> Result<Self> {
        let inside =
            |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'.' | b'_' | b'-');
        let outside = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        let valid = id.len() <= 36 && id.bytes().next().is_some_and(outside) && id.bytes().all(inside);
        if valid { Ok(Self(id.to_owned())) } else { Err(Error::NotFound) }
    }

    fn platform() -> Self {
        Self(PLATFORM.to_owned())
    }

    fn is_platform(&self) -> bool {
        self.0 == PLATFORM
    }

    fn file(&self, folder: &Path) -> PathBuf {
        if self.is_platform() {
            folder.join("platform.db")
        } else {
            folder.join("projects").join(format!("{}.db", self.0))
        }
    }

    fn schema(&self, prefix: &str) -> String {
        if self.is_platform() { format!("{prefix}_platform") } else { format!("{prefix}_project_{}", self.0) }
    }
}

fn make_folder(folder: &Path) -> Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(Error::unavailable)
}

/// An empty file is an empty database. SQLite gives its log the same mode.
fn create_file(file: &Path) -> std::io::Result<()> {
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(file) {
        Ok(made) => {
            // The log of a deleted database of the same name must not be taken for this one's.
            remove_log(file)?;
            made.sync_all()?;
            sync_folder(file)
        }
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
    }
}

fn remove_file(file: &Path) -> std::io::Result<()> {
    remove_if_there(file)?;
    remove_log(file)?;
    sync_folder(file)
}

fn remove_log(file: &Path) -> std::io::Result<()> {
    for end in ["db-wal", "db-shm"] {
        remove_if_there(&file.with_extension(end))?;
    }
    Ok(())
}

fn remove_if_there(file: &Path) -> std::io::Result<()> {
    match std::fs::remove_file(file) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// So that a file that was made or removed stays so.
fn sync_folder(file: &Path) -> std::io::Result<()> {
    file.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}
