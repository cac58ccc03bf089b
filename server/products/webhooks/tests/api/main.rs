//! Webhooks through the public door.

#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]
#![recursion_limit = "512"]

mod deliveries;

use floe_kernel::secret::Secret;
use floe_sealed::RootKeys;
use floe_testkit::{TestServer, both_databases};
use serde_json::{Value as Json, json};

/// A webhook as callers define one.
fn webhook(id: &str) -> Json {
    json!({"webhookId": id, "name": "Hook", "url": "https://hooks.example.com/a?b", "events": ["users.*.create", "users.*.create"]})
}

/// `body` with another field.
fn with(mut body: Json, field: &str, value: Json) -> Json {
    body[field] = value;
    body
}

both_databases! {
    async fn a_webhook_is_defined_changed_and_removed(floe: TestServer) {
        let shop = floe.project("shop").await;
        let server = shop.server();
        let made = server.post("/v1/webhooks", &webhook("hook")).await.expect(201);
        assert_eq!((&made["$id"], &made["events"], &made["tls"], &made["enabled"]), (&json!("hook"), &json!(["users.*.create"]), &json!(false), &json!(true)));
        assert_eq!((&made["logs"], &made["attempts"], &made["authUsername"]), (&json!(""), &json!(0), &json!("")));
        server.post("/v1/webhooks", &webhook("hook")).await.refused(409, "webhook_already_exists");

        let change = json!({"name": "New", "url": "http://example.org", "events": ["teams.*.memberships.*.update.status"], "enabled": false, "tls": true});
        let changed = server.put("/v1/webhooks/hook", &change).await.expect(200);
        assert_eq!((&changed["name"], &changed["enabled"], &changed["tls"]), (&json!("New"), &json!(false), &json!(true)));
        assert_eq!(server.get("/v1/webhooks/hook").await.expect(200), changed);

        server.post("/v1/webhooks", &webhook("unique()")).await.ok(201);
        let by_event = [json!({"method": "contains", "attribute": "events", "values": ["users.*.create"]})];
        assert_eq!(server.list("/v1/webhooks", &by_event).await.expect(200)["total"], 1);
        assert_eq!(server.list("/v1/webhooks", &[json!({"method": "equal", "attribute": "enabled", "values": [false]})]).await.expect(200)["webhooks"][0]["$id"], "hook");
        server.delete("/v1/webhooks/hook").await.ok(204);
        server.get("/v1/webhooks/hook").await.refused(404, "webhook_not_found");
        server.delete("/v1/webhooks/hook").await.refused(404, "webhook_not_found");
        server.put("/v1/webhooks/hook", &change).await.refused(404, "webhook_not_found");
        server.patch("/v1/webhooks/hook/secret", &json!({})).await.refused(404, "webhook_not_found");
    }

    /// SEC-110
    async fn secrets_are_shown_once(floe: TestServer) {
        let shop = floe.project("shop").await;
        let server = shop.server();
        let body = with(with(webhook("hook"), "authUsername", json!("bo")), "authPassword", json!("canary-password"));
        let made = server.post("/v1/webhooks", &body).await;
        assert!(!made.text.contains("canary-password"));
        let secret = made.expect(201)["secret"].as_str().unwrap().to_owned();
        assert_eq!(secret.len(), 128);
        let change = json!({"name": "New", "url": "https://example.org", "events": [], "authUsername": "bo", "authPassword": ""});
        for answer in [server.get("/v1/webhooks/hook").await, server.get("/v1/webhooks").await, server.put("/v1/webhooks/hook", &change).await, server.get("/v1/projects/shop/webhooks/hook").await] {
            assert!(!answer.text.contains(&secret) && !answer.text.contains("canary-password"), "{}", answer.text);
            answer.ok(200);
        }
        let own = server.patch("/v1/webhooks/hook/secret", &json!({"secret": "canary-secret"})).await.expect(200);
        assert_eq!(own["secret"], "canary-secret");
        let made = server.patch("/v1/projects/shop/webhooks/hook/signature", &json!({"secret": null})).await.expect(200)["secret"].as_str().unwrap().to_owned();
        assert!(made.len() == 128 && made != secret);
        assert_eq!(server.get("/v1/webhooks/hook").await.expect(200)["secret"], "");
        // Nor by asking in another way.
        for attribute in ["secret", "authPassword", "httpPass", "auth_password", "signatureKey"] {
            let query = json!({"method": "startsWith", "attribute": attribute, "values": ["c"]});
            server.list("/v1/webhooks", &[query]).await.refused(400, "general_argument_invalid");
        }
    }

    async fn an_update_without_a_password_keeps_it_while_there_is_a_user(floe: TestServer) {
        let shop = floe.project("shop").await;
        let server = shop.server();
        server.post("/v1/webhooks", &with(with(webhook("hook"), "authUsername", json!("bo")), "authPassword", json!("password"))).await.ok(201);
        let changed = async |username: &str, password: Json| {
            let body = with(with(webhook("hook"), "authUsername", json!(username)), "authPassword", password);
            server.put("/v1/webhooks/hook", &body).await.ok(200);
            opened(&floe, "password", &kept(&floe).await.auth_password)
        };
        assert_eq!(changed("bo", json!("")).await, "password");
        assert_eq!(changed("bo", json!("other")).await, "other");
        assert_eq!(changed("", json!("")).await, "");
    }

    async fn secrets_are_kept_sealed_also_those_of_before(floe: TestServer) {
        let shop = floe.project("shop").await;
        let server = shop.server();
        let body = with(with(webhook("hook"), "authUsername", json!("bo")), "authPassword", json!("canary-password"));
        server.post("/v1/webhooks", &with(body, "secret", json!("canary-secret"))).await.ok(201);
        let is_sealed = async || {
            let kept = kept(&floe).await;
            assert!(kept.sealed && kept.secret.starts_with("v2:") && kept.auth_password.starts_with("v2:"), "{}", kept.secret);
            assert_eq!(opened(&floe, "secret", &kept.secret), "canary-secret");
            assert_eq!(opened(&floe, "password", &kept.auth_password), "canary-password");
        };
        is_sealed().await;
        // As the last release kept them.
        let mut unit = floe.store("shop").await.begin().await.unwrap();
        unit.batch("UPDATE webhooks SET secret = 'canary-secret', auth_password = 'canary-password', sealed = FALSE").await.unwrap();
        unit.commit().await.unwrap();
        let change = json!({"name": "New", "url": "https://HOOKS.example.com/c", "events": [], "authUsername": "bo"});
        server.put("/v1/webhooks/hook", &change).await.ok(200);
        is_sealed().await;
        server.patch("/v1/webhooks/hook/secret", &json!({"secret": "another-secret"})).await.ok(200);
        assert_eq!(opened(&floe, "secret", &kept(&floe).await.secret), "another-secret");
    }

    /// SEC-001, SEC-002, SEC-005
    async fn urls_are_no_way_into_a_network(floe: TestServer) {
        let shop = floe.project("shop").await;
        for url in [
            "http://127.0.0.1", "http://169.254.169.254", "http://[::1]", "http://2130706433", "http://127.1", "http://localhost:8080/v1",
            "http://db.internal", "http://example.com.", "http://user@example.com", "ftp://example.com", "http://example.com\\@127.0.0.1", "", "x",
        ] {
            shop.server().post("/v1/webhooks", &with(webhook("hook"), "url", json!(url))).await.refused(400, "general_argument_invalid");
        }
        shop.server().post("/v1/webhooks", &webhook("hook")).await.ok(201);
        let change = with(webhook("hook"), "url", json!("http://10.0.0.1"));
        shop.server().put("/v1/webhooks/hook", &change).await.refused(400, "general_argument_invalid");
    }

    async fn refuses_what_is_no_webhook(floe: TestServer) {
        let shop = floe.project("shop").await;
        for (field, value) in [
            ("webhookId", json!("_x")),
            ("name", json!("")),
            ("events", json!(["users.*.explode"])),
            ("events", json!(["*"])),
            ("events", json!("users.*")),
            ("events", json!(vec!["users.*"; 101])),
            ("secret", json!("short")),
            ("secret", json!(["array-of-secrets"])),
            ("authPassword", json!("x".repeat(257))),
            ("tls", json!("maybe")),
        ] {
            shop.server().post("/v1/webhooks", &with(webhook("hook"), field, value)).await.refused(400, "general_argument_invalid");
        }
        assert_eq!(shop.server().get("/v1/webhooks").await.expect(200)["total"], 0);
    }

    /// SEC-018, SEC-050, SEC-055, SEC-056
    async fn webhooks_belong_to_their_project_and_its_servers(floe: TestServer) {
        let (shop, blog) = (floe.project("shop").await, floe.project("blog").await);
        shop.server().post("/v1/webhooks", &webhook("hook")).await.ok(201);
        blog.server().get("/v1/webhooks/hook").await.refused(404, "webhook_not_found");
        blog.server().post("/v1/webhooks", &webhook("hook")).await.ok(201);
        blog.server().delete("/v1/webhooks/hook").await.ok(204);
        shop.server().get("/v1/webhooks/hook").await.ok(200);
        blog.server().get("/v1/projects/shop/webhooks").await.refused(401, "general_access_forbidden");

        let reader = shop.with_key(&floe.key("shop", "webhooks.read").await);
        reader.get("/v1/webhooks").await.ok(200);
        let user = shop.user("bo@example.org").await;
        for client in [reader, user.client, shop.guest()] {
            client.post("/v1/webhooks", &webhook("other")).await.refused(401, "general_unauthorized_scope");
            client.put("/v1/webhooks/hook", &webhook("hook")).await.refused(401, "general_unauthorized_scope");
            client.patch("/v1/webhooks/hook/secret", &json!({})).await.refused(401, "general_unauthorized_scope");
            client.delete("/v1/webhooks/hook").await.refused(401, "general_unauthorized_scope");
        }
    }
}

#[derive(floe_store::prelude::QueryableByName)]
struct Kept {
    #[diesel(sql_type = diesel::sql_types::Text)]
    auth_password: String,
    #[diesel(sql_type = diesel::sql_types::Text)]
    secret: String,
    #[diesel(sql_type = diesel::sql_types::Bool)]
    sealed: bool,
}

/// What the project's store keeps, since nothing shows it.
async fn kept(floe: &TestServer) -> Kept {
    let mut conn = floe.store("shop").await.read().await.unwrap();
    let query = diesel::sql_query("SELECT auth_password, secret, sealed FROM webhooks WHERE id = 'hook'");
    floe_store::on_conn!(conn, |c| query.get_result::<Kept>(c)).unwrap()
}

/// What a sealed secret of the webhook is, read with the instance's key.
fn opened(floe: &TestServer, what: &str, sealed: &str) -> String {
    let key = match &floe.config().security.secret_key {
        Some(key) => key.clone(),
        None => Secret::new(std::fs::read_to_string(floe.config().database.folder.join("secret.key")).unwrap()),
    };
    let seal = RootKeys::new(key, Vec::new()).sealer("webhooks").seal_for("shop", b"");
    seal.open(&format!("hook\0{what}"), sealed).unwrap()
}
