//! Memory that what is being made for one caller may take.

use crate::error::Result;
use std::fmt::Debug;

/// What an answer holds while it is made, counted against a budget that all answers share.
pub trait Memory: Debug + Send + Sync {
    /// How many bytes it holds.
    fn held(&self) -> usize;

    /// Has it hold so many bytes, if it held fewer. A few are free.
    ///
    /// # Errors
    /// 503, to be tried again in a moment, when all answers together, or this caller's, hold as much as they may.
    fn grow_to(&self, bytes: usize) -> Result<()>;
}
