//! What is done about the shape of tables behind the API's back: what would hold up everybody if a request did it.
//!
//! A request notes a job in the same unit of work as the change of the definition, so neither is ever there without
//! the other. One task at a time does a project's jobs, in the order in which they were noted, and ends when there are
//! none: nothing polls. What a process that died has left is taken up when the project's tables are next used
//! ([`Databases::resume`]). Each job can be begun again from the start, whatever an earlier attempt has done of it.

use super::indexes::definition;
use super::tables::fill;
use super::{Databases, SCHEMAS, table_key};
use crate::model::{Index, SchemaJob, Status, Task, WholeTable};
use crate::relation::Relation;
use crate::repository::SchemaRepository;
use crate::vocabulary::Vocabulary;
use floe_gateway::Call;
use floe_kernel::Result;
use floe_store::tables::{self, Column as StoredColumn, Ddl, OnlineDdl, StoredTable};
use floe_store::{BackgroundProject, BackgroundStore, Store, Tasks, UnitOfWork, was_busy};
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// A table that never had more rows than this gets its shape within the request: some 50 ms (docs/operations.md).
const SMALL: i64 = 10_000;

/// How many rows are emptied or removed in one unit of work.
const BATCH: i64 = 1000;

/// How long to wait after each failure of a job; then it is given up.
const PATIENCE: [Duration; 2] = [Duration::from_millis(200), Duration::from_secs(1)];

/// How long to wait before trying again what others are in the way of, such as a dump that uses the table. Who uses it is held
/// up for a part of a second each time.
const IN_USE: Duration = Duration::from_secs(2);

/// How long to wait before looking again whether another node is done with a project's jobs.
const ELSEWHERE: Duration = Duration::from_secs(1);

/// Which projects have their jobs done at the moment. Cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct SchemaJobs(Arc<Shared>);

#[derive(Default)]
struct Shared {
    /// By project: whether somebody has woken it since the task looked last.
    at_work: Mutex<HashMap<String, bool>>,
}

impl SchemaJobs {
    /// Sees to it that a project's jobs are done.
    pub(crate) fn wake(&self, store: &Store) {
        let project = store.project_id();
        match self.at_work().entry(project.as_ref().to_owned()) {
            Entry::Occupied(mut woken) => {
                woken.insert(true);
                return;
            }
            Entry::Vacant(place) => place.insert(false),
        };
        let background = store.background();
        let tasks = background.tasks().clone();
        let worker =
            Worker { schema_jobs: self.clone(), background, project: project.as_ref().to_owned(), has_ended: false };
        tasks.spawn(worker.run());
    }

    fn is_at_work(&self, project: &str) -> bool {
        self.at_work().contains_key(project)
    }

    fn at_work(&self) -> MutexGuard<'_, HashMap<String, bool>> {
        self.0.at_work.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Databases {
    /// Takes up what a process that died has left to be done in this project.
    pub(super) async fn resume(&self, call: &Call, definitions: &mut SchemaRepository<'_>) -> Result<()> {
        if !self.schema_jobs.is_at_work(&call.project.id) && definitions.next_job(0).await?.is_some() {
            self.schema_jobs.wake(&call.store);
        }
        Ok(())
    }
}

/// Whether a table is so large that no request may wait for a change of its shape.
pub(super) async fn is_large(unit: &mut UnitOfWork, table: &StoredTable) -> Result<bool> {
    Ok(tables::last_sequence(unit, table).await? > SMALL)
}

/// The task that does a project's jobs. It keeps the store open for as long as it does some.
struct Worker {
    schema_jobs: SchemaJobs,
    background: BackgroundProject,
    project: String,
    /// Whether it isn't listed as being at work any more.
    has_ended: bool,
}

impl Worker {
    async fn run(mut self) {
        let mut told = false;
        while !self.has_ended {
            match self.do_all().await {
                // For as long as it takes: it isn't the job that fails. Without the store, which is for others meanwhile.
                Ok(Outcome::InUse) => {
                    if !std::mem::replace(&mut told, true) {
                        tracing::info!(project = %self.project, "a schema job waits: others use its table, such as a dump");
                    }
                    if self.background.tasks().sleep(IN_USE).await {
                        continue;
                    }
                }
                Ok(Outcome::Done) => {}
                Err(error) => tracing::warn!(project = %self.project, %error, "schema jobs are left for later"),
            }
            self.end_unless_woken();
        }
    }

    async fn do_all(&self) -> Result<Outcome> {
        let (store, tasks) = (self.background.store().await?, self.background.tasks().clone());
        Round { store, tasks, project: &self.project }.run().await
    }

    /// Ends, unless somebody has noted something since the last look.
    fn end_unless_woken(&mut self) {
        let mut at_work = self.schema_jobs.at_work();
        match at_work.get_mut(&self.project) {
            Some(woken) if *woken => *woken = false,
            _ => {
                at_work.remove(&self.project);
                self.has_ended = true;
            }
        }
    }
}

/// What has become of a job, or of all.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Outcome {
    /// It is done, or given up, or the process is about to end.
    Done,
    /// Others are in the way of it. It is to be tried again, before those that were noted after it.
    InUse,
}

