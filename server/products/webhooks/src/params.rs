//! The types of parameters that only webhooks have.

use crate::grammar;
use floe_gateway::input::{Param, Refusal};
use floe_gateway::param::{Text, Url};
use floe_kernel::secret::Secret;
use floe_kernel::{Error, Result};
use floe_outbound::{Outbound, Target};
use serde_json::{Value as Json, json};

/// A URL that may be one of a webhook: on a host of the public internet, or one that the operator has allowed.
#[derive(Debug)]
pub(crate) struct HookUrl(String);

/// What a webhook's URL must be.
const RULE: &str = "Value must be a valid URL with schemes (http, https) and a public domain";

/// Top-level domains that lead nowhere outside of somebody's own network.
const PRIVATE: &[&str] = &[
    "localhost",
    "local",
    "internal",
    "intranet",
    "lan",
    "home",
    "corp",
    "test",
    "invalid",
    "example",
    "onion",
    "arpa",
];

impl HookUrl {
    /// The URL.
    ///
    /// # Errors
    /// [`floe_kernel::ErrorKind::GeneralArgumentInvalid`] for a host that is neither public nor allowed.
    pub(crate) fn reachable(self, outbound: &Outbound) -> Result<String> {
        let is_allowed = || Target::parse(&self.0).is_ok_and(|target| outbound.is_allowed(&target));
        if Self::is_public(&self.0) || is_allowed() { Ok(self.0) } else { Err(Error::invalid("url", RULE)) }
    }

    /// Only names, no addresses in any of their many notations: a name whose last label is a word can't be one.
    fn is_public(text: &str) -> bool {
        let scheme_end = text.find("://").map_or(0, |at| at + 3);
        let authority = text[scheme_end..].split(['/', '?', '#']).next().unwrap_or_default();
        let (host, port) = authority.split_once(':').map_or((authority, None), |(host, port)| (host, Some(port)));
        let host = host.to_ascii_lowercase();
        let label = |part: &str| {
            (1..=63).contains(&part.len())
                && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
                && !part.starts_with('-')
                && !part.ends_with('-')
        };
        let top = host.rsplit('.').next().unwrap_or_default();
        let is_word = top.bytes().all(|byte| byte.is_ascii_alphabetic()) || top.starts_with("xn--");
        Url::is_valid(text)
            && host.len() <= 253
            && host.contains('.')
            && host.split('.').all(label)
            && top.len() >= 2
            && is_word
            && !PRIVATE.contains(&top)
            && port.is_none_or(|port| {
                port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok_and(|port| port > 0)
            })
    }
}

impl Param for HookUrl {
    fn read(value: Json) -> std::result::Result<Self, Refusal> {
        let text = String::read(value).map_err(|_| Refusal::from(RULE))?;
        Url::is_valid(&text).then_some(Self(text)).ok_or(RULE.into())
    }

    fn schema() -> Json {
        json!({"type": "string", "format": "uri"})
    }
}

/// A pattern of events.
#[derive(Debug)]
pub(crate) struct EventPattern(pub(crate) String);

impl Param for EventPattern {
    fn read(value: Json) -> std::result::Result<Self, Refusal> {
        let text = value.as_str().filter(|text| text.len() <= 512 && grammar::is_pattern(text)).map(str::to_owned);
        text.map(Self).ok_or("Event is not valid".into())
    }

    fn schema() -> Json {
        json!({"type": "string", "description": "Such as `users.*.create` or `databases.main.tables.*.rows.*`."})
    }
}

/// A secret of `MIN` to 256 characters. It doesn't print.
#[derive(Debug)]
pub(crate) struct SecretText<const MIN: usize>(pub(crate) Secret);

impl<const MIN: usize> Param for SecretText<MIN> {
    fn read(value: Json) -> std::result::Result<Self, Refusal> {
        Text::<MIN, 256>::read(value).map(|text| Self(Secret::new(text)))
    }

    fn schema() -> Json {
        Text::<MIN, 256>::schema()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_lead_to_the_public_internet() {
        for url in [
            "https://example.com",
            "http://Hooks.Example.org:8080/a?b#c",
            "https://xn--mnchen-3ya.de/x",
            "https://a.xn--p1ai",
        ] {
            assert!(HookUrl::is_public(url), "{url}");
        }
    }

    /// SEC-001, SEC-002, SEC-005.
    #[test]
    fn urls_are_no_way_into_a_network() {
        for url in [
            "http://127.0.0.1",
            "http://10.0.0.1",
            "http://169.254.169.254/latest",
            "http://0.0.0.0",
            "http://[::1]",
            "http://[fc00::1]",
            "http://[::ffff:127.0.0.1]",
            "http://2130706433",
            "http://0177.0.0.1",
            "http://0x7f.0.0.1",
            "http://0x7f000001",
            "http://127.1",
            "http://a.0x7f",
            "http://localhost",
            "http://x.localhost",
            "http://printer.local",
            "http://db.internal",
            "http://intranet",
            "http://example.com.",
            "http://１２７.0.0.1",
            "http://example。com",
            "http://user@127.0.0.1@evil.com",
            "http://evil.com\\@127.0.0.1",
            "http://evil.com\r\nHost: x",
            "ftp://example.com",
            "file:///etc/passwd",
            "//example.com",
            "",
            "http://",
            "http://-a.com",
            "http://a..com",
            "http://example.com:0",
            "http://example.com:99999",
            "http://example.com:80:80",
            "http://example.com:+80",
            "http://1.0.0.127.in-addr.arpa",
        ] {
            assert!(!HookUrl::is_public(url), "{url}");
        }
    }

    #[test]
    fn secrets_of_other_types_are_refused() {
        for value in [
            json!(null),
            json!(1),
            json!([]),
            json!({}),
            json!("x".repeat(257)),
            json!("short"),
            json!("with\0nul-inside"),
        ] {
            assert!(SecretText::<8>::read(value).is_err());
        }
    }
}
