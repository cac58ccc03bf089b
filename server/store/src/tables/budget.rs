//! How much the rows of one answer may hold: counted while they are read, so that what is too much is never in memory.

use super::StoredRow;
use crate::Store;
use diesel::deserialize;
use floe_kernel::memory::Memory;
use floe_kernel::value::Value;
use std::cell::Cell;
use std::sync::Arc;

/// The most bytes that the values of an answer's rows may hold. A single row that is asked for by its id may hold more.
pub const MAX_ANSWER_BYTES: usize = 32 << 20;

/// What a row takes beside the values of its columns.
const ROW: usize = 128;

/// So many bytes are asked for at a time from the memory that all answers share; fewer are free.
const STEP: usize = 256 << 10;

tokio::task_local! {
    static LEFT: Left;
}

/// That there was more than an answer may hold.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("the rows hold more than {MAX_ANSWER_BYTES} bytes")]
pub(crate) struct TooMuch;

/// That answers hold as much as they may.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("there is no memory left for answers")]
pub(crate) struct OutOfMemory;

/// What the rows of one list are counted against. Counting begins anew whenever they are read anew.
#[derive(Debug, Clone, Default)]
pub(super) struct Budget {
    shared: Option<Arc<dyn Memory>>,
    /// What the answer held before.
    before: usize,
}

/// What is left of a budget.
struct Left {
    bytes: Cell<usize>,
    /// From how many bytes that were read on more must be asked for.
    granted: Cell<usize>,
    budget: Budget,
}

impl Budget {
    /// For a list that is read from this store, for the answer that the store is used for.
    pub(super) fn of(store: &Store) -> Self {
        let before = store.memory.as_ref().map_or(0, |memory| memory.held());
        Self { shared: store.memory.clone(), before }
    }

    /// Reads rows within the budget, on this thread.
    pub(super) fn within<T>(&self, read: impl FnOnce() -> T) -> T {
        LEFT.sync_scope(self.clone().whole(), read)
    }

    /// Reads rows within the budget, in this task.
    pub(super) async fn reading<T>(self, read: impl Future<Output = T>) -> T {
        LEFT.scope(self.whole(), read).await
    }

    fn whole(self) -> Left {
        Left { bytes: Cell::new(MAX_ANSWER_BYTES), granted: Cell::new(STEP), budget: self }
    }
}

impl Left {
    fn take(&self, bytes: usize) -> deserialize::Result<()> {
        let rest = self.bytes.get().checked_sub(bytes).ok_or(TooMuch)?;
        self.bytes.set(rest);
        let read = MAX_ANSWER_BYTES - rest;
        match &self.budget.shared {
            Some(memory) if read > self.granted.get() => {
                let granted = read + STEP;
                memory.grow_to(self.budget.before + granted).map_err(|_| OutOfMemory)?;
                self.granted.set(granted);
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

/// Counts a row that was read. Outside of a budget there is nothing to count.
pub(super) fn count(row: &StoredRow) -> deserialize::Result<()> {
    LEFT.try_with(|left| left.take(row.weight())).unwrap_or(Ok(()))
}

impl StoredRow {
    /// About how many bytes it takes, in memory as in an answer.
    #[must_use]
    pub fn weight(&self) -> usize {
        let of = |value: &Value| match value {
            Value::Text(text) | Value::Json(text) => text.len(),
            _ => 0,
        };
        ROW + self.values.iter().map(|value| 16 + of(value)).sum::<usize>()
    }
}

/// Whether reading stopped because there was too much.
pub(crate) fn is_too_much(error: &diesel::result::Error) -> bool {
    matches!(error, diesel::result::Error::DeserializationError(source) if source.is::<TooMuch>())
}

/// Whether reading stopped because answers hold as much as they may.
pub(crate) fn is_out_of_memory(error: &diesel::result::Error) -> bool {
    matches!(error, diesel::result::Error::DeserializationError(source) if source.is::<OutOfMemory>())
}
