//! What one answer holds: while its rows are read and written, and until the client has taken it.

use crate::budget::{Budget, Reservation};
use floe_kernel::Result;
use floe_kernel::memory::Memory;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What an answer may hold without being counted: nearly all are smaller, and they always pass.
const SMALL: usize = 64 * 1024;

/// The memory of one answer, counted against that of all answers. The default counts nothing.
#[derive(Debug, Clone, Default)]
pub struct AnswerMemory(Option<Arc<Counted>>);

#[derive(Debug)]
struct Counted {
    budget: Arc<Budget>,
    /// Whose share it takes; none: a server's or an admin's, who have all of it.
    address: Option<IpAddr>,
    held: Mutex<Option<Reservation>>,
}

impl AnswerMemory {
    pub(crate) fn new(budget: &Arc<Budget>, address: Option<IpAddr>) -> Self {
        Self(Some(Arc::new(Counted { budget: Arc::clone(budget), address, held: Mutex::default() })))
    }

    /// For what reads rows for the answer; none where nothing is counted.
    pub(crate) fn shared(&self) -> Option<Arc<dyn Memory>> {
        self.0.clone().map(|counted| counted as Arc<dyn Memory>)
    }

    /// Has the answer hold so many bytes, if it held fewer: for whoever writes a long one.
    ///
    /// # Errors
    /// 503 when all answers together, or this caller's, hold as much as they may.
    pub fn grow_to(&self, bytes: usize) -> Result<()> {
        self.0.as_ref().map_or(Ok(()), |counted| counted.grow_to(bytes))
    }

    /// What the finished answer of so many bytes holds, which is given back when it is dropped; none of a small one. It
    /// is held also where there is too little.
    pub(crate) fn finish(&self, bytes: usize) -> Option<Reservation> {
        let mut held = self.0.as_ref()?.lock().take();
        if bytes <= SMALL {
            return None;
        }
        if let Some(held) = &mut held {
            held.shrink_to(bytes);
        }
        held
    }
}

impl Counted {
    fn lock(&self) -> MutexGuard<'_, Option<Reservation>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Memory for Counted {
    fn held(&self) -> usize {
        self.lock().as_ref().map_or(0, Reservation::bytes)
    }

    fn grow_to(&self, bytes: usize) -> Result<()> {
        if bytes <= SMALL {
            return Ok(());
        }
        let mut held = self.lock();
        held.get_or_insert_with(|| self.budget.reserve(self.address)).grow_to(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: usize = 1024 * 1024;

    #[test]
    fn what_is_small_is_free_and_what_is_finished_holds_what_it_is() {
        let budget = Budget::new(4 * MIB);
        let all = AnswerMemory::new(&budget, None);
        all.grow_to(4 * MIB).unwrap();
        let small = AnswerMemory::new(&budget, None);
        small.grow_to(SMALL).unwrap();
        assert!(small.finish(SMALL).is_none());
        let other = AnswerMemory::new(&budget, None);
        assert_eq!(other.grow_to(SMALL + 1).unwrap_err().retry_after(), Some(1));
        drop(other);
        let finished = all.finish(MIB);
        AnswerMemory::new(&budget, None).grow_to(3 * MIB).unwrap();
        drop((all, finished));
        AnswerMemory::new(&budget, None).grow_to(4 * MIB).unwrap();
    }
}
