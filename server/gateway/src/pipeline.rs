//! The journey of one request, stage by stage.

use crate::authenticate::{Credentials, authenticate};
use crate::call::{Call, RequestInfo};
use crate::gateway::{Found, Gateway};
use crate::input::{RawInput, query_value};
use crate::names;
use crate::receive::{self, header};
use crate::reply::Reply;
use crate::respond::{self, ResponseContext};
use crate::route::{Endpoint, Failure, LimitKey, Method, RouteSpec, Stage};
use actix_web::http::header::{HeaderMap, HeaderName};
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use floe_kernel::access::{Caller, Identity};
use floe_kernel::directory::{CONSOLE, Project};
use floe_kernel::scope::Scope;
use floe_kernel::time::Timestamp;
use floe_kernel::{Error, ErrorKind, Result};
use futures_util::FutureExt as _;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Instant;

/// What the log says of a request, gathered on the way.
#[derive(Default)]
struct Trace {
    route: Option<&'static str>,
    project: String,
    user: Option<String>,
}

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
        allow_origin(&gateway, &info, &mut context).await;
        return respond::preflight(&context);
    }
    let outcome = travel(&gateway, &request, payload, &info, &mut context, &mut trace).await;
    let (response, failed) = match outcome {
        Ok(reply) => (respond::success(reply, &context), None),
        Err(failure) => (respond::failure(&failure, &context), Some(failure)),
    };
    log(&gateway, &request, &info, &trace, response.status().as_u16(), started, failed.as_ref());
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
    check_origin(gateway, headers, info, &project, &found.endpoint.route, context).map_err(received)?;
    receive::check(headers).map_err(received)?;
    let mut given = found.given(query.to_owned());
    if !method.reads() {
        given.body = receive::body(headers, payload, gateway.settings.max_body).await.map_err(received)?;
    }

    let now = gateway.services.clock.now();
    let credentials = credentials(headers, query, &project.id, found.project.is_some());
    let caller = authenticate(&gateway.services, &project, &credentials, now).await.map_err(authenticated)?;
    trace.user = caller.user_id().map(str::to_owned);
    context.private = !matches!(caller.identity(), Identity::Guest);
    let endpoint = found.endpoint;
    admit(&caller, &project, &endpoint.route).map_err(authenticated)?;
    let limit = count(gateway, &caller, &project, endpoint, info, &given, now, context).await.map_err(authenticated)?;

    let store = gateway
        .services
        .stores
        .project(&project.id)
        .await
        .map_err(|error| Stage::Persist.failed(Error::internal(error)))?;
    let call = Call { caller, project, store, request: Arc::clone(info), now, vocabulary: endpoint.route.vocabulary };
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

/// Lets a browser's page of another site in only where the project says so. Servers send no `Origin`; a key is proof
/// enough that no page is behind the request.
fn check_origin(
    gateway: &Gateway,
    headers: &HeaderMap,
    info: &RequestInfo,
    project: &Project,
    route: &RouteSpec,
    context: &mut ResponseContext,
) -> Result<()> {
    let Some(origin) = info.origin.as_deref() else { return Ok(()) };
    if respond::origin_allowed(origin, &info.host, Some(project), &gateway.settings) {
        context.allowed_origin = Some(origin.to_owned());
        return Ok(());
    }
    if route.any_origin || header(headers, &names::KEY).is_some() {
        return Ok(());
    }
    Err(respond::unknown_origin(origin))
}

/// A preflight carries no project header, so it says yes to the origins that any project knows; the request itself
/// names its project and is checked against that.
async fn allow_origin(gateway: &Gateway, info: &RequestInfo, context: &mut ResponseContext) {
    let Some(origin) = info.origin.as_deref() else { return };
    let known = match crate::cookies::host_of(origin) {
        Some(host) => gateway.services.projects.origin_project(host).await.unwrap_or_default(),
        None => None,
    };
    if respond::origin_allowed(origin, &info.host, known.as_deref(), &gateway.settings) {
        context.allowed_origin = Some(origin.to_owned());
    }
}

fn credentials(headers: &HeaderMap, query: &str, project_id: &str, implied_admin: bool) -> Credentials {
    let own = |name: &HeaderName| header(headers, name).filter(|value| !value.is_empty()).map(str::to_owned);
    let mode =
        own(&names::MODE).or_else(|| query_value(query, "mode").and_then(|value| value.as_str().map(str::to_owned)));
    let admin = implied_admin || mode.as_deref() == Some("admin");
    let name = format!("a_session_{}", if admin { CONSOLE } else { project_id });
    Credentials {
        key: own(&names::KEY),
        jwt: own(&names::JWT),
        session: own(&names::SESSION),
        cookies: cookies(headers, &name),
        admin,
    }
}

