//! What leaves the gateway: an answer with its headers, ready for whichever way the request came.

use crate::budget::Reservation;
use crate::reply::ByteStream;
use bytes::Bytes;
use http::header::{HeaderName, HeaderValue};
use std::fmt;

/// A finished answer.
#[derive(Debug)]
pub struct Response {
    /// Its HTTP status.
    pub status: u16,
    /// Its headers. Of some names (`Set-Cookie`, `Vary`) there may be several.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// Its body.
    pub body: ResponseBody,
    /// What a long one holds of the memory that all answers share, until it is dropped.
    pub(crate) held: Option<Reservation>,
}

/// The body of a finished answer.
pub enum ResponseBody {
    /// None.
    Empty,
    /// None, but it would have had this length: the answer to a `HEAD`.
    Unsent(u64),
    /// This.
    Bytes(Bytes),
    /// What isn't all in memory, and how long it is where that is known.
    Stream(Option<u64>, ByteStream),
}

impl Response {
    pub(crate) fn new(status: u16) -> Self {
        Self { status, headers: Vec::with_capacity(16), body: ResponseBody::Empty, held: None }
    }

    /// Sets a header, instead of any other of this name. A value that can't stand in a header is left out.
    pub(crate) fn insert(&mut self, name: HeaderName, value: impl TryInto<HeaderValue>) {
        self.headers.retain(|(known, _)| *known != name);
        self.append(name, value);
    }

    /// Adds a header beside others of this name. A value that can't stand in a header is left out.
    pub(crate) fn append(&mut self, name: HeaderName, value: impl TryInto<HeaderValue>) {
        if let Ok(value) = value.try_into() {
            self.headers.push((name, value));
        }
    }

    /// The first header of this name, as text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known.as_str() == name).and_then(|(_, value)| value.to_str().ok())
    }
}

impl ResponseBody {
    /// How many bytes of it are in memory.
    pub(crate) fn bytes(&self) -> usize {
        if let Self::Bytes(bytes) = self { bytes.len() } else { 0 }
    }
}

impl fmt::Debug for ResponseBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("Empty"),
            Self::Unsent(length) => write!(f, "Unsent({length})"),
            Self::Bytes(bytes) => write!(f, "Bytes({})", bytes.len()),
            Self::Stream(length, _) => write!(f, "Stream({length:?})"),
        }
    }
}
