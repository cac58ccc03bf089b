//! What is sent, and SEC-009.

use std::time::Duration;

use floe_outbound::{ErrorKind, HeaderName, HeaderValue, Hops, Method, Request, Target, header};

use crate::fake::{Fake, PUBLIC, get};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Seen: yes\r\n\r\nok";

#[tokio::test(start_paused = true)]
async fn sends_exactly_what_is_asked_for() {
    let fake = Fake::new();
    fake.say(&format!("{PUBLIC}:8080"), OK);
    let target = Target::parse("http://a.example:8080/hook?a=b#c").unwrap();
    let request = Request::new(Method::POST, target)
        .header(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))
        .header(header::USER_AGENT, HeaderValue::from_static("Appwrite-Server"))
        .header(header::HOST, HeaderValue::from_static("evil"))
        .header(header::CONTENT_LENGTH, HeaderValue::from_static("1"))
        .header(header::TRANSFER_ENCODING, HeaderValue::from_static("chunked"))
        .header(HeaderName::from_static(Hops::HEADER), HeaderValue::from_static("0"))
        .hops(Hops::new(2))
        .basic_auth("ann", "hush")
        .body(r#"{"a":"\/"}"#);
    let answer = fake.client().fetch(request).await.unwrap();
    assert_eq!(
        (answer.status.as_u16(), &answer.body[..], &answer.headers["x-seen"]),
        (200, &b"ok"[..], &HeaderValue::from_static("yes"))
    );

    let heard = fake.heard().pop().unwrap();
    let (head, body) = heard.split_once("\r\n\r\n").unwrap();
    let mut lines: Vec<_> = head.split("\r\n").collect();
    lines[1..].sort_unstable();
    assert_eq!(body, r#"{"a":"\/"}"#);
    assert_eq!(
        lines,
        [
            "POST /hook?a=b HTTP/1.1",
            "authorization: Basic YW5uOmh1c2g=",
            "connection: close",
            "content-length: 10",
            "content-type: application/json",
            "host: a.example:8080",
            "user-agent: Appwrite-Server",
            "x-floe-hops: 3",
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn every_request_has_a_connection_of_its_own() {
    let fake = Fake::says("HTTP/1.1 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok");
    let client = fake.client();
    for _ in 0..3 {
        client.fetch(get("http://a.example/")).await.unwrap();
    }
    assert_eq!(fake.dialled().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_chain_of_requests_ends() {
    let fake = Fake::says(OK);
    let mut hops = Hops::default();
    for expected in 1..=Hops::MOST {
        fake.client().fetch(get("http://a.example/").hops(hops)).await.unwrap();
        let heard = fake.heard().pop().unwrap();
        hops = Hops::read(heard.lines().filter_map(|line| line.strip_prefix("x-floe-hops: ")));
        assert_eq!(hops.count(), expected);
    }
    let error = fake.client().fetch(get("http://a.example/").hops(hops)).await.unwrap_err();
    assert_eq!((error.kind(), fake.dialled().len()), (ErrorKind::Loop, 5));
}

/// What a delivery records of an attempt, and whether another one might repeat something.
#[tokio::test(start_paused = true)]
async fn an_error_says_what_to_record() {
    let fake = Fake::says("nonsense");
    let broken = fake.client().fetch(get("http://a.example/")).await.unwrap_err();
    assert_eq!((broken.kind().as_str(), broken.was_sent()), ("broken", true));
    let refused = fake.client().fetch(get("http://10.0.0.1/")).await.unwrap_err();
    assert_eq!((refused.kind().as_str(), refused.was_sent()), ("unreachable", false));
    assert_eq!(refused.took(), Duration::from_secs(1));
    assert!(!refused.to_string().contains("10.0.0.1") && refused.cause().contains("10.0.0.1"));

    let fake = Fake::says("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort");
    let short = fake.client().fetch(get("http://a.example/")).await.unwrap_err();
    assert_eq!((short.kind().as_str(), short.was_sent()), ("broken", true));
}

#[test]
fn what_is_no_header_is_refused() {
    for (name, value) in [("x-name", "a\r\nX-Injected: 1"), ("x-name", "a\nb"), ("x-name", "\0"), ("x name", "hush")] {
        let error = get("http://a.example/").try_header(name, value).unwrap_err();
        assert!(error.to_string().contains(name) && !error.to_string().contains(value), "{error}");
    }
    assert!(get("http://a.example/").try_header("X-Appwrite-Webhook-Name", "Bücher").is_ok());
}

#[test]
fn printing_a_request_shows_no_secret() {
    let request = get("http://a.example/T0/hush").basic_auth("ann", "hush").body("hush");
    assert_eq!(format!("{request:?}"), "GET http://a.example:80/…");
}
