//! The journey of one request, stage by stage, whichever way it came.

use crate::answer_memory::AnswerMemory;
use crate::arrival::{Arrival, Headers, IncomingBody};
use crate::authenticate::{Credentials, authenticate};
use crate::body::{self, Bounds, Received};
use crate::budget::Reservation;
use crate::call::{Call, RequestInfo};
use crate::content;
use crate::gateway::{Found, Gateway};
use crate::input::RawInput;
use crate::interest::Interest;
use crate::limits::{Counted, Counts};
use crate::off_loop::{as_thread, is_heavy};
use crate::receive::{self, header};
use crate::reply::Reply;
use crate::request_log::{self, Trace};
use crate::respond::{self, ResponseContext};
use crate::response::Response;
use crate::route::{Failure, HandlerFuture, Method, RequestBody, RouteSpec, Stage};
use crate::{credentials, names, not_yet, origin, share};
use bytes::Bytes;
use floe_kernel::access::{Caller, Identity};
use floe_kernel::directory::{CONSOLE, Project};
use floe_kernel::event::Origin;
use floe_kernel::scope::Scope;
use floe_kernel::time::Timestamp;
use floe_kernel::{Error, ErrorKind, Result};
use floe_store::Store;
use futures_util::{FutureExt as _, Stream};
use std::fmt::Display;
use std::net::IpAddr;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Instant;

impl Gateway {
    /// From a request to its answer: the one way in. An HTTP server, a batch, a query language and a function that calls
    /// home all enter here, and meet the same authentication, limits, rules and log.
    ///
    /// The future may be dropped when nobody waits for the answer any more; what has begun to change something goes on.
    pub async fn enter<S, E>(&self, mut arrival: Arrival, body: IncomingBody<S>) -> Response
    where
        S: Stream<Item = Result<Bytes, E>> + Unpin,
        E: Display,
    {
        let started = Instant::now();
        let info = Arc::new(receive::info(&arrival, &self.settings));
        let mut context = ResponseContext::of(&arrival, &info);
        if arrival.method == http::Method::OPTIONS {
            origin::allow(self, &info, &mut context).await;
            return respond::preflight(&context);
        }
        let mut trace = Trace::default();
        let outcome = self.travel(&mut arrival, body, &info, &mut context, &mut trace).await;
        let (mut response, failed) = match outcome {
            Ok(reply) => (respond::success(reply, &context).await, None),
            Err(failure) => (respond::failure(&failure, &context).await, Some(failure)),
        };
        response.held = context.memory.finish(response.body.bytes());
        request_log::write(self, &arrival, &info, &trace, response.status, started, failed.as_ref());
        response
    }

