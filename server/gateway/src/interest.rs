//! Whether anybody still waits for an answer.

use std::sync::{Arc, Weak};
use std::time::Duration;
use tokio::time::timeout;

/// How often somebody looks whether a caller is still there, while long work is done for them.
const LOOK: Duration = Duration::from_millis(100);

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

    /// Does work that changes nothing for as long as anybody waits; none: nobody does, and it was given up.
    pub async fn while_kept<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        let mut work = std::pin::pin!(work);
        loop {
            match timeout(LOOK, &mut work).await {
                Ok(done) => return Some(done),
                Err(_) if self.is_lost() => return None,
                Err(_) => {}
            }
        }
    }
}
