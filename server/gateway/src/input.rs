//! Validate: parameters in, typed input out, or an error that names the parameter.
//!
//! A handler's input is declared once, with [`input!`](crate::input!); reading it, checking it and describing it in the
//! OpenAPI document all come from that declaration.

use crate::body::BodyStream;
use floe_kernel::{Error, Result};
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value as Json};
use std::borrow::Cow;

/// Where a parameter stands in the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "they are what they are called")]
pub enum ParamLocation {
    Path,
    Query,
    Body,
}

/// What a handler takes.
pub trait Input: Sized + Send + 'static {
    /// Its parameters, for the OpenAPI document and the tests.
    fn params() -> Vec<ParamDoc>;

    /// Takes it out of the request.
    ///
    /// # Errors
    /// Names the first parameter that is missing or breaks its rule.
    fn read(given: &mut RawInput) -> Result<Self>;
}

/// A type that a parameter can have. Its values are valid by construction: nothing is checked again behind this line.
pub trait Param: Sized {
    /// Reads it from what was given: JSON from a body, text (or a list of texts) from a path or a query.
    ///
    /// # Errors
    /// The rule that the value breaks.
    fn read(value: Json) -> Result<Self, Refusal>;

    /// Its JSON schema.
    fn schema() -> Json;

    /// How the document writes this value, where it is the default of a parameter; `None` where there is nothing to write.
    fn to_json(&self) -> Option<Json> {
        None
    }

    /// Whether null is a value of its own, and not the same as leaving the parameter out.
    const TAKES_NULL: bool = false;
}

/// Why a value isn't a parameter's.
#[derive(Debug)]
pub enum Refusal {
    /// It breaks this rule; the sentence becomes part of the error's message.
    Rule(Cow<'static, str>),
    /// There is a more exact error than "invalid parameter".
    Error(Box<Error>),
}

impl From<&'static str> for Refusal {
    fn from(rule: &'static str) -> Self {
        Self::Rule(rule.into())
    }
}

impl From<String> for Refusal {
    fn from(rule: String) -> Self {
        Self::Rule(rule.into())
    }
}

impl Refusal {
    fn into_error(self, parameter: &'static str) -> Error {
        match self {
            Self::Rule(rule) => Error::invalid(parameter, rule),
            Self::Error(error) => *error,
        }
    }
}

/// What the table knows of a parameter.
#[derive(Debug, Clone)]
pub struct ParamDoc {
    /// Its names: one, or one for each vocabulary.
    pub names: &'static [&'static str],
    /// Where it stands.
    pub place: ParamLocation,
    /// Whether it must be there.
    pub required: bool,
    /// What it means.
    pub description: &'static str,
    /// Its JSON schema.
    pub schema: Json,
    /// What it is when it is left out, where that can be written.
    pub default: Option<Json>,
}

impl ParamDoc {
    /// Its name in this vocabulary.
    #[must_use]
    pub fn name(&self, vocabulary: usize) -> &'static str {
        name(self.names, vocabulary)
    }
}

fn name(names: &'static [&'static str], vocabulary: usize) -> &'static str {
    names.get(vocabulary).or(names.last()).copied().unwrap_or_default()
}

/// Parameters by name, as JSON has them: what comes as text (a path, a query, a form) is a text or a list of texts.
pub type Parameters = Map<String, Json>;

/// Everything that a request gave, before anybody has looked at it.
#[derive(Debug, Default)]
pub struct RawInput {
    /// Parameters of the path, decoded.
    pub path: Vec<(&'static str, String)>,
    /// Parameters of the query.
    pub query: Parameters,
    /// Parameters of the body.
    pub body: Parameters,
    /// The body itself, where the route takes a stream.
    pub stream: Option<BodyStream>,
    /// Which of a parameter's names counts.
    pub vocabulary: usize,
}

impl RawInput {
    /// Takes a parameter of the path.
    ///
    /// # Errors
    /// When it breaks its rule.
    pub fn path<P: Param>(&mut self, names: &'static [&'static str], default: Option<P>) -> Result<P> {
        let name = name(names, self.vocabulary);
        let value =
            self.path.iter_mut().find(|(key, _)| *key == name).map(|(_, value)| Json::String(std::mem::take(value)));
        take(name, value, default)
    }

