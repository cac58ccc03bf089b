//! The table of this product's endpoints.

use crate::endpoints::{self as at, Queues};
use floe_gateway::{Callers, Route, get, post};
use floe_kernel::scope::Scope;

/// Who manages the project.
const ADMINS: Callers = Callers { guests: false, users: false, keys: false, admins: true };

/// Every endpoint about queues.
#[must_use]
pub fn routes() -> Vec<Route<Queues>> {
    let reads = vec![
        get("/queues", "queues.list", at::list)
            .answers(200, "queueList")
            .summary("The queues of a project, and how much there is to do in each."),
        get("/queues/{queue}", "queues.get", at::get).answers(200, "queue").summary("A queue."),
        get("/queues/{queue}/jobs", "queues.listJobs", at::list_jobs)
            .answers(200, "jobList")
            .summary("The jobs of a queue in one state, the oldest first."),
        get("/queues/{queue}/jobs/{jobId}", "queues.getJob", at::get_job)
            .answers(200, "job")
            .summary("A job, and why it failed."),
    ];
    let writes = vec![
        post("/queues/{queue}/pause", "queues.pause", at::pause)
            .audit("queue.pause")
            .answers(200, "queue")
            .summary("Begins no job of a queue any more. Those that run go on."),
        post("/queues/{queue}/resume", "queues.resume", at::resume)
            .audit("queue.resume")
            .answers(200, "queue")
            .summary("Begins jobs of a queue again."),
        post("/queues/{queue}/retry", "queues.retry", at::retry_all)
            .audit("queue.retry")
            .answers(202, "jobCount")
            .summary("Has all jobs of a queue that failed for good done again."),
        post("/queues/{queue}/discard", "queues.discard", at::discard_all)
            .audit("queue.discard")
            .answers(200, "jobCount")
            .summary("Removes all jobs of a queue that failed for good."),
        post("/queues/{queue}/jobs/{jobId}/retry", "queues.retryJob", at::retry_job)
            .audit("job.retry")
            .answers(202, "job")
            .summary("Has a job that failed for good done again."),
        post("/queues/{queue}/jobs/{jobId}/discard", "queues.discardJob", at::discard_job)
            .audit("job.discard")
            .answers_nothing()
            .summary("Removes a job that isn't running."),
    ];
    let reads = reads.into_iter().map(|route| route.scopes(&[Scope::ProjectRead]));
    let writes = writes.into_iter().map(|route| route.scopes(&[Scope::ProjectWrite]));
    // Administration goes on when there is no room left.
    reads.chain(writes).map(|route| route.callers(ADMINS).needs_no_room()).collect()
}
