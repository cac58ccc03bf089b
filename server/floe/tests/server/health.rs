//! What is said of data that isn't well, and that everybody else goes on.

use crate::binary::{Caller, Instance, Running};
use diesel::connection::SimpleConnection as _;
use diesel::{Connection as _, SqliteConnection};
use floe_testkit::{Client, Database, TestServer};
use serde_json::json;
use std::path::Path;

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

/// What a file holds that isn't ours.
fn foreign_database(folder: &Path) -> Vec<u8> {
    let file = folder.join("foreign.db");
    let mut connection = SqliteConnection::establish(file.to_str().unwrap()).unwrap();
    connection.batch_execute("CREATE TABLE invoices (id INTEGER); INSERT INTO invoices VALUES (1)").unwrap();
    drop(connection);
    std::fs::read(file).unwrap()
}

/// What readiness says of a running server.
async fn ready(running: &Running) -> serde_json::Value {
    let answer = reqwest::get(format!("{}/health/ready", running.base)).await.unwrap();
    serde_json::from_str(&answer.text().await.unwrap()).unwrap()
}

async fn refused_for(caller: &Caller, path: &str, why: &str) {
    let answer = caller.get(path).await.unwrap();
    let (status, text) = (answer.status(), answer.text().await.unwrap());
    assert_eq!(status, 503, "{text}");
    assert!(text.contains("general_service_unavailable") && text.contains(why), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_project_whose_file_is_missing_at_the_start_is_one_clear_error_and_named() {
    let instance = Instance::new();
    let running = instance.serve();
    let shop = Caller::of(&instance, &running);
    shop.make_table().await;
    running.signal("TERM");
    drop(running);
    let (folder, aside) = (instance.data().join("projects"), instance.path().join("aside"));
    for whole_folder in [false, true] {
        let missing = if whole_folder { folder.clone() } else { folder.join("shop.db") };
        std::fs::rename(&missing, &aside).unwrap();
        let running = instance.serve();
        let shop = shop.at(&running);
        let said = ready(&running).await;
        assert_eq!((&said["status"], &said["checks"]["projects"]["projects"]), (&json!("degraded"), &json!(["shop"])));
        refused_for(&shop, "/v1/tablesdb", "is missing").await;
        while !running.log().contains("projects have no file") {
            tokio::task::yield_now().await;
        }
        // Commands say the same, and nobody takes its id.
        let migrated = instance.run(&["migrate"]);
        let said = String::from_utf8_lossy(&migrated.stderr).into_owned();
        assert!(migrated.status.code() == Some(1) && said.contains("is missing"), "{said}");
        assert_eq!(instance.run(&["project", "create", "shop"]).status.code(), Some(1));
        drop(running);
        if whole_folder {
            std::fs::remove_dir(&folder).unwrap();
        }
        std::fs::rename(&aside, &missing).unwrap();
        let running = instance.serve();
        assert_eq!(shop.at(&running).get("/v1/tablesdb").await.unwrap().status(), 200, "put back");
        assert_eq!(ready(&running).await["status"], "ok");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_in_place_of_a_projects_file_is_told() {
    let instance = Instance::new();
    let running = instance.serve();
    let shop = Caller::of(&instance, &running);
    drop(running);
    let file = instance.data().join("projects/shop.db");
    std::fs::remove_file(&file).unwrap();
    std::fs::create_dir(&file).unwrap();
    let running = instance.serve();
    refused_for(&shop.at(&running), "/v1/tablesdb", "can't be read").await;
    assert_eq!(ready(&running).await["checks"]["projects"]["projects"], json!(["shop"]));
}

/// PostgreSQL's schema of a project that somebody has dropped, too.
#[test]
fn a_project_that_is_gone_behind_our_back_is_not_taken_for_one_that_never_was() {
    for database in [Database::Sqlite, Database::Postgres] {
        TestServer::run(database, async |floe: TestServer| {
            let (shop, other) = (floe.project("shop").await, floe.project("other").await);
            floe.app.stores.close_idle_now().await;
            match &floe.config().database.postgres {
                Some(postgres) => {
                    let mut unit = floe.store("console").await.begin().await.unwrap();
                    let schema = format!("\"{}_project_shop\"", postgres.schema_prefix);
                    unit.execute_ddl(&format!("DROP SCHEMA {schema} CASCADE")).await.unwrap();
                    unit.commit().await.unwrap();
                }
                None => std::fs::remove_file(floe.config().database.folder.join("projects/shop.db")).unwrap(),
            }
            for _ in 0..2 {
                shop.server().get("/v1/users").await.refused(503, "general_service_unavailable");
            }
            let ready = floe.client().get("/health/ready").await.expect(200);
            assert_eq!(ready["checks"]["projects"]["projects"], json!(["shop"]));
            assert_eq!(make_user(&other.server(), "unharmed").await, 201);
        });
    }
}

#[test]
fn a_file_that_is_removed_while_it_is_open_takes_nothing_more() {
    TestServer::run(Database::Sqlite, async |floe: TestServer| {
        let (shop, other) = (floe.project("shop").await, floe.project("other").await);
        let file = floe.config().database.folder.join("projects/shop.db");
        let whole = file.with_extension("whole");
        assert_eq!(make_user(&shop.server(), "before").await, 201);
        floe.app.stores.close_idle_now().await;
        std::fs::copy(&file, &whole).unwrap();
        shop.server().get("/v1/users").await.ok(200);
        std::fs::remove_file(&file).unwrap();
        let user = json!({"userId": "lost", "email": "lost@example.org", "password": "correct horse"});
        let first = shop.server().post("/v1/users", &user).await;
        assert!(first.text.contains("\\\"shop\\\" was removed or replaced"), "{}", first.text);
        for _ in 0..3 {
            shop.server().post("/v1/users", &user).await.refused(503, "general_service_unavailable");
        }
        let ready = floe.client().get("/health/ready").await.expect(200);
        assert_eq!(
            (&ready["status"], &ready["checks"]["projects"]["projects"]),
            (&json!("degraded"), &json!(["shop"]))
        );
        assert_eq!(make_user(&other.server(), "unharmed").await, 201);
        // As the documentation says: the log is of another one.
        for log in ["db-wal", "db-shm"] {
            let _ = std::fs::remove_file(file.with_extension(log));
        }
        std::fs::rename(&whole, &file).unwrap();
        let users = shop.server().get("/v1/users").await.expect(200);
        assert_eq!((&users["total"], &users["users"][0]["$id"]), (&json!(1), &json!("before")), "put back");
    });
}

/// Nobody writes to it: then readiness finds out.
#[test]
fn a_file_that_is_removed_while_it_is_read_is_noticed() {
    TestServer::run(Database::Sqlite, async |floe: TestServer| {
        let shop = floe.project("shop").await;
        shop.server().get("/v1/users").await.ok(200);
        std::fs::remove_file(floe.config().database.folder.join("projects/shop.db")).unwrap();
        // All others go on meanwhile.
        while floe.client().get("/health/ready").await.expect(200)["checks"]["projects"]["projects"] != json!(["shop"])
        {
            tokio::task::yield_now().await;
        }
        shop.server().get("/v1/users").await.refused(503, "general_service_unavailable");
    });
}

/// Readiness says so in its own words, and that of liveness isn't touched by it.
#[test]
fn a_platform_that_is_removed_while_it_is_open_is_told_by_the_probes() {
    TestServer::run(Database::Sqlite, async |floe: TestServer| {
        let shop = floe.project("shop").await;
        let file = floe.config().database.folder.join("platform.db");
        let aside = file.with_extension("aside");
        std::fs::rename(&file, &aside).unwrap();
        let ready = loop {
            let answer = floe.client().get("/health/ready").await;
            if answer.status == 503 {
                break answer.expect(503);
            }
            tokio::task::yield_now().await;
        };
        assert_eq!((&ready["status"], &ready["checks"]["database"]["status"]), (&json!("error"), &json!("error")));
        floe.client().get("/health/live").await.ok(200);
        let refused = shop.server().post("/v1/project/keys", &json!({"keyId": "k", "name": "K", "scopes": []})).await;
        refused.refused(503, "general_service_unavailable");
        assert!(refused.text.contains("platform (platform.db)"), "{}", refused.text);
        // As a whole: its log is where it was.
        std::fs::rename(&aside, &file).unwrap();
        floe.client().get("/health/ready").await.ok(200);
        shop.server().get("/v1/users").await.ok(200);
    });
}

/// Whatever lies there as the platform, or as a project, is left as it is.
#[tokio::test(flavor = "multi_thread")]
async fn a_database_of_something_else_is_neither_taken_nor_changed() {
    let instance = Instance::new();
    let running = instance.serve();
    let shop = Caller::of(&instance, &running);
    shop.make_table().await;
    running.signal("TERM");
    let mut running = running;
    running.child.wait().unwrap();
    let (platform, project) = (instance.data().join("platform.db"), instance.data().join("projects/shop.db"));
    let (whole, of_project) = (std::fs::read(&platform).unwrap(), std::fs::read(&project).unwrap());
    let foreign = foreign_database(instance.path());
    for instead in [&foreign, &of_project] {
        std::fs::write(&platform, instead).unwrap();
        for command in [&["serve"][..], &["project", "create", "second"]] {
            let output = instance.run(command);
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            assert_eq!(output.status.code(), Some(1), "{said}");
            assert!(said.contains("platform.db") && said.contains("restored from a backup"), "{said}");
            assert!(!said.contains("the project \"console\""), "{said}");
        }
        assert!(!instance.data().join("unclaimed").exists() && project.exists(), "nothing is put aside");
    }
    std::fs::write(&platform, &whole).unwrap();
    std::fs::write(&project, &foreign).unwrap();
    let running = instance.serve();
    refused_for(&shop.at(&running), "/v1/tablesdb", "another database").await;
    assert_eq!(ready(&running).await["checks"]["projects"]["projects"], json!(["shop"]));
    drop(running);
    std::fs::write(&project, &of_project).unwrap();
    let running = instance.serve();
    assert_eq!(shop.at(&running).get("/v1/tablesdb").await.unwrap().status(), 200);
}
