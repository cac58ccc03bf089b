//! `GET /v1/console/...`: two short answers, so one file.

use crate::model::{KeyScope, Variables};
use crate::routes::Console;
use floe_gateway::reply::Page;
use floe_gateway::{Call, Reply};
use floe_kernel::Result;
use floe_kernel::scope::PROJECT;
use std::sync::Arc;

pub(crate) async fn variables(console: Arc<Console>, _call: Call, _input: ()) -> Result<Reply> {
    Reply::ok(&Variables { _APP_DB_ADAPTER: console.database, ..Variables::default() })
}

pub(crate) async fn project_scopes(_console: Arc<Console>, _call: Call, _input: ()) -> Result<Reply> {
    let scopes: Vec<_> = PROJECT.iter().map(KeyScope::from).collect();
    let total = i64::try_from(scopes.len()).unwrap_or(i64::MAX);
    Reply::ok(&Page { plural: "scopes", total, items: scopes })
}
