//! Respond: the one shape of answers.

use bytes::Bytes;
use floe_kernel::{Error, Result};
use futures_util::Stream;
use serde::Serialize;
use std::fmt;
use std::pin::Pin;

/// Bytes that come piece by piece. An error ends the answer, and its connection, in the middle.
pub type ByteStream = Pin<Box<dyn Stream<Item = Result<Bytes>> + Send>>;

/// The body of an answer.
pub enum ReplyBody {
    /// Nothing.
    Empty,
    /// JSON, written already.
    Json(Vec<u8>),
    /// Plain text.
    Text(String),
    /// A page for a browser, in HTML.
    Page(String),
    /// Bytes of this type, of which a client may ask for a part (`Range`).
    Bytes(String, Bytes),
    /// Bytes of this type and, where it is known, of this length, which aren't all in memory.
    Stream(String, Option<u64>, ByteStream),
}

impl ReplyBody {
    /// How many bytes of it are in memory.
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Self::Empty | Self::Stream(..) => 0,
            Self::Json(json) => json.len(),
            Self::Text(text) | Self::Page(text) => text.len(),
            Self::Bytes(_, bytes) => bytes.len(),
        }
    }
}

impl fmt::Debug for ReplyBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "Empty",
            Self::Json(_) => "Json",
            Self::Text(_) => "Text",
            Self::Page(_) => "Page",
            Self::Bytes(..) => "Bytes",
            Self::Stream(..) => "Stream",
        })
    }
}

/// An answer.
#[derive(Debug)]
pub struct Reply {
    /// Its HTTP status.
    pub status: u16,
    /// Its body.
    pub body: ReplyBody,
    /// Headers beside those that every answer has.
    pub headers: Vec<(&'static str, String)>,
    /// What stands for this version of the content ([`crate::conditional::weak_tag`]): who has it already is told so.
    pub tag: Option<String>,
}

impl Reply {
    /// An answer without headers of its own.
    #[must_use]
    pub fn new(status: u16, body: ReplyBody) -> Self {
        Self { status, body, headers: Vec::new(), tag: None }
    }

    /// A model as JSON.
    ///
    /// # Errors
    /// Only for models that JSON can't express, which is a fault of ours.
    pub fn json(status: u16, model: &impl Serialize) -> Result<Self> {
        serde_json::to_vec(model).map(|body| Self::written(status, body)).map_err(Error::internal)
    }

    /// 200 with a model.
    ///
    /// # Errors
    /// As [`Reply::json`].
    pub fn ok(model: &impl Serialize) -> Result<Self> {
        Self::json(200, model)
    }

    /// 201 with a model.
    ///
    /// # Errors
    /// As [`Reply::json`].
    pub fn created(model: &impl Serialize) -> Result<Self> {
        Self::json(201, model)
    }

    /// JSON that is written already.
    #[must_use]
    pub fn written(status: u16, json: Vec<u8>) -> Self {
        Self::new(status, ReplyBody::Json(json))
    }

    /// 204 without a body.
    #[must_use]
    pub fn empty() -> Self {
        Self::new(204, ReplyBody::Empty)
    }

    /// 200 with plain text.
    #[must_use]
    pub fn text(text: impl Into<String>) -> Self {
        Self::new(200, ReplyBody::Text(text.into()))
    }

    /// A page for a browser.
    #[must_use]
    pub fn page(status: u16, html: impl Into<String>) -> Self {
        Self::new(status, ReplyBody::Page(html.into()))
    }

    /// Sends the client on (301, 302, 303, 307, 308). Where to is the caller's to check.
    #[must_use]
    pub fn redirect(status: u16, location: impl Into<String>) -> Self {
        Self::new(status, ReplyBody::Empty).header("Location", location)
    }

    /// The same with what stands for this version of its content.
    #[must_use]
    pub fn tagged(self, tag: impl Into<String>) -> Self {
        Self { tag: Some(tag.into()), ..self }
    }

    /// The same with one more header.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// The same with more headers.
    #[must_use]
    pub fn headers(mut self, headers: impl IntoIterator<Item = (&'static str, String)>) -> Self {
        self.headers.extend(headers);
        self
    }
}

/// A list as the API has it: how many there are, and the items under their own name.
#[derive(Debug)]
pub struct Page<T> {
    /// What the items are called: `users`, `rows`.
    pub plural: &'static str,
    /// How many there are, counted up to 5000; 0 when nobody asked.
    pub total: i64,
    /// The items of this page.
    pub items: Vec<T>,
}

impl<T: Serialize> Serialize for Page<T> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        use serde::ser::SerializeMap as _;
        let mut map = serializer.serialize_map(Some(2))?;
        map.serialize_entry("total", &self.total)?;
        map.serialize_entry(self.plural, &self.items)?;
        map.end()
    }
}
