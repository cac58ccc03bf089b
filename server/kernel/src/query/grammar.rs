//! The grammar of queries: JSON of the wire in, conditions, orders and bounds out.

use super::resolve::Filter;
use super::{MAX_QUERIES, MAX_QUERY_DEPTH, MAX_QUERY_LENGTH, MAX_QUERY_VALUES};
use crate::error::{Error, ErrorKind, Result};
use serde::Deserialize;
use serde_json::Value as Json;

/// Which way an order runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Smallest first.
    Ascending,
    /// Largest first.
    Descending,
}

impl Direction {
    /// The other way.
    #[must_use]
    pub fn reversed(self) -> Self {
        match self {
            Self::Ascending => Self::Descending,
            Self::Descending => Self::Ascending,
        }
    }
}

/// The item that a page starts behind, or ends before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cursor {
    /// The page behind the item of this id.
    After(String),
    /// The page before the item of this id.
    Before(String),
}

macro_rules! methods {
    ($($variant:ident = $name:literal, $least:literal ..= $most:expr;)*) => {
        /// How a condition compares an attribute with values.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Method {
            $(#[doc = concat!("`", $name, "`")] $variant,)*
        }

        impl Method {
            fn parse(name: &str) -> Option<Self> {
                match name { $($name => Some(Self::$variant),)* _ => None }
            }

            /// The name on the wire.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// How many values it takes.
            fn arity(self) -> std::ops::RangeInclusive<usize> {
                match self { $(Self::$variant => $least..=$most,)* }
            }
        }
    };
}

methods! {
    Equal = "equal", 1..=MAX_QUERY_VALUES;
    NotEqual = "notEqual", 1..=1;
    LessThan = "lessThan", 1..=1;
    LessThanEqual = "lessThanEqual", 1..=1;
    GreaterThan = "greaterThan", 1..=1;
    GreaterThanEqual = "greaterThanEqual", 1..=1;
    Between = "between", 2..=2;
    NotBetween = "notBetween", 2..=2;
    IsNull = "isNull", 0..=0;
    IsNotNull = "isNotNull", 0..=0;
    StartsWith = "startsWith", 1..=1;
    NotStartsWith = "notStartsWith", 1..=1;
    EndsWith = "endsWith", 1..=1;
    NotEndsWith = "notEndsWith", 1..=1;
    Contains = "contains", 1..=MAX_QUERY_VALUES;
    ContainsAny = "containsAny", 1..=MAX_QUERY_VALUES;
    NotContains = "notContains", 1..=MAX_QUERY_VALUES;
}

/// A condition, as far as the grammar goes: whether the attribute exists is not known yet.
#[derive(Debug, Clone, PartialEq)]
pub enum Condition {
    /// An attribute compared with values.
    Compare {
        /// How.
        method: Method,
        /// What.
        attribute: String,
        /// With what; as many as the method takes.
        values: Vec<Json>,
    },
    /// All of these, two at least.
    And(Vec<Condition>),
    /// One of these, two at least.
    Or(Vec<Condition>),
    /// One that whoever knows more than the fields of a list has checked already. Never parsed.
    Known(Filter),
}

/// The queries of one request.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Queries {
    /// All of which must hold.
    pub conditions: Vec<Condition>,
    /// Attribute and direction, most important first; the empty attribute means the sequence.
    pub orders: Vec<(String, Direction)>,
    /// Whether the order is random.
    pub random: bool,
    /// How many items at the most.
    pub limit: Option<i64>,
    /// How many items are skipped.
    pub offset: Option<i64>,
    /// Where the page starts.
    pub cursor: Option<Cursor>,
    /// The attributes to answer with.
    pub select: Option<Vec<String>>,
}

/// One query on the wire.
#[derive(Deserialize)]
struct Wire {
    method: String,
    #[serde(default)]
    attribute: Json,
    #[serde(default)]
    values: Vec<Json>,
}

