//! `GET /v1/console/...`: a few short answers, so one file.

use crate::model::{KeyScope, Variables};
use crate::routes::Console;
use floe_gateway::reply::Page;
use floe_gateway::{Call, Reply};
use floe_kernel::scope::{PROJECT, Scope, Scopes};
use floe_kernel::{ErrorKind, Result};
use std::sync::Arc;

/// What an organisation's API key could be given.
const ORGANIZATION: Scopes =
    Scopes::of(&[Scope::ProjectsRead, Scope::ProjectsWrite, Scope::DevKeysRead, Scope::DevKeysWrite]);

pub(crate) async fn variables(console: Arc<Console>, call: Call, _input: ()) -> Result<Reply> {
    // Users of projects have the scope too; what the instance can do is for those who run it.
    if !call.project.is_console() {
        return Err(ErrorKind::GeneralAccessForbidden.into());
    }
    Reply::ok(&Variables { _APP_DB_ADAPTER: console.database, ..Variables::default() })
}

pub(crate) async fn project_scopes(_console: Arc<Console>, _call: Call, _input: ()) -> Result<Reply> {
    scopes(PROJECT)
}

pub(crate) async fn organization_scopes(_console: Arc<Console>, _call: Call, _input: ()) -> Result<Reply> {
    scopes(ORGANIZATION)
}

fn scopes(scopes: Scopes) -> Result<Reply> {
    let items: Vec<_> = scopes.iter().map(KeyScope::from).collect();
    Reply::ok(&Page { plural: "scopes", total: i64::try_from(items.len()).unwrap_or(i64::MAX), items })
}

/// None yet: a provider that can't be set up isn't offered.
pub(crate) async fn oauth2_providers(_console: Arc<Console>, _call: Call, _input: ()) -> Result<Reply> {
    Reply::ok(&Page::<()> { plural: "oAuth2Providers", total: 0, items: Vec::new() })
}
