//! What happens is sent to webhooks: to whom, what, how often, and what is seen of it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use floe_testkit::{Client, Project, Received, Receiver, TestServer, both_databases, inside, until};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value as Json, json};
use sha1::Sha1;

/// A webhook at a receiver.
async fn hook(server: &Client, id: &str, to: &Receiver, events: &[&str]) -> Json {
    let url = format!("{}/{id}?x=1", to.url());
    server
        .post("/v1/webhooks", &json!({"webhookId": id, "name": "Gl\u{fc}ck", "url": url, "events": events}))
        .await
        .expect(201)
}

async fn user(project: &Project, id: &str) -> Json {
    let body = json!({"userId": id, "email": format!("{id}@example.org")});
    project.server().post("/v1/users", &body).await.expect(201)
}

/// Moves the clock until what failed is tried again. (That it failed is seen before it is noted when it is due again.)
async fn next_attempt(floe: &TestServer, receiver: &mut Receiver) -> Received {
    let mut attempt = None;
    let is_made = async || {
        floe.later(15);
        attempt = receiver.left().into_iter().next();
        attempt.is_some()
    };
    until("it is tried again", is_made).await;
    attempt.unwrap()
}

/// The first delivery of a webhook that there is.
async fn delivery(server: &Client, hook: &str) -> Json {
    let list = server.until(&format!("/v1/webhooks/{hook}/deliveries"), |list| list["total"] != 0).await;
    list["deliveries"][0].clone()
}

fn signed(secret: &Json, url: &Json, body: &str) -> String {
    let mut mac = Hmac::<Sha1>::new_from_slice(secret.as_str().unwrap().as_bytes()).unwrap();
    mac.update(url.as_str().unwrap().as_bytes());
    mac.update(body.as_bytes());
    STANDARD.encode(mac.finalize().into_bytes())
}

fn event(received: &Received) -> &str {
    received.header("x-appwrite-webhook-events").split(',').next().unwrap()
}

