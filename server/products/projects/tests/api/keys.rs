use crate::{admin, owner_of};
use floe_testkit::both_databases;
use serde_json::{Value as Json, json};

fn text(json: &Json) -> String {
    json.as_str().unwrap().to_owned()
}

both_databases! {
    async fn a_secret_is_shown_once_and_works_at_once(floe: TestServer) {
        let ada = owner_of(&floe, "acme").await;
        ada.client.post("/v1/projects", &json!({"projectId": "shop", "name": "Shop", "teamId": "acme"})).await.ok(201);
        let client = admin(&floe, &ada, "shop");
        client.get("/v1/project/keys").await.ok(200);
        let made = client.post("/v1/project/keys", &json!({"keyId": "server", "name": "Server", "scopes": ["project.read", "keys.read"]})).await.expect(201);
        let secret = text(&made["secret"]);
        assert_eq!((secret.len(), secret.starts_with("standard_"), &made["expire"], &made["sdks"]), (9 + 256, true, &json!(""), &json!([])));
        assert_eq!(made["scopes"], json!(["project.read", "keys.read"]));

        let server = floe.client().to_project("shop").key(&secret);
        server.get("/v1/project").await.ok(200);
        // SEC-110
        for answer in [client.get("/v1/project/keys/server").await, client.get("/v1/projects/shop/keys/server").await] {
            assert_eq!(answer.expect(200)["secret"], "");
        }
        let listed = server.get("/v1/project/keys").await;
        assert!(!listed.text.contains(&secret[9..]));
        assert_eq!(listed.expect(200)["keys"][0]["secret"], "");
        let changed = client.put("/v1/project/keys/server", &json!({"name": "Other", "scopes": ["keys.read"]})).await.expect(200);
        assert_eq!((&changed["secret"], &changed["name"]), (&json!(""), &json!("Other")));
        server.get("/v1/project").await.refused(401, "general_unauthorized_scope");
        client.delete("/v1/project/keys/server").await.ok(204);
        server.get("/v1/project/keys").await.refused(401, "general_access_forbidden");
        client.get("/v1/project/keys/server").await.refused(404, "key_not_found");
    }

    async fn a_key_ends_when_it_says(floe: TestServer) {
        let shop = floe.project("shop").await;
        let soon = {
            let now = floe_kernel::time::Clock::now(floe.clock());
            now.plus_seconds(3600).to_string()
        };
        let made = shop.server().post("/v1/project/keys", &json!({"keyId": "k", "name": "K", "scopes": ["project.read"], "expire": soon})).await.expect(201);
        let server = shop.with_key(&text(&made["secret"]));
        server.get("/v1/project").await.ok(200);
        floe.clock().advance(3600);
        server.get("/v1/project").await.refused(401, "project_key_expired");
        shop.server().put("/v1/project/keys/k", &json!({"name": "K", "scopes": ["project.read"], "expire": null})).await.ok(200);
        server.get("/v1/project").await.ok(200);
    }

    /// SEC-020
    async fn a_key_makes_no_key_that_is_more_than_itself(floe: TestServer) {
        let shop = floe.project("shop").await;
        let weak = shop.with_key(&floe.key("shop", "keys.read,keys.write,rows.read").await);
        let key = |scopes: &[&str], expire: Json| json!({"keyId": "unique()", "name": "K", "scopes": scopes, "expire": expire});
        weak.post("/v1/project/keys", &key(&["rows.read"], Json::Null)).await.ok(201);
        for scopes in [&["rows.write"][..], &["rows.read", "users.write"], &["health.read"]] {
            weak.post("/v1/project/keys", &key(scopes, Json::Null)).await.refused(403, "key_creation_denied");
            weak.post("/v1/projects/shop/keys", &key(scopes, Json::Null)).await.refused(403, "key_creation_denied");
        }
        // Nor by changing one that is there, itself included.
        let ids: Vec<_> = weak.get("/v1/project/keys").await.expect(200)["keys"].as_array().unwrap().iter().map(|key| text(&key["$id"])).collect();
        for id in &ids {
            weak.put(&format!("/v1/project/keys/{id}"), &json!({"name": "K", "scopes": ["users.write"]})).await.refused(403, "key_creation_denied");
        }
        // Nor one that lasts longer.
        let made = shop.server().post("/v1/project/keys", &key(&["keys.write"], json!("2030-01-01T00:00:00.000+00:00"))).await.expect(201);
        let ending = shop.with_key(&text(&made["secret"]));
        ending.post("/v1/project/keys", &key(&["keys.write"], json!("2029-01-01"))).await.ok(201);
        for expire in [json!("2030-01-01T00:00:00.001+00:00"), Json::Null] {
            ending.post("/v1/project/keys", &key(&["keys.write"], expire.clone())).await.refused(403, "key_creation_denied");
            let path = format!("/v1/project/keys/{}", text(&made["$id"]));
            ending.put(&path, &json!({"name": "K", "scopes": [], "expire": expire})).await.refused(403, "key_creation_denied");
        }
        // A reader makes none at all, and neither do users and their JWTs.
        let reader = shop.with_key(&floe.key("shop", "keys.read").await);
        reader.post("/v1/project/keys", &key(&[], Json::Null)).await.refused(401, "general_unauthorized_scope");
        let user = shop.user("bo@example.org").await;
        user.client.post("/v1/project/keys", &key(&[], Json::Null)).await.refused(401, "general_unauthorized_scope");
        let jwt = text(&user.client.post("/v1/account/jwts", &json!({})).await.expect(201)["jwt"]);
        shop.guest().jwt(&jwt).post("/v1/project/keys", &key(&[], Json::Null)).await.refused(401, "general_unauthorized_scope");
    }

    async fn refuses_what_no_key_can_be(floe: TestServer) {
        let shop = floe.project("shop").await;
        let post = async |body: Json| shop.server().post("/v1/project/keys", &body).await;
        for scopes in [json!(["everything"]), json!(["projects.write"]), json!(["account"]), json!("rows.read"), json!([1]), json!(vec!["rows.read"; 201])] {
            post(json!({"keyId": "k", "name": "K", "scopes": scopes})).await.refused(400, "general_argument_invalid");
        }
        for body in [
            json!({"keyId": "_k", "name": "K", "scopes": []}),
            json!({"keyId": "k", "name": "", "scopes": []}),
            json!({"keyId": "k", "name": "K"}),
            json!({"keyId": "k", "name": "K", "scopes": [], "expire": "soon"}),
            json!({"keyId": "k", "name": "K\u{0}", "scopes": []}),
        ] {
            post(body).await.refused(400, "general_argument_invalid");
        }
        post(json!({"keyId": "k", "name": "K", "scopes": []})).await.ok(201);
        post(json!({"keyId": "k", "name": "K", "scopes": []})).await.refused(409, "key_already_exists");
        for query in [json!({"method": "equal", "attribute": "secret", "values": ["x"]}), json!({"method": "startsWith", "attribute": "secret_hash", "values": ["a"]})] {
            shop.server().list("/v1/project/keys", &[query]).await.refused(400, "general_argument_invalid");
        }
        let by_scope = shop.server().list("/v1/project/keys", &[json!({"method": "contains", "attribute": "scopes", "values": ["rows.read"]})]).await.expect(200);
        assert_eq!(by_scope["total"], 1);
    }

    async fn a_key_neither_changes_nor_ends_one_that_is_more_than_itself(floe: TestServer) {
        let shop = floe.project("shop").await;
        let weak = shop.with_key(&floe.key("shop", "keys.read,keys.write").await);
        let make = async |id: &str, scopes: &[&str], expire: Json| {
            let body = json!({"keyId": id, "name": id, "scopes": scopes, "expire": expire});
            let made = shop.server().post("/v1/project/keys", &body).await.expect(201);
            shop.with_key(&text(&made["secret"]))
        };
        let strong = make("strong", &["keys.write", "project.read"], Json::Null).await;
        make("same", &["keys.write"], Json::Null).await;
        for path in ["/v1/project/keys/strong", "/v1/projects/shop/keys/strong"] {
            weak.put(path, &json!({"name": "Mine", "scopes": ["keys.write"]})).await.refused(403, "key_creation_denied");
            weak.delete(path).await.refused(403, "key_creation_denied");
        }
        strong.get("/v1/project").await.ok(200);
        assert_eq!(weak.get("/v1/project/keys/strong").await.expect(200)["name"], "strong");
        weak.put("/v1/project/keys/same", &json!({"name": "Mine", "scopes": []})).await.ok(200);
        weak.delete("/v1/project/keys/same").await.ok(204);
        weak.delete("/v1/project/keys/same").await.refused(404, "key_not_found");

        // Nor one that lasts longer.
        let ending = make("ending", &["keys.write"], json!("2030-01-01T00:00:00.000+00:00")).await;
        make("endless", &["keys.write"], Json::Null).await;
        ending.delete("/v1/project/keys/endless").await.refused(403, "key_creation_denied");
        ending.delete("/v1/project/keys/ending").await.ok(204);
        shop.server().delete("/v1/project/keys/endless").await.ok(204);
    }

    async fn a_key_that_never_ends_may_be_sent_back_as_it_was_answered(floe: TestServer) {
        let shop = floe.project("shop").await;
        for expire in ["", "2030-01-01T00:00:00.000+00:00"] {
            let made = shop.server().post("/v1/project/keys", &json!({"keyId": "unique()", "name": "K", "scopes": [], "expire": expire})).await.expect(201);
            let again = shop.server().put(&format!("/v1/project/keys/{}", text(&made["$id"])), &made).await.expect(200);
            assert_eq!((&made["expire"], &again["expire"]), (&json!(expire), &json!(expire)));
        }
    }
}
