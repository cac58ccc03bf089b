//! Operators: changes that are said in terms of what a row holds ("add 1", "append this"), and computed from the row as it
//! is locked, so that of two changes at once none is lost.
//!
//! SDKs write one as a text, in the place of the column's value: `{"method":"increment","values":[1]}`. Its meaning and
//! the texts of its errors are those of utopia-php/database.

mod lists;
mod numbers;

pub(crate) use numbers::{Added, added};

use crate::row::{RowData, Speaker};
use crate::schema::{SchemaColumn, TableSchema};
use floe_kernel::time::Timestamp;
use floe_kernel::value::{Kind, Value};
use floe_kernel::{Error, ErrorKind, Result};
use lists::ListChange;
use numbers::{Arithmetic, Operand};
use serde_json::{Map, Value as Json};
use std::borrow::Cow;

/// How many bytes a text or a list may have that was computed: no more than one that was sent. A request of 150 bytes can make
/// either much longer than itself.
const MAX_COMPUTED: usize = 12 << 20;
/// From how many bytes on a value is computed on a thread of its own: taking a list of so many apart takes a millisecond, and
/// event loops have hundreds of others waiting.
const LONG: usize = 32 << 10;
const MILLIS_A_DAY: i64 = 86_400_000;

/// A change of one value, in terms of the value itself.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Operator {
    method: Method,
    change: Change,
}

#[derive(Debug, Clone, PartialEq)]
enum Change {
    Number { how: Arithmetic, by: Operand, bound: Option<Operand> },
    List(ListChange),
    Concat(String),
    Replace { search: String, with: String },
    Toggle,
    AddDays(i64),
    SetNow,
}

/// Why something that looks like an operator can't be one.
#[derive(Debug)]
pub(crate) enum Misread {
    /// It isn't written as one.
    Malformed(String),
    /// It doesn't fit the column; the sentence says why.
    Unfit(String),
}

macro_rules! methods {
    ($($method:ident = $name:literal),+ $(,)?) => {
        /// What operators there are.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        enum Method { $($method),+ }

        impl Method {
            fn named(name: &str) -> Option<Self> {
                match name { $($name => Some(Self::$method),)+ _ => None }
            }

            fn name(self) -> &'static str {
                match self { $(Self::$method => $name),+ }
            }
        }
    };
}

methods! {
    Increment = "increment",
    Decrement = "decrement",
    Multiply = "multiply",
    Divide = "divide",
    Modulo = "modulo",
    Power = "power",
    ArrayAppend = "arrayAppend",
    ArrayPrepend = "arrayPrepend",
    ArrayInsert = "arrayInsert",
    ArrayRemove = "arrayRemove",
    ArrayUnique = "arrayUnique",
    ArrayIntersect = "arrayIntersect",
    ArrayDiff = "arrayDiff",
    ArrayFilter = "arrayFilter",
    StringConcat = "stringConcat",
    StringReplace = "stringReplace",
    Toggle = "toggle",
    DateAddDays = "dateAddDays",
    DateSubDays = "dateSubDays",
    DateSetNow = "dateSetNow",
}

impl Method {
    /// The sentence that it can't be applied, for this reason.
    fn refused(self, reason: impl std::fmt::Display) -> String {
        format!("Cannot apply {} operator: {reason}", self.name())
    }

    /// The sentence that it can't be applied to a column which isn't this.
    fn unfit(self, of: &str, column: &SchemaColumn) -> String {
        format!("Cannot apply {} operator to non-{of} field '{}'", self.name(), column.column.key)
    }
}

impl Operator {
    /// Reads what is said of a column's value; `None` where that is the value itself. A text is an operator if it is a
    /// JSON object whose `method` is one of ours; any other text is a text.
    ///
    /// # Errors
    /// [`Misread`], for an operator that isn't well-formed or that doesn't fit the column.
    pub(crate) fn read(json: &Json, column: &SchemaColumn) -> Result<Option<Self>, Misread> {
        let Some((method, object)) = as_operator(json) else { return Ok(None) };
        let malformed = |what: &str, got: &Json| {
            let (key, got) = (&column.column.key, php_type(Some(got)));
            Misread::Malformed(format!("Invalid operator for attribute \"{key}\": Invalid operator {what}, got {got}"))
        };
        match object.get("attribute") {
            None | Some(Json::Null | Json::String(_)) => {}
            Some(other) => return Err(malformed("attribute. Must be a string", other)),
        }
        let values = match object.get("values") {
            None | Some(Json::Null) => &[][..],
            Some(Json::Array(values)) => values,
            Some(other) => return Err(malformed("values. Must be an array", other)),
        };
        Change::read(method, values, column).map(|change| Some(Self { method, change })).map_err(Misread::Unfit)
    }