    async fn travel<S, E>(
        &self,
        arrival: &mut Arrival,
        body: IncomingBody<S>,
        info: &Arc<RequestInfo>,
        context: &mut ResponseContext,
        trace: &mut Trace,
    ) -> Result<Reply, Failure>
    where
        S: Stream<Item = Result<Bytes, E>> + Unpin,
        E: Display,
    {
        let mut found = match self.find(arrival, context) {
            Ok(found) => found,
            Err(error) => {
                // Or a page's developer is told of origins, and not of the path that is wrong.
                origin::allow(self, info, context).await;
                return Err(Stage::Receive.failed(error));
            }
        };
        let (endpoint, route) = (found.endpoint, &found.endpoint.route);
        trace.route = Some(route.path);
        context.caching = route.caching;
        receive::refuse_contradictions(&arrival.headers).map_err(|error| Stage::Receive.failed(error))?;
        check_upgrade(&arrival.headers, route).map_err(|error| Stage::Receive.failed(error))?;
        let (naming, project) = named_project(arrival, &found);
        let shown = credentials::parse(arrival, &project, &found);
        let door = Door { gateway: self, headers: &arrival.headers, info, route, naming, project };
        let mut admitted = door.admit(&shown, context).await?;
        trace.project.clone_from(&admitted.project.id);
        trace.user = admitted.caller.user_id().map(str::to_owned);
        context.private = !matches!(admitted.caller.identity(), Identity::Guest);
        if let Some(probe) = endpoint.probe() {
            return run(route, probe, None).await;
        }
        let limited = |error| Stage::Authenticate.failed(error);
        let mut counts = Counts::default();
        door.counted(&admitted).by_head(context, &mut counts).await.map_err(limited)?;

        let address = receive::address(arrival, self.settings.trusted_proxies);
        let bounds = self.bounds(&arrival.headers, address, &admitted.caller, route);
        context.memory = AnswerMemory::new(&self.answers, bounds.address);
        let mut given = found.given(std::mem::take(&mut arrival.query));
        let (mut held, mut carrying) = (None, None);
        match route.body {
            RequestBody::None => {}
            RequestBody::Stream => {
                let (stream, carry) = body::carry(body, bounds.grace);
                given.stream = Some(stream);
                carrying = Some(carry);
            }
            RequestBody::Object(_) | RequestBody::LargeObject => {
                let received = self.object(&arrival.headers, body, &bounds, &mut given).await;
                let received = received.map_err(|error| Stage::Receive.failed(error))?;
                if received.waited {
                    let begun_in = admitted.project.generation;
                    admitted = door.admit(&shown, context).await?;
                    if admitted.project.generation != begun_in {
                        // Another project, which has the id of the one that was meant.
                        return Err(Stage::Receive.failed(ErrorKind::ProjectNotFound.into()));
                    }
                }
                held = Some(received.held);
            }
        }
        door.counted(&admitted).by_body(&given, context, &mut counts).await.map_err(limited)?;

        let Admitted { project, caller, now } = admitted;
        let store = self.store_for(route, &project).await;
        let store = store.map_err(|error| Stage::Persist.failed(error.into()))?;
        if route.needs_room() {
            refuse_if_full(&store, route).await.map_err(|error| Stage::Persist.failed(error.into()))?;
        }
        let memory = context.memory.clone();
        let store = store.on_behalf_of(share::of(&caller, info)).counting(memory.shared());
        let store = if route.changes { store.changed_by(origin_of(&caller, info)) } else { store };
        // Until here is left, which a client that hangs up can bring about at any moment.
        let (_waiting, interest) = Interest::of_a_caller();
        let (request, vocabulary) = (Arc::clone(info), route.vocabulary);
        let call = Call { caller, project, store, request, now, vocabulary, interest, memory };
        let running = run(route, endpoint.run(call, given), held);
        let outcome = match carrying {
            None => running.await,
            Some(carrying) => tokio::join!(running, carrying).0,
        };
        counts.settle(self, (&outcome).into()).await;
        outcome.and_then(|reply| match context.memory.grow_to(reply.body.bytes()) {
            // What was changed was changed: its answer is given, with less time to take it.
            Err(error) if !route.changes => Err(Stage::Process.failed(error)),
            _ => Ok(reply),
        })
    }

    /// The data that a route works on.
    async fn store_for(&self, route: &RouteSpec, project: &Project) -> floe_store::Result<Store> {
        let stores = &self.services.stores;
        if route.on_platform { stores.platform().await } else { stores.project(&project.id, project.generation).await }
    }

    /// What the path and the method lead to.
    fn find(&self, arrival: &Arrival, context: &mut ResponseContext) -> Result<Found<'_>> {
        let method = Method::parse(arrival.method.as_str());
        let found = method.and_then(|method| self.table.find(method, &arrival.path));
        found.ok_or_else(|| {
            if let Some(error) = not_yet::error(arrival.method.as_str(), &arrival.path) {
                return error;
            }
            let wants_json = header(&arrival.headers, &names::ACCEPT).is_some_and(|kinds| kinds.contains("/json"));
            context.page = !wants_json;
            ErrorKind::GeneralRouteNotFound.into()
        })
    }

    fn bounds(&self, headers: &Headers, address: Option<IpAddr>, caller: &Caller, route: &RouteSpec) -> Bounds {
        let max = match route.body {
            RequestBody::Object(max) => max.min(self.settings.max_body),
            _ => self.settings.max_body,
        };
        let announced = header(headers, &names::CONTENT_LENGTH).and_then(|length| length.parse().ok());
        Bounds { max, grace: self.settings.patience, announced, address: address.filter(|_| !caller.privileged()) }
    }

    /// Reads the body and what it says.
    async fn object<S, E>(
        &self,
        headers: &Headers,
        body: IncomingBody<S>,
        bounds: &Bounds,
        given: &mut RawInput,
    ) -> Result<Received>
    where
        S: Stream<Item = Result<Bytes, E>> + Unpin,
        E: Display,
    {
        let mut received = body::receive(body, bounds, &self.bodies).await?;
        let media = header(headers, &names::CONTENT_TYPE).unwrap_or_default();
        let encoding = header(headers, &names::CONTENT_ENCODING);
        given.body = content::parameters(&mut received, media, encoding).await?;
        Ok(received)
    }
}

