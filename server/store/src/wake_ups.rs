//! Which projects have something to do in the background, so that a start needn't open them all to find out.
//!
//! A unit of work that leaves something to be done says so ([`UnitOfWork::leave_work`]), and its commit sees to it that a row of
//! the platform's table `wake_ups` is there *before* it. Who has done it all *settles* the project ([`Store::settle`]): the row
//! goes, or says when there is something to do next, but never while a commit is under way that relies on it.
//!
//! ```text
//!                    a commit leaves work: row written first
//!     asleep ------------------------------------------------> awake <--+ a commit leaves work: the row is there
//!     no row     <---------------------------------------------   |  ---+
//!                    settled, nothing left: row removed           |
//!                                                        settled, next at t: row says t
//! ```
//!
//! **SQLite**: the platform is another file, so a row is a commit of its own, made when a project falls asleep or wakes, and only
//! then. The open store knows what the row says, and how many commits rely on it ([`Edge`]). One process writes to the files, so
//! nobody else needs to know.
//!
//! **PostgreSQL**: the row is a part of the same transaction, whose commit takes an advisory lock of the project, shared; who
//! settles takes it alone, and so has seen everything that was committed before the row changes. `NOTIFY` tells other nodes
//! when a row is new.

use crate::connection::Connection;
use crate::error::{Error, Result};
use crate::postgres::quoted;
use crate::prelude::*;
use crate::steps;
use crate::store::{Inner, Store, UnitOfWork};
use crate::stores::{BackgroundProject, PLATFORM, Stores};
use floe_kernel::effect::WorkerName;
use floe_kernel::time::Timestamp;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::OwnedMutexGuard;

mod schema {
    diesel::table! {
        wake_ups (kind, project_id, generation, due_at) {
            project_id -> Text,
            generation -> BigInt,
            kind -> Text,
            due_at -> BigInt,
        }
    }
}
use schema::wake_ups;

/// Rows are this exact, in milliseconds, so that many moments of one project are few rows.
const GRAIN: i64 = 10_000;

/// What work that could be begun at once is due at, for the row: all of it is one row.
const AT_ONCE: i64 = 0;

/// A project that has something to do.
pub struct WakeUp {
    /// How to reach it.
    pub project: BackgroundProject,
    /// When there may be something, at the earliest.
    pub due: Timestamp,
}

/// The edges of an open store between asleep and awake, by worker. SQLite's.
#[derive(Default)]
pub(crate) struct Edges(Mutex<Vec<(WorkerName, Arc<Edge>)>>);

impl Edges {
    fn of(&self, worker: WorkerName) -> Arc<Edge> {
        let mut edges = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, edge)) = edges.iter().find(|(name, _)| *name == worker) {
            return Arc::clone(edge);
        }
        let edge = Arc::<Edge>::default();
        edges.push((worker, Arc::clone(&edge)));
        edge
    }
}

/// What an open store knows of its row.
#[derive(Default)]
struct Edge {
    /// Who changes the row. Whoever holds it may begin a unit of work of the platform's, and none of the project's.
    turn: Arc<tokio::sync::Mutex<()>>,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    /// What the row that is there certainly says; none: maybe there is no row.
    least: Option<i64>,
    /// How many commits are under way that rely on it.
    in_flight: usize,
}

impl Edge {
    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn covers(&self, due: i64) -> bool {
        self.known().least.is_some_and(|least| least <= due)
    }

    /// A commit is under way. Should its end never be told, because its event loop ended with it, the row stays until the next
    /// start.
    fn set_out(self: &Arc<Self>) -> InFlight {
        self.known().in_flight += 1;
        InFlight(Arc::clone(self))
    }
}

/// A commit that relies on a row.
struct InFlight(Arc<Edge>);

impl InFlight {
    fn has_arrived(self) {
        self.0.known().in_flight -= 1;
    }
}

