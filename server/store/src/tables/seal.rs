//! Values that are kept encrypted: sealed on their way into a table, opened on their way out, for every path alike.

use crate::error::Result;
use floe_kernel::value::Value;
use floe_sealed::Seal;

/// Seals a value for the row of this id. No value stays none.
///
/// # Errors
/// When it is longer than anything that is ever sent to us.
pub(super) fn sealed(seal: &Seal, row: &str, value: &Value) -> Result<Value> {
    Ok(match value {
        Value::Text(text) => Value::Text(seal.seal(row, text)?),
        Value::Json(text) => Value::Json(seal.seal(row, text)?),
        other => other.clone(),
    })
}

/// Opens what was sealed for the row of this id.
///
/// # Errors
/// When it wasn't sealed for this row and column with a key that we have.
pub(super) fn opened(seal: &Seal, row: &str, value: Value) -> Result<Value> {
    Ok(match value {
        Value::Text(text) => Value::Text(seal.open(row, &text)?),
        Value::Json(text) => Value::Json(seal.open(row, &text)?),
        other => other,
    })
}
