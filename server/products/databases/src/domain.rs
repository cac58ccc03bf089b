//! What values a column takes: its type, and the rule of that type.

use floe_gateway::param::Email;
use floe_geometry::Shape;
use floe_kernel::range::range_rule;
use floe_kernel::time::Timestamp;
use floe_kernel::value::{Kind, Value};
use serde_json::{Map, Number, Value as Json, json};
use std::net::IpAddr;

/// The most characters of an email address, a URL, an IP address and an element of an enum: what their columns say of
/// their size, and what an index over them counts.
const EMAIL_SIZE: i64 = 254;
const URL_SIZE: i64 = 2000;
const IP_SIZE: i64 = 39;
const ELEMENT_SIZE: i64 = 255;

/// The largest size of a `string`.
pub(crate) const MAX_STRING: i64 = 1_073_741_824;
/// The largest size of a `varchar`.
pub(crate) const MAX_VARCHAR: i64 = 16_381;

/// What a row holds, in bytes, of a value that is kept beside it. See [`Domain::width`].
pub(crate) const BESIDE: i64 = 20;

/// What the API calls a type of plain text, with the size of those that don't have one of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TextType {
    /// `string`, of any size.
    String,
    /// `varchar`, of a size.
    Varchar,
    /// `text`.
    Text,
    /// `mediumtext`.
    Mediumtext,
    /// `longtext`.
    Longtext,
}

impl TextType {
    const ALL: [Self; 5] = [Self::String, Self::Varchar, Self::Text, Self::Mediumtext, Self::Longtext];

    /// What the API calls it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::String => "string",
            Self::Varchar => "varchar",
            Self::Text => "text",
            Self::Mediumtext => "mediumtext",
            Self::Longtext => "longtext",
        }
    }

    /// The size of those that the caller doesn't give one.
    pub(crate) fn own_size(self) -> Option<i64> {
        match self {
            Self::String | Self::Varchar => None,
            Self::Text => Some(65_535),
            Self::Mediumtext => Some(16_777_215),
            Self::Longtext => Some(4_294_967_295),
        }
    }
}

/// Text of a form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// An email address.
    Email,
    /// A URL.
    Url,
    /// An IP address of either version.
    Ip,
}

/// What values a column takes.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Domain {
    /// Text of so many characters at the most.
    Text {
        /// What the API calls it.
        of: TextType,
        /// So many.
        size: i64,
    },
    /// Text of a form.
    Form(Form),
    /// One of these texts.
    Enum(Vec<String>),
    /// A whole number of this range.
    Integer {
        /// Whether the API calls it `bigint`.
        big: bool,
        /// The smallest.
        min: i64,
        /// The largest.
        max: i64,
    },
    /// A number of this range.
    Float {
        /// The smallest.
        min: f64,
        /// The largest.
        max: f64,
    },
    /// True or false.
    Boolean,
    /// A moment.
    Datetime,
    /// A point, a line or a polygon.
    Shape(floe_geometry::Form),
}

