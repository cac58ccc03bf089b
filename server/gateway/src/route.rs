//! The route table: every endpoint as a line of data.
//!
//! The pipeline reads a route and enforces it; the OpenAPI document, the contract test and the security matrix are made
//! from it. A new endpoint can escape none of them.

use crate::call::Call;
use crate::input::{Input, ParamDoc, RawInput};
use crate::reply::Reply;
use floe_kernel::scope::Scope;
use floe_kernel::{Error, Result};
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

/// The method of an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "they are HTTP's")]
pub enum Method {
    Get,
    Head,
    Post,
    Put,
    Patch,
    Delete,
}

impl Method {
    /// How HTTP writes it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }

    /// The method of this name, if endpoints can have it.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Get, Self::Head, Self::Post, Self::Put, Self::Patch, Self::Delete].into_iter().find(|m| m.name() == name)
    }

    /// Whether it can be sent twice and does what it does once (RFC 9110, section 9.2.2).
    #[must_use]
    pub fn is_idempotent(self) -> bool {
        !matches!(self, Self::Post | Self::Patch)
    }

    /// Whether it only looks, unless its route says something else ([`RouteSpec::changes`]).
    #[must_use]
    pub fn reads(self) -> bool {
        matches!(self, Self::Get | Self::Head)
    }
}

/// Which kinds of caller an endpoint is for, beside what their scopes say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Callers {
    /// Who isn't signed in.
    pub guests: bool,
    /// Who is signed in, by session or JWT.
    pub users: bool,
    /// API keys.
    pub keys: bool,
    /// Console users who manage the project.
    pub admins: bool,
}

impl Callers {
    /// Everybody whom the scopes let in.
    pub const ALL: Self = Self { guests: true, users: true, keys: true, admins: true };
    /// Only who is signed in.
    pub const USERS: Self = Self { guests: false, users: true, keys: false, admins: false };
    /// Only servers and admins.
    pub const SERVERS: Self = Self { guests: false, users: false, keys: true, admins: true };
    /// Only who is signed in, servers and admins.
    pub const NO_GUESTS: Self = Self { guests: false, users: true, keys: true, admins: true };
}

/// The parameter that names the account which a call wants to enter: of which devices may be known.
pub(crate) const ACCOUNT: &str = "email";

/// What a rate limit counts by. The project is always part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LimitKey {
    /// The caller's network address; of IPv6, its network of 64 bits.
    Ip,
    /// The method.
    Method,
    /// The route's path, as it stands in the table.
    Url,
    /// The signed-in user.
    UserId,
    /// A parameter of the request.
    Param(&'static str),
    /// The device that calls, if it has entered the account before that the request names.
    Device,
}

/// Whose calls a rate limit counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CountedFrom {
    /// Everybody's.
    Anywhere,
    /// Those from devices that have entered the account before.
    KnownDevices,
    /// Those from all others.
    UnknownDevices,
}

/// How often an endpoint may be called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// So many calls ...
    pub calls: u32,
    /// ... in so many seconds.
    pub seconds: u32,
    /// Counted by these together.
    pub key: &'static [LimitKey],
    /// Whose calls are counted.
    pub from: CountedFrom,
    /// The status of an answer that starts the count anew (a login that succeeds).
    pub reset_on: Option<u16>,
    /// The status of an answer whose call counts no more: then it is failures that are limited.
    pub refund_on: Option<u16>,
}

impl Limit {
    /// So many calls in so many seconds, counted by these together.
    #[must_use]
    pub const fn new(calls: u32, seconds: u32, key: &'static [LimitKey]) -> Self {
        Self { calls, seconds, key, from: CountedFrom::Anywhere, reset_on: None, refund_on: None }
    }

    /// The same for the calls of these devices alone.
    #[must_use]
    pub const fn from(self, from: CountedFrom) -> Self {
        Self { from, ..self }
    }

    /// The same, begun anew after an answer of this status.
    #[must_use]
    pub const fn reset_on(self, status: u16) -> Self {
        Self { reset_on: Some(status), ..self }
    }

    /// The same, not counting calls that are answered with this status.
    #[must_use]
    pub const fn refund_on(self, status: u16) -> Self {
        Self { refund_on: Some(status), ..self }
    }
}

/// What body an endpoint takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestBody {
    /// None: what a client sends nevertheless isn't read.
    None,
    /// An object (JSON or a form) of at most so many bytes.
    Object(usize),
    /// An object as long as the operator lets bodies be (`FLOE_MAX_BODY_BYTES`): what carries rows.
    LargeObject,
    /// Bytes, which the handler reads while they come ([`RawInput::stream`]).
    Stream,
}

