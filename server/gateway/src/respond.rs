//! Respond: one shape for every answer and one for every error; headers, compression.

use crate::API_VERSION;
use crate::answer_memory::AnswerMemory;
use crate::arrival::Arrival;
use crate::call::RequestInfo;
use crate::conditional::{Ranged, has_already, ranged};
use crate::names;
use crate::off_loop::off_loop;
use crate::rate_limit::Verdict;
use crate::receive::header as text_of;
use crate::reply::{Reply, ReplyBody};
use crate::response::{Response, ResponseBody};
use crate::response_format;
use crate::route::{Caching, Failure};
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::header::{self, HeaderName, HeaderValue};
use serde::Serialize;
use std::io::Write as _;

const JSON: &str = "application/json";
const TEXT: &str = "text/plain; charset=UTF-8";
const HTML: &str = "text/html; charset=UTF-8";

/// The page of a path that leads nowhere. What was asked for isn't repeated on it.
const NOTHING_HERE: &str = "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<title>404 Not Found</title>\n\
<h1>Not Found</h1>\n<p>There is nothing at this address. If an SDK called it: this server doesn't have the endpoint.</p>\n</html>\n";

/// Smaller bodies than this fit into one packet anyway.
const COMPRESS_FROM: usize = 1400;

/// The error envelope: Appwrite's, and two fields of ours that its SDKs don't mind.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Envelope<'e> {
    message: &'e str,
    code: u16,
    r#type: &'e str,
    version: &'static str,
    request_id: &'e str,
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<&'e str>,
}

/// What an answer depends on beside its content.
#[derive(Default)]
pub(crate) struct ResponseContext {
    pub(crate) request_id: String,
    pub(crate) allowed_origin: Option<String>,
    pub(crate) verdict: Option<Verdict>,
    pub(crate) accepts_gzip: bool,
    /// Whether the caller's connection is encrypted.
    pub(crate) secure: bool,
    pub(crate) no_body: bool,
    /// Whether the caller is somebody: what they get is for nobody's shared cache.
    pub(crate) private: bool,
    /// How its route lets a good answer be cached.
    pub(crate) caching: Caching,
    /// `If-None-Match`: which versions of the content the client has.
    if_none_match: Option<String>,
    /// `Range`: which part of the content the client wants.
    range: Option<String>,
    /// What a client is told that was made for a newer API.
    warning: Option<String>,
    /// Whether the path leads nowhere, and the client doesn't ask for JSON: then the error is a page.
    pub(crate) page: bool,
    /// What the answer holds.
    pub(crate) memory: AnswerMemory,
}

impl ResponseContext {
    /// What an answer to this request depends on, as far as its head says.
    pub(crate) fn of(arrival: &Arrival, info: &RequestInfo) -> Self {
        let text = |name| text_of(&arrival.headers, name);
        Self {
            request_id: info.id.clone(),
            secure: info.secure,
            accepts_gzip: text(&names::ACCEPT_ENCODING).is_some_and(accepts_gzip),
            no_body: arrival.method == http::Method::HEAD,
            if_none_match: text(&names::IF_NONE_MATCH).map(str::to_owned),
            range: text(&names::RANGE).map(str::to_owned),
            warning: info.format.as_deref().and_then(response_format::warning),
            ..Self::default()
        }
    }

    fn cache_control(&self) -> HeaderValue {
        let private = if self.private { "private" } else { "public" };
        match self.caching {
            Caching::Never if self.private => HeaderValue::from_static("private, no-store"),
            Caching::Never => HeaderValue::from_static("no-store"),
            Caching::Revalidate if self.private => HeaderValue::from_static("private, no-cache"),
            Caching::Revalidate => HeaderValue::from_static("no-cache"),
            Caching::For(seconds) => HeaderValue::try_from(format!("{private}, max-age={seconds}"))
                .unwrap_or(HeaderValue::from_static("no-store")),
        }
    }
}

