//! SEC-003: every hop is checked like the first.

use std::sync::Arc;
use std::time::Duration;

use floe_outbound::{Answer, Error, ErrorKind, HeaderValue, Method, Policy, Redirects, Request, Target, header};
use tokio::time::Instant;

use crate::fake::{Fake, PUBLIC, get};

fn to(location: &str) -> String {
    to_with(302, location)
}

fn to_with(status: u16, location: &str) -> String {
    format!("HTTP/1.1 {status} Moved\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n")
}

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

fn following(request: Request) -> Request {
    request.policy(Policy { redirects: Redirects::FOLLOW, ..Policy::default() })
}

async fn followed(fake: &Arc<Fake>) -> Result<Answer, Error> {
    fake.client().fetch(following(get("http://a.example/"))).await
}

#[tokio::test(start_paused = true)]
async fn refuses_a_hop_to_what_is_not_public() {
    for status in [301, 302, 303, 307, 308] {
        for location in
            ["http://127.0.0.1/", "http://[::1]:8080/", "//169.254.169.254/latest", "http://inside.example/"]
        {
            let fake = Fake::says(to_with(status, location));
            fake.name("inside.example", &[&["192.168.0.1"]]);
            let begun = Instant::now();
            assert_eq!(followed(&fake).await.unwrap_err().kind(), ErrorKind::Unreachable, "{location}");
            assert_eq!(fake.dialled().len(), 1, "{location}");
            assert_eq!(begun.elapsed(), Duration::from_secs(1));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn refuses_a_hop_to_what_is_no_web_address() {
    for location in [
        "file:///etc/passwd",
        "gopher://a.example/",
        "ftp://a.example/",
        "data:text/plain,x",
        "javascript:1",
        "http://127.1/",
        "http://u:p@a.example/",
        "/\\127.0.0.1",
        "http:a.example",
        "//",
        "/a b",
    ] {
        let fake = Fake::says(to(location));
        assert_eq!(followed(&fake).await.unwrap_err().kind(), ErrorKind::Redirect, "{location}");
        assert_eq!(fake.dialled().len(), 1, "{location}");
    }
    let fake = Fake::says(to("http://a.example:25/"));
    assert_eq!(followed(&fake).await.unwrap_err().kind(), ErrorKind::Unreachable);
}

#[tokio::test(start_paused = true)]
async fn follows_three_and_no_more() {
    let chain = |hops: u16| {
        let fake = Fake::new();
        for hop in 0..hops {
            let port = if hop == 0 { 80 } else { 8000 + hop };
            fake.say(&format!("{PUBLIC}:{port}"), to(&format!("http://a.example:{}/", 8001 + hop)));
        }
        fake.say(&format!("{PUBLIC}:{}", 8000 + hops), OK);
        fake
    };
    let fake = chain(3);
    let answer = followed(&fake).await.unwrap();
    assert_eq!((answer.status.as_u16(), answer.target.as_str()), (200, "http://a.example:8003/"));
    assert_eq!(fake.asked().len(), 4, "each hop is resolved");

    let fake = chain(10);
    assert_eq!(followed(&fake).await.unwrap_err().kind(), ErrorKind::Redirect);
    assert_eq!(fake.dialled().len(), 4);
    let fake = Fake::says(to("/"));
    assert_eq!(followed(&fake).await.unwrap_err().kind(), ErrorKind::Redirect);
}

#[tokio::test(start_paused = true)]
async fn a_name_may_not_turn_private_between_hops() {
    let fake = Fake::says(to("/again"));
    fake.name("a.example", &[&[PUBLIC], &["127.0.0.1"]]);
    assert_eq!(followed(&fake).await.unwrap_err().kind(), ErrorKind::Unreachable);
    assert_eq!(fake.dialled(), [format!("{PUBLIC}:80")]);
}

#[tokio::test(start_paused = true)]
async fn is_the_answer_if_none_is_followed() {
    let fake = Fake::says(to("http://127.0.0.1/"));
    let answer = fake.client().fetch(get("http://a.example/")).await.unwrap();
    assert_eq!(answer.status.as_u16(), 302);
    assert_eq!(answer.headers[header::LOCATION], "http://127.0.0.1/");
}

#[tokio::test(start_paused = true)]
async fn another_host_gets_no_credentials() {
    let fake = Fake::says(to("http://b.example/"));
    fake.name("b.example", &[&["93.184.216.35"]]);
    fake.say("93.184.216.35:80", OK);
    let request =
        get("http://a.example/").basic_auth("ann", "hush").header(header::COOKIE, HeaderValue::from_static("s=1"));
    fake.client().fetch(following(request)).await.unwrap();
    let [first, second] = fake.heard().try_into().unwrap();
    assert!(first.contains("authorization: Basic YW5uOmh1c2g=") && first.contains("cookie: s=1"));
    assert!(!second.contains("authorization") && !second.contains("cookie"), "{second}");
    assert!(second.contains("host: b.example\r\n") && second.contains("x-floe-hops: 1\r\n"));
}

#[tokio::test(start_paused = true)]
async fn a_body_stays_with_its_host() {
    let post = || following(Request::new(Method::POST, Target::parse("http://a.example/").unwrap()).body("hush"));
    let fake = Fake::says(to_with(307, "http://a.example:8080/"));
    assert_eq!(fake.client().fetch(post()).await.unwrap_err().kind(), ErrorKind::Redirect);
    assert_eq!(fake.dialled().len(), 1);

    let fake = Fake::says(to_with(303, "http://a.example:8080/"));
    fake.say(&format!("{PUBLIC}:8080"), OK);
    fake.client().fetch(post()).await.unwrap();
    let second = fake.heard().pop().unwrap();
    assert!(second.starts_with("GET / ") && !second.contains("hush"), "{second}");
}
