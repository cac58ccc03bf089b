//! Who does the jobs of which kind.

use crate::job::{Job, JobContext, JobHandler, Outcome};
use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::Arc;

type Doing<'h> = Pin<Box<dyn Future<Output = Outcome> + Send + 'h>>;

/// A handler, whatever its jobs are.
pub(crate) trait AnyHandler: Send + Sync {
    fn handle<'h>(&'h self, payload: &'h str, context: &'h JobContext) -> Doing<'h>;
}

struct Typed<H>(H);

impl<H: JobHandler> AnyHandler for Typed<H> {
    fn handle<'h>(&'h self, payload: &'h str, context: &'h JobContext) -> Doing<'h> {
        Box::pin(async move {
            match serde_json::from_str::<H::Job>(payload) {
                Ok(job) => self.0.handle(job, context).await,
                Err(error) => Outcome::Failed(format!("what is kept of the job can't be read: {error}")),
            }
        })
    }
}

/// All handlers, by queue and kind.
#[derive(Default)]
pub(crate) struct Handlers(BTreeMap<&'static str, BTreeMap<&'static str, Arc<dyn AnyHandler>>>);

impl Handlers {
    pub(crate) fn add<H: JobHandler>(&mut self, handler: H) {
        let plain = |name: &str| name.bytes().all(|byte| byte.is_ascii_lowercase() || matches!(byte, b'.' | b'_'));
        let (queue, kind) = (H::Job::QUEUE.queue, H::Job::KIND);
        // They become a part of statements.
        assert!(plain(queue) && plain(kind), "a queue and a kind are small letters: {queue}, {kind}");
        self.0.entry(queue).or_default().insert(kind, Arc::new(Typed(handler)));
    }

    pub(crate) fn find(&self, queue: &str, kind: &str) -> Option<Arc<dyn AnyHandler>> {
        self.0.get(queue)?.get(kind).cloned()
    }

    /// The kinds of a queue, as SQL wants them; none when nobody does its jobs.
    pub(crate) fn kinds(&self, queue: &str) -> Option<Arc<str>> {
        let kinds: Vec<_> = self.0.get(queue)?.keys().map(|kind| format!("'{kind}'")).collect();
        Some(kinds.join(", ").into())
    }
}
