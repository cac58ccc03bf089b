//! How many jobs a second, and how long from a commit to the start of its job:
//! `cargo run --release -p floe-queue --example throughput [folder or postgres://…]`
//!
//! A job does nothing, so this is what the queue itself costs. One queue allows as many at once as `emails` does, shared out
//! between one, four and a hundred projects.
#![allow(clippy::print_stdout, reason = "its purpose")]

use floe_kernel::time::SystemClock;
use floe_queue::{Enqueue as _, Job, JobContext, JobHandler, NewJob, Outcome, Policy, Queue, QueueSettings, policy};
use floe_store::{Backend, Error, Store, StoreSettings, Stores};
use serde::{Deserialize, Serialize};
use std::ops::Range;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::mpsc::{self, UnboundedReceiver};

/// Does nothing.
#[derive(Serialize, Deserialize)]
struct Nothing {
    id: usize,
}

impl Job for Nothing {
    const QUEUE: Policy = policy::EMAILS;
    const KIND: &'static str = "bench.nothing";
}

struct Starter(mpsc::UnboundedSender<(usize, Instant)>);

impl JobHandler for Starter {
    type Job = Nothing;

    async fn handle(&self, job: Nothing, _: &JobContext) -> Outcome {
        // Nobody listens any more at the end.
        let _ = self.0.send((job.id, Instant::now()));
        Outcome::Done
    }
}

async fn push(store: &Store, ids: Range<usize>) -> Result<(), Error> {
    let mut unit = store.begin().await?;
    for id in ids {
        unit.enqueue(NewJob::of(&Nothing { id })).await?;
    }
    unit.commit().await
}

/// As many as a unit of work may hold up others with.
const AT_A_TIME: usize = 2000;

async fn push_many(store: &Store, count: usize) -> Result<(), Error> {
    for from in (0..count).step_by(AT_A_TIME) {
        push(store, from..count.min(from + AT_A_TIME)).await?;
    }
    Ok(())
}

/// Where it is measured.
struct Bench {
    stores: Stores,
    started: UnboundedReceiver<(usize, Instant)>,
    generation: AtomicI64,
}

impl Bench {
    async fn projects(&self, count: usize) -> Result<Vec<Store>, Error> {
        let mut all = Vec::new();
        for _ in 0..count {
            let generation = self.generation.fetch_add(1, Ordering::Relaxed);
            all.push(self.stores.create_project(&format!("p{generation}"), generation).await?);
        }
        Ok(all)
    }

    /// All are pushed, and then done.
    async fn throughput(&mut self, projects: usize, jobs: usize) -> Result<(), Error> {
        let (all, each) = (self.projects(projects).await?, jobs / projects);
        let begun = Instant::now();
        for store in &all {
            push_many(store, each).await?;
        }
        let pushed = begun.elapsed().as_millis();
        for _ in 0..each * projects {
            self.started.recv().await;
        }
        let rate = (each * projects) as f64 / begun.elapsed().as_secs_f64();
        println!("{projects:>4} project(s), {each} jobs each: {rate:>6.0} jobs/s (pushed in {pushed} ms)");
        Ok(())
    }

    /// From the commit to the start, for one job each time.
    async fn latency(&mut self, what: &str, stores: &[Store], pause: Duration, count: usize) -> Result<(), Error> {
        let mut tasks = Vec::new();
        for id in FIRST..FIRST + count {
            let store = stores[id % stores.len()].clone();
            tasks.push(tokio::spawn(async move { push(&store, id..id + 1).await.map(|()| Instant::now()) }));
            tokio::time::sleep(pause).await;
        }
        let mut commits = Vec::new();
        for task in tasks {
            commits.push(task.await.map_err(Error::unavailable)??);
        }
        let mut waits = Vec::new();
        while waits.len() < count {
            let Some((id, start)) = self.started.recv().await else { break };
            // Others are of those who are in the way.
            waits.extend(id.checked_sub(FIRST).map(|nth| start.saturating_duration_since(commits[nth])));
        }
        waits.sort();
        let [middle, most, last] = [50, 99, 100].map(|percent| percentile(&waits, percent).as_secs_f64() * 1000.0);
        println!("commit to start, {what}: p50 {middle:.2} ms, p99 {most:.2} ms, at the most {last:.2} ms");
        Ok(())
    }
}

/// The number of the first job whose start is waited for.
const FIRST: usize = 1_000_000;

fn percentile(sorted: &[Duration], percent: usize) -> Duration {
    sorted.get((sorted.len().saturating_sub(1)) * percent / 100).copied().unwrap_or_default()
}

#[tokio::main(flavor = "multi_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let place = std::env::args().nth(1).unwrap_or_else(|| "/tmp".into());
    let folder = tempfile::tempdir_in(if place.starts_with("postgres") { "/tmp" } else { &place })?;
    let backend = if place.starts_with("postgres") {
        let schema_prefix = format!("bench{}", std::process::id());
        Backend::Postgres { url: place, pool_size: 20, schema_prefix }
    } else {
        Backend::Sqlite { folder: folder.path().join("data") }
    };
    let stores = Stores::open(StoreSettings::new(backend)).await?;
    let queue = Queue::with(&stores, std::sync::Arc::new(SystemClock), QueueSettings::default());
    let (sender, started) = mpsc::unbounded_channel();
    queue.handle(Starter(sender));
    queue.start().await?;

    let mut bench = Bench { stores: stores.clone(), started, generation: AtomicI64::new(1) };
    for projects in [1, 4, 100] {
        bench.throughput(projects, 8000).await?;
    }
    // One at a time, so that each finds its project quiet; and 200 a second.
    let ten = bench.projects(10).await?;
    bench.latency("alone", &ten, Duration::from_millis(20), 300).await?;
    bench.latency("200 a second", &ten, Duration::from_millis(5), 1000).await?;
    // While another project has a hundred thousand.
    let many = bench.projects(1).await?;
    push_many(&many[0], 100_000).await?;
    bench.latency("beside 100,000 of another project", &ten, Duration::from_millis(20), 200).await?;
    drop((ten, many));
    stores.close().await;
    Ok(())
}
