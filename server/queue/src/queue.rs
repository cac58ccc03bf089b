//! The worker: one task that knows whose turn it is, a task for each visit, and one for each job.

use crate::QUEUE;
use crate::handlers::Handlers;
use crate::job::JobHandler;
use crate::policy::{POLICIES, Policy};
use crate::repository::{JobRepository, Wanted};
use crate::run::Running;
use crate::turns::{Found, Key, Queues, Turns, Visit, Why, has};
use floe_kernel::time::Clock;
use floe_store::{BackgroundProject, BackgroundStore, Error, Result, Stores, UnitOfWork, WakeUp, steps};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard};
use std::time::Duration;
use tokio::sync::Notify;

/// Nobody sleeps longer than this while something is due later: the machine's clock may be set.
const LONGEST_SLEEP: Duration = Duration::from_secs(60);

/// How long somebody here waits for a project's writer. Few projects are visited at a time, and few stores are held: one that is
/// busy is tried again later, instead of holding up everybody else.
const PATIENCE: Duration = Duration::from_millis(250);

/// What may be decided about the worker.
#[derive(Debug, Clone)]
pub struct QueueSettings {
    /// For how long a job is its worker's. A worker that lives renews it in time; when one died, its jobs come back after so
    /// long (on SQLite at the next start).
    pub lease: Duration,
    /// How long a project is quiet before it is noted that it has nothing to do any more.
    pub linger: Duration,
    /// The queues. No two have the same name.
    pub policies: Vec<Policy>,
}

impl Default for QueueSettings {
    fn default() -> Self {
        Self { lease: Duration::from_secs(30), linger: Duration::from_secs(10), policies: POLICIES.to_vec() }
    }
}

/// The queues of all projects, and who works on them in this process. Cheap to clone.
#[derive(Clone)]
pub struct Queue(pub(crate) Arc<Worker>);

pub(crate) struct Worker {
    pub(crate) stores: Stores,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) settings: QueueSettings,
    handlers: RwLock<Handlers>,
    turns: Mutex<Turns>,
    changed: Notify,
    /// None until it is started.
    started: std::sync::OnceLock<()>,
}

impl Queue {
    /// Does nothing until it is started. Jobs may be pushed.
    #[must_use]
    pub fn new(stores: &Stores, clock: Arc<dyn Clock>) -> Self {
        Self::with(stores, clock, QueueSettings::default())
    }

    /// The same with other settings.
    #[must_use]
    pub fn with(stores: &Stores, clock: Arc<dyn Clock>, settings: QueueSettings) -> Self {
        let linger = millis(settings.linger);
        let worker = Arc::new(Worker {
            turns: Mutex::new(Turns::new(settings.policies.clone(), linger)),
            stores: stores.clone(),
            clock,
            settings,
            handlers: RwLock::default(),
            changed: Notify::new(),
            started: std::sync::OnceLock::new(),
        });
        let woken = Arc::downgrade(&worker);
        stores.effects().on_wake(QUEUE, move |store| {
            if let Some(worker) = woken.upgrade() {
                worker.wake(store.background(), 0, Why::Woken);
            }
        });
        let opened = Arc::downgrade(&worker);
        stores.effects().on_open(move |store| {
            if let Some(worker) = opened.upgrade() {
                worker.wake(store.background(), 0, Why::Opened);
            }
        });
        Self(worker)
    }

    /// Has these jobs done by this handler. To be called before [`Queue::start`].
    ///
    /// # Panics
    /// When the queue or the kind have other characters in their names than small letters, `.` and `_`.
    pub fn handle<H: JobHandler>(&self, handler: H) {
        self.0.handlers.write().unwrap_or_else(PoisonError::into_inner).add(handler);
    }

    /// Starts to work: on what is left from before, and on what comes. Opens no project that has nothing to do.
    ///
    /// # Errors
    /// Those of the platform's store.
    pub async fn start(&self) -> Result<()> {
        let worker = &self.0;
        {
            let mut turns = worker.turns();
            let handlers = worker.handlers();
            for (index, policy) in worker.settings.policies.iter().enumerate() {
                turns.handled |= Queues::from(handlers.kinds(policy.queue).is_some()) << index;
            }
        }
        worker.read_paused().await?;
        // From here on nobody's wake is missed, and then what was there before is read.
        if worker.started.set(()).is_err() {
            return Ok(());
        }
        worker.read_wake_ups().await?;
        let heard = Arc::downgrade(worker);
        worker.stores.hear_wake_ups(QUEUE, move |wake_up| {
            let Some(worker) = heard.upgrade() else { return };
            match wake_up {
                Some(WakeUp { project, due }) => worker.wake(project, due.millis(), Why::Woken),
                None => worker.read_anew(),
            }
        });
        let dispatching = Arc::clone(worker);
        drop(worker.stores.tasks().spawn(async move { dispatching.dispatch().await }));
        Ok(())
    }

    /// Looks at the clock again: for tests that move it by hand.
    #[doc(hidden)]
    pub fn look(&self) {
        self.0.changed.notify_one();
    }

