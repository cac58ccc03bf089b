//! Which stores are being opened, are open, or are leaving. The states of a project's lifetime are here and nowhere else.
//!
//! ```text
//!            asked for              opened
//!   (absent) ----------> Opening ------------> Open
//!      ^                    | failed            |  | idle, too many, the disk failed, an older generation
//!      |<-------------------+                   |  v
//!      |                                        | Leaving(Closing) -- whoever asks waits, and opens it anew
//!      |<---------------------------------------|--+ closed
//!      |                                deleted v
//!      |                                   Leaving(Deleting) ------- whoever asks: there is no such project
//!      |<----------------------------------------+ closed, and its data removed
//! ```
//!
//! A file is open in one slot only: a slot leaves the map when all its connections are closed, and not before.

use super::place::{Id, PLATFORM};
use crate::store::Store;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

/// Who asks for a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// A request: whoever is asked for is in use.
    Request,
    /// Work in the background, which doesn't keep a store from being closed when it is done.
    Background,
}

/// A store that is open, or will be, or was.
struct Slot {
    /// Which making of the project it belongs to.
    generation: i64,
    /// When a request asked for it last: milliseconds since [`Slots::started`].
    used: AtomicU64,
    state: State,
}

enum State {
    /// Only until it is something else, with the map locked.
    Absent,
    /// Whoever comes waits until it has `ended`, and looks again.
    Opening {
        ended: CancellationToken,
    },
    Open(Store),
    Leaving {
        why: Leaving,
        ended: CancellationToken,
    },
}

/// Why a store leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Leaving {
    /// Its data stays.
    Closing,
    /// Its data is removed.
    Deleting,
}

/// A store that was taken out of its slot, which is [`State::Leaving`] until [`Slots::remove`].
pub(super) struct Left {
    pub(super) id: Id,
    /// None when it wasn't open.
    pub(super) store: Option<Store>,
    ended: CancellationToken,
}

/// What whoever asks for a store finds.
pub(super) enum Found {
    Open(Store),
    /// Look again once this has ended.
    Wait(CancellationToken),
    /// There is no such project (any more), or not of this generation.
    Gone,
    /// What was open was of an older generation. It is to be closed; then look again.
    Outdated(Left),
    /// Nothing: whoever asked is to open it, and to say how that ended ([`Slots::opened`]).
    Opening(CancellationToken),
}

/// All of them.
pub(super) struct Slots {
    by_id: RwLock<HashMap<String, Slot>>,
    started: Instant,
}

impl Default for Slots {
    fn default() -> Self {
        Self { by_id: RwLock::default(), started: Instant::now() }
    }
}

impl Slots {
    /// What is open already, for a request: the way that nearly every request goes.
    pub(super) fn open_already(&self, id: &str, generation: i64) -> Option<Store> {
        let slots = self.read();
        let slot = slots.get(id).filter(|slot| slot.generation == generation)?;
        let State::Open(store) = &slot.state else { return None };
        slot.used.store(self.now(), Ordering::Relaxed);
        Some(store.clone())
    }

    /// What there is of this store.
    pub(super) fn find(&self, id: &Id, purpose: Purpose) -> Found {
        let mut slots = self.write();
        let Some(slot) = slots.get_mut(&id.name) else {
            let ended = CancellationToken::new();
            let used = AtomicU64::new(if purpose == Purpose::Request { self.now() } else { 0 });
            let state = State::Opening { ended: ended.clone() };
            slots.insert(id.name.clone(), Slot { generation: id.generation, used, state });
            return Found::Opening(ended);
        };
        match &slot.state {
            State::Absent | State::Leaving { why: Leaving::Deleting, .. } => Found::Gone,
            State::Opening { ended } | State::Leaving { ended, .. } => Found::Wait(ended.clone()),
            State::Open(_) if slot.generation < id.generation => Found::Outdated(slot.leave(id, Leaving::Closing)),
            State::Open(_) if slot.generation > id.generation => Found::Gone,
            State::Open(store) => {
                if purpose == Purpose::Request {
                    slot.used.store(self.now(), Ordering::Relaxed);
                }
                Found::Open(store.clone())
            }
        }
    }

    /// How the opening that [`Slots::find`] began has ended.
    pub(super) fn opened(&self, id: &Id, store: Option<Store>, ended: &CancellationToken) {
        let mut slots = self.write();
        match store {
            Some(store) => {
                if let Some(slot) = slots.get_mut(&id.name) {
                    slot.state = State::Open(store);
                }
            }
            None => drop(slots.remove(&id.name)),
        }
        drop(slots);
        ended.cancel();
    }

