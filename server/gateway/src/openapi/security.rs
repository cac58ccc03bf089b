//! Who may call: the credentials of a route.

use crate::route::RouteSpec;
use floe_kernel::scope::{GUESTS, Scope};
use serde_json::{Value as Json, json};

pub(super) fn of(route: &RouteSpec) -> Json {
    if route.at_root || route.any_origin {
        return json!([{}]);
    }
    let mut ways = vec![];
    let open = route.scopes.contains(&Scope::Public) || route.scopes.is_empty();
    let project = |with: &str| json!({"project": [], with: []});
    if route.callers.guests && (open || route.scopes.iter().any(|scope| GUESTS.has(*scope))) {
        ways.push(json!({"project": []}));
    }
    if route.callers.users {
        ways.extend([project("session"), project("cookie"), project("jwt")]);
    }
    if route.callers.keys {
        ways.push(project("key"));
    }
    if route.callers.admins {
        ways.extend([
            json!({"project": [], "admin": [], "session": []}),
            json!({"project": [], "admin": [], "cookie": []}),
        ]);
    }
    ways.into()
}

pub(super) fn schemes() -> Json {
    let header = |name: &str, description: &str| json!({"type": "apiKey", "in": "header", "name": name, "description": description});
    json!({
        "project": header("X-Appwrite-Project", "The project's id."),
        "key": header("X-Appwrite-Key", "An API key of the project."),
        "session": header("X-Appwrite-Session", "A session; browsers send it as a cookie instead."),
        "cookie": {"type": "apiKey", "in": "cookie", "name": "a_session_{project}", "description": "A browser's session: the cookie that signing in sets. With `admin` it is that of the project `console`."},
        "jwt": header("X-Appwrite-JWT", "A JWT of `POST /v1/account/jwts`."),
        "admin": header("X-Appwrite-Mode", "`admin`, with a session of the console: the caller manages the project."),
    })
}
