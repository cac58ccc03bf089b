//! The types of parameters that only projects have.

use floe_gateway::input::{Param, Refusal};
use floe_gateway::param::CustomId;
use floe_kernel::id;
use floe_kernel::scope::{self, Scope};
use floe_kernel::time::Timestamp;
use serde_json::{Value as Json, json};

/// The id of a new project: as other ids, but without capitals, because it becomes the name of a file or a schema.
#[derive(Debug)]
pub(crate) struct ProjectId(CustomId);

impl ProjectId {
    pub(crate) fn or_make(self, now: Timestamp) -> String {
        self.0.or_make(now)
    }
}

impl Param for ProjectId {
    fn read(value: Json) -> Result<Self, Refusal> {
        const RULE: &str = "Project IDs must contain at most 36 chars. Valid chars are a-z, 0-9, period, hyphen, and underscore. Can't start with a special char, nor end with _legacy";
        let id = CustomId::read(value).map_err(|_| Refusal::from(RULE))?;
        let fits = !matches!(&id, CustomId::Chosen(id) if !id::is_free_for_project(id));
        fits.then_some(Self(id)).ok_or(RULE.into())
    }

    fn schema() -> Json {
        json!({"type": "string", "description": "`unique()` asks for an id of the server's making.",
               "pattern": "^(unique\\(\\)|[a-z0-9][a-z0-9._-]{0,35})$"})
    }
}

/// When a key ends. `null` or an empty text, as answers say it: never.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Expiry(pub(crate) Option<Timestamp>);

impl Param for Expiry {
    fn read(value: Json) -> Result<Self, Refusal> {
        if value.is_null() || value == "" {
            return Ok(Self(None));
        }
        Timestamp::read(value).map(|moment| Self(Some(moment)))
    }

    fn schema() -> Json {
        Option::<Timestamp>::schema()
    }
}

/// A scope that an API key may be given.
#[derive(Debug, Clone, Copy)]
pub(crate) struct KeyScope(pub(crate) Scope);

impl Param for KeyScope {
    fn read(value: Json) -> Result<Self, Refusal> {
        let scope = value.as_str().and_then(Scope::parse).filter(|scope| scope::PROJECT.has(*scope));
        scope.map(Self).ok_or_else(|| format!("Value must be one of ({})", names().join(", ")).into())
    }

    fn schema() -> Json {
        json!({"type": "string", "enum": names()})
    }
}

fn names() -> Vec<&'static str> {
    scope::PROJECT.iter().map(Scope::name).collect()
}

/// The host name of a web app, or `*.` and a domain for all hosts below it; in lower case.
#[derive(Debug)]
pub(crate) struct Hostname(String);

impl From<Hostname> for String {
    fn from(hostname: Hostname) -> Self {
        hostname.0
    }
}

impl Hostname {
    /// A wildcard must leave two labels at least: `*.com` would let everybody in.
    fn parse(text: &str) -> Option<Self> {
        let text = text.trim().to_ascii_lowercase();
        let (wild, host) = text.strip_prefix("*.").map_or((false, text.as_str()), |host| (true, host));
        let label = |part: &str| {
            (1..=63).contains(&part.len())
                && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
                && !part.starts_with('-')
                && !part.ends_with('-')
        };
        let fits = text.len() <= 253 && host.split('.').all(label) && (!wild || host.contains('.'));
        (fits || text.parse::<std::net::Ipv6Addr>().is_ok()).then_some(Self(text))
    }
}

impl Param for Hostname {
    fn read(value: Json) -> Result<Self, Refusal> {
        const RULE: &str = "Value must be a valid hostname without path and port";
        value.as_str().and_then(Self::parse).ok_or(RULE.into())
    }

    fn schema() -> Json {
        json!({"type": "string", "format": "hostname", "description": "A host name, or `*.` and a domain."})
    }
}

/// Words of which a parameter is one.
macro_rules! words {
    ($($(#[$meta:meta])* $name:ident: $($word:literal)|+;)*) => { $(
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) struct $name(pub(crate) &'static str);

        impl $name {
            /// Every one of them, in the contract's order.
            pub(crate) const ALL: &'static [&'static str] = &[$($word),+];
        }

        impl Param for $name {
            fn read(value: Json) -> Result<Self, Refusal> {
                let found = value.as_str().and_then(|text| Self::ALL.iter().find(|word| **word == text));
                found.copied().map(Self).ok_or_else(|| format!("Value must be one of ({})", Self::ALL.join(", ")).into())
            }

            fn schema() -> Json {
                json!({"type": "string", "enum": Self::ALL})
            }
        }
    )* };
}

words! {
    /// A way to sign in.
    AuthMethod: "email-password" | "magic-url" | "email-otp" | "anonymous" | "invites" | "jwt" | "phone";
    /// A service that clients may be kept from.
    Service: "account" | "avatars" | "databases" | "tablesdb" | "locale" | "health" | "project" | "storage" | "teams"
        | "users" | "vcs" | "sites" | "functions" | "proxy" | "graphql" | "migrations" | "messaging" | "advisor";
    /// A way to call the API.
    Protocol: "rest" | "graphql" | "websocket";
    /// A policy that can be set.
    Policy: "session-duration" | "session-invalidation" | "session-limit" | "user-limit" | "membership-privacy";
    /// What a web platform may call itself; all but the first come from older SDKs, which had no platforms of their own
    /// for apps.
    WebKind: "web" | "flutter-web" | "unity" | "flutter-macos" | "flutter-ios" | "react-native-ios" | "apple-ios"
        | "apple-macos" | "apple-watchos" | "apple-tvos" | "flutter-android" | "react-native-android"
        | "flutter-windows" | "flutter-linux";
}

/// The one region that there is, in whatever case.
#[derive(Debug)]
pub(crate) struct Region;

impl Region {
    pub(crate) const NAME: &'static str = "default";
}

impl Param for Region {
    fn read(value: Json) -> Result<Self, Refusal> {
        let known = value.as_str().is_some_and(|text| text.eq_ignore_ascii_case(Self::NAME));
        known.then_some(Self).ok_or("Value must be one of (default)".into())
    }

    fn schema() -> Json {
        json!({"type": "string", "enum": [Self::NAME]})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_names_and_wildcards_leave_something() {
        for (given, kept) in [
            ("App.Example.org", "app.example.org"),
            ("*.example.org", "*.example.org"),
            ("localhost", "localhost"),
            ("::1", "::1"),
        ] {
            assert_eq!(Hostname::parse(given).map(String::from).as_deref(), Some(kept));
        }
        for text in
            ["", "*", "*.", "*.com", "a.*.org", "**.a.b", "a b", "https://a.b", "a.b/c", "a.b:80", "a..b", ".a", "-a.b"]
        {
            assert!(Hostname::parse(text).is_none(), "{text}");
        }
    }

    #[test]
    fn keys_are_given_scopes_of_projects_only() {
        assert!(KeyScope::read(json!("rows.read")).is_ok());
        for no in [json!("projects.write"), json!("account"), json!("everything"), json!(1), json!(null)] {
            assert!(KeyScope::read(no).is_err());
        }
    }

    #[test]
    fn project_ids_have_no_capitals() {
        assert!(ProjectId::read(json!("shop-1")).is_ok() && ProjectId::read(json!("unique()")).is_ok());
        for id in ["Shop", "../x", "_x", "", "a/b", "a\u{0}"] {
            assert!(ProjectId::read(json!(id)).is_err(), "{id}");
        }
    }
}