    /// Has a project's store leave, because its data is about to be removed. Nobody gets it from now on. None: what is open is
    /// of a newer generation.
    ///
    /// # Errors
    /// What to wait for before asking again.
    pub(super) fn delete(&self, id: &Id) -> Result<Option<Left>, CancellationToken> {
        let mut slots = self.write();
        let slot = slots.entry(id.name.clone()).or_insert_with(|| Slot {
            generation: id.generation,
            used: AtomicU64::new(0),
            state: State::Absent,
        });
        match &slot.state {
            State::Opening { ended } | State::Leaving { ended, .. } => Err(ended.clone()),
            State::Open(_) if slot.generation > id.generation => Ok(None),
            State::Open(_) | State::Absent => Ok(Some(slot.leave(id, Leaving::Deleting))),
        }
    }

    /// Has a store leave that is in use, because it must be opened anew.
    pub(super) fn expel(&self, id: &Id) -> Option<Left> {
        let mut slots = self.write();
        let slot = slots.get_mut(&id.name).filter(|slot| slot.generation == id.generation)?;
        matches!(slot.state, State::Open(_)).then(|| slot.leave(id, Leaving::Closing))
    }

    /// A store that has left is closed: whoever asks for it from now on opens it anew.
    pub(super) fn remove(&self, left: &Left) {
        self.write().remove(&left.id.name);
        left.ended.cancel();
    }

    /// Has the store leave that nobody uses and that was used the longest time ago, if there are at least so many; or in
    /// any case.
    pub(super) fn least_recently_used(&self, unless_fewer_than: usize) -> Option<Left> {
        let mut slots = self.write();
        if slots.values().filter(|slot| !slot.is_leaving()).count() < unless_fewer_than {
            return None;
        }
        let free = slots.iter_mut().filter(|(id, slot)| *id != PLATFORM && slot.is_free());
        let (id, slot) = free.min_by_key(|(_, slot)| slot.used.load(Ordering::Relaxed))?;
        let id = Id { name: id.clone(), generation: slot.generation };
        Some(slot.leave(&id, Leaving::Closing))
    }

    /// Has those leave that nobody has used for so long. And how long until the next may; none: nothing is left to look
    /// after.
    pub(super) fn idle(&self, time: Duration) -> (Vec<Left>, Option<Duration>) {
        let idle = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        let now = self.now();
        let mut slots = self.write();
        let until = |slot: &Slot| slot.used.load(Ordering::Relaxed).saturating_add(idle);
        let due = slots.iter_mut().filter(|(id, slot)| *id != PLATFORM && until(slot) <= now && slot.is_free());
        let left = due
            .map(|(id, slot)| {
                let id = Id { name: id.clone(), generation: slot.generation };
                slot.leave(&id, Leaving::Closing)
            })
            .collect();
        let rest = slots.iter().filter(|(id, slot)| *id != PLATFORM && !slot.is_leaving());
        let next = rest.map(|(_, slot)| until(slot)).min();
        // What is still in use although its time is over is looked at again a tenth of that time later.
        (left, next.map(|next| Duration::from_millis(next.saturating_sub(now).max(idle / 10).max(1))))
    }

    /// Whether there is any but the platform's that isn't leaving.
    pub(super) fn any_project(&self) -> bool {
        self.read().iter().any(|(id, slot)| id != PLATFORM && !slot.is_leaving())
    }

    /// Has everything leave that is open: for the end of the process.
    pub(super) fn all(&self) -> Vec<Left> {
        let mut slots = self.write();
        let open = slots.iter_mut().filter(|(_, slot)| matches!(slot.state, State::Open(_)));
        open.map(|(id, slot)| {
            let id = Id { name: id.clone(), generation: slot.generation };
            slot.leave(&id, Leaving::Closing)
        })
        .collect()
    }

    /// What this gives for each that is open.
    pub(super) fn each<T>(&self, of: impl Fn(&Store) -> T) -> Vec<T> {
        let slots = self.read();
        let open =
            slots.values().filter_map(|slot| if let State::Open(store) = &slot.state { Some(store) } else { None });
        open.map(of).collect()
    }

    /// Whether there is anything of it: open, or about to be, or not closed yet.
    pub(super) fn knows(&self, id: &Id) -> bool {
        self.read().contains_key(&id.name)
    }

    /// How many are open.
    pub(super) fn open_count(&self) -> usize {
        self.read().values().filter(|slot| matches!(slot.state, State::Open(_))).count()
    }

    fn now(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn read(&self) -> RwLockReadGuard<'_, HashMap<String, Slot>> {
        self.by_id.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, HashMap<String, Slot>> {
        self.by_id.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Slot {
    /// Whether it is open and nobody uses it. To be asked with the map locked for writing: then nobody can begin to.
    fn is_free(&self) -> bool {
        matches!(&self.state, State::Open(store) if Arc::strong_count(&store.open) == 1)
    }

    fn is_leaving(&self) -> bool {
        matches!(self.state, State::Leaving { .. })
    }

    fn leave(&mut self, id: &Id, why: Leaving) -> Left {
        let ended = CancellationToken::new();
        let before = std::mem::replace(&mut self.state, State::Leaving { why, ended: ended.clone() });
        let store = if let State::Open(store) = before { Some(store) } else { None };
        Left { id: id.clone(), store, ended }
    }
}
