//! The grammar of queries: JSON of the wire in, conditions, orders and bounds out.

use super::resolve::Filter;
use super::{MAX_CONDITIONS, MAX_QUERIES, MAX_QUERY_DEPTH, MAX_QUERY_LENGTH, MAX_QUERY_VALUES, MAX_VALUES};
use crate::error::{Error, ErrorKind, Result, capitalized};
use crate::range::range_rule;
use serde_json::{Map, Value as Json};

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
    ContainsAll = "containsAll", 1..=MAX_QUERY_VALUES;
    Search = "search", 1..=1;
    NotSearch = "notSearch", 1..=1;
    Regex = "regex", 1..=1;
    Crosses = "crosses", 1..=1;
    NotCrosses = "notCrosses", 1..=1;
    DistanceEqual = "distanceEqual", 1..=1;
    DistanceNotEqual = "distanceNotEqual", 1..=1;
    DistanceGreaterThan = "distanceGreaterThan", 1..=1;
    DistanceLessThan = "distanceLessThan", 1..=1;
    Intersects = "intersects", 1..=1;
    NotIntersects = "notIntersects", 1..=1;
    Overlaps = "overlaps", 1..=1;
    NotOverlaps = "notOverlaps", 1..=1;
    Touches = "touches", 1..=1;
    NotTouches = "notTouches", 1..=1;
}

impl Method {
    /// Refuses values that are too many, too few, or no texts, numbers or booleans.
    pub(super) fn takes(self, attribute: &str, values: &[Json]) -> Result<()> {
        let arity = self.arity();
        if !arity.contains(&values.len()) {
            return Err(invalid(format!("{} queries require {}.", capitalized(self.name()), described(&arity))));
        }
        if values.iter().any(|value| value.is_object() || value.is_array() || value.is_null()) {
            return Err(invalid(format!("Query value is invalid for attribute \"{attribute}\"")));
        }
        Ok(())
    }

    /// Whether it is only for attributes that hold shapes.
    #[must_use]
    pub fn is_spatial(self) -> bool {
        use Method::*;
        let is_relation = matches!(
            self,
            Crosses | NotCrosses | Intersects | NotIntersects | Overlaps | NotOverlaps | Touches | NotTouches
        );
        is_relation || matches!(self, DistanceEqual | DistanceNotEqual | DistanceGreaterThan | DistanceLessThan)
    }
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
    /// An attribute compared with one list: a shape, where the attribute holds shapes; elsewhere as many values.
    List {
        /// How.
        method: Method,
        /// What.
        attribute: String,
        /// With what.
        list: Vec<Json>,
    },
    /// All of these.
    And(Vec<Condition>),
    /// One of these, two at least.
    Or(Vec<Condition>),
    /// One that whoever knows more than the fields of a list has checked already. Never parsed.
    Principal(Filter),
}

impl Condition {
    /// The same, about another attribute.
    #[must_use]
    pub fn about(&self, attribute: &str) -> Self {
        let mut same = self.clone();
        if let Self::Compare { attribute: of, .. } | Self::List { attribute: of, .. } = &mut same {
            attribute.clone_into(of);
        }
        same
    }
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
struct Wire {
    method: String,
    attribute: String,
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
        let (mut queries, mut left) = (Self::default(), Budget::default());
        for text in texts {
            let text = text.as_ref();
            if text.chars().count() > MAX_QUERY_LENGTH {
                return Err(Error::invalid(
                    "queries",
                    format!("Value must be a valid string and at most {MAX_QUERY_LENGTH} chars"),
                ));
            }
            queries.add(Wire::parse(text)?, &mut left)?;
        }
        Ok(queries)
    }

    /// The same for lists of everything but rows, which are answered whole: `select` is none of their methods.
    ///
    /// # Errors
    /// [`ErrorKind::GeneralArgumentInvalid`] about `queries`.
    pub fn parse_whole<S: AsRef<str>>(texts: &[S]) -> Result<Self> {
        let queries = Self::parse(texts).map_err(of_parameter)?;
        match queries.select {
            Some(_) => Err(Error::invalid("queries", "Invalid query method: select")),
            None => Ok(queries),
        }
    }

    fn add(&mut self, wire: Wire, left: &mut Budget) -> Result<()> {
        match wire.method.as_str() {
            "select" => {
                let names = strings(&wire)?;
                if names.is_empty() {
                    return Err(invalid("select wants at least one attribute"));
                }
                self.select.get_or_insert_default().extend(names);
            }
            "orderAsc" => self.orders.push((wire.attribute, Direction::Ascending)),
            "orderDesc" => self.orders.push((wire.attribute, Direction::Descending)),
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
            _ => self.conditions.push(condition(wire, 1, left)?),
        }
        Ok(())
    }
}

impl Wire {
    fn parse(text: &str) -> Result<Self> {
        Self::read(serde_json::from_str(text).map_err(|_| invalid("Syntax error"))?)
    }