    /// Takes a parameter of the query.
    ///
    /// # Errors
    /// When it is missing or breaks its rule.
    pub fn query<P: Param>(&mut self, names: &'static [&'static str], default: Option<P>) -> Result<P> {
        let name = name(names, self.vocabulary);
        take(name, self.query.get_mut(name).map(Json::take), default)
    }

    /// Takes a parameter of the body.
    ///
    /// # Errors
    /// When it is missing or breaks its rule.
    pub fn body<P: Param>(&mut self, names: &'static [&'static str], default: Option<P>) -> Result<P> {
        let name = name(names, self.vocabulary);
        take(name, self.body.get_mut(name).map(Json::take), default)
    }

    /// Takes the body of a route that takes a stream ([`crate::RequestBody::Stream`]).
    ///
    /// # Errors
    /// When the route takes none: a fault of ours.
    pub fn stream(&mut self) -> Result<BodyStream> {
        self.stream.take().ok_or_else(|| Error::internal("the route takes no stream"))
    }

    /// A text of the body or the query, without taking it: what a rate limit counts by.
    #[must_use]
    pub fn peek(&self, name: &str) -> Option<&str> {
        self.body.get(name).or_else(|| self.query.get(name)).and_then(Json::as_str)
    }
}

fn take<P: Param>(name: &'static str, value: Option<Json>, default: Option<P>) -> Result<P> {
    match (value, default) {
        (None | Some(Json::Null), Some(default)) if !P::TAKES_NULL => Ok(default),
        (None, Some(default)) => Ok(default),
        (None, None) => Err(Error::missing(name)),
        (Some(value), _) => P::read(value).map_err(|refusal| refusal.into_error(name)),
    }
}

/// The parameters of a query, or of a form, each decoded once: a text, or a list where it is written as `name[]=` or
/// `name[0]=`. Of two texts of one name the first counts, and a text counts before a list.
pub(crate) fn parse_form(form: &str) -> Parameters {
    let mut parameters = Parameters::new();
    for pair in form.split('&').filter(|pair| !pair.is_empty()) {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        let (key, value) = (decode(key), Json::String(decode(value).into_owned()));
        let Some((name, is_element)) = named(&key) else { continue };
        match (parameters.get_mut(name), is_element) {
            (None, false) => {
                parameters.insert(name.to_owned(), value);
            }
            (None, true) => {
                parameters.insert(name.to_owned(), Json::Array(vec![value]));
            }
            (Some(Json::Array(list)), true) => list.push(value),
            (Some(known @ Json::Array(_)), false) => *known = value,
            (Some(_), _) => {}
        }
    }
    parameters
}

/// The parameter that a key names, and whether the key means an element of it. Nothing else has brackets.
fn named(key: &str) -> Option<(&str, bool)> {
    let Some((name, index)) = key.split_once('[') else { return Some((key, false)) };
    let index = index.strip_suffix(']')?;
    index.bytes().all(|byte| byte.is_ascii_digit()).then_some((name, true))
}

/// Form encoding: percent signs and plus for space.
fn decode(text: &str) -> Cow<'_, str> {
    if !text.contains(['%', '+']) {
        return Cow::Borrowed(text);
    }
    if text.contains('+') {
        return Cow::Owned(percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned());
    }
    percent_decode_str(text).decode_utf8_lossy()
}

/// No input at all.
impl Input for () {
    fn params() -> Vec<ParamDoc> {
        Vec::new()
    }

    fn read(_given: &mut RawInput) -> Result<Self> {
        Ok(())
    }
}

/// The body alone, as it comes.
impl Input for BodyStream {
    fn params() -> Vec<ParamDoc> {
        Vec::new()
    }

    fn read(given: &mut RawInput) -> Result<Self> {
        given.stream()
    }
}

