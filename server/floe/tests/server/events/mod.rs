//! The events of the route table are what happens: every endpoint that changes something is called once, with somebody who
//! listens to everything, and the names that it told, ids and all, are held against its line. A new endpoint can't escape:
//! where [`World`] doesn't know how to call it, the test fails. That the lines are the contract's is `contract.rs`'s to hold.

mod call;
mod scene;
mod world;

use floe_gateway::route::RouteSpec;
use floe_store::Recorder;
use floe_testkit::{Answer, Database, TestServer};
use scene::Scene;
use serde_json::Value as Json;
use std::sync::Arc;
use world::World;

/// What is told beside what the line says, which has room for one event.
const ALSO: &[(&str, &str)] = &[
    // Of who is new is told, whatever made them.
    ("account.createAnonymousSession", "users.[userId].create"),
    // What was staged is told when it lasts.
    ("tablesDB.updateTransaction", "databases.[databaseId].tables.[tableId].rows.[rowId].create"),
    ("databases.updateTransaction", "databases.[databaseId].collections.[collectionId].documents.[documentId].create"),
];

/// The names that this answer must have been told by, in any order.
fn expected(route: &RouteSpec, scene: &Scene, answer: &Answer) -> Result<Vec<String>, String> {
    let list = ["rows", "documents"].iter().find_map(|word| answer.body[*word].as_array());
    let things = list.map_or(std::slice::from_ref(&answer.body), Vec::as_slice);
    if list.is_some() && things.len() < 2 {
        return Err("one thing is no list: whether each is told of can't be seen".to_owned());
    }
    let said = route.event.iter().flat_map(|pattern| things.iter().map(|thing| scene.name(pattern, thing)));
    let also = ALSO.iter().filter(|(name, _)| *name == route.name);
    said.chain(also.map(|(_, pattern)| scene.name(pattern, &answer.body))).collect()
}

/// What is wrong with how this route was answered, and with what it told.
fn fault(route: &RouteSpec, scene: &Scene, answer: &Answer, mut told: Vec<String>) -> Option<String> {
    if !(200..300).contains(&answer.status) {
        return Some(format!("{}: {}", answer.status, answer.text));
    }
    let mut expected = match expected(route, scene, answer) {
        Ok(expected) => expected,
        Err(why) => return Some(why),
    };
    expected.sort();
    told.sort();
    (expected != told).then(|| format!("should tell {expected:?}, told {told:?}"))
}

fn every_change_tells_what_its_line_says(database: Database) {
    TestServer::run(database, async |floe| {
        floe.app.stores.effects().on_event(Arc::new(Recorder));
        let world = World::new(&floe).await;
        let mut faults = Vec::new();
        let changes: Vec<_> = floe.app.routes().into_iter().filter(|route| route.changes).collect();
        for route in &changes {
            let (scene, answer) = world.call(route).await;
            let told = world.told().await;
            faults.extend(fault(route, &scene, &answer, told).map(|fault| format!("{}: {fault}", route.name)));
        }
        let stale = ALSO.iter().filter(|(name, _)| !changes.iter().any(|route| route.name == *name));
        faults.extend(stale.map(|(name, _)| format!("{name}: there is no such change")));
        assert!(faults.is_empty(), "{} of {}: {faults:#?}", faults.len(), changes.len());
        assert!(changes.len() > 100, "{}", changes.len());
    });
}

mod every_change_tells_what_its_line_says {
    use super::*;

    #[test]
    fn sqlite() {
        every_change_tells_what_its_line_says(Database::Sqlite);
    }

    #[test]
    fn postgres() {
        every_change_tells_what_its_line_says(Database::Postgres);
    }
}

#[test]
fn names_have_the_ids_of_the_scene_and_of_the_answer() {
    let mut scene = Scene::default();
    scene.put("userId", "ada");
    let answer = serde_json::json!({"$id": "s", "key": "k"});
    let name = |pattern, answer: &Json| scene.name(pattern, answer);
    assert_eq!(name("users.[userId].sessions.[sessionId].create", &answer).unwrap(), "users.ada.sessions.s.create");
    assert_eq!(name("users.[userId].a.[columnId].create", &answer).unwrap(), "users.ada.a.k.create");
    // Whose id nobody knows can't be held against anything.
    assert!(name("teams.[teamId].a.[userId].create", &answer).is_err());
    assert!(name("teams.[teamId].create", &Json::Null).is_err());
}
