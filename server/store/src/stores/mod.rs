//! All the stores of the process: opened at first use, closed when idle. What states a store goes through: [`slots`].

mod health;
mod leftover_logs;
mod lifecycle_lock;
mod place;
mod serving_lock;
mod slots;

use crate::effects::EffectHandlers;
use crate::error::{Error, Result};
use crate::events::Subscriptions;
use crate::free_space::{FreeSpace, MinFreeSpace};
use crate::gate::Gate;
use crate::migrations::{self, Sets};
use crate::permissions::{SWEEPER, Sweeper};
use crate::postgres::{self, Claim, RunOnPostgres as _, quoted};
use crate::quota::{Quota, Usage};
use crate::sqlite::{self, Broken, on_thread};
use crate::store::{Inner, Open, PgSchema, Reads, Store};
use crate::tables::impatiently;
use crate::tasks::Tasks;
use crate::wake_ups::Edges;
use diesel::OptionalExtension;
use diesel::sql_types::{BigInt, Bool, Nullable, Text};
use floe_kernel::time::{Clock, SystemClock, Timestamp};
use futures_util::future::BoxFuture;
use health::Ailing;
pub use health::Ailment;
pub use lifecycle_lock::LifecycleLock;
use place::Id;
pub use place::PLATFORM;
pub use serving_lock::{ServingLock, ServingSession};
use slots::{Found, Left, Purpose, Slots};
use std::collections::{HashMap, HashSet};
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

/// How many stores are closed at a time: each is a thread and a walk through its log.
const CLOSED_AT_A_TIME: usize = 4;

/// How many stores background work holds at a time.
const IN_BACKGROUND: usize = 24;

/// How long files aren't looked for again.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// How many projects a line of the log names at the most.
const MOST_NAMED: usize = 20;

/// How often another store is closed to make room for one that could not be opened for want of file descriptors.
const MOST_EVICTIONS: usize = 16;

/// How long background work and stores may take to end when the process does.
const PATIENCE: Duration = Duration::from_secs(5);

/// What is said at the start when [`Error::Busy`] is what the platform's store gives.
const PLATFORM_IN_USE: &str = "the platform's tables can't be brought up to this version while others use them, such as a dump \
    of the database: start again once that is done";

/// After how long a store whose disk failed is opened anew; twice as long after each failure, up to the second.
const REOPEN_AFTER: [Duration; 2] = [Duration::from_millis(100), Duration::from_secs(10)];

