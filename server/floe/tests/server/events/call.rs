//! One call of an endpoint, made from its line in the route table.

use super::scene::Scene;
use super::world::{Words, World, text};
use crate::doors::example;
use floe_gateway::input::{ParamDoc, ParamLocation};
use floe_gateway::route::RouteSpec;
use floe_testkit::{Answer, Client, PASSWORD};
use reqwest::Method;
use serde_json::{Map, Value as Json, json};

impl World<'_> {
    /// Calls it, with everything that it needs to succeed; gives what the call was about, too.
    pub(super) async fn call(&self, route: &RouteSpec) -> (Scene, Answer) {
        let mut scene = Scene::default();
        let client = self.caller(route, &mut scene).await;
        let mut path = route.full_path();
        // In the order in which they stand in the path: what is further up is made first.
        for name in route.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')) {
            let id = self.make(name, route, &mut scene).await;
            path = path.replace(&format!("{{{name}}}"), &id);
            scene.put(name, id);
        }
        let mut body = Map::new();
        for param in (route.params)().iter().filter(|param| param.place == ParamLocation::Body) {
            if let Some(value) = self.value(param, route, &scene).await {
                body.insert(param.name(route.vocabulary).to_owned(), value);
            }
        }
        // What happens from now on is what counts.
        self.told().await;
        let method = Method::from_bytes(route.method.name().as_bytes()).unwrap();
        let body = (method != Method::DELETE).then_some(Json::Object(body));
        let answer = client.send(method, &path, body.as_ref()).await;
        (scene, answer)
    }

    /// Somebody who may call it.
    async fn caller(&self, route: &RouteSpec, scene: &mut Scene) -> Client {
        let is_account = route.path.starts_with("/account");
        match route.name {
            // The others still need theirs.
            "project.delete" => self.floe.project(&self.unique()).await.server(),
            _ if route.path.starts_with("/projects") => self.admin.client.clone(),
            _ if route.callers.keys && !is_account => self.project.server(),
            _ if route.callers.admins && !route.callers.users => self.project.admin(&self.admin),
            _ if route.callers.guests => self.project.guest(),
            _ => {
                let user = self.user().await;
                let current = user.client.get("/v1/account/sessions/current").await.expect(200);
                scene.put("userId", user.id);
                scene.put("sessionId", text(&current["$id"]));
                user.client
            }
        }
    }

    /// What a parameter of the body is to be; none: left out.
    async fn value(&self, param: &ParamDoc, route: &RouteSpec, scene: &Scene) -> Option<Json> {
        let name = param.name(route.vocabulary);
        Some(match name {
            "userId" if route.name == "teams.createMembership" => json!(self.user().await.id),
            "userId" if route.name == "teams.updateMembershipStatus" => json!(scene.id("userId")),
            "secret" if route.name == "teams.updateMembershipStatus" => json!("hush"),
            "email" if route.name == "account.createEmailPasswordSession" => json!(self.user().await.email),
            "status" if route.name == "users.updateStatus" => json!(false),
            "teamId" if route.name.starts_with("projects.") => json!("acme"),
            "type" if route.path.ends_with("/relationship") => json!("manyToOne"),
            "type" if route.path.ends_with("/indexes") => json!("key"),
            "relatedTableId" | "relatedCollectionId" => json!(scene.table().rsplit('/').next()),
            "operations" => json!([Words::of(route).operation(scene, &self.unique())]),
            "rowId" | "documentId" => json!(self.unique()),
            "data" => json!({"text": "new"}),
            "prefs" => json!({"a": 1}),
            "elements" => json!(["a", "b"]),
            "hostname" => json!("example.org"),
            "oldPassword" => json!(PASSWORD),
            "commit" => json!(true),
            "required" => json!(false),
            "total" => json!(100),
            _ if !param.required => return None,
            "default" => Json::Null,
            "rows" | "documents" => json!([{"$id": self.unique(), "text": "t"}, {"$id": self.unique(), "text": "t"}]),
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
            _ => example(&param.schema),
        })
    }
}
