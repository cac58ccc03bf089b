//! Queries checked against the fields that a list offers.

use super::grammar::{Condition, Cursor, Direction, Method, Queries, of_parameter};
use super::linked::Link;
use super::pattern::Pattern;
use super::search::Search;
use super::{DEFAULT_LIMIT, MAX_TOTAL};
use crate::error::{Error, ErrorKind, Result};
use crate::time::Timestamp;
use crate::value::{Kind, Value};
use serde_json::Value as Json;
use std::borrow::Cow;

/// A field that callers may filter, sort and select by, and the column that holds it.
#[derive(Debug, Clone, PartialEq)]
pub struct Field {
    /// The name on the wire, such as `$createdAt` or `title`.
    pub attribute: Cow<'static, str>,
    /// The name in the database. Never a name that users chose.
    pub column: Cow<'static, str>,
    /// The kind of its values; of a list, that of its elements ([`Kind::Json`]: of any kind).
    pub kind: Kind,
    /// Whether a row may have none.
    pub nullable: bool,
    /// Whether it holds a list of values.
    pub array: bool,
    /// The name in the database of the fulltext index over it alone, where there is one.
    pub fulltext: Option<String>,
}

impl Field {
    /// A field of exactly one value that is always there.
    #[must_use]
    pub const fn required(attribute: &'static str, column: &'static str, kind: Kind) -> Self {
        Self::new(attribute, column, kind, false, false)
    }

    /// A field that nothing can be asked about: its values are kept encrypted.
    #[must_use]
    pub fn sealed(attribute: String) -> Self {
        Self { attribute: Cow::Owned(attribute), ..Self::required("", "", Kind::Text) }
    }

    fn is_sealed(&self) -> bool {
        self.column.is_empty()
    }

    /// A field that may be without a value.
    #[must_use]
    pub const fn optional(attribute: &'static str, column: &'static str, kind: Kind) -> Self {
        Self::new(attribute, column, kind, true, false)
    }

    /// A field that holds a list, which is always there, of elements of this kind.
    #[must_use]
    pub const fn list(attribute: &'static str, column: &'static str, kind: Kind) -> Self {
        Self::new(attribute, column, kind, false, true)
    }

    const fn new(attribute: &'static str, column: &'static str, kind: Kind, nullable: bool, array: bool) -> Self {
        let (attribute, column) = (Cow::Borrowed(attribute), Cow::Borrowed(column));
        Self { attribute, column, kind, nullable, array, fulltext: None }
    }
}

/// The fields that a list offers.
#[derive(Debug, Clone, Copy)]
pub struct Fields<'f> {
    /// What may be filtered and sorted by.
    pub fields: &'f [Field],
    /// The column that is unique, never empty and grows: what makes every order total, and the default order.
    pub sequence: &'f str,
}

impl<'f> Fields<'f> {
    fn find(&self, attribute: &str) -> Result<&'f Field> {
        let fault = match self.fields.iter().find(|field| field.attribute == attribute) {
            Some(field) if field.is_sealed() => "Cannot query encrypted attribute",
            Some(field) => return Ok(field),
            None => "Attribute not found in schema",
        };
        let message = format!("Invalid query: {fault}: {attribute}");
        Err(Error::new(ErrorKind::GeneralQueryInvalid).message(message))
    }
}

/// How a column is compared with values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operator {
    /// Equal to one of the values.
    Equal,
    /// Different from the value, and not empty.
    NotEqual,
    /// Less than the value.
    Less,
    /// Less than or equal to the value.
    LessOrEqual,
    /// Greater than the value.
    Greater,
    /// Greater than or equal to the value.
    GreaterOrEqual,
    /// Between the two values, both included.
    Between,
    /// Outside of the two values.
    NotBetween,
    /// Without a value.
    IsNull,
    /// With a value.
    IsNotNull,
    /// Text that starts with the value; case matters.
    StartsWith,
    /// Text that doesn't start with the value.
    NotStartsWith,
    /// Text that ends with the value.
    EndsWith,
    /// Text that doesn't end with the value.
    NotEndsWith,
    /// Text that contains one of the values as a part; or a list that contains one of them.
    Contains,
    /// None of what [`Operator::Contains`] says.
    NotContains,
    /// A list that contains each of the values.
    ContainsAll,
}