    /// About how many bytes it brings itself.
    fn brings(&self) -> usize {
        match &self.change {
            Change::List(change) => change.brings(),
            Change::Concat(tail) => tail.len(),
            Change::Replace { search, with } => search.len() + with.len(),
            Change::Number { .. } | Change::Toggle | Change::AddDays(_) | Change::SetNow => 0,
        }
    }

    /// The value that comes out.
    ///
    /// # Errors
    /// The sentence that says why none does, or why it isn't one of the column.
    fn apply(&self, column: &SchemaColumn, before: &Value, now: Timestamp) -> Result<Value, String> {
        let method = self.method;
        match &self.change {
            Change::Number { how, by, bound } => {
                let after = numbers::compute(*how, column.kind, before, *by, *bound);
                column.check(after.map_err(|broken| method.refused(broken))?)
            }
            Change::List(change) => {
                let list = change.apply(before).map_err(|reason| method.refused(reason))?;
                if list.len() > MAX_COMPUTED {
                    return Err(method.refused(format!("result would exceed {MAX_COMPUTED} bytes")));
                }
                Ok(Value::Json(list))
            }
            Change::Concat(tail) => {
                let text = text_of(before);
                text_of_column(method, column, Some(text.len() + tail.len()), || format!("{text}{tail}"))
            }
            Change::Replace { .. } if before.is_null() => Ok(before.clone()),
            Change::Replace { search, with } => replace(method, column, text_of(before), search, with),
            Change::Toggle => Ok(Value::Boolean(!matches!(before, Value::Boolean(true)))),
            Change::AddDays(days) => match before {
                Value::Datetime(millis) => {
                    let after = days.checked_mul(MILLIS_A_DAY).and_then(|days| millis.checked_add(days));
                    let after = after.filter(|millis| Timestamp::from_millis(*millis).millis() == *millis);
                    after.map(Value::Datetime).ok_or_else(|| column.broken(&column.column.domain.rule(&Json::Null)))
                }
                _ => Ok(before.clone()),
            },
            Change::SetNow => Ok(Value::Datetime(now.millis())),
        }
    }
}

impl RowData {
    /// Whether any value depends on what the row holds.
    pub(crate) fn looks_at_row(&self) -> bool {
        self.operators.iter().any(|(_, operator)| operator.change != Change::SetNow)
    }

    /// Computes what is said in terms of the row itself. `before` gives what it holds at a position, or what a new row
    /// would. What is long is computed away from the event loop.
    ///
    /// # Errors
    /// `row_invalid_structure`, where nothing comes out, or nothing that the column may hold.
    pub(crate) async fn computed<'v>(
        mut self,
        schema: &TableSchema,
        before: impl Fn(usize) -> &'v Value,
        now: Timestamp,
        speaker: Speaker,
    ) -> Result<Self> {
        for (position, operator) in std::mem::take(&mut self.operators) {
            let (column, before) = (&schema.columns[position], before(position));
            let value = if before.bytes() < LONG && operator.brings() < LONG {
                operator.apply(column, before, now)
            } else {
                let (column, before) = (column.clone(), before.clone());
                let apply = move || operator.apply(&column, &before, now);
                tokio::task::spawn_blocking(apply).await.map_err(Error::internal)?
            };
            self.values.push((position, value.map_err(|fault| speaker.refuse(fault))?));
        }
        Ok(self)
    }
}

impl Misread {
    /// As what a caller is told of a row.
    ///
    /// # Errors
    /// `general_bad_request`, where it isn't a matter of the column.
    pub(crate) fn fault(self) -> Result<String> {
        match self {
            Self::Unfit(fault) => Ok(fault),
            Self::Malformed(message) => Err(Error::new(ErrorKind::GeneralBadRequest).message(message)),
        }
    }
}

/// The method and the object, if a value is meant as an operator.
fn as_operator(json: &Json) -> Option<(Method, Cow<'_, Map<String, Json>>)> {
    let object = match json {
        Json::String(text) if text.trim_start().starts_with('{') => Cow::Owned(serde_json::from_str(text).ok()?),
        Json::Object(object) => Cow::Borrowed(object),
        _ => return None,
    };
    Some((Method::named(object.get("method")?.as_str()?)?, object))
}