    /// How many projects are known to have something to do, or had it a moment ago.
    #[must_use]
    pub fn known_projects(&self) -> usize {
        self.0.turns().known()
    }

    /// How many jobs of a queue are running in this process.
    #[must_use]
    pub fn running(&self, queue: &str) -> usize {
        self.0.index(queue).map_or(0, |index| self.0.turns().running(index))
    }
}

impl Worker {
    pub(crate) fn turns(&self) -> MutexGuard<'_, Turns> {
        self.turns.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn handlers(&self) -> RwLockReadGuard<'_, Handlers> {
        self.handlers.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn now(&self) -> i64 {
        self.clock.now().millis()
    }

    pub(crate) fn index(&self, queue: &str) -> Option<usize> {
        self.settings.policies.iter().position(|policy| policy.queue == queue)
    }

    fn wake(&self, project: BackgroundProject, due: i64, why: Why) {
        if self.started.get().is_some() {
            self.turns().wake(project, due, self.now(), why);
            self.changed.notify_one();
        }
    }

    /// Something changed that may let somebody have their turn.
    pub(crate) fn look(&self) {
        self.changed.notify_one();
    }

    async fn read_wake_ups(&self) -> Result<()> {
        for WakeUp { project, due } in self.stores.wake_ups(QUEUE).await? {
            self.wake(project, due.millis(), Why::Inherited);
        }
        Ok(())
    }

    /// Which queues are paused in every project.
    pub(crate) async fn read_paused(&self) -> Result<()> {
        let names = JobRepository(&mut self.stores.platform().await?.read().await?).paused().await?;
        let paused = names.iter().filter_map(|name| self.index(name)).fold(0, |paused, queue| paused | 1 << queue);
        self.turns().paused = paused;
        Ok(())
    }

    /// Reads what may have been missed, in a task of its own.
    pub(crate) fn read_anew(self: &Arc<Self>) {
        let worker = Arc::clone(self);
        drop(self.stores.tasks().spawn(async move {
            let mut pause = Duration::from_millis(200);
            while let Err(error) = async { worker.read_paused().await.and(worker.read_wake_ups().await) }.await {
                tracing::warn!(%error, "can't see which projects have something to do");
                if !worker.stores.tasks().sleep(pause).await {
                    return;
                }
                pause = LONGEST_SLEEP.min(pause * 2);
            }
        }));
    }

    async fn dispatch(self: Arc<Self>) {
        let tasks = self.stores.tasks().clone();
        while !tasks.is_stopping() {
            let now = self.now();
            let (next, visits) = {
                let mut turns = self.turns();
                let next = turns.fire(now);
                (next, std::iter::from_fn(|| turns.next_visit(now)).collect::<Vec<_>>())
            };
            for visit in visits {
                let worker = Arc::clone(&self);
                drop(tasks.spawn(async move { worker.visit(visit).await }));
            }
            let sleep = next.map(|due| Duration::from_millis(u64::try_from(due - now).unwrap_or(0)).min(LONGEST_SLEEP));
            tokio::select! {
                () = tasks.stopping() => {}
                () = self.changed.notified() => {}
                () = tokio::time::sleep(sleep.unwrap_or_default()), if sleep.is_some() => {}
            }
        }
    }

    async fn visit(self: Arc<Self>, visit: Visit) {
        let Visit { key, background, .. } = &visit;
        let looked = self.look_at(&visit).await;
        match looked {
            Ok((found, jobs)) => {
                self.turns().visited(key, Some(&found), self.now());
                for job in jobs {
                    drop(self.stores.tasks().spawn(job.run()));
                }
            }
            Err(Error::ProjectNotFound) => {
                self.turns().gone(key);
                if let Err(error) = background.forget_wake_ups().await {
                    tracing::warn!(project = background.project_id(), %error, "a project that is gone is still known of");
                }
            }
            Err(error) => {
                if !matches!(error, Error::Closed | Error::Busy) {
                    tracing::warn!(project = background.project_id(), %error, "jobs are left for later");
                }
                self.turns().visited(key, None, self.now());
            }
        }
        self.changed.notify_one();
    }

    /// Takes what there is to take, and finds out what is left.
    async fn look_at(self: &Arc<Self>, visit: &Visit) -> Result<(Found, Vec<Running>)> {
        let store = visit.background.store().await?;
        if visit.inherited && store.is_sqlite() {
            let mut unit = begin(&store).await?;
            JobRepository(&mut unit).take_over(self.stores.node(), self.now()).await?;
            unit.commit().await?;
        }
        let mut found = Found { wants: 0, next: None, settled: false, took: false };
        if visit.only_opened {
            found.settled = is_known(&store).await?;
            return Ok((found, Vec::new()));
        }
        let mut jobs = Vec::new();
        let wants = match visit.certain {
            Some(queues) => queues,
            None => {
                let wanted = self.wanted(&visit.key, None);
                let due = JobRepository(&mut store.read().await?).next_due(&wanted).await?;
                self.note(&due, &mut found);
                found.wants
            }
        };
        // Who finds no place stands in the row for one, without troubling the project's writer.
        if self.turns().has_room(&visit.key, wants) {
            (found, jobs) = self.take(visit, &store, wants).await?;
        }
        if found.wants == 0 && jobs.is_empty() && visit.settle {
            found.settled = settle(&store).await?;
        }
        Ok((found, jobs))
    }

