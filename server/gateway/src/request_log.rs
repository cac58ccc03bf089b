//! The one line that the log has of each request.

use crate::arrival::Arrival;
use crate::call::RequestInfo;
use crate::gateway::Gateway;
use crate::route::Failure;
use floe_kernel::Error;
use std::time::Instant;
use tracing::Level;

/// The most bytes of a path in the log. What is longer leads nowhere, or is a name that somebody chose to be long.
const MAX_PATH: usize = 128;
/// The most bytes of a method.
const MAX_METHOD: usize = 16;
/// The most bytes of what caused a fault.
const MAX_CAUSE: usize = 2048;

/// What the log says of a request, gathered on the way.
#[derive(Default)]
pub(crate) struct Trace {
    pub(crate) route: Option<&'static str>,
    pub(crate) project: String,
    pub(crate) user: Option<String>,
}

/// The request's one line in the log.
pub(crate) fn write(
    gateway: &Gateway,
    arrival: &Arrival,
    info: &RequestInfo,
    trace: &Trace,
    status: u16,
    started: Instant,
    failed: Option<&Failure>,
) {
    let user = trace.user.as_deref().map(|id| floe_kernel::secret::keyed_hash(&gateway.settings.log_key, id));
    let (method, path) = (bounded(arrival.method.as_str(), MAX_METHOD), bounded(&arrival.path, MAX_PATH));
    let micros = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
    let stage = failed.map(|failure| failure.stage.name());
    let kind = failed.map(|failure| failure.error.kind().name());
    let route = trace.route.unwrap_or_default();
    let cause = failed.filter(|_| status >= 500).map(|failure| causes(&failure.error));
    let cause = cause.as_deref().map(|cause| bounded(cause, MAX_CAUSE));
    macro_rules! line {
        ($level:expr) => {
            tracing::event!($level, method, path, route, status, micros, request_id = %info.id, project = %trace.project, user, stage, kind, cause, "request")
        };
    }
    match status {
        500 => line!(Level::ERROR),
        // Busy, away or full: for the operator to see, and nobody's bug.
        502.. => line!(Level::WARN),
        // What isn't offered here (501) was answered as it should be.
        _ => line!(Level::INFO),
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

/// The beginning of a text, whole characters of it.
fn bounded(text: &str, most: usize) -> &str {
    &text[..text.floor_char_boundary(most)]
}