both_databases! {
    /// Whatever the project shows to other members: a server that can't see who has come, or gone, can do nothing about it.
    async fn a_membership_is_sent_with_its_person(floe: TestServer, inside) {
        let (shop, mut receiver) = (floe.project("shop").await, Receiver::start().await);
        let server = shop.server();
        hook(&server, "hook", &receiver, &["teams.*.memberships.*"]).await;
        user(&shop, "ada").await;
        server.post("/v1/teams", &json!({"teamId": "crew", "name": "Crew"})).await.ok(201);
        let member = json!({"userId": "ada", "roles": ["cook"]});
        let made = server.post("/v1/teams/crew/memberships", &member).await.expect(201);
        let path = format!("/v1/teams/crew/memberships/{}", made["$id"].as_str().unwrap());
        server.patch(&path, &json!({"roles": ["helm"]})).await.ok(200);
        server.delete(&path).await.ok(204);
        for _ in 0..3 {
            let sent = receiver.next().await;
            let told: Json = serde_json::from_str(&sent.body).unwrap();
            assert_eq!((&told["userId"], &told["userEmail"]), (&json!("ada"), &json!("ada@example.org")), "{}", event(&sent));
        }
    }

    /// SEC-009: a webhook whose receiver is the API itself, or has it called.
    async fn a_chain_of_requests_comes_to_an_end(floe: TestServer, inside) {
        let (shop, mut receiver) = (floe.project("shop").await, Receiver::start().await);
        hook(&shop.server(), "hook", &receiver, &["users.*.create"]).await;
        for (id, hops) in [("first", None), ("fifth", Some("4")), ("sixth", Some("5")), ("forged", Some("many"))] {
            let caller = hops.into_iter().fold(shop.server(), |caller, hops| caller.header("x-floe-hops", hops));
            caller.post("/v1/users", &json!({"userId": id, "email": format!("{id}@example.org")})).await.ok(201);
        }
        let mut sent = [receiver.next().await, receiver.next().await].map(|sent| sent.header("x-floe-hops").to_owned());
        sent.sort();
        assert_eq!(sent, ["1", "5"]);
        let is_tried = |list: &Json| list["deliveries"].as_array().unwrap().iter().all(|one| one["attempts"] != json!([]));
        let list = shop.server().until("/v1/webhooks/hook/deliveries", is_tried).await;
        let ended = list["deliveries"].as_array().unwrap().iter().filter(|one| one["status"] != "delivered");
        for one in ended.clone() {
            assert!(one["attempts"][0]["error"].as_str().unwrap().contains("one of a loop"), "{one}");
        }
        assert_eq!((ended.count(), receiver.left().len()), (2, 0));
    }

    /// Who may change a webhook, but not know its password.
    async fn a_password_isnt_sent_to_another_host(floe: TestServer, inside) {
        let shop = floe.project("shop").await;
        let (server, mut here, mut there) = (shop.server(), Receiver::start().await, Receiver::start().await);
        let body = |at: &Receiver, user: &str| {
            let url = format!("{}/x", at.url());
            json!({"webhookId": "hook", "name": "H", "url": url, "events": ["users.*.create"], "authUsername": user})
        };
        let (same, other, elsewhere) = (body(&here, "bob"), body(&here, "eve"), body(&there, "bob"));
        let mut made = same.clone();
        made["authPassword"] = json!("hunter22");
        server.post("/v1/webhooks", &made).await.ok(201);
        for (n, change) in [same, other, elsewhere].into_iter().enumerate() {
            server.put("/v1/webhooks/hook", &change).await.ok(200);
            user(&shop, &format!("u{n}")).await;
            let sent = if n < 2 { here.next().await } else { there.next().await };
            let expected = if n == 0 { format!("Basic {}", STANDARD.encode("bob:hunter22")) } else { String::new() };
            assert_eq!(sent.header("authorization"), expected, "{n}");
            server.put("/v1/webhooks/hook", &made).await.ok(200);
        }
    }

    async fn a_webhook_that_is_off_can_be_tried_out(floe: TestServer, inside) {
        let (shop, mut receiver) = (floe.project("shop").await, Receiver::start().await);
        let server = shop.server();
        let made = hook(&server, "hook", &receiver, &["users.*.create"]).await;
        let off = json!({"name": "Off", "url": made["url"], "events": ["users.*.create"], "enabled": false});
        server.put("/v1/webhooks/hook", &off).await.ok(200);
        user(&shop, "ada").await;
        let test = server.post("/v1/webhooks/hook/tests", &json!({})).await.expect(202);
        assert_eq!(event(&receiver.next().await), "webhooks.hook.test", "and nothing of what happens");
        let path = format!("/v1/webhooks/hook/deliveries/{}", test["$id"].as_str().unwrap());
        server.until(&path, |delivery| delivery["status"] == "delivered").await;
        server.post(&format!("{path}/redeliver"), &json!({})).await.ok(202);
        receiver.next().await;
        assert_eq!(server.get("/v1/webhooks/hook").await.expect(200)["enabled"], false);
    }

    /// A body may hold what no other scope of the key shows.
    async fn bodies_are_for_who_may_change_webhooks(floe: TestServer, inside) {
        let (shop, mut receiver) = (floe.project("shop").await, Receiver::start().await);
        hook(&shop.server(), "hook", &receiver, &["users.*.create"]).await;
        user(&shop, "ada").await;
        receiver.next().await;
        let path = format!("/v1/webhooks/hook/deliveries/{}", delivery(&shop.server(), "hook").await["$id"].as_str().unwrap());
        let reader = shop.with_key(&floe.key("shop", "webhooks.read").await);
        let seen = reader.get(&path).await;
        assert!(!seen.text.contains("ada@example.org"), "{}", seen.text);
        assert_eq!(seen.expect(200)["payload"], "");
        let writer = shop.with_key(&floe.key("shop", "webhooks.read,webhooks.write").await);
        assert!(writer.get(&path).await.text.contains("ada@example.org"));
    }

    async fn what_happens_is_sent_as_the_contract_says(floe: TestServer, inside) {
        let (shop, mut receiver) = (floe.project("shop").await, Receiver::start().await);
        let server = shop.server();
        let made = hook(&server, "hook", &receiver, &["users.*.create"]).await;
        let ada = user(&shop, "ada").await;
        let sent = receiver.next().await;
        assert_eq!((&*sent.method, &*sent.path), ("POST", "/hook?x=1"));
        let body: Json = serde_json::from_str(&sent.body).unwrap();
        for name in ["$id", "$createdAt", "email", "status", "labels", "prefs"] {
            assert_eq!(body[name], ada[name], "{name}");
        }
        assert!(body.get("password").is_none() && body.get("hash").is_none(), "{body}");
        for (name, value) in [
            ("content-type", "application/json"),
            ("x-appwrite-webhook-id", "hook"),
            ("x-appwrite-webhook-events", "users.ada.create,users.*.create,users.ada,users.*"),
            ("x-appwrite-webhook-name", "Gl?ck"),
            ("x-appwrite-webhook-user-id", ""),
            ("x-appwrite-webhook-project-id", "shop"),
            ("x-appwrite-webhook-signature", &signed(&made["secret"], &made["url"], &sent.body)),
            ("x-floe-webhook-attempt", "1"),
            ("authorization", ""),
        ] {
            assert_eq!(sent.header(name), value, "{name}");
        }
        assert!(sent.header("user-agent").starts_with("Floe/"));
        let seen = server.until("/v1/webhooks/hook/deliveries", |list| list["deliveries"][0]["status"] == "delivered").await;
        let id = sent.header("x-floe-webhook-delivery-id");
        assert_eq!((&seen["total"], &seen["deliveries"][0]["$id"], &seen["deliveries"][0]["payload"]), (&json!(1), &json!(id), &json!("")));
        let one = server.get(&format!("/v1/webhooks/hook/deliveries/{id}")).await.expect(200);
        assert_eq!((&one["event"], &one["payload"]), (&json!("users.ada.create"), &json!(sent.body)));
        let attempt = &one["attempts"][0];
        assert_eq!((&attempt["status"], &attempt["error"], &attempt["response"]), (&json!(200), &json!(""), &json!("thanks")));
        assert_eq!(server.get("/v1/webhooks/hook").await.expect(200)["attempts"], 0);
    }

    async fn only_what_is_subscribed_and_lasts_is_sent(floe: TestServer, inside) {
        let (shop, mut receiver) = (floe.project("shop").await, Receiver::start().await);
        let other = floe.project("other").await;
        let server = shop.server();
        hook(&server, "hook", &receiver, &["users.ada", "users.*.update.name", "tablesdb.*.tables.*.rows.*.create"]).await;
        user(&other, "ada").await;
        user(&shop, "bob").await;
        server.post("/v1/users", &json!({"userId": "bob", "email": "ada@example.org"})).await.refused(409, "user_already_exists");
        user(&shop, "ada").await;
        assert_eq!(event(&receiver.next().await), "users.ada.create");
        server.patch("/v1/users/bob/name", &json!({"name": "Bob"})).await.ok(200);
        let named = receiver.next().await;
        assert_eq!(named.header("x-appwrite-webhook-events"), "users.bob.update,users.*.update,users.bob.update.name,users.*.update.name,users.bob,users.*");
        // In the other vocabulary, and by a user.
        server.post("/v1/databases", &json!({"databaseId": "d", "name": "D"})).await.ok(201);
        server.post("/v1/databases/d/collections", &json!({"collectionId": "c", "name": "C", "permissions": ["create(\"users\")"]})).await.ok(201);
        let eve = shop.user("eve@example.org").await;
        eve.client.post("/v1/databases/d/collections/c/documents", &json!({"documentId": "x", "data": {}})).await.ok(201);
        let made = receiver.next().await;
        assert_eq!((event(&made), made.header("x-appwrite-webhook-user-id")), ("databases.d.collections.c.documents.x.create", &*eve.id));
        // Switched off, and removed.
        server.put("/v1/webhooks/hook", &json!({"name": "Hook", "url": "https://example.org", "events": ["users.*"], "enabled": false})).await.ok(200);
        user(&shop, "off").await;
        server.delete("/v1/webhooks/hook").await.ok(204);
        hook(&server, "next", &receiver, &["users.*.delete"]).await;
        user(&shop, "cara").await;
        server.delete("/v1/users/cara").await.ok(204);
        assert_eq!(event(&receiver.next().await), "users.cara.delete");
        assert!(receiver.left().is_empty());
    }

    async fn who_signs_up_is_who_did_it(floe: TestServer, inside) {
        let (shop, mut receiver) = (floe.project("shop").await, Receiver::start().await);
        hook(&shop.server(), "hook", &receiver, &["users.*.create"]).await;
        let account = json!({"userId": "ada", "email": "ada@example.org", "password": "correct horse"});
        shop.guest().post("/v1/account", &account).await.ok(201);
        assert_eq!(receiver.next().await.header("x-appwrite-webhook-user-id"), "ada");
    }

    async fn what_fails_is_tried_again_and_told(floe: TestServer, inside) {
        let (shop, mut receiver) = (floe.project("shop").await, Receiver::start().await);
        let server = shop.server();
        hook(&server, "hook", &receiver, &["users.*.create"]).await;
        receiver.answer(503, "gone\0 fishing");
        user(&shop, "ada").await;
        let first = receiver.next().await;
        let failed = server.until("/v1/webhooks/hook", |hook| hook["attempts"] == 1).await;
        let logs = failed["logs"].as_str().unwrap();
        assert!(logs.starts_with(&format!("URL: {}/hook?x=1\nMethod: POST\nStatus code: 503\nBody: \ngone", receiver.url())), "{logs}");
        let waiting = delivery(&server, "hook").await;
        assert_eq!((&waiting["status"], &waiting["attempts"][0]["error"]), (&json!("waiting"), &json!("The receiver answered 503.")));
        assert!(receiver.left().is_empty(), "not before its time");
        let second = next_attempt(&floe, &mut receiver).await;
        assert_eq!((second.header("x-floe-webhook-attempt"), &second.body), ("2", &first.body));
        assert_eq!(second.header("x-floe-webhook-delivery-id"), first.header("x-floe-webhook-delivery-id"));
        server.until("/v1/webhooks/hook", |hook| hook["attempts"] == 0 && hook["logs"] == logs).await;
        let delivered = delivery(&server, "hook").await;
        assert_eq!((&delivered["status"], delivered["attempts"].as_array().unwrap().len()), (&json!("delivered"), 2));
    }

    async fn who_fails_again_and_again_is_switched_off(floe: TestServer, inside) {
        let (shop, mut receiver) = (floe.project("shop").await, Receiver::start().await);
        let server = shop.server();
        hook(&server, "hook", &receiver, &["users.*.create"]).await;
        for n in 0..10 {
            receiver.answer(500, "");
            user(&shop, &format!("u{n}")).await;
            receiver.next().await;
        }
        let off = server.until("/v1/webhooks/hook", |hook| hook["enabled"] == false).await;
        assert_eq!(off["attempts"], 10);
        user(&shop, "late").await;
        floe.later(3600);
        let all = |status: &'static str| move |list: &Json| list["deliveries"].as_array().unwrap().iter().all(|one| one["status"] == status);
        let failed = server.until("/v1/webhooks/hook/deliveries", all("failed")).await;
        assert_eq!(failed["total"], 10, "of what came later nothing is kept");
        assert!(receiver.left().is_empty());
        let on = json!({"name": "Hook", "url": format!("{}/hook", receiver.url()), "events": ["users.*.create"], "enabled": true});
        assert_eq!(server.put("/v1/webhooks/hook", &on).await.expect(200)["attempts"], 0);
        user(&shop, "back").await;
        assert_eq!(event(&receiver.next().await), "users.back.create");
        let id = failed["deliveries"][9]["$id"].as_str().unwrap();
        let again = server.post(&format!("/v1/webhooks/hook/deliveries/{id}/redeliver"), &json!({})).await.expect(202);
        assert_eq!((&again["status"], &again["$id"]), (&json!("waiting"), &json!(id)));
        assert_eq!(receiver.next().await.header("x-floe-webhook-delivery-id"), id);
    }

    async fn a_webhook_can_be_tried_out(floe: TestServer, inside) {
        let (shop, mut receiver) = (floe.project("shop").await, Receiver::start().await);
        let server = shop.server();
        let body = json!({"webhookId": "hook", "name": "Hook", "url": receiver.url(), "events": [], "authUsername": "bo", "authPassword": "pw"});
        server.post("/v1/webhooks", &body).await.ok(201);
        let test = server.post("/v1/webhooks/hook/tests", &json!({})).await.expect(202);
        let sent = receiver.next().await;
        assert_eq!((event(&sent), sent.header("authorization")), ("webhooks.hook.test", "Basic Ym86cHc="));
        assert_eq!(test["payload"], json!(sent.body));
        let shown: Json = serde_json::from_str(&sent.body).unwrap();
        assert_eq!((&shown["$id"], &shown["secret"], &shown["authPassword"]), (&json!("hook"), &json!(""), &json!("")));
    }

    async fn nobody_else_sees_deliveries(floe: TestServer, inside) {
        let (shop, mut receiver) = (floe.project("shop").await, Receiver::start().await);
        let (server, other) = (shop.server(), floe.project("other").await);
        hook(&server, "hook", &receiver, &["users.*.create"]).await;
        hook(&server, "second", &receiver, &[]).await;
        user(&shop, "ada").await;
        receiver.next().await;
        let id = delivery(&server, "hook").await["$id"].as_str().unwrap().to_owned();
        let (list, one) = ("/v1/webhooks/hook/deliveries".to_owned(), format!("/v1/webhooks/hook/deliveries/{id}"));
        for path in [&list, &one] {
            shop.guest().get(path).await.refused(401, "general_unauthorized_scope");
            other.server().get(path).await.refused(404, "webhook_not_found");
        }
        shop.guest().post(&format!("{one}/redeliver"), &json!({})).await.refused(401, "general_unauthorized_scope");
        server.get(&format!("/v1/webhooks/second/deliveries/{id}")).await.refused(404, "webhook_delivery_not_found");
        server.post(&format!("/v1/webhooks/second/deliveries/{id}/redeliver"), &json!({})).await.refused(404, "webhook_delivery_not_found");
        server.get("/v1/webhooks/none/deliveries").await.refused(404, "webhook_not_found");
        server.post("/v1/webhooks/none/tests", &json!({})).await.refused(404, "webhook_not_found");
        // Of a webhook that is made again nobody sees what the old one was sent.
        server.delete("/v1/webhooks/hook").await.ok(204);
        hook(&server, "hook", &receiver, &[]).await;
        assert_eq!(server.get(&list).await.expect(200)["total"], 0);
        server.get(&one).await.refused(404, "webhook_delivery_not_found");
    }

    /// SEC-001
    async fn what_is_inside_is_reached_by_nobody(floe: TestServer) {
        let (shop, mut receiver) = (floe.project("shop").await, Receiver::start().await);
        let server = shop.server();
        let body = |url: &str| json!({"webhookId": "hook", "name": "Hook", "url": url, "events": ["users.*.create"]});
        server.post("/v1/webhooks", &body(receiver.url())).await.refused(400, "general_argument_invalid");
        server.post("/v1/webhooks", &body("https://hooks.example.com")).await.ok(201);
        // Whatever has come into the database, and whatever a name leads to.
        let mut unit = floe.store("shop").await.begin().await.unwrap();
        unit.batch(&format!("UPDATE webhooks SET url = '{}'", receiver.url())).await.unwrap();
        unit.commit().await.unwrap();
        user(&shop, "ada").await;
        let failed = server.until("/v1/webhooks/hook", |hook| hook["attempts"] == 1).await;
        assert!(failed["logs"].as_str().unwrap().contains("Client Error: The host can't be reached.\nEvents: users.ada.create, "), "{failed}");
        assert!(receiver.left().is_empty());
    }
}
