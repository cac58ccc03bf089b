//! Types of parameters that only this product has.

use crate::service::Which;
use floe_gateway::input::{Param, Refusal};
use floe_gateway::param::{Object, RowQueries};
use floe_kernel::id;
use serde_json::{Map, Value as Json, json};

const KEY_RULE: &str = "Parameter must contain at most 36 chars. Valid chars are a-z, A-Z, 0-9, period, hyphen, and underscore. Can't start with a special char";

/// The name of a column or an index: the same letters as in an id. It never reaches a statement as a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Key(pub(crate) String);

impl Key {
    /// Whether this may be one.
    pub(crate) fn is_valid(text: &str) -> bool {
        id::is_valid(text)
    }
}

impl Param for Key {
    fn read(value: Json) -> Result<Self, Refusal> {
        match value {
            Json::String(text) if Self::is_valid(&text) => Ok(Self(text)),
            _ => Err(KEY_RULE.into()),
        }
    }

    fn schema() -> Json {
        json!({"type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9._-]{0,35}$"})
    }
}

/// The name of a column, or of what every row has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct IndexedKey(pub(crate) String);

impl Param for IndexedKey {
    fn read(value: Json) -> Result<Self, Refusal> {
        match value {
            Json::String(text)
                if Key::is_valid(&text) || matches!(text.as_str(), "$id" | "$createdAt" | "$updatedAt") =>
            {
                Ok(Self(text))
            }
            _ => Err(KEY_RULE.into()),
        }
    }

    fn schema() -> Json {
        json!({"type": "string", "maxLength": id::MAX_LENGTH})
    }
}

/// `asc` or `desc`, in capitals or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OrderBy(pub(crate) String);

impl Param for OrderBy {
    fn read(value: Json) -> Result<Self, Refusal> {
        match value {
            Json::String(text) if text.eq_ignore_ascii_case("asc") || text.eq_ignore_ascii_case("desc") => {
                Ok(Self(text))
            }
            _ => Err("Value must be one of (asc, desc)".into()),
        }
    }

    fn schema() -> Json {
        json!({"type": "string", "enum": ["asc", "desc"]})
    }
}

/// A number of either kind.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Numeric(pub(crate) f64);

impl Param for Numeric {
    fn read(value: Json) -> Result<Self, Refusal> {
        f64::read(value).map(Self).map_err(|_| "Value must be a valid number".into())
    }

    fn schema() -> Json {
        json!({"type": "number"})
    }
}

/// Queries that choose rows: kept as they were written too, because they may be staged.
impl Param for Which {
    fn read(value: Json) -> Result<Self, Refusal> {
        let RowQueries(queries) = RowQueries::read(value.clone())?;
        let texts = match value {
            Json::Array(items) => items.into_iter().filter_map(|item| item.as_str().map(str::to_owned)).collect(),
            _ => Vec::new(),
        };
        Ok(Self { texts, queries })
    }

    fn schema() -> Json {
        RowQueries::schema()
    }
}

/// What is said of a row: a JSON object, or its text.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct RowValues(pub(crate) Map<String, Json>);

impl Param for RowValues {
    fn read(value: Json) -> Result<Self, Refusal> {
        Object::read(value).map(|object| Self(object.0)).map_err(|_| "Value must be a valid JSON object".into())
    }

    fn schema() -> Json {
        Object::schema()
    }
}
