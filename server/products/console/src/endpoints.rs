//! `GET /v1/console/...`: a few short answers, so one file.

use crate::model::{KeyScope, Variables};
use crate::providers;
use crate::service::Console;
use floe_gateway::reply::Page;
use floe_gateway::{Call, Reply};
use floe_kernel::scope::{PROJECT, Scope, Scopes};
use floe_kernel::{ErrorKind, Result};
use serde::Serialize;
use std::sync::Arc;

/// What an organisation's API key could be given.
const ORGANIZATION: Scopes =
    Scopes::of(&[Scope::ProjectsRead, Scope::ProjectsWrite, Scope::DevKeysRead, Scope::DevKeysWrite]);

pub(crate) async fn variables(console: Arc<Console>, call: Call, _input: ()) -> Result<Reply> {
    // Users of projects have the scope too; what the instance can do is for those who run it.
    if !call.project.is_console() {
        return Err(ErrorKind::GeneralAccessForbidden.into());
    }
    Reply::ok(&Variables { _APP_DB_ADAPTER: console.database(), ..Variables::default() })
}

pub(crate) async fn project_scopes(_console: Arc<Console>, _call: Call, _input: ()) -> Result<Reply> {
    scopes(PROJECT)
}

pub(crate) async fn organization_scopes(_console: Arc<Console>, _call: Call, _input: ()) -> Result<Reply> {
    scopes(ORGANIZATION)
}

fn scopes(scopes: Scopes) -> Result<Reply> {
    list("scopes", scopes.iter().map(KeyScope::from).collect())
}

fn list<T: Serialize>(plural: &'static str, items: Vec<T>) -> Result<Reply> {
    Reply::ok(&Page { plural, total: i64::try_from(items.len()).unwrap_or(i64::MAX), items })
}

pub(crate) async fn oauth2_providers(_console: Arc<Console>, _call: Call, _input: ()) -> Result<Reply> {
    list("oAuth2Providers", providers::all())
}

/// What a console that nobody is signed in to must know: whether there is an account to sign in with, and what there is
/// to sign in and up by. Nothing else: anybody may ask.
pub(crate) async fn setup(console: Arc<Console>, _call: Call, _input: ()) -> Result<Reply> {
    Reply::ok(&console.setup().await?)
}