/// Where a request wants to go in.
struct Door<'d> {
    gateway: &'d Gateway,
    headers: &'d Headers,
    info: &'d RequestInfo,
    route: &'d RouteSpec,
    naming: Naming,
    project: String,
}

/// Where a request names its project.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Naming {
    /// In the path of an alias.
    Path,
    /// In a header or, for links, in the query.
    Header,
    /// Nowhere: the console is meant.
    Nowhere,
}

/// Who may do what at one moment. What it rests on may be gone a moment later.
struct Admitted {
    project: Arc<Project>,
    caller: Caller,
    now: Timestamp,
}

impl Door<'_> {
    /// Asks everything that can be asked before the body has come, and is asked again when that took its time: meanwhile
    /// the key may have been removed, the session ended, the project deleted. All of it is in memory.
    async fn admit(&self, shown: &Credentials, context: &mut ResponseContext) -> Result<Admitted, Failure> {
        let received = |error| Stage::Receive.failed(error);
        let authenticated = |error| Stage::Authenticate.failed(error);
        let services = &self.gateway.services;
        let project = self.project().await.map_err(received)?;
        origin::check(self.gateway, self.headers, self.info, &project, shown, self.route, context).map_err(received)?;
        self.refuse_console(&project, shown).map_err(received)?;
        receive::check(self.headers).map_err(received)?;
        let now = services.clock.now();
        let caller = authenticate(services, &project, shown, now).await.map_err(authenticated)?;
        admit(&caller, &project, self.route).map_err(authenticated)?;
        self.refuse_if_disk_is_full(&project).map_err(|error| Stage::Persist.failed(error))?;
        Ok(Admitted { project, caller, now })
    }

    async fn project(&self) -> Result<Arc<Project>> {
        let not_found = || Error::new(ErrorKind::ProjectNotFound);
        if !floe_kernel::id::is_valid_project(&self.project) {
            return Err(not_found());
        }
        self.gateway.services.projects.project(&self.project).await?.ok_or_else(not_found)
    }

    /// Refuses what the console's own project isn't for, whoever asks: mostly somebody who has forgotten to name theirs.
    fn refuse_console(&self, project: &Project, shown: &Credentials) -> Result<()> {
        if !project.is_console() || self.route.at_root {
            return Ok(());
        }
        match self.naming {
            Naming::Path => Err(ErrorKind::ProjectNotFound.into()),
            _ if shown.admin => Err(Error::new(ErrorKind::GeneralBadRequest).message(NO_ADMIN_MODE)),
            _ if !self.route.is_of_projects() => Ok(()),
            Naming::Header => Err(Error::new(ErrorKind::GeneralAccessForbidden).message(CONSOLE_IS_RESERVED)),
            Naming::Nowhere => Err(Error::new(ErrorKind::GeneralAccessForbidden).message(NO_PROJECT_NAMED)),
        }
    }

    /// Refuses what would take room where next to none is left. The platform's own requests go on: they are few, and who
    /// makes room has to sign in there. Beside PostgreSQL the data folder holds what is streamed into it, and nothing else.
    fn refuse_if_disk_is_full(&self, project: &Project) -> Result<()> {
        let stores = &self.gateway.services.stores;
        let is_refused = self.route.needs_room()
            && stores.free_space().is_low()
            && !project.is_console()
            && (stores.are_files() || self.route.body == RequestBody::Stream);
        if is_refused { Err(ErrorKind::GeneralInsufficientStorage.into()) } else { Ok(()) }
    }

    fn counted<'c>(&'c self, admitted: &'c Admitted) -> Counted<'c> {
        Counted {
            gateway: self.gateway,
            caller: &admitted.caller,
            project: &admitted.project,
            route: self.route,
            headers: self.headers,
            info: self.info,
            now: admitted.now,
        }
    }
}

