//! Who may scan a file now: a few at a time, each caller a share of them, and an end to waiting.
//!
//! Lists that don't finish in place take seconds of a thread. Whoever asks for many of them waits in their own queue:
//! others' scans go first, and nobody's short reads wait for a scan at all (see [`super::readers`]).

use crate::error::{Error, Result};
use crate::turns::{QueueLimits, Turns};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{Semaphore, SemaphorePermit, oneshot};

/// How many scan one file at the same time.
const MOST: usize = 8;

/// How many of these are one caller's at the most, so that the next caller finds one free.
const MOST_OF_ONE: usize = MOST / 2;

/// How many wait for one file; how many of these are one caller's.
const QUEUE: QueueLimits = QueueLimits { all: 128, of_one: 16 };

/// How many scan in the whole process. Commits need threads too.
static ALL: Semaphore = Semaphore::const_new(64);

/// The scans of a file, and who waits to begin one.
#[derive(Default)]
pub(super) struct ScanSlots {
    turns: Mutex<Turns<Slot>>,
    /// Whether anybody may be waiting: so that nobody needs the lock as long as nobody is.
    is_awaited: AtomicBool,
}

/// Leave to scan, until dropped.
pub(super) struct ScanPermit {
    _slot: Slot,
    _process: SemaphorePermit<'static>,
}

/// One of the file's. Given on when dropped.
struct Slot {
    slots: Arc<ScanSlots>,
    caller: u64,
}

impl ScanSlots {
    /// Waits for this caller's turn.
    ///
    /// # Errors
    /// [`Error::Busy`] when too many wait already, or it takes longer than this.
    pub(super) async fn acquire(self: &Arc<Self>, caller: u64, patience: Duration) -> Result<ScanPermit> {
        let both = async {
            let slot = match self.take_or_queue(caller)? {
                Turn::Now(slot) => slot,
                Turn::Later(granted) => granted.await.map_err(|_| Error::Busy)?,
            };
            let process = ALL.acquire().await.map_err(Error::unavailable)?;
            Ok(ScanPermit { _slot: slot, _process: process })
        };
        tokio::time::timeout(patience, both).await.unwrap_or(Err(Error::Busy))
    }

    /// Whether a scan of this caller's could not begin now, because they have as many as they may.
    pub(super) fn is_full_for(&self, caller: u64) -> bool {
        self.is_awaited.load(Ordering::Relaxed) && self.lock().running_of(caller) >= MOST_OF_ONE
    }

    fn take_or_queue(self: &Arc<Self>, caller: u64) -> Result<Turn> {
        let mut turns = self.lock();
        if turns.running() < MOST && turns.running_of(caller) < MOST_OF_ONE {
            return Ok(Turn::Now(self.begun(&mut turns, caller)));
        }
        let later = turns.queue(caller, &QUEUE)?;
        self.is_awaited.store(true, Ordering::Relaxed);
        Ok(Turn::Later(later))
    }

    fn begun(self: &Arc<Self>, turns: &mut Turns<Slot>, caller: u64) -> Slot {
        turns.begin(caller);
        Slot { slots: Arc::clone(self), caller }
    }

    fn lock(&self) -> MutexGuard<'_, Turns<Slot>> {
        self.turns.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

enum Turn {
    Now(Slot),
    Later(oneshot::Receiver<Slot>),
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.slots.lock().end(self.caller);
        loop {
            let mut turns = self.slots.lock();
            let next = turns.next(|_, running| running < MOST_OF_ONE);
            self.slots.is_awaited.store(turns.is_awaited(), Ordering::Relaxed);
            let Some((caller, granted)) = next else { return };
            let slot = self.slots.begun(&mut turns, caller);
            drop(turns);
            // Sent back by whoever doesn't wait any more: dropping it gives it on, so that the loop is done here as well.
            if granted.send(slot).is_ok() {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOT_LONG: Duration = Duration::from_millis(20);

    async fn is_busy(slots: &Arc<ScanSlots>, caller: u64) -> bool {
        matches!(slots.acquire(caller, NOT_LONG).await, Err(Error::Busy))
    }

    #[tokio::test]
    async fn one_caller_has_half_and_waits_while_others_begin() {
        let slots = Arc::new(ScanSlots::default());
        let mut held = Vec::new();
        for _ in 0..MOST_OF_ONE {
            held.push(slots.acquire(1, NOT_LONG).await.unwrap());
        }
        assert!(!slots.is_full_for(1), "nobody waits");
        assert!(is_busy(&slots, 1).await);
        assert!(slots.is_full_for(1) && !slots.is_full_for(2));
        let other = slots.acquire(2, NOT_LONG).await.unwrap();
        drop((held.pop(), other));
        held.push(slots.acquire(1, NOT_LONG).await.unwrap());
        assert!(is_busy(&slots, 1).await, "what was given back was given once");
    }

    #[tokio::test]
    async fn a_free_slot_goes_to_whoever_has_the_fewest() {
        let slots = Arc::new(ScanSlots::default());
        let mut held = Vec::new();
        for caller in [1, 1, 1, 1, 2, 2, 2, 3] {
            held.push(slots.acquire(caller, NOT_LONG).await.unwrap());
        }
        let waits = |caller| {
            let slots = Arc::clone(&slots);
            tokio::spawn(async move { slots.acquire(caller, Duration::from_secs(60)).await.map(drop) })
        };
        let (second, fourth) = (waits(2), waits(4));
        while slots.lock().waiting() < 2 {
            tokio::task::yield_now().await;
        }
        // Nobody but the fourth caller has none; when they are done, the next one is the second's.
        drop(held.remove(0));
        fourth.await.unwrap().unwrap();
        second.await.unwrap().unwrap();
    }

    #[tokio::test]
    async fn those_who_went_away_are_passed_over_and_the_queue_has_an_end() {
        let slots = Arc::new(ScanSlots::default());
        let mut held = Vec::new();
        for caller in 0..MOST as u64 {
            held.push(slots.acquire(caller, NOT_LONG).await.unwrap());
        }
        let queue = |caller| match slots.take_or_queue(caller) {
            Ok(Turn::Later(granted)) => Some(granted),
            _ => None,
        };
        let mut waiting: Vec<_> = (0..QUEUE.of_one).map(|_| queue(100).unwrap()).collect();
        assert!(queue(100).is_none(), "one caller's share of the queue is full");
        waiting.extend((0..QUEUE.all - QUEUE.of_one).map(|n| queue(200 + n as u64).unwrap()));
        assert!(queue(1000).is_none(), "the queue is full");
        let last = waiting.pop().unwrap();
        drop(waiting);
        drop(held.pop());
        assert!(last.await.is_ok());
    }
}
