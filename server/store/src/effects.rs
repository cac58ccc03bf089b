//! After the commit: what a unit of work causes outside of the database.
//!
//! A unit notes its effects while it works; [`crate::UnitOfWork::commit`] applies them, and nothing else does. Invalidations are
//! applied whatever became of the commit, wake-ups when it succeeded; what must not be forgotten although the process dies is
//! another matter ([`crate::UnitOfWork::leave_work`]). Who owns a cache or a worker says here, once at start,
//! how that is done.

use crate::connection::Connection;
use crate::error::Result;
use crate::events::{All, Subscribers};
use crate::quota::Usage;
use crate::store::{Store, UnitOfWork};
use crate::wake_ups::WorkLeft;
use floe_kernel::effect::{CacheName, Invalidation, WorkerName};
use floe_kernel::role::RoleHolder;
use floe_kernel::time::Timestamp;
use std::pin::Pin;
use std::sync::{Arc, PoisonError, RwLock};
use tokio::task::JoinHandle;

/// All kinds of subscribers.
type Kinds = Arc<[Arc<dyn Subscribers>]>;

type Invalidate = Box<dyn Fn(&Invalidation) + Send + Sync>;
type Wake = Box<dyn Fn(&Store) + Send + Sync>;
type Revoke = Box<dyn for<'u> Fn(&'u mut UnitOfWork, &'u RoleHolder) -> Revoking<'u> + Send + Sync>;

/// Takes away what somebody was allowed, within a unit of work.
pub type Revoking<'u> = Pin<Box<dyn Future<Output = Result<()>> + Send + 'u>>;

/// Who applies the effects of units of work, by the names of caches and workers. An effect on a name that nobody has is none.
#[derive(Default)]
pub struct EffectHandlers {
    caches: RwLock<Vec<(CacheName, Invalidate)>>,
    workers: RwLock<Vec<(WorkerName, Wake)>>,
    revokers: RwLock<Vec<Arc<Revoke>>>,
    openers: RwLock<Vec<Wake>>,
    subscribers: RwLock<Kinds>,
}

impl EffectHandlers {
    /// How a cache forgets. Called on the committing task, after the commit and before its caller is answered: it must neither
    /// block nor begin a unit of work. It must not hold [`crate::Stores`], which hold it.
    pub fn on_invalidate(&self, cache: CacheName, forget: impl Fn(&Invalidation) + Send + Sync + 'static) {
        self.caches.write().unwrap_or_else(PoisonError::into_inner).push((cache, Box::new(forget)));
    }

    /// How a worker is told that there is something to do in the project of this store. On the same terms; it may also be
    /// told when there is nothing.
    pub fn on_wake(&self, worker: WorkerName, wake: impl Fn(&Store) + Send + Sync + 'static) {
        self.workers.write().unwrap_or_else(PoisonError::into_inner).push((worker, Box::new(wake)));
    }

    /// Who wants to know that a store was opened, since there may be something in it that nobody knows of: a backup may have
    /// been put in its place. On the same terms as [`EffectHandlers::on_wake`].
    pub fn on_open(&self, opened: impl Fn(&Store) + Send + Sync + 'static) {
        self.openers.write().unwrap_or_else(PoisonError::into_inner).push(Box::new(opened));
    }

    pub(crate) fn opened(&self, store: &Store) {
        let openers = self.openers.read().unwrap_or_else(PoisonError::into_inner);
        openers.iter().for_each(|opened| opened(store));
    }

    /// Who may subscribe to events: a kind of subscribers, asked in the unit of work of each. Said at start, before anything happens.
    pub fn on_event(&self, subscribers: Arc<dyn Subscribers>) {
        let mut kinds = self.subscribers.write().unwrap_or_else(PoisonError::into_inner);
        *kinds = kinds.iter().cloned().chain([subscribers]).collect();
    }

