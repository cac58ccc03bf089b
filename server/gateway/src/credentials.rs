//! What a request brings to show who sent it, parsed once.

use crate::arrival::{Arrival, Headers};
use crate::authenticate::Credentials;
use crate::cookies::{Jar, Session};
use crate::gateway::Found;
use crate::names;
use crate::receive::header;
use floe_kernel::directory::CONSOLE;
use http::header::HeaderName;
use std::borrow::Cow;

/// The credentials of a request to this project. An empty header is none.
pub(crate) fn parse(arrival: &Arrival, project_id: &str, found: &Found<'_>) -> Credentials {
    let headers = &arrival.headers;
    let own = |name: &HeaderName| header(headers, name).filter(|value| !value.is_empty()).map(str::to_owned);
    let mode = own(&names::MODE).or_else(|| arrival.query_text("mode").map(str::to_owned));
    // An alias that names the project in its path is one that only a console user's session opens.
    let admin = found.project.is_some() || mode.as_deref() == Some("admin");
    Credentials {
        key: own(&names::KEY),
        jwt: own(&names::JWT),
        session: own(&names::SESSION),
        cookies: sessions(headers, if admin { CONSOLE } else { project_id }),
        admin,
        entering: found.endpoint.route.is_entrance(),
    }
}

/// The sessions that a browser keeps for this project, most trusted first. The cookie that no neighbouring host can set
/// stands alone where it is there; else the cookie and its twin for sites without TLS. Last the copy that the web SDK
/// keeps where cookies of another site are refused.
fn sessions(headers: &Headers, project_id: &str) -> Vec<String> {
    let jar = Jar::of(headers);
    let kept = |kind: Session| kind.kept(&jar, project_id).map(Cow::into_owned);
    let mut found: Vec<String> = kept(Session::HOST).into_iter().collect();
    if found.is_empty() {
        found.extend(kept(Session::PLAIN));
        // Nearly always the same one.
        found.extend(kept(Session::LEGACY).filter(|value| !found.contains(value)));
    }
    if let Some(fallback) = header(headers, &names::FALLBACK_COOKIES) {
        let map: Option<serde_json::Map<String, serde_json::Value>> = serde_json::from_str(fallback).ok();
        let kept = map.and_then(|mut map| map.remove(&Session::PLAIN.name(project_id)));
        found.extend(kept.and_then(|value| value.as_str().map(str::to_owned)));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::header::HeaderValue;

    fn kept(cookies: &[&str]) -> Vec<String> {
        let header = |value: &&str| (names::COOKIE.clone(), HeaderValue::from_str(value).unwrap());
        sessions(&cookies.iter().map(header).collect(), "shop")
    }

    #[test]
    fn cookies_are_known_by_their_whole_name() {
        assert_eq!(kept(&["a_session_shop=a%3D; x=y", "a_session_shop_legacy=b"]), ["a=", "b"]);
        assert_eq!(kept(&["a_session_shop2=a; xa_session_shop=b; a_session_sho=c; a_session_shop"]), [""; 0]);
        assert_eq!(kept(&[" a_session_shop = a ; a_session_shop_legacy_legacy=b"]), ["a"]);
    }

    /// Two of one name: a neighbouring host has set one of them, and nobody can tell which.
    #[test]
    fn of_two_cookies_of_one_name_neither_counts() {
        assert_eq!(kept(&["a_session_shop=a; a_session_shop=b"]), [""; 0]);
        assert_eq!(kept(&["a_session_shop=a", "a_session_shop=b; a_session_shop_legacy=c"]), ["c"]);
        assert_eq!(kept(&["a_session_shop=a; a_session_shop=a"]), ["a"], "the same twice is one");
    }

    #[test]
    fn what_a_neighbour_can_set_does_not_count_beside_what_it_can_not() {
        assert_eq!(
            kept(&["a_session_shop=planted; __Host-a_session_shop=own; a_session_shop_legacy=planted"]),
            ["own"]
        );
    }
}