/// Asks the platform's store whether somebody finds a project of this id and generation.
pub type IsClaimed = fn(Store, String, i64) -> BoxFuture<'static, Result<bool>>;

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
    /// How much room has to stay free.
    pub min_free: MinFreeSpace,
    /// How much a project may hold. (The platform may hold any amount.)
    pub quota: Quota,
    /// Whether the platform has a project of this id and generation: then its data must be there.
    pub is_claimed: IsClaimed,
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
    /// This database, with the defaults: 10 s for a statement, 1 s for a unit of work, closed after 5 idle minutes, 512
    /// open projects, any amount of data, nobody who looks how much room is left, or who claims projects.
    #[must_use]
    pub fn new(backend: Backend) -> Self {
        Self {
            backend,
            statement_timeout: Duration::from_secs(10),
            unit_time: Duration::from_secs(1),
            idle_time: Duration::from_secs(5 * 60),
            max_open: 512,
            min_free: MinFreeSpace::default(),
            quota: Quota::default(),
            is_claimed: |_, _, _| Box::pin(async { Ok(false) }),
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
    slots: Slots,
    /// What this process is called among the nodes; another name after each start.
    node: String,
    effects: Arc<EffectHandlers>,
    tasks: Tasks,
    free_space: FreeSpace,
    ailing: Ailing,
    /// When files were last looked for.
    looked: Mutex<Option<Instant>>,
    /// Who may close a store now.
    closers: Semaphore,
    /// Who may use one in the background.
    background: Arc<Semaphore>,
    /// Whether a task is looking after the idle ones.
    sweeping: AtomicBool,
}

/// The stores, for who must not keep them open.
pub(crate) struct WeakStores(Weak<Shared>);

impl WeakStores {
    pub(crate) fn upgrade(&self) -> Option<Stores> {
        self.0.upgrade().map(Stores)
    }
}

/// How work in the background reaches a project's store. Keeps nothing open. Cheap to clone.
#[derive(Clone)]
pub struct BackgroundProject {
    stores: Weak<Shared>,
    tasks: Tasks,
    id: Id,
}

impl BackgroundProject {
    /// The store, for a while.
    ///
    /// # Errors
    /// As [`Stores::project`]; [`Error::Closed`] at the end of the process.
    pub async fn store(&self) -> Result<BackgroundStore> {
        let stores = self.stores.upgrade().map(Stores).ok_or(Error::Closed)?;
        stores.in_background(&self.id).await
    }

    /// Where such work lives.
    #[must_use]
    pub fn tasks(&self) -> &Tasks {
        &self.tasks
    }

    /// The project's id; `console` is the platform's.
    #[must_use]
    pub fn project_id(&self) -> &str {
        &self.id.name
    }

    /// Which making of the project is meant.
    #[must_use]
    pub fn generation(&self) -> i64 {
        self.id.generation
    }

    pub(crate) fn all_stores(&self) -> Option<Stores> {
        self.stores.upgrade().map(Stores)
    }
}

/// A store that background work uses. It doesn't count as use of the project, and only so many are held at a time: hold it
/// for a unit of work, and ask for it anew for the next.
pub struct BackgroundStore {
    store: Store,
    _permit: OwnedSemaphorePermit,
}

impl Deref for BackgroundStore {
    type Target = Store;

    fn deref(&self) -> &Store {
        &self.store
    }
}

impl Stores {
    /// Gets ready: makes the data folder, or reaches the database server. Opens the platform's store, made if need be.
    ///
    /// To be called on the runtime that background work is to live on.
    ///
    /// # Errors
    /// [`Error::Damaged`] when the data isn't whole, [`Error::Unavailable`] when the folder or the server can't be used.
    pub async fn open(settings: StoreSettings) -> Result<Self> {
        let pool = match &settings.backend {
            Backend::Sqlite { folder } => {
                let folder = folder.clone();
                on_thread(move || place::prepare_folder(&folder)).await??;
                None
            }
            Backend::Postgres { url, pool_size, schema_prefix } => {
                let platform = Id::platform().schema(schema_prefix);
                Some(postgres::Pool::new(url, *pool_size, settings.statement_timeout, &platform)?)
            }
        };
        let tasks = Tasks::here();
        let free_space = FreeSpace::watch(settings.min_free.clone(), &tasks).await;
        let stores = Self(Arc::new(Shared {
            settings,
            pool,
            slots: Slots::default(),
            node: floe_kernel::secret::random_hex(8),
            effects: Arc::default(),
            tasks,
            free_space,
            ailing: Ailing::default(),
            looked: Mutex::default(),
            closers: Semaphore::new(CLOSED_AT_A_TIME),
            background: Arc::new(Semaphore::new(IN_BACKGROUND)),
            sweeping: AtomicBool::new(false),
        }));
        let sweeper = Sweeper::new(Arc::clone(&stores.0.settings.clock));
        stores.effects().on_wake(SWEEPER, move |store| sweeper.wake(store));
        stores.create(&Id::platform()).await?;
        stores.platform().await.map_err(|error| match error {
            Error::Busy => Error::unavailable(PLATFORM_IN_USE),
            error => error,
        })?;
        Ok(stores)
    }

    /// Who applies what units of work cause, in every project.
    #[must_use]
    pub fn effects(&self) -> &Arc<EffectHandlers> {
        &self.0.effects
    }

    /// Where background work lives. It ends before the stores are closed.
    #[must_use]
    pub fn tasks(&self) -> &Tasks {
        &self.0.tasks
    }

    /// How much room is left where the data folder is.
    #[must_use]
    pub fn free_space(&self) -> &FreeSpace {
        &self.0.free_space
    }

    /// Whether everything is kept in the data folder, rather than in PostgreSQL.
    #[must_use]
    pub fn are_files(&self) -> bool {
        self.0.pool.is_none()
    }

    /// The platform's own store.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when it can't be opened.
    pub async fn platform(&self) -> Result<Store> {
        if let Some(store) = self.0.slots.open_already(PLATFORM, 0) {
            return Ok(store);
        }
        Box::pin(self.store(&Id::platform(), Purpose::Request)).await
    }

    /// A project's store, for a request; `console` is the platform's. Opened and migrated when it isn't open.
    ///
    /// `generation` says which making of the project is meant: what [`floe_kernel::directory::Project`] says. Data of another
    /// one is never given.
    ///
    /// # Errors
    /// [`Error::ProjectNotFound`] when there is no such project, or it was deleted; [`Error::Damaged`] when its data can't be
    /// read; [`Error::Unavailable`] when it can't be opened.
    pub async fn project(&self, id: &str, generation: i64) -> Result<Store> {
        if id == PLATFORM {
            return self.platform().await;
        }
        if let Some(store) = self.0.slots.open_already(id, generation) {
            return Ok(store);
        }
        self.store(&Id::parse(id, generation)?, Purpose::Request).await
    }

    /// A project's store, for work in the background: see [`BackgroundStore`]. Waits while too many are held.
    ///
    /// # Errors
    /// As [`Stores::project`].
    pub async fn project_in_background(&self, id: &str, generation: i64) -> Result<BackgroundStore> {
        self.in_background(&Id::parse(id, generation)?).await
    }

    /// How background work reaches a project. Opens nothing, and doesn't ask whether there is such a project.
    ///
    /// # Errors
    /// [`Error::ProjectNotFound`] for what can't be an id.
    pub fn background_project(&self, id: &str, generation: i64) -> Result<BackgroundProject> {
        Ok(self.background_of(&Id::parse(id, generation)?))
    }

    fn background_of(&self, id: &Id) -> BackgroundProject {
        BackgroundProject { stores: Arc::downgrade(&self.0), tasks: self.0.tasks.clone(), id: id.clone() }
    }

    async fn in_background(&self, id: &Id) -> Result<BackgroundStore> {
        let permit = self.0.background.clone().acquire_owned().await.map_err(Error::unavailable)?;
        let store = self.store(id, Purpose::Background).await?;
        Ok(BackgroundStore { store, _permit: permit })
    }

    /// Makes the store of a new project. There already, and of the same generation (a previous attempt died half-way): fine.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when it can't be made, or another project's data is in its place and can't be put aside.
    pub async fn create_project(&self, id: &str, generation: i64) -> Result<Store> {
        if let Some(store) = self.0.slots.open_already(id, generation) {
            return Ok(store);
        }
        let id = Id::parse(id, generation)?;
        self.create(&id).await?;
        self.store(&id, Purpose::Request).await
    }

    /// Removes a project with all its data, for good. Not there: fine. Nobody gets its store from the moment that this is
    /// called; what is going on in it is waited for.
    ///
    /// # Errors
    /// [`Error::ProjectNotFound`] for the platform, [`Error::Unavailable`] when it can't be removed; [`Error::Busy`] when others
    /// still use its tables, such as a dump of PostgreSQL: then it is still to be removed.
    pub async fn delete_project(&self, id: &str, generation: i64) -> Result<()> {
        let id = Id::parse(id, generation)?;
        if id.is_platform() {
            return Err(Error::ProjectNotFound);
        }
        // As a task: whoever asked for it may go away, and then the store would be neither here nor gone.
        let stores = self.clone();
        self.0.tasks.spawn(async move { stores.delete(&id).await }).await.map_err(Error::unavailable)?
    }

    /// Puts the data of a project aside that was never shown to anybody, for nobody but a person to remove: a file into
    /// `unclaimed/`, a schema under another name. Not there, or another one's: fine. To be called under
    /// [`Stores::hold_lifecycle_alone`].
    ///
    /// # Errors
    /// [`Error::Unavailable`] when it can't be put aside; [`Error::Busy`] when others use its tables.
    pub async fn set_project_aside(&self, id: &str, generation: i64) -> Result<()> {
        let id = Id::parse(id, generation)?;
        if let Some(store) = self.0.slots.expel(&id) {
            self.finish_closing(store).await;
        }
        match &self.0.settings.backend {
            Backend::Sqlite { folder } => self.set_file_aside(folder, &id).await?,
            Backend::Postgres { .. } => self.set_schema_aside(&id).await?,
        }
        self.remove_wake_ups(&id.name, generation).await
    }

    /// Not there: fine.
    async fn set_file_aside(&self, folder: &Path, id: &Id) -> Result<()> {
        let (folder, id, now) = (folder.to_owned(), id.clone(), self.0.settings.clock.now());
        on_thread(move || if id.file(&folder).exists() { place::set_aside(&folder, &id, now) } else { Ok(()) }).await?
    }

    async fn set_schema_aside(&self, id: &Id) -> Result<()> {
        let now = self.0.settings.clock.now();
        let (schema, aside) = (id.schema(self.prefix()), id.schema_aside(self.prefix(), now));
        if self.stamp_of_schema(&quoted(&schema)).await? != Some(id.generation) {
            return Ok(());
        }
        tracing::warn!(schema, aside, "no project has this schema: it gets another name");
        let mut unit = self.platform().await?.begin().await?;
        let rename = format!("ALTER SCHEMA {} RENAME TO {}", quoted(&schema), quoted(&aside));
        unit.execute_ddl(&impatiently(&rename)).await?;
        unit.commit().await
    }

    /// Puts the files aside that none of these projects has (by their ids): what an older version or a restored backup of the
    /// platform has left. Notes which of the projects have none. To be called under [`Stores::hold_lifecycle_alone`]. Does
    /// nothing on PostgreSQL, where another instance's schemas may have similar names.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when one can't be put aside.
    pub async fn set_aside_unclaimed(&self, claimed: &HashMap<String, i64>) -> Result<()> {
        let Backend::Sqlite { folder } = &self.0.settings.backend else { return Ok(()) };
        let folder = folder.clone();
        let files = on_thread({
            let folder = folder.clone();
            move || place::project_files(&folder)
        })
        .await??;
        self.note_missing(claimed, &files);
        for name in files.into_iter().filter(|name| !claimed.contains_key(name)) {
            self.set_file_aside(&folder, &Id::parse(&name, 0)?).await?;
        }
        Ok(())
    }

    fn note_missing(&self, claimed: &HashMap<String, i64>, files: &[String]) {
        let files: HashSet<_> = files.iter().collect();
        let mut missing: Vec<_> = claimed.iter().filter(|(name, _)| !files.contains(name)).collect();
        missing.sort();
        for (name, generation) in &missing {
            if let Ok(id) = Id::parse(name, **generation) {
                self.0.ailing.note(&id, Ailment::Damaged);
            }
        }
        if !missing.is_empty() {
            let some: Vec<_> = missing.iter().map(|(name, _)| name.as_str()).take(MOST_NAMED).collect();
            tracing::error!(missing = missing.len(), projects = some.join(", "), "projects have no file: restore them");
        }
    }

    /// Closes every project's store that nobody uses, and waits for it: for tests.
    #[doc(hidden)]
    pub async fn close_idle_now(&self) {
        let (left, _) = self.0.slots.idle(Duration::ZERO);
        futures_util::future::join_all(left.into_iter().map(|left| self.finish_closing(left))).await;
    }

    /// Removes a project's sets of permissions that were retired for long enough, and retires those that nothing has, now: for
    /// tests. How many of each.
    #[doc(hidden)]
    pub async fn sweep_permissions_now(&self, store: &Store) -> Result<(usize, usize)> {
        crate::permissions::sweep(&store.background(), &*self.0.settings.clock).await
    }

    /// How many stores are open.
    #[must_use]
    pub fn open_count(&self) -> usize {
        self.0.slots.open_count()
    }

    /// How many bytes the write-ahead logs of all open SQLite files have on disk; nothing on PostgreSQL. For each of them
    /// it stays below 256 MB, and goes back to 64 MB when it is quiet.
    #[must_use]
    pub fn wal_bytes(&self) -> u64 {
        let bytes = |store: &Store| match &store.open.inner {
            Inner::Sqlite(file) => file.wal_bytes(),
            Inner::Postgres(_) => 0,
        };
        self.0.slots.each(bytes).into_iter().sum()
    }

    /// Looks whether the files of all that are open are still where they were. One that was removed is closed, and its
    /// project [ails](Stores::ailing) from then on; who writes to it finds out by themselves. At most every second.
    pub async fn look_for_files(&self) {
        if !self.is_time_to_look() {
            return;
        }
        let checks = self.0.slots.each(|store| match &store.open.inner {
            Inner::Sqlite(file) => Some(file.place_check()),
            Inner::Postgres(_) => None,
        });
        if let Err(error) = on_thread(|| checks.into_iter().flatten().for_each(|check| check())).await {
            tracing::warn!(%error, "files can't be looked for");
        }
    }

    fn is_time_to_look(&self) -> bool {
        let now = Instant::now();
        let mut looked = self.0.looked.lock().unwrap_or_else(PoisonError::into_inner);
        let is_time = looked.is_none_or(|last| now >= last + LOOK_AGAIN);
        if is_time {
            *looked = Some(now);
        }
        is_time
    }

    /// The projects whose stores are known not to be well (`console`: the platform's), and why.
    #[must_use]
    pub fn ailing(&self) -> Vec<(String, Ailment)> {
        self.0.ailing.all()
    }

    /// Whether the database answers.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when it doesn't.
    pub async fn ping(&self) -> Result<()> {
        self.platform().await?.read().await?.batch("SELECT 1").await
    }

    /// Ends what goes on in the background, commits what waits and closes everything: for the end of the process.
    pub async fn close(&self) {
        let left = self.0.tasks.stop(PATIENCE).await;
        if left > 0 {
            tracing::warn!(left, "work in the background doesn't end");
        }
        let closing = self.0.slots.all().into_iter().map(|left| async move {
            let id = left.id.name.clone();
            if tokio::time::timeout(PATIENCE, self.finish_closing(left)).await.is_err() {
                tracing::warn!(project = id, "somebody still uses it: its log stays until the next start");
            }
        });
        futures_util::future::join_all(closing).await;
        if let Some(pool) = &self.0.pool {
            pool.close();
        }
    }

    /// Whoever comes while it is being opened waits for the same attempt. Boxed, because opening is rare: every request would
    /// carry the room that it needs, and every crate compile it.
    fn store<'s>(&'s self, id: &'s Id, purpose: Purpose) -> BoxFuture<'s, Result<Store>> {
        Box::pin(async move {
            loop {
                match self.0.slots.find(id, purpose) {
                    Found::Open(store) => return Ok(store),
                    Found::Gone => return Err(Error::ProjectNotFound),
                    Found::Wait(ended) => ended.cancelled().await,
                    Found::Outdated(left) => self.close_later(left),
                    Found::Opening(ended) => {
                        // As a task: whoever asked for it may go away, and a file that is being opened must not be forgotten.
                        let (stores, id) = (self.clone(), id.clone());
                        let opening = self.0.tasks.spawn(async move { stores.open_slot(&id, &ended).await });
                        return opening.await.map_err(Error::unavailable)?;
                    }
                }
            }
        })
    }

    async fn open_slot(&self, id: &Id, ended: &CancellationToken) -> Result<Store> {
        let guard = EndOpening { stores: self, id, ended, store: None };
        // The one that is being opened counts.
        if let Some(left) = self.0.slots.least_recently_used(self.0.settings.max_open.saturating_add(1)) {
            self.close_later(left);
        }
        let store = match self.open_making_room(id).await {
            Err(Error::NotFound) => Err(self.not_there(id, place::missing(&self.whose(id))).await),
            Err(Error::OfAnotherMaking(store)) => {
                Err(self.not_there(id, place::of_another_making(&self.whose(id), &store)).await)
            }
            opened => opened,
        };
        match &store {
            Ok(_) => self.0.ailing.clear(id),
            Err(Error::Damaged(what)) if self.0.ailing.note(id, Ailment::Damaged) => {
                tracing::error!(project = %id.name, what, "a project can't be opened");
            }
            Err(_) => {}
        }
        guard.end(store.as_ref().ok().cloned());
        if let Ok(store) = &store {
            self.0.effects.opened(store);
        }
        if !id.is_platform() && store.is_ok() {
            self.sweep_while_open();
        }
        store
    }

    /// What whoever asks for a store is told whose data isn't there: that there is no such project, who is too late, because it was
    /// deleted; what is `wrong`, all who call it until somebody restores it.
    async fn not_there(&self, id: &Id, wrong: Error) -> Error {
        if id.is_platform() {
            return wrong;
        }
        match self.is_claimed(id, id.generation).await {
            Ok(true) => wrong,
            Ok(false) => Error::ProjectNotFound,
            Err(error) => error,
        }
    }

    /// Whether somebody finds a project of this id, and of this generation.
    async fn is_claimed(&self, id: &Id, generation: i64) -> Result<bool> {
        (self.0.settings.is_claimed)(self.platform().await?, id.name.clone(), generation).await
    }

    /// Opens a store; when there are no file descriptors left, closes others for it.
    async fn open_making_room(&self, id: &Id) -> Result<Store> {
        for _ in 0..MOST_EVICTIONS {
            match self.open_store(id).await {
                Err(error) if error.is_for_want_of_files() => {
                    let Some(left) = self.0.slots.least_recently_used(0) else { return Err(error) };
                    tracing::warn!(
                        closed = left.id.name,
                        "too few file descriptors: raise the limit (docs/operations.md)"
                    );
                    self.finish_closing(left).await;
                }
                opened => return opened,
            }
        }
        self.open_store(id).await
    }

    /// # Errors
    /// [`Error::NotFound`] when nothing is there.
    async fn open_store(&self, id: &Id) -> Result<Store> {
        let sets = if id.is_platform() { Sets::ProjectAndPlatform } else { Sets::Project };
        let gate = Gate::default();
        let inner = match &self.0.settings.backend {
            Backend::Sqlite { folder } => {
                let (file, lock) = (id.file(folder), folder.join("migrations.lock"));
                let limits = sqlite::TimeLimits {
                    statement: self.0.settings.statement_timeout,
                    unit: self.0.settings.unit_time,
                };
                let recovering = self.0.ailing.has(id, Ailment::DiskFailed);
                let whose = self.whose(id);
                let owner = sqlite::FileOwner { whose: whose.clone(), on_broken: self.on_broken(id, &file) };
                let (id, gate, folder) = (id.clone(), gate.clone(), folder.clone());
                let open = move || {
                    let named = |error| place::named(&whose, error);
                    place::check_file(&file, &id)?;
                    if id.is_platform() && migrations::is_new(&file).map_err(named)? {
                        place::refuse_if_projects(&folder)?;
                    }
                    migrations::migrate_file(&file, &lock, sets, id.generation, recovering).map_err(named)?;
                    let opened = sqlite::File::open(&file, limits, gate, owner).map_err(named)?;
                    place::must_have_spare_files().map(|()| opened)
                };
                Inner::Sqlite(on_thread(open).await??)
            }
            Backend::Postgres { .. } => {
                let schema = id.schema(self.prefix());
                if !self.schema_exists(&schema).await? {
                    return Err(Error::NotFound);
                }
                let migrated = migrations::migrate_schema(self.pool()?, &schema, sets, id.generation).await;
                migrated.map_err(|error| place::named(&self.whose(id), error))?;
                Inner::Postgres(PgSchema { pool: self.pool()?.clone(), schema: schema.into(), gate: gate.clone() })
            }
        };
        let (project, clock) = (id.name.as_str().into(), Arc::clone(&self.0.settings.clock));
        let (background, handlers) = (self.background_of(id), Arc::clone(&self.0.effects));
        let quota = if id.is_platform() { Quota::default() } else { self.0.settings.quota };
        let usage = Arc::new(Usage::new(quota));
        let (subscriptions, edges) = (Subscriptions::default(), Edges::default());
        let open = Open { inner, gate, background, project, clock, usage, handlers, subscriptions, edges };
        Ok(Store { open: Arc::new(open), reads: Reads::default(), memory: None, origin: None })
    }

    /// Makes what [`Stores::open_store`] looks for, with its generation written in it.
    fn create<'s>(&'s self, id: &'s Id) -> BoxFuture<'s, Result<()>> {
        Box::pin(async move {
            match &self.0.settings.backend {
                Backend::Sqlite { folder } => {
                    let (folder, id, now) = (folder.clone(), id.clone(), self.0.settings.clock.now());
                    on_thread(move || create_file(&folder, &id, now)).await?
                }
                Backend::Postgres { .. } => self.create_schema(id).await,
            }
        })
    }

    async fn create_schema(&self, id: &Id) -> Result<()> {
        let name = id.schema(self.prefix());
        let schema = quoted(&name);
        let mut lease = postgres::Lease::begin(self.pool()?, &"public".into(), Claim::OURS).await?;
        // Two that make the same schema at once trip over each other in spite of IF NOT EXISTS.
        lease.batch("SELECT pg_advisory_xact_lock(hashtext('floe schemas'))").await?;
        if id.is_platform() {
            refuse_other_encodings(&mut lease).await?;
        }
        let table = format!("{schema}.store_generation");
        let migrated = format!("{schema}.__diesel_schema_migrations");
        if id.is_platform() && !self.exists_in(&mut lease, "to_regclass(", &migrated).await? {
            self.refuse_if_project_schemas(&mut lease).await?;
        }
        let exists = self.exists_in(&mut lease, "to_regnamespace(", &schema).await?;
        if exists {
            // Whoever opens one that is older than this stamps it, and one that somebody made for us, empty.
            return match self.stamp_in(&mut lease, &schema).await? {
                Some(stamp) if stamp != id.generation => {
                    tracing::error!(
                        schema = name,
                        "it holds the data of another project: a new one can't be made in its place"
                    );
                    Err(Error::OfAnotherMaking(name))
                }
                _ => Ok(()),
            };
        }
        let generation = id.generation;
        lease
            .batch(&format!(
                "CREATE SCHEMA {schema}; CREATE TABLE {table} (generation BIGINT NOT NULL); \
                 INSERT INTO {table} VALUES ({generation})"
            ))
            .await?;
        lease.commit().await
    }

    /// The schema of the platform's store; none on SQLite.
    pub(crate) fn platform_schema(&self) -> Option<String> {
        self.0.pool.as_ref().map(|_| Id::platform().schema(self.prefix()))
    }

    /// On which channel nodes that share the platform's schema tell each other of wake-ups.
    pub(crate) fn channel(&self) -> String {
        format!("{}_wake_ups", self.prefix())
    }

    /// What this process is called among the nodes.
    #[must_use]
    pub fn node(&self) -> &str {
        &self.0.node
    }

    pub(crate) fn pool_if_any(&self) -> Option<&postgres::Pool> {
        self.0.pool.as_ref()
    }

    pub(crate) fn downgrade(&self) -> WeakStores {
        WeakStores(Arc::downgrade(&self.0))
    }

    /// As for SQLite's files: without the platform nobody knows whose the projects are.
    async fn refuse_if_project_schemas(&self, lease: &mut postgres::Lease) -> Result<()> {
        let beginning = Id::schema_of_projects(self.prefix());
        let query = diesel::dsl::sql::<BigInt>("SELECT count(*) FROM pg_namespace WHERE starts_with(nspname, ")
            .bind::<Text, _>(beginning.clone())
            .sql(")");
        let projects = query.get_result::<i64>(lease).await?;
        if projects == 0 {
            return Ok(());
        }
        let platform = Id::platform().schema(self.prefix());
        Err(Error::Damaged(format!(
            "the schema {platform} is missing or empty, although there are {projects} schemas {beginning}… with the data of projects. Restore \
             it from a backup of the same time as they are (docs/operations.md); to begin anew, use another database."
        )))
    }

    async fn schema_exists(&self, schema: &str) -> Result<bool> {
        let mut lease = postgres::Lease::read(self.pool()?, &"public".into(), Claim::OURS).await?;
        self.exists_in(&mut lease, "to_regnamespace(", &quoted(schema)).await
    }

    async fn exists_in(&self, lease: &mut postgres::Lease, function: &str, name: &str) -> Result<bool> {
        let query =
            diesel::select(diesel::dsl::sql::<Bool>(function).bind::<Text, _>(name.to_owned()).sql(") IS NOT NULL"));
        Ok(query.get_result::<bool>(lease).await.optional()?.unwrap_or(false))
    }

    /// Whose data it is, for people.
    fn whose(&self, id: &Id) -> String {
        id.whose(self.0.pool.as_ref().map(|_| self.prefix()))
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

    async fn delete(&self, id: &Id) -> Result<()> {
        let mut left = loop {
            match self.0.slots.delete(id) {
                Ok(Some(left)) => break left,
                Ok(None) => return Ok(()),
                Err(ended) => ended.cancelled().await,
            }
        };
        if let Some(store) = left.store.take() {
            store.close(Error::ProjectNotFound).await;
        }
        let removed = match self.remove_data(id).await {
            Ok(()) => self.remove_wake_ups(&id.name, id.generation).await,
            Err(error) => Err(error),
        };
        self.0.ailing.clear(id);
        self.0.slots.remove(&left);
        removed
    }

    /// Removes the data of a project. What lies in its place and isn't its own stays: a file is put aside, unless it is that of a
    /// later project of this id.
    async fn remove_data(&self, id: &Id) -> Result<()> {
        match &self.0.settings.backend {
            Backend::Sqlite { folder } => {
                let (file, of) = (id.file(folder), id.clone());
                let owner = on_thread(move || remove_own_file(&file, &of)).await??;
                let is_claimed = match owner {
                    Owner::Project => return Ok(()),
                    Owner::Another(stamp) => self.is_claimed(id, stamp).await?,
                    Owner::Unknown => false,
                };
                if is_claimed {
                    return Ok(());
                }
                self.set_file_aside(folder, id).await
            }
            Backend::Postgres { .. } => {
                let name = id.schema(self.prefix());
                let schema = quoted(&name);
                let platform = self.platform().await?;
                if self.stamp_of_schema(&schema).await?.is_some_and(|stamp| stamp != id.generation) {
                    tracing::warn!(schema = name, "it holds the data of another project, and stays: rename or drop it");
                    return Ok(());
                }
                let mut unit = platform.begin().await?;
                unit.execute_ddl(&impatiently(&format!("DROP SCHEMA IF EXISTS {schema} CASCADE"))).await?;
                unit.commit().await
            }
        }
    }

    async fn stamp_of_schema(&self, schema: &str) -> Result<Option<i64>> {
        let mut lease = postgres::Lease::read(self.pool()?, &"public".into(), Claim::OURS).await?;
        self.stamp_in(&mut lease, schema).await
    }

    /// What a schema's stamp says; none without a stamp, or without the schema.
    async fn stamp_in(&self, lease: &mut postgres::Lease, schema: &str) -> Result<Option<i64>> {
        let table = format!("{schema}.store_generation");
        if self.exists_in(lease, "to_regclass(", &table).await? { generation_in(lease, &table).await } else { Ok(None) }
    }

    /// Closes a store that has left, when it is its turn.
    fn close_later(&self, left: Left) {
        let stores = self.clone();
        self.0.tasks.spawn(async move {
            let _permit = stores.0.closers.acquire().await;
            stores.finish_closing(left).await;
        });
    }

    async fn finish_closing(&self, mut left: Left) {
        if let Some(store) = left.store.take() {
            store.close(Error::Closed).await;
        }
        self.0.slots.remove(&left);
    }

    /// What is done when a file takes no more changes: the store is closed and opened anew; after a failure of the disk until
    /// that succeeds.
    fn on_broken(&self, id: &Id, file: &Path) -> sqlite::OnBroken {
        let (shared, id, file) = (Arc::downgrade(&self.0), id.clone(), file.to_owned());
        Arc::new(move |why: Broken, error: &dyn std::error::Error| {
            let (project, database) = (&id.name, file.display());
            tracing::error!(project, %database, %error, "nothing more is written before it is opened anew");
            let Some(stores) = shared.upgrade().map(Self) else { return };
            stores.0.ailing.note(
                &id,
                match why {
                    Broken::DiskFailed => Ailment::DiskFailed,
                    Broken::Removed => Ailment::Damaged,
                },
            );
            let (again, id) = (stores.clone(), id.clone());
            drop(stores.0.tasks.spawn(async move { again.open_anew(&id, why).await }));
        })
    }

    async fn open_anew(&self, id: &Id, why: Broken) {
        let Some(left) = self.0.slots.expel(id) else { return };
        self.finish_closing(left).await;
        match why {
            Broken::DiskFailed => self.open_until_it_succeeds(id).await,
            // What lies there now is told, and looked at again by whoever calls.
            Broken::Removed => match self.store(id, Purpose::Background).await {
                Ok(_) => tracing::warn!(project = %id.name, "opened anew: another file lies in its place"),
                Err(Error::ProjectNotFound) => self.0.ailing.clear(id),
                Err(error) => tracing::error!(project = %id.name, %error, "can't be opened anew"),
            },
        }
    }

    async fn open_until_it_succeeds(&self, id: &Id) {
        let [mut pause, longest] = REOPEN_AFTER;
        while self.0.ailing.has(id, Ailment::DiskFailed) {
            if !self.0.tasks.sleep(pause).await {
                return;
            }
            match self.store(id, Purpose::Background).await {
                Ok(_) => tracing::warn!(project = %id.name, "opened anew after the disk failed"),
                Err(Error::ProjectNotFound) => self.0.ailing.clear(id),
                Err(error) => tracing::error!(project = %id.name, %error, "can't be opened anew after the disk failed"),
            }
            pause = longest.min(pause * 2);
        }
    }

    /// Sees to it that idle stores are closed. Costs nothing while none but the platform's is open.
    fn sweep_while_open(&self) {
        if self.0.sweeping.swap(true, Ordering::AcqRel) {
            return;
        }
        let (sweeper, tasks) = (Arc::downgrade(&self.0), self.0.tasks.clone());
        self.0.tasks.spawn(async move {
            while let Some(next) = sweep(&sweeper) {
                if !tasks.sleep(next).await {
                    return;
                }
            }
        });
    }
}

/// Closes what was idle for long enough. How long until the next one may be; none: nothing is left to look after.
fn sweep(shared: &Weak<Shared>) -> Option<Duration> {
    let stores = Stores(shared.upgrade()?);
    let idle_time = stores.0.settings.idle_time;
    let (left, next) = stores.0.slots.idle(idle_time);
    left.into_iter().for_each(|left| stores.close_later(left));
    if next.is_some() {
        return next;
    }
    stores.0.sweeping.store(false, Ordering::Release);
    // Whoever opened one a moment ago found that somebody was sweeping.
    let goes_on = stores.0.slots.any_project() && !stores.0.sweeping.swap(true, Ordering::AcqRel);
    goes_on.then_some(idle_time)
}

/// Texts of all languages are kept, and compared by Unicode.
async fn refuse_other_encodings(lease: &mut postgres::Lease) -> Result<()> {
    let query = diesel::select(diesel::dsl::sql::<Text>("current_setting('server_encoding')"));
    let encoding = query.get_result::<String>(lease).await?;
    if encoding == "UTF8" {
        return Ok(());
    }
    Err(Error::unavailable(format!(
        "the database's encoding is {encoding}, and must be UTF8: make another one with `createdb -E UTF8 -T template0`"
    )))
}

/// Says how an opening ended, also when it panics.
struct EndOpening<'s> {
    stores: &'s Stores,
    id: &'s Id,
    ended: &'s CancellationToken,
    store: Option<Store>,
}

impl EndOpening<'_> {
    fn end(mut self, store: Option<Store>) {
        self.store = store;
    }
}