impl Domain {
    /// The type, as the API calls it.
    pub(crate) fn type_name(&self) -> &'static str {
        match self {
            Self::Text { of, .. } => of.name(),
            Self::Form(_) | Self::Enum(_) => "string",
            Self::Integer { big: false, .. } => "integer",
            Self::Integer { big: true, .. } => "bigint",
            Self::Float { .. } => "double",
            Self::Boolean => "boolean",
            Self::Datetime => "datetime",
            Self::Shape(form) => form.name(),
        }
    }

    /// The format, where the type alone doesn't say it.
    pub(crate) fn format(&self) -> &'static str {
        match self {
            Self::Form(Form::Email) => "email",
            Self::Form(Form::Url) => "url",
            Self::Form(Form::Ip) => "ip",
            Self::Enum(_) => "enum",
            Self::Text { .. } | Self::Integer { .. } | Self::Float { .. } => "",
            Self::Boolean | Self::Datetime | Self::Shape(_) => "",
        }
    }

    /// How many characters at the most; 0 for what isn't text.
    pub(crate) fn size(&self) -> i64 {
        match self {
            Self::Text { size, .. } => *size,
            Self::Form(Form::Email) => EMAIL_SIZE,
            Self::Form(Form::Url) => URL_SIZE,
            Self::Form(Form::Ip) => IP_SIZE,
            Self::Enum(_) => ELEMENT_SIZE,
            Self::Integer { .. } | Self::Float { .. } | Self::Boolean | Self::Datetime | Self::Shape(_) => 0,
        }
    }

    /// How many bytes of a row one such value takes, as Appwrite counts (as MariaDB keeps them, whatever keeps them here).
    pub(crate) fn width(&self) -> i64 {
        match self {
            Self::Text { of: TextType::Text | TextType::Mediumtext | TextType::Longtext, .. } => BESIDE,
            Self::Text { of: TextType::String, size } if *size > MAX_VARCHAR => BESIDE,
            Self::Text { .. } | Self::Form(_) | Self::Enum(_) => {
                self.size() * 4 + if self.size() > 255 { 2 } else { 1 }
            }
            Self::Integer { big: false, max, .. } if *max <= i64::from(i32::MAX) => 4,
            Self::Integer { .. } | Self::Float { .. } => 8,
            Self::Boolean => 1,
            Self::Datetime => 7,
            Self::Shape(_) => BESIDE,
        }
    }

    /// What a column of one such value is in the database.
    pub(crate) fn kind(&self) -> Kind {
        match self {
            Self::Text { .. } | Self::Form(_) | Self::Enum(_) => Kind::Text,
            Self::Integer { .. } => Kind::Integer,
            Self::Float { .. } => Kind::Float,
            Self::Boolean => Kind::Boolean,
            Self::Datetime => Kind::Datetime,
            Self::Shape(_) => Kind::Shape,
        }
    }

    /// What is kept beside type, format and size.
    pub(crate) fn rules(&self) -> Json {
        match self {
            Self::Enum(elements) => json!({"elements": elements}),
            Self::Integer { min, max, .. } => json!({"min": min, "max": max}),
            Self::Float { min, max } => json!({"min": min, "max": max}),
            Self::Text { .. } | Self::Form(_) | Self::Boolean | Self::Datetime | Self::Shape(_) => json!({}),
        }
    }

    /// What was kept, read again. `None` for what we never write.
    pub(crate) fn stored(type_name: &str, format: &str, size: i64, rules: &Json) -> Option<Self> {
        let texts = |list: &Json| -> Option<Vec<String>> {
            list.as_array()?.iter().map(|text| text.as_str().map(str::to_owned)).collect()
        };
        Some(match (type_name, format) {
            (_, "email") => Self::Form(Form::Email),
            (_, "url") => Self::Form(Form::Url),
            (_, "ip") => Self::Form(Form::Ip),
            (_, "enum") => Self::Enum(texts(&rules["elements"])?),
            ("integer" | "bigint", _) => {
                Self::Integer { big: type_name == "bigint", min: rules["min"].as_i64()?, max: rules["max"].as_i64()? }
            }
            ("double", _) => Self::Float { min: rules["min"].as_f64()?, max: rules["max"].as_f64()? },
            ("boolean", _) => Self::Boolean,
            ("datetime", _) => Self::Datetime,
            (name, _) => match shape_form(name) {
                Some(form) => Self::Shape(form),
                None => Self::Text { of: TextType::ALL.into_iter().find(|of| of.name() == name)?, size },
            },
        })
    }

    /// Adds what the API's model of such a column has beside the fields that every column has.
    pub(crate) fn describe(&self, model: &mut Map<String, Json>) {
        match self {
            Self::Text { of: TextType::String | TextType::Varchar, size } => {
                model.insert("size".into(), (*size).into());
                model.insert("encrypt".into(), false.into());
            }
            Self::Text { .. } => drop(model.insert("encrypt".into(), false.into())),
            Self::Form(_) => drop(model.insert("format".into(), self.format().into())),
            Self::Enum(elements) => {
                model.insert("elements".into(), elements.as_slice().into());
                model.insert("format".into(), self.format().into());
            }
            Self::Integer { min, max, .. } => {
                model.insert("min".into(), (*min).into());
                model.insert("max".into(), (*max).into());
            }
            Self::Float { min, max } => {
                model.insert("min".into(), (*min).into());
                model.insert("max".into(), (*max).into());
            }
            Self::Boolean | Self::Shape(_) => {}
            Self::Datetime => drop(model.insert("format".into(), "datetime".into())),
        }
    }

    /// Whether a value that breaks the rule has a wrong "format" or a wrong "type": clients match on these texts.
    pub(crate) fn fault(&self) -> &'static str {
        match self {
            Self::Form(_) | Self::Enum(_) | Self::Integer { .. } | Self::Float { .. } => "format",
            Self::Text { .. } | Self::Boolean | Self::Datetime | Self::Shape(_) => "type",
        }
    }

    /// Reads one value of the wire.
    ///
    /// # Errors
    /// The rule that it breaks, in the words that clients know.
    pub(crate) fn accept(&self, json: &Json) -> Result<Value, String> {
        let value = match (self, json) {
            (Self::Boolean, Json::Bool(flag)) => Some(Value::Boolean(*flag)),
            (Self::Integer { .. }, Json::Number(number)) => return self.integer(number),
            (Self::Float { min, max }, Json::Number(number)) => {
                let number = number.as_f64().filter(|number| (*min..=*max).contains(number));
                return number.map(Value::Float).ok_or_else(|| range_rule(decimal(*min), decimal(*max)));
            }
            (Self::Datetime, Json::String(text)) => {
                Timestamp::parse(text).map(|moment| Value::Datetime(moment.millis()))
            }
            (Self::Shape(form), _) => return Shape::read(*form, json).map(|shape| Value::Json(shape.text(json))),
            (_, Json::String(text)) if self.allows(text) => Some(Value::Text(text.clone())),
            _ => None,
        };
        value.ok_or_else(|| self.rule(json))
    }

    fn integer(&self, number: &Number) -> Result<Value, String> {
        let Self::Integer { min, max, .. } = self else { return Err(self.rule(&Json::Null)) };
        // Languages with one kind of number send 5.0 for 5.
        let whole = || number.as_f64().filter(|n| n.fract() == 0.0 && n.abs() < 9.0e15).map(|n| n as i64);
        let number = number.as_i64().or_else(whole).ok_or_else(|| self.rule(&Json::Null))?;
        if (*min..=*max).contains(&number) {
            return Ok(Value::Integer(number));
        }
        Err(range_rule(min, max))
    }

    /// Whether this text is one of the domain. A NUL is in no text: PostgreSQL couldn't keep it.
    fn allows(&self, text: &str) -> bool {
        let fits = fits(text, self.size());
        fits && !text.contains('\0')
            && match self {
                Self::Text { .. } => true,
                Self::Form(Form::Email) => Email::parse(text).is_some() && text.trim() == text,
                Self::Form(Form::Url) => is_url(text),
                Self::Form(Form::Ip) => text.parse::<IpAddr>().is_ok(),
                Self::Enum(elements) => elements.iter().any(|element| element == text),
                Self::Integer { .. } | Self::Float { .. } | Self::Boolean | Self::Datetime | Self::Shape(_) => false,
            }
    }

    /// The rule, as a sentence. (Of two that a value breaks, the one that Appwrite names.)
    pub(crate) fn rule(&self, json: &Json) -> String {
        let is_short_text = json.as_str().is_some_and(|text| fits(text, self.size()));
        let of_text = || format!("Value must be a valid string and no longer than {} chars", self.size());
        match self {
            _ if json.as_str().is_some_and(|text| text.contains('\0')) => {
                "Value must not contain a NUL character".into()
            }
            Self::Text { .. } => of_text(),
            Self::Form(_) | Self::Enum(_) if !is_short_text => of_text(),
            Self::Form(Form::Email) => "Value must be a valid email address".into(),
            Self::Form(Form::Url) => "Value must be a valid URL".into(),
            Self::Form(Form::Ip) => "Value must be a valid IP address".into(),
            Self::Enum(elements) => format!("Value must be one of ({})", elements.join(", ")),
            Self::Integer { .. } => "Value must be a valid integer".into(),
            Self::Float { .. } => "Value must be a valid float".into(),
            Self::Boolean => "Value must be a valid boolean".into(),
            Self::Datetime => "Value must be valid date between 0000-01-01 00:00:00 and 9999-12-31 23:59:59.".into(),
            Self::Shape(form) => Shape::read(*form, json).err().unwrap_or_default(),
        }
    }
}

