//! Every door against every kind of caller, made from the route table: a new endpoint can't escape.

use floe_gateway::input::ParamLocation;
use floe_gateway::route::RouteSpec;
use floe_kernel::scope::{self, Scope};
use floe_testkit::{Answer, Client, Project, User, both_databases};
use reqwest::Method;
use serde_json::{Map, Value as Json, json};

/// What a request of this line needs so that nothing but the caller can be at fault.
fn request(route: &RouteSpec, id: &str) -> (Method, String, Option<Json>) {
    let params = (route.params)();
    let mut path = route.full_path();
    for param in params.iter().filter(|param| param.place == ParamLocation::Path) {
        path = path.replace(&format!("{{{}}}", param.name(route.vocabulary)), id);
    }
    let mut body = Map::new();
    for param in params.iter().filter(|param| param.place == ParamLocation::Body && param.required) {
        body.insert(param.name(route.vocabulary).to_owned(), example(&param.schema));
    }
    let method = Method::from_bytes(route.method.name().as_bytes()).unwrap();
    let has_body = !route.method.reads() && route.method.name() != "DELETE";
    (method, path, has_body.then_some(Json::Object(body)))
}

/// Something that fits.
pub(crate) fn example(schema: &Json) -> Json {
    if let Some(choice) = schema["enum"].as_array().and_then(|choices| choices.first()) {
        return choice.clone();
    }
    match (schema["type"].as_str(), schema["format"].as_str()) {
        (_, Some("email")) => json!("someone@example.org"),
        (_, Some("uri")) => json!("https://example.org"),
        (_, Some("date-time")) => json!("2030-01-01T00:00:00Z"),
        (Some("integer" | "number"), _) => schema.get("minimum").cloned().unwrap_or(json!(1)),
        (Some("boolean"), _) => json!(true),
        (Some("array"), _) => json!([]),
        (Some("object"), _) => json!({}),
        _ => json!("x".repeat(usize::try_from(schema["minLength"].as_u64().unwrap_or(1).max(1)).unwrap())),
    }
}

async fn call(client: &Client, route: &RouteSpec, id: &str) -> Answer {
    let (method, path, body) = request(route, id);
    client.send(method, &path, body.as_ref()).await
}

fn name(route: &RouteSpec) -> String {
    format!("{} {}", route.method.name(), route.full_path())
}

/// Health and the like, for which nobody is somebody.
fn open_to_all(route: &RouteSpec) -> bool {
    route.scopes.is_empty() || route.scopes.iter().any(|scope| [Scope::Public, Scope::Global].contains(scope))
}

fn scopes_let(scopes: scope::Scopes, route: &RouteSpec) -> bool {
    open_to_all(route) || route.scopes.iter().any(|scope| scopes.has(*scope))
}