impl Drop for EndOpening<'_> {
    fn drop(&mut self) {
        self.stores.0.slots.opened(self.id, self.store.take(), self.ended);
    }
}

/// Makes a file with its generation in it. Blocks.
fn create_file(folder: &Path, id: &Id, now: Timestamp) -> Result<()> {
    let file = id.file(folder);
    let _lock = migrations::wait_for(&folder.join("migrations.lock"))?;
    match file.metadata() {
        // Whoever made it died before anything was in it.
        Ok(about) if about.len() == 0 => place::remove_file(&file).map_err(Error::of_file(&file))?,
        Ok(_) if id.is_platform() => return Ok(()),
        Ok(_) => {
            let stamp = place::check_file(&file, id).and_then(|()| migrations::generation_of_file(&file));
            if matches!(stamp, Ok(Some(stamp)) if stamp == id.generation) {
                return Ok(());
            }
            place::set_aside(folder, id, now)?;
        }
        Err(_) => {}
    }
    place::create_file(&file).map_err(Error::of_file(&file))?;
    migrations::stamp_file(&file, id.generation)
}

/// Whose file it is that lies in a project's place.
enum Owner {
    /// The project's own, or nobody's: none is there, or nothing is in it.
    Project,
    /// Another project's, or that of another making of this one, as its stamp says.
    Another(i64),
    /// No project's, or it can't be told: another program's, or damaged.
    Unknown,
}

