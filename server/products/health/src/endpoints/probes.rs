//! `/health/live`, `/health/ready` and `/health/startup`: what orchestrators ask.

use crate::service::Health;
use floe_gateway::Reply;
use floe_kernel::Result;
use serde_json::json;
use std::sync::Arc;

/// The status of "not now" that load balancers know.
const UNAVAILABLE: u16 = 503;

pub(crate) async fn live(_health: Arc<Health>) -> Result<Reply> {
    Reply::ok(&json!({"status": "ok"}))
}

pub(crate) async fn ready(health: Arc<Health>) -> Result<Reply> {
    let readiness = health.readiness().await;
    Reply::json(if readiness.status == "error" { UNAVAILABLE } else { 200 }, &readiness)
}

pub(crate) async fn startup(health: Arc<Health>) -> Result<Reply> {
    let started = health.has_started().await;
    let status = if started { "ok" } else { "error" };
    Reply::json(if started { 200 } else { UNAVAILABLE }, &json!({"status": status}))
}
