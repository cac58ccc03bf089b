//! The route table against the contract: what we serve is named, placed, scoped and limited as Appwrite's SDKs expect.

#![allow(clippy::unwrap_used, reason = "a test that can't go on says where")]

use floe_gateway::input::Place;
use floe_gateway::route::Line;
use floe_testkit::{Database, House};
use serde_json::Value as Json;
use std::collections::BTreeSet;

/// Endpoints of ours that Appwrite doesn't have.
const OURS: &[&str] = &["GET /health/live", "GET /health/ready", "GET /health/startup", "GET /openapi.json"];

fn contract() -> Vec<Json> {
    let text = include_str!("../../../docs/contract/appwrite-1.9.6.json");
    let contract: Json = serde_json::from_str(text).unwrap();
    contract["endpoints"].as_array().unwrap().clone()
}

fn lines(check: impl FnOnce(Vec<Line>)) {
    House::run(Database::Sqlite, async |house| check(house.floe.lines()));
}

fn endpoint<'c>(contract: &'c [Json], line: &Line) -> Option<&'c Json> {
    contract.iter().find(|endpoint| endpoint["method"] == line.method.name() && endpoint["path"] == line.path)
}

/// The contract gives one text or a list.
fn texts(json: &Json) -> Vec<&str> {
    json.as_str()
        .map_or_else(|| json.as_array().into_iter().flatten().filter_map(Json::as_str).collect(), |text| vec![text])
}

#[test]
fn every_route_is_in_the_contract_or_named_as_ours() {
    lines(|lines| {
        let contract = contract();
        let unknown: Vec<_> = lines
            .iter()
            .filter(|line| endpoint(&contract, line).is_none())
            .map(|line| format!("{} {}", line.method.name(), line.path))
            .filter(|name| !OURS.contains(&name.as_str()))
            .collect();
        assert!(unknown.is_empty(), "not in the contract: {unknown:#?}");
    });
}

#[test]
fn scopes_are_the_contracts() {
    lines(|lines| {
        let contract = contract();
        for line in &lines {
            let Some(endpoint) = endpoint(&contract, line) else { continue };
            let ours: BTreeSet<_> = line.scopes.iter().map(|scope| scope.name()).collect();
            let theirs: BTreeSet<_> = texts(&endpoint["scope"]).into_iter().collect();
            assert_eq!(ours, theirs, "{} {}", line.method.name(), line.path);
        }
    });
}

#[test]
fn rate_limits_are_the_contracts() {
    lines(|lines| {
        let contract = contract();
        for line in &lines {
            let Some(endpoint) = endpoint(&contract, line) else { continue };
            let name = format!("{} {}", line.method.name(), line.path);
            let theirs = &endpoint["rateLimit"];
            assert_eq!(line.limits.is_empty(), theirs.is_null(), "{name}");
            for limit in line.limits {
                assert_eq!(
                    (Some(u64::from(limit.calls)), Some(u64::from(limit.seconds))),
                    (theirs["limit"].as_u64(), theirs["time"].as_u64()),
                    "{name}"
                );
            }
        }
    });
}

#[test]
fn parameters_are_the_contracts() {
    lines(|lines| {
        let contract = contract();
        let mut wrong = Vec::new();
        for line in &lines {
            let Some(endpoint) = endpoint(&contract, line) else { continue };
            for param in (line.params)() {
                let name = param.name(line.vocabulary);
                let theirs = endpoint["params"].as_array().into_iter().flatten().find(|theirs| theirs["name"] == name);
                let what = format!("{} {}: {name}", line.method.name(), line.path);
                let place = match param.place {
                    Place::Path => "path",
                    Place::Query => "query",
                    Place::Body => "body",
                };
                match theirs {
                    None if name == "setupToken" => {}
                    None => wrong.push(format!("{what} is not in the contract")),
                    Some(theirs) if theirs["in"] != place => wrong.push(format!("{what} stands in {}", theirs["in"])),
                    Some(theirs) if place != "path" && theirs["required"] != param.required => {
                        wrong.push(format!("{what}: required is {}", theirs["required"]));
                    }
                    Some(_) => {}
                }
            }
            for theirs in
                endpoint["params"].as_array().into_iter().flatten().filter(|theirs| theirs["required"] == true)
            {
                let known = (line.params)().iter().any(|param| theirs["name"] == param.name(line.vocabulary));
                if !known && !line.aliases.iter().any(|alias| alias.contains(theirs["name"].as_str().unwrap())) {
                    wrong.push(format!("{} {}: {} is required", line.method.name(), line.path, theirs["name"]));
                }
            }
        }
        assert!(wrong.is_empty(), "{wrong:#?}");
    });
}

#[test]
fn every_path_parameter_is_read_and_every_model_is_known() {
    lines(|lines| {
        let models: Json = serde_json::from_str(include_str!("../../gateway/src/openapi/models.json")).unwrap();
        for line in &lines {
            for part in line.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')) {
                let read = (line.params)()
                    .iter()
                    .any(|param| param.place == Place::Path && param.name(line.vocabulary) == part);
                assert!(read, "{} {} has a {part} that nobody reads", line.method.name(), line.path);
            }
            let model = line.answer.1.unwrap_or("any");
            assert!(model == "any" || models.get(model).is_some(), "{}: no model {model}", line.path);
            assert!(!line.summary.is_empty(), "{} {} has no summary", line.method.name(), line.path);
        }
    });
}
