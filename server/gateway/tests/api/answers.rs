//! What answers hold in memory, and for how long.

use crate::routes::{Notes, routes};
use crate::support::{KEY, World, outcome, refused, request, session, text, with};
use floe_gateway::{Arrival, Response};
use http::Method;
use std::sync::Arc;

const MIB: usize = 1024 * 1024;

async fn world() -> World {
    World::new(routes(), Arc::new(Notes::default()), |settings| settings.answer_memory = 8 * MIB).await
}

fn long(bytes: usize) -> Arrival {
    request(Method::GET, &format!("/v1/long?bytes={bytes}"))
}

fn at(mut arrival: Arrival, last: u8) -> Arrival {
    arrival.peer = Some([198, 51, 100, last].into());
    arrival
}

fn assert_refused(refusal: &Response) {
    assert_eq!(outcome(refusal), refused(503, "general_service_unavailable"));
    assert_eq!(refusal.header("retry-after"), Some("1"));
    assert!(!text(refusal).contains("xx"), "nothing of the answer is given");
}

#[tokio::test]
async fn one_address_holds_a_quarter_of_the_memory_and_gives_it_back() {
    let world = world().await;
    let first = world.enter(long(3 * MIB / 2)).await;
    assert_eq!(first.status, 200);
    assert_refused(&world.enter(long(MIB)).await);
    assert_refused(&world.enter(with(long(MIB), "x-appwrite-session", &session())).await);
    assert_eq!(world.enter(long(64 * 1024)).await.status, 200, "what is small is no burden");
    assert_eq!(world.enter(at(long(MIB), 1)).await.status, 200);
    drop(first);
    assert_eq!(world.enter(long(MIB)).await.status, 200);
}

#[tokio::test]
async fn all_together_hold_no_more_than_there_is() {
    let world = world().await;
    let server = || with(long(5 * MIB), "x-appwrite-key", KEY);
    let first = world.enter(server()).await;
    let others: Vec<Response> = futures_util::future::join_all((1..4).map(|n| world.enter(at(long(MIB), n)))).await;
    assert!(first.status == 200 && others.iter().all(|other| other.status == 200));
    assert_refused(&world.enter(at(long(MIB + 1), 4)).await);
    assert_refused(&world.enter(server()).await);
    assert_eq!(world.enter(at(request(Method::GET, "/v1/notes/a"), 5)).await.status, 200);
    drop((first, others));
    assert_eq!(world.enter(server()).await.status, 200);
}

#[tokio::test]
async fn what_was_changed_is_told_nevertheless_and_counts() {
    let world = world().await;
    let change = || request(Method::POST, &format!("/v1/long?bytes={}", 2 * MIB));
    let first = world.post(change(), "{}").await;
    let second = world.post(change(), "{}").await;
    assert_eq!((first.status, second.status), (200, 200));
    drop(first);
    assert_refused(&world.enter(long(MIB)).await);
    drop(second);
    assert_eq!(world.enter(long(MIB)).await.status, 200);
}

#[tokio::test]
async fn what_is_not_sent_and_what_is_compressed_hold_little() {
    let world = world().await;
    let head = world.enter(request(Method::HEAD, &format!("/v1/long?bytes={}", 2 * MIB))).await;
    let small = world.enter(with(long(2 * MIB), "accept-encoding", "gzip")).await;
    assert_eq!((head.status, small.header("content-encoding")), (200, Some("gzip")));
    assert_eq!(world.enter(long(2 * MIB)).await.status, 200);
}