impl Queries {
    /// Reads what `queries[]` holds. Of several limits, offsets and cursors the first counts, as in Appwrite.
    ///
    /// # Errors
    /// [`ErrorKind::GeneralQueryInvalid`] for JSON, methods, counts of values and bounds that the grammar doesn't know;
    /// [`ErrorKind::GeneralArgumentInvalid`] for more or longer queries than it allows.
    pub fn parse<S: AsRef<str>>(texts: &[S]) -> Result<Self> {
        if texts.len() > MAX_QUERIES {
            return Err(Error::invalid(
                "queries",
                format!("Value must a valid array no longer than {MAX_QUERIES} items"),
            ));
        }
        let mut queries = Self::default();
        for text in texts {
            let text = text.as_ref();
            if text.chars().count() > MAX_QUERY_LENGTH {
                return Err(Error::invalid(
                    "queries",
                    format!("Value must be a valid string and at most {MAX_QUERY_LENGTH} chars"),
                ));
            }
            let wire: Wire = serde_json::from_str(text).map_err(|error| invalid(format!("Syntax error: {error}")))?;
            queries.add(wire)?;
        }
        Ok(queries)
    }

    fn add(&mut self, wire: Wire) -> Result<()> {
        match wire.method.as_str() {
            "select" => {
                let names = strings(&wire)?;
                if names.is_empty() {
                    return Err(invalid("select wants at least one attribute"));
                }
                self.select.get_or_insert_default().extend(names);
            }
            "orderAsc" => self.orders.push((wire.attribute()?, Direction::Ascending)),
            "orderDesc" => self.orders.push((wire.attribute()?, Direction::Descending)),
            "orderRandom" => self.random = true,
            "limit" => {
                let limit = bound(&wire, 1)?;
                self.limit.get_or_insert(limit);
            }
            "offset" => {
                let offset = bound(&wire, 0)?;
                self.offset.get_or_insert(offset);
            }
            "cursorAfter" => {
                let id = cursor(&wire)?;
                self.cursor.get_or_insert(Cursor::After(id));
            }
            "cursorBefore" => {
                let id = cursor(&wire)?;
                self.cursor.get_or_insert(Cursor::Before(id));
            }
            _ => self.conditions.push(condition(wire, 1)?),
        }
        Ok(())
    }
}

impl Wire {
    fn attribute(&self) -> Result<String> {
        match &self.attribute {
            Json::String(name) => Ok(name.clone()),
            Json::Null => Ok(String::new()),
            _ => Err(invalid(format!("{} wants the name of an attribute", self.method))),
        }
    }
}

fn condition(wire: Wire, depth: usize) -> Result<Condition> {
    if wire.values.len() > MAX_QUERY_VALUES {
        return Err(invalid(format!("{} takes at most {MAX_QUERY_VALUES} values", wire.method)));
    }
    if wire.method == "and" || wire.method == "or" {
        return nested(wire, depth);
    }
    let method = Method::parse(&wire.method).ok_or_else(|| invalid(format!("unknown method: {}", wire.method)))?;
    let attribute = wire.attribute()?;
    // What a list holds is compared value by value; a list within the values is one more level of values.
    let values = match wire.values.as_slice() {
        [Json::Array(inner)] => inner.clone(),
        _ => wire.values,
    };
    let arity = method.arity();
    if !arity.contains(&values.len()) {
        return Err(invalid(format!("{} queries require {}.", capitalized(method.name()), described(&arity))));
    }
    if values.iter().any(|value| value.is_object() || value.is_array() || value.is_null()) {
        return Err(invalid(format!("{} takes texts, numbers and booleans", method.name())));
    }
    Ok(Condition::Compare { method, attribute, values })
}

fn nested(wire: Wire, depth: usize) -> Result<Condition> {
    if depth > MAX_QUERY_DEPTH {
        return Err(invalid(format!("and/or may be nested {MAX_QUERY_DEPTH} deep")));
    }
    if wire.values.len() < 2 {
        return Err(invalid(format!("{} queries require at least two queries", capitalized(&wire.method))));
    }
    let parts = wire
        .values
        .into_iter()
        .map(|part| match part {
            // Some SDKs send nested queries as objects, some as their text.
            Json::String(text) => serde_json::from_str(&text),
            other => serde_json::from_value(other),
        })
        .map(|part| condition(part.map_err(|error| invalid(format!("Syntax error: {error}")))?, depth + 1))
        .collect::<Result<_>>()?;
    Ok(if wire.method == "and" { Condition::And(parts) } else { Condition::Or(parts) })
}

fn strings(wire: &Wire) -> Result<Vec<String>> {
    wire.values
        .iter()
        .map(|value| value.as_str().map(str::to_owned).ok_or_else(|| invalid(format!("{} takes texts", wire.method))))
        .collect()
}

