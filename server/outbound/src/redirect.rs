//! What becomes of a request that is sent elsewhere.

use hyper::header::{self, HeaderMap, HeaderName};
use hyper::{Method, StatusCode};

use crate::error::{Error, ErrorKind};
use crate::request::Request;
use crate::target::Target;

/// The only headers that are shown to another host than the one they were meant for.
static HARMLESS: [HeaderName; 4] = [header::ACCEPT, header::ACCEPT_LANGUAGE, header::CONTENT_TYPE, header::USER_AGENT];

/// Where an answer sends the request, if it does.
pub(crate) fn location(status: StatusCode, headers: &HeaderMap) -> Option<Result<&str, Error>> {
    let redirects = matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308);
    let value = headers.get(header::LOCATION).filter(|_| redirects)?;
    Some(value.to_str().map_err(|_| Error::new(ErrorKind::Redirect, "a location that isn't ASCII")))
}

/// Makes the request one to the new location. Other hosts (another scheme or port is another host) are shown neither
/// credentials nor bodies.
pub(crate) fn follow(request: &mut Request, status: StatusCode, location: &str) -> Result<(), Error> {
    let to = request
        .target
        .redirected(location)
        .map_err(|error| Error::new(ErrorKind::Redirect, format!("redirected to a bad location: {error}")))?;
    if request.target.is_https() && !to.is_https() && !request.policy.redirects.downgrade {
        return Err(Error::new(ErrorKind::Redirect, "redirected from https to http"));
    }
    if becomes_get(&request.method, status) {
        drop_body(request);
    }
    if !to.is_same_origin(&request.target) {
        leave_origin(request, &to)?;
    }
    request.target = to;
    Ok(())
}

fn leave_origin(request: &mut Request, to: &Target) -> Result<(), Error> {
    if !request.body.is_empty() {
        return Err(Error::new(ErrorKind::Redirect, format!("redirected with a body to {to:?}")));
    }
    let others: Vec<_> = request.headers.keys().filter(|name| !HARMLESS.contains(name)).cloned().collect();
    for name in others {
        request.headers.remove(name);
    }
    Ok(())
}

fn becomes_get(method: &Method, status: StatusCode) -> bool {
    match status.as_u16() {
        303 => method != Method::HEAD,
        301 | 302 => method == Method::POST,
        _ => false,
    }
}

fn drop_body(request: &mut Request) {
    request.method = Method::GET;
    request.body.clear();
    for name in [header::CONTENT_TYPE, header::CONTENT_ENCODING, header::CONTENT_LANGUAGE] {
        request.headers.remove(name);
    }
}

#[cfg(test)]
mod tests {
    use hyper::header::HeaderValue;

    use super::*;
    use crate::request::{Policy, Redirects};

    fn request(method: Method, url: &str) -> Request {
        let policy = Policy { redirects: Redirects::FOLLOW, ..Policy::default() };
        let value = HeaderValue::from_static;
        Request::new(method, Target::parse(url).unwrap())
            .policy(policy)
            .basic_auth("u", "p")
            .header(header::COOKIE, value("a=b"))
            .header(HeaderName::from_static("x-appwrite-key"), value("hush"))
            .header(header::CONTENT_TYPE, value("text/plain"))
            .header(header::ACCEPT, value("*/*"))
    }

    #[test]
    fn another_host_sees_no_credentials_and_no_body() {
        for to in ["https://b.example/", "https://a.example:444/", "http://a.example:443/"] {
            let mut got = request(Method::GET, "https://a.example/");
            got.policy.redirects.downgrade = true;
            follow(&mut got, StatusCode::FOUND, to).unwrap();
            let mut names: Vec<_> = got.headers.keys().map(HeaderName::as_str).collect();
            names.sort_unstable();
            assert_eq!(names, ["accept", "content-type"], "{to}");

            let mut posted = request(Method::POST, "https://a.example/").body("secret");
            posted.policy.redirects.downgrade = true;
            assert_eq!(
                follow(&mut posted, StatusCode::PERMANENT_REDIRECT, to).unwrap_err().kind(),
                ErrorKind::Redirect
            );
        }
        let mut same = request(Method::POST, "https://a.example/x").body("secret");
        follow(&mut same, StatusCode::TEMPORARY_REDIRECT, "https://A.example:443/y").unwrap();
        assert!(same.headers.contains_key(header::AUTHORIZATION) && same.body == "secret");
    }

    #[test]
    fn methods_change_as_browsers_change_them() {
        for (method, status, expected) in [
            (Method::POST, 301, Method::GET),
            (Method::POST, 302, Method::GET),
            (Method::PUT, 302, Method::PUT),
            (Method::PUT, 303, Method::GET),
            (Method::HEAD, 303, Method::HEAD),
            (Method::POST, 307, Method::POST),
            (Method::POST, 308, Method::POST),
        ] {
            let mut request = request(method, "https://a.example/").body("x");
            follow(&mut request, StatusCode::from_u16(status).unwrap(), "/y").unwrap();
            assert_eq!((&request.method, request.body.is_empty()), (&expected, expected == Method::GET), "{status}");
        }
    }

    #[test]
    fn https_stays_https_unless_asked() {
        let mut request = request(Method::GET, "https://a.example/");
        assert!(follow(&mut request, StatusCode::FOUND, "http://a.example/").is_err());
        request.policy.redirects.downgrade = true;
        assert!(follow(&mut request, StatusCode::FOUND, "http://a.example/").is_ok());
    }
}
