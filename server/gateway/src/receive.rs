//! Receive: what can be said about a request before anybody knows who sent it.

use crate::arrival::{Arrival, Headers};
use crate::call::RequestInfo;
use crate::gateway::GatewaySettings;
use crate::names;
use floe_kernel::hops::Hops;
use floe_kernel::secret::Secret;
use floe_kernel::time::Timestamp;
use floe_kernel::{Error, ErrorKind, Result};
use http::header::HeaderName;
use rand::RngExt as _;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// A header as text; `None` when it isn't there or isn't text.
pub(crate) fn header<'h>(headers: &'h Headers, name: &HeaderName) -> Option<&'h str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// The request's own facts.
pub(crate) fn info(arrival: &Arrival, settings: &GatewaySettings) -> RequestInfo {
    let headers = &arrival.headers;
    let text = |name: &HeaderName| header(headers, name).unwrap_or_default().to_owned();
    let behind_proxy = settings.trusted_proxies > 0;
    RequestInfo {
        id: request_id(headers),
        ip: address(arrival, settings.trusted_proxies).map(|address| address.to_string()).unwrap_or_default(),
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
        hops: Hops::read(headers.get_all(&names::HOPS).map(|value| value.to_str().unwrap_or("?"))),
        setup_token: header(headers, &names::SETUP_TOKEN).map(Secret::new),
    }
}

/// Refuses two headers of one name that say who calls what, or how it is to be read, and each something else: a proxy in front
/// may have taken the other one.
///
/// # Errors
/// `general_bad_request`.
pub(crate) fn refuse_contradictions(headers: &Headers) -> Result<()> {
    for (n, (name, value)) in headers.iter().enumerate().filter(|(_, (name, _))| decides(name)) {
        if headers.iter().take(n).any(|(known, other)| known == name && other != value) {
            let message = format!("The header {name} is there twice, with different values.");
            return Err(Error::new(ErrorKind::GeneralBadRequest).message(message).field(name.as_str().to_owned()));
        }
    }
    Ok(())
}

/// Whether what a request does, and for whom, hangs on a header of this name. Cookies are sent in parts, and have
/// [a rule of their own](crate::cookies).
fn decides(name: &HeaderName) -> bool {
    const OTHERS: [&str; 6] =
        ["authorization", "content-encoding", "content-type", "origin", "x-fallback-cookies", "x-floe-setup-token"];
    let name = name.as_str();
    name.starts_with("x-appwrite-") || OTHERS.contains(&name)
}

/// Refuses headers that say something which can't be.
///
/// # Errors
/// `general_argument_invalid`.
pub(crate) fn check(headers: &Headers) -> Result<()> {
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
fn request_id(headers: &Headers) -> String {
    let fits = |id: &&str| {
        (1..=64).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
    };
    header(headers, &names::REQUEST_ID)
        .filter(fits)
        .map_or_else(|| floe_kernel::secret::hex(&rand::rng().random::<[u8; 16]>()), str::to_owned)
}

/// The caller's address: the peer's, or what so many trusted proxies say of it. What the caller itself writes into
/// `X-Forwarded-For` stands further left and is never believed.
pub(crate) fn address(arrival: &Arrival, trusted_proxies: usize) -> Option<IpAddr> {
    if trusted_proxies > 0 {
        let hops = arrival.headers.get_all(&names::FORWARDED_FOR).filter_map(|value| value.to_str().ok());
        let hops: Vec<&str> = hops.flat_map(|value| value.split(',')).map(str::trim).collect();
        let hop = hops.len().checked_sub(trusted_proxies).and_then(|at| hops.get(at));
        if let Some(hop) = hop.and_then(|hop| one_spelling(hop)) {
            return Some(hop);
        }
    }
    arrival.peer
}

/// An address as proxies write it: with or without quotes, brackets and a port; one of IPv4 also as IPv6.
fn one_spelling(hop: &str) -> Option<IpAddr> {
    let hop = hop.trim_matches('"');
    let bare = || hop.strip_prefix('[').and_then(|hop| hop.strip_suffix(']')).unwrap_or(hop).parse().ok();
    bare().or_else(|| hop.parse::<SocketAddr>().ok().map(|hop| hop.ip())).map(|address: IpAddr| address.to_canonical())
}

fn host(host: &str) -> &str {
    match host.strip_prefix('[') {
        Some(ipv6) => ipv6.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_counts_once_however_it_is_written() {
        for spelling in ["192.0.2.1", "\"192.0.2.1\"", "192.0.2.1:80", "::ffff:192.0.2.1", "[::ffff:192.0.2.1]:80"] {
            assert_eq!(one_spelling(spelling), "192.0.2.1".parse().ok(), "{spelling}");
        }
        assert_eq!(one_spelling("[2001:db8::1]"), "2001:db8::1".parse().ok());
        assert_eq!((one_spelling("unknown"), one_spelling("_hidden")), (None, None));
    }

    #[test]
    fn what_decides_is_said_once() {
        use http::header::HeaderValue;
        let told = |pairs: &[(&'static str, &'static str)]| {
            let header = |(name, value): &(&'static str, &'static str)| {
                (HeaderName::from_static(name), HeaderValue::from_static(value))
            };
            refuse_contradictions(&pairs.iter().map(header).collect())
        };
        let refused = told(&[("x-appwrite-key", "a"), ("accept", "x"), ("x-appwrite-key", "b")]).unwrap_err();
        assert_eq!((refused.kind(), refused.parameter()), (ErrorKind::GeneralBadRequest, Some("x-appwrite-key")));
        assert!(told(&[("x-appwrite-key", "a"), ("x-appwrite-key", "a")]).is_ok(), "the same twice is one");
        assert!(told(&[("accept", "a"), ("accept", "b"), ("cookie", "a=1"), ("cookie", "b=1")]).is_ok());
    }

    #[test]
    fn hosts_lose_their_ports() {
        assert_eq!((host("a.b:80"), host("[::1]:80"), host("a")), ("a.b", "::1", "a"));
    }
}
