//! What endpoints change: a project, and things that are made in it.

use super::scene::Scene;
use floe_gateway::route::RouteSpec;
use floe_kernel::secret::hash;
use floe_store::Recorder;
use floe_testkit::{Project, TestServer, User};
use serde_json::{Value as Json, json};

/// A project, its admin and its organisation, in which things are made for endpoints to change. Nothing is made empty: what
/// goes with a thing must not be told apart.
pub(super) struct World<'f> {
    pub(super) floe: &'f TestServer,
    pub(super) project: Project,
    pub(super) admin: User,
}

impl<'f> World<'f> {
    pub(super) async fn new(floe: &'f TestServer) -> Self {
        let admin = floe.console_user("admin@example.org").await;
        admin.client.post("/v1/teams", &json!({"teamId": "acme", "name": "Acme"})).await.ok(201);
        let world = Self { floe, project: floe.project_of("shop", Some("acme")).await, admin };
        world.id("/v1/teams", json!({"teamId": "everybody", "name": "Everybody"})).await;
        world
    }

    /// The names of what was told since the last time, of the project and of the platform.
    pub(super) async fn told(&self) -> Vec<String> {
        let mut names = Vec::new();
        for store in [self.floe.store(&self.project.id).await, self.floe.app.stores.platform().await.unwrap()] {
            names.extend(Recorder::take(&store).await.unwrap().into_iter().map(|event| event.name));
        }
        names
    }

    /// An id that nothing else has.
    pub(super) fn unique(&self) -> String {
        self.floe.unique("x")
    }

    /// An address that nobody else has.
    pub(super) fn email(&self) -> String {
        format!("{}@example.org", self.unique())
    }

    /// Somebody with a password, two sessions and a membership, signed in.
    pub(super) async fn user(&self) -> User {
        let user = self.project.user(&self.email()).await;
        self.id(&format!("/v1/users/{}/sessions", user.id), json!({})).await;
        self.join("everybody", &user.id).await;
        user
    }

    async fn join(&self, team: &str, user: &str) -> String {
        self.id(&format!("/v1/teams/{team}/memberships"), json!({"userId": user, "roles": ["editor"]})).await
    }

    /// Makes something, and gives its id.
    async fn id(&self, path: &str, body: Json) -> String {
        let answer = self.project.server().post(path, &body).await;
        assert!((200..300).contains(&answer.status), "{path}: {}", answer.text);
        // What a table has goes by its key.
        let by_key = path.contains("/columns/") || path.ends_with("/indexes");
        text(&answer.body[if by_key { "key" } else { "$id" }])
    }