both_databases! {
    async fn who_lacks_the_scope_is_refused_at_every_door(floe: TestServer) {
        let project = floe.project("shop").await;
        let user = project.user("ada@example.org").await;
        let keyless = floe.key("shop", "avatars.read").await;
        for route in floe.app.routes() {
            let callers = [
                ("guest", project.guest(), scope::GUESTS, route.callers.guests),
                ("user", user.client.clone(), scope::USERS, route.callers.users),
                ("key", project.with_key(&keyless), scope::KEYS.with(scope::Scopes::of(&[Scope::AvatarsRead])), route.callers.keys),
            ];
            for (who, client, scopes, welcome) in callers {
                if scopes_let(scopes, &route) && welcome {
                    continue;
                }
                let answer = call(&client, &route, "nothing").await;
                let expected = if scopes_let(scopes, &route) { "user_unauthorized" } else { "general_unauthorized_scope" };
                assert_eq!((answer.status, answer.body["type"].as_str()), (401, Some(expected)), "{} as {who}: {}", name(&route), answer.text);
            }
        }
    }

    async fn bad_credentials_are_errors_at_every_door(floe: TestServer) {
        let project = floe.project("shop").await;
        let other = floe.project("other").await;
        let user = project.user("ada@example.org").await;
        let stranger = other.user("ada@example.org").await;
        let jwt = text(&user.client.post("/v1/account/jwts", &json!({})).await.expect(201)["jwt"]);
        let dead = project.user("dead@example.org").await;
        dead.client.delete("/v1/account/sessions/current").await.ok(204);
        for route in floe.app.routes() {
            for (what, client) in [
                ("another project's key", project.with_key(&other.key)),
                ("a key that isn't one", project.with_key("standard_0123")),
                ("another project's JWT", other.guest().jwt(&jwt)),
                ("a JWT that isn't one", project.guest().jwt("a.b.c")),
                ("another project's session", project.guest().session(&stranger.session)),
                ("a session that has ended", project.guest().session(&dead.session)),
                ("a session that isn't one", project.guest().session("bm9uZQ==")),
                ("a user's session as admin", project.guest().session(&user.session).header("X-Appwrite-Mode", "admin")),
            ] {
                let answer = call(&client, &route, "nothing").await;
                assert_eq!(answer.status, 401, "{} with {what}: {}", name(&route), answer.text);
            }
        }
    }

    async fn what_is_not_there_looks_the_same_as_what_is_not_yours(floe: TestServer) {
        let project = floe.project("shop").await;
        let (ada, bob) = (project.user("ada@example.org").await, project.user("bob@example.org").await);
        let world = World::fill(&project, &ada).await;
        for (path, wrong) in world.private_to(&ada) {
            let (there, nowhere) = (bob.client.get(&path).await, bob.client.get(&wrong).await);
            assert_eq!(there.status, nowhere.status, "{path} {} / {wrong} {}", there.text, nowhere.text);
            assert_eq!(there.body["type"], nowhere.body["type"], "{path}");
            assert!((401..=404).contains(&there.status), "{path}: {}", there.text);
        }
    }

    async fn nothing_of_one_project_is_seen_from_another(floe: TestServer) {
        let (shop, other) = (floe.project("shop").await, floe.project("other").await);
        let (ada, eve) = (shop.user("ada@example.org").await, other.user("eve@example.org").await);
        World::fill(&shop, &ada).await;
        // The other project has things of the same ids, all of them empty of the canary.
        for route in floe.app.routes() {
            for client in [other.server(), eve.client.clone(), other.guest()] {
                for id in ["canary", "nothing"] {
                    let answer = call(&client, &route, id).await;
                    assert!(!answer.text.contains(CANARY), "{} shows another project's data: {}", name(&route), answer.text);
                    assert!(answer.status < 500 || answer.status == 501 || answer.status == 503, "{}: {}", name(&route), answer.text);
                }
            }
        }
        // And nothing that the other project did has changed anything here.
        let row = shop.server().get("/v1/tablesdb/canary/tables/canary/rows/canary").await.expect(200);
        assert_eq!(row["canary"], CANARY);
        assert_eq!(shop.server().get(&format!("/v1/users/{}", ada.id)).await.expect(200)["email"], "ada@example.org");
    }

    async fn a_child_is_found_under_its_own_parent_alone(floe: TestServer) {
        let project = floe.project("shop").await;
        let ada = project.user("ada@example.org").await;
        World::fill(&project, &ada).await;
        let server = project.server();
        server.post("/v1/tablesdb", &json!({"databaseId": "wrong", "name": "Wrong"})).await.ok(201);
        for database in ["canary", "wrong"] {
            let table = json!({"tableId": "wrong", "name": "Wrong"});
            server.post(&format!("/v1/tablesdb/{database}/tables"), &table).await.ok(201);
        }
        let bob = project.user("bob@example.org").await;
        server.post("/v1/teams", &json!({"teamId": "wrong", "name": "Wrong"})).await.ok(201);
        let session = text(&server.get(&format!("/v1/users/{}/sessions", ada.id)).await.expect(200)["sessions"][0]["$id"]);
        let membership = text(&server.get("/v1/teams/canary/memberships").await.expect(200)["memberships"][0]["$id"]);
        for path in [
            "/v1/tablesdb/wrong/tables/canary".to_owned(),
            "/v1/tablesdb/wrong/tables/canary/rows/canary".to_owned(),
            "/v1/tablesdb/canary/tables/wrong/rows/canary".to_owned(),
            "/v1/tablesdb/wrong/tables/wrong/rows/canary".to_owned(),
            "/v1/tablesdb/canary/tables/wrong/columns/canary".to_owned(),
            "/v1/databases/canary/collections/wrong/documents/canary".to_owned(),
            "/v1/databases/wrong/collections/canary".to_owned(),
            format!("/v1/teams/wrong/memberships/{membership}"),
        ] {
            assert_eq!(server.get(&path).await.status, 404, "{path}");
        }
        assert_eq!(server.delete(&format!("/v1/users/{}/sessions/{session}", bob.id)).await.status, 404);
        assert_eq!(bob.client.get(&format!("/v1/account/sessions/{session}")).await.status, 404);
        assert_eq!(bob.client.delete(&format!("/v1/account/sessions/{session}")).await.status, 404);
        ada.client.get("/v1/account").await.ok(200);
    }
}

/// What only one project, and one user of it, may ever show.
const CANARY: &str = "canary-of-the-shop";

/// A project with one thing of every kind, all named `canary`.
struct World;

impl World {
    async fn fill(project: &Project, owner: &User) -> Self {
        let server = project.server();
        server.post("/v1/tablesdb", &json!({"databaseId": "canary", "name": CANARY})).await.ok(201);
        let mine = [format!("read(\"user:{}\")", owner.id)];
        let column = json!({"key": "canary", "type": "string", "size": 100, "required": false});
        let table = json!({"tableId": "canary", "name": CANARY, "rowSecurity": true, "columns": [column]});
        server.post("/v1/tablesdb/canary/tables", &table).await.ok(201);
        let row = json!({"rowId": "canary", "data": {"canary": CANARY}, "permissions": mine});
        server.post("/v1/tablesdb/canary/tables/canary/rows", &row).await.ok(201);
        server.post("/v1/teams", &json!({"teamId": "canary", "name": CANARY})).await.ok(201);
        let member = json!({"userId": owner.id, "roles": ["owner"], "name": CANARY});
        server.post("/v1/teams/canary/memberships", &member).await.ok(201);
        server
            .post("/v1/users", &json!({"userId": "canary", "email": "canary@example.org", "name": CANARY}))
            .await
            .ok(201);
        let hook =
            json!({"webhookId": "canary", "name": CANARY, "url": "https://example.org/", "events": ["users.*.create"]});
        server.post("/v1/webhooks", &hook).await.ok(201);
        Self
    }

    /// Paths that the owner may read, each with its twin that leads nowhere.
    fn private_to(&self, owner: &User) -> Vec<(String, String)> {
        let rows = "/v1/tablesdb/canary/tables/canary/rows";
        let documents = "/v1/databases/canary/collections/canary/documents";
        vec![
            (format!("{rows}/canary"), format!("{rows}/nothing")),
            (format!("{documents}/canary"), format!("{documents}/nothing")),
            ("/v1/teams/canary".to_owned(), "/v1/teams/nothing".to_owned()),
            ("/v1/teams/canary/memberships".to_owned(), "/v1/teams/nothing/memberships".to_owned()),
            (format!("/v1/users/{}", owner.id), "/v1/users/nothing".to_owned()),
        ]
    }
}

fn text(json: &Json) -> String {
    json.as_str().unwrap_or_default().to_owned()
}
