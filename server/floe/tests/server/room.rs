//! What goes on when there is no room left.

use floe_testkit::{Client, Database, Project, TestServer};
use serde_json::{Value as Json, json};

const ROWS: &str = "/v1/tablesdb/main/tables/notes/rows";
const FULL: &str = "general_insufficient_storage";

/// A table that everybody may write.
async fn make_table(server: &Client) {
    server.post("/v1/tablesdb", &json!({"databaseId": "main", "name": "Main"})).await.ok(201);
    let columns = json!([{"key": "text", "type": "string", "size": 100_000}]);
    let everybody = ["read", "create", "update", "delete"].map(|action| format!("{action}(\"any\")"));
    let table = json!({"tableId": "notes", "name": "Notes", "columns": columns, "permissions": everybody});
    server.post("/v1/tablesdb/main/tables", &table).await.ok(201);
}

fn note(id: &str) -> Json {
    json!({"rowId": id, "data": {"text": "a note"}})
}

/// What readiness says, which must say this of the disk and of the whole.
async fn ready_and(floe: &TestServer, status: &str) -> Json {
    let ready = floe.client().get("/health/ready").await.expect(200);
    assert_eq!((&ready["status"], &ready["checks"]["disk"]["status"]), (&json!(status), &json!(status)));
    ready
}

/// Everything that takes room, tried by those who otherwise may.
async fn refuses_to_grow(shop: &Project, user: &Client) {
    let server = shop.server();
    user.post(ROWS, &note("second")).await.refused(507, FULL);
    server.post(ROWS, &note("second")).await.refused(507, FULL);
    server.put(&format!("{ROWS}/first"), &json!({"data": {"text": "longer"}})).await.refused(507, FULL);
    user.patch(&format!("{ROWS}/first"), &json!({"data": {"text": "longer"}})).await.refused(507, FULL);
    server.post("/v1/users", &json!({"userId": "unique()"})).await.refused(507, FULL);
    shop.guest().post("/v1/account/sessions/anonymous", &json!({})).await.refused(507, FULL);
    user.patch("/v1/account/prefs", &json!({"prefs": {"a": "b"}})).await.refused(507, FULL);
    server.post("/v1/tablesdb", &json!({"databaseId": "more", "name": "More"})).await.refused(507, FULL);
}

#[test]
fn a_disk_that_is_nearly_full_takes_nothing_more_and_gives_back_what_it_has() {
    TestServer::run_with(
        Database::Sqlite,
        |config| config.database.min_free = 1,
        async |floe: TestServer| {
            let shop = floe.project("shop").await;
            let ada = shop.user("ada@x.org").await;
            make_table(&shop.server()).await;
            ada.client.post(ROWS, &note("first")).await.ok(201);
            floe.app.stores.free_space().demand(u64::MAX).await;

            refuses_to_grow(&shop, &ada.client).await;
            let ready = ready_and(&floe, "degraded").await;
            assert!(ready["checks"]["disk"]["free"].as_u64().is_some_and(|free| free > 0), "{ready}");

            // Who makes room signs in, looks, and removes; who keeps others from filling it goes on too.
            let login = json!({"email": "ada@x.org", "password": floe_testkit::PASSWORD});
            shop.guest().post("/v1/account/sessions/email", &login).await.ok(201);
            ada.client.get(ROWS).await.ok(200);
            ada.client.delete(&format!("{ROWS}/first")).await.ok(204);
            shop.server().patch(&format!("/v1/users/{}/status", ada.id), &json!({"status": false})).await.ok(200);
            shop.server().delete("/v1/tablesdb/main/tables/notes").await.ok(204);
            let console = floe.console_user("owner@x.org").await;
            console.client.post("/v1/teams", &json!({"teamId": "acme", "name": "Acme"})).await.ok(201);
            floe.project("second").await;

            floe.app.stores.free_space().demand(1).await;
            shop.server().post("/v1/users", &json!({"userId": "unique()"})).await.ok(201);
            ready_and(&floe, "ok").await;
        },
    );
}

/// To the last byte: what is removed must be written down as well.
#[test]
fn a_disk_that_takes_nothing_at_all_promises_no_deletions() {
    TestServer::run(Database::Sqlite, async |floe: TestServer| {
        let shop = floe.project("shop").await;
        make_table(&shop.server()).await;
        let mut unit = floe.store("shop").await.begin().await.unwrap();
        unit.batch("PRAGMA max_page_count = 1").await.unwrap();
        unit.commit().await.unwrap();
        let refused = shop.server().post(ROWS, &json!({"rowId": "first", "data": {"text": "x".repeat(100_000)}})).await;
        refused.refused(507, FULL);
        let message = refused.body["message"].as_str().unwrap();
        assert!(message.contains("nothing can be deleted") && message.contains("can be read"), "{message}");
        shop.server().get(ROWS).await.ok(200);
    });
}

#[test]
fn what_has_to_stay_free_is_a_setting() {
    TestServer::run_with(
        Database::Sqlite,
        |config| config.database.min_free = u64::MAX,
        async |floe: TestServer| {
            let shop = floe.project("shop").await;
            shop.server().post("/v1/users", &json!({"userId": "unique()"})).await.refused(507, FULL);
        },
    );
}

/// Its own disk is PostgreSQL's to look after; ours is only told.
#[test]
fn beside_postgresql_a_full_data_folder_refuses_no_rows() {
    TestServer::run_with(
        Database::Postgres,
        |config| config.database.min_free = u64::MAX,
        async |floe: TestServer| {
            let shop = floe.project("shop").await;
            make_table(&shop.server()).await;
            shop.server().post(ROWS, &note("first")).await.ok(201);
            ready_and(&floe, "degraded").await;
        },
    );
}
