//! The cookies that carry a session (`semantics.md` section 3).

use crate::call::Call;
use floe_kernel::secret::SessionToken;
use floe_kernel::time::Timestamp;

/// The headers that give the caller a session.
#[must_use]
pub fn start(call: &Call, token: &SessionToken, expires: Timestamp) -> Vec<(&'static str, String)> {
    headers(call, &token.encode(), expires)
}

/// The headers that take the caller's session away.
#[must_use]
pub fn end(call: &Call) -> Vec<(&'static str, String)> {
    headers(call, "", Timestamp::from_millis(0))
}

fn headers(call: &Call, value: &str, expires: Timestamp) -> Vec<(&'static str, String)> {
    let name = format!("a_session_{}", call.project.id);
    let when = http_date(expires);
    // No Domain: the cookie is for the very host that was called. `None` wants `Secure`, which wants TLS; for the rest
    // there is the second cookie, which says nothing about sites and so is for the same site only.
    let secure = if call.request.secure { "; Secure" } else { "" };
    let mut headers = vec![
        ("Set-Cookie", format!("{name}={value}; Path=/; Expires={when}; HttpOnly{secure}; SameSite=None")),
        ("Set-Cookie", format!("{name}_legacy={value}; Path=/; Expires={when}; HttpOnly{secure}")),
    ];
    if !same_site(call) {
        let fallback = if value.is_empty() { "[]".to_owned() } else { format!("{{\"{name}\":\"{value}\"}}") };
        headers.push(("X-Fallback-Cookies", fallback));
    }
    headers
}

/// Whether a browser would send our cookies back from where the request came from: then it needs no copy of them that
/// scripts can read.
fn same_site(call: &Call) -> bool {
    let origin = call.request.origin.as_deref().and_then(host_of);
    origin.is_some_and(|origin| site(origin) == site(&call.request.host))
}

/// The host of an origin, without scheme and port.
#[must_use]
pub fn host_of(origin: &str) -> Option<&str> {
    let (_, rest) = origin.split_once("://")?;
    match rest.strip_prefix('[') {
        Some(ipv6) => ipv6.split(']').next(),
        None => rest.split([':', '/']).next(),
    }
}

/// The last two labels of a host name. Coarser than the public suffix list: at worst a browser is given a copy of its
/// session that it doesn't need, or has to send its cookie to a neighbour's host, which it won't.
fn site(host: &str) -> &str {
    if host.parse::<std::net::IpAddr>().is_ok() {
        return host;
    }
    let mut dots = host.rmatch_indices('.').map(|(at, _)| at);
    dots.nth(1).map_or(host, |at| &host[at + 1..])
}

/// A moment as HTTP writes it (RFC 9110, IMF-fixdate).
fn http_date(moment: Timestamp) -> String {
    std::time::UNIX_EPOCH
        .checked_add(std::time::Duration::from_secs(u64::try_from(moment.seconds()).unwrap_or(0)))
        .map(|time| actix_web::http::header::HttpDate::from(time).to_string())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_and_sites() {
        assert_eq!(host_of("https://app.example.org:8443"), Some("app.example.org"));
        assert_eq!(host_of("http://[::1]:3000"), Some("::1"));
        assert_eq!(host_of("null"), None);
        assert_eq!(site("a.b.example.org"), "example.org");
        assert_eq!(site("localhost"), "localhost");
        assert_eq!(site("127.0.0.1"), "127.0.0.1");
    }

    #[test]
    fn dates_are_https() {
        assert_eq!(http_date(Timestamp::from_millis(784_111_777_000)), "Sun, 06 Nov 1994 08:49:37 GMT");
    }
}
