//! A caller of the API.

use crate::document;
use crate::wait::until_found;
use floe_gateway::Gateway;
use reqwest::Method;
use reqwest::header::HeaderMap;
use serde_json::Value as Json;
use std::sync::Arc;

/// A caller with its credentials. Cheap to clone. Whatever it is answered is held against the OpenAPI document.
#[derive(Clone)]
pub struct Client {
    gateway: Arc<Gateway>,
    http: reqwest::Client,
    base: String,
    headers: Vec<(String, String)>,
}

impl Client {
    pub(crate) fn new(gateway: Arc<Gateway>, base: String) -> Self {
        let http = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build();
        Self { gateway, http: http.expect("a client without TLS"), base, headers: Vec::new() }
    }

    /// The same with one more header.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    /// The same, calling this project.
    #[must_use]
    pub fn to_project(self, id: &str) -> Self {
        self.header("X-Appwrite-Project", id)
    }

    /// The same with this API key.
    #[must_use]
    pub fn key(self, secret: &str) -> Self {
        self.header("X-Appwrite-Key", secret)
    }

    /// The same with this session, as the header has it.
    #[must_use]
    pub fn session(self, token: &str) -> Self {
        self.header("X-Appwrite-Session", token)
    }

    /// The same with this JWT.
    #[must_use]
    pub fn jwt(self, jwt: &str) -> Self {
        self.header("X-Appwrite-JWT", jwt)
    }

    /// Where the server is: `http://127.0.0.1:<port>`.
    #[must_use]
    pub fn base(&self) -> &str {
        &self.base
    }

    /// `GET`.
    pub async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, None).await
    }

    /// `GET`, again and again, until what it shows is this.
    ///
    /// # Panics
    /// When it isn't within a minute, or something else than 200 is answered.
    pub async fn until(&self, path: &str, what: impl Fn(&Json) -> bool) -> Json {
        until_found(async || {
            let shown = self.get(path).await.expect(200);
            if what(&shown) { Ok(shown) } else { Err(shown) }
        })
        .await
    }

    /// `GET` of a list with these queries, each as JSON.
    pub async fn list(&self, path: &str, queries: &[Json]) -> Answer {
        self.list_texts(path, &queries.iter().map(Json::to_string).collect::<Vec<_>>()).await
    }

    /// The same with queries that may be anything.
    pub async fn list_texts(&self, path: &str, queries: &[String]) -> Answer {
        let encoded: Vec<_> =
            queries.iter().enumerate().map(|(n, query)| format!("queries[{n}]={}", encode(query))).collect();
        let glue = if path.contains('?') { '&' } else { '?' };
        self.get(&format!("{path}{glue}{}", encoded.join("&"))).await
    }

    /// `POST`.
    pub async fn post(&self, path: &str, body: &Json) -> Answer {
        self.send(Method::POST, path, Some(body)).await
    }

    /// `PUT`.
    pub async fn put(&self, path: &str, body: &Json) -> Answer {
        self.send(Method::PUT, path, Some(body)).await
    }

    /// `PATCH`.
    pub async fn patch(&self, path: &str, body: &Json) -> Answer {
        self.send(Method::PATCH, path, Some(body)).await
    }

    /// `DELETE`, without a body.
    pub async fn delete(&self, path: &str) -> Answer {
        self.send(Method::DELETE, path, None).await
    }

    /// Any method, with a body or without.
    pub async fn send(&self, method: Method, path: &str, body: Option<&Json>) -> Answer {
        let name = method.as_str().to_owned();
        let what = format!("{method} {path}");
        let mut request = self.http.request(method, format!("{}{path}", self.base));
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        if let Some(body) = body {
            request = request.header("Content-Type", "application/json").body(body.to_string());
        }
        let response = request.send().await.unwrap_or_else(|error| panic!("{what}: {error}"));
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let text = response.text().await.unwrap_or_else(|error| panic!("{what}: {error}"));
        if !headers.contains_key("content-encoding") {
            document::check(self.gateway.table(), &name, path, status, &text);
        }
        Answer { what, status, body: serde_json::from_str(&text).unwrap_or(Json::Null), headers, text }
    }
}

/// Percent-encodes a part of a query.
fn encode(text: &str) -> String {
    text.bytes()
        .map(|byte| if byte.is_ascii_alphanumeric() { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

/// What the server answered.
#[derive(Debug)]
pub struct Answer {
    what: String,
    /// The HTTP status.
    pub status: u16,
    /// The body, if it is JSON.
    pub body: Json,
    /// The body as it came.
    pub text: String,
    /// The headers.
    pub headers: HeaderMap,
}

impl Answer {
    /// The body, if the status is this; otherwise the test fails and shows what came.
    #[track_caller]
    #[must_use]
    pub fn expect(self, status: u16) -> Json {
        assert_eq!(self.status, status, "{}: {}", self.what, self.text);
        self.body
    }

    /// Fails the test unless the answer has this status.
    #[track_caller]
    pub fn ok(self, status: u16) {
        let _ = self.expect(status);
    }

    /// Fails the test unless the answer is this error, in the one shape that errors have.
    #[track_caller]
    pub fn refused(&self, status: u16, kind: &str) {
        assert_eq!((self.status, self.body["type"].as_str()), (status, Some(kind)), "{}: {}", self.what, self.text);
        assert_eq!(self.body["code"], status, "{}", self.text);
        for field in ["message", "version", "requestId"] {
            assert!(self.body[field].is_string(), "no {field} in {}", self.text);
        }
    }

    /// A header's text; empty when it isn't there.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// The value of a cookie that the answer sets.
    #[must_use]
    pub fn cookie(&self, name: &str) -> Option<String> {
        let set = self.headers.get_all("set-cookie").iter().filter_map(|value| value.to_str().ok());
        set.filter_map(|cookie| cookie.split(';').next()?.split_once('='))
            .find(|(key, _)| *key == name)
            .map(|(_, value)| value.to_owned())
    }
}