/// Process and Persist. What has begun to decide always finishes: [`Gateway::enter`]'s future is dropped when the client
/// hangs up, so whatever changes something runs as a task of its own, which nobody drops. What a heavy body says is worked on away
/// from the event loop.
async fn run(route: &RouteSpec, work: HandlerFuture, held: Option<Reservation>) -> Result<Reply, Failure> {
    let panicked =
        |what: &str| Failure { stage: Stage::Process, error: Error::internal(format!("the handler panicked: {what}")) };
    let failed = |error| Stage::Process.failed(error);
    let heavy = held.as_ref().is_some_and(|held| is_heavy(held.bytes()));
    let work = async move {
        let outcome = work.await;
        drop(held);
        outcome
    };
    if !route.changes {
        return AssertUnwindSafe(work).catch_unwind().await.unwrap_or_else(|panic| Err(panicked(&text_of(&*panic))));
    }
    let outcome = match heavy {
        true => tokio::spawn(as_thread(work)).await.map(|worked| worked.unwrap_or_else(|error| Err(failed(error)))),
        false => tokio::spawn(work).await,
    };
    outcome.unwrap_or_else(|error| Err(panicked(&error.to_string())))
}

/// Who brings about what a request changes.
fn origin_of(caller: &Caller, info: &RequestInfo) -> Arc<Origin> {
    let user_id = caller.user_id().unwrap_or_default().to_owned();
    let by_guest = matches!(caller.identity(), Identity::Guest);
    Arc::new(Origin { user_id, by_guest, request_id: info.id.clone(), hops: info.hops })
}

fn text_of(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(ToString::to_string);
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default()
}

/// The project that a request is for, and where it says so.
fn named_project(arrival: &Arrival, found: &Found<'_>) -> (Naming, String) {
    let in_path = found.project.as_deref();
    let naming = if in_path.is_some() { Naming::Path } else { Naming::Header };
    let id = in_path.or_else(|| header(&arrival.headers, &names::PROJECT)).or_else(|| arrival.query_text("project"));
    match id.filter(|id| !id.is_empty()) {
        Some(id) => (naming, id.to_owned()),
        None => (Naming::Nowhere, CONSOLE.to_owned()),
    }
}

/// Refuses what the project's quota has no room for, unless it asks itself.
async fn refuse_if_full(store: &Store, route: &RouteSpec) -> floe_store::Result<()> {
    store.refresh_usage().await;
    if route.weighs { Ok(()) } else { store.refuse_if_full() }
}

// In Appwrite's words.
const NO_ADMIN_MODE: &str = "Admin mode is not allowed for console project";
const CONSOLE_IS_RESERVED: &str = "This endpoint is not available for the console project. The Appwrite Console is a reserved project ID and cannot be used with the Appwrite SDKs and APIs. Please check if your project ID is correct.";
const NO_PROJECT_NAMED: &str =
    "No Appwrite project was specified. Please specify your project ID when initializing your Appwrite SDK.";

fn check_upgrade(headers: &Headers, route: &RouteSpec) -> Result<()> {
    let asked = header(headers, &names::UPGRADE).is_some_and(|protocol| protocol.eq_ignore_ascii_case("websocket"));
    if route.upgrade && !asked {
        return Err(Error::new(ErrorKind::GeneralBadRequest).message("This endpoint is for WebSockets."));
    }
    Ok(())
}

/// Whether this caller may call this endpoint at all.
fn admit(caller: &Caller, project: &Project, route: &RouteSpec) -> Result<()> {
    // SDKs call it `tablesDB`, projects switch it off as `tablesdb`.
    let switched_off =
        project.settings.disabled_services.iter().any(|service| service.eq_ignore_ascii_case(route.service()));
    if switched_off && !caller.privileged() {
        return Err(ErrorKind::GeneralServiceDisabled.into());
    }
    if caller.lacks_second_factor() && !route.before_second_factor {
        return Err(ErrorKind::UserMoreFactorsRequired.into());
    }
    if !route.scopes.is_empty() && !route.scopes.contains(&Scope::Public) {
        caller.require_scope(route.scopes)?;
    }
    let welcome = match caller.identity() {
        Identity::Guest => route.callers.guests,
        Identity::User { .. } => route.callers.users,
        Identity::Key { .. } => route.callers.keys,
        Identity::Admin { .. } => route.callers.admins,
    };
    if welcome { Ok(()) } else { Err(ErrorKind::UserUnauthorized.into()) }
}
