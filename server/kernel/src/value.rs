//! Typed values: what a column holds, and what a query compares it with.

/// What kind of value a column holds in the database.
///
/// These are the kinds of *storage*. What an API calls an email, an enum or a URL is text here; its format is checked
/// before it gets this far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Unicode text.
    Text,
    /// A signed 64-bit whole number.
    Integer,
    /// A 64-bit binary floating-point number.
    Float,
    /// True or false.
    Boolean,
    /// A moment, in milliseconds since 1970-01-01T00:00:00Z ([`crate::time::Timestamp`]).
    Datetime,
    /// A JSON document, kept as its text.
    Json,
    /// A point, a line or a polygon, kept as the text of its JSON ([`Value::Json`]).
    Shape,
}

/// One value of a [`Kind`], or the absence of one.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// See [`Kind::Text`].
    Text(String),
    /// See [`Kind::Integer`].
    Integer(i64),
    /// See [`Kind::Float`].
    Float(f64),
    /// See [`Kind::Boolean`].
    Boolean(bool),
    /// See [`Kind::Datetime`]; milliseconds since 1970-01-01T00:00:00Z.
    Datetime(i64),
    /// See [`Kind::Json`].
    Json(String),
    /// No value, in a column of this kind. (PostgreSQL wants to know the type of a NULL.)
    Null(Kind),
}

impl Value {
    /// The kind of column that this value fits.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self {
            Self::Text(_) => Kind::Text,
            Self::Integer(_) => Kind::Integer,
            Self::Float(_) => Kind::Float,
            Self::Boolean(_) => Kind::Boolean,
            Self::Datetime(_) => Kind::Datetime,
            Self::Json(_) => Kind::Json,
            Self::Null(kind) => *kind,
        }
    }

    /// Roughly how many bytes it takes where it is kept.
    #[must_use]
    pub fn bytes(&self) -> usize {
        match self {
            Self::Text(text) | Self::Json(text) => text.len(),
            Self::Null(_) => 0,
            Self::Integer(_) | Self::Float(_) | Self::Boolean(_) | Self::Datetime(_) => 8,
        }
    }

    /// Whether there is no value.
    #[must_use]
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null(_))
    }
}

/// A rectangle whose sides are parallel to the axes. What is on its edge is in it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BoundingBox {
    /// The smallest x.
    pub west: f64,
    /// The smallest y.
    pub south: f64,
    /// The largest x.
    pub east: f64,
    /// The largest y.
    pub north: f64,
}

impl BoundingBox {
    /// Whether the two have a place in common.
    #[must_use]
    pub fn meets(self, other: Self) -> bool {
        self.west <= other.east && other.west <= self.east && self.south <= other.north && other.south <= self.north
    }
}
