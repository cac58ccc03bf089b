//! The types of parameters. Each knows its rule, and its values obey it.

use crate::input::{Param, Refusal};
use floe_kernel::id;
use floe_kernel::permission::{PermissionTarget as On, Permissions};
use floe_kernel::query::{MAX_QUERIES, MAX_QUERY_LENGTH, Queries as ParsedQueries};
use floe_kernel::range::range_rule;
use floe_kernel::secret::Secret;
use floe_kernel::time::Timestamp;
use serde_json::{Map, Value as Json, json};
use std::ops::Deref;

/// The most items of a list parameter, unless it says otherwise.
const MAX_ITEMS: usize = 100;
/// The most characters of one item of a list of texts.
const MAX_ITEM_LENGTH: usize = 4096;

fn text(value: Json, rule: impl FnOnce() -> Refusal) -> Result<String, Refusal> {
    match value {
        Json::String(text) => Ok(text),
        _ => Err(rule()),
    }
}

/// Implements what every type of text has in common.
macro_rules! textual {
    ($name:ident $(<$(const $generic:ident: $of:ty),*>)?) => {
        impl $(<$(const $generic: $of),*>)? Deref for $name $(<$($generic),*>)? {
            type Target = str;
            fn deref(&self) -> &str {
                &self.0
            }
        }

        impl $(<$(const $generic: $of),*>)? From<$name $(<$($generic),*>)?> for String {
            fn from(text: $name $(<$($generic),*>)?) -> Self {
                text.0
            }
        }
    };
}

/// A text of `MIN` to `MAX` characters.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Text<const MIN: usize, const MAX: usize>(String);
textual!(Text<const MIN: usize, const MAX: usize>);

impl<const MIN: usize, const MAX: usize> Param for Text<MIN, MAX> {
    fn read(value: Json) -> Result<Self, Refusal> {
        let rule = || match MIN {
            0 => format!("Value must be a valid string and no longer than {MAX} chars").into(),
            _ => format!("Value must be a valid string and at least {MIN} chars and no longer than {MAX} chars").into(),
        };
        let text = text(value, rule)?;
        let fits = (MIN..=MAX).contains(&text.chars().count()) && !text.contains('\0');
        fits.then_some(Self(text)).ok_or_else(rule)
    }

    fn schema() -> Json {
        json!({"type": "string", "minLength": MIN, "maxLength": MAX})
    }

    fn to_json(&self) -> Option<Json> {
        Some(self.0.as_str().into())
    }
}

/// The id of something that exists, or may exist.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Id(String);
textual!(Id);

const ID_RULE: &str = "UID must contain at most 36 chars. Valid chars are a-z, A-Z, 0-9, and underscore. Can't start with a leading underscore";

impl Param for Id {
    fn read(value: Json) -> Result<Self, Refusal> {
        let text = text(value, || ID_RULE.into())?;
        id::is_valid(&text).then_some(Self(text)).ok_or(ID_RULE.into())
    }

    fn schema() -> Json {
        json!({"type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9._-]{0,35}$"})
    }
}

/// The id of something new: the caller's own choice, or `unique()`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CustomId {
    /// The caller's choice.
    Chosen(String),
    /// One of our making.
    Unique,
}

const CUSTOM_ID_RULE: &str = "Parameter must contain at most 36 chars. Valid chars are a-z, A-Z, 0-9, period, hyphen, and underscore. Can't start with a special char";

impl CustomId {
    /// The id itself.
    #[must_use]
    pub fn or_make(self, now: Timestamp) -> String {
        match self {
            Self::Chosen(id) => id,
            Self::Unique => id::unique(now),
        }
    }
}

impl Param for CustomId {
    fn read(value: Json) -> Result<Self, Refusal> {
        let text = text(value, || CUSTOM_ID_RULE.into())?;
        if text == id::UNIQUE {
            return Ok(Self::Unique);
        }
        id::is_valid(&text).then_some(Self::Chosen(text)).ok_or(CUSTOM_ID_RULE.into())
    }

