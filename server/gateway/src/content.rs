//! The content of a body: from bytes to parameters, in memory that its length bounds.

use crate::body::Received;
use crate::input::{Parameters, parse_form};
use crate::off_loop::off_loop;
use crate::unambiguous;
use bytes::Bytes;
use floe_kernel::{Error, ErrorKind, Result};

/// How many values a body may have. What is text takes little more memory than its bytes; `[0,0,…]` takes a hundred
/// times as much.
const MAX_VALUES: usize = 500_000;
/// What a value takes in memory beside its text, at the most.
const BYTES_A_VALUE: usize = 128;

/// The parameters of a body. A long one is parsed away from the event loop, and all of it counts against the budget as
/// what it is going to be.
///
/// # Errors
/// 400 for what is no object, 503 when bodies hold all the memory that they may.
pub(crate) async fn parameters(body: &mut Received, content_type: &str, encoding: Option<&str>) -> Result<Parameters> {
    if body.bytes.is_empty() {
        return Ok(Parameters::new());
    }
    if encoding.is_some_and(|encoding| !encoding.eq_ignore_ascii_case("identity")) {
        return Err(bad("Compressed request bodies are not supported."));
    }
    let media = Media::of(content_type)?;
    let bytes = body.bytes.clone();
    let values = off_loop(bytes.len(), move || media.count(&bytes)).await?;
    if values > MAX_VALUES {
        return Err(bad(format!("The request body has more than {MAX_VALUES} values. Please send it in parts.")));
    }
    body.held.grow_to(body.bytes.len() + values * BYTES_A_VALUE)?;
    let bytes = std::mem::take(&mut body.bytes);
    off_loop(bytes.len(), move || media.parse(&bytes)).await?
}

/// How a body is written. Only the types that say what they are: a form of another site can send `text/plain` without
/// being asked.
#[derive(Clone, Copy)]
enum Media {
    Json,
    Form,
}

impl Media {
    fn of(content_type: &str) -> Result<Self> {
        let media = content_type.split(';').next().unwrap_or_default().trim();
        if media.eq_ignore_ascii_case("application/json") {
            Ok(Self::Json)
        } else if media.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
            Ok(Self::Form)
        } else {
            Err(bad("The request body must be application/json or application/x-www-form-urlencoded.")
                .field("content-type"))
        }
    }

    /// No fewer values than parsing will make.
    fn count(self, bytes: &[u8]) -> usize {
        match self {
            Self::Form => 1 + bytes.iter().filter(|byte| **byte == b'&').count(),
            Self::Json => count_json(bytes),
        }
    }

    fn parse(self, bytes: &Bytes) -> Result<Parameters> {
        match self {
            // PHP writes an empty object like an empty list.
            Self::Json if is_empty_list(bytes) => Ok(Parameters::new()),
            Self::Json => unambiguous::parse(bytes)
                .map_err(|error| bad(format!("The request body is not a JSON object: {error}")).field("body")),
            Self::Form => std::str::from_utf8(bytes)
                .map(parse_form)
                .map_err(|_| bad("The request body is not UTF-8.").field("body")),
        }
    }
}

/// Every value but the first follows a comma, a colon or a bracket; those within texts aren't counted.
fn count_json(bytes: &[u8]) -> usize {
    let (mut count, mut in_text, mut escaped) = (1, false, false);
    for byte in bytes {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_text => escaped = true,
            b'"' => in_text = !in_text,
            b',' | b':' | b'[' | b'{' if !in_text => count += 1,
            _ => {}
        }
    }
    count
}

fn is_empty_list(bytes: &[u8]) -> bool {
    let inside = bytes.trim_ascii().strip_prefix(b"[").and_then(|rest| rest.strip_suffix(b"]"));
    inside.is_some_and(|inside| inside.trim_ascii().is_empty())
}

fn bad(message: impl Into<std::borrow::Cow<'static, str>>) -> Error {
    Error::new(ErrorKind::GeneralBadRequest).message(message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value as Json, json};

    fn parse(media: &str, body: &str) -> Result<Parameters> {
        Media::of(media)?.parse(&Bytes::copy_from_slice(body.as_bytes()))
    }

    #[test]
    fn forms_have_texts_and_lists() {
        let form = parse("application/x-www-form-urlencoded", "name=a+b&roles[]=x&roles[]=y%26&deep[x]=1").unwrap();
        assert_eq!(Json::from(form), json!({"name": "a b", "roles": ["x", "y&"]}));
    }

    #[test]
    fn refuses_what_is_no_object() {
        for (media, body) in [
            ("application/json", "[1]"),
            ("application/json", "[[]]"),
            ("application/json", "{"),
            ("application/json", "\u{1}"),
            ("application/json", r#"{"a":1,"a":1}"#),
            ("application/json", r#"{"a":[{"b":{"c":1,"d":2,"\u0063":3}}]}"#),
            ("text/plain", "{}"),
            ("", "{}"),
            ("application/xml", "<a/>"),
        ] {
            let error = parse(media, body).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::GeneralBadRequest, "{media} {body}");
        }
        assert!(parse("Application/JSON; charset=utf-8", "{\"a\":1}").is_ok());
        let deep = format!("{{\"a\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000));
        assert!(parse("application/json", &deep).is_err());
    }

    #[test]
    fn an_empty_list_is_an_empty_object() {
        assert!(parse("application/json", " [ ]\n").unwrap().is_empty());
    }

    #[test]
    fn counts_values_but_not_what_texts_hold() {
        for (text, least, most) in
            [("[1,2,3]", 4, 4), (r#"{"a":[1,{}],"b":",,[[{{::\",,"}"#, 6, 8), (r#"{"a":"\\","b":[[[]]]}"#, 6, 8)]
        {
            let count = count_json(text.as_bytes());
            assert!((least..=most).contains(&count), "{text}: {count}");
        }
    }
}
