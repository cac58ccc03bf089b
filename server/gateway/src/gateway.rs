//! Everything that the pipeline works with, put together once at start.

use crate::budget::Budget;
use crate::device::Devices;
use crate::input::{Parameters, RawInput};
use crate::jwt::Signer;
use crate::leaving::Leaving;
use crate::rate_limit::RateLimiter;
use crate::route::{Endpoint, Method, Route, RouteSpec};
use floe_kernel::directory::{Identities, Projects};
use floe_kernel::secret::{Secret, random_hex};
use floe_kernel::time::Clock;
use floe_store::Stores;
use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

/// What operators decide about the pipeline.
#[derive(Debug, Clone)]
pub struct GatewaySettings {
    /// The most bytes of a request's body, where the route takes a long one.
    pub max_body: usize,
    /// The most memory that the bodies of all requests together may take, in bytes.
    pub body_memory: usize,
    /// The most memory that long answers together may take, in bytes, from when their rows are read until they are taken.
    pub answer_memory: usize,
    /// How long a body may take to come, beside what 16 KiB a second would; and how long a client may take no byte of
    /// its answer.
    pub patience: Duration,
    /// The most connections of one address (of IPv6: of one /64); 0 for any number. Loopback isn't counted, and nobody
    /// is behind proxies of ours.
    pub connections_per_address: usize,
    /// How many proxies of ours stand before the server: so many hops of `X-Forwarded-For` are believed.
    pub trusted_proxies: usize,
    /// Host names that may call every project from a browser, beside `localhost` and the projects' own platforms.
    pub hosts: Vec<String>,
    /// Whether rate limits are enforced.
    pub rate_limits: bool,
    /// Whether only this machine can reach the server, and no proxy stands before it: then nobody but its own names and
    /// `hosts` stand for it in a browser.
    pub only_loopback: bool,
    /// With what user ids are hashed before they are logged.
    pub log_key: Secret,
    /// With what is hashed what calls are counted by.
    pub limit_key: Secret,
}

impl GatewaySettings {
    /// What the configuration says unless somebody decides otherwise.
    #[must_use]
    pub fn new(log_key: Secret) -> Self {
        Self {
            max_body: 12 * 1024 * 1024,
            body_memory: 256 * 1024 * 1024,
            answer_memory: 256 * 1024 * 1024,
            patience: Duration::from_secs(30),
            connections_per_address: 512,
            trusted_proxies: 0,
            hosts: Vec::new(),
            rate_limits: true,
            only_loopback: false,
            log_key,
            limit_key: Secret::new(random_hex(32)),
        }
    }
}

/// What the gateway asks of the rest of the house.
#[derive(Clone)]
pub struct Services {
    /// Which projects there are.
    pub projects: Arc<dyn Projects>,
    /// Who their users are.
    pub identities: Arc<dyn Identities>,
    /// Their data.
    pub stores: Stores,
    /// Counts calls.
    pub limiter: Arc<dyn RateLimiter>,
    /// Knows devices again.
    pub devices: Devices,
    /// Checks JWTs.
    pub signer: Signer,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
}

/// The pipeline, ready to serve.
pub struct Gateway {
    pub(crate) settings: GatewaySettings,
    pub(crate) services: Services,
    pub(crate) table: RouteTable,
    pub(crate) bodies: Arc<Budget>,
    pub(crate) answers: Arc<Budget>,
    pub(crate) leaving: Arc<Leaving>,
}

impl Gateway {
    /// Puts the pipeline together.
    #[must_use]
    pub fn new(settings: GatewaySettings, services: Services, table: RouteTable) -> Arc<Self> {
        let bodies = Budget::new(settings.body_memory);
        let answers = Budget::new(settings.answer_memory);
        Arc::new(Self { settings, services, table, bodies, answers, leaving: Arc::default() })
    }

    /// The route table.
    #[must_use]
    pub fn table(&self) -> &RouteTable {
        &self.table
    }
}

/// The route table of the whole house.
#[derive(Default)]
pub struct RouteTable {
    endpoints: Vec<Endpoint>,
    /// A router for each method, so that `POST /columns/email` doesn't hide `GET /columns/{key}` of a column `email`.
    paths: HashMap<Method, matchit::Router<Target>>,
}

/// What a path leads to.
struct Target {
    endpoint: usize,
    /// The names of the path's parameters, in order.
    names: Vec<&'static str>,
    /// Whether the path is an alias that names the project.
    names_project: bool,
}