impl RequestBody {
    /// What an endpoint takes unless it says something else: 64 KiB.
    pub const SMALL: Self = Self::Object(64 * 1024);
    /// What takes preferences, of which there may be 64 KiB, however they are escaped.
    pub const PREFERENCES: Self = Self::Object(512 * 1024);
}

/// How long an answer may be kept by whoever gets it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Caching {
    /// Not at all.
    #[default]
    Never,
    /// As long as the server, asked again (`If-None-Match`), says that it is good.
    Revalidate,
    /// For so many seconds.
    For(u32),
}

/// A product's endpoint before it knows its service.
enum Handler<S> {
    /// Answers a call.
    OfCall(Box<dyn Fn(Arc<S>, Call, RawInput) -> HandlerFuture + Send + Sync>),
    /// See [`probe`].
    Probe(Box<dyn Fn(Arc<S>) -> HandlerFuture + Send + Sync>),
}

/// What a handler gives, with the stage that failed.
pub(crate) type HandlerFuture = Pin<Box<dyn Future<Output = Result<Reply, Failure>> + Send>>;

/// The stages of the pipeline, for the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the pipeline's page explains them")]
pub enum Stage {
    Receive,
    Authenticate,
    Validate,
    Process,
    Persist,
}

impl Stage {
    /// As the log calls it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Receive => "receive",
            Self::Authenticate => "authenticate",
            Self::Validate => "validate",
            Self::Process => "process",
            Self::Persist => "persist",
        }
    }
}

/// An error and the stage in which it arose.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) stage: Stage,
    pub(crate) error: Error,
}

impl Stage {
    pub(crate) fn failed(self, error: Error) -> Failure {
        let from_storage =
            std::error::Error::source(&error).is_some_and(<dyn std::error::Error>::is::<floe_store::Error>);
        Failure { stage: if from_storage { Self::Persist } else { self }, error }
    }
}

/// A line of the route table.
pub struct Route<S> {
    pub(crate) route: RouteSpec,
    handler: Handler<S>,
}

/// What the table says of an endpoint.
#[derive(Debug, Clone)]
pub struct RouteSpec {
    /// The method.
    pub method: Method,
    /// The path, with `{parameters}`; below `/v1` unless [`RouteSpec::at_root`].
    pub path: &'static str,
    /// Whether the path is not below `/v1`.
    pub at_root: bool,
    /// Other paths of the same endpoint. `{projectId}` in one of them names the project, and the caller is its admin.
    pub aliases: Vec<&'static str>,
    /// Its name, `service.method` as the official SDKs call it.
    pub name: &'static str,
    /// One line about it, for people.
    pub summary: &'static str,
    /// For whom it is.
    pub callers: Callers,
    /// Scopes, any of which lets a caller in. None: no scope is needed.
    pub scopes: &'static [Scope],
    /// How often.
    pub limits: &'static [Limit],
    /// The event that it causes, ids in brackets; of many things, one for each.
    pub event: Option<&'static str>,
    /// What it writes into the audit log.
    pub audit: Option<&'static str>,
    /// The status of success, and the model of its body.
    pub answer: (u16, Option<&'static str>),
    /// Which of a parameter's names this route uses, where a parameter has several.
    pub vocabulary: usize,
    /// Whether requests of any origin are let in: what has neither cookies nor secrets to give.
    pub any_origin: bool,
    /// What body it takes.
    pub body: RequestBody,
    /// Whether it changes something: it then runs to its end, whatever becomes of the client.
    pub changes: bool,
    /// Whether it goes on when there is no room left although it changes something: see [`RouteSpec::needs_room`].
    pub needs_no_room: bool,
    /// Whether all that it needs is kept by the platform: see [`Route::on_platform`].
    pub on_platform: bool,
    /// Whether it asks itself if what it writes is too much for the project's quota.
    pub weighs: bool,
    /// How its answers may be cached. Errors never are.
    pub caching: Caching,
    /// Whether it turns the connection into a WebSocket.
    pub upgrade: bool,
    /// Whether a session may use it whose second factor is still missing.
    pub before_second_factor: bool,
    /// Whether its path is only kept free for what is to come: it is in no list of what there is.
    pub reserved: bool,
    /// What it takes.
    pub params: fn() -> Vec<ParamDoc>,
}

impl RouteSpec {
    /// The path as clients call it.
    #[must_use]
    pub fn full_path(&self) -> String {
        if self.at_root { self.path.to_owned() } else { format!("/v1{}", self.path) }
    }

    /// Whether it is refused when there is no room left: what may take more than it gives back.
    pub(crate) fn needs_room(&self) -> bool {
        self.changes && self.method != Method::Delete && !self.needs_no_room
    }