/// The answer that a handler gave.
pub(crate) async fn success(reply: Reply, context: &ResponseContext) -> Response {
    let mut response = Response::new(reply.status);
    common(&mut response, context);
    if reply.status < 400 {
        response.insert(names::CACHE_CONTROL.clone(), context.cache_control());
    }
    for (name, value) in reply.headers {
        if let Ok(name) = HeaderName::from_bytes(name.as_bytes()) {
            response.append(name, value);
        }
    }
    if let Some(tag) = reply.tag.filter(|_| reply.status == 200) {
        let known = context.if_none_match.as_deref().is_some_and(|known| has_already(known, &tag));
        response.insert(header::ETAG, tag);
        if known {
            response.status = 304;
            return response;
        }
    }
    match reply.body {
        // The Python SDK wants a type even of nothing, and the Node SDK would parse it if it were JSON.
        ReplyBody::Empty => response.insert(header::CONTENT_TYPE, HeaderValue::from_static(TEXT)),
        ReplyBody::Json(json) => return text(response, JSON, json.into(), context).await,
        ReplyBody::Text(plain) => return text(response, TEXT, plain.into(), context).await,
        ReplyBody::Page(html) => return text(response, HTML, html.into(), context).await,
        ReplyBody::Bytes(media, bytes) => {
            response.insert(header::CONTENT_TYPE, media);
            part(&mut response, bytes, context);
        }
        ReplyBody::Stream(media, length, stream) => {
            response.insert(header::CONTENT_TYPE, media);
            response.body = match (context.no_body, length) {
                (false, _) => ResponseBody::Stream(length, stream),
                (true, Some(length)) => ResponseBody::Unsent(length),
                (true, None) => ResponseBody::Empty,
            };
        }
    }
    response
}

/// The answer to what failed.
pub(crate) async fn failure(failure: &Failure, context: &ResponseContext) -> Response {
    let kind = failure.error.kind();
    let mut response = Response::new(kind.status());
    common(&mut response, context);
    if let Some(seconds) = failure.error.retry_after() {
        response.insert(header::RETRY_AFTER, seconds);
    }
    if context.page {
        return text(response, HTML, Bytes::from_static(NOTHING_HERE.as_bytes()), context).await;
    }
    let envelope = Envelope {
        message: failure.error.text(),
        code: kind.status(),
        r#type: kind.name(),
        version: API_VERSION,
        request_id: &context.request_id,
        field: failure.error.parameter(),
    };
    text(response, JSON, serde_json::to_vec(&envelope).unwrap_or_default().into(), context).await
}

/// Bytes of which the client may have asked for a part.
fn part(response: &mut Response, bytes: Bytes, context: &ResponseContext) {
    let length = bytes.len() as u64;
    response.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    let wanted = context.range.as_deref().filter(|_| response.status == 200);
    let bytes = match ranged(wanted, length) {
        Ranged::Whole => bytes,
        Ranged::Part(range) => {
            response.status = 206;
            response.insert(header::CONTENT_RANGE, format!("bytes {}-{}/{length}", range.start, range.end - 1));
            let at = |position| usize::try_from(position).unwrap_or(bytes.len());
            bytes.slice(at(range.start)..at(range.end))
        }
        Ranged::Nowhere => {
            response.status = 416;
            response.insert(header::CONTENT_RANGE, format!("bytes */{length}"));
            Bytes::new()
        }
    };
    response.body = whole(bytes, context);
}

fn whole(bytes: Bytes, context: &ResponseContext) -> ResponseBody {
    if context.no_body { ResponseBody::Unsent(bytes.len() as u64) } else { ResponseBody::Bytes(bytes) }
}

/// Text of some kind, compressed for those who can read it: away from the event loop when it is long.
async fn text(mut response: Response, media: &'static str, bytes: Bytes, context: &ResponseContext) -> Response {
    response.insert(header::CONTENT_TYPE, HeaderValue::from_static(media));
    let compresses = bytes.len() >= COMPRESS_FROM;
    if compresses {
        response.append(header::VARY, HeaderValue::from_static("Accept-Encoding"));
    }
    if context.no_body || !context.accepts_gzip || !compresses {
        response.body = whole(bytes, context);
        return response;
    }
    let plain = bytes.clone();
    response.body = ResponseBody::Bytes(match off_loop(bytes.len(), move || gzip(&bytes)).await {
        Ok(Ok(small)) => {
            response.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            small.into()
        }
        _ => plain,
    });
    response
}

