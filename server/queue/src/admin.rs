//! What people see of a project's queues, and what they may do about them.

use crate::QUEUE;
use crate::job::JobNumber;
use crate::queue::Queue;
use crate::repository::{self, Attempt, FailedRow, Figures, JobRepository, JobRow, Live, Which, attempts};
use floe_kernel::time::Timestamp;
use floe_store::{Result, Store};
use serde::{Deserialize, Serialize};

/// How a job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// It is due, and waits to be taken.
    Waiting,
    /// It is due later: pushed so, or after a failure.
    Delayed,
    /// Somebody does it.
    Running,
    /// It failed for good, and is kept to be seen.
    Failed,
}

/// A job, as people see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobView {
    /// Its number.
    pub number: JobNumber,
    /// The queue that it is in.
    pub queue: String,
    /// What kind of job it is.
    pub kind: String,
    /// What is to be done: JSON. It may hold what not everybody may see.
    pub payload: String,
    /// How it stands.
    pub state: State,
    /// Why it failed until now, the last time last.
    pub attempts: Vec<Attempt>,
    /// When it is due, when its worker's lease ends, or when it failed for good: milliseconds since 1970.
    pub at: i64,
    /// When it was pushed.
    pub created: i64,
}

impl JobView {
    fn live(row: JobRow, now: i64) -> Self {
        let state = match (&row.worker, row.due_at > now) {
            (Some(_), true) => State::Running,
            (None, true) => State::Delayed,
            (_, false) => State::Waiting,
        };
        Self {
            number: JobNumber(row.number),
            attempts: attempts(&row.history),
            queue: row.queue,
            kind: row.kind,
            payload: row.payload,
            state,
            at: row.due_at,
            created: row.created_at,
        }
    }

    fn failed(row: FailedRow) -> Self {
        Self {
            number: JobNumber(row.number),
            attempts: attempts(&row.history),
            queue: row.queue,
            kind: row.kind,
            payload: row.payload,
            state: State::Failed,
            at: row.failed_at,
            created: row.created_at,
        }
    }
}

/// The jobs of a project in this state, of one queue or of all, by their numbers, after the one of the cursor.
///
/// # Errors
/// Those of the database.
pub async fn list(
    store: &Store,
    queue: Option<&str>,
    state: State,
    after: Option<JobNumber>,
    limit: i64,
    now: Timestamp,
) -> Result<Vec<JobView>> {
    let (after, now) = (after.map_or(i64::MIN, |after| after.0), now.millis());
    let live = match state {
        State::Waiting => Live::Waiting,
        State::Delayed => Live::Delayed,
        State::Running => Live::Running,
        State::Failed => {
            let rows = repository::list_failed(store, queue, after, limit).await?;
            return Ok(rows.into_iter().map(JobView::failed).collect());
        }
    };
    let rows = repository::list_live(store, queue, live, now, after, limit).await?;
    Ok(rows.into_iter().map(|row| JobView::live(row, now)).collect())
}

/// One job; none when it is done, or never was.
///
/// # Errors
/// Those of the database.
pub async fn get(store: &Store, number: JobNumber, now: Timestamp) -> Result<Option<JobView>> {
    let mut conn = store.read().await?;
    let mut jobs = JobRepository(&mut conn);
    if let Some(row) = jobs.job(number.0).await? {
        return Ok(Some(JobView::live(row, now.millis())));
    }
    Ok(jobs.failed(number.0).await?.map(JobView::failed))
}

/// Has a job that failed for good done again, as if it had never been tried, but with the memory of why it failed. Whether there
/// was one.
///
/// # Errors
/// Those of the database.
pub async fn retry(store: &Store, number: JobNumber, now: Timestamp) -> Result<bool> {
    Ok(retry_these(store, Which::One(number.0), now).await? > 0)
}

/// The same for all of a queue that failed for good. How many there were.
///
/// # Errors
/// Those of the database.
pub async fn retry_all(store: &Store, queue: &str, now: Timestamp) -> Result<usize> {
    retry_these(store, Which::AllOf(queue), now).await
}

async fn retry_these(store: &Store, which: Which<'_>, now: Timestamp) -> Result<usize> {
    let mut unit = store.begin().await?;
    let count = JobRepository(&mut unit).retry(which, now.millis()).await?;
    if count > 0 {
        unit.leave_work(QUEUE, None);
        unit.commit().await?;
    }
    Ok(count)
}

/// Removes a job that isn't running. Whether there was one.
///
/// # Errors
/// Those of the database.
pub async fn discard(store: &Store, number: JobNumber, now: Timestamp) -> Result<bool> {
    let mut unit = store.begin().await?;
    let was_there = JobRepository(&mut unit).discard(number.0, now.millis()).await?;
    if was_there {
        unit.commit().await?;
    }
    Ok(was_there)
}

/// Removes all of a queue that failed for good. How many there were.
///
/// # Errors
/// Those of the database.
pub async fn discard_failed(store: &Store, queue: &str) -> Result<usize> {
    let mut unit = store.begin().await?;
    let count = JobRepository(&mut unit).discard_failed(queue).await?;
    unit.commit().await?;
    Ok(count)
}

/// Lets nobody take jobs of a queue in this project, until it is resumed. Those that are running go on.
///
/// # Errors
/// Those of the database.
pub async fn pause(store: &Store, queue: &str, now: Timestamp) -> Result<()> {
    let mut unit = store.begin().await?;
    JobRepository(&mut unit).pause(queue, now.millis()).await?;
    unit.commit().await
}

/// Lets jobs of a queue in this project be taken again.
///
/// # Errors
/// Those of the database.
pub async fn resume(store: &Store, queue: &str) -> Result<()> {
    let mut unit = store.begin().await?;
    if JobRepository(&mut unit).resume(queue).await? {
        unit.leave_work(QUEUE, None);
    }
    unit.commit().await
}

/// The figures of each queue of a project that has jobs, or is paused, by name.
///
/// # Errors
/// Those of the database.
pub async fn figures(store: &Store, now: Timestamp) -> Result<Vec<(String, Figures)>> {
    repository::figures(store, now.millis()).await
}

impl Queue {
    /// As [`pause`], in every project. (It is noted in the platform's own store, so that store's jobs are meant as well.) Other
    /// nodes hear of it when they start.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn pause_everywhere(&self, queue: &str) -> Result<()> {
        pause(&self.0.stores.platform().await?, queue, self.0.clock.now()).await?;
        self.0.read_paused().await
    }

    /// As [`resume`], in every project.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn resume_everywhere(&self, queue: &str) -> Result<()> {
        resume(&self.0.stores.platform().await?, queue).await?;
        self.0.read_anew();
        Ok(())
    }
}
