//! What a request brings to show who sent it, parsed once.

use crate::arrival::{Arrival, Headers};
use crate::authenticate::Credentials;
use crate::names;
use crate::receive::header;
use floe_kernel::directory::CONSOLE;
use http::header::HeaderName;

/// The credentials of a request to this project. `implied_admin`: its path is one that only a console user's session opens.
pub(crate) fn parse(arrival: &Arrival, project_id: &str, implied_admin: bool) -> Credentials {
    let headers = &arrival.headers;
    let own = |name: &HeaderName| header(headers, name).filter(|value| !value.is_empty()).map(str::to_owned);
    let mode = own(&names::MODE).or_else(|| arrival.query_text("mode").map(str::to_owned));
    let admin = implied_admin || mode.as_deref() == Some("admin");
    let name = format!("a_session_{}", if admin { CONSOLE } else { project_id });
    Credentials {
        key: own(&names::KEY),
        jwt: own(&names::JWT),
        session: own(&names::SESSION),
        cookies: cookies(headers, &name),
        admin,
    }
}

/// The sessions that a browser keeps for this project: the cookie, its twin for sites without TLS, and the copy that
/// the web SDK keeps where cookies of another site are refused.
fn cookies(headers: &Headers, name: &str) -> Vec<String> {
    let (mut found, mut legacy) = (Vec::new(), Vec::new());
    let sent = headers.get_all(&names::COOKIE).filter_map(|value| std::str::from_utf8(value.as_bytes()).ok());
    for pair in sent.flat_map(|value| value.split(';')) {
        let Some(rest) = pair.trim_ascii_start().strip_prefix(name) else { continue };
        if let Some(value) = rest.strip_prefix('=') {
            found.push(percent_decoded(value.trim_ascii_end()));
        } else if let Some(value) = rest.strip_prefix("_legacy=") {
            legacy.push(percent_decoded(value.trim_ascii_end()));
        }
    }
    found.append(&mut legacy);
    if let Some(fallback) = header(headers, &names::FALLBACK_COOKIES) {
        let map: Option<serde_json::Map<String, serde_json::Value>> = serde_json::from_str(fallback).ok();
        found.extend(map.and_then(|map| map.get(name).and_then(|value| value.as_str().map(str::to_owned))));
    }
    found
}

/// Some clients escape the `=` at the end of base64.
fn percent_decoded(text: &str) -> String {
    if !text.contains('%') {
        return text.to_owned();
    }
    percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned()
}
