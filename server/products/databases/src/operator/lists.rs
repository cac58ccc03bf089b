//! Lists: what comes out of appending to them, taking from them and so on.

use super::Method;
use crate::row::parsed_list;
use crate::schema::SchemaColumn;
use floe_kernel::value::Value;
use serde_json::Value as Json;
use std::cmp::Ordering;
use std::collections::HashSet;

/// The most values that one operator brings.
const MAX_VALUES: usize = 10_000;

/// A change of a list. Elements are in the form in which lists are kept, so equal ones look the same.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum ListChange {
    Append(Vec<Json>),
    Prepend(Vec<Json>),
    Insert { index: usize, item: Json },
    Remove(Vec<Json>),
    Unique,
    Intersect(Vec<Json>),
    Diff(Vec<Json>),
    Filter { by: Condition, with: Json },
}

/// Which elements a filter keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Condition {
    Equal,
    NotEqual,
    GreaterThan,
    GreaterThanEqual,
    LessThan,
    LessThanEqual,
    IsNull,
    IsNotNull,
}

const CONDITIONS: [(&str, Condition); 8] = [
    ("equal", Condition::Equal),
    ("notEqual", Condition::NotEqual),
    ("greaterThan", Condition::GreaterThan),
    ("greaterThanEqual", Condition::GreaterThanEqual),
    ("lessThan", Condition::LessThan),
    ("lessThanEqual", Condition::LessThanEqual),
    ("isNull", Condition::IsNull),
    ("isNotNull", Condition::IsNotNull),
];

impl ListChange {
    /// Reads it, for a column.
    ///
    /// # Errors
    /// The sentence that says why it doesn't fit.
    pub(super) fn read(method: Method, values: &[Json], column: &SchemaColumn) -> Result<Self, String> {
        if !column.column.array {
            return Err(method.unfit("array", column));
        }
        // The values may come as one list of them.
        let listed = if let [Json::Array(values)] = values { values.as_slice() } else { values };
        let several = || match listed.len() {
            0..=MAX_VALUES => Ok(listed),
            size => Err(format!("Array size {size} exceeds maximum allowed size of {MAX_VALUES} for array operations")),
        };
        Ok(match method {
            Method::ArrayAppend => Self::Append(column.accepted(several()?)?),
            Method::ArrayPrepend => Self::Prepend(column.accepted(several()?)?),
            Method::ArrayInsert => Self::insert(values, column).map_err(|reason| method.refused_or(reason))?,
            Method::ArrayRemove if values.is_empty() => return Err(method.refused("requires a value to remove")),
            Method::ArrayRemove => Self::Remove(alike(column, several()?)),
            Method::ArrayIntersect if values.is_empty() => {
                return Err(format!("{} operator requires a non-empty array value", method.name()));
            }
            Method::ArrayIntersect => Self::Intersect(alike(column, several()?)),
            Method::ArrayDiff => Self::Diff(alike(column, several()?)),
            Method::ArrayFilter => Self::filter(method, values, column)?,
            _ => Self::Unique,
        })
    }

    fn insert(values: &[Json], column: &SchemaColumn) -> Result<Self, Unfit> {
        let [index, item] = values else { return Err(Unfit::Reason("requires exactly 2 values (index and value)")) };
        let index = index.as_u64().and_then(|index| usize::try_from(index).ok());
        let index = index.ok_or(Unfit::Reason("index must be a non-negative integer"))?;
        let item = column.accepted(std::slice::from_ref(item)).map_err(Unfit::Sentence)?.pop();
        Ok(Self::Insert { index, item: item.unwrap_or_default() })
    }

    fn filter(method: Method, values: &[Json], column: &SchemaColumn) -> Result<Self, String> {
        if values.is_empty() || values.len() > 2 {
            return Err(method.refused("requires 1 or 2 values (condition and optional comparison value)"));
        }
        let name = values[0].as_str().ok_or_else(|| method.refused("condition must be a string"))?;
        let by = CONDITIONS.into_iter().find_map(|(known, condition)| (known == name).then_some(condition));
        let by = by.ok_or_else(|| {
            let known = CONDITIONS.map(|(known, _)| known).join(", ");
            format!("Invalid array filter condition '{name}'. Must be one of: {known}")
        })?;
        let with = alike(column, &values[1..]).pop().unwrap_or_default();
        Ok(Self::Filter { by, with })
    }

