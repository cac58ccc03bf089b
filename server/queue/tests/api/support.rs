//! Places for stores, jobs to push, and a handler that does as a test wants.

use floe_kernel::time::{Clock, FixedClock, SystemClock, Timestamp};
use floe_queue::{
    Enqueue as _, Job, JobContext, JobHandler, JobNumber, NewJob, Outcome, Policy, Queue, QueueSettings, policy,
};
use floe_store::prelude::*;
use floe_store::{Backend, StoreSettings, Stores};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};

/// Runs an async body on both databases, as two tests: `name::sqlite` and `name::postgres`.
#[macro_export]
macro_rules! on_both {
    ($(#[$about:meta])* async fn $name:ident($home:ident: &Home) $body:block) => {
        $(#[$about])*
        mod $name {
            use super::*;

            async fn body($home: &Home) $body

            #[tokio::test(flavor = "multi_thread")]
            async fn sqlite() {
                body(&Home::sqlite()).await;
            }

            #[tokio::test(flavor = "multi_thread")]
            async fn postgres() {
                let Some(home) = Home::postgres() else { return };
                body(&home).await;
                home.clean_up().await;
            }
        }
    };
}

/// A place for stores that nobody else uses, with a clock that stands still.
pub(crate) struct Home {
    pub(crate) clock: Arc<FixedClock>,
    backend: Backend,
    _folder: Option<tempfile::TempDir>,
}

static NEXT: AtomicU32 = AtomicU32::new(0);

impl Home {
    pub(crate) fn sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let backend = Backend::Sqlite { folder: folder.path().join("data") };
        Self { clock: Arc::new(FixedClock::at(SystemClock.now())), backend, _folder: Some(folder) }
    }

    /// None without FLOE_TEST_POSTGRES_URL: the test is skipped, and says so. Each has a platform of its own, because what it
    /// knows of the work of all projects is what this is about.
    pub(crate) fn postgres() -> Option<Self> {
        let url = postgres_url()?;
        let schema_prefix = format!("queue{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let backend = Backend::Postgres { url, pool_size: 8, schema_prefix };
        Some(Self { clock: Arc::new(FixedClock::at(SystemClock.now())), backend, _folder: None })
    }

    pub(crate) fn backend(&self) -> &Backend {
        &self.backend
    }

    pub(crate) async fn stores(&self) -> Stores {
        Stores::open(StoreSettings { clock: self.clock.clone(), ..StoreSettings::new(self.backend.clone()) })
            .await
            .unwrap()
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub(crate) async fn clean_up(&self) {
        drop_schemas(&self.backend).await;
    }
}

pub(crate) fn postgres_url() -> Option<String> {
    let url = std::env::var("FLOE_TEST_POSTGRES_URL").ok();
    if url.is_none() {
        assert!(std::env::var_os("CI").is_none_or(|ci| ci != "true"), "CI must test PostgreSQL too");
        println!("skipped: FLOE_TEST_POSTGRES_URL is not set");
    }
    url
}

/// Removes what a test has made on PostgreSQL.
pub(crate) async fn drop_schemas(backend: &Backend) {
    let Backend::Postgres { schema_prefix, .. } = backend else { return };
    let stores = Stores::open(StoreSettings::new(backend.clone())).await.unwrap();
    let mut unit = stores.platform().await.unwrap().begin().await.unwrap();
    let all = format!(
        "DO $$ DECLARE name TEXT; BEGIN FOR name IN SELECT nspname FROM pg_namespace WHERE nspname LIKE '{schema_prefix}\\_%' \
         LOOP EXECUTE format('DROP SCHEMA %I CASCADE', name); END LOOP; END $$"
    );
    unit.execute_ddl(&all).await.unwrap();
    unit.commit().await.unwrap();
    stores.close().await;
}

/// What the tests have done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Letter {
    pub(crate) text: String,
}

impl Job for Letter {
    const QUEUE: Policy = policy::EMAILS;
    const KIND: &'static str = "test.letter";
}

pub(crate) fn letter(text: &str) -> NewJob {
    NewJob::of(&Letter { text: text.to_owned() })
}

/// A job of a kind that nobody handles.
#[derive(Serialize, Deserialize)]
pub(crate) struct Unknown {}

impl Job for Unknown {
    const QUEUE: Policy = policy::EMAILS;
    const KIND: &'static str = "test.unknown";
}

/// A try that was begun.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Begun {
    pub(crate) project: String,
    pub(crate) text: String,
    pub(crate) attempt: u32,
    pub(crate) key: String,
}

type Answer = Arc<dyn Fn(&str, u32) -> Outcome + Send + Sync>;

/// How the text of a letter begins whose try is always let go on.
pub(crate) const UNHELD: &str = "few";

/// Tells of each try that it begins, waits until it is let go on, and says what became of it.
pub(crate) struct Postman {
    begun: UnboundedSender<Begun>,
    may_end: Arc<Semaphore>,
    answer: Answer,
}

impl JobHandler for Postman {
    type Job = Letter;

    async fn handle(&self, letter: Letter, context: &JobContext) -> Outcome {
        let project = context.project().project_id().to_owned();
        let (attempt, key) = (context.attempt(), context.idempotency_key());
        self.begun.send(Begun { project, text: letter.text.clone(), attempt, key }).unwrap();
        if !letter.text.starts_with(UNHELD) {
            self.may_end.acquire().await.unwrap().forget();
        }
        (self.answer)(&letter.text, attempt)
    }
}

/// A queue that works, and what it does.
pub(crate) struct Office {
    pub(crate) queue: Queue,
    pub(crate) begun: UnboundedReceiver<Begun>,
    pub(crate) may_end: Arc<Semaphore>,
    clock: Arc<FixedClock>,
}

/// For how long nothing happens before the clock is moved.
const STILL: Duration = Duration::from_secs(5);

/// As many as there may be.
pub(crate) const ALL: usize = 1 << 20;

impl Office {
    /// Every try is let go on at once, and ends so.
    pub(crate) async fn open(
        home: &Home,
        stores: &Stores,
        answer: impl Fn(&str, u32) -> Outcome + Send + Sync + 'static,
    ) -> Self {
        let office = Self::held(stores, home.clock.clone(), answer).await;
        office.may_end.add_permits(ALL);
        office
    }

    /// Tries wait until they are let go on.
    pub(crate) async fn held(
        stores: &Stores,
        clock: Arc<FixedClock>,
        answer: impl Fn(&str, u32) -> Outcome + Send + Sync + 'static,
    ) -> Self {
        // However far a test moves the clock.
        Self::with_lease(stores, clock, Duration::from_secs(1_000_000), answer).await
    }

    /// The same, and leases last only so long.
    pub(crate) async fn with_lease(
        stores: &Stores,
        clock: Arc<FixedClock>,
        lease: Duration,
        answer: impl Fn(&str, u32) -> Outcome + Send + Sync + 'static,
    ) -> Self {
        let (sender, begun) = mpsc::unbounded_channel();
        let may_end = Arc::new(Semaphore::new(0));
        let queue = Queue::with(stores, clock.clone(), QueueSettings { lease, ..QueueSettings::default() });
        queue.handle(Postman { begun: sender, may_end: Arc::clone(&may_end), answer: Arc::new(answer) });
        queue.start().await.unwrap();
        Self { queue, begun, may_end, clock }
    }

    /// The next try that is begun. On a machine that is busy a project may be put off, by a clock that stands still: it is moved
    /// when nothing happens for long.
    pub(crate) async fn next(&mut self) -> Begun {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match tokio::time::timeout(STILL, self.begun.recv()).await {
                Ok(begun) => return begun.unwrap(),
                Err(_) => assert!(Instant::now() < deadline, "a job is begun"),
            }
            self.clock.advance(1);
            self.queue.look();
        }
    }

    /// The texts of the next tries, in their order.
    pub(crate) async fn texts(&mut self, count: usize) -> Vec<String> {
        let mut texts = Vec::new();
        for _ in 0..count {
            texts.push(self.next().await.text);
        }
        texts
    }

    pub(crate) fn nothing_more(&mut self) {
        assert_eq!(self.begun.try_recv().ok(), None);
    }

    /// The clock was moved.
    pub(crate) fn later(&self, home: &Home, seconds: i64) {
        home.clock.advance(seconds);
        self.queue.look();
    }

    /// Waits until no project has anything to do, and that is noted.
    pub(crate) async fn asleep(&self, home: &Home) {
        let asleep = async || {
            self.later(home, 11);
            self.queue.known_projects() == 0
        };
        until("all are asleep", asleep).await;
    }
}

pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Waits until this holds.
pub(crate) async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds().await {
        assert!(Instant::now() < deadline, "{what} within a minute");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

pub(crate) fn done(_text: &str, _attempt: u32) -> Outcome {
    Outcome::Done
}

/// Pushes a job in a unit of work of its own.
pub(crate) async fn push(store: &Store, job: NewJob) -> JobNumber {
    let mut unit = store.begin().await.unwrap();
    let number = unit.enqueue(job).await.unwrap().unwrap();
    unit.commit().await.unwrap();
    number
}

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = diesel::sql_types::BigInt)]
    n: i64,
}

/// What `SELECT count(*) AS n …` gives.
pub(crate) async fn count(store: &Store, of: &str) -> i64 {
    let mut conn = store.read().await.unwrap();
    let query = format!("SELECT count(*) AS n FROM {of}");
    on_conn!(conn, |c| diesel::sql_query(&query).get_result::<Count>(c)).unwrap().n
}

/// How many wake-ups the platform has.
pub(crate) async fn wake_ups(stores: &Stores) -> i64 {
    count(&stores.platform().await.unwrap(), "wake_ups").await
}

/// Runs statements on a store.
pub(crate) async fn sql(store: &Store, sql: &str) {
    let mut unit = store.begin().await.unwrap();
    unit.batch(sql).await.unwrap();
    unit.commit().await.unwrap();
}