    async fn take(
        self: &Arc<Self>,
        visit: &Visit,
        store: &BackgroundStore,
        wants: Queues,
    ) -> Result<(Found, Vec<Running>)> {
        let mut unit = begin(store).await?;
        // Only now: who waits for the writer keeps no places from others.
        let mut reserved = Reserved::of(self, &visit.key, wants);
        let now = self.now();
        let lease = now + millis(self.settings.lease);
        let wanted = self.wanted(&visit.key, Some(&reserved.places));
        let rows = JobRepository(&mut unit).take(&wanted, self.stores.node(), now, lease).await?;
        let mut found = Found { wants: 0, next: None, settled: false, took: false };
        let due = JobRepository(&mut unit).next_due(&self.wanted(&visit.key, None)).await?;
        self.note(&due, &mut found);
        if rows.is_empty() {
            return Ok((found, Vec::new()));
        }
        unit.commit().await?;
        found.took = true;
        steps::reached("taken");
        let jobs = rows.into_iter().filter_map(|row| {
            let queue = self.index(&row.queue)?;
            reserved.keep(queue, row.number);
            Some(Running {
                worker: Arc::clone(self),
                key: visit.key.clone(),
                background: visit.background.clone(),
                queue,
                row,
                is_over: false,
            })
        });
        Ok((found, jobs.collect()))
    }

    /// What may be taken: of the queues that these are places in, as many; or one of each.
    fn wanted(&self, key: &Key, places: Option<&[(usize, usize)]>) -> Vec<Wanted> {
        let (handlers, under_way) = (self.handlers(), self.turns().under_way(key));
        let under_way: Arc<str> = under_way.join(", ").into();
        let all = self.settings.policies.iter().enumerate();
        let wanted = all.filter_map(|(index, policy)| {
            let limit = match places {
                None => 1,
                Some(places) => places.iter().find(|(queue, _)| *queue == index)?.1,
            };
            let (queue, under_way) = (policy.queue, Arc::clone(&under_way));
            Some(Wanted { queue, kinds: handlers.kinds(queue)?, under_way, limit })
        });
        wanted.collect()
    }

    fn note(&self, due: &[(String, i64)], found: &mut Found) {
        let now = self.now();
        let paused = self.turns().paused;
        for (queue, due) in due {
            match self.index(queue) {
                Some(index) if has(paused, index) => {}
                Some(index) if *due <= now => found.wants |= 1 << index,
                _ => found.next = Some(found.next.map_or(*due, |next| next.min(*due))),
            }
        }
    }
}

/// Begins a unit of work, unless the project is busy.
pub(crate) async fn begin(store: &BackgroundStore) -> Result<UnitOfWork> {
    tokio::time::timeout(PATIENCE, store.begin()).await.unwrap_or(Err(Error::Busy))
}

/// Sees to it that the platform knows of what there is in a store. Whether there is nothing.
async fn is_known(store: &BackgroundStore) -> Result<bool> {
    if JobRepository(&mut store.read().await?).least_due().await?.is_none() {
        return Ok(true);
    }
    let mut unit = begin(store).await?;
    unit.leave_work(QUEUE, None);
    unit.commit().await?;
    Ok(false)
}

/// Notes for the next start when there is something to do. Whether that could be noted.
async fn settle(store: &BackgroundStore) -> Result<bool> {
    let Some(mut settling) = store.settle(QUEUE).await? else { return Ok(false) };
    let next = JobRepository(settling.connection()).least_due().await?;
    settling.finish(next.map(floe_kernel::time::Timestamp::from_millis)).await?;
    Ok(true)
}

/// Places that are reserved for what is about to be taken. What isn't kept is given back.
struct Reserved<'w> {
    worker: &'w Worker,
    key: Key,
    places: Vec<(usize, usize)>,
}

impl<'w> Reserved<'w> {
    fn of(worker: &'w Worker, key: &Key, queues: Queues) -> Self {
        let places = worker.turns().reserve(key, queues);
        Self { worker, key: key.clone(), places }
    }

    /// One of them is this job's from now on.
    fn keep(&mut self, queue: usize, number: i64) {
        if let Some((_, left)) = self.places.iter_mut().find(|(index, _)| *index == queue) {
            *left = left.saturating_sub(1);
            self.worker.turns().job_begins(&self.key, number);
        }
    }
}

impl Drop for Reserved<'_> {
    fn drop(&mut self) {
        let mut turns = self.worker.turns();
        self.places.iter().for_each(|(queue, left)| turns.release(&self.key, *queue, *left));
    }
}

pub(crate) fn millis(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX / 4)
}
