//! Which pages may call: the rule of origins.

use crate::arrival::Headers;
use crate::call::RequestInfo;
use crate::gateway::{Gateway, GatewaySettings};
use crate::names;
use crate::receive::header;
use crate::respond::ResponseContext;
use crate::route::RouteSpec;
use floe_kernel::directory::Project;
use floe_kernel::{Error, ErrorKind, Result};

/// Lets a browser's page of another site in only where the project says so. Servers send no `Origin`; a key is proof
/// enough that no page is behind the request.
pub(crate) fn check(
    gateway: &Gateway,
    headers: &Headers,
    info: &RequestInfo,
    project: &Project,
    route: &RouteSpec,
    context: &mut ResponseContext,
) -> Result<()> {
    let Some(origin) = info.origin.as_deref() else { return Ok(()) };
    if allowed(origin, &info.host, Some(project), &gateway.settings) {
        context.allowed_origin = Some(origin.to_owned());
        return Ok(());
    }
    if route.any_origin || header(headers, &names::KEY).is_some() {
        return Ok(());
    }
    Err(unknown(origin))
}

/// A preflight carries no project header, so it says yes to the origins that any project knows; the request itself
/// names its project and is checked against that.
pub(crate) async fn allow(gateway: &Gateway, info: &RequestInfo, context: &mut ResponseContext) {
    let Some(origin) = info.origin.as_deref() else { return };
    let known = match crate::cookies::host_of(origin) {
        Some(host) => gateway.services.projects.origin_project(host).await.unwrap_or_default(),
        None => None,
    };
    if allowed(origin, &info.host, known.as_deref(), &gateway.settings) {
        context.allowed_origin = Some(origin.to_owned());
    }
}

/// Whether a browser's page of this origin may call this project: its host is one of the project's web platforms, of
/// the operator's own, or the developer's machine.
fn allowed(origin: &str, own_host: &str, project: Option<&Project>, settings: &GatewaySettings) -> bool {
    if let Some(project) = project.filter(|_| origin.starts_with("appwrite-callback-")) {
        return origin == format!("appwrite-callback-{}://", project.id)
            || origin == format!("appwrite-callback-{}", project.id);
    }
    if !origin.starts_with("http://") && !origin.starts_with("https://") {
        return false;
    }
    let Some(host) = crate::cookies::host_of(origin).map(str::to_ascii_lowercase) else { return false };
    let ours =
        host == "localhost" || host == own_host || settings.hosts.iter().any(|allowed| host_matches(allowed, &host));
    ours || project.is_some_and(|project| project.web_hosts.iter().any(|allowed| host_matches(allowed, &host)))
}

/// Exactly this host, or any host below `*.`.
fn host_matches(allowed: &str, host: &str) -> bool {
    let allowed = allowed.to_ascii_lowercase();
    match allowed.strip_prefix("*.") {
        Some(parent) => host.strip_suffix(parent).is_some_and(|rest| rest.len() > 1 && rest.ends_with('.')),
        None => allowed == host,
    }
}

fn unknown(origin: &str) -> Error {
    let host = crate::cookies::host_of(origin).unwrap_or(origin);
    Error::new(ErrorKind::GeneralUnknownOrigin).message(format!(
        "Invalid Origin. Register your new client ({host}) as a new Web platform on your project console dashboard"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use floe_kernel::secret::Secret;

    #[test]
    fn origins_are_matched_exactly() {
        let settings = GatewaySettings { hosts: vec!["good.com".into()], ..GatewaySettings::new(Secret::new("")) };
        let project = Project {
            id: "p".into(),
            name: String::new(),
            team_id: String::new(),
            keys: Vec::new(),
            generation: 1,
            web_hosts: vec!["app.org".into(), "*.wild.org".into()],
            settings: floe_kernel::directory::ProjectSettings::default(),
        };
        let allowed = |origin: &str| super::allowed(origin, "api.host", Some(&project), &settings);
        for origin in [
            "https://good.com",
            "http://localhost:3000",
            "https://app.org",
            "https://a.wild.org",
            "https://api.host",
            "https://APP.org",
        ] {
            assert!(allowed(origin), "{origin}");
        }
        for origin in [
            "null",
            "",
            "https://good.com.evil",
            "https://evilgood.com",
            "https://evil-app.org",
            "https://wild.org",
            "https://evilwild.org",
            "https://x.app.org",
            "ftp://app.org",
            "https://app.org@evil",
            "https://localhost.evil",
        ] {
            assert!(!allowed(origin), "{origin}");
        }
    }
}
