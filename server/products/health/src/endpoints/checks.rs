//! `/v1/health...`: what admins and their monitoring ask, with a key.

use crate::model::{Check, Time, Version};
use crate::service::Health;
use floe_gateway::reply::Page;
use floe_gateway::{API_VERSION, Call, Reply};
use floe_kernel::Result;
use std::sync::Arc;

pub(crate) async fn get(_health: Arc<Health>, _call: Call, _input: ()) -> Result<Reply> {
    // That this is answered is the check.
    Reply::ok(&Check { name: "http", ping: 0, status: "pass" })
}

pub(crate) async fn database(health: Arc<Health>, _call: Call, _input: ()) -> Result<Reply> {
    let check = health.database().await;
    Reply::ok(&Page { plural: "statuses", total: 1, items: vec![check] })
}

pub(crate) async fn time(_health: Arc<Health>, call: Call, _input: ()) -> Result<Reply> {
    let now = call.now.seconds();
    Reply::ok(&Time { remote_time: now, local_time: now, diff: 0 })
}

pub(crate) async fn version(_health: Arc<Health>, _call: Call, _input: ()) -> Result<Reply> {
    Reply::ok(&Version { version: API_VERSION })
}
