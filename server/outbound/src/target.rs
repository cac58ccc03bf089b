//! Where a request goes: a URL, read strictly.

use std::fmt;
use std::net::IpAddr;

use url::Url;

/// The longest URL, in bytes.
const LONGEST: usize = 8 * 1024;

/// An `http` or `https` URL whose host can be read in one way only. It says nothing yet of whether that host may be reached.
///
/// Its text may hold a secret (many services put one into the path), so that printing it shows scheme, host and port alone;
/// [`as_str`](Self::as_str) is all of it.
#[derive(Clone, PartialEq, Eq)]
pub struct Target {
    url: Url,
}

/// The host of a [`Target`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Host<'a> {
    /// A DNS name: ASCII, lower case, without a dot at the end.
    Name(&'a str),
    /// An address that stands in the URL itself.
    Address(IpAddr),
}

/// Why a text is no [`Target`]. All of it can be seen in the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidTarget {
    /// Longer than 8 KiB.
    #[error("the URL is too long")]
    TooLong,
    /// Neither `http://` nor `https://`.
    #[error("the URL must begin with http:// or https://")]
    Scheme,
    /// Blanks, control characters or backslashes.
    #[error("the URL has characters that a URL can't have")]
    Characters,
    /// A user, or an `@` before the path where one reader sees a user and another one doesn't.
    #[error("the URL must not have a user or a password in it")]
    User,
    /// No host, or one that is no DNS name and no address in its usual form (`127.1`, `0x7f000001`, `example.com.`).
    #[error("the URL's host is neither a name nor an address in its usual form")]
    Host,
    /// Anything else that the URL standard calls a failure, such as a port above 65535.
    #[error("this is no URL")]
    Url,
}

impl Target {
    /// Reads an absolute URL.
    ///
    /// Stricter than browsers: what different parsers read differently (backslashes, users, addresses as numbers) is refused,
    /// and so is whatever would only be repaired.
    ///
    /// ```
    /// # use floe_outbound::Target;
    /// assert!(Target::parse("https://example.com/hook?x=1").is_ok());
    /// assert!(Target::parse("http://user@127.0.0.1@evil").is_err());
    /// assert!(Target::parse("http://0x7f.1/").is_err());
    /// ```
    pub fn parse(text: &str) -> Result<Self, InvalidTarget> {
        check_characters(text)?;
        let rest = without_scheme(text).ok_or(InvalidTarget::Scheme)?;
        let before_path = rest.split('/').next().unwrap_or_default();
        if before_path.contains('@') {
            return Err(InvalidTarget::User);
        }
        let authority = before_path.split('?').next().unwrap_or_default();
        if authority.is_empty() || authority.contains(['%', '#']) {
            return Err(InvalidTarget::Host);
        }
        let mut url = Url::parse(text).map_err(|error| match error {
            url::ParseError::InvalidPort | url::ParseError::Overflow => InvalidTarget::Url,
            _ => InvalidTarget::Host,
        })?;
        url.set_fragment(None);
        match url.host().ok_or(InvalidTarget::Host)? {
            url::Host::Domain(name) if is_name(name) => {}
            url::Host::Ipv4(address) if without_port(authority) == address.to_string() => {}
            url::Host::Ipv6(_) if authority.starts_with('[') => {}
            _ => return Err(InvalidTarget::Host),
        }
        Ok(Self { url })
    }

    /// The target that a `Location` names, seen from this one. It is read as strictly.
    pub(crate) fn redirected(&self, location: &str) -> Result<Self, InvalidTarget> {
        check_characters(location)?;
        if location.starts_with("//") {
            return Self::parse(&format!("{}:{location}", self.url.scheme()));
        }
        let end = location.find([':', '/', '?', '#']).unwrap_or(location.len());
        if location[end..].starts_with(':') {
            return Self::parse(location);
        }
        let mut url = self.url.join(location).map_err(|_| InvalidTarget::Url)?;
        url.set_fragment(None);
        Ok(Self { url })
    }

    /// The whole URL, as it is sent; without a fragment.
    pub fn as_str(&self) -> &str {
        self.url.as_str()
    }

