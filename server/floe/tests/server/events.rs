//! The events of the route table are what happens: every endpoint that changes something is called once, with somebody who
//! listens to everything, and what it emitted is held against its line. A new endpoint can't escape.

use floe_gateway::input::ParamLocation;
use floe_gateway::route::RouteSpec;
use floe_kernel::event::Listeners;
use floe_store::outbox;
use floe_testkit::{Answer, Client, Database, PASSWORD, Project, TestServer, User};
use reqwest::Method;
use serde_json::{Map, Value as Json, json};
use std::sync::Arc;

/// Wants every event.
struct Everything;

impl Listeners for Everything {
    fn wants(&self, _project_id: &str, _pattern: &str) -> bool {
        true
    }
}

/// What can't succeed here, and why.
const NOT_CALLED: &[(&str, &str)] = &[
    ("teams.updateMembershipStatus", "takes the secret of a mail; see the tests of teams"),
    ("project.delete", "nothing is left to look into"),
];

/// What else an endpoint may emit: sessions end with what it changes, each with an event of its own.
const ENDS_SESSIONS: &str = "users.[userId].sessions.[sessionId].delete";

/// Whether a name is one of this pattern.
fn is_of(pattern: &str, name: &str) -> bool {
    let (pattern, name): (Vec<_>, Vec<_>) = (pattern.split('.').collect(), name.split('.').collect());
    pattern.len() == name.len() && pattern.iter().zip(&name).all(|(part, own)| part.starts_with('[') || part == own)
}

/// A project, its admin and its organisation, in which things are made for endpoints to change.
struct World<'f> {
    floe: &'f TestServer,
    project: Project,
    admin: User,
}

/// What one call is about: the things in its path.
#[derive(Default)]
struct Scene {
    path: Map<String, Json>,
}

