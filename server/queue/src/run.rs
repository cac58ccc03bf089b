//! One job, from when it was taken until it is noted what became of it.

use crate::job::{JobContext, JobNumber, Outcome, later};
use crate::queue::{Worker, begin, millis};
use crate::repository::{Again, JobRepository, JobRow, with_attempt};
use crate::turns::Key;
use floe_kernel::time::Timestamp;
use floe_store::{BackgroundProject, Error, Result, steps};
use futures_util::FutureExt as _;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tracing::Instrument as _;

/// How often a job is taken again whose workers were never heard of again, or as often as it is tried if that is more. Then it is
/// taken for what killed them.
const MOST_LOSSES: u32 = 3;

/// How long a job may go on at the end of the process.
const LAST_MOMENTS: Duration = Duration::from_secs(3);

/// How long to wait before noting again what became of a job, when the database couldn't; twice as long after each failure, up to
/// the second.
const NOTE_AGAIN: [Duration; 2] = [Duration::from_millis(50), Duration::from_secs(5)];

/// A job that was taken.
pub(crate) struct Running {
    pub(crate) worker: Arc<Worker>,
    pub(crate) key: Key,
    pub(crate) background: BackgroundProject,
    pub(crate) queue: usize,
    pub(crate) row: JobRow,
    /// Whether its place is given back.
    pub(crate) is_over: bool,
}

/// How a try ended.
enum Ended {
    As(Outcome),
    /// Somebody else has the job.
    Lost,
    /// The process ends.
    Stopped,
}

impl Ended {
    fn name(&self) -> &'static str {
        match self {
            Self::As(Outcome::Done) => "done",
            Self::As(Outcome::Retry(_)) => "retry",
            Self::As(Outcome::Failed(_)) => "failed",
            Self::As(Outcome::Later(_) | Outcome::After(_)) => "later",
            Self::Lost => "lost",
            Self::Stopped => "stopped",
        }
    }
}

impl Running {
    pub(crate) async fn run(mut self) {
        let span = tracing::info_span!(
            "job",
            id = self.row.number,
            queue = self.row.queue,
            kind = self.row.kind,
            project = %self.key.0,
            attempt = self.row.failures + 1,
            outcome = tracing::field::Empty,
            ms = tracing::field::Empty,
        );
        let due = self.attempt(&span).instrument(span.clone()).await;
        self.over(due);
    }

    /// Tries it, and notes what became of it. When it is due again.
    async fn attempt(&self, span: &tracing::Span) -> Option<i64> {
        let started = Instant::now();
        let policy = &self.worker.settings.policies[self.queue];
        let ended = if self.row.losses > i64::from(policy.tries.max(MOST_LOSSES)) {
            Ended::As(Outcome::Failed(format!("the worker was never heard of again, {} times", self.row.losses)))
        } else {
            self.perform().await
        };
        steps::reached("performed");
        let ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        span.record("outcome", ended.name()).record("ms", ms);
        self.log(&ended, ms);
        self.note_in_the_end(&ended).await
    }

    /// A line of the log for each try. (The log shows no spans.)
    fn log(&self, ended: &Ended, ms: u64) {
        let JobRow { number: id, queue, kind, failures, .. } = &self.row;
        let (project, attempt, outcome) = (&*self.key.0, failures + 1, ended.name());
        match ended {
            Ended::As(Outcome::Retry(cause) | Outcome::Failed(cause)) => {
                tracing::warn!(id, queue, kind, project, attempt, outcome, ms, cause, "job");
            }
            Ended::Lost => tracing::warn!(id, queue, kind, project, attempt, outcome, ms, "job"),
            // It may be put off every few seconds.
            Ended::As(Outcome::Later(_) | Outcome::After(_)) => {
                tracing::debug!(id, queue, kind, project, attempt, outcome, ms, "job");
            }
            _ => tracing::info!(id, queue, kind, project, attempt, outcome, ms, "job"),
        }
    }

    /// Notes it as soon as the database can. Should another worker have the job by then, this one's outcome counts for nothing.
    async fn note_in_the_end(&self, ended: &Ended) -> Option<i64> {
        let [mut pause, longest] = NOTE_AGAIN;
        loop {
            match self.note(ended).await {
                Ok(due) => return due,
                Err(Error::ProjectNotFound | Error::Closed) => return None,
                Err(Error::Busy) => {}
                Err(error) => tracing::warn!(%error, "what became of a job can't be noted yet"),
            }
            if !self.worker.stores.tasks().sleep(pause).await {
                return None;
            }
            pause = longest.min(pause * 2);
        }
    }