    /// The host that is named or addressed.
    pub fn host(&self) -> Host<'_> {
        match self.url.host() {
            Some(url::Host::Domain(name)) => Host::Name(name),
            Some(url::Host::Ipv4(address)) => Host::Address(address.into()),
            Some(url::Host::Ipv6(address)) => Host::Address(address.into()),
            None => unreachable!("a target has a host"),
        }
    }

    /// The port, which is the scheme's if none is written.
    pub fn port(&self) -> u16 {
        self.url.port_or_known_default().unwrap_or(0)
    }

    /// Whether the connection is to be encrypted.
    pub fn is_https(&self) -> bool {
        self.url.scheme() == "https"
    }

    /// `host:port`, by which hosts are told apart.
    pub fn authority(&self) -> String {
        format!("{}:{}", self.url.host_str().unwrap_or_default(), self.port())
    }

    /// What the `Host` header says: the port only where it isn't the scheme's.
    pub(crate) fn host_header(&self) -> String {
        let host = self.url.host_str().unwrap_or_default();
        self.url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
    }

    /// Path and query, as the first line of a request has them.
    pub(crate) fn path_and_query(&self) -> &str {
        &self.url[url::Position::BeforePath..url::Position::AfterQuery]
    }

    /// Whether scheme, host and port are the same.
    pub fn is_same_origin(&self, other: &Self) -> bool {
        self.url.origin() == other.url.origin()
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}/…", self.url.scheme(), self.authority())
    }
}

fn check_characters(text: &str) -> Result<(), InvalidTarget> {
    if text.len() > LONGEST {
        return Err(InvalidTarget::TooLong);
    }
    let strange =
        |c: char| c.is_control() || c.is_whitespace() || matches!(c, '\\' | '\u{200b}'..='\u{200f}' | '\u{feff}');
    if text.contains(strange) { Err(InvalidTarget::Characters) } else { Ok(()) }
}

