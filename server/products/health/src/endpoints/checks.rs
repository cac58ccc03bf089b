//! `/v1/health...`: what admins and their monitoring ask, with a key.

use crate::model::{AntiVirus, Check, Time, Version};
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
    list(health.database().await?)
}

/// The cache and the fan-out of a single node live in the process that answers: that it does is the check.
pub(crate) async fn in_process(_health: Arc<Health>, _call: Call, _input: ()) -> Result<Reply> {
    list(Check { name: "memory", ping: 0, status: "pass" })
}

pub(crate) async fn storage(health: Arc<Health>, _call: Call, _input: ()) -> Result<Reply> {
    Reply::ok(&health.storage().await)
}

/// Floe searches nothing for viruses, and says so as Appwrite does without its scanner.
pub(crate) async fn anti_virus(_health: Arc<Health>, _call: Call, _input: ()) -> Result<Reply> {
    Reply::ok(&AntiVirus { version: "", status: "disabled" })
}

fn list(check: Check) -> Result<Reply> {
    Reply::ok(&Page { plural: "statuses", total: 1, items: vec![check] })
}

pub(crate) async fn time(_health: Arc<Health>, call: Call, _input: ()) -> Result<Reply> {
    let now = call.now.seconds();
    Reply::ok(&Time { remote_time: now, local_time: now, diff: 0 })
}

pub(crate) async fn version(_health: Arc<Health>, _call: Call, _input: ()) -> Result<Reply> {
    Reply::ok(&Version { version: API_VERSION })
}
