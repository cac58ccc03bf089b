//! The events of the route table are what happens: every endpoint that changes something is called once, with somebody who
//! listens to everything, and what it told is held against its line. A new endpoint can't escape: where [`World`] doesn't
//! know how to call it, the test fails.

mod world;

use floe_gateway::route::RouteSpec;
use floe_kernel::event::Listeners;
use floe_testkit::{Database, TestServer};
use std::sync::Arc;
use world::World;

/// Wants every event.
struct Everything;

impl Listeners for Everything {
    fn wants(&self, _project_id: &str, _pattern: &str) -> bool {
        true
    }
}

/// What is told beside what the line says: an event of somebody new comes with whatever made them.
const ALSO: &[(&str, &str)] = &[("account.createAnonymousSession", "users.[userId].create")];

/// Whether a name is one of this pattern.
fn is_of(pattern: &str, name: &str) -> bool {
    let (pattern, name): (Vec<_>, Vec<_>) = (pattern.split('.').collect(), name.split('.').collect());
    pattern.len() == name.len() && pattern.iter().zip(&name).all(|(part, own)| part.starts_with('[') || part == own)
}

/// Whether an endpoint has told what it should, all of it once, and nothing else.
fn is_as_said(route: &RouteSpec, told: &[String]) -> bool {
    let also = ALSO.iter().filter(|(id, _)| *id == route.name).map(|(_, pattern)| *pattern);
    let said: Vec<_> = route.event.into_iter().chain(also).collect();
    said.len() == told.len() && said.iter().all(|pattern| told.iter().any(|name| is_of(pattern, name)))
}

fn every_change_tells_what_its_line_says(database: Database) {
    TestServer::run_listening(database, Arc::new(Everything), async |floe| {
        let world = World::new(&floe).await;
        let mut faults = Vec::new();
        let changes: Vec<_> = floe.app.routes().into_iter().filter(|route| !route.method.reads()).collect();
        for route in &changes {
            let answer = world.call(route).await;
            let told = world.told().await;
            if !(200..300).contains(&answer.status) {
                faults.push(format!("{}: {}", route.name, answer.text));
            } else if !is_as_said(route, &told) {
                faults.push(format!("{}: {:?} in the table, told {told:?}", route.name, route.event));
            }
        }
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
fn names_are_held_against_patterns_part_by_part() {
    assert!(is_of("users.[userId].create", "users.a.create"));
    assert!(!is_of("users.[userId].create", "users.a.update") && !is_of("users.[userId].create", "users.a.b.create"));
}