fn without_scheme(text: &str) -> Option<&str> {
    let (scheme, rest) = text.split_once("://")?;
    (scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https")).then_some(rest)
}

fn without_port(authority: &str) -> &str {
    authority.split_once(':').map_or(authority, |(host, _)| host)
}

/// Whether it is a DNS name of the usual letters, which no resolver takes for an address: the last label isn't a number.
pub(crate) fn is_name(text: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_'))
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let last = text.rsplit('.').next().unwrap_or_default();
    let number = last.bytes().all(|byte| byte.is_ascii_digit())
        || last.strip_prefix("0x").is_some_and(|hex| hex.bytes().all(|byte| byte.is_ascii_hexdigit()));
    text.len() <= 253 && text.split('.').all(label) && !number
}

#[cfg(test)]
mod tests {
    use rand::rngs::StdRng;
    use rand::{RngExt, SeedableRng};

    use super::*;
    use crate::address::special;

    #[test]
    fn reads_usual_urls() {
        for (text, authority, path) in [
            ("http://example.com", "example.com:80", "/"),
            ("HTTPS://Example.COM:8443/a?b=c#d", "example.com:8443", "/a?b=c"),
            ("https://example.com?x=1", "example.com:443", "/?x=1"),
            ("https://example.com/a@b:c", "example.com:443", "/a@b:c"),
            ("https://münchen.example/ä", "xn--mnchen-3ya.example:443", "/%C3%A4"),
            ("http://93.184.216.34:81/", "93.184.216.34:81", "/"),
            ("http://[2606:4700::1]/", "[2606:4700::1]:80", "/"),
            ("http://my_host/", "my_host:80", "/"),
        ] {
            let target = Target::parse(text).unwrap();
            assert_eq!((target.authority().as_str(), target.path_and_query()), (authority, path), "{text}");
        }
    }

    #[test]
    fn refuses_what_is_read_in_several_ways() {
        use InvalidTarget::*;
        for (text, why) in [
            ("", Scheme),
            ("file:///etc/passwd", Scheme),
            ("gopher://example.com/", Scheme),
            ("http:example.com", Scheme),
            ("http:/example.com", Scheme),
            ("//example.com/", Scheme),
            ("http:///example.com", Host),
            ("http://", Host),
            ("http://:80/", Host),
            ("http://user@example.com/", User),
            ("http://user:pass@example.com/", User),
            ("http://user@127.0.0.1@evil", User),
            ("http://evil#@127.0.0.1", User),
            ("http://evil?@127.0.0.1", User),
            ("http://evil#x", Host),
            (r"http://evil\@127.0.0.1", Characters),
            (r"http:\\evil", Characters),
            (" http://evil", Characters),
            ("http://evil\n", Characters),
            ("http://ev\til/", Characters),
            ("http://evil/\r\nX-Injected: 1", Characters),
            ("http://evil/\u{2028}", Characters),
            ("http://evil\u{200b}.com/", Characters),
            ("http://127.0.0.1%2f@evil/", User),
            ("http://%31%32%37.0.0.1/", Host),
            ("http://[fe80::1%25eth0]/", Host),
            ("http://127.1/", Host),
            ("http://2130706433/", Host),
            ("http://0x7f000001/", Host),
            ("http://0177.0.0.1/", Host),
            ("http://127.0.0.1./", Host),
            ("http://example.com./", Host),
            ("http://a..b/", Host),
            ("http://-a.b/", Host),
            ("http://１２７.0.0.1/", Host),
            ("http://①②⑦.0.0.1/", Host),
            ("http://127。0。0。1:80/", Host),
            ("http://example.com:99999/", Url),
            ("http://example.com:x/", Url),
            ("http://1.2.3.256/", Host),
            ("http://[::1/", Host),
            ("http://a!b/", Host),
        ] {
            assert_eq!(Target::parse(text).err(), Some(why), "{text}");
        }
        assert_eq!(Target::parse(&format!("http://a/{}", "x".repeat(LONGEST))), Err(TooLong));
    }

    #[test]
    fn printing_shows_no_path() {
        let target = Target::parse("https://hooks.example/services/T0/secret?token=hush").unwrap();
        assert_eq!(format!("{target:?}"), "https://hooks.example:443/…");
    }

    #[test]
    fn a_location_is_read_from_where_it_came() {
        let from = Target::parse("https://example.com/a/b?c").unwrap();
        for (location, expected) in [
            ("d", Some("https://example.com/a/d")),
            ("/d?e#f", Some("https://example.com/d?e")),
            ("?x:y", Some("https://example.com/a/b?x:y")),
            ("//other.example/x", Some("https://other.example/x")),
            ("http://other.example", Some("http://other.example/")),
            ("/..//evil", Some("https://example.com//evil")),
            ("file:///etc/passwd", None),
            ("gopher://x", None),
            ("ftp://x", None),
            ("javascript:1", None),
            ("http:x", None),
            ("//u@x", None),
            ("//127.1", None),
            (r"/\evil", None),
            ("/a b", None),
        ] {
            assert_eq!(from.redirected(location).ok().as_ref().map(Target::as_str), expected, "{location}");
        }
    }

    /// Whatever way an address of this machine or its networks is spelled in, the URL is refused, or its host is that address
    /// and special.
    #[test]
    fn no_spelling_hides_an_address() {
        let mut rng = StdRng::seed_from_u64(7);
        let bases: [u32; 6] = [0x7f00_0001, 0x0a00_0001, 0xac10_0001, 0xc0a8_0001, 0xa9fe_a9fe, 0x6440_0001];
        for _ in 0..20_000 {
            let address = bases[rng.random_range(0..bases.len())] ^ rng.random_range(0..0x8000u32);
            let text = format!("http://{}/", spelled(&mut rng, address));
            match Target::parse(&text).as_ref().map(Target::host) {
                Err(_) => {}
                Ok(Host::Address(ip)) => assert!(special(ip).is_some(), "{text} is {ip}"),
                Ok(Host::Name(name)) => panic!("{text} is the name {name}"),
            }
        }
    }

    fn spelled(rng: &mut StdRng, address: u32) -> String {
        let bytes = address.to_be_bytes();
        let [a, b, c, d] = bytes.map(u32::from);
        let parts = match rng.random_range(0..4) {
            0 => vec![address],
            1 => vec![a, address & 0xff_ffff],
            2 => vec![a, b, c << 8 | d],
            _ => vec![a, b, c, d],
        };
        let mut number = |value: u32| match rng.random_range(0..5) {
            0 => format!("0x{value:x}"),
            1 => format!("0X{value:08X}"),
            2 => format!("0{value:o}"),
            _ => value.to_string(),
        };
        let text = parts.into_iter().map(&mut number).collect::<Vec<_>>().join(".");
        let text = match rng.random_range(0..5) {
            0 => text.chars().map(full_width).collect(),
            1 => text.bytes().map(|byte| format!("%{byte:02x}")).collect(),
            2 => format!("[::ffff:{:x}:{:x}]", address >> 16, address & 0xffff),
            3 => {
                let form = ["::", "64:ff9b::", "::ffff:0:", "2002:", "2001:0:"][rng.random_range(0..5)];
                let tail = if form.starts_with("200") { "::1" } else { "" };
                format!("[{form}{:x}:{:x}{tail}]", address >> 16, address & 0xffff)
            }
            _ => text,
        };
        if rng.random_range(0..4) == 0 { format!("{text}.") } else { text }
    }

    fn full_width(c: char) -> char {
        if c == '.' { '。' } else { char::from_u32(u32::from(c) + 0xfee0).unwrap() }
    }
}