/// A condition on rows: columns exist, values have the column's kind.
#[derive(Debug, Clone, PartialEq)]
pub enum Filter {
    /// A column compared with values.
    Compare {
        /// The column's name in the database.
        column: String,
        /// Whether the column holds a list (JSON text) rather than one value.
        array: bool,
        /// How.
        operator: Operator,
        /// With what: as many as the operator wants, at least one where it wants any.
        values: Vec<Value>,
    },
    /// Linked to a row of another table that passes a filter; or to none.
    Linked {
        /// How to get there.
        link: Link,
        /// Whether there must be none.
        none: bool,
        /// What the row there must be like.
        filter: Box<Filter>,
    },
    /// Text in which a pattern is found.
    Matches {
        /// The column's name in the database.
        column: String,
        /// What is looked for.
        pattern: Pattern,
    },
    /// Text in which words are found, or aren't, by way of a fulltext index.
    Search {
        /// The column's name in the database.
        column: String,
        /// The index's.
        index: String,
        /// Whether rows are meant where they are *not* found, those without a text among them.
        negated: bool,
        /// What is looked for.
        words: Search,
    },
    /// A shape that lies in some way to another one. Storage can't tell: whoever asks it replaces this by a
    /// [`Filter::Numbered`] before.
    Shape {
        /// The column's name in the database.
        column: String,
        /// How, or how far.
        method: Method,
        /// The other shape as the wire has it; for distances `[shape, distance]` or `[shape, distance, in metres]`.
        given: Vec<Json>,
    },
    /// A column of numbers whose value is one of these; they may be very many.
    Numbered {
        /// The column's name in the database.
        column: String,
        /// Whether rows are meant whose value is *not* among them.
        negated: bool,
        /// The numbers.
        numbers: Vec<i64>,
    },
    /// All of these. None: everything passes.
    All(Vec<Filter>),
    /// One of these at least. None: nothing passes.
    Any(Vec<Filter>),
}

impl Filter {
    /// Whether shapes are compared somewhere in it.
    #[must_use]
    pub fn has_shapes(&self) -> bool {
        match self {
            Self::Shape { .. } => true,
            Self::All(parts) | Self::Any(parts) => parts.iter().any(Self::has_shapes),
            Self::Linked { filter, .. } => filter.has_shapes(),
            Self::Compare { .. } | Self::Matches { .. } | Self::Search { .. } | Self::Numbered { .. } => false,
        }
    }
}

/// One step of an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// The wire's name, for errors.
    pub attribute: String,
    /// The column's name in the database.
    pub column: String,
    /// The kind of the column.
    pub kind: Kind,
    /// Whether the column may be empty.
    pub nullable: bool,
    /// Which way.
    pub direction: Direction,
}

/// What a list is asked for, ready for storage.
#[derive(Debug, Clone, PartialEq)]
pub struct Selection {
    /// Which rows.
    pub filter: Filter,
    /// In which order; the last step is always the sequence, so that the order is total.
    pub order: Vec<Order>,
    /// Whether the order is random ([`Selection::order`] is empty then).
    pub random: bool,
    /// How many at the most.
    pub limit: i64,
    /// How many are skipped.
    pub offset: i64,
    /// Where the page starts.
    pub cursor: Option<Cursor>,
    /// The attributes to answer with; none: all of them.
    pub select: Option<Vec<String>>,
    /// How far the total is counted; 0 when the caller wants none.
    pub count_up_to: i64,
}

impl Queries {
    /// Checks every name and value against the fields that the list offers.
    ///
    /// # Errors
    /// [`ErrorKind::GeneralQueryInvalid`] names the attribute or value that doesn't fit.
    pub fn resolve(&self, fields: Fields<'_>) -> Result<Selection> {
        let filter = Filter::All(self.conditions.iter().map(|c| condition(c, fields)).collect::<Result<_>>()?);
        let mut order = Vec::with_capacity(self.orders.len() + 1);
        for (attribute, direction) in &self.orders {
            let attribute = if attribute.is_empty() { "$sequence" } else { attribute };
            let field = match fields.find(attribute) {
                // (A column's own name may have dots.)
                Err(_)
                    if attribute.contains('.') && !fields.fields.iter().any(|field| field.attribute == attribute) =>
                {
                    return Err(invalid(format!("Cannot order by nested attribute: {attribute}")));
                }
                found => found?,
            };
            if field.array {
                return Err(invalid(format!("Cannot order by array attribute: {attribute}")));
            }
            if field.kind == Kind::Shape {
                return Err(invalid(format!("Cannot order by spatial attribute: {attribute}")));
            }
            order.push(Order {
                attribute: attribute.to_owned(),
                column: field.column.to_string(),
                kind: field.kind,
                nullable: field.nullable,
                direction: *direction,
            });
        }
        if !self.random && !order.iter().any(|step| step.column == fields.sequence) {
            order.push(Order {
                attribute: "$sequence".to_owned(),
                column: fields.sequence.to_owned(),
                kind: Kind::Integer,
                nullable: false,
                direction: order.last().map_or(Direction::Ascending, |step| step.direction),
            });
        }
        Ok(Selection {
            filter,
            order,
            random: self.random,
            limit: self.limit.unwrap_or(DEFAULT_LIMIT),
            offset: self.offset.unwrap_or(0),
            cursor: self.cursor.clone(),
            select: self.select.clone(),
            count_up_to: MAX_TOTAL,
        })
    }