impl World<'_> {
    fn server(&self) -> Client {
        self.project.server()
    }

    fn unique(&self) -> String {
        self.floe.unique("x")
    }

    async fn post(&self, path: &str, body: Json) -> Json {
        let answer = self.server().post(path, &body).await;
        assert!((200..300).contains(&answer.status), "{path}: {}", answer.text);
        answer.body
    }

    async fn id(&self, path: &str, body: Json) -> String {
        self.post(path, body).await["$id"].as_str().unwrap().to_owned()
    }

    /// Makes what a parameter of the path names; what is further up is there already.
    async fn make(&self, name: &str, route: &RouteSpec, scene: &Scene) -> String {
        let up = |name: &str| scene.path[name].as_str().unwrap().to_owned();
        let table = || {
            let database = up("databaseId");
            let table = ["tableId", "collectionId"].iter().find_map(|name| scene.path.get(*name)?.as_str()).unwrap();
            format!("/v1/tablesdb/{database}/tables/{table}")
        };
        match name {
            "userId" => self.project.user(&format!("{}@example.org", self.unique())).await.id,
            "sessionId" if route.path.starts_with("/account") => "current".to_owned(),
            "sessionId" => self.id(&format!("/v1/users/{}/sessions", up("userId")), json!({})).await,
            "teamId" => self.id("/v1/teams", json!({"teamId": self.unique(), "name": "T"})).await,
            "membershipId" => {
                let user = self.project.user(&format!("{}@example.org", self.unique())).await.id;
                let path = format!("/v1/teams/{}/memberships", up("teamId"));
                self.id(&path, json!({"userId": user, "roles": ["editor"]})).await
            }
            "databaseId" => self.id("/v1/tablesdb", json!({"databaseId": self.unique(), "name": "D"})).await,
            "tableId" | "collectionId" => {
                let columns =
                    json!([{"key": "text", "type": "string", "size": 100}, {"key": "number", "type": "integer"}]);
                let path = format!("/v1/tablesdb/{}/tables", up("databaseId"));
                self.id(&path, json!({"tableId": self.unique(), "name": "T", "columns": columns})).await
            }
            "rowId" | "documentId" => {
                let row = json!({"rowId": self.unique(), "data": {"text": "t", "number": 5}});
                self.id(&format!("{}/rows", table()), row).await
            }
            "column" | "attribute" => "number".to_owned(),
            "key" if route.path.contains("/indexes/") => {
                let key = self.unique();
                self.post(&format!("{}/indexes", table()), json!({"key": key, "type": "key", "columns": ["text"]}))
                    .await;
                key
            }
            "key" => self.column(&table(), route).await,
            "transactionId" => self.id("/v1/tablesdb/transactions", json!({})).await,
            "webhookId" => self.id("/v1/webhooks", webhook(&self.unique())).await,
            "keyId" => self.id("/v1/project/keys", json!({"keyId": self.unique(), "name": "K", "scopes": []})).await,
            "platformId" => {
                let kinds = ["web", "apple", "android", "windows", "linux"];
                let kind = kinds.into_iter().find(|kind| route.path.contains(&format!("/{kind}/"))).unwrap_or("web");
                self.id(&format!("/v1/project/platforms/{kind}"), platform(&self.unique())).await
            }
            "projectId" => {
                let body = json!({"projectId": self.unique(), "name": "P", "teamId": "acme"});
                self.admin.client.post("/v1/projects", &body).await.expect(201)["$id"].as_str().unwrap().to_owned()
            }
            "methodId" => "jwt".to_owned(),
            "serviceId" => "locale".to_owned(),
            other => panic!("{} {}: what is {other}?", route.method.name(), route.path),
        }
    }

    /// A column of the type that the path names.
    async fn column(&self, table: &str, route: &RouteSpec) -> String {
        let key = self.unique();
        let mut parts = route.path.split('/').filter(|part| !part.starts_with('{'));
        let kind = parts.next_back().filter(|part| !["columns", "attributes"].contains(part)).unwrap_or("string");
        let mut body = json!({"key": key, "required": false});
        match kind {
            "string" | "varchar" => body["size"] = json!(100),
            "enum" => body["elements"] = json!(["a", "b"]),
            "relationship" => body = relation(table, &key),
            _ => {}
        }
        self.post(&format!("{table}/columns/{kind}"), body).await;
        key
    }

    /// Who may call it, and as whom.
    async fn caller(&self, route: &RouteSpec, scene: &mut Scene) -> Client {
        if route.path.starts_with("/projects") {
            return self.admin.client.clone();
        }
        if route.callers.keys && !route.path.starts_with("/account") {
            return self.server();
        }
        if route.callers.guests {
            return self.project.guest();
        }
        let user = self.project.user(&format!("{}@example.org", self.unique())).await;
        scene.path.insert("userId".to_owned(), json!(user.id));
        user.client
    }

    /// Calls it, with everything that it needs to succeed.
    async fn call(&self, route: &RouteSpec) -> Answer {
        let mut scene = Scene::default();
        let client = self.caller(route, &mut scene).await;
        let params = (route.params)();
        let mut path = route.full_path();
        // In the order in which they stand in the path: what is further up is made first.
        for name in route.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')) {
            let id = self.make(name, route, &scene).await;
            path = path.replace(&format!("{{{name}}}"), &id);
            scene.path.insert(name.to_owned(), json!(id));
        }
        let mut body = Map::new();
        for param in params.iter().filter(|param| param.place == ParamLocation::Body) {
            let name = param.name(route.vocabulary);
            if let Some(value) = self.value(name, route, &scene, &param.schema, param.required).await {
                body.insert(name.to_owned(), value);
            }
        }
        self.skip_what_was().await;
        let method = Method::from_bytes(route.method.name().as_bytes()).unwrap();
        let has_body = method != Method::DELETE;
        client.send(method, &path, has_body.then_some(&Json::Object(body))).await
    }

    /// What a parameter of the body is to be; none: left out.
    async fn value(&self, name: &str, route: &RouteSpec, scene: &Scene, schema: &Json, required: bool) -> Option<Json> {
        let id = route.name;
        let row = || json!({"$id": self.unique(), "text": "t"});
        Some(match name {
            "data" => json!({"text": "new"}),
            "rows" | "documents" if required => json!([row()]),
            "rows" | "documents" => return None,
            "rowId" | "documentId" => json!(self.unique()),
            "userId" if id == "teams.createMembership" => {
                json!(self.project.user(&format!("{}@example.org", self.unique())).await.id)
            }
            "email" if id == "account.createEmailPasswordSession" => {
                let email = format!("{}@example.org", self.unique());
                self.project.user(&email).await;
                json!(email)
            }
            "email" if required => json!(format!("{}@example.org", self.unique())),
            "phone" | "number" if required => {
                json!(format!("+4912{}", 10_000_000 + self.unique()[1..].parse::<u32>().unwrap()))
            }
            "password" if required => json!(PASSWORD),
            "oldPassword" => json!(PASSWORD),
            "prefs" => json!({"a": 1}),
            "operations" => {
                let database = self.make("databaseId", route, scene).await;
                let mut at = Scene::default();
                at.path.insert("databaseId".to_owned(), json!(database));
                let table = self.make("tableId", route, &at).await;
                let (tables, rows) =
                    if route.path.contains("tablesdb") { ("tableId", "rowId") } else { ("collectionId", "documentId") };
                json!([{"action": "create", "databaseId": database, tables: table, rows: self.unique(), "data": {"text": "t"}}])
            }
            "commit" => json!(true),
            "total" => json!(100),
            "required" => json!(false),
            "default" if required => Json::Null,
            "name" if required => json!("New"),
            "status" if id == "users.updateStatus" => json!(false),
            "url" if required => json!("https://example.org"),
            "events" if required => json!(["users.*.create"]),
            "teamId" if id.starts_with("projects.") => json!("acme"),
            "relatedTableId" | "relatedCollectionId" => {
                json!(scene.path.get("tableId").or(scene.path.get("collectionId")))
            }
            "type" if route.path.ends_with("/relationship") => json!("manyToOne"),
            "type" if route.path.ends_with("/indexes") => json!("key"),
            "columns" | "attributes" if required => json!(["text"]),
            "elements" => json!(["a", "b"]),
            "size" if required => json!(100),
            "hostname" => json!("example.org"),
            "roles" if required => json!(["editor"]),
            _ if !required => return None,
            _ if name.ends_with("Id") || name == "key" => json!(self.unique()),
            _ => example(schema),
        })
    }

    /// What happens from now on is what counts.
    async fn skip_what_was(&self) {
        self.emitted().await;
    }

    /// What was emitted since the last time, of the project and of the platform.
    async fn emitted(&self) -> Vec<String> {
        let mut names = Vec::new();
        for store in
            [self.floe.store("shop").await, self.floe.app.stores.platform().await.unwrap()]
        {
            names.extend(
                outbox::pending(&mut store.read().await.unwrap(), 1000)
                    .await
                    .unwrap()
                    .into_iter()
                    .map(|event| event.event),
            );
            let mut unit = store.begin().await.unwrap();
            unit.batch("DELETE FROM outbox").await.unwrap();
            unit.commit().await.unwrap();
        }
        names
    }
}