    /// Whether it is a way in: what somebody calls to become somebody.
    pub(crate) fn is_entrance(&self) -> bool {
        self.callers.guests && self.scopes.contains(&Scope::SessionsWrite)
    }

    /// The service, as projects can switch it off: the first word of the name.
    #[must_use]
    pub fn service(&self) -> &'static str {
        self.name.split('.').next().unwrap_or(self.name)
    }

    /// Whether it is about something that only projects have, and not the console's own.
    pub(crate) fn is_of_projects(&self) -> bool {
        OF_PROJECTS.contains(&self.service())
    }
}

/// The services that the console's own project doesn't have.
const OF_PROJECTS: &[&str] =
    &["project", "webhooks", "databases", "tablesDB", "documentsDB", "vectorsDB", "functions", "sites", "messaging"];

impl<S: Send + Sync + 'static> Route<S> {
    fn new<I, F, R>(method: Method, path: &'static str, name: &'static str, handler: F) -> Self
    where
        I: Input,
        F: Fn(Arc<S>, Call, I) -> R + Send + Sync + Copy + 'static,
        R: Future<Output = Result<Reply>> + Send + 'static,
    {
        let handler = move |service: Arc<S>, call: Call, mut given: RawInput| -> HandlerFuture {
            Box::pin(async move {
                let input = I::read(&mut given).map_err(|error| Stage::Validate.failed(error))?;
                drop(given);
                handler(service, call, input).await.map_err(|error| Stage::Process.failed(error))
            })
        };
        Self::line(method, path, name, I::params, Handler::OfCall(Box::new(handler)))
    }

    fn line(
        method: Method,
        path: &'static str,
        name: &'static str,
        params: fn() -> Vec<ParamDoc>,
        handler: Handler<S>,
    ) -> Self {
        let route = RouteSpec {
            method,
            path,
            at_root: false,
            aliases: Vec::new(),
            name,
            summary: "",
            callers: Callers::ALL,
            scopes: &[],
            limits: &[],
            event: None,
            audit: None,
            answer: (200, None),
            vocabulary: 0,
            any_origin: false,
            body: if method.reads() { RequestBody::None } else { RequestBody::SMALL },
            changes: !method.reads(),
            needs_no_room: false,
            on_platform: false,
            weighs: false,
            caching: Caching::Never,
            upgrade: false,
            before_second_factor: false,
            reserved: false,
            params,
        };
        Self { route, handler }
    }

    /// One line about the endpoint, for people.
    #[must_use]
    pub fn summary(mut self, summary: &'static str) -> Self {
        self.route.summary = summary;
        self
    }

    /// The kinds of caller that it is for; all of them unless said.
    #[must_use]
    pub fn callers(mut self, callers: Callers) -> Self {
        self.route.callers = callers;
        self
    }

    /// The scopes, any of which lets a caller in.
    #[must_use]
    pub fn scopes(mut self, scopes: &'static [Scope]) -> Self {
        self.route.scopes = scopes;
        self
    }

    /// How often it may be called.
    #[must_use]
    pub fn limits(mut self, limits: &'static [Limit]) -> Self {
        self.route.limits = limits;
        self
    }

    /// The event that it causes, such as `users.[userId].create`; of many things, one for each.
    #[must_use]
    pub fn event(mut self, pattern: &'static str) -> Self {
        self.route.event = Some(pattern);
        self
    }

    /// What it writes into the audit log, such as `user.create`.
    #[must_use]
    pub fn audit(mut self, action: &'static str) -> Self {
        self.route.audit = Some(action);
        self
    }

    /// The status of success and the contract's name of the model in its body.
    #[must_use]
    pub fn answers(mut self, status: u16, model: &'static str) -> Self {
        self.route.answer = (status, Some(model));
        self
    }

    /// Success has no body: 204.
    #[must_use]
    pub fn answers_nothing(mut self) -> Self {
        self.route.answer = (204, None);
        self
    }

    /// Which of its parameters' names this route uses: the position in `"rowId" | "documentId"`.
    #[must_use]
    pub fn vocabulary(mut self, index: usize) -> Self {
        self.route.vocabulary = index;
        self
    }

    /// Another path of the same endpoint.
    #[must_use]
    pub fn alias(mut self, path: &'static str) -> Self {
        self.route.aliases.push(path);
        self
    }

    /// The path is not below `/v1`.
    #[must_use]
    pub fn at_root(mut self) -> Self {
        self.route.at_root = true;
        self
    }

    /// Requests of any origin are let in.
    #[must_use]
    pub fn any_origin(mut self) -> Self {
        self.route.any_origin = true;
        self
    }

    /// What body it takes; [`RequestBody::SMALL`] unless said, and none where the method only reads.
    #[must_use]
    pub fn body(mut self, body: RequestBody) -> Self {
        self.route.body = body;
        self
    }

    /// Whether it changes something, where its method says otherwise: an OAuth2 callback is a `GET` that does.
    #[must_use]
    pub fn changes(mut self, changes: bool) -> Self {
        self.route.changes = changes;
        self
    }

    /// It asks itself whether what it writes is too much for the project's quota of bytes, because some of it may make room. The
    /// gateway asks for all others that need room.
    #[must_use]
    pub fn weighs(mut self) -> Self {
        self.route.weighs = true;
        self
    }

    /// It goes on when there is no room left, on the disk or in the project's quota: it takes next to none and can't be repeated without end, or is what
    /// those need who make room. (So do all that read or remove.)
    #[must_use]
    pub fn needs_no_room(mut self) -> Self {
        self.route.needs_no_room = true;
        self
    }

    /// All that it reads and changes is kept by the platform: the store that it is called with is the platform's, and it goes on
    /// when the project's own data is lost.
    #[must_use]
    pub fn on_platform(mut self) -> Self {
        self.route.on_platform = true;
        self
    }

    /// How its answers may be cached; never unless said.
    #[must_use]
    pub fn caching(mut self, caching: Caching) -> Self {
        self.route.caching = caching;
        self
    }

    /// It turns the connection into a WebSocket.
    #[must_use]
    pub fn upgrade(mut self) -> Self {
        self.route.upgrade = true;
        self
    }

    /// A session may use it whose second factor is still missing.
    #[must_use]
    pub fn before_second_factor(mut self) -> Self {
        self.route.before_second_factor = true;
        self
    }

    /// Its path is only kept free for what is to come.
    #[must_use]
    pub fn reserved(mut self) -> Self {
        self.route.reserved = true;
        self
    }

    /// The route with its service, ready for the gateway.
    pub(crate) fn bind(self, service: &Arc<S>) -> Endpoint {
        let service = Arc::clone(service);
        let run = match self.handler {
            Handler::OfCall(run) => Run::OfCall(Box::new(move |call, given| run(Arc::clone(&service), call, given))),
            Handler::Probe(run) => Run::Probe(Box::new(move || run(Arc::clone(&service)))),
        };
        Endpoint { route: self.route, run }
    }
}

