//! Queues and jobs, as the API shows them.

use floe_kernel::time::Timestamp;
use floe_queue::admin::{JobView, State};
use floe_queue::{Attempt, Figures, Policy};
use serde::Serialize;
use serde_json::Value as Json;

/// What is shown instead of a secret.
const MASKED: &str = "***";

/// Names of fields whose values aren't shown, by what they contain.
const SECRETS: [&str; 6] = ["secret", "password", "token", "html", "text", "otp"];

/// A queue of a project.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct QueueModel {
    name: &'static str,
    waiting: i64,
    delayed: i64,
    running: i64,
    failed: i64,
    /// Since when the job waits that is due the longest; empty when none waits.
    oldest_at: String,
    paused: bool,
    policy: PolicyModel,
}

/// How its jobs are done.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PolicyModel {
    at_once: usize,
    in_a_project: usize,
    tries: u32,
    /// The first pause after a failure, and the longest, in seconds.
    back_off: [u64; 2],
    /// How long a try may take, in seconds; 0: as long as it takes.
    time: u64,
}

impl QueueModel {
    pub(crate) fn new(policy: &Policy, figures: &Figures) -> Self {
        Self {
            name: policy.queue,
            waiting: figures.waiting,
            delayed: figures.delayed,
            running: figures.running,
            failed: figures.failed,
            oldest_at: figures.oldest.map(|at| Timestamp::from_millis(at).to_string()).unwrap_or_default(),
            paused: figures.paused,
            policy: PolicyModel {
                at_once: policy.at_once,
                in_a_project: policy.in_a_project,
                tries: policy.tries,
                back_off: policy.back_off.map(|pause| pause.as_secs()),
                time: policy.time.map_or(0, |time| time.as_secs()),
            },
        }
    }
}

/// A job.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct JobModel {
    #[serde(rename = "$id")]
    id: String,
    #[serde(rename = "$createdAt")]
    created_at: Timestamp,
    queue: String,
    kind: String,
    state: State,
    /// What is to be done, without secrets.
    payload: Json,
    attempts: Vec<AttemptModel>,
    /// When it is due, when its worker's lease ends, or when it failed for good.
    at: Timestamp,
}

#[derive(Serialize)]
struct AttemptModel {
    at: Timestamp,
    error: String,
}

impl From<JobView> for JobModel {
    fn from(job: JobView) -> Self {
        Self {
            id: job.number.0.to_string(),
            created_at: Timestamp::from_millis(job.created),
            queue: job.queue,
            kind: job.kind,
            state: job.state,
            payload: serde_json::from_str(&job.payload).map(masked).unwrap_or_default(),
            attempts: job.attempts.into_iter().map(AttemptModel::from).collect(),
            at: Timestamp::from_millis(job.at),
        }
    }
}

impl From<Attempt> for AttemptModel {
    fn from(attempt: Attempt) -> Self {
        Self { at: Timestamp::from_millis(attempt.at), error: attempt.cause }
    }
}

/// The same without secrets, wherever they stand.
fn masked(payload: Json) -> Json {
    match payload {
        Json::Object(fields) => {
            fields.into_iter().map(|(name, value)| (name.clone(), masked_field(&name, value))).collect()
        }
        Json::Array(items) => items.into_iter().map(masked).collect(),
        other => other,
    }
}

fn masked_field(name: &str, value: Json) -> Json {
    let name = name.to_lowercase();
    if SECRETS.iter().any(|secret| name.contains(secret)) { MASKED.into() } else { masked(value) }
}

/// How many jobs something was done with.
#[derive(Serialize)]
pub(crate) struct JobCount {
    pub(crate) count: usize,
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn secrets_are_masked_wherever_they_stand() {
        let payload = json!({"user": "ada", "resetToken": "x", "mail": [{"html": "<a>", "subject": "s"}], "n": 1});
        assert_eq!(
            masked(payload),
            json!({"user": "ada", "resetToken": "***", "mail": [{"html": "***", "subject": "s"}], "n": 1})
        );
    }
}