/// What shapes a type is for, if it is for shapes.
pub(crate) fn shape_form(type_name: &str) -> Option<floe_geometry::Form> {
    floe_geometry::Form::ALL.into_iter().find(|form| form.name() == type_name)
}

/// Whether a text has no more than so many characters.
fn fits(text: &str, size: i64) -> bool {
    let size = usize::try_from(size).unwrap_or(usize::MAX);
    text.len() <= size || text.chars().count() <= size
}

/// A scheme, `://` and a host; no white space and nothing that doesn't print.
fn is_url(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once("://") else { return false };
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
        && !host.is_empty()
        && text.chars().all(|c| !c.is_whitespace() && !c.is_control() && c != '\\')
}

fn decimal(number: f64) -> String {
    format!("{number:.0}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(size: i64) -> Domain {
        Domain::Text { of: TextType::String, size }
    }

    #[test]
    fn texts_are_counted_in_characters() {
        assert_eq!(text(2).accept(&json!("äö")), Ok(Value::Text("äö".into())));
        let rule = "Value must be a valid string and no longer than 2 chars";
        for value in [json!("abc"), json!(1), json!(null), json!([]), json!({})] {
            assert_eq!(text(2).accept(&value), Err(rule.to_owned()), "{value}");
        }
        let nul = "Value must not contain a NUL character";
        assert_eq!(text(2).accept(&json!("a\0")), Err(nul.to_owned()));
    }

    #[test]
    fn numbers_stay_in_their_range_and_of_their_kind() {
        let domain = Domain::Integer { big: false, min: 5, max: i64::MAX };
        assert_eq!(domain.accept(&json!(5.0)), Ok(Value::Integer(5)));
        assert_eq!(domain.accept(&json!("5")), Err("Value must be a valid integer".into()));
        let below = "Value must be a valid range between 5 and 9,223,372,036,854,775,807";
        assert_eq!(domain.accept(&json!(4)), Err(below.into()));
        let float = Domain::Float { min: -1.5, max: 1.5 };
        assert_eq!(float.accept(&json!(1)), Ok(Value::Float(1.0)));
        assert!(float.accept(&json!(2)).is_err() && float.accept(&json!(true)).is_err());
    }

    #[test]
    fn forms_are_checked() {
        let accepts = |domain: &Domain, value: &str| domain.accept(&json!(value)).is_ok();
        assert!(accepts(&Domain::Form(Form::Email), "a@b.co") && !accepts(&Domain::Form(Form::Email), "a@b"));
        assert!(accepts(&Domain::Form(Form::Ip), "::1") && !accepts(&Domain::Form(Form::Ip), "1.2.3"));
        assert!(accepts(&Domain::Form(Form::Url), "ftp://a/b") && !accepts(&Domain::Form(Form::Url), "javascript:1"));
        assert!(accepts(&Domain::Datetime, "2026-01-02") && !accepts(&Domain::Datetime, "soon"));
        let choice = Domain::Enum(vec!["a".into(), "b".into()]);
        assert_eq!(choice.accept(&json!("c")), Err("Value must be one of (a, b)".into()));
    }

    #[test]
    fn what_is_stored_comes_back() {
        let all = [
            text(7),
            Domain::Text { of: TextType::Longtext, size: 4_294_967_295 },
            Domain::Form(Form::Email),
            Domain::Form(Form::Url),
            Domain::Form(Form::Ip),
            Domain::Enum(vec!["a".into()]),
            Domain::Integer { big: false, min: i64::MIN, max: i64::MAX },
            Domain::Integer { big: true, min: 0, max: 1 },
            Domain::Float { min: f64::MIN, max: f64::MAX },
            Domain::Boolean,
            Domain::Datetime,
            Domain::Shape(floe_geometry::Form::Point),
            Domain::Shape(floe_geometry::Form::Line),
            Domain::Shape(floe_geometry::Form::Polygon),
        ];
        for domain in all {
            let rules: Json = serde_json::from_str(&domain.rules().to_string()).unwrap();
            let again = Domain::stored(domain.type_name(), domain.format(), domain.size(), &rules);
            assert_eq!(again, Some(domain));
        }
    }
}
