//! How much the rows of one answer may hold: counted while they are read, so that what is too much is never in memory.

use super::StoredRow;
use diesel::deserialize;
use floe_kernel::value::Value;
use std::cell::Cell;

/// The most bytes that the values of an answer's rows may hold. A single row that is asked for by its id may hold more.
pub const MAX_ANSWER_BYTES: usize = 32 << 20;

/// What a row takes beside the values of its columns.
const ROW: usize = 128;

tokio::task_local! {
    static LEFT: Cell<usize>;
}

/// That there was more than an answer may hold.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("the rows hold more than {MAX_ANSWER_BYTES} bytes")]
pub(crate) struct TooMuch;

/// Reads rows within the budget, on this thread.
pub(super) fn within_budget<T>(read: impl FnOnce() -> T) -> T {
    LEFT.sync_scope(Cell::new(MAX_ANSWER_BYTES), read)
}

/// Reads rows within the budget, in this task.
pub(super) async fn reading_within_budget<T>(read: impl Future<Output = T>) -> T {
    LEFT.scope(Cell::new(MAX_ANSWER_BYTES), read).await
}

/// Counts a row that was read. Outside of a budget there is nothing to count.
pub(super) fn count(row: &StoredRow) -> deserialize::Result<()> {
    let counted = LEFT.try_with(|left| match left.get().checked_sub(row.weight()) {
        Some(rest) => {
            left.set(rest);
            true
        }
        None => false,
    });
    if counted.unwrap_or(true) { Ok(()) } else { Err(TooMuch.into()) }
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