    /// The same for lists of everything but rows.
    ///
    /// # Errors
    /// [`ErrorKind::GeneralArgumentInvalid`] about `queries`.
    pub fn resolve_whole(&self, fields: Fields<'_>) -> Result<Selection> {
        self.resolve(fields).map_err(of_parameter)
    }
}

impl Selection {
    /// The same, counted only if somebody wants to know how many there are in all.
    #[must_use]
    pub fn counted(self, total: bool) -> Self {
        Self { count_up_to: if total { self.count_up_to } else { 0 }, ..self }
    }
}

impl Condition {
    /// Checks every name and value against the fields of a table.
    ///
    /// # Errors
    /// [`ErrorKind::GeneralQueryInvalid`] names the attribute or value that doesn't fit.
    pub fn resolve(&self, fields: Fields<'_>) -> Result<Filter> {
        condition(self, fields)
    }
}

fn condition(condition: &Condition, fields: Fields<'_>) -> Result<Filter> {
    match condition {
        Condition::And(parts) => {
            Ok(Filter::All(parts.iter().map(|c| self::condition(c, fields)).collect::<Result<_>>()?))
        }
        Condition::Or(parts) => {
            Ok(Filter::Any(parts.iter().map(|c| self::condition(c, fields)).collect::<Result<_>>()?))
        }
        Condition::Compare { method, attribute, values } => compare(*method, fields.find(attribute)?, values),
        Condition::Principal(filter) => Ok(filter.clone()),
        Condition::List { method, attribute, list } => {
            let field = fields.find(attribute)?;
            if field.kind == Kind::Shape {
                return shape(*method, field, list);
            }
            // What a list holds is compared value by value; a list within the values is one more level of values.
            if method.is_spatial() {
                return compare(*method, field, &[]);
            }
            method.takes(attribute, list)?;
            compare(*method, field, list)
        }
    }
}

/// A shape compared with another one.
fn shape(method: Method, field: &Field, list: &[Json]) -> Result<Filter> {
    let fits = matches!(method, Method::Equal | Method::NotEqual | Method::Contains | Method::NotContains);
    if !fits && !method.is_spatial() {
        let (method, attribute) = (method.name(), &field.attribute);
        return Err(invalid(format!("Cannot query {method} on attribute \"{attribute}\" because it is spatial.")));
    }
    Ok(Filter::Shape { column: field.column.to_string(), method, given: list.to_vec() })
}

fn compare(method: Method, field: &Field, values: &[Json]) -> Result<Filter> {
    check_fit(method, field)?;
    let values: Vec<Value> = values.iter().map(|value| typed(value, field)).collect::<Result<_>>()?;
    let column = || field.column.to_string();
    let with = |operator, values| Filter::Compare { column: column(), array: field.array, operator, values };
    let operator = match method {
        Method::Equal => Operator::Equal,
        Method::NotEqual => Operator::NotEqual,
        Method::LessThan => Operator::Less,
        Method::LessThanEqual => Operator::LessOrEqual,
        Method::GreaterThan => Operator::Greater,
        Method::GreaterThanEqual => Operator::GreaterOrEqual,
        Method::Between => Operator::Between,
        Method::NotBetween => Operator::NotBetween,
        Method::IsNull => Operator::IsNull,
        Method::IsNotNull => Operator::IsNotNull,
        Method::StartsWith => Operator::StartsWith,
        Method::NotStartsWith => Operator::NotStartsWith,
        Method::EndsWith => Operator::EndsWith,
        Method::NotEndsWith => Operator::NotEndsWith,
        Method::Contains | Method::ContainsAny => Operator::Contains,
        Method::NotContains => Operator::NotContains,
        Method::ContainsAll if field.array => Operator::ContainsAll,
        Method::ContainsAll => {
            let each = values.into_iter().map(|value| with(Operator::Contains, vec![value]));
            return Ok(Filter::All(each.collect()));
        }
        Method::Regex => {
            let fault = |fault| invalid(format!("Invalid regex for attribute \"{}\": {fault}", field.attribute));
            let pattern = Pattern::parse(only_text(&values)).map_err(fault)?;
            return Ok(Filter::Matches { column: column(), pattern });
        }
        Method::Search | Method::NotSearch => {
            let index = field.fulltext.clone().ok_or_else(|| {
                invalid(format!("Searching by attribute \"{}\" requires a fulltext index.", field.attribute))
            })?;
            let words = Search::parse(only_text(&values));
            return Ok(Filter::Search { column: column(), index, negated: method == Method::NotSearch, words });
        }
        spatial => {
            let (method, attribute) = (spatial.name(), &field.attribute);
            let message = format!("Spatial query \"{method}\" cannot be applied on non-spatial attribute: {attribute}");
            return Err(invalid(message));
        }
    };
    Ok(with(operator, values))
}