    fn schema() -> Json {
        json!({"type": "string", "description": "`unique()` asks for an id of the server's making.",
               "pattern": "^(unique\\(\\)|[A-Za-z0-9][A-Za-z0-9._-]{0,35})$"})
    }
}

/// An email address in its canonical form: trimmed, in lower case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Email(String);
textual!(Email);

impl Email {
    /// The one spelling in which an address is kept and compared, whichever a caller has used.
    #[must_use]
    pub fn canonical(text: &str) -> String {
        text.trim().to_lowercase()
    }

    /// Reads what the form of an address allows in practice: one `@`, a local part of RFC 5322 "atoms" (no quotes), and
    /// a host name with at least one dot.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = Self::canonical(text);
        let (local, host) = text.split_once('@')?;
        let atom = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+/=?^_`{|}~-".contains(&byte);
        let local_fits =
            (1..=64).contains(&local.len()) && local.split('.').all(|part| !part.is_empty() && part.bytes().all(atom));
        let label = |part: &str| {
            (1..=63).contains(&part.len())
                && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
                && !part.starts_with('-')
                && !part.ends_with('-')
        };
        let host_fits = host.len() <= 253 && host.contains('.') && host.split('.').all(label);
        (local_fits && host_fits && text.len() <= 320).then_some(Self(text))
    }
}

impl Param for Email {
    fn read(value: Json) -> Result<Self, Refusal> {
        const RULE: &str = "Value must be a valid email address";
        Self::parse(&text(value, || RULE.into())?).ok_or(RULE.into())
    }

    fn schema() -> Json {
        json!({"type": "string", "format": "email"})
    }
}

/// A phone number: `+` and up to fifteen digits, the first of them not 0 (E.164).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Phone(String);
textual!(Phone);

impl Param for Phone {
    fn read(value: Json) -> Result<Self, Refusal> {
        const RULE: &str = "Phone number must start with a '+' can have a maximum of fifteen digits.";
        let text = text(value, || RULE.into())?;
        let fits = text.strip_prefix('+').is_some_and(|digits| {
            (7..=15).contains(&digits.len())
                && !digits.starts_with('0')
                && digits.bytes().all(|byte| byte.is_ascii_digit())
        });
        fits.then_some(Self(text)).ok_or(RULE.into())
    }

    fn schema() -> Json {
        json!({"type": "string", "pattern": "^\\+[1-9][0-9]{6,14}$"})
    }
}

/// A new password: 8 to 256 characters.
#[derive(Debug, Clone)]
pub struct Password(Secret);

impl Password {
    /// The password itself.
    #[must_use]
    pub fn secret(&self) -> &Secret {
        &self.0
    }
}

impl Param for Password {
    fn read(value: Json) -> Result<Self, Refusal> {
        const RULE: &str =
            "Password must be between 8 and 256 characters long, and should not be one of the commonly used password.";
        let text = text(value, || RULE.into())?;
        let fits = (8..=256).contains(&text.chars().count()) && !text.contains('\0');
        fits.then(|| Self(Secret::new(text))).ok_or(RULE.into())
    }

    fn schema() -> Json {
        json!({"type": "string", "format": "password", "minLength": 8, "maxLength": 256})
    }
}

/// An absolute `http` or `https` URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Url(String);
textual!(Url);

impl Url {
    /// Whether this text is one: a scheme of ours, a host, no user info, no white space, no backslash.
    #[must_use]
    pub fn is_valid(text: &str) -> bool {
        let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
        rest.is_some_and(|rest| {
            let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
            let host = authority.split(':').next().unwrap_or_default();
            text.len() <= 2048
                && !authority.contains('@')
                && (authority.starts_with('[') || !host.is_empty())
                && text.chars().all(|c| !c.is_whitespace() && !c.is_control() && c != '\\')
        })
    }
}

impl Param for Url {
    fn read(value: Json) -> Result<Self, Refusal> {
        const RULE: &str = "Value must be a valid URL";
        let text = text(value, || RULE.into())?;
        Self::is_valid(&text).then_some(Self(text)).ok_or(RULE.into())
    }

    fn schema() -> Json {
        json!({"type": "string", "format": "uri"})
    }
}

impl Param for bool {
    fn read(value: Json) -> Result<Self, Refusal> {
        match value {
            Json::Bool(flag) => Ok(flag),
            // Texts, because that is all that a query can say.
            Json::String(text) if text == "true" || text == "1" => Ok(true),
            Json::String(text) if text == "false" || text == "0" => Ok(false),
            _ => Err("Value must be a valid boolean".into()),
        }
    }

    fn schema() -> Json {
        json!({"type": "boolean"})
    }

    fn to_json(&self) -> Option<Json> {
        Some((*self).into())
    }
}

/// A whole number of `MIN` to `MAX`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Int<const MIN: i64, const MAX: i64>(pub i64);

impl<const MIN: i64, const MAX: i64> Param for Int<MIN, MAX> {
    fn read(value: Json) -> Result<Self, Refusal> {
        i64::read(value).ok().filter(|n| (MIN..=MAX).contains(n)).map(Self).ok_or_else(|| range_rule(MIN, MAX).into())
    }

    fn schema() -> Json {
        json!({"type": "integer", "minimum": MIN, "maximum": MAX})
    }

    fn to_json(&self) -> Option<Json> {
        Some(self.0.into())
    }
}

impl Param for i64 {
    fn read(value: Json) -> Result<Self, Refusal> {
        let number = match &value {
            Json::Number(number) => number.as_i64().or_else(|| {
                // Languages with one kind of number send 5.0 for 5.
                number.as_f64().filter(|n| n.fract() == 0.0 && n.abs() < 9.0e15).map(|n| n as Self)
            }),
            Json::String(text) => text.parse().ok(),
            _ => None,
        };
        number.ok_or("Value must be a valid integer".into())
    }

    fn schema() -> Json {
        json!({"type": "integer"})
    }

    fn to_json(&self) -> Option<Json> {
        Some((*self).into())
    }
}

impl Param for f64 {
    fn read(value: Json) -> Result<Self, Refusal> {
        let number = match &value {
            Json::Number(number) => number.as_f64(),
            Json::String(text) => text.parse().ok(),
            _ => None,
        };
        number.filter(|n| n.is_finite()).ok_or("Value must be a valid float".into())
    }

    fn schema() -> Json {
        json!({"type": "number"})
    }

    fn to_json(&self) -> Option<Json> {
        Some((*self).into())
    }
}

/// A text without a rule of its own, but never longer than what a list's item may be.
impl Param for String {
    fn read(value: Json) -> Result<Self, Refusal> {
        Text::<0, MAX_ITEM_LENGTH>::read(value).map(Into::into)
    }

    fn schema() -> Json {
        Text::<0, MAX_ITEM_LENGTH>::schema()
    }

    fn to_json(&self) -> Option<Json> {
        Some(self.as_str().into())
    }
}

/// A list of `MAX` items at the most.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct List<T, const MAX: usize>(pub Vec<T>);

impl<T: Param, const MAX: usize> Param for List<T, MAX> {
    fn read(value: Json) -> Result<Self, Refusal> {
        let rule = || format!("Value must a valid array no longer than {MAX} items");
        match value {
            Json::Array(items) if items.len() <= MAX => items
                .into_iter()
                .map(|item| {
                    T::read(item).map_err(|inner| match inner {
                        Refusal::Rule(inner) => format!("{} and {inner}", rule()).into(),
                        error @ Refusal::Error(_) => error,
                    })
                })
                .collect::<Result<_, _>>()
                .map(Self),
            _ => Err(rule().into()),
        }
    }

    fn schema() -> Json {
        json!({"type": "array", "items": T::schema(), "maxItems": MAX})
    }

    fn to_json(&self) -> Option<Json> {
        self.0.iter().map(T::to_json).collect::<Option<_>>().map(Json::Array)
    }
}

impl<T: Param> Param for Vec<T> {
    fn read(value: Json) -> Result<Self, Refusal> {
        List::<T, MAX_ITEMS>::read(value).map(|list| list.0)
    }

    fn schema() -> Json {
        List::<T, MAX_ITEMS>::schema()
    }

    fn to_json(&self) -> Option<Json> {
        self.iter().map(T::to_json).collect::<Option<_>>().map(Json::Array)
    }
}

impl<T: Param> Param for Option<T> {
    fn read(value: Json) -> Result<Self, Refusal> {
        if value.is_null() { Ok(None) } else { T::read(value).map(Some) }
    }

    fn schema() -> Json {
        T::schema()
    }

    fn to_json(&self) -> Option<Json> {
        self.as_ref().and_then(T::to_json)
    }
}

/// A parameter that tells "set it to nothing" (null) from "leave it as it is" (not there).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Nullable<T> {
    /// It wasn't there.
    Absent,
    /// It was null.
    Null,
    /// It was this.
    Value(T),
}

impl<T> Nullable<T> {
    /// The value, if there was one.
    pub fn as_ref(&self) -> Option<&T> {
        match self {
            Self::Value(value) => Some(value),
            Self::Null | Self::Absent => None,
        }
    }
}

impl<T: Param> Param for Nullable<T> {
    const TAKES_NULL: bool = true;

    fn read(value: Json) -> Result<Self, Refusal> {
        if value.is_null() { Ok(Self::Null) } else { T::read(value).map(Self::Value) }
    }

    fn schema() -> Json {
        json!({"anyOf": [T::schema(), {"type": "null"}]})
    }
}

/// A parameter that may be left out, which some clients do by leaving it blank (`""`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blank<T>(pub Option<T>);

impl<T: Param> Param for Blank<T> {
    fn read(value: Json) -> Result<Self, Refusal> {
        if value.is_null() || value == "" { Ok(Self(None)) } else { T::read(value).map(|value| Self(Some(value))) }
    }

    fn schema() -> Json {
        T::schema()
    }
}

/// A JSON object.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Object(pub Map<String, Json>);

impl Param for Object {
    fn read(value: Json) -> Result<Self, Refusal> {
        const RULE: &str = "Value must be a valid object";
        match value {
            Json::Object(map) => Ok(Self(map)),
            // The SDKs of languages without plain objects send their text; PHP an empty list for an empty map.
            Json::String(text) => serde_json::from_str(&text).map(Self).map_err(|_| RULE.into()),
            Json::Array(items) if items.is_empty() => Ok(Self::default()),
            _ => Err(RULE.into()),
        }
    }

    fn schema() -> Json {
        json!({"type": "object", "additionalProperties": true})
    }
}

/// What apps keep for somebody, or for a team: an object of up to 64 KB as JSON.
#[derive(Debug, Clone, PartialEq)]
pub struct Prefs(pub Map<String, Json>);

impl Param for Prefs {
    fn read(value: Json) -> Result<Self, Refusal> {
        const MAX: usize = 65_535;
        let Object(prefs) = Object::read(value)?;
        let fits = serde_json::to_vec(&prefs).is_ok_and(|json| json.len() <= MAX);
        fits.then_some(Self(prefs))
            .ok_or_else(|| format!("Value must be a valid object and no longer than {MAX} bytes").into())
    }

    fn schema() -> Json {
        Object::schema()
    }
}

/// A moment.
impl Param for Timestamp {
    fn read(value: Json) -> Result<Self, Refusal> {
        const RULE: &str = "Value must be valid date in the format of ISO 8601";
        Self::parse(&text(value, || RULE.into())?).ok_or(RULE.into())
    }

    fn schema() -> Json {
        json!({"type": "string", "format": "date-time"})
    }
}

/// What `queries[]` of a list holds, as far as the grammar goes. Its items are answered whole: for lists of everything but rows.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Queries(pub ParsedQueries);

impl Param for Queries {
    fn read(value: Json) -> Result<Self, Refusal> {
        let texts = query_texts(&value)?;
        ParsedQueries::parse_whole(&texts).map(Self).map_err(|error| Refusal::Error(Box::new(error)))
    }

    fn schema() -> Json {
        json!({"type": "array", "items": {"type": "string", "maxLength": MAX_QUERY_LENGTH}, "maxItems": MAX_QUERIES})
    }
}

/// What `queries[]` of a list holds whose items can be answered in part (`select`): rows, and projects, as the console asks.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RowQueries(pub ParsedQueries);

impl Param for RowQueries {
    fn read(value: Json) -> Result<Self, Refusal> {
        let texts = query_texts(&value)?;
        ParsedQueries::parse(&texts).map(Self).map_err(|error| Refusal::Error(Box::new(error)))
    }

    fn schema() -> Json {
        Queries::schema()
    }
}

/// The texts of a list of queries. One alone, without the list, is none (as in Appwrite).
fn query_texts(value: &Json) -> Result<Vec<&str>, Refusal> {
    let rule = || format!("Value must a valid array no longer than {MAX_QUERIES} items");
    let item = || {
        let length =
            format!("Value must be a valid string and at least 1 chars and no longer than {MAX_QUERY_LENGTH} chars");
        format!("{} and {length}", rule()).into()
    };
    match value {
        Json::Array(items) if items.len() <= MAX_QUERIES => {
            items.iter().map(|text| text.as_str().ok_or_else(item)).collect()
        }
        Json::Array(_) => Err(rule().into()),
        _ => Err(item()),
    }
}

/// Permissions of a container: a table, a bucket.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ContainerPermissions(pub Permissions);

/// Permissions of an item: a row, a file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ItemPermissions(pub Permissions);

macro_rules! permissions {
    ($($name:ident: $on:expr;)*) => { $(
        impl Param for $name {
            fn read(value: Json) -> Result<Self, Refusal> {
                let texts = Vec::<String>::read(value)?;
                Permissions::parse(&texts, $on).map(Self).map_err(|error| Refusal::Error(Box::new(error)))
            }

            fn schema() -> Json {
                json!({"type": "array", "items": {"type": "string"}, "maxItems": floe_kernel::permission::MAX_PERMISSIONS,
                       "description": "Such as `read(\"any\")` or `update(\"user:<id>\")`."})
            }
        }
    )* };
}

