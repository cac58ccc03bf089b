//! Receive: what can be said about a request before anybody knows who sent it.

use crate::call::RequestInfo;
use crate::gateway::GatewaySettings;
use crate::input::{decode, query_value};
use crate::names;
use actix_web::http::header::{HeaderMap, HeaderName};
use actix_web::web::{BytesMut, Payload};
use floe_kernel::secret::Secret;
use floe_kernel::time::Timestamp;
use floe_kernel::{Error, ErrorKind, Result};
use futures_util::StreamExt as _;
use rand::RngExt as _;
use serde_json::{Map, Value as Json};
use std::time::Duration;

/// A header as text; `None` when it isn't there or isn't text.
pub(crate) fn header<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// The request's own facts.
pub(crate) fn info(request: &actix_web::HttpRequest, settings: &GatewaySettings) -> RequestInfo {
    let headers = request.headers();
    let text = |name: &HeaderName| header(headers, name).unwrap_or_default().to_owned();
    let behind_proxy = settings.trusted_proxies > 0;
    RequestInfo {
        id: request_id(headers),
        ip: ip(request, settings.trusted_proxies),
        user_agent: header(headers, &names::FORWARDED_USER_AGENT)
            .or_else(|| header(headers, &names::USER_AGENT))
            .unwrap_or_default()
            .to_owned(),
        locale: text(&names::LOCALE),
        origin: header(headers, &names::ORIGIN).map(str::to_owned),
        host: host(header(headers, &names::HOST).unwrap_or_default()).to_owned(),
        secure: behind_proxy && header(headers, &names::FORWARDED_PROTO) == Some("https"),
        format: header(headers, &names::FORMAT).map(str::to_owned),
        unchanged_since: header(headers, &names::TIMESTAMP).and_then(Timestamp::parse),
        patience: header(headers, &names::TIMEOUT).and_then(patience),
        setup_token: header(headers, &names::SETUP_TOKEN).map(Secret::new),
    }
}

/// Refuses headers that say something which can't be.
///
/// # Errors
/// `general_argument_invalid`.
pub(crate) fn check(headers: &HeaderMap) -> Result<()> {
    let timestamp = header(headers, &names::TIMESTAMP).filter(|value| !value.is_empty());
    if timestamp.is_some_and(|value| Timestamp::parse(value).is_none()) {
        let error = Error::new(ErrorKind::GeneralArgumentInvalid).field("x-appwrite-timestamp");
        return Err(error.message("Invalid X-Appwrite-Timestamp header value"));
    }
    Ok(())
}

/// A number of milliseconds. Nothing, and what is none, asks for nothing.
fn patience(value: &str) -> Option<Duration> {
    value.trim().parse().ok().filter(|millis| *millis > 0).map(Duration::from_millis)
}

/// The client's id for the request, if it is one that can go into logs as it is; else one of ours.
fn request_id(headers: &HeaderMap) -> String {
    let fits = |id: &&str| {
        (1..=64).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
    };
    header(headers, &names::REQUEST_ID)
        .filter(fits)
        .map_or_else(|| floe_kernel::secret::hex(&rand::rng().random::<[u8; 16]>()), str::to_owned)
}

/// The caller's address: the peer's, or what so many trusted proxies say of it. What the caller itself writes into
/// `X-Forwarded-For` stands further left and is never believed.
fn ip(request: &actix_web::HttpRequest, trusted_proxies: usize) -> String {
    if trusted_proxies > 0 {
        let hops = request.headers().get_all(&names::FORWARDED_FOR).filter_map(|value| value.to_str().ok());
        let hops: Vec<&str> = hops.flat_map(|value| value.split(',')).map(str::trim).collect();
        let hop = hops.len().checked_sub(trusted_proxies).and_then(|at| hops.get(at));
        if let Some(hop) = hop.and_then(|hop| hop.parse::<std::net::IpAddr>().ok()) {
            return hop.to_string();
        }
    }
    request.peer_addr().map(|peer| peer.ip().to_string()).unwrap_or_default()
}

fn host(host: &str) -> &str {
    match host.strip_prefix('[') {
        Some(ipv6) => ipv6.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    }
}

/// The body as an object, read no further than `max` bytes.
pub(crate) async fn body(headers: &HeaderMap, mut payload: Payload, max: usize) -> Result<Map<String, Json>> {
    let too_large = || {
        Error::new(ErrorKind::GeneralArgumentInvalid).message(format!("The request body is larger than {max} bytes."))
    };
    let announced = header(headers, &names::CONTENT_LENGTH).and_then(|length| length.parse::<usize>().ok());
    if announced.is_some_and(|length| length > max) {
        return Err(too_large());
    }
    let mut bytes = BytesMut::with_capacity(announced.unwrap_or(0).min(64 * 1024));
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.map_err(|error| bad("The request body could not be read.").because(error.to_string()))?;
        if bytes.len() + chunk.len() > max {
            return Err(too_large());
        }
        bytes.extend_from_slice(&chunk);
    }
    if bytes.is_empty() {
        return Ok(Map::new());
    }
    if header(headers, &names::CONTENT_ENCODING).is_some_and(|encoding| !encoding.eq_ignore_ascii_case("identity")) {
        return Err(bad("Compressed request bodies are not supported."));
    }
    parse(header(headers, &names::CONTENT_TYPE).unwrap_or_default(), &bytes)
}

/// Only the types that say what they are: a form of another site can send `text/plain` without being asked.
fn parse(content_type: &str, bytes: &[u8]) -> Result<Map<String, Json>> {
    let media = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    match media.as_str() {
        "application/json" => serde_json::from_slice(bytes)
            .map_err(|error| bad(format!("The request body is not a JSON object: {error}")).field("body")),
        "application/x-www-form-urlencoded" => {
            std::str::from_utf8(bytes).map(form).map_err(|_| bad("The request body is not UTF-8.").field("body"))
        }
        _ => Err(bad("The request body must be application/json.").field("content-type")),
    }
}

fn form(text: &str) -> Map<String, Json> {
    let names = text.split('&').map(|pair| decode(pair.split(['=', '[']).next().unwrap_or_default()).into_owned());
    let names: std::collections::BTreeSet<_> =
        names.map(|name| name.split('[').next().unwrap_or_default().to_owned()).collect();
    names.into_iter().filter_map(|name| query_value(text, &name).map(|value| (name, value))).collect()
}

fn bad(message: impl Into<std::borrow::Cow<'static, str>>) -> Error {
    Error::new(ErrorKind::GeneralBadRequest).message(message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn forms_have_texts_and_lists() {
        assert_eq!(Json::from(form("name=a+b&roles[]=x&roles[]=y%26")), json!({"name": "a b", "roles": ["x", "y&"]}));
    }

    #[test]
    fn refuses_what_is_no_object() {
        for (media, body) in [
            ("application/json", "[]"),
            ("application/json", "{"),
            ("application/json", "\u{1}"),
            ("text/plain", "{}"),
            ("", "{}"),
            ("application/xml", "<a/>"),
        ] {
            assert_eq!(
                parse(media, body.as_bytes()).unwrap_err().kind(),
                ErrorKind::GeneralBadRequest,
                "{media} {body}"
            );
        }
        assert!(parse("application/json; charset=utf-8", b"{\"a\":1}").is_ok());
        let deep = format!("{{\"a\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000));
        assert!(parse("application/json", deep.as_bytes()).is_err());
    }

    #[test]
    fn hosts_lose_their_ports() {
        assert_eq!((host("a.b:80"), host("[::1]:80"), host("a")), ("a.b", "::1", "a"));
    }
}