    /// Has the handler do it, and renews the lease meanwhile.
    async fn perform(&self) -> Ended {
        let Some(handler) = self.worker.handlers().find(&self.row.queue, &self.row.kind) else { return Ended::Stopped };
        let context = JobContext {
            project: self.background.clone(),
            number: JobNumber(self.row.number),
            takes: self.row.takes,
            attempt: u32::try_from(self.row.failures + 1).unwrap_or(u32::MAX),
            created: Timestamp::from_millis(self.row.created_at),
        };
        let doing = AssertUnwindSafe(handler.handle(&self.row.payload, &context)).catch_unwind();
        tokio::select! {
            done = doing => match done {
                Ok(outcome) => Ended::As(outcome),
                Err(panic) => Ended::As(Outcome::Retry(format!("the handler panicked: {}", said(&*panic)))),
            },
            () = self.keep_lease() => Ended::Lost,
            () = self.time_over() => {
                let time = self.worker.settings.policies[self.queue].time.unwrap_or_default();
                Ended::As(Outcome::Retry(format!("it took longer than {} s", time.as_secs())))
            }
            () = self.last_moments() => Ended::Stopped,
        }
    }

    async fn time_over(&self) {
        match self.worker.settings.policies[self.queue].time {
            Some(time) => tokio::time::sleep(time).await,
            None => std::future::pending().await,
        }
    }

    async fn last_moments(&self) {
        self.worker.stores.tasks().stopping().await;
        tokio::time::sleep(LAST_MOMENTS).await;
    }

    /// Renews the lease, until it is lost.
    async fn keep_lease(&self) {
        let lease = self.worker.settings.lease;
        let mut pause = lease / 3;
        loop {
            tokio::time::sleep(pause).await;
            pause = match self.renew(lease).await {
                Ok(true) => lease / 3,
                Ok(false) | Err(Error::ProjectNotFound) => return,
                // Sooner; if it never succeeds, whoever has the job by then is told apart by `takes`.
                Err(Error::Busy) => lease / 15,
                Err(error) => {
                    tracing::warn!(%error, "a job's lease can't be renewed yet");
                    lease / 15
                }
            };
        }
    }

    async fn renew(&self, lease: Duration) -> Result<bool> {
        let store = self.background.store().await?;
        let mut unit = begin(&store).await?;
        let until = self.worker.now() + millis(lease);
        if !JobRepository(&mut unit).renew(self.row.number, self.row.takes, until).await? {
            return Ok(false);
        }
        unit.commit().await?;
        Ok(true)
    }

    /// Notes what became of it. When it is due again, or somebody else should look after it.
    async fn note(&self, ended: &Ended) -> Result<Option<i64>> {
        let store = self.background.store().await?;
        let mut unit = begin(&store).await?;
        let now = self.worker.now();
        let (number, takes) = (self.row.number, self.row.takes);
        let mut jobs = JobRepository(&mut unit);
        let due = match ended {
            Ended::Lost => return Ok(None),
            Ended::As(Outcome::Done) => {
                // Not there any more if the handler noted it itself.
                jobs.remove(number, takes).await?;
                None
            }
            Ended::Stopped => {
                jobs.give_back(number, takes, now).await?;
                None
            }
            Ended::As(Outcome::Later(due)) => self.put_off(&mut jobs, due.millis().max(now)).await?,
            Ended::As(Outcome::After(pause)) => {
                self.put_off(&mut jobs, later(Timestamp::from_millis(now), *pause).millis()).await?
            }
            Ended::As(Outcome::Retry(cause)) => {
                let (policy, failures) = (&self.worker.settings.policies[self.queue], self.row.failures + 1);
                let history = with_attempt(&self.row.history, now, cause);
                let tries = u32::try_from(failures).unwrap_or(u32::MAX);
                if tries >= policy.tries {
                    jobs.fail(number, takes, &history, now).await?;
                    None
                } else {
                    let pause = policy.pause_after(tries, number);
                    let due = later(Timestamp::from_millis(now), pause).millis();
                    jobs.again(number, takes, &Again { due, failures, history: &history }).await?.then_some(due)
                }
            }
            Ended::As(Outcome::Failed(cause)) => {
                let history = with_attempt(&self.row.history, now, cause);
                jobs.fail(number, takes, &history, now).await?;
                None
            }
        };
        steps::reached("about to note");
        unit.commit().await?;
        steps::reached("noted");
        Ok(due)
    }

    async fn put_off(&self, jobs: &mut JobRepository<'_>, due: i64) -> Result<Option<i64>> {
        let again = Again { due, failures: self.row.failures, history: &self.row.history };
        Ok(jobs.again(self.row.number, self.row.takes, &again).await?.then_some(due))
    }

    fn over(&mut self, due: Option<i64>) {
        if !std::mem::replace(&mut self.is_over, true) {
            self.worker.turns().job_over(&self.key, self.queue, self.row.number, due, self.worker.now());
            self.worker.look();
        }
    }
}

impl Drop for Running {
    /// Also when it is dropped half-way. Its job comes back when the lease ends.
    fn drop(&mut self) {
        self.over(Some(self.row.due_at));
    }
}

fn said(panic: &(dyn std::any::Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("without a word")
}