/// One look at what there is to do, until it is done.
struct Round<'w> {
    store: BackgroundStore,
    tasks: Tasks,
    project: &'w str,
}

impl Round<'_> {
    async fn run(&self) -> Result<Outcome> {
        let mut done_to = 0;
        let Some(mut online_ddl) = self.online_ddl().await? else { return Ok(Outcome::Done) };
        while !self.tasks.is_stopping()
            && let Some(job) = self.next(done_to).await?
        {
            done_to = job.number;
            if self.attempt(&mut online_ddl, job).await? == Outcome::InUse {
                return Ok(Outcome::InUse);
            }
        }
        Ok(Outcome::Done)
    }

    /// The online DDL, once no other node has it; none when there is nothing left to be done.
    async fn online_ddl(&self) -> Result<Option<OnlineDdl>> {
        while self.next(0).await?.is_some() {
            if let Some(online_ddl) = OnlineDdl::take(&self.store).await? {
                return Ok(Some(online_ddl));
            }
            if !self.tasks.sleep(ELSEWHERE).await {
                break;
            }
        }
        Ok(None)
    }

    async fn next(&self, done_to: i64) -> Result<Option<SchemaJob>> {
        Ok(SchemaRepository(&mut self.store.read().await?).next_job(done_to).await?)
    }

    /// Does a job, in several attempts if need be. One that can't be done must not keep the others from being done.
    async fn attempt(&self, online_ddl: &mut OnlineDdl, job: SchemaJob) -> Result<Outcome> {
        let mut patience = PATIENCE.into_iter();
        while let Err(error) = self.perform(online_ddl, job).await {
            if was_busy(&error) {
                return Ok(Outcome::InUse);
            }
            tracing::warn!(project = %self.project, task = job.task.name(), %error, "a schema job failed");
            let Some(pause) = patience.next() else {
                self.give_up(job).await?;
                break;
            };
            if !self.tasks.sleep(pause).await {
                break;
            }
            // If its connection was lost, so was its lock, and another can be had.
            if let Some(another) = OnlineDdl::take(&self.store).await? {
                *online_ddl = another;
            }
        }
        Ok(Outcome::Done)
    }

    async fn perform(&self, online_ddl: &mut OnlineDdl, job: SchemaJob) -> Result<()> {
        match job.task {
            Task::MakeIndex => self.make_index(online_ddl, job).await,
            Task::DropIndex => {
                online_ddl.change(&Ddl::DropIndex { table: self.table(job), number: job.item }).await?;
                self.finish(job, async |_| Ok(())).await
            }
            Task::AddColumn => self.add_column(job).await,
            Task::DropColumn => self.drop_column(job).await,
            Task::DropTable => self.drop_table(job).await,
            Task::MakeLinks => self.make_links(job).await,
            Task::DropLinks => {
                let links = self.store.links(job.item, 0, 0);
                self.finish(job, async |unit| Ok(unit.change(&Ddl::DropLinks(links)).await?)).await
            }
        }
    }

    async fn make_index(&self, online_ddl: &mut OnlineDdl, job: SchemaJob) -> Result<()> {
        let Some((whole, index)) = self.index(job).await? else {
            online_ddl.change(&Ddl::DropIndex { table: self.table(job), number: job.item }).await?;
            return self.finish(job, async |_| Ok(())).await;
        };
        let status = match online_ddl.make_index(&definition(&index, &whole, &self.store, Vocabulary::Tables)?).await {
            Ok(()) => Status::Available,
            Err(error) if error.is_conflict() => Status::not_unique(Vocabulary::Tables),
            Err(error) => return Err(error.into()),
        };
        let mut is_defined = false;
        self.finish(job, async |unit| {
            is_defined = SchemaRepository(unit).set_index_status(index.number, &status).await?;
            Ok(())
        })
        .await?;
        if !is_defined {
            // Somebody removed it while it was made.
            online_ddl.change(&Ddl::DropIndex { table: self.table(job), number: job.item }).await?;
        }
        Ok(())
    }

    /// The index that is to be made, and what must be known of its table.
    async fn index(&self, job: SchemaJob) -> Result<Option<(WholeTable, Index)>> {
        let mut conn = self.store.read().await?;
        let mut definitions = SchemaRepository(&mut conn);
        let Some(index) = definitions.index_of_number(job.item).await? else { return Ok(None) };
        let Some((database_id, table)) = definitions.table_of_number(job.table).await? else { return Ok(None) };
        Ok(Some((fill(&mut definitions, database_id, table).await?, index)))
    }

    async fn add_column(&self, job: SchemaJob) -> Result<()> {
        let table = self.table(job);
        self.finish(job, async |unit| {
            let Some(column) = SchemaRepository(unit).column_of_number(job.item).await? else { return Ok(()) };
            unit.change(&Ddl::AddColumn(table, column.stored())).await?;
            SchemaRepository(unit).set_column_status(column.number, &Status::Available).await?;
            Ok(())
        })
        .await
    }

    /// PostgreSQL forgets a column at once. SQLite would write every row anew: there the values go, a few rows at a
    /// time, and the empty column stays. It is never seen again: no other column gets its number.
    async fn drop_column(&self, job: SchemaJob) -> Result<()> {
        let (table, column) = (self.table(job), StoredColumn::name_of(job.item));
        if !self.store.is_sqlite() {
            let work = async |unit: &mut UnitOfWork| Ok(unit.change(&Ddl::DropColumn(table, column)).await?);
            return self.finish(job, work).await;
        }
        let mut done_to = Some(0);
        while let Some(after) = done_to {
            let mut unit = self.store.begin().await?;
            done_to = tables::empty_some(&mut unit, &table, &column, after, BATCH).await?;
            unit.commit().await?;
        }
        self.finish(job, async |_| Ok(())).await
    }

    async fn drop_table(&self, job: SchemaJob) -> Result<()> {
        let table = self.table(job);
        if self.store.is_sqlite() {
            tables::drop_own_indexes(&self.store, &table).await?;
            let mut done_to = Some(0);
            while let Some(after) = done_to {
                let mut unit = self.store.begin().await?;
                done_to = tables::remove_some(&mut unit, &table, after, BATCH).await?;
                unit.commit().await?;
            }
        }
        self.finish(job, async |unit| Ok(unit.change(&Ddl::DropTable(table)).await?)).await
    }

    async fn make_links(&self, job: SchemaJob) -> Result<()> {
        self.finish_links(job, &Status::Available, async |unit, relation| {
            let ddl = Ddl::CreateLinks(relation.links(&self.store), relation.cardinality.once());
            Ok(unit.change(&ddl).await?)
        })
        .await
    }

    /// Says what has become of a relationship, on both sides.
    async fn finish_links(
        &self,
        job: SchemaJob,
        status: &Status,
        work: impl AsyncFnOnce(&mut UnitOfWork, &Relation) -> Result<()>,
    ) -> Result<()> {
        self.finish(job, async |unit| {
            let Some(relation) = SchemaRepository(unit).relation_of_number(job.item).await? else { return Ok(()) };
            SchemaRepository(unit).next_version(relation.related.number).await?;
            work(unit, &relation).await?;
            let there = SchemaRepository(unit).columns(relation.related.number).await?.relations;
            for side in there.iter().filter(|side| side.mirrors(&relation)).chain([&relation]) {
                SchemaRepository(unit).set_column_status(side.number, status).await?;
            }
            if let Some((database_id, table)) = SchemaRepository(unit).table_of_number(relation.related.number).await? {
                unit.invalidate(SCHEMAS, &table_key(&database_id, &table.id));
            }
            Ok(())
        })
        .await
    }

    /// Does the last thing about a job, unless it was called off, and notes that it is done: both or neither.
    async fn finish(&self, job: SchemaJob, work: impl AsyncFnOnce(&mut UnitOfWork) -> Result<()>) -> Result<()> {
        let mut unit = self.store.begin().await?;
        // First, as in every change of a table's shape, so that no two wait for each other.
        let place = match SchemaRepository(&mut unit).next_version(job.table).await {
            Ok(_) => SchemaRepository(&mut unit).table_of_number(job.table).await?,
            Err(floe_store::Error::NotFound) => None,
            Err(error) => return Err(error.into()),
        };
        if SchemaRepository(&mut unit).remove_job(job.number).await? {
            work(&mut unit).await?;
        }
        if let Some((database_id, table)) = place {
            unit.invalidate(SCHEMAS, &table_key(&database_id, &table.id));
        }
        Ok(unit.commit().await?)
    }

    /// What can't be made has failed, and says so. What can't be removed stays to be done.
    async fn give_up(&self, job: SchemaJob) -> Result<()> {
        let failed = Status::Failed("It could not be made. The server's log says why.".into());
        match job.task {
            Task::MakeIndex => {
                self.finish(job, async |unit| {
                    SchemaRepository(unit).set_index_status(job.item, &failed).await?;
                    Ok(())
                })
                .await
            }
            Task::AddColumn => {
                self.finish(job, async |unit| {
                    SchemaRepository(unit).set_column_status(job.item, &failed).await?;
                    Ok(())
                })
                .await
            }
            Task::MakeLinks => self.finish_links(job, &failed, async |_, _| Ok(())).await,
            Task::DropIndex | Task::DropColumn | Task::DropTable | Task::DropLinks => Ok(()),
        }
    }

    fn table(&self, job: SchemaJob) -> StoredTable {
        self.store.table(job.table, 0, Vec::new())
    }
}

impl Drop for Worker {
    /// It also ends when the runtime that it happened to start on does. Somebody else takes up what it leaves.
    fn drop(&mut self) {
        if !self.has_ended {
            self.schema_jobs.at_work().remove(&self.project);
        }
    }
}