/// What a unit of work leaves to be done: for each worker, from when on.
#[derive(Default)]
pub(crate) struct WorkLeft(BTreeMap<&'static str, (WorkerName, i64)>);

impl WorkLeft {
    pub(crate) fn note(&mut self, worker: WorkerName, due: Option<Timestamp>) {
        let due = due.map_or(AT_ONCE, |due| due.millis().div_euclid(GRAIN) * GRAIN);
        let (_, least) = self.0.entry(worker.as_str()).or_insert((worker, due));
        *least = due.min(*least);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn workers(&self) -> impl Iterator<Item = WorkerName> {
        self.0.values().map(|(worker, _)| *worker)
    }

    /// Commits what was done on this connection, with the rows there before it.
    pub(crate) async fn commit(&self, store: &Store, connection: Connection) -> Result<()> {
        if !store.is_sqlite() || is_platform(store) {
            let rows = self.0.values().map(|(worker, due)| add_row(store, *worker, *due));
            let rows = rows.collect::<Result<Vec<_>>>()?.join("; ");
            steps::reached("about to commit");
            let outcome = connection.commit_with(&rows).await;
            steps::reached("committed");
            return outcome;
        }
        let mut in_flight = Vec::new();
        let mut ready = Ok(());
        for (worker, due) in self.0.values() {
            let edge = store.0.edges.of(*worker);
            in_flight.push(edge.set_out());
            ready = wake(store, &edge, *worker, *due).await;
            if ready.is_err() {
                break;
            }
        }
        let outcome = match ready {
            Ok(()) => {
                steps::reached("about to commit");
                connection.commit().await
            }
            Err(error) => Err(error),
        };
        in_flight.into_iter().for_each(InFlight::has_arrived);
        steps::reached("committed");
        outcome
    }
}

/// Sees to it that the row is there.
async fn wake(store: &Store, edge: &Edge, worker: WorkerName, due: i64) -> Result<()> {
    if edge.covers(due) {
        return Ok(());
    }
    let _turn = edge.turn.lock().await;
    if edge.covers(due) {
        return Ok(());
    }
    steps::reached("about to wake");
    let mut unit = store.0.background.stores()?.platform().await?.begin().await?;
    unit.batch(&add_row(store, worker, due)?).await?;
    unit.commit_only().await?;
    steps::reached("awake");
    edge.known().least = Some(due);
    Ok(())
}

fn is_platform(store: &Store) -> bool {
    **store.project_id() == *PLATFORM
}

/// What adds a row; on PostgreSQL under the project's lock, and telling other nodes if it is new.
///
/// Everything in it is ours: an id of a project has no quotes (`stores::place`), and a worker's name is a constant.
fn add_row(store: &Store, worker: WorkerName, due: i64) -> Result<String> {
    let (project, generation, kind) = (store.project_id(), store.0.background.generation(), worker.as_str());
    let columns = "(project_id, generation, kind, due_at)";
    if store.is_sqlite() {
        let values = format!("VALUES ('{project}', {generation}, '{kind}', {due})");
        return Ok(format!("INSERT INTO wake_ups {columns} {values} ON CONFLICT DO NOTHING"));
    }
    let stores = store.0.background.stores()?;
    let (table, lock) = (table(&stores), lock(store, worker));
    let (channel, node) = (stores.channel(), stores.node());
    Ok(format!(
        "WITH added AS (INSERT INTO {table} {columns} SELECT '{project}', {generation}, '{kind}', {due} \
         FROM pg_advisory_xact_lock_shared({lock}) ON CONFLICT DO NOTHING RETURNING 1) \
         SELECT pg_notify('{channel}', '{node} {kind} {generation} {due} {project}') FROM added"
    ))
}

fn table(stores: &Stores) -> String {
    match stores.platform_schema() {
        Some(schema) => format!("{}.wake_ups", quoted(&schema)),
        None => "wake_ups".to_owned(),
    }
}

/// The number of a project's advisory lock.
fn lock(store: &Store, worker: WorkerName) -> String {
    let schema = store.schema().map_or("", |schema| schema);
    format!("hashtextextended('floe wake-ups of {schema} for {}', 0)", worker.as_str())
}

/// A project that is being settled: what is read of it now is all that there is to do, until [`Settling::finish`].
pub struct Settling {
    store: Store,
    worker: WorkerName,
    place: Place,
}

enum Place {
    /// The project's file, and nobody else changes the row of the platform's.
    Apart(Box<Connection>, Arc<Edge>, OwnedMutexGuard<()>),
    /// One transaction for both.
    Together(Box<UnitOfWork>),
}

impl Store {
    /// Begins to settle: somebody has done what was to be done, and wants to fall asleep. `None`: a commit is under way that
    /// leaves something, and wakes the worker when it is done.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn settle(&self, worker: WorkerName) -> Result<Option<Settling>> {
        let place = match &self.0.inner {
            Inner::Sqlite(_) if !is_platform(self) => {
                let edge = self.0.edges.of(worker);
                let turn = Arc::clone(&edge.turn).lock_owned().await;
                {
                    let mut known = edge.known();
                    if known.in_flight > 0 {
                        return Ok(None);
                    }
                    // Who sets out from now on doesn't rely on the row, but waits for their turn.
                    known.least = None;
                }
                Place::Apart(Box::new(self.read().await?), edge, turn)
            }
            Inner::Sqlite(_) => Place::Together(Box::new(self.begin().await?)),
            Inner::Postgres(_) => {
                let mut unit = self.begin().await?;
                // A statement of its own: what is read after it was committed before, or is under the lock after us.
                unit.batch(&format!("SELECT pg_advisory_xact_lock({})", lock(self, worker))).await?;
                Place::Together(Box::new(unit))
            }
        };
        steps::reached("settling");
        Ok(Some(Settling { store: self.clone(), worker, place }))
    }
}

impl Settling {
    /// Where to look for what is to be done.
    pub fn connection(&mut self) -> &mut Connection {
        match &mut self.place {
            Place::Apart(connection, ..) => connection,
            Place::Together(unit) => unit,
        }
    }

    /// There is nothing to do before this; none: nothing at all.
    ///
    /// # Errors
    /// Those of the database; nothing is lost.
    pub async fn finish(self, next: Option<Timestamp>) -> Result<()> {
        let Self { store, worker, place } = self;
        let next = next.map(|next| next.millis().div_euclid(GRAIN) * GRAIN);
        let stores = store.0.background.stores()?;
        let (table, project, generation) = (table(&stores), store.project_id(), store.0.background.generation());
        let kind = worker.as_str();
        let these = format!("project_id = '{project}' AND generation = {generation} AND kind = '{kind}'");
        let mut sql = format!("DELETE FROM {table} WHERE {these}");
        if let Some(next) = next {
            sql += &format!(
                "; INSERT INTO {table} (project_id, generation, kind, due_at) VALUES ('{project}', {generation}, '{kind}', {next})"
            );
        }
        match place {
            // The connection is kept until then: a store that was closed and opened anew meanwhile would know nothing of this.
            Place::Apart(_connection, edge, _turn) => {
                let mut unit = stores.platform().await?.begin().await?;
                unit.batch(&sql).await?;
                unit.commit().await?;
                edge.known().least = next;
            }
            Place::Together(mut unit) => {
                unit.batch(&sql).await?;
                unit.commit().await?;
            }
        }
        steps::reached("settled");
        Ok(())
    }
}

impl Stores {
    /// Which projects have something to do for this worker, as far as is known without opening them.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn wake_ups(&self, worker: WorkerName) -> Result<Vec<WakeUp>> {
        let mut conn = self.platform().await?.read().await?;
        let these = wake_ups::table.filter(wake_ups::kind.eq(worker.as_str()));
        let rows = these.order((wake_ups::project_id, wake_ups::generation, wake_ups::due_at)).select((
            wake_ups::project_id,
            wake_ups::generation,
            wake_ups::due_at,
        ));
        let mut rows = on_conn!(conn, |c| rows.load::<(String, i64, i64)>(c))?;
        // Of each the one that is due first.
        rows.dedup_by(|later, first| (&later.0, later.1) == (&first.0, first.1));
        let wake_up = |(id, generation, due): (String, i64, i64)| {
            let project = self.background_project(&id, generation)?;
            Ok(WakeUp { project, due: Timestamp::from_millis(due) })
        };
        rows.into_iter().map(wake_up).collect()
    }

    /// Hears when another node leaves work for this worker in a project that had none: on PostgreSQL, for as long as the
    /// process lives. None instead of a project: others may have been missed ([`Stores::wake_ups`] knows).
    pub fn hear_wake_ups(&self, worker: WorkerName, heard: impl Fn(Option<WakeUp>) + Send + Sync + 'static) {
        let Some(pool) = self.pool_if_any().cloned() else { return };
        let (node, channel, tasks) = (self.node().to_owned(), self.channel(), self.tasks().clone());
        let stores = self.downgrade();
        let told = move |notice: Option<&str>| {
            let Some(notice) = notice else { return heard(None) };
            let mut words = notice.split(' ');
            let (from, kind) = (words.next(), words.next());
            if from == Some(&node) || kind != Some(worker.as_str()) {
                return;
            }
            let number = |word: Option<&str>| word.and_then(|word| word.parse::<i64>().ok());
            let (generation, due, project) = (number(words.next()), number(words.next()), words.next());
            let (Some(generation), Some(due), Some(project)) = (generation, due, project) else { return };
            let Some(stores) = stores.upgrade() else { return };
            if let Ok(project) = stores.background_project(project, generation) {
                heard(Some(WakeUp { project, due: Timestamp::from_millis(due) }));
            }
        };
        let listening = self.tasks().clone();
        drop(tasks.spawn(async move {
            tokio::select! {
                () = listening.stopping() => {}
                () = pool.listen(&channel, told) => {}
            }
        }));
    }

    /// A project that is gone has nothing to do.
    pub(crate) async fn remove_wake_ups(&self, project: &str, generation: i64) -> Result<()> {
        let mut unit = self.platform().await?.begin().await?;
        let these =
            wake_ups::table.filter(wake_ups::project_id.eq(project)).filter(wake_ups::generation.le(generation));
        if on_conn!(unit, |c| diesel::delete(these).execute(c))? == 0 {
            return Ok(());
        }
        unit.commit().await
    }
}

impl BackgroundProject {
    /// Nobody is to be woken for this project any more, because it isn't there. (Its removal does that itself; but a row may have
    /// been written at that very moment.)
    ///
    /// # Errors
    /// Those of the database.
    pub async fn forget_wake_ups(&self) -> Result<()> {
        self.stores()?.remove_wake_ups(self.project_id(), self.generation()).await
    }

    /// The stores it is one of.
    pub(crate) fn stores(&self) -> Result<Stores> {
        self.all_stores().ok_or(Error::Closed)
    }
}
