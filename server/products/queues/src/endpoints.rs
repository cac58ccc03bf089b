//! `/v1/queues`.

use crate::model::{JobCount, JobModel, QueueModel};
use floe_gateway::input::{Param, Refusal};
use floe_gateway::param::{Int, Text};
use floe_gateway::reply::Page;
use floe_gateway::{Call, Reply, input};
use floe_kernel::{Error, ErrorKind, Result};
use floe_queue::admin::{self, State};
use floe_queue::{Figures, JobNumber, Policy, policy::POLICIES};
use serde::Deserialize as _;
use serde_json::{Value as Json, json};
use std::sync::Arc;

/// Shows what goes on in the background.
pub struct Queues;

/// A queue, by its name.
#[derive(Debug)]
pub(crate) struct QueueName(Policy);

impl Param for QueueName {
    fn read(value: Json) -> std::result::Result<Self, Refusal> {
        let known = value.as_str().and_then(|name| POLICIES.iter().find(|policy| policy.queue == name));
        known.map(|policy| Self(*policy)).ok_or_else(|| Refusal::Error(Box::new(ErrorKind::QueueNotFound.into())))
    }

    fn schema() -> Json {
        json!({"type": "string", "enum": POLICIES.map(|policy| policy.queue)})
    }
}

/// A job, by its number.
#[derive(Debug)]
pub(crate) struct JobId(JobNumber);

impl Param for JobId {
    fn read(value: Json) -> std::result::Result<Self, Refusal> {
        let number = value.as_str().and_then(|text| text.parse().ok());
        number.map(|number| Self(JobNumber(number))).ok_or_else(|| Refusal::Error(Box::new(no_job())))
    }

    fn schema() -> Json {
        json!({"type": "string"})
    }
}

/// How jobs stand.
#[derive(Debug, Clone, Copy)]
pub(crate) struct StateName(State);

impl Param for StateName {
    fn read(value: Json) -> std::result::Result<Self, Refusal> {
        // Only text: serde takes `{"waiting": null}` as well.
        let state = value.as_str().and_then(|_| State::deserialize(&value).ok());
        state.map(Self).ok_or_else(|| "Value must be one of (waiting, delayed, running, failed)".into())
    }

    fn schema() -> Json {
        json!({"type": "string", "enum": ["waiting", "delayed", "running", "failed"]})
    }
}

input! {
    /// Which queue.
    pub(crate) struct OneQueue {
        /// The queue's name.
        pub(crate) queue: QueueName = path "queue",
    }
}

input! {
    /// What `GET /queues/{queue}/jobs` takes.
    pub(crate) struct ListJobs {
        /// The queue's name.
        pub(crate) queue: QueueName = path "queue",
        /// How they stand.
        pub(crate) state: StateName = query "state" or StateName(State::Failed),
        /// The job after which the list begins.
        pub(crate) cursor: Text<0, 20> = query "cursor" or Text::default(),
        /// How many.
        pub(crate) limit: Int<1, 100> = query "limit" or Int(25),
    }
}

input! {
    /// Which job.
    pub(crate) struct OneJob {
        /// The queue's name.
        pub(crate) queue: QueueName = path "queue",
        /// The job's number.
        pub(crate) job_id: JobId = path "jobId",
    }
}

pub(crate) async fn list(_queues: Arc<Queues>, call: Call, _input: ()) -> Result<Reply> {
    let all = admin::figures(&call.store, call.now).await?;
    let items: Vec<_> = POLICIES.iter().map(|policy| QueueModel::new(policy, &of_queue(&all, policy.queue))).collect();
    Reply::ok(&Page { plural: "queues", total: POLICIES.len() as i64, items })
}

pub(crate) async fn get(_queues: Arc<Queues>, call: Call, input: OneQueue) -> Result<Reply> {
    Reply::ok(&queue(&call, &input.queue.0).await?)
}

pub(crate) async fn pause(_queues: Arc<Queues>, call: Call, input: OneQueue) -> Result<Reply> {
    admin::pause(&call.store, input.queue.0.queue, call.now).await?;
    Reply::ok(&queue(&call, &input.queue.0).await?)
}

pub(crate) async fn resume(_queues: Arc<Queues>, call: Call, input: OneQueue) -> Result<Reply> {
    admin::resume(&call.store, input.queue.0.queue).await?;
    Reply::ok(&queue(&call, &input.queue.0).await?)
}

pub(crate) async fn retry_all(_queues: Arc<Queues>, call: Call, input: OneQueue) -> Result<Reply> {
    let count = admin::retry_all(&call.store, input.queue.0.queue, call.now).await?;
    Reply::json(202, &JobCount { count })
}

pub(crate) async fn discard_all(_queues: Arc<Queues>, call: Call, input: OneQueue) -> Result<Reply> {
    Reply::ok(&JobCount { count: admin::discard_failed(&call.store, input.queue.0.queue).await? })
}

pub(crate) async fn list_jobs(_queues: Arc<Queues>, call: Call, input: ListJobs) -> Result<Reply> {
    let after = match input.cursor.is_empty() {
        true => None,
        false => Some(JobNumber(input.cursor.parse().map_err(|_| Error::new(ErrorKind::GeneralCursorNotFound))?)),
    };
    let name = input.queue.0.queue;
    let jobs = admin::list(&call.store, Some(name), input.state.0, after, input.limit.0, call.now).await?;
    let figures = figures(&call, name).await?;
    let total = match input.state.0 {
        State::Waiting => figures.waiting,
        State::Delayed => figures.delayed,
        State::Running => figures.running,
        State::Failed => figures.failed,
    };
    Reply::ok(&Page { plural: "jobs", total, items: jobs.into_iter().map(JobModel::from).collect() })
}

pub(crate) async fn get_job(_queues: Arc<Queues>, call: Call, input: OneJob) -> Result<Reply> {
    Reply::ok(&job(&call, &input).await?)
}

pub(crate) async fn retry_job(_queues: Arc<Queues>, call: Call, input: OneJob) -> Result<Reply> {
    job(&call, &input).await?;
    if !admin::retry(&call.store, input.job_id.0, call.now).await? {
        return Err(ErrorKind::JobNotFailed.into());
    }
    Reply::json(202, &job(&call, &input).await?)
}

pub(crate) async fn discard_job(_queues: Arc<Queues>, call: Call, input: OneJob) -> Result<Reply> {
    job(&call, &input).await?;
    if !admin::discard(&call.store, input.job_id.0, call.now).await? {
        return Err(ErrorKind::JobRunning.into());
    }
    Ok(Reply::empty())
}

async fn figures(call: &Call, name: &str) -> Result<Figures> {
    Ok(of_queue(&admin::figures(&call.store, call.now).await?, name))
}

/// The figures of one queue among those of all; a queue without any has nothing to do.
fn of_queue(all: &[(String, Figures)], name: &str) -> Figures {
    all.iter().find(|(queue, _)| queue == name).map(|(_, figures)| figures.clone()).unwrap_or_default()
}

async fn queue(call: &Call, policy: &Policy) -> Result<QueueModel> {
    Ok(QueueModel::new(policy, &figures(call, policy.queue).await?))
}

/// The job, if it is of this queue.
async fn job(call: &Call, input: &OneJob) -> Result<JobModel> {
    let found = admin::get(&call.store, input.job_id.0, call.now).await?;
    let found = found.filter(|job| job.queue == input.queue.0.queue);
    found.map(JobModel::from).ok_or_else(no_job)
}

fn no_job() -> Error {
    ErrorKind::JobNotFound.into()
}
