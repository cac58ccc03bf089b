//! Lists and objects in a column of a row: JSON of our own writing.

use crate::error::{Error, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// What a column holds.
///
/// # Errors
/// [`Error::Unavailable`] when it can't be read: the row is damaged.
pub fn read<T: DeserializeOwned>(column: &str) -> Result<T> {
    serde_json::from_str(column).map_err(Error::unavailable)
}

/// What a column is to hold.
///
/// # Errors
/// [`Error::Unavailable`] for what JSON can't express.
pub fn write(value: &(impl Serialize + ?Sized)) -> Result<String> {
    serde_json::to_string(value).map_err(Error::unavailable)
}
