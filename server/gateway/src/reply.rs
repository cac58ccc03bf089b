//! Respond: the one shape of answers.

use floe_kernel::{Error, Result};
use serde::Serialize;

/// The body of an answer.
#[derive(Debug)]
pub enum Body {
    /// Nothing.
    Empty,
    /// JSON, written already.
    Json(Vec<u8>),
    /// Plain text.
    Text(String),
}

/// An answer.
#[derive(Debug)]
pub struct Reply {
    /// Its HTTP status.
    pub status: u16,
    /// Its body.
    pub body: Body,
    /// Headers beside those that every answer has.
    pub headers: Vec<(&'static str, String)>,
}

impl Reply {
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
        Self { status, body: Body::Json(json), headers: Vec::new() }
    }

    /// 204 without a body.
    #[must_use]
    pub fn empty() -> Self {
        Self { status: 204, body: Body::Empty, headers: Vec::new() }
    }

    /// 200 with plain text.
    #[must_use]
    pub fn text(text: impl Into<String>) -> Self {
        Self { status: 200, body: Body::Text(text.into()), headers: Vec::new() }
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
