//! Whether anybody still waits for an answer.

use std::sync::{Arc, Weak};

/// Whether anybody still waits for the answer. What changes something goes on when its caller hangs up; but what takes
/// long and hasn't begun yet, such as hashing a password, needn't begin for nobody.
#[derive(Debug, Clone, Default)]
pub struct Interest(Option<Weak<()>>);

/// Who waits, for as long as this lives.
#[derive(Debug)]
pub struct Waiting(#[allow(dead_code, reason = "it is there or it isn't")] Arc<()>);

impl Interest {
    /// Who waits, and their interest. The default is an interest that is never lost.
    #[must_use]
    pub fn of_a_caller() -> (Waiting, Self) {
        let caller = Arc::new(());
        let interest = Self(Some(Arc::downgrade(&caller)));
        (Waiting(caller), interest)
    }

    /// Whether nobody waits any more.
    #[must_use]
    pub fn is_lost(&self) -> bool {
        self.0.as_ref().is_some_and(|caller| caller.strong_count() == 0)
    }
}