    /// Reads its parts; those that aren't there are empty.
    fn read(json: Json) -> Result<Self> {
        let mut map = match json {
            Json::Object(map) => map,
            // To PHP, a map without anything in it.
            Json::Array(_) => Map::new(),
            other => return Err(mistyped("", "an array", &other)),
        };
        let mut text = |name: &'static str| match map.remove(name) {
            None | Some(Json::Null) => Ok(String::new()),
            Some(Json::String(text)) => Ok(text),
            Some(other) => Err(mistyped(name, "a string", &other)),
        };
        let (method, attribute) = (text("method")?, text("attribute")?);
        let values = match map.remove("values") {
            None | Some(Json::Null) => Vec::new(),
            Some(Json::Array(values)) => values,
            Some(other) => return Err(mistyped("values", "an array", &other)),
        };
        Ok(Self { method, attribute, values })
    }
}

/// A query, or a part of one, that is of another type than it must be, in Appwrite's words.
fn mistyped(part: &'static str, wanted: &str, got: &Json) -> Error {
    let got = match got {
        Json::Null => "NULL",
        Json::Bool(_) => "boolean",
        Json::Number(number) if number.is_f64() => "double",
        Json::Number(_) => "integer",
        Json::String(_) => "string",
        Json::Array(_) | Json::Object(_) => "array",
    };
    let space = if part.is_empty() { "" } else { " " };
    let message = format!("Invalid query{space}{part}. Must be {wanted}, got {got}");
    Error::new(ErrorKind::GeneralQueryInvalid).message(message).field("queries")
}

/// What the queries of one request may still hold, nested ones unpacked.
struct Budget {
    conditions: usize,
    values: usize,
}

impl Default for Budget {
    fn default() -> Self {
        Self { conditions: MAX_CONDITIONS, values: MAX_VALUES }
    }
}

impl Budget {
    fn take(&mut self, conditions: usize, values: usize) -> Result<()> {
        let left = (self.conditions.checked_sub(conditions), self.values.checked_sub(values));
        let (Some(conditions), Some(values)) = left else {
            return Err(invalid(format!("at most {MAX_CONDITIONS} conditions with {MAX_VALUES} values in all")));
        };
        *self = Self { conditions, values };
        Ok(())
    }
}

fn condition(wire: Wire, depth: usize, left: &mut Budget) -> Result<Condition> {
    match wire.method.as_str() {
        "and" | "or" => return nested(wire, depth, left),
        "exists" | "notExists" => return presence(&wire, left),
        "elemMatch" => return Err(invalid("elemMatch is not supported by the database")),
        "vectorDot" | "vectorCosine" | "vectorEuclidean" => {
            return Err(invalid("Vector queries can only be used on vector attributes"));
        }
        _ => {}
    }
    let method = Method::parse(&wire.method).ok_or_else(|| unknown(&wire.method, depth))?;
    let attribute = wire.attribute;
    let is_list = matches!(wire.values.as_slice(), [Json::Array(_)]);
    let values = match wire.values.as_slice() {
        [Json::Array(inner)] => inner.clone(),
        _ => wire.values,
    };
    // The points of a shape are one value; a query's length bounds them.
    if values.len() > MAX_QUERY_VALUES && !values.iter().all(Json::is_array) {
        let message = format!("Query on attribute has greater than {MAX_QUERY_VALUES} values: {attribute}");
        return Err(invalid(message));
    }
    left.take(1, values.len())?;
    if is_list {
        return Ok(Condition::List { method, attribute, list: values });
    }
    method.takes(&attribute, &values)?;
    Ok(Condition::Compare { method, attribute, values })
}

/// A method that is none, or none that a condition may have.
fn unknown(method: &str, depth: usize) -> Error {
    const NO_CONDITIONS: [&str; 8] =
        ["select", "limit", "offset", "orderAsc", "orderDesc", "orderRandom", "cursorAfter", "cursorBefore"];
    if depth > 1 && NO_CONDITIONS.contains(&method) {
        return invalid("And and or queries can only contain filter queries");
    }
    invalid(format!("Invalid query method: {method}"))
}

/// `exists` and `notExists`: the attributes stand where others have values.
fn presence(wire: &Wire, left: &mut Budget) -> Result<Condition> {
    if !wire.attribute.is_empty() || wire.values.len() > MAX_QUERY_VALUES {
        return Err(invalid(format!("{} takes up to {MAX_QUERY_VALUES} attributes as its values", wire.method)));
    }
    let names = strings(wire)?;
    if names.is_empty() {
        return Err(invalid(format!("{} queries require at least one value.", capitalized(&wire.method))));
    }
    left.take(names.len(), 0)?;
    let method = if wire.method == "exists" { Method::IsNotNull } else { Method::IsNull };
    let each = |attribute| Condition::Compare { method, attribute, values: Vec::new() };
    Ok(Condition::And(names.into_iter().map(each).collect()))
}