/// Declares what a handler takes.
///
/// Each field has a type that knows its own rules ([`Param`]), a place (`path`, `query` or `body`) and its name on the
/// wire; `or` gives what it is when it is left out. Two names stand for two vocabularies ([`Route::vocabulary`]).
/// The comments become descriptions in the OpenAPI document.
///
/// ```
/// use floe_gateway::{input, param::{CustomId, Text}};
/// input! {
///     /// What `POST /teams` takes.
///     pub struct CreateTeam {
///         /// The team's id.
///         pub team_id: CustomId = body "teamId",
///         /// Its name.
///         pub name: Text<1, 128> = body "name",
///         /// Roles of its creator.
///         pub roles: Vec<String> = body "roles" or vec!["owner".to_owned()],
///     }
/// }
/// ```
///
/// [`Route::vocabulary`]: crate::Route::vocabulary
#[macro_export]
macro_rules! input {
    (
        $(#[$meta:meta])*
        $vis:vis struct $input:ident {
            $(
                $(#[doc = $doc:literal])*
                $field_vis:vis $field:ident : $type:ty = $place:ident $($wire:literal)|+ $(or $default:expr)?
            ),* $(,)?
        }
    ) => {
        $(#[$meta])*
        #[derive(Debug)]
        $vis struct $input {
            $($(#[doc = $doc])* $field_vis $field: $type,)*
        }

        impl $crate::input::Input for $input {
            fn params() -> Vec<$crate::input::ParamDoc> {
                vec![$($crate::input::ParamDoc {
                    names: &[$($wire),+],
                    place: $crate::input!(@place $place),
                    required: $crate::input!(@required $($default)?),
                    description: concat!($($doc,)* "").trim_ascii_start(),
                    schema: <$type as $crate::input::Param>::schema(),
                    default: $crate::input!(@json $type $(, $default)?),
                }),*]
            }

            fn read(given: &mut $crate::input::RawInput) -> floe_kernel::Result<Self> {
                Ok(Self {
                    $($field: given.$place::<$type>(&[$($wire),+], $crate::input!(@default $($default)?))?,)*
                })
            }
        }
    };
    (@place path) => { $crate::input::ParamLocation::Path };
    (@place query) => { $crate::input::ParamLocation::Query };
    (@place body) => { $crate::input::ParamLocation::Body };
    (@required) => { true };
    (@required $default:expr) => { false };
    (@json $type:ty) => { None };
    (@json $type:ty, $default:expr) => {{
        let default: $type = $default;
        <$type as $crate::input::Param>::to_json(&default)
    }};
    (@default) => { None };
    (@default $default:expr) => { Some($default) };
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::param::Text;
    use serde_json::json;

    input! {
        /// An example.
        struct Example {
            /// Where it is.
            table: Text<1, 36> = path "tableId" | "collectionId",
            /// What it is called.
            name: Text<1, 5> = body "name" or Text::default(),
            /// Which.
            queries: Vec<String> = query "queries" or Vec::new(),
        }
    }

    fn given(vocabulary: usize) -> RawInput {
        RawInput {
            path: vec![("tableId", "t".into()), ("collectionId", "c".into())],
            query: parse_form("queries%5B0%5D=a%26b&queries[1]=c+d&other=1"),
            body: json!({"name": "abc"}).as_object().unwrap().clone(),
            vocabulary,
            ..RawInput::default()
        }
    }

    #[test]
    fn reads_every_place_in_its_vocabulary() {
        let example = Example::read(&mut given(0)).unwrap();
        assert_eq!(
            (&*example.table, &*example.name, example.queries),
            ("t", "abc", vec!["a&b".to_owned(), "c d".to_owned()])
        );
        assert_eq!(&*Example::read(&mut given(1)).unwrap().table, "c");
    }

    #[test]
    fn a_text_counts_before_a_list_and_the_first_before_the_second() {
        let parsed = |form| Json::from(parse_form(form));
        assert_eq!(parsed("a=1&a=2&b[]=1&b=2&b[]=3&c&=x&&d[x]=1&e[=1"), json!({"a": "1", "b": "2", "c": "", "": "x"}));
        assert_eq!(parsed("%61%5b12%5D=%C3%A9&a[]=%ff"), json!({"a": ["é", "\u{fffd}"]}));
    }

    #[test]
    fn a_long_form_costs_its_length() {
        let form: String = (0..50_000).map(|n| format!("n{n}=&")).collect();
        assert_eq!(parse_form(&form).len(), 50_000);
    }

    #[test]
    fn names_what_is_missing_or_wrong() {
        let mut long = given(0);
        long.body.insert("name".into(), json!("too long"));
        assert_eq!(Example::read(&mut long).unwrap_err().parameter(), Some("name"));
        let mut empty = RawInput::default();
        assert_eq!(Example::read(&mut empty).unwrap_err().text(), "Param \"tableId\" is not optional.");
    }

    #[test]
    fn describes_itself() {
        let params = Example::params();
        assert_eq!(params[0].name(1), "collectionId");
        assert_eq!((params[1].required, params[1].description), (false, "What it is called."));
    }
}
