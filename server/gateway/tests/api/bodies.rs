//! Bodies: when they are read, how long, how slowly, and what they hold.

use crate::routes::{Notes, routes};
use crate::support::{World, outcome, refused, request, text, with};
use bytes::Bytes;
use floe_gateway::{Arrival, GatewaySettings, IncomingBody};
use futures_util::stream;
use http::Method;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

async fn world(set: impl FnOnce(&mut GatewaySettings)) -> (World, Arc<Notes>) {
    let notes = Arc::new(Notes::default());
    (World::new(routes(), Arc::clone(&notes), set).await, notes)
}

fn post(path: &str) -> Arrival {
    request(Method::POST, path)
}

#[tokio::test]
async fn nobody_reads_the_body_of_who_is_refused() {
    let (world, _notes) = world(|_| {}).await;
    let unread = || {
        IncomingBody::Stream(stream::poll_fn(|_| -> std::task::Poll<Option<Result<Bytes, String>>> {
            panic!("it is read")
        }))
    };
    let guest = world.gateway.enter(post("/v1/notes/server"), unread()).await;
    assert_eq!(outcome(&guest), refused(401, "general_unauthorized_scope"));
    let long = world.gateway.enter(with(post("/v1/notes"), "content-length", "65537"), unread()).await;
    assert_eq!(outcome(&long), refused(413, "general_payload_too_large"));
    let limited = || with(post("/v1/notes/byaddress"), "content-length", "99999");
    for _ in 0..2 {
        assert_eq!(world.gateway.enter(limited(), unread()).await.status, 413);
    }
    assert_eq!(world.gateway.enter(limited(), unread()).await.status, 429);
}

#[tokio::test]
async fn a_body_is_as_long_as_its_route_says() {
    let (world, notes) = world(|settings| settings.max_body = 1024 * 1024).await;
    let body = |length: usize| format!(r#"{{"text":"{}"}}"#, "x".repeat(length - 11));
    assert_eq!(world.post(post("/v1/notes"), &body(64 * 1024)).await.status, 200);
    let too_long = refused(413, "general_payload_too_large");
    assert_eq!(outcome(&world.post(post("/v1/notes"), &body(64 * 1024 + 1)).await), too_long);
    assert_eq!(world.post(post("/v1/notes/large"), &body(1024 * 1024)).await.status, 200);
    assert_eq!(outcome(&world.post(post("/v1/notes/large"), &body(1024 * 1024 + 1)).await), too_long);
    // What announces nothing is measured as it comes.
    let (sender, entering) = world.post_slowly(post("/v1/notes"));
    for _ in 0..65 {
        sender.send(&" ".repeat(1024));
    }
    drop(sender);
    assert_eq!(outcome(&entering.await), too_long);
    assert_eq!(notes.made.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn a_body_that_does_not_come_in_time_is_given_up() {
    let (world, notes) = world(|settings| settings.patience = Duration::from_millis(20)).await;
    let (sender, entering) = world.post_slowly(post("/v1/notes"));
    sender.send("{");
    assert_eq!(outcome(&entering.await), refused(408, "general_request_timeout"));
    let (sender, entering) = world.post_slowly(post("/v1/uploads"));
    sender.send("a");
    assert_eq!(outcome(&entering.await), refused(408, "general_request_timeout"));
    assert_eq!(notes.made.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn one_address_holds_a_quarter_of_the_memory_and_gives_it_back() {
    let (world, _notes) = world(|settings| settings.body_memory = 8 * 1024 * 1024).await;
    let half = " ".repeat(1_500_000);
    let (holding, first) = world.post_slowly(post("/v1/notes/large"));
    let first = tokio::spawn(first);
    holding.begin(&half).await;
    let whole = format!("{{}}{half}");
    let refusal = world.post(post("/v1/notes/large"), &whole).await;
    assert_eq!(
        (outcome(&refusal), refusal.header("retry-after")),
        (refused(503, "general_service_unavailable"), Some("1"))
    );
    assert_eq!(world.post(post("/v1/notes"), "{}").await.status, 200, "what is small is no burden");
    let mut elsewhere = post("/v1/notes/large");
    elsewhere.peer = Some([198, 51, 100, 1].into());
    assert_eq!(world.post(elsewhere, &whole).await.status, 200);
    first.abort();
    let _ = first.await;
    assert_eq!(world.post(post("/v1/notes/large"), &whole).await.status, 200);
}

#[tokio::test]
async fn a_body_has_so_many_values() {
    let (world, notes) = world(|_| {}).await;
    let many = format!(r#"{{"text":"a","more":[{}0]}}"#, "0,".repeat(500_000));
    assert_eq!(outcome(&world.post(post("/v1/notes/large"), &many).await), refused(400, "general_bad_request"));
    assert_eq!(notes.made.load(Ordering::Relaxed), 0);
    let fewer = format!(r#"{{"text":"{}","more":[{}0]}}"#, ",[".repeat(500_000), "0,".repeat(1000));
    assert_eq!(world.post(post("/v1/notes/large"), &fewer).await.status, 200);
}

#[tokio::test]
async fn a_stream_is_read_while_it_comes() {
    let (world, _notes) = world(|_| {}).await;
    let (sender, entering) = world.post_slowly(post("/v1/uploads"));
    let entering = tokio::spawn(entering);
    for _ in 0..100 {
        sender.send(&"x".repeat(100_000));
    }
    drop(sender);
    let answer = entering.await.unwrap();
    assert_eq!((answer.status, text(&answer).as_str()), (200, "100 pieces, 10000000 bytes"));
    let (sender, entering) = world.post_slowly(post("/v1/uploads"));
    sender.send("x");
    sender.fail();
    assert_eq!(outcome(&entering.await), refused(400, "general_bad_request"));
}