/// A route for `GET` at the root that tells how the server is: it is answered without anybody's data, so also when there is
/// none.
pub fn probe<S, F, R>(path: &'static str, name: &'static str, handler: F) -> Route<S>
where
    S: Send + Sync + 'static,
    F: Fn(Arc<S>) -> R + Send + Sync + 'static,
    R: Future<Output = Result<Reply>> + Send + 'static,
{
    let handler = move |service: Arc<S>| -> HandlerFuture {
        let work = handler(service);
        Box::pin(async move { work.await.map_err(|error| Stage::Process.failed(error)) })
    };
    Route::line(Method::Get, path, name, <() as Input>::params, Handler::Probe(Box::new(handler))).at_root()
}

/// A route that knows its service.
pub(crate) struct Endpoint {
    pub(crate) route: RouteSpec,
    run: Run,
}

enum Run {
    OfCall(Box<dyn Fn(Call, RawInput) -> HandlerFuture + Send + Sync>),
    Probe(Box<dyn Fn() -> HandlerFuture + Send + Sync>),
}

impl Endpoint {
    /// Answers a call.
    pub(crate) fn run(&self, call: Call, given: RawInput) -> HandlerFuture {
        match &self.run {
            Run::OfCall(run) => run(call, given),
            Run::Probe(run) => run(),
        }
    }

    /// The answer of a [probe]; none for all other endpoints.
    pub(crate) fn probe(&self) -> Option<HandlerFuture> {
        match &self.run {
            Run::OfCall(_) => None,
            Run::Probe(run) => Some(run()),
        }
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.route.fmt(f)
    }
}

macro_rules! methods {
    ($($name:ident $method:ident $what:literal;)*) => { $(
        #[doc = concat!("A route for `", $what, "`: its path, its name as the SDKs have it, its handler.")]
        pub fn $name<S, I, F, R>(path: &'static str, name: &'static str, handler: F) -> Route<S>
        where
            S: Send + Sync + 'static,
            I: Input,
            F: Fn(Arc<S>, Call, I) -> R + Send + Sync + Copy + 'static,
            R: Future<Output = Result<Reply>> + Send + 'static,
        {
            Route::new(Method::$method, path, name, handler)
        }
    )* };
}

methods! {
    get Get "GET";
    head Head "HEAD";
    post Post "POST";
    put Put "PUT";
    patch Patch "PATCH";
    delete Delete "DELETE";
}