/// The sessions that a browser keeps for this project: the cookie, its twin for sites without TLS, and the copy that
/// the web SDK keeps where cookies of another site are refused.
fn cookies(headers: &HeaderMap, name: &str) -> Vec<String> {
    let (mut found, mut legacy) = (Vec::new(), Vec::new());
    let sent = headers.get_all(&names::COOKIE).filter_map(|value| std::str::from_utf8(value.as_bytes()).ok());
    for pair in sent.flat_map(|value| value.split(';')) {
        let Some(rest) = pair.trim_ascii_start().strip_prefix(name) else { continue };
        if let Some(value) = rest.strip_prefix('=') {
            found.push(percent_decoded(value.trim_ascii_end()));
        } else if let Some(value) = rest.strip_prefix("_legacy=") {
            legacy.push(percent_decoded(value.trim_ascii_end()));
        }
    }
    found.append(&mut legacy);
    if let Some(fallback) = header(headers, &names::FALLBACK_COOKIES) {
        let map: Option<serde_json::Map<String, serde_json::Value>> = serde_json::from_str(fallback).ok();
        found.extend(map.and_then(|map| map.get(name).and_then(|value| value.as_str().map(str::to_owned))));
    }
    found
}

/// Some clients escape the `=` at the end of base64.
fn percent_decoded(text: &str) -> String {
    if !text.contains('%') {
        return text.to_owned();
    }
    percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned()
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

/// Counts the call against the endpoint's limits. Gives the key to reset, and the status at which to.
#[allow(clippy::too_many_arguments, reason = "it is made of what a limit can count by")]
async fn count(
    gateway: &Gateway,
    caller: &Caller,
    project: &Project,
    endpoint: &Endpoint,
    info: &RequestInfo,
    given: &RawInput,
    now: Timestamp,
    context: &mut ResponseContext,
) -> Result<Option<(String, u16)>> {
    let route = &endpoint.route;
    let mut reset = None;
    for limit in route.limits {
        let key = limit_key(limit.key, caller, project, route, info, given);
        if !gateway.settings.rate_limits || caller.privileged() {
            let window = i64::from(limit.seconds);
            let ends = now.seconds() - now.seconds().rem_euclid(window) + window;
            context.verdict = Some(crate::rate_limit::Verdict {
                limit: limit.calls,
                remaining: limit.calls,
                reset: ends,
                exceeded: false,
            });
            continue;
        }
        let verdict = gateway.services.limiter.hit(&key, limit.calls, limit.seconds, now).await;
        let tighter = context.verdict.is_none_or(|before| verdict.remaining <= before.remaining);
        if tighter {
            context.verdict = Some(verdict);
        }
        if verdict.exceeded {
            return Err(ErrorKind::GeneralRateLimitExceeded.into());
        }
        reset = limit.reset_on.map(|status| (key, status)).or(reset);
    }
    Ok(reset)
}

/// What a limit counts by, made of what the server knows. Texts of the caller are trimmed, put into lower case and
/// bounded, so that no spelling of one address has a count of its own.
fn limit_key(
    parts: &[LimitKey],
    caller: &Caller,
    project: &Project,
    route: &RouteSpec,
    info: &RequestInfo,
    given: &RawInput,
) -> String {
    let mut key = format!("{}|", project.id);
    for part in parts {
        match part {
            LimitKey::Ip => key.push_str(&info.ip),
            LimitKey::Method => key.push_str(route.method.name()),
            LimitKey::Url => key.push_str(route.path),
            LimitKey::UserId => key.push_str(caller.user_id().unwrap_or_default()),
            LimitKey::Param(name) => {
                key.extend(given.peek(name).unwrap_or_default().trim().to_lowercase().chars().take(320));
            }
        }
        key.push('|');
    }
    key
}

/// The request's one line in the log.
fn log(
    gateway: &Gateway,
    request: &HttpRequest,
    info: &RequestInfo,
    trace: &Trace,
    status: u16,
    started: Instant,
    failed: Option<&Failure>,
) {
    let user = trace.user.as_deref().map(|id| floe_kernel::secret::keyed_hash(&gateway.settings.log_key, id));
    let (method, path) = (request.method().as_str(), request.path());
    let micros = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
    let stage = failed.map(|failure| failure.stage.name());
    let kind = failed.map(|failure| failure.error.kind().name());
    let route = trace.route.unwrap_or_default();
    if status >= 500 {
        let cause = failed.map(|failure| causes(&failure.error)).unwrap_or_default();
        tracing::error!(method, path, route, status, micros, request_id = %info.id, project = %trace.project, user, stage, kind, cause, "request");
    } else {
        tracing::info!(method, path, route, status, micros, request_id = %info.id, project = %trace.project, user, stage, kind, "request");
    }
}

fn causes(error: &Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    text
}