/// Refuses a method that isn't for fields of this kind, in the words that clients know.
fn check_fit(method: Method, field: &Field) -> Result<()> {
    let on_parts = match method {
        Method::Contains | Method::ContainsAny | Method::ContainsAll => Some("contains"),
        Method::NotContains => Some("notContains"),
        _ => None,
    };
    let on_text = matches!(
        method,
        Method::StartsWith
            | Method::NotStartsWith
            | Method::EndsWith
            | Method::NotEndsWith
            | Method::Search
            | Method::NotSearch
            | Method::Regex
    );
    let on_presence = matches!(method, Method::IsNull | Method::IsNotNull);
    if field.kind == Kind::Shape && !on_presence {
        return Err(invalid("Spatial data must be an array"));
    }
    let (name, fault) = match (field.array, on_parts) {
        (true, None) if !on_presence => (method.name(), "an array"),
        (false, Some(name)) if field.kind != Kind::Text => (name, "not an array, string, or object"),
        (false, None) if on_text && field.kind != Kind::Text => (method.name(), "not a string"),
        _ => return Ok(()),
    };
    Err(invalid(format!("Cannot query {name} on attribute \"{}\" because it is {fault}.", field.attribute)))
}

/// The one value of a method that takes a text, and whose field holds texts.
fn only_text(values: &[Value]) -> &str {
    match values {
        [Value::Text(text)] => text,
        _ => "",
    }
}

/// A value of the wire as the kind that the field holds. Nothing is guessed: a number isn't a text and vice versa.
fn typed(value: &Json, field: &Field) -> Result<Value> {
    let fits = match (field.kind, value) {
        (Kind::Text, Json::String(text)) => Some(Value::Text(text.clone())),
        (Kind::Integer, Json::Number(number)) => number.as_i64().map(Value::Integer).or_else(|| {
            // The official SDKs of languages with one kind of number send 5.0 for 5.
            number.as_f64().filter(|n| n.fract() == 0.0 && n.abs() < 9.0e15).map(|n| Value::Integer(n as i64))
        }),
        // `$sequence` is a number that the wire shows as text.
        (Kind::Integer, Json::String(text)) if field.attribute == "$sequence" => text.parse().ok().map(Value::Integer),
        (Kind::Float, Json::Number(number)) => number.as_f64().map(Value::Float),
        (Kind::Boolean, Json::Bool(flag)) => Some(Value::Boolean(*flag)),
        // Within a list they are kept as they are answered.
        (Kind::Datetime, Json::String(text)) if field.array => {
            Timestamp::parse(text).map(|moment| Value::Text(moment.to_string()))
        }
        (Kind::Datetime, Json::String(text)) => Timestamp::parse(text).map(|t| Value::Datetime(t.millis())),
        // The elements of a list are compared as what they are.
        (Kind::Json, Json::String(text)) => Some(Value::Text(text.clone())),
        (Kind::Json, Json::Number(number)) => {
            number.as_i64().map(Value::Integer).or_else(|| number.as_f64().map(Value::Float))
        }
        (Kind::Json, Json::Bool(flag)) => Some(Value::Boolean(*flag)),
        _ => None,
    };
    // No text holds a NUL, and PostgreSQL can't even be asked for one.
    let fits = fits.filter(|value| !matches!(value, Value::Text(text) if text.contains('\0')));
    fits.ok_or_else(|| invalid(format!("Query value is invalid for attribute \"{}\"", field.attribute)))
}

fn invalid(message: impl std::fmt::Display) -> Error {
    Error::new(ErrorKind::GeneralQueryInvalid).message(format!("Invalid query: {message}"))
}
