//! The route table against the contract: what we serve is named, placed, scoped and limited as Appwrite's SDKs expect.

use floe_gateway::input::ParamLocation;
use floe_gateway::route::RouteSpec;
use floe_testkit::{Database, TestServer};
use serde_json::Value as Json;
use std::collections::BTreeSet;

/// Endpoints of ours that Appwrite doesn't have.
const OURS: &[&str] = &[
    "GET /console/setup",
    "GET /health/live",
    "GET /health/ready",
    "GET /health/startup",
    "GET /openapi-3.0.json",
    "GET /openapi.json",
    "GET /.well-known/acme-challenge/{token}",
    "GET /queues",
    "GET /queues/{queue}",
    "GET /queues/{queue}/jobs",
    "GET /queues/{queue}/jobs/{jobId}",
    "POST /queues/{queue}/pause",
    "POST /queues/{queue}/resume",
    "POST /queues/{queue}/retry",
    "POST /queues/{queue}/discard",
    "POST /queues/{queue}/jobs/{jobId}/retry",
    "POST /queues/{queue}/jobs/{jobId}/discard",
    "GET /webhooks/{webhookId}/deliveries",
    "GET /webhooks/{webhookId}/deliveries/{deliveryId}",
    "POST /webhooks/{webhookId}/deliveries/{deliveryId}/redeliver",
    "POST /webhooks/{webhookId}/tests",
];

/// Endpoints that we limit beside what the contract says, or where it says nothing (`docs/security.md`).
const LIMITED_BY_US: &[&str] = &[
    "POST /account/sessions/email",
    "PATCH /account/email",
    "PATCH /account/password",
    "PATCH /account/phone",
    "POST /databases/transactions",
    "POST /tablesdb/transactions",
    "PATCH /databases/transactions/{transactionId}",
    "PATCH /tablesdb/transactions/{transactionId}",
    "DELETE /databases/transactions/{transactionId}",
    "DELETE /tablesdb/transactions/{transactionId}",
    "POST /databases/transactions/{transactionId}/operations",
    "POST /tablesdb/transactions/{transactionId}/operations",
];

fn contract() -> Vec<Json> {
    let text = include_str!("../../../../docs/contract/appwrite-1.9.6.json");
    let contract: Json = serde_json::from_str(text).unwrap();
    contract["endpoints"].as_array().unwrap().clone()
}

fn routes(check: impl FnOnce(Vec<RouteSpec>)) {
    TestServer::run(Database::Sqlite, async |floe| check(floe.app.routes()));
}

fn endpoint<'c>(contract: &'c [Json], route: &RouteSpec) -> Option<&'c Json> {
    contract.iter().find(|endpoint| endpoint["method"] == route.method.name() && endpoint["path"] == route.path)
}

/// The contract gives one text or a list.
fn texts(json: &Json) -> Vec<&str> {
    json.as_str()
        .map_or_else(|| json.as_array().into_iter().flatten().filter_map(Json::as_str).collect(), |text| vec![text])
}

#[test]
fn every_route_is_in_the_contract_or_named_as_ours() {
    routes(|routes| {
        let contract = contract();
        let unknown: Vec<_> = routes
            .iter()
            .filter(|route| endpoint(&contract, route).is_none())
            .map(|route| format!("{} {}", route.method.name(), route.path))
            .filter(|name| !OURS.contains(&name.as_str()))
            .collect();
        assert!(unknown.is_empty(), "not in the contract: {unknown:#?}");
    });
}

/// So that whoever calls one that isn't there yet is told so.
#[test]
fn every_endpoint_of_the_contract_is_known_by_name() {
    let known: BTreeSet<_> = floe_gateway::not_yet::CONTRACT.lines().map(str::to_owned).collect();
    let name =
        |endpoint: &Json| format!("{} {}", endpoint["method"].as_str().unwrap(), endpoint["path"].as_str().unwrap());
    assert_eq!(known, contract().iter().map(name).collect());
}

#[test]
fn scopes_are_the_contracts() {
    routes(|routes| {
        let contract = contract();
        for route in &routes {
            let Some(endpoint) = endpoint(&contract, route) else { continue };
            let ours: BTreeSet<_> = route.scopes.iter().map(|scope| scope.name()).collect();
            let theirs: BTreeSet<_> = texts(&endpoint["scope"]).into_iter().collect();
            assert_eq!(ours, theirs, "{} {}", route.method.name(), route.path);
        }
    });
}

/// Events of the contract that aren't told, by how they begin, and why.
const UNHEARD: &[(&str, &str)] = &[
    ("authMethod.", NOBODY),
    ("keys.", NOBODY),
    ("platforms.", NOBODY),
    ("services.", NOBODY),
    ("webhooks.", NOBODY),
    ("projects.", "only realtime of the console shows them, and there is none yet"),
];
const NOBODY: &str = "neither webhooks nor functions can listen to them, and realtime sends nothing of them";

