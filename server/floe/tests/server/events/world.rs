//! One call of an endpoint, with everything that it needs to succeed, made from its line in the route table.

use crate::doors::example;
use floe_gateway::input::ParamLocation;
use floe_gateway::route::RouteSpec;
use floe_kernel::secret::hash;
use floe_store::outbox;
use floe_testkit::{Answer, Client, PASSWORD, Project, TestServer, User};
use reqwest::Method;
use serde_json::{Map, Value as Json, json};
use std::collections::HashMap;

/// A project, its admin and its organisation, in which things are made for endpoints to change.
pub(super) struct World<'f> {
    floe: &'f TestServer,
    project: Project,
    admin: User,
}

/// What one call is about: the ids of what its path names, by their names there.
type Scene = HashMap<String, String>;

impl<'f> World<'f> {
    pub(super) async fn new(floe: &'f TestServer) -> Self {
        let admin = floe.console_user("admin@example.org").await;
        admin.client.post("/v1/teams", &json!({"teamId": "acme", "name": "Acme"})).await.ok(201);
        Self { floe, project: floe.project("shop").await, admin }
    }

    /// Calls it.
    pub(super) async fn call(&self, route: &RouteSpec) -> Answer {
        let mut scene = Scene::new();
        let client = self.caller(route).await;
        let mut path = route.full_path();
        // In the order in which they stand in the path: what is further up is made first.
        for name in route.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')) {
            let id = self.make(name, route, &mut scene).await;
            path = path.replace(&format!("{{{name}}}"), &id);
            scene.insert(name.to_owned(), id);
        }
        let mut body = Map::new();
        for param in (route.params)().iter().filter(|param| param.place == ParamLocation::Body) {
            let name = param.name(route.vocabulary);
            if let Some(value) = self.value(name, route, &scene, &param.schema, param.required).await {
                body.insert(name.to_owned(), value);
            }
        }
        // What happens from now on is what counts.
        self.told().await;
        let method = Method::from_bytes(route.method.name().as_bytes()).unwrap();
        let body = (method != Method::DELETE).then_some(Json::Object(body));
        client.send(method, &path, body.as_ref()).await
    }

    /// The names of what was told since the last time, of the project and of the platform.
    pub(super) async fn told(&self) -> Vec<String> {
        let mut names = Vec::new();
        for store in [self.floe.store(&self.project.id).await, self.floe.app.stores.platform().await.unwrap()] {
            let told = outbox::pending(&mut store.read().await.unwrap(), 1000).await.unwrap();
            names.extend(told.into_iter().map(|event| event.event));
            let mut unit = store.begin().await.unwrap();
            unit.batch("DELETE FROM outbox").await.unwrap();
            unit.commit().await.unwrap();
        }
        names
    }

    /// Somebody who may call it.
    async fn caller(&self, route: &RouteSpec) -> Client {
        match route.name {
            // The others still need theirs.
            "project.delete" => self.floe.project(&self.unique()).await.server(),
            _ if route.path.starts_with("/projects") => self.admin.client.clone(),
            _ if route.callers.keys && !route.path.starts_with("/account") => self.project.server(),
            _ if route.callers.guests => self.project.guest(),
            _ => self.user().await.client,
        }
    }

    fn unique(&self) -> String {
        self.floe.unique("x")
    }

    fn email(&self) -> String {
        format!("{}@example.org", self.unique())
    }

    async fn user(&self) -> User {
        self.project.user(&self.email()).await
    }

    async fn id(&self, path: &str, body: Json) -> String {
        let answer = self.project.server().post(path, &body).await;
        assert!((200..300).contains(&answer.status), "{path}: {}", answer.text);
        // What a table has goes by its key.
        let (id, key) = (answer.body["$id"].as_str(), answer.body["key"].as_str());
        id.or(key).unwrap().to_owned()
    }

    /// Makes what a parameter of the path names, or finds a name of it.
    async fn make(&self, name: &str, route: &RouteSpec, scene: &mut Scene) -> String {
        let unique = self.unique();
        match name {
            "userId" => self.user().await.id,
            "sessionId" if route.path.starts_with("/account") => "current".to_owned(),
            "sessionId" => self.id(&format!("/v1/users/{}/sessions", scene["userId"]), json!({})).await,
            "teamId" => self.id("/v1/teams", json!({"teamId": unique, "name": "T"})).await,
            "membershipId" => self.membership(route, scene).await,
            "databaseId" => self.id("/v1/tablesdb", json!({"databaseId": unique, "name": "D"})).await,
            "tableId" | "collectionId" => self.table(&scene["databaseId"]).await,
            "rowId" | "documentId" => self.row(&table(scene)).await,
            "column" | "attribute" => "number".to_owned(),
            "key" if route.path.contains("/indexes/") => {
                let index = json!({"key": unique, "type": "key", "columns": ["text"]});
                self.id(&format!("{}/indexes", table(scene)), index).await
            }
            "key" => self.column(&table(scene), route).await,
            "transactionId" => self.id("/v1/tablesdb/transactions", json!({})).await,
            "webhookId" => {
                let webhook =
                    json!({"webhookId": unique, "name": "W", "url": "https://example.org", "events": ["users.*"]});
                self.id("/v1/webhooks", webhook).await
            }
            "keyId" => self.id("/v1/project/keys", json!({"keyId": unique, "name": "K", "scopes": []})).await,
            "platformId" => self.platform(route).await,
            "projectId" => {
                let project = json!({"projectId": unique, "name": "P", "teamId": "acme"});
                text(&self.admin.client.post("/v1/projects", &project).await.expect(201)["$id"])
            }
            "methodId" => "jwt".to_owned(),
            "serviceId" => "locale".to_owned(),
            other => panic!("{}: what is {other}?", route.name),
        }
    }

    /// A member; or somebody who is invited, with the secret `hush`, which a mail would have told them.
    async fn membership(&self, route: &RouteSpec, scene: &mut Scene) -> String {
        let member = self.user().await.id;
        let path = format!("/v1/teams/{}/memberships", scene["teamId"]);
        let id = self.id(&path, json!({"userId": member, "roles": ["editor"]})).await;
        if route.name == "teams.updateMembershipStatus" {
            let set = format!("confirmed = FALSE, joined_at = NULL, secret_hash = '{}'", hash("hush"));
            let mut unit = self.floe.store(&self.project.id).await.begin().await.unwrap();
            unit.batch(&format!("UPDATE memberships SET {set} WHERE id = '{id}'")).await.unwrap();
            unit.commit().await.unwrap();
        }
        scene.insert("member".to_owned(), member);
        id
    }

    /// A table with one row.
    async fn table(&self, database: &str) -> String {
        let columns = json!([{"key": "text", "type": "string", "size": 100}, {"key": "number", "type": "integer"}]);
        let path = format!("/v1/tablesdb/{database}/tables");
        let id = self.id(&path, json!({"tableId": self.unique(), "name": "T", "columns": columns})).await;
        self.row(&format!("{path}/{id}")).await;
        id
    }

    async fn row(&self, table: &str) -> String {
        self.id(&format!("{table}/rows"), json!({"rowId": self.unique(), "data": {"text": "t", "number": 5}})).await
    }

    /// A column of the type that the path names.
    async fn column(&self, table: &str, route: &RouteSpec) -> String {
        let named = route.path.split('/').rfind(|part| !part.starts_with('{'));
        let kind = named.filter(|part| !["columns", "attributes"].contains(part)).unwrap_or("string");
        let mut column = json!({"key": self.unique(), "required": false});
        match kind {
            "string" | "varchar" => column["size"] = json!(100),
            "enum" => column["elements"] = json!(["a", "b"]),
            "relationship" => {
                // To itself.
                column["relatedTableId"] = json!(table.rsplit('/').next());
                column["type"] = json!("manyToOne");
            }
            _ => {}
        }
        self.id(&format!("{table}/columns/{kind}"), column).await
    }

    /// A platform of the kind that the path names.
    async fn platform(&self, route: &RouteSpec) -> String {
        let kinds = ["web", "apple", "android", "windows", "linux"];
        let kind = kinds.into_iter().find(|kind| route.path.contains(&format!("/{kind}/"))).unwrap_or("web");
        let mut platform = json!({"platformId": self.unique(), "name": "P", "hostname": "example.org"});
        for identifier in ["bundleIdentifier", "applicationId", "packageName", "packageIdentifierName"] {
            platform[identifier] = json!("org.example");
        }
        self.id(&format!("/v1/project/platforms/{kind}"), platform).await
    }

    /// A change of a row, to be kept for the end of a transaction.
    async fn operation(&self, route: &RouteSpec) -> Json {
        let database = self.make("databaseId", route, &mut Scene::new()).await;
        let table = self.table(&database).await;
        let legacy = route.path.starts_with("/databases");
        let (tables, rows) = if legacy { ("collectionId", "documentId") } else { ("tableId", "rowId") };
        json!({"action": "create", "databaseId": database, tables: table, rows: self.unique(), "data": {"text": "t"}})
    }

    /// What a parameter of the body is to be; none: left out.
    async fn value(&self, name: &str, route: &RouteSpec, scene: &Scene, schema: &Json, required: bool) -> Option<Json> {
        let id = route.name;
        Some(match name {
            "userId" if id == "teams.createMembership" => json!(self.user().await.id),
            "userId" if id == "teams.updateMembershipStatus" => json!(scene["member"]),
            "secret" if id == "teams.updateMembershipStatus" => json!("hush"),
            "email" if id == "account.createEmailPasswordSession" => json!(self.user().await.email),
            "status" if id == "users.updateStatus" => json!(false),
            "teamId" if id.starts_with("projects.") => json!("acme"),
            "type" if route.path.ends_with("/relationship") => json!("manyToOne"),
            "type" if route.path.ends_with("/indexes") => json!("key"),
            "relatedTableId" | "relatedCollectionId" => json!(table(scene).rsplit('/').next()),
            "operations" => json!([self.operation(route).await]),
            "rowId" | "documentId" => json!(self.unique()),
            "data" => json!({"text": "new"}),
            "prefs" => json!({"a": 1}),
            "elements" => json!(["a", "b"]),
            "hostname" => json!("example.org"),
            "oldPassword" => json!(PASSWORD),
            "commit" => json!(true),
            "required" => json!(false),
            "total" => json!(100),
            _ if !required => return None,
            "default" => Json::Null,
            "rows" | "documents" => json!([{"$id": self.unique(), "text": "t"}]),
            "columns" | "attributes" => json!(["text"]),
            "email" => json!(self.email()),
            "phone" | "number" => json!(format!("+4912{}", 10_000_000 + self.unique()[1..].parse::<u32>().unwrap())),
            "password" => json!(PASSWORD),
            "name" => json!("New"),
            "url" => json!("https://example.org"),
            "events" => json!(["users.*.create"]),
            "roles" => json!(["editor"]),
            "size" => json!(100),
            _ if name.ends_with("Id") || name == "key" => json!(self.unique()),
            _ => example(schema),
        })
    }
}

/// The path of the table that the scene is about.
fn table(scene: &Scene) -> String {
    let id = scene.get("tableId").or_else(|| scene.get("collectionId")).expect("a table");
    format!("/v1/tablesdb/{}/tables/{id}", scene["databaseId"])
}

fn text(json: &Json) -> String {
    json.as_str().unwrap().to_owned()
}