fn nested(wire: Wire, depth: usize, left: &mut Budget) -> Result<Condition> {
    if depth > MAX_QUERY_DEPTH {
        return Err(invalid(format!("and/or may be nested {MAX_QUERY_DEPTH} deep")));
    }
    if wire.values.len() < 2 {
        return Err(invalid(format!("{} queries require at least two queries", capitalized(&wire.method))));
    }
    left.take(1, 0)?;
    let parts = wire
        .values
        .into_iter()
        .map(|part| match part {
            // Some SDKs send nested queries as objects, some as their text.
            Json::String(text) => Wire::parse(&text),
            other => Wire::read(other),
        })
        .map(|part| condition(part?, depth + 1, left))
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
        [Json::Number(number)] => number
            .as_i64()
            .filter(|n| *n >= least)
            .ok_or_else(|| invalid(format!("Invalid {}: {}", wire.method, range_rule(least, i64::MAX)))),
        _ => Err(invalid(format!("{} takes one number", wire.method))),
    }
}

fn cursor(wire: &Wire) -> Result<String> {
    match wire.values.as_slice() {
        [Json::String(id)] if crate::id::is_valid(id) => Ok(id.clone()),
        _ => Err(invalid("Invalid cursor")),
    }
}

fn described(arity: &std::ops::RangeInclusive<usize>) -> String {
    match (arity.start(), arity.end()) {
        (0, 0) => "no value".to_owned(),
        (1, 1) => "exactly one value".to_owned(),
        (2, 2) => "exactly two values".to_owned(),
        (1, _) => "at least one value".to_owned(),
        (least, most) => format!("{least} to {most} values"),
    }
}

fn invalid(message: impl std::fmt::Display) -> Error {
    Error::new(ErrorKind::GeneralQueryInvalid).message(format!("Invalid query: {message}")).field("queries")
}

/// A query that is refused, as lists of everything but rows say it: there it is the parameter that is wrong.
pub(super) fn of_parameter(error: Error) -> Error {
    if error.kind() != ErrorKind::GeneralQueryInvalid {
        return error;
    }
    let text = error.text();
    let inner = text.strip_prefix("Invalid query: ").filter(|inner| inner.starts_with("Invalid query"));
    Error::invalid("queries", inner.unwrap_or(text))
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
            r#"{"method":"equal","method":"isNull","attribute":"a","values":[1]}"#,
            r#"{"method":"equal","attribute":"a","values":[NaN]}"#,
            r#"{"method":"equal","attribute":"a","values":[1e999]}"#,
            r#"{"method":"limit","values":[99999999999999999999]}"#,
            r#"{"method":"exists","values":[]}"#,
            r#"{"method":"exists","attribute":"a","values":["b"]}"#,
            r#"{"method":"elemMatch","attribute":"a","values":[]}"#,
            r#"{"method":"vectorDot","attribute":"a","values":[[1,2]]}"#,
            r#"{"method":"search","attribute":"a","values":[]}"#,
            r#"{"method":"and","values":[{"method":"limit","values":[1]},{"method":"isNull","attribute":"x"}]}"#,
        ] {
            assert_eq!(parse(&[text]).unwrap_err().kind(), ErrorKind::GeneralQueryInvalid, "{text}");
        }
    }

    #[test]
    fn attributes_that_must_exist_are_one_condition_each() {
        let text = r#"{"method":"notExists","values":["a","b"]}"#;
        let each = |attribute: &str| Condition::Compare {
            method: Method::IsNull,
            attribute: attribute.to_owned(),
            values: vec![],
        };
        assert_eq!(parse(&[text]).unwrap().conditions, [Condition::And(vec![each("a"), each("b")])]);
    }

    /// SEC-061.
    #[test]
    fn bounds_what_is_nested_in_all() {
        let leaf = r#"{"method":"isNull","attribute":"a"}"#;
        let wide = |n: usize| format!(r#"{{"method":"or","values":[{}]}}"#, vec![leaf; n].join(","));
        assert!(parse(&[wide(99).as_str(); MAX_CONDITIONS / 100]).is_ok());
        assert!(parse(&[wide(100).as_str(); MAX_CONDITIONS / 100]).is_err());
        let many = format!(r#"{{"method":"equal","attribute":"a","values":[{}1]}}"#, "1,".repeat(499));
        assert!(parse(&vec![many.as_str(); MAX_VALUES / 500]).is_ok());
        assert!(parse(&vec![many.as_str(); MAX_VALUES / 500 + 1]).is_err());
        let mut quoted = leaf.to_owned();
        for _ in 0..3 {
            let inner = serde_json::Value::from(quoted);
            quoted = format!(r#"{{"method":"and","values":[{inner},{inner}]}}"#);
        }
        assert!(parse(&[&quoted]).is_ok(), "nested queries may be texts");
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
