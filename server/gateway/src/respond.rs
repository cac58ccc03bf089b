//! Respond: one shape for every answer and one for every error; headers, compression.

use crate::API_VERSION;
use crate::names;
use crate::rate_limit::Verdict;
use crate::reply::{Body, Reply};
use crate::route::Failure;
use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderName, HeaderValue};
use actix_web::{HttpResponse, HttpResponseBuilder};
use flate2::Compression;
use flate2::write::GzEncoder;
use serde::Serialize;
use std::io::Write as _;

const TEXT: &str = "text/plain; charset=UTF-8";

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
    pub(crate) no_body: bool,
    /// Whether the caller is somebody: what they get is for nobody's shared cache.
    pub(crate) private: bool,
}

pub(crate) fn success(reply: Reply, context: &ResponseContext) -> HttpResponse {
    let status = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = HttpResponseBuilder::new(status);
    common(&mut response, context);
    for (name, value) in &reply.headers {
        response.append_header((*name, value.as_str()));
    }
    match reply.body {
        // The Python SDK wants a type even of nothing, and the Node SDK would parse it if it were JSON.
        Body::Empty => response.insert_header((header::CONTENT_TYPE, HeaderValue::from_static(TEXT))).finish(),
        Body::Json(bytes) => send(response, "application/json", bytes, context),
        Body::Text(text) => send(response, TEXT, text.into_bytes(), context),
    }
}

pub(crate) fn failure(failure: &Failure, context: &ResponseContext) -> HttpResponse {
    let kind = failure.error.kind();
    let status = StatusCode::from_u16(kind.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = HttpResponseBuilder::new(status);
    common(&mut response, context);
    if let Some(seconds) = failure.error.retry_after() {
        response.insert_header((header::RETRY_AFTER, seconds));
    }
    let envelope = Envelope {
        message: failure.error.text(),
        code: kind.status(),
        r#type: kind.name(),
        version: API_VERSION,
        request_id: &context.request_id,
        field: failure.error.parameter(),
    };
    send(response, "application/json", serde_json::to_vec(&envelope).unwrap_or_default(), context)
}

fn send(
    mut response: HttpResponseBuilder,
    content_type: &'static str,
    bytes: Vec<u8>,
    context: &ResponseContext,
) -> HttpResponse {
    response.insert_header((header::CONTENT_TYPE, HeaderValue::from_static(content_type)));
    if context.no_body {
        return response.no_chunking(bytes.len() as u64).finish();
    }
    if !context.accepts_gzip || bytes.len() < COMPRESS_FROM {
        return response.body(bytes);
    }
    response.insert_header((header::VARY, HeaderValue::from_static("Accept-Encoding")));
    match gzip(&bytes) {
        Ok(small) => {
            response.insert_header((header::CONTENT_ENCODING, HeaderValue::from_static("gzip")));
            response.body(small)
        }
        Err(_) => response.body(bytes),
    }
}

fn gzip(bytes: &[u8]) -> std::io::Result<Vec<u8>> {
    // The fastest level: JSON shrinks about as much, and the answer isn't kept.
    let mut encoder = GzEncoder::new(Vec::with_capacity(bytes.len() / 4), Compression::fast());
    encoder.write_all(bytes)?;
    encoder.finish()
}

/// The headers that every answer has, errors and preflights included.
fn common(response: &mut HttpResponseBuilder, context: &ResponseContext) {
    let mut fixed = |name: &HeaderName, value: &'static str| {
        response.insert_header((name.clone(), HeaderValue::from_static(value)));
    };
    fixed(&names::SERVER, "Floe");
    fixed(&names::CONTENT_TYPE_OPTIONS, "nosniff");
    fixed(&names::FRAME_OPTIONS, "DENY");
    fixed(&names::REFERRER_POLICY, "no-referrer");
    fixed(&names::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'");
    fixed(&names::CACHE_CONTROL, if context.private { "private, no-store" } else { "no-store" });
    response.insert_header((names::REQUEST_ID.clone(), context.request_id.as_str()));
    if let Some(verdict) = context.verdict {
        response.insert_header((names::RATE_LIMIT.clone(), verdict.limit));
        response.insert_header((names::RATE_REMAINING.clone(), verdict.remaining));
        response.insert_header((names::RATE_RESET.clone(), verdict.reset));
    }
    if let Some(origin) = &context.allowed_origin {
        response.insert_header((header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.as_str()));
        response.insert_header((header::ACCESS_CONTROL_ALLOW_CREDENTIALS, "true"));
        response.insert_header((header::ACCESS_CONTROL_EXPOSE_HEADERS, "X-Appwrite-Session, X-Fallback-Cookies, X-Request-ID, X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset"));
    }
    // Whether an answer carries an origin depends on the origin that asked.
    response.append_header((header::VARY, HeaderValue::from_static("Origin")));
}

/// What a browser asks before it sends another site's request.
pub(crate) fn preflight(context: &ResponseContext) -> HttpResponse {
    let mut response = HttpResponse::NoContent();
    common(&mut response, context);
    if context.allowed_origin.is_some() {
        response.insert_header((header::ACCESS_CONTROL_ALLOW_METHODS, "GET, POST, PUT, PATCH, DELETE"));
        response.insert_header((header::ACCESS_CONTROL_ALLOW_HEADERS, ALLOWED_HEADERS));
        response.insert_header((header::ACCESS_CONTROL_MAX_AGE, "600"));
    }
    response.finish()
}

const ALLOWED_HEADERS: &str = "Accept, Origin, Cookie, Set-Cookie, Content-Type, Content-Range, Range, Cache-Control, Expires, Pragma, \
X-Requested-With, X-Forwarded-For, X-Forwarded-User-Agent, X-Request-ID, X-Appwrite-Project, X-Appwrite-Key, X-Appwrite-Dev-Key, \
X-Appwrite-Locale, X-Appwrite-Mode, X-Appwrite-JWT, X-Appwrite-Response-Format, X-Appwrite-Timeout, X-Appwrite-ID, \
X-Appwrite-Timestamp, X-Appwrite-Session, X-Appwrite-Organization, X-Appwrite-User, X-Appwrite-Impersonate-User-Id, \
X-Appwrite-Impersonate-User-Email, X-Appwrite-Impersonate-User-Phone, X-Fallback-Cookies, X-Floe-Setup-Token, X-SDK-Name, X-SDK-Platform, \
X-SDK-Language, X-SDK-Version, X-SDK-GraphQL, X-SDK-Profile";
