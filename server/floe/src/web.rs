//! What browsers, crawlers and certificate authorities look for beside the API: paths outside of `/v1`.

use floe_gateway::param::Text;
use floe_gateway::{API_VERSION, Call, Reply, Route, get, input};
use floe_kernel::scope::Scope;
use floe_kernel::{Error, ErrorKind, Result};
use serde_json::json;
use std::sync::Arc;

const ROBOTS: &str = "# robotstxt.org/\n\nUser-agent: *\nDisallow: /\n";
const HUMANS: &str = "# humanstxt.org/\n\nThis is the API of a Floe server.\n";

/// The most characters of what a certificate authority asks for.
const MAX_TOKEN: usize = 100;

pub(crate) fn routes() -> Vec<Route<()>> {
    let routes = vec![
        get("/robots.txt", "web.robots", robots).summary("What crawlers may read: nothing."),
        get("/humans.txt", "web.humans", humans).summary("What this is, for people."),
        get("/versions", "web.versions", versions).summary("The version of the API."),
        get("/.well-known/acme-challenge/{token}", "web.challenge", challenge)
            .summary("What a certificate authority asks for. Certificates are the proxy's, so there is never any."),
    ];
    routes.into_iter().map(|route| route.at_root().any_origin().scopes(&[Scope::Public]).answers(200, "any")).collect()
}

async fn robots(_nothing: Arc<()>, _call: Call, _input: ()) -> Result<Reply> {
    Ok(Reply::text(ROBOTS))
}

async fn humans(_nothing: Arc<()>, _call: Call, _input: ()) -> Result<Reply> {
    Ok(Reply::text(HUMANS))
}

async fn versions(_nothing: Arc<()>, _call: Call, _input: ()) -> Result<Reply> {
    Reply::ok(&json!({"server": API_VERSION}))
}

input! {
    /// What `GET /.well-known/acme-challenge/{token}` takes.
    struct Challenge {
        /// What the authority has chosen.
        token: Text<1, MAX_TOKEN> = path "token",
    }
}

async fn challenge(_nothing: Arc<()>, _call: Call, input: Challenge) -> Result<Reply> {
    if !input.token.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)) {
        return Err(Error::invalid("token", "Value must be 1 to 100 letters, digits, `-` and `_`"));
    }
    Err(Error::new(ErrorKind::GeneralRouteNotFound).message("Unknown path"))
}