    /// Makes what a parameter of the path names, or finds a name of it.
    pub(super) async fn make(&self, name: &str, route: &RouteSpec, scene: &mut Scene) -> String {
        let unique = self.unique();
        match name {
            "userId" => self.user().await.id,
            "sessionId" if route.path.starts_with("/account") => scene.id("sessionId").to_owned(),
            "sessionId" => self.id(&format!("/v1/users/{}/sessions", scene.id("userId")), json!({})).await,
            "teamId" => {
                let team = self.id("/v1/teams", json!({"teamId": unique, "name": "T"})).await;
                self.join(&team, &self.user().await.id).await;
                team
            }
            "membershipId" => self.membership(route, scene).await,
            "databaseId" => self.database().await,
            "tableId" | "collectionId" => self.table(scene.id("databaseId")).await,
            "rowId" | "documentId" => self.row(&scene.table()).await,
            "column" | "attribute" => "number".to_owned(),
            "key" if route.path.contains("/indexes/") => {
                let index = json!({"key": unique, "type": "key", "columns": ["text"]});
                self.id(&format!("{}/indexes", scene.table()), index).await
            }
            "key" => self.column(&scene.table(), route).await,
            "transactionId" => self.transaction(route, scene).await,
            "webhookId" => {
                let url = "https://example.org";
                let webhook = json!({"webhookId": unique, "name": "W", "url": url, "events": ["users.*.create"]});
                self.id("/v1/webhooks", webhook).await
            }
            "queue" => "webhooks".to_owned(),
            "jobId" => self.failed_job().await,
            "deliveryId" => {
                let test = format!("/v1/webhooks/{}/tests", scene.id("webhookId"));
                self.id(&test, json!({})).await
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

    /// A job that failed for good, of a kind that nobody does.
    async fn failed_job(&self) -> String {
        let number = 1_000_000 + i64::from(self.floe.unique("").parse::<u32>().unwrap_or_default());
        let mut unit = self.floe.store(&self.project.id).await.begin().await.unwrap();
        let values = format!("({number}, 'webhooks', 'nobodys', '{{}}', 1, '[]', 1, 1)");
        let columns = "(number, queue, kind, payload, takes, history, created_at, failed_at)";
        unit.batch(&format!("INSERT INTO failed_jobs {columns} VALUES {values}")).await.unwrap();
        unit.commit().await.unwrap();
        number.to_string()
    }

    /// A member; or somebody who is invited, with the secret `hush`, which a mail would have told them.
    async fn membership(&self, route: &RouteSpec, scene: &mut Scene) -> String {
        let member = self.user().await.id;
        let id = self.join(scene.id("teamId"), &member).await;
        if route.name == "teams.updateMembershipStatus" {
            let set = format!("confirmed = FALSE, joined_at = NULL, secret_hash = '{}'", hash("hush"));
            let mut unit = self.floe.store(&self.project.id).await.begin().await.unwrap();
            unit.batch(&format!("UPDATE memberships SET {set} WHERE id = '{id}'")).await.unwrap();
            unit.commit().await.unwrap();
        }
        scene.put("userId", member);
        id
    }

    /// A database with a table.
    async fn database(&self) -> String {
        let id = self.id("/v1/tablesdb", json!({"databaseId": self.unique(), "name": "D"})).await;
        self.table(&id).await;
        id
    }

    /// A table with two rows.
    async fn table(&self, database: &str) -> String {
        let columns = json!([{"key": "text", "type": "string", "size": 100}, {"key": "number", "type": "integer"}]);
        let path = format!("/v1/tablesdb/{database}/tables");
        let id = self.id(&path, json!({"tableId": self.unique(), "name": "T", "columns": columns})).await;
        for _ in 0..2 {
            self.row(&format!("{path}/{id}")).await;
        }
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

    /// A transaction in which a row is to be made: the one that the scene is about from then on.
    async fn transaction(&self, route: &RouteSpec, scene: &mut Scene) -> String {
        let words = Words::of(route);
        let database = self.database().await;
        scene.put(words.table, self.table(&database).await);
        scene.put(words.row, self.unique());
        scene.put("databaseId", database);
        let id = self.id(words.transactions, json!({})).await;
        let staged = json!({"operations": [words.operation(scene, scene.id(words.row))]});
        self.id(&format!("{}/{id}/operations", words.transactions), staged).await
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
}

/// The words of a route about transactions.
pub(super) struct Words {
    transactions: &'static str,
    table: &'static str,
    row: &'static str,
}

impl Words {
    pub(super) fn of(route: &RouteSpec) -> Self {
        if route.path.starts_with("/databases") {
            Self { transactions: "/v1/databases/transactions", table: "collectionId", row: "documentId" }
        } else {
            Self { transactions: "/v1/tablesdb/transactions", table: "tableId", row: "rowId" }
        }
    }

    /// That this row is to be made, in the scene's table.
    pub(super) fn operation(&self, scene: &Scene, row: &str) -> Json {
        let (database, table) = (scene.id("databaseId"), scene.id(self.table));
        json!({"action": "create", "databaseId": database, self.table: table, self.row: row, "data": {"text": "t"}})
    }
}

pub(super) fn text(json: &Json) -> String {
    json.as_str().unwrap().to_owned()
}