impl Change {
    fn read(method: Method, values: &[Json], column: &SchemaColumn) -> Result<Self, String> {
        let (array, domain) = (column.column.array, &column.column.domain);
        let single = |kind: Kind| !array && domain.kind() == kind;
        let first = || values.first().and_then(Json::as_str).map(str::to_owned);
        Ok(match method {
            Method::Increment => Self::number(method, Arithmetic::Add, values, column)?,
            Method::Decrement => Self::number(method, Arithmetic::Subtract, values, column)?,
            Method::Multiply => Self::number(method, Arithmetic::Multiply, values, column)?,
            Method::Divide => Self::number(method, Arithmetic::Divide, values, column)?,
            Method::Modulo => Self::number(method, Arithmetic::Modulo, values, column)?,
            Method::Power => Self::number(method, Arithmetic::Power, values, column)?,
            Method::StringConcat | Method::StringReplace if !single(Kind::Text) => {
                return Err(method.unfit("string", column));
            }
            Method::StringConcat => Self::Concat(first().ok_or_else(|| method.refused("requires a string value"))?),
            Method::StringReplace => match values {
                [Json::String(search), Json::String(with)] => {
                    Self::Replace { search: search.clone(), with: with.clone() }
                }
                _ => return Err(method.refused("requires exactly 2 string values (search and replace)")),
            },
            Method::Toggle if single(Kind::Boolean) => Self::Toggle,
            Method::Toggle => return Err(method.unfit("boolean", column)),
            Method::DateAddDays | Method::DateSubDays | Method::DateSetNow if !single(Kind::Datetime) => {
                return Err(method.unfit("datetime", column));
            }
            Method::DateSetNow => Self::SetNow,
            Method::DateAddDays | Method::DateSubDays => {
                let days = values.first().and_then(Json::as_i64);
                let days = days.ok_or_else(|| method.refused("requires an integer number of days"))?;
                Self::AddDays(if method == Method::DateSubDays { days.saturating_neg() } else { days })
            }
            _ => Self::List(ListChange::read(method, values, column)?),
        })
    }

    fn number(method: Method, how: Arithmetic, values: &[Json], column: &SchemaColumn) -> Result<Self, String> {
        if !matches!(column.kind, Kind::Integer | Kind::Float) {
            return Err(method.unfit("numeric", column));
        }
        let got = || php_type(values.first());
        let by = values.first().and_then(Operand::read);
        let by = by.ok_or_else(|| method.refused(format!("value must be numeric, got {}", got())))?;
        let (is_division, zero) = match how {
            Arithmetic::Divide => (true, "division by zero"),
            Arithmetic::Modulo => (true, "modulo by zero"),
            _ => (false, ""),
        };
        if is_division && by.is_zero() {
            return Err(method.refused(zero));
        }
        let bound = match values.get(1) {
            None | Some(Json::Null) => None,
            Some(bound) => Some(Operand::read(bound).ok_or_else(|| {
                method.refused(format!("max/min limit must be numeric, got {}", php_type(Some(bound))))
            })?),
        };
        // What is left over has no bound.
        Ok(Self::Number { how, by, bound: bound.filter(|_| how != Arithmetic::Modulo) })
    }
}

fn text_of(value: &Value) -> &str {
    if let Value::Text(text) = value { text } else { "" }
}

fn replace(method: Method, column: &SchemaColumn, text: &str, search: &str, with: &str) -> Result<Value, String> {
    if search.is_empty() {
        return Ok(Value::Text(text.to_owned()));
    }
    let found = text.matches(search).count();
    let grown = found.checked_mul(with.len()).map(|with| text.len() - found * search.len() + with);
    text_of_column(method, column, grown, || text.replace(search, with))
}

/// A text that was computed, if it is one of the column's. It isn't even made if it would be too long (of more bytes than
/// its characters can have).
fn text_of_column(
    method: Method,
    column: &SchemaColumn,
    bytes: Option<usize>,
    make: impl FnOnce() -> String,
) -> Result<Value, String> {
    let size = usize::try_from(column.column.domain.size()).unwrap_or(usize::MAX);
    let longest = size.saturating_mul(4).min(MAX_COMPUTED);
    let too_long =
        || method.refused(format!("result would exceed maximum length of {} characters", size.min(MAX_COMPUTED)));
    if bytes.is_none_or(|bytes| bytes > longest) {
        return Err(too_long());
    }
    let text = make();
    if text.len() > size && text.chars().count() > size {
        return Err(too_long());
    }
    column.column.domain.accept(&Json::String(text)).map_err(|rule| column.broken(&rule))
}

/// What PHP calls the type of a value: clients know the texts.
fn php_type(json: Option<&Json>) -> &'static str {
    match json {
        None | Some(Json::Null) => "NULL",
        Some(Json::Bool(_)) => "boolean",
        Some(Json::Number(number)) if number.is_f64() => "double",
        Some(Json::Number(_)) => "integer",
        Some(Json::String(_)) => "string",
        Some(Json::Array(_) | Json::Object(_)) => "array",
    }
}