    /// About how many bytes it brings itself.
    pub(super) fn brings(&self) -> usize {
        match self {
            Self::Append(items) | Self::Prepend(items) => weight(items),
            Self::Remove(items) | Self::Intersect(items) | Self::Diff(items) => weight(items),
            Self::Insert { .. } | Self::Unique | Self::Filter { .. } => 0,
        }
    }

    /// The text of the list that comes out.
    ///
    /// # Errors
    /// The reason why none does.
    pub(super) fn apply(&self, before: &Value) -> Result<String, String> {
        let mut list = parsed_list(before);
        match self {
            Self::Append(items) => list.extend_from_slice(items),
            Self::Prepend(items) => drop(list.splice(..0, items.iter().cloned())),
            Self::Insert { index, item } if *index <= list.len() => list.insert(*index, item.clone()),
            Self::Insert { index, .. } => {
                return Err(format!("index {index} is out of bounds for array of length {}", list.len()));
            }
            Self::Remove(items) | Self::Diff(items) => {
                let items = texts(items);
                list.retain(|item| !items.contains(&item.to_string()));
            }
            Self::Intersect(items) => {
                let items = texts(items);
                list.retain(|item| items.contains(&item.to_string()));
            }
            Self::Unique => {
                let mut seen = HashSet::with_capacity(list.len());
                list.retain(|item| seen.insert(item.to_string()));
            }
            Self::Filter { by, with } => list.retain(|item| by.holds(item, with)),
        }
        Ok(Json::Array(list).to_string())
    }
}

/// Why an operator doesn't fit: a reason, or the whole sentence.
enum Unfit {
    Reason(&'static str),
    Sentence(String),
}

impl Method {
    fn refused_or(self, unfit: Unfit) -> String {
        match unfit {
            Unfit::Reason(reason) => self.refused(reason),
            Unfit::Sentence(sentence) => sentence,
        }
    }
}

impl Condition {
    fn holds(self, item: &Json, with: &Json) -> bool {
        let compared = || order(item, with);
        match self {
            Self::Equal => item == with,
            Self::NotEqual => item != with,
            Self::GreaterThan => compared() == Some(Ordering::Greater),
            Self::GreaterThanEqual => matches!(compared(), Some(Ordering::Greater | Ordering::Equal)),
            Self::LessThan => compared() == Some(Ordering::Less),
            Self::LessThanEqual => matches!(compared(), Some(Ordering::Less | Ordering::Equal)),
            Self::IsNull => item.is_null(),
            Self::IsNotNull => !item.is_null(),
        }
    }
}

/// Numbers by their size; texts by their letters, which for moments is by time. Others have no order.
fn order(item: &Json, with: &Json) -> Option<Ordering> {
    match (item, with) {
        (Json::Number(item), Json::Number(with)) => match (item.as_i64(), with.as_i64()) {
            (Some(item), Some(with)) => Some(item.cmp(&with)),
            _ => item.as_f64()?.partial_cmp(&with.as_f64()?),
        },
        (Json::String(item), Json::String(with)) => Some(item.cmp(with)),
        _ => None,
    }
}

/// Values in the form in which the column's lists are kept. What can't be in such a list stays as it is: no element is
/// like it.
fn alike(column: &SchemaColumn, values: &[Json]) -> Vec<Json> {
    let kept = |value: &Json| column.accepted(std::slice::from_ref(value)).ok().and_then(|mut kept| kept.pop());
    values.iter().map(|value| kept(value).unwrap_or_else(|| value.clone())).collect()
}

fn weight(items: &[Json]) -> usize {
    items.iter().map(|item| 16 + item.as_str().map_or(0, str::len)).sum()
}

fn texts(items: &[Json]) -> HashSet<String> {
    items.iter().map(Json::to_string).collect()
}
