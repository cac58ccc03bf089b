//! A gateway with a product of its own, and directories that a test changes while requests are under way.

use async_trait::async_trait;
use bytes::Bytes;
use floe_gateway::arrival::NoStream;
use floe_gateway::device::Devices;
use floe_gateway::gateway::{RouteTable, Services};
use floe_gateway::jwt::Signer;
use floe_gateway::rate_limit::InMemory;
use floe_gateway::response::ResponseBody;
use floe_gateway::{Arrival, Gateway, GatewaySettings, IncomingBody, Response, Route};
use floe_kernel::Result;
use floe_kernel::directory::{ApiKey, Identities, Principal, PrincipalSession, Project, ProjectSettings, Projects};
use floe_kernel::role::Role;
use floe_kernel::scope::{Scope, Scopes};
use floe_kernel::secret::{Secret, SessionToken, hash};
use floe_kernel::time::{FixedClock, Timestamp};
use floe_store::{Backend, StoreSettings, Stores};
use futures_util::stream;
use http::Method;
use http::header::{HeaderName, HeaderValue};
use serde_json::Value as Json;
use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use tokio::sync::mpsc;

/// The key that the project `shop` begins with.
pub(crate) const KEY: &str = "standard_key";

/// Everything that a request meets.
pub(crate) struct World {
    pub(crate) gateway: Arc<Gateway>,
    pub(crate) known: Arc<Directory>,
    pub(crate) clock: Arc<FixedClock>,
    _folder: tempfile::TempDir,
}

/// Who and what there is.
#[derive(Default)]
pub(crate) struct Directory {
    pub(crate) projects: Mutex<HashMap<String, Arc<Project>>>,
    pub(crate) users: Mutex<HashMap<String, Arc<Principal>>>,
}

impl World {
    /// With the project `shop`, its key and its user `ada`.
    pub(crate) async fn new<S: Send + Sync + 'static>(
        routes: Vec<Route<S>>,
        service: S,
        set: impl FnOnce(&mut GatewaySettings),
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let stores =
            Stores::open(StoreSettings::new(Backend::Sqlite { folder: folder.path().to_owned() })).await.unwrap();
        stores.create_project("shop", 1).await.unwrap();
        let clock = Arc::new(FixedClock::at(Timestamp::from_millis(1_700_000_000_000)));
        let known = Arc::new(Directory::default());
        known.put(shop());
        known.users.lock().unwrap().insert("ada".to_owned(), Arc::new(ada(false)));
        let services = Services {
            projects: known.clone(),
            identities: known.clone(),
            stores,
            limiter: Arc::new(InMemory::default()),
            devices: Devices::new(Secret::new("devices")),
            signer: Signer::new(&Secret::new("jwt")),
            clock: clock.clone(),
        };
        let mut settings = GatewaySettings::new(Secret::new("log"));
        set(&mut settings);
        let table = RouteTable::default().with(routes, &Arc::new(service));
        Self { gateway: Gateway::new(settings, services, table), known, clock, _folder: folder }
    }

    /// Enters without a body.
    pub(crate) async fn enter(&self, arrival: Arrival) -> Response {
        self.gateway.enter(arrival, IncomingBody::<NoStream>::Nothing).await
    }

    /// Enters with a JSON body that is here already.
    pub(crate) async fn post(&self, arrival: Arrival, body: &str) -> Response {
        let body = IncomingBody::<NoStream>::Bytes(Bytes::copy_from_slice(body.as_bytes()));
        self.gateway.enter(with(arrival, "content-type", "application/json"), body).await
    }

    /// Enters with a JSON body that is still to come; to be awaited in a task of its own.
    pub(crate) fn post_slowly(&self, arrival: Arrival) -> (SlowBody, impl Future<Output = Response> + Send + 'static) {
        let (sender, mut pieces) = mpsc::unbounded_channel();
        let body = SlowBody { sender, taken: Arc::default() };
        let taken = Arc::clone(&body.taken);
        let pieces = stream::poll_fn(move |cx| {
            let piece = pieces.poll_recv(cx);
            if piece.is_ready() {
                taken.fetch_add(1, Ordering::Relaxed);
            }
            piece
        });
        let gateway = Arc::clone(&self.gateway);
        let arrival = with(arrival, "content-type", "application/json");
        (body, async move { gateway.enter(arrival, IncomingBody::Stream(pieces)).await })
    }
}

/// A body that a test sends piece by piece; dropped, it has ended.
pub(crate) struct SlowBody {
    sender: mpsc::UnboundedSender<Result<Bytes, String>>,
    taken: Arc<AtomicUsize>,
}

