//! What a request meets that enters without HTTP, and what its answer may be.

use crate::routes::{Notes, routes};
use crate::support::{World, ada, outcome, refused, request, session, text, with};
use floe_gateway::Arrival;
use floe_gateway::response::ResponseBody;
use http::Method;
use std::sync::Arc;
use std::sync::atomic::Ordering;

async fn world() -> (World, Arc<Notes>) {
    let notes = Arc::new(Notes::default());
    (World::new(routes(), Arc::clone(&notes), |_| {}).await, notes)
}

#[tokio::test]
async fn a_request_needs_no_http_server() {
    let (world, notes) = world().await;
    let read = world.enter(request(Method::GET, "/v1/notes/a%2Fb?tags[]=x&tags[1]=y%20z")).await;
    assert_eq!((read.status, text(&read).as_str()), (200, "a/b x,y z 192.0.2.1"));
    assert_eq!(read.header("x-content-type-options"), Some("nosniff"));
    assert_eq!(read.header("cache-control"), Some("no-store"));
    let made = world.post(request(Method::POST, "/v1/notes"), r#"{"text":"four"}"#).await;
    assert_eq!((made.status, text(&made).as_str()), (200, "4 "));
    assert_eq!(notes.made.load(Ordering::Relaxed), 1);
    let head = world.enter(request(Method::HEAD, "/v1/notes/a")).await;
    assert!(matches!(head.body, ResponseBody::Unsent(12)), "{head:?}");
}

#[tokio::test]
async fn it_meets_the_same_rules() {
    let (world, notes) = world().await;
    let by_server = || request(Method::POST, "/v1/notes/server");
    assert_eq!(outcome(&world.post(by_server(), "{}").await), refused(401, "general_unauthorized_scope"));
    let forged = with(by_server(), "x-appwrite-key", "standard_forged");
    assert_eq!(outcome(&world.post(forged, "{}").await), refused(401, "general_access_forbidden"));
    let elsewhere = with(Arrival::new(Method::GET, "/v1/notes/a"), "x-appwrite-project", "nowhere");
    assert_eq!(outcome(&world.enter(elsewhere).await), refused(404, "project_not_found"));
    let page = with(request(Method::GET, "/v1/notes/a"), "origin", "https://evil.example");
    assert_eq!(outcome(&world.enter(page).await), refused(403, "general_unknown_origin"));
    assert_eq!(notes.made.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn what_is_one_too_many_is_told_when_to_come_again() {
    let (world, notes) = world().await;
    for path in ["/v1/notes/byaddress", "/v1/notes/byemail"] {
        let call = |body: &'static str| world.post(request(Method::POST, path), body);
        for _ in 0..2 {
            assert_eq!(call(r#"{"text":"a"}"#).await.status, 200, "{path}");
        }
        let refusal = call(r#"{"text":" A "}"#).await;
        assert_eq!(outcome(&refusal), refused(429, "general_rate_limit_exceeded"), "{path}");
        // 1,700,000,000 is 20 seconds after the beginning of a minute.
        assert_eq!(refusal.header("retry-after"), Some("40"), "{path}");
    }
    let other = world.post(request(Method::POST, "/v1/notes/byemail"), r#"{"text":"b"}"#).await;
    assert_eq!(other.status, 200);
    assert_eq!(notes.made.load(Ordering::Relaxed), 5);
}

#[tokio::test]
async fn a_path_that_leads_nowhere_is_a_page_and_json_for_who_asks() {
    let (world, _notes) = world().await;
    for (method, path) in
        [(Method::GET, "/v1/nothing<b>"), (Method::TRACE, "/v1/notes/a"), (Method::DELETE, "/v1/page")]
    {
        let page = world.enter(request(method.clone(), path)).await;
        assert_eq!(
            (page.status, page.header("content-type")),
            (404, Some("text/html; charset=UTF-8")),
            "{method} {path}"
        );
        assert!(text(&page).contains("Not Found") && !text(&page).contains("<b>"));
        let json = world.enter(with(request(method, path), "accept", "application/json")).await;
        assert_eq!(outcome(&json), refused(404, "general_route_not_found"));
    }
    for path in ["/v1/page/", "//v1//page", "/v1/page//"] {
        assert_eq!(world.enter(request(Method::GET, path)).await.status, 200, "{path}");
    }
}

#[tokio::test]
async fn replies_are_pages_redirects_parts_and_nothing_new() {
    let (world, _notes) = world().await;
    let page = world.enter(request(Method::GET, "/v1/page")).await;
    assert_eq!((page.header("content-type"), text(&page).as_str()), (Some("text/html; charset=UTF-8"), "<p>Hello"));
    let away = world.enter(request(Method::GET, "/v1/away")).await;
    assert_eq!((away.status, away.header("location")), (302, Some("https://app.example.org/done")));

    let get = |path, name, value| world.enter(with(request(Method::GET, path), name, value));
    let document = world.enter(request(Method::GET, "/v1/document")).await;
    assert_eq!((document.header("etag"), document.header("cache-control")), (Some("W/\"0123\""), Some("no-cache")));
    let known = get("/v1/document", "if-none-match", "\"0123\"").await;
    assert_eq!((known.status, text(&known).as_str(), known.header("etag")), (304, "", Some("W/\"0123\"")));
    assert_eq!(get("/v1/document", "if-none-match", "\"4567\"").await.status, 200);

    let file = world.enter(request(Method::GET, "/v1/file")).await;
    assert_eq!(
        (file.header("accept-ranges"), file.header("cache-control")),
        (Some("bytes"), Some("public, max-age=60"))
    );
    let part = get("/v1/file", "range", "bytes=2-4").await;
    assert_eq!((part.status, text(&part).as_str()), (206, "234"));
    assert_eq!(part.header("content-range"), Some("bytes 2-4/10"));
    let beyond = get("/v1/file", "range", "bytes=10-").await;
    assert_eq!((beyond.status, beyond.header("content-range")), (416, Some("bytes */10")));
}

#[tokio::test]
async fn a_get_that_changes_something_finishes_when_nobody_waits() {
    let (world, notes) = world().await;
    let mut entering = Box::pin(world.enter(request(Method::GET, "/v1/callback")));
    tokio::select! {
        _ = &mut entering => panic!("it waits"),
        () = notes.begun.notified() => {}
    }
    drop(entering);
    notes.go_on.notify_one();
    notes.done.notified().await;
    assert_eq!(notes.made.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn a_websocket_route_wants_a_websocket() {
    let (world, _notes) = world().await;
    let plain = world.enter(request(Method::GET, "/v1/live")).await;
    assert_eq!(outcome(&plain), refused(400, "general_bad_request"));
    let upgrade = world.enter(with(request(Method::GET, "/v1/live"), "upgrade", "WebSocket")).await;
    assert_eq!(upgrade.status, 200);
}

#[tokio::test]
async fn without_the_second_factor_only_what_asks_for_it_is_open() {
    let (world, _notes) = world().await;
    let get = |path| world.enter(with(request(Method::GET, path), "x-appwrite-session", &session()));
    assert_eq!(get("/v1/private").await.status, 200);
    world.known.users.lock().unwrap().insert("ada".to_owned(), Arc::new(ada(true)));
    assert_eq!(outcome(&get("/v1/private").await), refused(401, "user_more_factors_required"));
    let allowed = get("/v1/factor").await;
    assert_eq!((allowed.status, allowed.header("cache-control")), (200, Some("private, no-store")));
}
