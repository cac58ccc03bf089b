//! Authority is asked before the body has come, and again after it.

use crate::routes::{Notes, routes};
use crate::support::{KEY, World, ada, key, outcome, refused, request, session, shop, with};
use floe_gateway::Arrival;
use floe_kernel::directory::{Principal, Project};
use http::Method;
use std::sync::Arc;
use std::sync::atomic::Ordering;

async fn world() -> (World, Arc<Notes>) {
    let notes = Arc::new(Notes::default());
    (World::new(routes(), Arc::clone(&notes), |_| {}).await, notes)
}

fn by_key() -> Arrival {
    with(request(Method::POST, "/v1/notes/server"), "x-appwrite-key", KEY)
}

/// What becomes of a request whose body is held back while `meanwhile` happens.
async fn delayed(world: &World, arrival: Arrival, meanwhile: impl FnOnce(&World)) -> (u16, String) {
    let (body, entering) = world.post_slowly(arrival);
    let entering = tokio::spawn(entering);
    // It has been let in, and waits for the rest.
    body.begin("{").await;
    meanwhile(world);
    body.send("}");
    drop(body);
    outcome(&entering.await.unwrap())
}

#[tokio::test]
async fn what_stays_good_is_done() {
    let (world, notes) = world().await;
    assert_eq!(delayed(&world, by_key(), |_| {}).await.0, 200);
    let user = with(request(Method::POST, "/v1/notes/user"), "x-appwrite-session", &session());
    assert_eq!(delayed(&world, user, |_| {}).await.0, 200);
    assert_eq!(notes.made.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn a_key_that_is_removed_narrowed_or_expired_meanwhile_does_nothing() {
    let (world, notes) = world().await;
    let removed = delayed(&world, by_key(), |world| world.known.put(Project { keys: Vec::new(), ..shop() }));
    assert_eq!(removed.await, refused(401, "general_access_forbidden"));
    world.known.put(shop());
    let narrowed = delayed(&world, by_key(), |world| {
        let mut narrow = key(KEY);
        narrow.scopes = floe_kernel::scope::Scopes::NONE;
        world.known.put(Project { keys: vec![narrow], ..shop() });
    });
    assert_eq!(narrowed.await, refused(401, "general_unauthorized_scope"));
    let mut ending = key(KEY);
    ending.expires_at = Some(floe_kernel::time::Timestamp::from_millis(1_700_000_001_000));
    world.known.put(Project { keys: vec![ending], ..shop() });
    let expired = delayed(&world, by_key(), |world| world.clock.advance(2)).await;
    assert_eq!(expired, refused(401, "project_key_expired"));
    assert_eq!(notes.made.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn a_session_that_ends_and_a_project_that_goes_meanwhile_do_nothing() {
    let (world, notes) = world().await;
    let user = || with(request(Method::POST, "/v1/notes/user"), "x-appwrite-session", &session());
    let ended = delayed(&world, user(), |world| {
        let user = Principal { sessions: Vec::new(), ..ada(false) };
        world.known.users.lock().unwrap().insert("ada".to_owned(), Arc::new(user));
    });
    assert_eq!(ended.await, refused(401, "user_unauthorized"));
    let gone = delayed(&world, by_key(), |world| {
        world.known.projects.lock().unwrap().clear();
    });
    assert_eq!(gone.await, refused(404, "project_not_found"));
    assert_eq!(notes.made.load(Ordering::Relaxed), 0);
}
