//! The process dies between any two steps, and nothing is lost.
//!
//! A child (this binary, asked for [`child`] alone) pushes jobs and does them, and is killed at a step as by `kill -9`. Further
//! children do what is left, until one lives to the end. Then each cause that was committed has its effect, once.

use crate::support::{count, drop_schemas, postgres_url, sql, wake_ups};
use floe_kernel::time::SystemClock;
use floe_queue::{Enqueue as _, Job, JobContext, JobHandler, NewJob, Outcome, Policy, Queue, QueueSettings, policy};
use floe_store::{Backend, Store, StoreSettings, Stores, steps};
use rustix::process::{Signal, getpid, kill_process};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// Between which the process dies, in about the order in which a job comes by.
const STEPS: [&str; 10] = [
    "about to wake",
    "awake",
    "about to commit",
    "committed",
    "taken",
    "performed",
    "about to note",
    "noted",
    "settling",
    "settled",
];

/// How many of these, the first ones, are SQLite's alone.
const SQLITE_ALONE: usize = 2;

/// How many jobs a child pushes.
const JOBS: usize = 12;

/// Where, and what a child does.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Order {
    /// A folder, or the prefix of schemas.
    place: String,
    url: Option<String>,
    /// The number of the first job to push; none: push nothing.
    first: Option<usize>,
    /// The step to die at, and at the how-manieth time.
    die: Option<(String, usize)>,
}

impl Order {
    fn backend(&self) -> Backend {
        match &self.url {
            Some(url) => Backend::Postgres { url: url.clone(), pool_size: 6, schema_prefix: self.place.clone() },
            None => Backend::Sqlite { folder: self.place.clone().into() },
        }
    }

    /// Has a child do it. Whether it lived to the end, and which jobs it said were committed.
    fn follow(&self) -> (bool, Vec<usize>) {
        let output = Command::new(std::env::current_exe().unwrap())
            .args(["crash::child", "--exact", "--ignored", "--nocapture", "--test-threads", "1"])
            .env("FLOE_QUEUE_CHILD", serde_json::to_string(self).unwrap())
            .output()
            .unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(!said.contains("panicked") && !errors.contains("panicked"), "{self:?}: {said} {errors}");
        let committed = said.lines().filter_map(|line| line.split("committed ").nth(1)?.parse().ok());
        (output.status.success(), committed.collect())
    }
}

#[derive(Serialize, Deserialize)]
struct Count {
    n: usize,
}

impl Job for Count {
    const QUEUE: Policy = policy::EMAILS;
    const KIND: &'static str = "test.count";
}

/// Writes an effect in the unit of work that ends the job.
struct Counter;

impl JobHandler for Counter {
    type Job = Count;

