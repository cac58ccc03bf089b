//! The journey of one request, stage by stage.

use crate::authenticate::authenticate;
use crate::call::{Call, RequestInfo};
use crate::gateway::{Found, Gateway};
use crate::input::{RawInput, query_value};
use crate::interest::Interest;
use crate::receive::{self, header};
use crate::reply::Reply;
use crate::request_log::{self, Trace};
use crate::respond::{self, ResponseContext};
use crate::route::{Endpoint, Failure, Method, RouteSpec, Stage};
use crate::{credentials, limits, names, origin, share};
use actix_web::http::header::HeaderMap;
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use floe_kernel::access::{Caller, Identity};
use floe_kernel::directory::{CONSOLE, Project};
use floe_kernel::scope::Scope;
use floe_kernel::{Error, ErrorKind, Result};
use futures_util::FutureExt as _;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Instant;

/// From the request to its answer. The one handler that actix knows.
pub(crate) async fn serve(gateway: Data<Gateway>, request: HttpRequest, payload: Payload) -> HttpResponse {
    let started = Instant::now();
    let info = Arc::new(receive::info(&request, &gateway.settings));
    let mut context = ResponseContext {
        request_id: info.id.clone(),
        accepts_gzip: header(request.headers(), &names::ACCEPT_ENCODING)
            .is_some_and(|accepted| accepted.contains("gzip")),
        no_body: request.method() == "HEAD",
        ..ResponseContext::default()
    };
    let mut trace = Trace::default();
    if request.method() == "OPTIONS" {
        origin::allow(&gateway, &info, &mut context).await;
        return respond::preflight(&context);
    }
    let outcome = travel(&gateway, &request, payload, &info, &mut context, &mut trace).await;
    let (response, failed) = match outcome {
        Ok(reply) => (respond::success(reply, &context), None),
        Err(failure) => (respond::failure(&failure, &context), Some(failure)),
    };
    request_log::write(&gateway, &request, &info, &trace, response.status().as_u16(), started, failed.as_ref());
    response
}

async fn travel(
    gateway: &Data<Gateway>,
    request: &HttpRequest,
    payload: Payload,
    info: &Arc<RequestInfo>,
    context: &mut ResponseContext,
    trace: &mut Trace,
) -> Result<Reply, Failure> {
    let received = |error| Stage::Receive.failed(error);
    let authenticated = |error| Stage::Authenticate.failed(error);
    let (headers, query) = (request.headers(), request.query_string());
    let method =
        Method::parse(request.method().as_str()).ok_or_else(|| received(ErrorKind::GeneralRouteNotFound.into()))?;
    let mut found =
        gateway.table.find(method, request.path()).ok_or_else(|| received(ErrorKind::GeneralRouteNotFound.into()))?;
    trace.route = Some(found.endpoint.route.path);
    let project_id = project_id(headers, query, &found);
    let project = project(gateway, &project_id).await.map_err(received)?;
    trace.project.clone_from(&project.id);
    origin::check(gateway, headers, info, &project, &found.endpoint.route, context).map_err(received)?;
    receive::check(headers).map_err(received)?;
    let mut given = found.given(query.to_owned());
    if !method.reads() {
        given.body = receive::body(headers, payload, gateway.settings.max_body).await.map_err(received)?;
    }

    let now = gateway.services.clock.now();
    let credentials = credentials::parse(headers, query, &project.id, found.project.is_some());
    let caller = authenticate(&gateway.services, &project, &credentials, now).await.map_err(authenticated)?;
    trace.user = caller.user_id().map(str::to_owned);
    context.private = !matches!(caller.identity(), Identity::Guest);
    let endpoint = found.endpoint;
    admit(&caller, &project, &endpoint.route).map_err(authenticated)?;
    let limit =
        limits::count(gateway, &caller, &project, endpoint, info, &given, now, context).await.map_err(authenticated)?;

    let store = gateway
        .services
        .stores
        .project(&project.id)
        .await
        .map_err(|error| Stage::Persist.failed(Error::internal(error)))?;
    let store = store.on_behalf_of(share::of(&caller, &info.ip));
    // Until here is left, which a client that hangs up can bring about at any moment.
    let (_waiting, interest) = Interest::of_a_caller();
    let vocabulary = endpoint.route.vocabulary;
    let call = Call { caller, project, store, request: Arc::clone(info), now, vocabulary, interest };
    let reply = run(endpoint, call, given).await?;
    if let Some(key) = limit.filter(|(_, status)| *status == reply.status).map(|(key, _)| key) {
        gateway.services.limiter.reset(&key).await;
    }
    Ok(reply)
}

/// Process and Persist. What has begun to decide always finishes: actix drops this future when the client hangs up, so
/// whatever changes something runs as a task of its own, which nobody drops.
async fn run(endpoint: &Endpoint, call: Call, given: RawInput) -> Result<Reply, Failure> {
    let panicked =
        |what: &str| Failure { stage: Stage::Process, error: Error::internal(format!("the handler panicked: {what}")) };
    let work = (endpoint.run)(call, given);
    if endpoint.route.method.reads() {
        return AssertUnwindSafe(work).catch_unwind().await.unwrap_or_else(|panic| Err(panicked(&text_of(&*panic))));
    }
    match actix_web::rt::spawn(work).await {
        Ok(outcome) => outcome,
        Err(error) => Err(panicked(&error.to_string())),
    }
}

fn text_of(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(ToString::to_string);
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default()
}

/// The project that a request is for: the path of an alias, the header, or the query (for links); else the console.
fn project_id(headers: &HeaderMap, query: &str, found: &Found<'_>) -> String {
    let of_query = || query_value(query, "project").and_then(|value| value.as_str().map(str::to_owned));
    let id = found.project.clone().or_else(|| header(headers, &names::PROJECT).map(str::to_owned)).or_else(of_query);
    id.filter(|id| !id.is_empty()).unwrap_or_else(|| CONSOLE.to_owned())
}

async fn project(gateway: &Gateway, id: &str) -> Result<Arc<Project>> {
    let not_found = || Error::new(ErrorKind::ProjectNotFound);
    if !floe_kernel::id::is_valid_project(id) {
        return Err(not_found());
    }
    gateway.services.projects.project(id).await?.ok_or_else(not_found)
}

/// Whether this caller may call this endpoint at all.
fn admit(caller: &Caller, project: &Project, route: &RouteSpec) -> Result<()> {
    // SDKs call it `tablesDB`, projects switch it off as `tablesdb`.
    let switched_off =
        project.settings.disabled_services.iter().any(|service| service.eq_ignore_ascii_case(route.service()));
    if switched_off && !caller.privileged() {
        return Err(ErrorKind::GeneralServiceDisabled.into());
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