permissions! {
    ContainerPermissions: On::Container;
    ItemPermissions: On::Item;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn emails_have_one_canonical_form() {
        assert_eq!(&*Email::parse(" Ada@Example.ORG ").unwrap(), "ada@example.org");
        for text in [
            "",
            "a",
            "@b.c",
            "a@",
            "a@b",
            "a b@c.de",
            "a@b..c",
            "a@-b.c",
            "a@b.c-",
            "\"a\"@b.c",
            "a\0@b.c",
            "a@b@c.de",
            "ä@b.c",
        ] {
            assert_eq!(Email::parse(text), None, "{text}");
        }
    }

    #[test]
    fn urls_have_a_host_and_no_tricks() {
        for text in ["https://example.org", "http://localhost:3000/x?y#z", "http://[::1]/"] {
            assert!(Url::is_valid(text), "{text}");
        }
        for text in [
            "",
            "//evil",
            "ftp://x",
            "https://",
            "https://user@evil",
            "https://good\\@evil",
            "javascript:alert(1)",
            "https://a b",
        ] {
            assert!(!Url::is_valid(text), "{text}");
        }
    }

    #[test]
    fn secrets_of_other_types_are_refused() {
        for value in [
            json!(null),
            json!(1),
            json!([]),
            json!({}),
            json!("x".repeat(257)),
            json!("short"),
            json!("with\0nul-inside"),
        ] {
            assert!(Password::read(value).is_err());
        }
    }

    #[test]
    fn numbers_are_not_rounded() {
        assert_eq!(i64::read(json!(5.0)).unwrap(), 5);
        assert!(i64::read(json!(5.5)).is_err());
        assert!(Int::<1, 3>::read(json!(4)).is_err());
        assert!(f64::read(json!("NaN")).is_err());
    }

    #[test]
    fn preferences_are_bounded() {
        assert!(Prefs::read(json!({"a": "x".repeat(65_000)})).is_ok());
        assert!(Prefs::read(json!({"a": "x".repeat(66_000)})).is_err());
        assert!(Prefs::read(json!(["a"])).is_err());
        let odd = json!({"__proto__": {"a": 1}, "constructor": "x", "": null});
        assert_eq!(Json::Object(Prefs::read(odd.clone()).unwrap().0), odd, "names are data");
    }
}
