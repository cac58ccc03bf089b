//! What a job is: how it is pushed, and who does it.

use crate::QUEUE;
use crate::policy::Policy;
use crate::repository::{JobRepository, NewRow};
use floe_kernel::time::Timestamp;
use floe_store::{BackgroundProject, Error, Result, UnitOfWork};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::time::Duration;

/// What is to be done: what is kept of a job, as JSON. Another version of the program may read it, so fields are only added.
pub trait Job: Serialize + DeserializeOwned + Send + 'static {
    /// The queue that jobs of this kind wait in.
    const QUEUE: Policy;
    /// The kind, unique in its queue, such as `emails.send`: small letters, `.` and `_`. It is kept, so it stays.
    const KIND: &'static str;
}

/// A job that is about to be pushed.
#[derive(Debug)]
pub struct NewJob {
    queue: &'static str,
    kind: &'static str,
    payload: serde_json::Result<String>,
    key: Option<String>,
    due: Due,
}

#[derive(Debug, Clone, Copy)]
enum Due {
    Now,
    At(Timestamp),
    After(Duration),
}

impl NewJob {
    /// To be done as soon as its cause is committed.
    #[must_use]
    pub fn of<J: Job>(job: &J) -> Self {
        Self { queue: J::QUEUE.queue, kind: J::KIND, payload: serde_json::to_string(job), key: None, due: Due::Now }
    }

    /// Not before this moment.
    #[must_use]
    pub fn at(self, due: Timestamp) -> Self {
        Self { due: Due::At(due), ..self }
    }

    /// Not before so long from now.
    #[must_use]
    pub fn after(self, delay: Duration) -> Self {
        Self { due: Due::After(delay), ..self }
    }

    /// Only if no job of its queue with the same key is still to be done (one that is being done still is).
    #[must_use]
    pub fn key(self, key: impl Into<String>) -> Self {
        Self { key: Some(key.into()), ..self }
    }
}

/// A job's number: unique in its project, and the same however often the job is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct JobNumber(pub i64);

/// How jobs are pushed: in the unit of work of their cause.
pub trait Enqueue {
    /// Pushes a job: both it and its cause are there, or neither. Gives its number; none when one with its key is still to be
    /// done.
    ///
    /// # Errors
    /// Those of the database.
    fn enqueue(&mut self, job: NewJob) -> impl Future<Output = Result<Option<JobNumber>>> + Send;
}

impl Enqueue for UnitOfWork {
    async fn enqueue(&mut self, job: NewJob) -> Result<Option<JobNumber>> {
        let now = self.now();
        let due = match job.due {
            Due::Now => now,
            Due::At(due) => due.max(now),
            Due::After(delay) => later(now, delay),
        };
        let payload = job.payload.map_err(Error::unavailable)?;
        let row = NewRow {
            queue: job.queue,
            kind: job.kind,
            payload: &payload,
            key: job.key.as_deref(),
            due_at: due.millis(),
            created_at: now.millis(),
        };
        let number = JobRepository(self).add(&row).await?;
        if number.is_some() {
            self.leave_work(QUEUE, (due > now).then_some(due));
        }
        Ok(number.map(JobNumber))
    }
}

/// So long after a moment.
pub(crate) fn later(now: Timestamp, delay: Duration) -> Timestamp {
    Timestamp::from_millis(now.millis().saturating_add(i64::try_from(delay.as_millis()).unwrap_or(i64::MAX)))
}

/// What became of a try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It is done, and goes.
    Done,
    /// It failed, and may succeed another time: it is tried again after a pause, as often as its queue allows.
    Retry(String),
    /// It failed, and will fail again: it is kept, to be seen.
    Failed(String),
    /// It can't be done before this moment. That is no failure.
    Later(Timestamp),
    /// It can't be done yet, and is to be begun again after so long. That is no failure.
    After(Duration),
}

impl<E: std::fmt::Display> From<std::result::Result<(), E>> for Outcome {
    /// Whatever failed is tried again.
    fn from(result: std::result::Result<(), E>) -> Self {
        result.map_or_else(|error| Self::Retry(error.to_string()), |()| Self::Done)
    }
}

/// Who does the jobs of a kind.
///
/// A job is done **at least once**: a process may die when the job is done and before that is noted. So doing it twice must be
/// the same as doing it once. What happens in the project's own store can be noted together with the job's end
/// ([`JobContext::done_in`]); a receiver elsewhere can tell by [`JobContext::idempotency_key`].
///
/// It may be dropped at any `await`: when its time is over, when its lease is lost, and at the end of the process.
pub trait JobHandler: Send + Sync + 'static {
    /// What it does.
    type Job: Job;

    /// Does one.
    fn handle(&self, job: Self::Job, context: &JobContext) -> impl Future<Output = Outcome> + Send;
}

/// What the handler of a job may need to know.
pub struct JobContext {
    pub(crate) project: BackgroundProject,
    pub(crate) number: JobNumber,
    pub(crate) takes: i64,
    pub(crate) attempt: u32,
    pub(crate) created: Timestamp,
}

impl JobContext {
    /// The project. Ask it for the store when you need it, and hold that no longer: only a few are held at a time.
    #[must_use]
    pub fn project(&self) -> &BackgroundProject {
        &self.project
    }

    /// The job's number.
    #[must_use]
    pub fn number(&self) -> JobNumber {
        self.number
    }

    /// Which try this is: 1 for the first.
    #[must_use]
    pub fn attempt(&self) -> u32 {
        self.attempt
    }

    /// How often somebody took it, this time included: more often than [`JobContext::attempt`] says if it was put off, or a
    /// worker died with it.
    #[must_use]
    pub fn takes(&self) -> i64 {
        self.takes
    }

    /// Whether another job of this kind, which is this one's, waits in this project and never failed. For kinds of which one job
    /// does all that there is to do: the other one will be taken later than now, and so finds whatever this one was pushed for;
    /// this one may end as done.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn another_waits<J: Job>(&self) -> Result<bool> {
        let store = self.project.store().await?;
        JobRepository(&mut store.read().await?).another_waits(self.number.0, J::QUEUE.queue, J::KIND).await
    }

    /// When it was pushed.
    #[must_use]
    pub fn created(&self) -> Timestamp {
        self.created
    }

    /// The same for each try of this job, and for no other job of this instance: for whoever receives what it sends.
    #[must_use]
    pub fn idempotency_key(&self) -> String {
        format!("{}-{}-{}", self.project.project_id(), self.project.generation(), self.number.0)
    }

    /// Notes the job's end in a unit of work of its own project's store: what that unit does happens exactly once, together
    /// with the end of the job. `false`: somebody else has the job by now, so the unit must not be committed. Nothing may be left
    /// to do after the commit: the handler may be dropped then.
    ///
    /// # Errors
    /// Those of the database; and when the unit is another project's, whose job of this number is another one.
    pub async fn done_in(&self, unit: &mut UnitOfWork) -> Result<bool> {
        if **unit.project_id() != *self.project.project_id() {
            return Err(Error::unavailable("a job ends in its own project's store"));
        }
        JobRepository(unit).remove(self.number.0, self.takes).await
    }
}