    async fn handle(&self, job: Count, context: &JobContext) -> Outcome {
        let counted = async {
            let store = context.project().store().await?;
            let mut unit = store.begin().await?;
            unit.batch(&format!("INSERT INTO effects VALUES ({})", job.n)).await?;
            if context.done_in(&mut unit).await? {
                unit.commit().await?;
            }
            Ok::<_, floe_store::Error>(())
        };
        counted.await.into()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "what the other tests of this file start"]
async fn child() {
    let Ok(order) = std::env::var("FLOE_QUEUE_CHILD") else { return };
    let order: Order = serde_json::from_str(&order).unwrap();
    if let Some((step, times)) = order.die.clone() {
        let seen = AtomicUsize::new(0);
        steps::on_step(move |reached| {
            if reached == step && seen.fetch_add(1, Ordering::SeqCst) + 1 == times {
                kill_process(getpid(), Signal::KILL).unwrap();
            }
        });
    }
    let stores = Stores::open(StoreSettings::new(order.backend())).await.unwrap();
    let settings = QueueSettings {
        lease: Duration::from_millis(300),
        linger: Duration::from_millis(20),
        // However often a job loses its worker, it isn't the job that kills them.
        policies: vec![Policy { tries: 1000, ..policy::EMAILS }],
    };
    let queue = Queue::with(&stores, Arc::new(SystemClock), settings);
    queue.handle(Counter);
    queue.start().await.unwrap();
    if let Some(first) = order.first {
        let store = stores.create_project("one", 1).await.unwrap();
        sql(&store, "CREATE TABLE IF NOT EXISTS causes (n BIGINT NOT NULL UNIQUE); CREATE TABLE IF NOT EXISTS effects (n BIGINT NOT NULL)").await;
        let halves = [first..first + JOBS / 2, first + JOBS / 2..first + JOBS];
        let pushing = halves.map(|half| tokio::spawn(push_all(store.clone(), half)));
        for half in pushing {
            half.await.unwrap();
        }
    }
    crate::support::until("everybody is asleep", async || queue.known_projects() == 0).await;
    stores.close().await;
}

async fn push_all(store: Store, numbers: std::ops::Range<usize>) {
    for n in numbers {
        let mut unit = store.begin().await.unwrap();
        unit.batch(&format!("INSERT INTO causes VALUES ({n})")).await.unwrap();
        // Some later, so that the project falls asleep and wakes in between.
        let job = NewJob::of(&Count { n });
        let job = if n % 5 == 4 { job.after(Duration::from_millis(60)) } else { job };
        unit.enqueue(job).await.unwrap().unwrap();
        unit.commit().await.unwrap();
        println!("committed {n}");
        if n % 3 == 2 {
            tokio::time::sleep(Duration::from_millis(30)).await;
        }
    }
}

/// Children that die at these steps, one after the other; then one that does what is left; then what is there. At which steps one
/// died.
fn round(place: &str, url: Option<&str>, deaths: &[(&'static str, usize)]) -> Vec<&'static str> {
    let order = |first, die| Order { place: place.to_owned(), url: url.map(str::to_owned), first, die };
    let (mut committed, mut died) = (BTreeSet::new(), Vec::new());
    for (nth, (step, times)) in deaths.iter().enumerate() {
        let (lived, said) = order(Some(nth * JOBS), Some(((*step).to_owned(), *times))).follow();
        died.extend((!lived).then_some(*step));
        committed.extend(said);
    }
    let last = order(None, None);
    assert!(last.follow().0, "the last one lives");
    let check = async {
        // Without anybody who works: what isn't done by now was forgotten.
        let stores = Stores::open(StoreSettings::new(last.backend())).await.unwrap();
        assert_eq!(wake_ups(&stores).await, 0, "{deaths:?}");
        let Ok(store) = stores.project("one", 1).await else {
            assert!(committed.is_empty(), "{deaths:?}");
            return;
        };
        assert_eq!(count(&store, "jobs").await, 0, "{deaths:?}");
        assert_eq!(count(&store, "failed_jobs").await, 0, "{deaths:?}");
        let causes = count(&store, "causes").await;
        assert_eq!(count(&store, "causes WHERE n NOT IN (SELECT n FROM effects)").await, 0, "lost: {deaths:?}");
        assert_eq!(count(&store, "effects").await, causes, "none was done twice, nor without a cause: {deaths:?}");
        for n in &committed {
            assert_eq!(count(&store, &format!("causes WHERE n = {n}")).await, 1, "{n} was acknowledged: {deaths:?}");
        }
        stores.close().await;
    };
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(check);
    died
}

fn on_sqlite(deaths: &[(&'static str, usize)]) -> Vec<&'static str> {
    let folder = tempfile::tempdir().unwrap();
    round(folder.path().join("data").to_str().unwrap(), None, deaths)
}

fn on_postgres(url: &str, place: &str, deaths: &[(&'static str, usize)]) -> Vec<&'static str> {
    let died = round(place, Some(url), deaths);
    let backend = Backend::Postgres { url: url.to_owned(), pool_size: 2, schema_prefix: place.to_owned() };
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(drop_schemas(&backend));
    died
}

#[test]
fn nothing_is_lost_whatever_step_the_process_dies_at_on_sqlite() {
    let died: usize = STEPS.iter().map(|step| on_sqlite(&[(step, 1), (step, 3)]).len()).sum();
    assert!(died >= STEPS.len(), "only {died} died");
}

#[test]
fn nothing_is_lost_whatever_step_the_process_dies_at_on_postgresql() {
    let Some(url) = postgres_url() else { return };
    let place = format!("crash{}", std::process::id());
    let deaths: Vec<_> = STEPS[SQLITE_ALONE..].iter().map(|step| (*step, 2)).collect();
    let died = on_postgres(&url, &place, &deaths).len();
    assert!(died >= 6, "only {died} of {} died", deaths.len());
}

/// How many rounds `make torture` has at least.
const ROUNDS: usize = 100;

/// For as long as `make torture` says. In each round a process is to die at each step of the database's, in another order and at
/// another time than in the round before. (Where a step doesn't come by so often, as those of waking and falling asleep, that
/// process lives.) Every fourth round is PostgreSQL's, if there is one.
#[test]
fn nothing_is_lost_in_many_rounds() {
    let Some(seconds) = std::env::var("FLOE_TORTURE_SECONDS").ok().and_then(|text| text.parse().ok()) else { return };
    let (begun, url) = (Instant::now(), std::env::var("FLOE_TEST_POSTGRES_URL").ok());
    let (mut rounds, mut died) = (0, BTreeMap::new());
    while rounds < ROUNDS || begun.elapsed() < Duration::from_secs(seconds) {
        let url = url.as_deref().filter(|_| rounds % 4 == 3);
        let mut steps = STEPS[if url.is_some() { SQLITE_ALONE } else { 0 }..].to_vec();
        let turn = rounds % steps.len();
        steps.rotate_left(turn);
        let deaths: Vec<_> = steps.iter().enumerate().map(|(n, step)| (*step, 1 + (rounds + n * 5) % 4)).collect();
        let there = match url {
            Some(url) => on_postgres(url, &format!("crash{}_{rounds}", std::process::id()), &deaths),
            None => on_sqlite(&deaths),
        };
        there.into_iter().for_each(|step| *died.entry(step).or_insert(0) += 1);
        rounds += 1;
    }
    assert_eq!(died.len(), STEPS.len(), "somebody died at each step: {died:?}");
    let all: usize = died.values().sum();
    println!("torture: {rounds} rounds, {all} processes killed, nothing lost; at each step: {died:?}");
}