fn bound(wire: &Wire, least: i64) -> Result<i64> {
    match wire.values.as_slice() {
        [Json::Number(number)] => number.as_i64().filter(|n| *n >= least).ok_or_else(|| {
            invalid(format!("Invalid {}: Value must be a valid range between {least} and {}", wire.method, i64::MAX))
        }),
        _ => Err(invalid(format!("{} takes one number", wire.method))),
    }
}

fn cursor(wire: &Wire) -> Result<String> {
    match wire.values.as_slice() {
        [Json::String(id)] if crate::id::is_valid(id) => Ok(id.clone()),
        _ => Err(invalid("Invalid cursor")),
    }
}

fn capitalized(name: &str) -> String {
    let mut chars = name.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}

fn described(arity: &std::ops::RangeInclusive<usize>) -> String {
    match (arity.start(), arity.end()) {
        (0, 0) => "no value".to_owned(),
        (1, 1) => "exactly one value".to_owned(),
        (2, 2) => "exactly two values".to_owned(),
        (least, most) => format!("at least {least} and at most {most} values"),
    }
}

fn invalid(message: impl std::fmt::Display) -> Error {
    Error::new(ErrorKind::GeneralQueryInvalid).message(format!("Invalid query: {message}")).field("queries")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(texts: &[&str]) -> Result<Queries> {
        Queries::parse(texts)
    }

    #[test]
    fn reads_what_the_sdks_send() {
        let queries = parse(&[
            r#"{"method":"equal","attribute":"title","values":["a","b"]}"#,
            r#"{"method":"or","values":[{"method":"isNull","attribute":"x"},{"method":"lessThan","attribute":"y","values":[3]}]}"#,
            r#"{"method":"orderDesc","attribute":"y"}"#,
            r#"{"method":"limit","values":[5]}"#,
            r#"{"method":"limit","values":[6]}"#,
            r#"{"method":"cursorAfter","values":["abc"]}"#,
            r#"{"method":"select","values":["title"]}"#,
        ])
        .unwrap();
        assert_eq!(queries.conditions.len(), 2);
        assert_eq!(queries.limit, Some(5));
        assert_eq!(queries.orders, [("y".to_owned(), Direction::Descending)]);
        assert_eq!(queries.cursor, Some(Cursor::After("abc".into())));
        assert_eq!(queries.select, Some(vec!["title".to_owned()]));
    }

    #[test]
    fn refuses_what_is_no_query() {
        for text in [
            "",
            "{",
            "[]",
            "equal",
            r#"{"method":"nope","attribute":"a","values":[1]}"#,
            r#"{"method":"equal","attribute":"a","values":[]}"#,
            r#"{"method":"equal","attribute":"a","values":1}"#,
            r#"{"method":"equal","attribute":7,"values":[1]}"#,
            r#"{"method":"notEqual","attribute":"a","values":[1,2]}"#,
            r#"{"method":"between","attribute":"a","values":[1]}"#,
            r#"{"method":"limit","values":[-1]}"#,
            r#"{"method":"limit","values":["5"]}"#,
            r#"{"method":"offset","values":[-1]}"#,
            r#"{"method":"cursorAfter","values":["../x"]}"#,
            r#"{"method":"or","values":[{"method":"isNull","attribute":"x"}]}"#,
            r#"{"method":"select","values":[]}"#,
            r#"{"method":"equal","attribute":"a","values":[{"a":1}]}"#,
        ] {
            assert_eq!(parse(&[text]).unwrap_err().kind(), ErrorKind::GeneralQueryInvalid, "{text}");
        }
    }

    #[test]
    fn bounds_depth_length_and_number() {
        let leaf = r#"{"method":"isNull","attribute":"a"}"#.to_owned();
        let deep = (0..9).fold(leaf.clone(), |inner, _| format!(r#"{{"method":"or","values":[{inner},{leaf}]}}"#));
        assert!(parse(&[&deep]).is_err());
        assert!(parse(&[&"[".repeat(4000)]).is_err());
        assert!(parse(&[leaf.as_str(); 101]).is_err());
        let many = format!(r#"{{"method":"equal","attribute":"a","values":[{}1]}}"#, "1,".repeat(500));
        assert!(parse(&[&many]).is_err());
        let long = format!(r#"{{"method":"equal","attribute":"a","values":["{}"]}}"#, "x".repeat(4096));
        assert!(parse(&[&long]).is_err());
    }
}
