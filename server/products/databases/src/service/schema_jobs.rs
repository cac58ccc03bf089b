//! What is done about the shape of tables behind the API's back: what would hold up everybody if a request did it.
//!
//! A request notes a job in the same unit of work as the change of the definition, and pushes a job of the queue that has it
//! done, so none of the three is ever there without the others. One job of the queue at a time does all that is noted in a
//! project, in the order in which it was noted; those that were pushed meanwhile find nothing left. What a process that died
//! has left is taken up by the queue. Each job can be begun again from the start, whatever an earlier attempt has done of it.

use super::indexes::definition;
use super::tables::fill;
use super::{SCHEMAS, table_key};
use crate::model::{Index, SchemaJob, Status, Task, WholeTable};
use crate::relation::Relation;
use crate::repository::SchemaRepository;
use crate::vocabulary::Vocabulary;
use floe_kernel::Result;
use floe_queue::{Job, JobContext, JobHandler, Outcome, Policy, policy};
use floe_store::tables::{self, Column as StoredColumn, Ddl, OnlineDdl, StoredTable};
use floe_store::{BackgroundStore, Tasks, UnitOfWork, was_busy};
use serde::{Deserialize, Serialize};
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

/// The process is about to end.
const SOON: Ended = Ended::NotYet(Duration::ZERO);

/// The queue's job of doing what is noted.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct ShapeTables {}

impl Job for ShapeTables {
    const QUEUE: Policy = policy::SCHEMA;
    const KIND: &'static str = "databases.shape_tables";
}

/// Who does it.
pub(crate) struct SchemaJobs;

impl JobHandler for SchemaJobs {
    type Job = ShapeTables;

    async fn handle(&self, _: ShapeTables, context: &JobContext) -> Outcome {
        match do_all(context).await {
            Ok(Ended::Done) => Outcome::Done,
            Ok(Ended::NotYet(pause)) => Outcome::After(pause),
            Ok(Ended::InUse) => put_off(context),
            Ok(Ended::Failed) => {
                Outcome::Retry("Something could not be removed. The server's log says why.".to_owned())
            }
            Err(error) if was_busy(&error) => put_off(context),
            Err(error) => Outcome::Retry(error.to_string()),
        }
    }
}

/// For as long as others are in the way: it isn't the job that fails.
fn put_off(context: &JobContext) -> Outcome {
    if context.takes() == 1 {
        let project = context.project().project_id();
        tracing::info!(project, "a schema job waits: others use its table, such as a dump");
    }
    Outcome::After(IN_USE)
}

/// What has become of a schema job, or of all.
enum Ended {
    /// It is done, or can't be made and says so.
    Done,
    /// It is to be tried again after so long, before those that were noted after it.
    NotYet(Duration),
    /// The same: others are in the way of it.
    InUse,
    /// It can't be removed at the moment.
    Failed,
}

async fn do_all(context: &JobContext) -> Result<Ended> {
    // One does it all. So of the many that are pushed while something can't be done yet, one tries.
    if context.another_waits::<ShapeTables>().await? {
        return Ok(Ended::Done);
    }
    let (store, tasks) = (context.project().store().await?, context.project().tasks().clone());
    Round { store, tasks, project: context.project().project_id() }.run().await
}

/// Whether a table is so large that no request may wait for a change of its shape.
pub(super) async fn is_large(unit: &mut UnitOfWork, table: &StoredTable) -> Result<bool> {
    Ok(tables::last_sequence(unit, table).await? > SMALL)
}

/// One look at what there is to do, until it is done.
struct Round<'w> {
    store: BackgroundStore,
    tasks: Tasks,
    project: &'w str,
}

impl Round<'_> {
    /// Does what is noted. What is noted meanwhile, too late to be seen, has a job of the queue of its own.
    async fn run(&self) -> Result<Ended> {
        if self.next(0).await?.is_none() {
            return Ok(Ended::Done);
        }
        let Some(mut online_ddl) = OnlineDdl::take(&self.store).await? else { return Ok(Ended::NotYet(ELSEWHERE)) };
        let ended = self.do_each(&mut online_ddl).await;
        // If that fails its connection is lost, and nobody has it any more.
        let _ = online_ddl.release().await;
        ended
    }

    async fn do_each(&self, online_ddl: &mut OnlineDdl) -> Result<Ended> {
        let (mut done_to, mut has_failed) = (0, false);
        while let Some(job) = self.next(done_to).await? {
            done_to = job.number;
            match self.attempt(online_ddl, job).await? {
                Ended::Done => {}
                Ended::Failed => has_failed = true,
                not_yet @ (Ended::NotYet(_) | Ended::InUse) => return Ok(not_yet),
            }
        }
        Ok(if has_failed { Ended::Failed } else { Ended::Done })
    }

    async fn next(&self, done_to: i64) -> Result<Option<SchemaJob>> {
        Ok(SchemaRepository(&mut self.store.read().await?).next_job(done_to).await?)
    }

    /// Does a job, in several attempts if need be. One that can't be done must not keep the others from being done.
    async fn attempt(&self, online_ddl: &mut OnlineDdl, job: SchemaJob) -> Result<Ended> {
        let mut patience = PATIENCE.into_iter();
        if self.tasks.is_stopping() {
            return Ok(SOON);
        }
        while let Err(error) = self.perform(online_ddl, job).await {
            if was_busy(&error) {
                return Ok(Ended::InUse);
            }
            tracing::warn!(project = %self.project, task = job.task.name(), %error, "a schema job failed");
            let Some(pause) = patience.next() else { return self.give_up(job).await };
            if !self.tasks.sleep(pause).await {
                return Ok(SOON);
            }
            // If its connection was lost, so was its lock, and another can be had.
            if let Some(another) = OnlineDdl::take(&self.store).await? {
                *online_ddl = another;
            }
        }
        Ok(Ended::Done)
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
    async fn give_up(&self, job: SchemaJob) -> Result<Ended> {
        let failed = Status::Failed("It could not be made. The server's log says why.".into());
        match job.task {
            Task::MakeIndex => {
                self.finish(job, async |unit| {
                    SchemaRepository(unit).set_index_status(job.item, &failed).await?;
                    Ok(())
                })
                .await?;
            }
            Task::AddColumn => {
                self.finish(job, async |unit| {
                    SchemaRepository(unit).set_column_status(job.item, &failed).await?;
                    Ok(())
                })
                .await?;
            }
            Task::MakeLinks => self.finish_links(job, &failed, async |_, _| Ok(())).await?,
            Task::DropIndex | Task::DropColumn | Task::DropTable | Task::DropLinks => return Ok(Ended::Failed),
        }
        Ok(Ended::Done)
    }

    fn table(&self, job: SchemaJob) -> StoredTable {
        self.store.table(job.table, 0, Vec::new())
    }
}