fn webhook(id: &str) -> Json {
    json!({"webhookId": id, "name": "Hook", "url": "https://example.org", "events": ["users.*.create"]})
}

fn platform(id: &str) -> Json {
    json!({"platformId": id, "name": "P", "hostname": "example.org", "bundleIdentifier": "org.example", "applicationId": "org.example",
           "packageName": "org.example", "packageIdentifierName": "org.example"})
}

/// A relationship of the table at this path to itself.
fn relation(table: &str, key: &str) -> Json {
    json!({"relatedTableId": table.rsplit('/').next(), "type": "manyToOne", "key": key})
}

fn example(schema: &Json) -> Json {
    if let Some(choice) = schema["enum"].as_array().and_then(|choices| choices.first()) {
        return choice.clone();
    }
    match (schema["type"].as_str(), schema["format"].as_str()) {
        (_, Some("date-time")) => json!("2030-01-01T00:00:00Z"),
        (Some("integer" | "number"), _) => schema.get("minimum").cloned().unwrap_or(json!(1)),
        (Some("boolean"), _) => json!(true),
        (Some("array"), _) => json!([]),
        (Some("object"), _) => json!({}),
        _ => json!("x".repeat(usize::try_from(schema["minLength"].as_u64().unwrap_or(1).max(1)).unwrap())),
    }
}

/// What is wrong with what an endpoint emitted.
fn fault(route: &RouteSpec, emitted: &[String]) -> Option<String> {
    let (own, others): (Vec<_>, Vec<_>) =
        emitted.iter().partition(|name| route.event.is_some_and(|pattern| is_of(pattern, name)));
    let others: Vec<_> = others.into_iter().filter(|name| !is_of(ENDS_SESSIONS, name)).collect();
    let as_told =
        own.len() == usize::from(route.event.is_some()) || (own.len() > 1 && route.event == Some(ENDS_SESSIONS));
    (!as_told || !others.is_empty()).then(|| format!("{:?} in the table, emitted {emitted:?}", route.event))
}

fn every_change_emits_what_its_line_says(database: Database) {
    TestServer::run_listening(database, Arc::new(Everything), async |floe| {
        let admin = floe.console_user("admin@example.org").await;
        admin.client.post("/v1/teams", &json!({"teamId": "acme", "name": "Acme"})).await.ok(201);
        let world = World { floe: &floe, project: floe.project("shop").await, admin };
        let mut faults = Vec::new();
        let mut called = 0;
        for route in floe.app.routes().iter().filter(|route| !route.method.reads()) {
            if NOT_CALLED.iter().any(|(id, _)| *id == route.name) {
                continue;
            }
            let answer = world.call(route).await;
            let name = format!("{} {}", route.method.name(), route.full_path());
            let emitted = world.emitted().await;
            if !(200..300).contains(&answer.status) {
                faults.push(format!("{name}: {}", answer.text));
            } else if let Some(fault) = fault(route, &emitted) {
                faults.push(format!("{name}: {fault}"));
            }
            called += 1;
        }
        assert!(faults.is_empty(), "{} of {called}: {faults:#?}", faults.len());
        assert!(called > 100, "{called}");
    });
}

mod every_change {
    use super::*;

    #[test]
    fn sqlite() {
        every_change_emits_what_its_line_says(Database::Sqlite);
    }

    #[test]
    fn postgres() {
        every_change_emits_what_its_line_says(Database::Postgres);
    }
}

#[test]
fn names_are_held_against_patterns_part_by_part() {
    assert!(is_of("users.[userId].create", "users.a.create"));
    assert!(!is_of("users.[userId].create", "users.a.update") && !is_of("users.[userId].create", "users.a.b.create"));
}
