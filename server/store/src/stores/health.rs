//! Which stores are not well.

use super::place::Id;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What is wrong with a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ailment {
    /// Its data can't be read. Only restoring it helps.
    Damaged,
    /// The disk failed while its changes were made to last. It is opened anew until that succeeds.
    DiskFailed,
}

/// The stores of which something is known to be wrong.
#[derive(Default)]
pub(super) struct Ailing(Mutex<BTreeMap<String, Ailment>>);

impl Ailing {
    /// Notes that something is wrong. Whether that is new.
    pub(super) fn note(&self, id: &Id, ailment: Ailment) -> bool {
        self.lock().insert(id.name.clone(), ailment) != Some(ailment)
    }

    /// Whether this is known to be wrong.
    pub(super) fn has(&self, id: &Id, ailment: Ailment) -> bool {
        self.lock().get(&id.name) == Some(&ailment)
    }

    /// It is well again, or gone.
    pub(super) fn clear(&self, id: &Id) {
        self.lock().remove(&id.name);
    }

    /// All of them, by the project's id.
    pub(super) fn all(&self) -> Vec<(String, Ailment)> {
        self.lock().iter().map(|(id, ailment)| (id.clone(), *ailment)).collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Ailment>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
