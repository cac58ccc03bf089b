//! A request and its limits.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use hyper::Method;
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};

use crate::Hops;
use crate::target::Target;

/// The limits of one request. The defaults are those of a webhook: 5 seconds to connect, 15 in all, 5 MiB, no redirects,
/// certificates verified.
#[derive(Clone, Debug)]
pub struct Policy {
    /// How long resolving, connecting and the TLS handshake may take together, at each hop.
    pub connect: Duration,
    /// How long all of it may take, from the first wait for a free place to the last byte of the answer.
    pub total: Duration,
    /// The longest silence: between the request and the head of its answer, and between two pieces of the answer's body.
    pub idle: Duration,
    /// The most bytes of the answer's body, counted once as received and once as expanded.
    pub max_body: u64,
    /// What happens with a body that is longer.
    pub overflow: Overflow,
    /// Which redirects are followed.
    pub redirects: Redirects,
    /// Whether the other end's certificate must be trusted and be for the host's name.
    pub verify_tls: bool,
    /// Whether the answer may be compressed (gzip), to be expanded here. If not, what comes is handed on as it is.
    pub gzip: bool,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            total: Duration::from_secs(15),
            idle: Duration::from_secs(15),
            max_body: 5 * 1024 * 1024,
            overflow: Overflow::Refuse,
            redirects: Redirects::NONE,
            verify_tls: true,
            gzip: false,
        }
    }
}

/// What happens with an answer's body that is longer than it may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overflow {
    /// It is an error ([`ErrorKind::TooLarge`](crate::ErrorKind::TooLarge)), told from the `Content-Length` where there is one.
    Refuse,
    /// It ends there, as if it had ended.
    Cut,
}

/// Which redirects are followed. Each is resolved and checked like a request of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Redirects {
    /// How many at most. With 0 the redirect itself is the answer.
    pub hops: u8,
    /// Whether one may lead from `https` to `http`.
    pub downgrade: bool,
}

impl Redirects {
    /// None is followed.
    pub const NONE: Self = Self { hops: 0, downgrade: false };
    /// Three are followed, never from `https` to `http`.
    pub const FOLLOW: Self = Self { hops: 3, downgrade: false };
}

/// A header with a name or a value that no header can have. It says the name; the value may be a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the header {0:?} can't be sent")]
pub struct InvalidHeader(String);

/// A request to be sent. Headers that belong to the connection (`Host`, `Content-Length`, `Connection` and the like) are ours:
/// what is given for them isn't sent.
#[derive(Clone)]
pub struct Request {
    pub(crate) method: Method,
    pub(crate) target: Target,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) policy: Policy,
    pub(crate) owner: Arc<str>,
    pub(crate) hops: Hops,
}

impl Request {
    /// A request without headers and body, with the default limits, on behalf of nobody in particular.
    pub fn new(method: Method, target: Target) -> Self {
        Self {
            method,
            target,
            headers: HeaderMap::new(),
            body: Bytes::new(),
            policy: Policy::default(),
            owner: Arc::from(""),
            hops: Hops::default(),
        }
    }

    /// With a header, in place of what there was of that name.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    /// With a header whose name or value users wrote, in place of what there was of that name.
    ///
    /// # Errors
    /// When they aren't fit for a header: a line break, for instance, would make two of one.
    pub fn try_header(self, name: &str, value: &str) -> Result<Self, InvalidHeader> {
        let invalid = || InvalidHeader(name.to_owned());
        let parsed = HeaderName::try_from(name).map_err(|_| invalid())?;
        Ok(self.header(parsed, HeaderValue::try_from(value).map_err(|_| invalid())?))
    }

    /// With exactly these bytes as its body.
    #[must_use]
    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    /// With a user and a password in the `Authorization` header (`Basic`).
    #[must_use]
    pub fn basic_auth(self, user: &str, password: &str) -> Self {
        let encoded = format!("Basic {}", STANDARD.encode(format!("{user}:{password}")));
        let mut value = HeaderValue::try_from(encoded).expect("base64 is fit for a header");
        value.set_sensitive(true);
        self.header(header::AUTHORIZATION, value)
    }

    /// With these limits.
    #[must_use]
    pub fn policy(mut self, policy: Policy) -> Self {
        self.policy = policy;
        self
    }

    /// On behalf of this caller, usually a project's id. Each caller has a share of what may be done at the same time, and
    /// pauses of its own for hosts that answer badly, so that none suffers from what another one asks for.
    #[must_use]
    pub fn on_behalf_of(mut self, owner: impl Into<Arc<str>>) -> Self {
        self.owner = owner.into();
        self
    }

    /// Because of a request that came in with this count. What is sent says one more.
    #[must_use]
    pub fn hops(mut self, hops: Hops) -> Self {
        self.hops = hops;
        self
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:?}", self.method, self.target)
    }
}
