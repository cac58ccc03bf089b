//! What enters the gateway: a request as it is, whichever way it came.

use crate::input::{Parameters, parse_form};
use bytes::Bytes;
use futures_util::stream::Empty;
use http::header::{HeaderName, HeaderValue};
use std::net::IpAddr;

/// The head of a request. An HTTP server makes one of what came over the wire; a batch, a query language or a function
/// that calls home make their own, and are treated no differently.
#[derive(Debug)]
pub struct Arrival {
    /// The method, also one that no endpoint has.
    pub method: http::Method,
    /// The path, still encoded.
    pub path: String,
    /// The parameters of the query, decoded.
    pub query: Parameters,
    /// The headers.
    pub headers: Headers,
    /// The other end of the connection, which may be a proxy; `None` when there is no connection.
    pub peer: Option<IpAddr>,
}

impl Arrival {
    /// A request without headers. `target` is a path with or without a query.
    #[must_use]
    pub fn new(method: http::Method, target: &str) -> Self {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        Self { method, path: path.to_owned(), query: parse_form(query), headers: Headers::default(), peer: None }
    }

    /// The same with one more header.
    #[must_use]
    pub fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.0.push((name, value));
        self
    }

    /// A text among the parameters of the query.
    pub(crate) fn query_text(&self, name: &str) -> Option<&str> {
        self.query.get(name).and_then(serde_json::Value::as_str)
    }
}

/// The headers of a request in the order in which they came. There are about ten, so that looking through all of them
/// is as fast as a hash.
#[derive(Debug, Clone, Default)]
pub struct Headers(Vec<(HeaderName, HeaderValue)>);

impl Headers {
    /// The first of this name.
    #[must_use]
    pub fn get(&self, name: &HeaderName) -> Option<&HeaderValue> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value)
    }

    /// Each with its name, in the order in which they came.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&HeaderName, &HeaderValue)> {
        self.0.iter().map(|(name, value)| (name, value))
    }

    /// All of this name.
    pub fn get_all<'h>(&'h self, name: &'h HeaderName) -> impl Iterator<Item = &'h HeaderValue> {
        self.0.iter().filter(move |(known, _)| known == name).map(|(_, value)| value)
    }
}

impl FromIterator<(HeaderName, HeaderValue)> for Headers {
    fn from_iter<I: IntoIterator<Item = (HeaderName, HeaderValue)>>(headers: I) -> Self {
        Self(headers.into_iter().collect())
    }
}

/// The body of a request before anybody has read it.
#[derive(Debug)]
pub enum IncomingBody<S = NoStream> {
    /// There is none.
    Nothing,
    /// It is here already.
    Bytes(Bytes),
    /// It comes piece by piece.
    Stream(S),
}

/// The stream of a body that isn't one.
pub type NoStream = Empty<Result<Bytes, std::convert::Infallible>>;
