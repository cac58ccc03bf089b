//! The cookies that carry a session (`semantics.md` section 3), and the one by which a device is known again.

use crate::arrival::Headers;
use crate::call::Call;
use crate::names;
use floe_kernel::secret::SessionToken;
use floe_kernel::time::Timestamp;
use percent_encoding::percent_decode_str;
use std::borrow::Cow;

/// How the names of sessions' cookies begin, before the project's id.
const SESSION: &str = "a_session_";

/// How the names of devices' cookies begin, before the project's id.
const DEVICE: &str = "a_device_";

/// A cookie that carries a session, one of three that carry the same one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Session {
    prefix: &'static str,
    suffix: &'static str,
    /// What browsers are told of it beside what they are told of all three.
    flags: &'static str,
}

impl Session {
    /// Under TLS. No neighbouring host can set it for ours: browsers see to that for names that begin so.
    pub(crate) const HOST: Self = Self { prefix: "__Host-", suffix: "", flags: "; SameSite=None" };
    /// Appwrite's. `None` wants `Secure`, which wants TLS; for the rest there is the next.
    pub(crate) const PLAIN: Self = Self { prefix: "", suffix: "", flags: "; SameSite=None" };
    /// Appwrite's second, which says nothing about sites and so is for the same site only.
    pub(crate) const LEGACY: Self = Self { prefix: "", suffix: "_legacy", flags: "" };

    /// Its name for a project.
    pub(crate) fn name(self, project_id: &str) -> String {
        format!("{}{SESSION}{project_id}{}", self.prefix, self.suffix)
    }

    /// What a browser keeps under its name.
    pub(crate) fn kept<'h>(self, jar: &Jar<'h>, project_id: &str) -> Option<Cow<'h, str>> {
        let value = jar.only(|name| self.is_called(name, project_id))?;
        // Some clients escape the `=` at the end of base64. Most don't, and this is on everybody's way.
        let escaped = value.contains('%');
        Some(if escaped { percent_decode_str(value).decode_utf8_lossy() } else { Cow::Borrowed(value) })
    }

    fn is_called(self, name: &str, project_id: &str) -> bool {
        let middle = name.strip_prefix(self.prefix).and_then(|name| name.strip_suffix(self.suffix));
        middle.and_then(|name| name.strip_prefix(SESSION)) == Some(project_id)
    }
}

/// The cookies of a request, taken apart once.
pub(crate) struct Jar<'h>(Vec<(&'h str, &'h str)>);

impl<'h> Jar<'h> {
    /// What the request brings.
    pub(crate) fn of(headers: &'h Headers) -> Self {
        let sent = headers.get_all(&names::COOKIE).filter_map(|value| std::str::from_utf8(value.as_bytes()).ok());
        let pairs = sent.flat_map(|value| value.split(';')).filter_map(|pair| pair.split_once('='));
        Self(pairs.map(|(name, value)| (name.trim_ascii(), value.trim_ascii())).collect())
    }

    /// The value of a cookie. A browser that sends two of one name has got one of them from a neighbouring host (or from a
    /// page without TLS), and nothing tells which: then neither counts.
    fn only(&self, is_called: impl Fn(&str) -> bool) -> Option<&'h str> {
        let mut values = self.0.iter().filter(|(name, _)| is_called(name)).map(|(_, value)| *value);
        let first = values.next()?;
        values.all(|other| other == first).then_some(first)
    }
}

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

/// The header by which the caller's device is known from now on, see [`crate::device::Devices`].
#[must_use]
pub fn know_device(call: &Call, kept: &str, until: Timestamp) -> (&'static str, String) {
    let secure = if call.request.secure { "; Secure; SameSite=None" } else { "" };
    let (name, when) = (device(&call.project.id), http_date(until));
    ("Set-Cookie", format!("{name}={kept}; Path=/v1/account; Expires={when}; HttpOnly{secure}"))
}

/// What the caller's device keeps.
pub(crate) fn kept_by_device<'h>(headers: &'h Headers, project_id: &str) -> Option<&'h str> {
    Jar::of(headers).only(|name| name.strip_prefix(DEVICE) == Some(project_id))
}

fn device(project_id: &str) -> String {
    format!("{DEVICE}{project_id}")
}

fn headers(call: &Call, value: &str, expires: Timestamp) -> Vec<(&'static str, String)> {
    let (project_id, when) = (&call.project.id, http_date(expires));
    let (secure, kinds) = match call.request.secure {
        true => ("; Secure", &[Session::PLAIN, Session::LEGACY, Session::HOST][..]),
        false => ("", &[Session::PLAIN, Session::LEGACY][..]),
    };
    // No Domain: the cookie is for the very host that was called.
    let cookie = |kind: &Session| {
        let (name, flags) = (kind.name(project_id), kind.flags);
        ("Set-Cookie", format!("{name}={value}; Path=/; Expires={when}; HttpOnly{secure}{flags}"))
    };
    let mut headers: Vec<_> = kinds.iter().map(cookie).collect();
    if !same_site(call) {
        let name = Session::PLAIN.name(project_id);
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

/// The host of an origin, without scheme and port; `None` for what no browser would write.
#[must_use]
pub fn host_of(origin: &str) -> Option<&str> {
    let (_, rest) = origin.split_once("://")?;
    let (host, port) = match rest.strip_prefix('[') {
        Some(ipv6) => ipv6.split_once(']')?,
        None => rest.split_at(rest.find(':').unwrap_or(rest.len())),
    };
    let digits = |port: &str| port.bytes().all(|byte| byte.is_ascii_digit());
    let fits = port.is_empty() || port.strip_prefix(':').is_some_and(digits);
    (fits && !host.contains(['/', '@'])).then_some(host)
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
        .map(httpdate::fmt_http_date)
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_and_sites() {
        assert_eq!(host_of("https://app.example.org:8443"), Some("app.example.org"));
        assert_eq!(host_of("http://[::1]:3000"), Some("::1"));
        for odd in ["null", "http://[::1].evil.org", "http://[::1", "http://a.org:80@evil.org", "http://a.org@b.org"] {
            assert_eq!(host_of(odd), None, "{odd}");
        }
        assert_eq!(site("a.b.example.org"), "example.org");
        assert_eq!(site("localhost"), "localhost");
        assert_eq!(site("127.0.0.1"), "127.0.0.1");
    }

    #[test]
    fn dates_are_https() {
        assert_eq!(http_date(Timestamp::from_millis(784_111_777_000)), "Sun, 06 Nov 1994 08:49:37 GMT");
    }
}