impl SlowBody {
    /// Sends a piece.
    pub(crate) fn send(&self, text: &str) {
        let _ = self.sender.send(Ok(Bytes::copy_from_slice(text.as_bytes())));
    }

    /// Sends the first piece and waits until it has been taken.
    pub(crate) async fn begin(&self, text: &str) {
        self.send(text);
        while self.taken.load(Ordering::Relaxed) == 0 {
            tokio::task::yield_now().await;
        }
    }

    /// Breaks off.
    pub(crate) fn fail(&self) {
        let _ = self.sender.send(Err("the client went away".to_owned()));
    }
}

impl Directory {
    /// Makes or changes a project.
    pub(crate) fn put(&self, project: Project) {
        self.projects.lock().unwrap().insert(project.id.clone(), Arc::new(project));
    }
}

/// The project that there is.
pub(crate) fn shop() -> Project {
    Project {
        id: "shop".to_owned(),
        generation: 1,
        name: "Shop".to_owned(),
        team_id: "team".to_owned(),
        keys: vec![key(KEY)],
        web_hosts: vec!["app.example.org".to_owned()],
        settings: ProjectSettings::default(),
    }
}

/// A key with this secret.
pub(crate) fn key(secret: &str) -> ApiKey {
    ApiKey {
        id: "key".to_owned(),
        name: "Key".to_owned(),
        secret_hash: hash(secret),
        scopes: Scopes::of(&[Scope::UsersRead, Scope::UsersWrite]),
        expires_at: None,
    }
}

/// The user `ada`, with one session, whose second factor may be missing.
pub(crate) fn ada(lacks_second_factor: bool) -> Principal {
    let session = PrincipalSession {
        id: "session".to_owned(),
        secret_hash: hash("secret"),
        expires_at: Timestamp::from_millis(1_800_000_000_000),
        lacks_second_factor,
    };
    Principal {
        id: "ada".to_owned(),
        email: "ada@example.org".to_owned(),
        name: "Ada".to_owned(),
        active: true,
        roles: Arc::new([Role::Any]),
        memberships: Vec::new(),
        sessions: vec![session],
        generation: 0,
    }
}

/// What ada's session sends.
pub(crate) fn session() -> String {
    SessionToken { id: "ada".to_owned(), secret: "secret".to_owned() }.encode()
}

/// A request to `shop` from some address.
pub(crate) fn request(method: Method, target: &str) -> Arrival {
    let mut arrival = Arrival::new(method, target);
    arrival.peer = Some([192, 0, 2, 1].into());
    with(arrival, "x-appwrite-project", "shop")
}

/// The same with one more header.
pub(crate) fn with(arrival: Arrival, name: &'static str, value: &str) -> Arrival {
    arrival.with(HeaderName::from_static(name), HeaderValue::from_str(value).unwrap())
}

/// The text of an answer.
pub(crate) fn text(response: &Response) -> String {
    match &response.body {
        ResponseBody::Bytes(bytes) => String::from_utf8(bytes.to_vec()).unwrap(),
        ResponseBody::Empty | ResponseBody::Unsent(_) => String::new(),
        ResponseBody::Stream(..) => panic!("a stream"),
    }
}

/// The answer's status and, if it is an error, its type.
pub(crate) fn outcome(response: &Response) -> (u16, String) {
    let body: Json = serde_json::from_str(&text(response)).unwrap_or_default();
    (response.status, body["type"].as_str().unwrap_or_default().to_owned())
}

/// A refusal, as [`outcome`] has it.
pub(crate) fn refused(status: u16, kind: &str) -> (u16, String) {
    (status, kind.to_owned())
}

#[async_trait]
impl Projects for Directory {
    async fn project(&self, id: &str) -> Result<Option<Arc<Project>>> {
        Ok(self.projects.lock().unwrap().get(id).cloned())
    }

    async fn project_anew(&self, id: &str) -> Result<Option<Arc<Project>>> {
        self.project(id).await
    }

    async fn origin_project(&self, host: &str) -> Result<Option<Arc<Project>>> {
        let projects = self.projects.lock().unwrap();
        Ok(projects.values().find(|project| project.web_hosts.iter().any(|known| known == host)).cloned())
    }
}

#[async_trait]
impl Identities for Directory {
    async fn known(&self, _project: &Project, user_id: &str) -> Result<Option<Arc<Principal>>> {
        Ok(self.users.lock().unwrap().get(user_id).cloned())
    }
}