/// Whether an `Accept-Encoding` takes gzip (RFC 9110, section 12.5.3): by its name or else by `*`, with a weight above 0.
fn accepts_gzip(accepted: &str) -> bool {
    let takes = |coding: &str| {
        accepted.split(',').find_map(|part| {
            let mut parts = part.split(';').map(str::trim);
            let named = parts.next()?.eq_ignore_ascii_case(coding);
            let weight = parts.find_map(|part| part.strip_prefix(['q', 'Q'])?.trim_start().strip_prefix('='));
            named.then(|| weight.is_none_or(|weight| weight.trim().parse().is_ok_and(|weight: f32| weight > 0.0)))
        })
    };
    takes("gzip").or_else(|| takes("*")).unwrap_or_default()
}

fn gzip(bytes: &[u8]) -> std::io::Result<Vec<u8>> {
    // The fastest level: JSON shrinks about as much, and the answer isn't kept.
    let mut encoder = GzEncoder::new(Vec::with_capacity(bytes.len() / 4), Compression::fast());
    encoder.write_all(bytes)?;
    encoder.finish()
}

/// The headers that every answer has, errors and preflights included: the first ones of it.
fn common(response: &mut Response, context: &ResponseContext) {
    let mut fixed = |name: &HeaderName, value: &'static str| {
        response.append(name.clone(), HeaderValue::from_static(value));
    };
    fixed(&names::SERVER, "Floe");
    fixed(&names::CONTENT_TYPE_OPTIONS, "nosniff");
    fixed(&names::FRAME_OPTIONS, "DENY");
    fixed(&names::REFERRER_POLICY, "no-referrer");
    fixed(&names::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'");
    fixed(&names::CACHE_CONTROL, if context.private { "private, no-store" } else { "no-store" });
    if context.secure {
        // For a year; what is below this host is for its own operators to say.
        response.append(names::STRICT_TRANSPORT_SECURITY.clone(), HeaderValue::from_static("max-age=31536000"));
    }
    response.append(names::REQUEST_ID.clone(), context.request_id.as_str());
    if let Some(warning) = &context.warning {
        response.append(names::WARNING.clone(), warning.as_str());
    }
    if let Some(verdict) = context.verdict {
        response.append(names::RATE_LIMIT.clone(), verdict.limit);
        response.append(names::RATE_REMAINING.clone(), verdict.remaining);
        response.append(names::RATE_RESET.clone(), verdict.reset);
    }
    if let Some(origin) = &context.allowed_origin {
        response.append(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.as_str());
        response.append(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
        response.append(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(EXPOSED_HEADERS));
    }
    // Whether an answer carries an origin depends on the origin that asked.
    response.append(header::VARY, HeaderValue::from_static("Origin"));
}

/// What a browser asks before it sends another site's request.
pub(crate) fn preflight(context: &ResponseContext) -> Response {
    let mut response = Response::new(204);
    common(&mut response, context);
    if context.allowed_origin.is_some() {
        response
            .insert(header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, POST, PUT, PATCH, DELETE"));
        response.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static(ALLOWED_HEADERS));
        response.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
    }
    response
}

const EXPOSED_HEADERS: &str = "X-Appwrite-Session, X-Fallback-Cookies, X-Request-ID, X-RateLimit-Limit, X-RateLimit-Remaining, \
X-RateLimit-Reset, Retry-After, ETag, Content-Range";

const ALLOWED_HEADERS: &str = "Accept, Origin, Cookie, Set-Cookie, Content-Type, Content-Range, Range, Cache-Control, Expires, Pragma, \
If-Match, If-None-Match, Idempotency-Key, \
X-Requested-With, X-Forwarded-For, X-Forwarded-User-Agent, X-Request-ID, X-Appwrite-Project, X-Appwrite-Key, X-Appwrite-Dev-Key, \
X-Appwrite-Locale, X-Appwrite-Mode, X-Appwrite-JWT, X-Appwrite-Response-Format, X-Appwrite-Timeout, X-Appwrite-ID, \
X-Appwrite-Timestamp, X-Appwrite-Session, X-Appwrite-Organization, X-Appwrite-User, X-Appwrite-Impersonate-User-Id, \
X-Appwrite-Impersonate-User-Email, X-Appwrite-Impersonate-User-Phone, X-Fallback-Cookies, X-Floe-Setup-Token, X-SDK-Name, X-SDK-Platform, \
X-SDK-Language, X-SDK-Version, X-SDK-GraphQL, X-SDK-Profile";
