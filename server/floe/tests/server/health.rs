//! What is said of data that isn't well, and that everybody else goes on.

use crate::binary::{Caller, Instance};
use floe_testkit::{Client, Database, TestServer};
use serde_json::json;

async fn make_user(server: &Client, id: &str) -> u16 {
    let user = json!({"userId": id, "email": format!("{id}@example.org"), "password": "correct horse"});
    server.post("/v1/users", &user).await.status
}

#[test]
fn a_store_whose_disk_failed_is_told_and_opened_anew_while_the_others_go_on() {
    TestServer::run(Database::Sqlite, async |floe: TestServer| {
        let (shop, other) = (floe.project("shop").await, floe.project("other").await);
        assert_eq!(make_user(&shop.server(), "before").await, 201);
        let store = floe.store("shop").await;
        store.fail_next_sync();
        // Somebody who still reads keeps the store from being opened anew.
        let reading = store.read().await.unwrap();
        drop(store);
        assert_eq!(make_user(&shop.server(), "lost").await, 500, "nobody knows what became of it");
        let ready = floe.client().get("/health/ready").await.expect(503);
        assert_eq!(ready["status"], "error");
        assert_eq!(ready["checks"]["database"]["projects"], json!(["shop"]));
        let health = other.server().get("/v1/health/db").await;
        health.refused(503, "general_service_unavailable");
        assert!(health.body["message"].as_str().unwrap().contains("shop"), "{}", health.body);
        assert_eq!(make_user(&other.server(), "unharmed").await, 201);
        drop(reading);
        while floe.client().get("/health/ready").await.status != 200 {
            tokio::task::yield_now().await;
        }
        other.server().get("/v1/health/db").await.ok(200);
        assert_eq!(make_user(&shop.server(), "after").await, 201);
        let users = shop.server().get("/v1/users").await.expect(200);
        let has = |id: &str| users["users"].as_array().unwrap().iter().any(|user| user["$id"] == id);
        assert!(has("before") && has("after"), "{users}");
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_project_whose_file_is_damaged_is_one_clear_error_and_the_others_go_on() {
    let instance = Instance::new();
    let running = instance.serve();
    let shop = Caller::of(&instance, &running);
    shop.make_table().await;
    instance.result(&["project", "create", "other"]);
    drop(running);
    let file = instance.data().join("projects/shop.db");
    let whole = std::fs::read(&file).unwrap();
    std::fs::write(&file, b"").unwrap();

    let running = instance.serve();
    let shop = shop.at(&running);
    for _ in 0..2 {
        let answer = shop.get("/v1/tablesdb").await.unwrap();
        assert_eq!(answer.status(), 503);
        let text = answer.text().await.unwrap();
        assert!(text.contains("general_service_unavailable") && text.contains("\\\"shop\\\""), "{text}");
    }
    let ready = shop.http.get(format!("{}/health/ready", running.base)).send().await.unwrap();
    assert_eq!(ready.status(), 200, "the others go on");
    let ready: serde_json::Value = serde_json::from_str(&ready.text().await.unwrap()).unwrap();
    assert_eq!(
        (ready["status"].as_str(), &ready["checks"]["projects"]["projects"]),
        (Some("degraded"), &json!(["shop"]))
    );
    while !running.log().contains("a project can't be opened") {
        tokio::task::yield_now().await;
    }
    instance.result(&["key", "create", "other"]);

    std::fs::write(&file, whole).unwrap();
    assert_eq!(shop.get("/v1/tablesdb").await.unwrap().status(), 200, "restored, without a restart");
}

#[test]
fn a_data_folder_without_its_platform_is_not_taken_for_a_fresh_one() {
    let instance = Instance::new();
    instance.result(&["project", "create", "shop"]);
    let platform = instance.data().join("platform.db");
    let whole = std::fs::read(&platform).unwrap();
    for empty in [true, false] {
        if empty {
            std::fs::write(&platform, b"").unwrap();
        } else {
            std::fs::remove_file(&platform).unwrap();
        }
        for command in [&["serve"][..], &["project", "create", "second"]] {
            let output = instance.run(command);
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            assert_eq!(output.status.code(), Some(1), "{said}");
            assert!(said.contains("platform.db") && said.contains("Restore it from a backup"), "{said}");
            assert!(!said.contains("set-up token"), "{said}");
        }
    }
    std::fs::write(&platform, whole).unwrap();
    assert_eq!(instance.run(&["project", "create", "shop"]).status.code(), Some(1), "it is there again");
}