/// Removes a project's file for good, unless it is somebody else's. Blocks.
fn remove_own_file(file: &Path, id: &Id) -> Result<Owner> {
    let owner = owner_of(file, id);
    if matches!(owner, Owner::Project) {
        place::remove_file(file).map_err(Error::of_file(file))?;
    }
    Ok(owner)
}

fn owner_of(file: &Path, id: &Id) -> Owner {
    let is_empty = file.metadata().is_ok_and(|about| about.is_file() && about.len() == 0);
    match place::check_file(file, id) {
        Err(Error::NotFound) => Owner::Project,
        // Whoever made it died before anything was in it.
        Err(_) if is_empty => Owner::Project,
        Err(_) => Owner::Unknown,
        Ok(()) => match migrations::generation_of_file(file) {
            Ok(Some(stamp)) if stamp == id.generation => Owner::Project,
            Ok(Some(stamp)) => Owner::Another(stamp),
            // Older than that there are any, or a person has removed it.
            Ok(None) if migrations::is_of_project(file) => Owner::Project,
            _ => Owner::Unknown,
        },
    }
}

async fn generation_in(lease: &mut postgres::Lease, table: &str) -> Result<Option<i64>> {
    let sql = format!("(SELECT max(generation) FROM {table})");
    let query = diesel::select(diesel::dsl::sql::<Nullable<BigInt>>(&sql));
    Ok(query.get_result::<Option<i64>>(lease).await?)
}
