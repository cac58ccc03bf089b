//! Events: who wants to know what happens is asked in the unit of work in which it does, and what is to be done about it becomes a
//! part of that unit. So neither is ever there without the other, and nobody has to look for events that nobody was told of.
//!
//! Who subscribes to what is a part of the open project: where nobody does, an event costs a look at an empty list.

use crate::connection::Connection;
use crate::error::Result;
use crate::store::UnitOfWork;
use floe_kernel::event::{Occurrence, Origin, Pattern};
use floe_kernel::time::Timestamp;
use futures_util::future::BoxFuture;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

/// How long it is taken for true who subscribes to what. A change is known at once where it is made; this is for those of other
/// processes.
const GOOD_FOR: Duration = Duration::from_secs(30);

/// Somebody wants to know something.
#[derive(Debug, Clone)]
pub struct Subscription {
    /// Who, as [`Subscribers`] know them.
    pub subscriber: Box<str>,
    /// What.
    pub pattern: Pattern,
}

/// Something that happens.
#[derive(Debug, Clone, Copy)]
pub struct Event<'e> {
    /// Its name with brackets for the ids: `users.[userId].create`.
    pub pattern: &'e str,
    /// What stands in the brackets.
    pub ids: &'e [&'e str],
    /// The JSON of what it happened to, as a client would get it.
    pub payload: &'e str,
    /// Who brings it about; none: Floe itself.
    pub origin: Option<&'e Origin>,
    /// When.
    pub at: Timestamp,
}

/// A kind of subscribers, such as webhooks.
pub trait Subscribers: Send + Sync {
    /// Who of a project subscribes to what. It is asked again when a unit of work that
    /// [says so](UnitOfWork::subscriptions_change) is committed.
    fn subscriptions<'c>(&'c self, connection: &'c mut Connection) -> BoxFuture<'c, Result<Vec<Subscription>>>;

    /// Does, in the unit of work of an event, what makes these subscribers learn of it: pushes jobs. Each is named once.
    fn notify<'u>(
        &'u self,
        unit: &'u mut UnitOfWork,
        event: Event<'u>,
        subscribers: Vec<Box<str>>,
    ) -> BoxFuture<'u, Result<()>>;
}

/// Who subscribes to what: a list for each kind, in the order of the kinds.
pub(crate) type All = Arc<[Vec<Subscription>]>;

/// What an open project knows of that.
#[derive(Default)]
pub(crate) struct Subscriptions(RwLock<Known>);

#[derive(Default)]
struct Known {
    all: Option<(Instant, All)>,
    /// Counts the changes: who reads while one is made may have read what was true before.
    changes: u64,
}

impl Subscriptions {
    /// What is known.
    ///
    /// # Errors
    /// When it must be read: how many changes there were until now.
    pub(crate) fn known(&self) -> Result<All, u64> {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let recent = known.all.as_ref().filter(|(read, _)| read.elapsed() < GOOD_FOR);
        recent.map(|(_, all)| Arc::clone(all)).ok_or(known.changes)
    }

    /// This was read after so many changes.
    pub(crate) fn learn(&self, all: &All, changes: u64) {
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if known.changes == changes {
            known.all = Some((Instant::now(), Arc::clone(all)));
        }
    }

    /// It may have changed.
    pub(crate) fn forget(&self) {
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        known.all = None;
        known.changes += 1;
    }
}

/// Who of a kind, with these subscriptions, wants to know of an event, each once.
pub(crate) fn interested(subscriptions: &[Subscription], occurrence: &Occurrence) -> Vec<Box<str>> {
    let mut subscribers: Vec<Box<str>> = Vec::new();
    for Subscription { subscriber, pattern } in subscriptions {
        if !subscribers.contains(subscriber) && pattern.matches(occurrence) {
            subscribers.push(subscriber.clone());
        }
    }
    subscribers
}