/// What Appwrite tells without its table saying so: somebody is new, and an event for each of many rows.
const UNSAID: &[(&str, &str)] = &[
    ("account.create", "users.[userId].create"),
    ("users.create", "users.[userId].create"),
    ("tablesDB.createRow", "databases.[databaseId].tables.[tableId].rows.[rowId].create"),
    ("tablesDB.upsertRows", "databases.[databaseId].tables.[tableId].rows.[rowId].upsert"),
    ("tablesDB.updateRows", "databases.[databaseId].tables.[tableId].rows.[rowId].update"),
    ("tablesDB.deleteRows", "databases.[databaseId].tables.[tableId].rows.[rowId].delete"),
    ("databases.createDocument", "databases.[databaseId].collections.[collectionId].documents.[documentId].create"),
    ("databases.upsertDocuments", "databases.[databaseId].collections.[collectionId].documents.[documentId].upsert"),
    ("databases.updateDocuments", "databases.[databaseId].collections.[collectionId].documents.[documentId].update"),
    ("databases.deleteDocuments", "databases.[databaseId].collections.[collectionId].documents.[documentId].delete"),
];

/// What the contract has an endpoint tell, and what it has it write into the audit log.
fn consequences<'c>(route: &RouteSpec, endpoint: &'c Json) -> (Option<&'c str>, Option<&'c str>) {
    let unsaid = UNSAID.iter().find(|(name, _)| *name == route.name).map(|(_, event)| *event);
    let heard = |event: &&str| !UNHEARD.iter().any(|(begin, _)| event.starts_with(begin));
    let event = endpoint["event"].as_str().filter(heard);
    assert!(event.is_none() || unsaid.is_none(), "{} is said", route.name);
    (event.or(unsaid), endpoint["audits.event"].as_str())
}

#[test]
fn events_and_audits_are_the_contracts() {
    routes(|routes| {
        let contract = contract();
        let mut faults = Vec::new();
        for route in &routes {
            let ours = (route.event, route.audit);
            match endpoint(&contract, route).map(|endpoint| consequences(route, endpoint)) {
                Some(theirs) if ours == theirs => {}
                Some(theirs) => faults.push(format!("{}: {ours:?}, in the contract {theirs:?}", route.name)),
                // Of what Appwrite doesn't have nobody else says what it tells. It may tell nothing, but not go unseen.
                None if route.changes && route.audit.is_none() => {
                    faults.push(format!("{}: {ours:?}, and it changes something", route.name));
                }
                None => {}
            }
            if !route.changes && ours != (None, None) {
                faults.push(format!("{}: {ours:?}, and it changes nothing", route.name));
            }
        }
        let stale = UNSAID.iter().filter(|(name, _)| !routes.iter().any(|route| route.name == *name));
        faults.extend(stale.map(|(name, _)| format!("{name}: there is no such route")));
        assert!(faults.is_empty(), "{faults:#?}");
    });
}

#[test]
fn rate_limits_are_the_contracts() {
    routes(|routes| {
        let contract = contract();
        for route in &routes {
            let Some(endpoint) = endpoint(&contract, route) else { continue };
            let name = format!("{} {}", route.method.name(), route.path);
            let ours = route.limits.iter().map(|limit| (u64::from(limit.calls), u64::from(limit.seconds)));
            let ours: Vec<_> = ours.collect();
            let theirs = &endpoint["rateLimit"];
            let theirs: Vec<_> = theirs["limit"].as_u64().zip(theirs["time"].as_u64()).into_iter().collect();
            if LIMITED_BY_US.contains(&name.as_str()) {
                assert!(ours.len() > theirs.len() && ours.starts_with(&theirs), "{name}");
            } else {
                assert_eq!(ours, theirs, "{name}");
            }
        }
    });
}

#[test]
fn parameters_are_the_contracts() {
    routes(|routes| {
        let contract = contract();
        let mut wrong = Vec::new();
        for route in &routes {
            let Some(endpoint) = endpoint(&contract, route) else { continue };
            for param in (route.params)() {
                let name = param.name(route.vocabulary);
                let theirs = endpoint["params"].as_array().into_iter().flatten().find(|theirs| theirs["name"] == name);
                let what = format!("{} {}: {name}", route.method.name(), route.path);
                let place = match param.place {
                    ParamLocation::Path => "path",
                    ParamLocation::Query => "query",
                    ParamLocation::Body => "body",
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
                let known = (route.params)().iter().any(|param| theirs["name"] == param.name(route.vocabulary));
                if !known && !route.aliases.iter().any(|alias| alias.contains(theirs["name"].as_str().unwrap())) {
                    wrong.push(format!("{} {}: {} is required", route.method.name(), route.path, theirs["name"]));
                }
            }
        }
        assert!(wrong.is_empty(), "{wrong:#?}");
    });
}

#[test]
fn every_path_parameter_is_read_and_every_model_is_known() {
    routes(|routes| {
        for route in &routes {
            for part in route.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')) {
                let read = (route.params)()
                    .iter()
                    .any(|param| param.place == ParamLocation::Path && param.name(route.vocabulary) == part);
                assert!(read, "{} {} has a {part} that nobody reads", route.method.name(), route.path);
            }
            let model = route.answer.1.unwrap_or("any");
            assert!(floe_gateway::openapi::is_model(model), "{}: no model {model}", route.path);
            assert!(!route.summary.is_empty(), "{} {} has no summary", route.method.name(), route.path);
        }
    });
}
