//! Which pages may call: the rule of origins.

use crate::arrival::Headers;
use crate::authenticate::Credentials;
use crate::call::RequestInfo;
use crate::cookies::host_of;
use crate::gateway::{Gateway, GatewaySettings};
use crate::names;
use crate::receive::header;
use crate::respond::ResponseContext;
use crate::route::RouteSpec;
use floe_kernel::directory::Project;
use floe_kernel::{Error, ErrorKind, Result};
use std::net::IpAddr;

/// What a page wants to call.
#[derive(Clone, Copy)]
enum Wanted<'p> {
    /// A project, as one of its users or as a guest.
    Project(&'p Project),
    /// Some project that has a web app on the page's host, if there is any: what a preflight asks before a request names
    /// its project.
    Any(Option<&'p Project>),
    /// What a console user's session opens: the console's own project, or another one as its admin.
    Console,
}

/// Lets a browser's page of another site in only where the project says so. Servers send no `Origin`; a key is proof
/// enough that no page is behind the request, and it counts before every other credential.
pub(crate) fn check(
    gateway: &Gateway,
    headers: &Headers,
    info: &RequestInfo,
    project: &Project,
    shown: &Credentials,
    route: &RouteSpec,
    context: &mut ResponseContext,
) -> Result<()> {
    if shown.key.is_none() {
        check_host(headers, info, &gateway.settings)?;
    }
    let Some(origin) = info.origin.as_deref() else { return Ok(()) };
    let wanted = if shown.admin || project.is_console() { Wanted::Console } else { Wanted::Project(project) };
    if allowed(origin, info, wanted, &gateway.settings) {
        context.allowed_origin = Some(origin.to_owned());
        return Ok(());
    }
    if route.any_origin || shown.key.is_some() {
        return Ok(());
    }
    Err(unknown(origin))
}

/// A preflight carries no project header, so it says yes to the origins that any project knows; the request itself
/// names its project and is checked against that.
pub(crate) async fn allow(gateway: &Gateway, info: &RequestInfo, context: &mut ResponseContext) {
    let Some(origin) = info.origin.as_deref() else { return };
    let known = match host_of(origin) {
        Some(host) => gateway.services.projects.origin_project(host).await.unwrap_or_default(),
        None => None,
    };
    if allowed(origin, info, Wanted::Any(known.as_deref()), &gateway.settings) {
        context.allowed_origin = Some(origin.to_owned());
    }
}

/// Whether a browser's page of this origin may make this call: its host is one of the project's web platforms, of the
/// operator's own, the API's own, or the developer's machine.
///
/// What a console user's session opens is for no project's platforms, which whoever manages a project registers; and for
/// pages of the developer's machine only where the API itself is on it.
fn allowed(origin: &str, info: &RequestInfo, wanted: Wanted<'_>, settings: &GatewaySettings) -> bool {
    let project = match wanted {
        Wanted::Project(project) | Wanted::Any(Some(project)) => Some(project),
        Wanted::Any(None) | Wanted::Console => None,
    };
    if let Some(project) = project.filter(|_| origin.starts_with("appwrite-callback-")) {
        return origin == format!("appwrite-callback-{}://", project.id)
            || origin == format!("appwrite-callback-{}", project.id);
    }
    let plain = origin.starts_with("http://");
    if !plain && !origin.starts_with("https://") {
        return false;
    }
    let Some(host) = host_of(origin).map(str::to_ascii_lowercase) else { return false };
    if is_local(&host) {
        return !matches!(wanted, Wanted::Console) || is_local(&info.host);
    }
    // Whoever sits between a browser and a page without TLS writes the page. It must not reach what TLS protects.
    if plain && info.secure {
        return false;
    }
    host.eq_ignore_ascii_case(&info.host)
        || settings.hosts.iter().any(|allowed| host_matches(allowed, &host))
        || project.is_some_and(|project| project.web_hosts.iter().any(|allowed| host_matches(allowed, &host)))
}

/// Refuses what a browser sends to an instance of the developer's own machine under a name that isn't the machine's: the
/// page is of another site, whose name has been pointed here after the page had come (DNS rebinding). To the browser it
/// is at home, so that no other rule of browsers keeps it out. Nobody can point an IP address anywhere else.
fn check_host(headers: &Headers, info: &RequestInfo, settings: &GatewaySettings) -> Result<()> {
    let host = info.host.as_str();
    let own = !settings.only_loopback
        || host.is_empty()
        || host.parse::<IpAddr>().is_ok()
        || is_local(host)
        || host.to_ascii_lowercase().ends_with(".localhost")
        || settings.hosts.iter().any(|allowed| host_matches(allowed, &host.to_ascii_lowercase()));
    if own || !from_browser(headers, info) {
        return Ok(());
    }
    let message = "This server listens on a loopback address only, and isn't known by the name that it was called by. \
                   If the name is its own, add it to FLOE_HOSTS; behind a proxy, set FLOE_TRUSTED_PROXIES.";
    Err(Error::new(ErrorKind::GeneralUnknownOrigin).message(message))
}

/// Whether a browser seems to have sent this. `Sec-Fetch-Site` comes with what browsers trust, loopback names among it;
/// `Origin` with what changes something or goes to another site; the rest with nearly everything. Servers send none of
/// them (Node.js sends `Sec-Fetch-Mode`, though).
fn from_browser(headers: &Headers, info: &RequestInfo) -> bool {
    let has = |name| headers.get(name).is_some();
    info.origin.as_deref().is_some_and(|origin| origin == "null" || origin.starts_with("http"))
        || has(&names::FETCH_SITE)
        || has(&names::REFERER)
        || has(&names::COOKIE)
        || header(headers, &names::USER_AGENT).is_some_and(|agent| agent.starts_with("Mozilla/"))
}

/// The names and addresses of the machine itself that Appwrite takes for one another.
fn is_local(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost") || host == "127.0.0.1" || host == "::1"
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
    let message = match origin.split_once("://") {
        Some((scheme, _)) if !matches!(scheme, "http" | "https") => format!(
            "Invalid Scheme. The scheme used ({scheme}) in the Origin ({origin}) is not supported. If you are using a custom scheme, \
             please change it to `appwrite-callback-<PROJECT_ID>`"
        ),
        _ => format!(
            "Invalid Origin. Register your new client ({}) as a new Web platform on your project console dashboard",
            host_of(origin).unwrap_or(origin)
        ),
    };
    Error::new(ErrorKind::GeneralUnknownOrigin).message(message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use floe_kernel::directory::ProjectSettings;
    use floe_kernel::secret::Secret;

    fn settings() -> GatewaySettings {
        GatewaySettings { hosts: vec!["good.com".into()], ..GatewaySettings::new(Secret::new("")) }
    }

    fn project() -> Project {
        Project {
            id: "p".into(),
            name: String::new(),
            team_id: String::new(),
            keys: Vec::new(),
            generation: 1,
            web_hosts: vec!["app.org".into(), "*.wild.org".into()],
            settings: ProjectSettings::default(),
        }
    }

    fn at(host: &str, secure: bool) -> RequestInfo {
        RequestInfo { host: host.into(), secure, ..RequestInfo::default() }
    }

    #[test]
    fn who_is_refused_is_told_what_to_register() {
        let said = |origin: &str| unknown(origin).text().to_owned();
        assert!(said("https://new.app:3000").starts_with("Invalid Origin. Register your new client (new.app)"));
        assert!(said("null").starts_with("Invalid Origin."));
        let scheme = said("capacitor://localhost");
        assert!(
            scheme.starts_with("Invalid Scheme. The scheme used (capacitor) in the Origin (capacitor://localhost)")
        );
    }

    #[test]
    fn origins_are_matched_exactly() {
        let (settings, project) = (settings(), project());
        let allowed = |origin: &str| allowed(origin, &at("api.host", false), Wanted::Project(&project), &settings);
        for origin in [
            "https://good.com",
            "http://localhost:3000",
            "http://127.0.0.1",
            "http://[::1]:5173",
            "https://app.org",
            "https://a.wild.org",
            "https://api.host",
            "https://APP.org",
            "appwrite-callback-p://",
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
            "https://localhost.",
            "http://127.0.0.2",
            "http://127.0.0.1.example.com",
            "http://[0:0:0:0:0:0:0:1]",
            "http://[::1].evil.com",
            "appwrite-callback-q://",
        ] {
            assert!(!allowed(origin), "{origin}");
        }
    }

    #[test]
    fn the_console_is_for_the_api_s_own_pages_and_the_operators() {
        let settings = settings();
        let allowed = |origin: &str, host: &str| allowed(origin, &at(host, false), Wanted::Console, &settings);
        assert!(allowed("https://api.host", "api.host") && allowed("https://good.com", "api.host"));
        assert!(allowed("http://localhost:3000", "localhost") && allowed("http://localhost:3000", "127.0.0.1"));
        for origin in ["https://app.org", "https://a.wild.org", "http://localhost:3000", "http://[::1]"] {
            assert!(!allowed(origin, "api.host"), "{origin}");
        }
    }

    #[test]
    fn pages_without_tls_do_not_reach_what_tls_protects() {
        let (settings, project) = (settings(), project());
        let allowed = |origin: &str| allowed(origin, &at("api.host", true), Wanted::Project(&project), &settings);
        for host in ["app.org", "a.wild.org", "good.com", "api.host"] {
            assert!(allowed(&format!("https://{host}")) && !allowed(&format!("http://{host}")), "{host}");
        }
        assert!(allowed("http://localhost:3000"), "the developer's machine needs none");
    }
}