    /// All kinds of them.
    pub(crate) fn subscribers(&self) -> Kinds {
        self.subscribers.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How what somebody was allowed, who is gone, is taken from things that name them: part of the unit of work in which they
    /// go. (Interned permissions are looked after by the store itself.)
    pub fn on_revoke(
        &self,
        revoke: impl for<'u> Fn(&'u mut UnitOfWork, &'u RoleHolder) -> Revoking<'u> + Send + Sync + 'static,
    ) {
        self.revokers.write().unwrap_or_else(PoisonError::into_inner).push(Arc::new(Box::new(revoke)));
    }

    pub(crate) async fn revoke(&self, unit: &mut UnitOfWork, gone: &RoleHolder) -> Result<()> {
        let revokers = self.revokers.read().unwrap_or_else(PoisonError::into_inner).clone();
        for revoke in revokers {
            revoke(unit, gone).await?;
        }
        Ok(())
    }

    fn invalidate(&self, invalidation: &Invalidation) {
        let caches = self.caches.read().unwrap_or_else(PoisonError::into_inner);
        caches.iter().filter(|(cache, _)| *cache == invalidation.cache).for_each(|(_, forget)| forget(invalidation));
    }

    fn wake(&self, worker: WorkerName, store: &Store) {
        let workers = self.workers.read().unwrap_or_else(PoisonError::into_inner);
        workers.iter().filter(|(name, _)| *name == worker).for_each(|(_, wake)| wake(store));
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Effect {
    Invalidate(Invalidation),
    Wake(WorkerName),
}

/// What one unit of work causes. Allocates nothing while there is nothing.
pub(crate) struct Effects {
    store: Store,
    noted: Vec<Effect>,
    /// Whether it changes who subscribes to what happens in this project. Apart from what is noted, because each event asks.
    changes_subscriptions: bool,
    left: WorkLeft,
    /// Whether the unit may have been committed, so that what is noted must be applied even if nobody waits any more.
    committing: bool,
}

impl Effects {
    pub(crate) fn none(store: &Store) -> Self {
        Self {
            store: store.clone(),
            noted: Vec::new(),
            changes_subscriptions: false,
            left: WorkLeft::default(),
            committing: false,
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.noted.is_empty() && !self.changes_subscriptions && self.left.is_empty()
    }

    pub(crate) fn store(&self) -> &Store {
        &self.store
    }

    /// What is known of who subscribes to what; else how many changes of that there were. Whoever changes it themselves reads it.
    pub(crate) fn subscriptions(&self) -> Result<All, Option<u64>> {
        if self.changes_subscriptions { Err(None) } else { self.store.open.subscriptions.known().map_err(Some) }
    }

    pub(crate) fn subscriptions_change(&mut self) {
        self.changes_subscriptions = true;
    }

    pub(crate) fn usage(&self) -> &Usage {
        &self.store.open.usage
    }

    pub(crate) fn handlers(&self) -> Arc<EffectHandlers> {
        Arc::clone(&self.store.open.handlers)
    }

    pub(crate) fn invalidate(&mut self, cache: CacheName, key: Option<&str>) {
        let is_same = |noted: &Effect| matches!(noted, Effect::Invalidate(gone) if gone.cache == cache && gone.key.as_deref() == key);
        if !self.has(is_same) {
            let project = Arc::clone(self.store.project_id());
            self.noted.push(Effect::Invalidate(Invalidation { cache, project, key: key.map(str::to_owned) }));
        }
    }

    pub(crate) fn wake(&mut self, worker: WorkerName) {
        if !self.has(|noted| *noted == Effect::Wake(worker)) {
            self.noted.push(Effect::Wake(worker));
        }
    }

    pub(crate) fn leave_work(&mut self, worker: WorkerName, due: Option<Timestamp>) {
        self.left.note(worker, due);
    }

    /// Once is enough: a bulk change notes the same for each row. (Only the last few are looked at, so that many different ones
    /// don't cost their square.)
    fn has(&self, is_same: impl Fn(&Effect) -> bool) -> bool {
        const NEAR: usize = 8;
        self.noted.iter().rev().take(NEAR).any(is_same)
    }

    /// Commits the unit, which has made so many rows, and applies them. In a task of its own: a caller who hangs up while the disk
    /// is busy must not leave a cache with what was true before.
    pub(crate) fn commit(mut self, connection: Connection, rows: i64) -> JoinHandle<Result<()>> {
        tokio::spawn(async move {
            self.committing = true;
            let outcome = if self.left.is_empty() {
                connection.commit().await
            } else {
                Box::pin(self.left.commit(&self.store, connection)).await
            };
            if outcome.is_ok() {
                self.usage().grow(rows);
            }
            self.apply(outcome.is_ok());
            outcome
        })
    }

    /// Applies them. `committed`: whether that is certain.
    fn apply(&mut self, committed: bool) {
        let (handlers, noted) = (&self.store.open.handlers, std::mem::take(&mut self.noted));
        let left = std::mem::take(&mut self.left);
        if std::mem::take(&mut self.changes_subscriptions) {
            self.store.open.subscriptions.forget();
        }
        for effect in &noted {
            if let Effect::Invalidate(invalidation) = effect {
                handlers.invalidate(invalidation);
            }
        }
        for effect in noted.iter().filter(|_| committed) {
            if let Effect::Wake(worker) = effect {
                handlers.wake(*worker, &self.store);
            }
        }
        // Also when nobody knows whether there is something: they look.
        left.workers().for_each(|worker| handlers.wake(worker, &self.store));
    }
}

impl Drop for Effects {
    /// The task ended half-way, with its event loop: nobody knows what became of the commit.
    fn drop(&mut self) {
        if self.committing {
            self.apply(false);
        }
    }
}
