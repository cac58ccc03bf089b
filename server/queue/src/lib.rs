//! Jobs in the background.
//!
//! A job is a row of its project's own store, pushed in the unit of work of its cause ([`Enqueue`]), and done at least once by
//! the [`JobHandler`] of its kind. How many are done at once, how often one is tried and for how long, says the [`Policy`] of its
//! queue. [`Queue`] is who works; [`admin`] is what people see of it. What states a job goes through, and why nothing is lost:
//! `docs/queues.md` and decision 0032.
//!
//! ```ignore
//! #[derive(Serialize, Deserialize)]
//! struct SendMail { to: String, template: String }
//!
//! impl Job for SendMail {
//!     const QUEUE: Policy = policy::EMAILS;
//!     const KIND: &'static str = "mail.send";
//! }
//!
//! let mut unit = store.begin().await?;
//! repository.add(&mut unit, &user).await?;
//! unit.enqueue(NewJob::of(&SendMail { to, template })).await?;
//! unit.commit().await?; // the user and the job, or neither
//! ```

pub mod admin;
mod handlers;
mod job;
pub mod policy;
mod queue;
mod repository;
mod run;
mod turns;

pub use job::{Enqueue, Job, JobContext, JobHandler, JobNumber, NewJob, Outcome};
pub use policy::Policy;
pub use queue::{Queue, QueueSettings};
pub use repository::{Attempt, Figures};

use floe_kernel::effect::WorkerName;

/// Who is woken for jobs, in wake-ups and effects.
const QUEUE: WorkerName = WorkerName::new("queue");
