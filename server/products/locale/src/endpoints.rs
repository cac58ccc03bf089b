//! `GET /v1/locale...`: all of one shape, so all in one file.

use crate::routes::Locales;
use crate::service;
use floe_gateway::{Call, Reply};
use floe_kernel::Result;
use std::sync::Arc;

/// The language that the caller asked for, where it is one that we know; else English.
fn language(call: &Call) -> &str {
    Some(&*call.request.locale).filter(|code| service::is_locale_code(code)).unwrap_or("en")
}

pub(crate) async fn locale(locales: Arc<Locales>, call: Call, _input: ()) -> Result<Reply> {
    Reply::ok(&service::locale(&call.request.ip, language(&call), &*locales.locator))
}

pub(crate) async fn codes(_locales: Arc<Locales>, _call: Call, _input: ()) -> Result<Reply> {
    Reply::ok(&service::locale_codes())
}

pub(crate) async fn continents(_locales: Arc<Locales>, call: Call, _input: ()) -> Result<Reply> {
    Reply::ok(&service::continents(language(&call)))
}

pub(crate) async fn countries(_locales: Arc<Locales>, call: Call, _input: ()) -> Result<Reply> {
    Reply::ok(&service::countries(language(&call)))
}

pub(crate) async fn eu_countries(_locales: Arc<Locales>, call: Call, _input: ()) -> Result<Reply> {
    Reply::ok(&service::eu_countries(language(&call)))
}

pub(crate) async fn phones(_locales: Arc<Locales>, call: Call, _input: ()) -> Result<Reply> {
    Reply::ok(&service::phones(language(&call)))
}

pub(crate) async fn currencies(_locales: Arc<Locales>, _call: Call, _input: ()) -> Result<Reply> {
    Reply::ok(&service::currencies())
}

pub(crate) async fn languages(_locales: Arc<Locales>, _call: Call, _input: ()) -> Result<Reply> {
    Reply::ok(&service::languages())
}