/// A request's path, found in the table.
pub(crate) struct Found<'t> {
    pub(crate) endpoint: &'t Endpoint,
    pub(crate) path: Vec<(&'static str, String)>,
    /// The project that an alias such as `/projects/{projectId}/keys` names.
    pub(crate) project: Option<String>,
}

impl RouteTable {
    /// Adds a product's routes.
    ///
    /// # Panics
    /// When two routes have the same method and path: a fault of ours that must not get past the first start.
    #[must_use]
    pub fn with<S: Send + Sync + 'static>(mut self, routes: Vec<Route<S>>, service: &Arc<S>) -> Self {
        for route in routes {
            let endpoint = route.bind(service);
            let index = self.endpoints.len();
            let (method, own, root) = (endpoint.route.method, endpoint.route.path, endpoint.route.at_root);
            self.insert(method, own, root, index, false);
            for alias in endpoint.route.aliases.clone() {
                self.insert(method, alias, root, index, alias.contains("{projectId}"));
            }
            self.endpoints.push(endpoint);
        }
        self
    }

    fn insert(&mut self, method: Method, path: &'static str, root: bool, endpoint: usize, names_project: bool) {
        let full = if root { path.to_owned() } else { format!("/v1{path}") };
        let names = path.split('/').filter_map(parameter).collect();
        let target = Target { endpoint, names, names_project };
        let added = self.paths.entry(method).or_default().insert(shape(&full), target);
        added.unwrap_or_else(|error| panic!("route {} {full}: {error}", method.name()));
    }

    /// Every line of the table, but for those that are reserved.
    pub fn routes(&self) -> impl Iterator<Item = &RouteSpec> {
        self.endpoints.iter().map(|endpoint| &endpoint.route).filter(|route| !route.reserved)
    }

    /// The route that a request of this method and path goes to.
    #[must_use]
    pub fn route(&self, method: Method, path: &str) -> Option<&RouteSpec> {
        self.find(method, path).map(|found| &found.endpoint.route)
    }

    pub(crate) fn find(&self, method: Method, path: &str) -> Option<Found<'_>> {
        self.find_exactly(method, path).or_else(|| match without_idle_slashes(path) {
            Cow::Owned(path) => self.find_exactly(method, &path),
            Cow::Borrowed(_) => None,
        })
    }

    fn find_exactly(&self, method: Method, path: &str) -> Option<Found<'_>> {
        let at = |method| self.paths.get(&method).and_then(|paths| paths.at(path).ok());
        let found = at(method).or_else(|| if method == Method::Head { at(Method::Get) } else { None })?;
        let target = found.value;
        let mut project = None;
        let mut params = Vec::with_capacity(target.names.len());
        for (name, (_, value)) in target.names.iter().zip(found.params.iter()) {
            // A path is decoded piece by piece, after it has been taken apart: an encoded slash stays within its piece.
            let value = percent_encoding::percent_decode_str(value).decode_utf8().ok()?.into_owned();
            if target.names_project && *name == "projectId" {
                project = Some(value);
            } else {
                params.push((*name, value));
            }
        }
        Some(Found { endpoint: &self.endpoints[target.endpoint], path: params, project })
    }
}

impl Found<'_> {
    pub(crate) fn given(&mut self, query: Parameters) -> RawInput {
        RawInput {
            path: std::mem::take(&mut self.path),
            query,
            vocabulary: self.endpoint.route.vocabulary,
            ..RawInput::default()
        }
    }
}

/// The name of the parameter that a part of a path is; none: it is a word.
fn parameter(part: &str) -> Option<&str> {
    part.strip_prefix('{').and_then(|part| part.strip_suffix('}'))
}

/// A path as a router takes it: with numbers for the names of its parameters, because one place has only one name there.
pub(crate) fn shape(path: &str) -> String {
    let mut count = 0;
    let parts = path.split('/').map(|part| match parameter(part) {
        Some(_) => {
            count += 1;
            Cow::Owned(format!("{{p{count}}}"))
        }
        None => Cow::Borrowed(part),
    });
    parts.collect::<Vec<_>>().join("/")
}

/// The path without slashes that mean nothing: doubled ones, and those at its end.
fn without_idle_slashes(path: &str) -> Cow<'_, str> {
    if !path.contains("//") && (path.len() < 2 || !path.ends_with('/')) {
        return Cow::Borrowed(path);
    }
    let parts = path.split('/').filter(|part| !part.is_empty());
    Cow::Owned(parts.fold(String::with_capacity(path.len()), |path, part| path + "/" + part))
}
