//! How much a project may hold, in rows and in bytes.

use crate::support::background::count;
use crate::support::library::Library;
use crate::support::staging::Transaction;
use crate::support::{At, TABLES, user};
use floe_testkit::{Answer, Client, Project, TestServer, until};
use reqwest::Method;
use serde_json::{Value as Json, json};

const QUOTA: &str = "general_resource_limit_exceeded";
/// A few times what a project takes in which there is nothing yet.
const SMALL: u64 = 6 << 20;

/// A table that everybody may write, with a text and a number.
async fn table(project: &Project) -> At {
    let everybody = ["read", "create", "update", "delete"].map(|action| format!("{action}(\"any\")"));
    let columns =
        json!([{"key": "title", "type": "string", "size": 200_000}, {"key": "n", "type": "integer", "default": 1}]);
    TABLES.make(&project.server(), &everybody.each_ref().map(String::as_str), true, &columns).await
}

async fn fill(client: &Client, at: &At, ids: &[&str]) {
    for id in ids {
        at.create(client, id, &json!({})).await.ok(201);
    }
}

/// It is refused for want of this.
fn refused_for(answer: &Answer, what: &str) {
    answer.refused(400, QUOTA);
    assert!(answer.body["message"].as_str().unwrap().contains(what), "{}", answer.text);
}

async fn make_user(server: &Client) -> Answer {
    server.post("/v1/users", &json!({"userId": "unique()"})).await
}

/// A text of so many characters that no database makes shorter.
fn noise(characters: usize) -> String {
    floe_kernel::secret::random_hex(characters / 2)
}

async fn look(floe: &TestServer, project: &str) {
    floe.store(project).await.look_at_usage().await;
}

/// Makes large rows until the project takes no more; how many it has then.
async fn fill_up(floe: &TestServer, client: &Client, at: &At) -> usize {
    for n in 0..200 {
        let answer = at.create(client, &format!("r{n}"), &json!({"title": noise(100_000)})).await;
        if answer.status != 201 {
            refused_for(&answer, "data");
            return n;
        }
        look(floe, "p").await;
    }
    panic!("nobody refuses");
}

floe_testkit::both_databases! {
    async fn a_project_has_no_more_rows_than_it_may(floe: TestServer, |config| config.database.project_rows = 5) {
        let project = floe.project("p").await;
        let (server, guest, at) = (project.server(), project.guest(), table(&project).await);
        fill(&server, &at, &["r0", "r1", "r2", "r3", "r4"]).await;
        // Whoever asks, and however.
        refused_for(&at.create(&server, "more", &json!({})).await, "rows");
        refused_for(&at.create(&guest, "more", &json!({})).await, "rows");
        refused_for(&server.put(&at.row("more"), &json!({"data": {"title": "x"}})).await, "rows");
        refused_for(&server.post(&at.rows, &json!({"rows": [{"$id": "more"}]})).await, "rows");
        refused_for(&server.put(&at.rows, &json!({"rows": [{"$id": "r0"}, {"$id": "more"}]})).await, "rows");
        guest.get(&at.row("more")).await.refused(404, "row_not_found");

        // What makes no row goes on.
        assert_eq!(at.ids(&guest, &[]).await.len(), 5);
        guest.patch(&at.row("r0"), &json!({"data": {"title": "changed"}})).await.ok(200);
        guest.put(&at.row("r0"), &json!({"data": {"title": "again"}})).await.ok(200);
        server.patch(&at.rows, &json!({"data": {"title": "all"}})).await.ok(200);
        server.put(&at.rows, &json!({"rows": [{"$id": "r0", "title": "upserted"}]})).await.ok(200);
        guest.patch(&format!("{}/n/increment", at.row("r0")), &json!({"value": 1})).await.ok(200);
        make_user(&server).await.ok(201);
        server.post("/v1/tablesdb", &json!({"databaseId": "another", "name": "Another"})).await.ok(201);
        // Another project has rows of its own.
        let other = floe.project("other").await;
        let elsewhere = table(&other).await;
        fill(&other.server(), &elsewhere, &["r0"]).await;

        // Rows that are gone don't count, and those that don't all fit are not made.
        server.delete(&at.row("r0")).await.ok(204);
        server.delete(&at.row("r1")).await.ok(204);
        let many = |n: usize| json!({"rows": (0..n).map(|n| json!({"$id": format!("m{n}")})).collect::<Vec<_>>()});
        refused_for(&server.post(&at.rows, &many(3)).await, "rows");
        assert_eq!(count(&floe, "p", "rows_1").await, Some(3));
        server.post(&at.rows, &many(2)).await.ok(201);
        refused_for(&at.create(&server, "more", &json!({})).await, "rows");
        server.delete(&at.rows).await.ok(200);
        look(&floe, "p").await;
        fill(&server, &at, &["a", "b", "c", "d", "e"]).await;
        refused_for(&at.create(&server, "more", &json!({})).await, "rows");
    }

    async fn only_rows_that_are_there_count(floe: TestServer, |config| config.database.project_rows = 3) {
        let project = floe.project("p").await;
        let (server, at) = (project.server(), table(&project).await);
        // Both what is counted in between, and what is looked up.
        for round in 0..6 {
            fill(&server, &at, &["a", "b", "c"]).await;
            refused_for(&at.create(&server, "more", &json!({})).await, "rows");
            for id in ["a", "b", "c"] {
                server.delete(&at.row(id)).await.ok(204);
            }
            if round % 2 == 0 {
                look(&floe, "p").await;
            }
        }
        // A failed attempt makes none.
        fill(&server, &at, &["a"]).await;
        for _ in 0..6 {
            at.create(&server, "a", &json!({})).await.refused(409, "row_already_exists");
        }
        fill(&server, &at, &["b", "c"]).await;
        // What its rows counted for is not forgiven to other tables when a table goes.
        let body = json!({"tableId": "second", "name": "Second", "permissions": ["create(\"any\")"]});
        server.post("/v1/tablesdb/d/tables", &body).await.ok(201);
        let second = TABLES.in_table("d", "second");
        refused_for(&at.create(&server, "more", &json!({})).await, "rows");
        refused_for(&second.create(&server, "more", &json!({})).await, "rows");
        server.delete(&at.table).await.ok(204);
        until("the table's rows don't count any more", async || second.create(&server, "first", &json!({})).await.status == 201).await;
        until("the table is gone", async || count(&floe, "p", "rows_1").await.is_none()).await;
        look(&floe, "p").await;
        fill(&server, &second, &["b", "c"]).await;
        refused_for(&second.create(&server, "more", &json!({})).await, "rows");
    }

    async fn what_others_have_made_counts_when_somebody_looks(floe: TestServer, |config| config.database.project_rows = 3) {
        let project = floe.project("p").await;
        let (server, at) = (project.server(), table(&project).await);
        fill(&server, &at, &["a", "b"]).await;
        // As another process would.
        let copy = "INSERT INTO rows_1 (_id, _created, _updated, _permissions) SELECT _id || '2', _created, _updated, _permissions FROM rows_1";
        crate::support::background::sql(&floe, "p", copy).await;
        look(&floe, "p").await;
        refused_for(&at.create(&server, "more", &json!({})).await, "rows");
        crate::support::background::sql(&floe, "p", "DELETE FROM rows_1 WHERE _id LIKE '%2'").await;
        until("it is looked at while it is written to", async || at.create(&server, "c", &json!({})).await.status == 201).await;
        refused_for(&at.create(&server, "more", &json!({})).await, "rows");
    }

    async fn a_transaction_is_asked_when_it_is_committed(floe: TestServer, |config| config.database.project_rows = 3) {
        let project = floe.project("p").await;
        let (server, at) = (project.server(), table(&project).await);
        fill(&server, &at, &["a", "b"]).await;
        let tx = Transaction::begin(&server, &at).await;
        tx.create("c", "x").await.ok(201);
        tx.create("d", "x").await.ok(201);
        assert_eq!(tx.ids(&[]).await, ["a", "b", "c", "d"], "what is only staged can be seen");
        refused_for(&tx.commit().await, "rows");
        assert_eq!(at.ids(&server, &[]).await, ["a", "b"], "all of it or nothing");
        assert_eq!(tx.status().await, "pending", "it can be committed when there is room");
        server.delete(&at.row("a")).await.ok(204);
        tx.commit().await.ok(200);
        assert_eq!(at.ids(&server, &[]).await, ["b", "c", "d"]);

        // One that removes as many as it makes needs no room.
        let tx = Transaction::begin(&server, &at).await;
        let operations = json!([
            tx.operation("delete", Some("b"), &json!({})), tx.operation("create", Some("e"), &json!({"title": "x"})),
        ]);
        tx.stage(operations).await.ok(201);
        tx.commit().await.ok(200);
        assert_eq!(at.ids(&server, &[]).await, ["c", "d", "e"]);
        refused_for(&at.create(&server, "more", &json!({})).await, "rows");
    }

    async fn rows_within_a_row_count_too(floe: TestServer, |config| config.database.project_rows = 3) {
        let project = floe.project("p").await;
        let server = project.server();
        let library = Library::related(&server, TABLES, &[], false).await;
        let author = |works: &[&str]| {
            let works: Vec<Json> = works.iter().map(|id| json!({"$id": id, "name": id})).collect();
            json!({"name": "Ann", "works": works})
        };
        refused_for(&library.people.create(&server, "ann", &author(&["a", "b", "c"])).await, "rows");
        assert_eq!(library.people.ids(&server, &[]).await, [""; 0]);
        assert_eq!(library.books.ids(&server, &[]).await, [""; 0]);
        library.people.create(&server, "ann", &author(&["a", "b"])).await.ok(201);
        let nested = json!({"data": {"works": [{"$id": "c", "name": "c"}]}});
        refused_for(&server.patch(&library.people.row("ann"), &nested).await, "rows");
        assert_eq!(library.books.ids(&server, &[]).await, ["a", "b"]);
    }

    async fn a_project_holds_no_more_bytes_than_it_may(floe: TestServer, |config| config.database.project_bytes = SMALL) {
        let project = floe.project("p").await;
        let (server, guest, at) = (project.server(), project.guest(), table(&project).await);
        let ann = user(&project, "ann").await;
        let pending = Transaction::begin(&server, &at).await;
        pending.create("staged", "x").await.ok(201);
        let made = fill_up(&floe, &server, &at).await;
        assert!(made > 10, "{made}");

        // What makes something is refused, and what makes something longer.
        refused_for(&at.create(&guest, "more", &json!({})).await, "data");
        refused_for(&server.post(&at.rows, &json!({"rows": [{"$id": "more"}]})).await, "data");
        refused_for(&server.put(&at.row("more"), &json!({"data": {"title": "x"}})).await, "data");
        refused_for(&guest.patch(&at.row("r1"), &json!({"data": {"title": noise(100_002)}})).await, "data");
        refused_for(&server.put(&at.rows, &json!({"rows": [{"$id": "r1", "title": noise(100_002)}]})).await, "data");
        refused_for(&server.patch(&at.rows, &json!({"data": {"title": noise(100_002)}})).await, "data");
        refused_for(&server.patch(&at.row("r1"), &json!({"permissions": ["read(\"users\")"]})).await, "data");
        refused_for(&make_user(&server).await, "data");
        refused_for(&project.guest().post("/v1/account/sessions/anonymous", &json!({})).await, "data");
        refused_for(&server.post("/v1/tablesdb", &json!({"databaseId": "more", "name": "More"})).await, "data");
        refused_for(&server.post(&format!("{}/string", at.columns), &json!({"key": "b", "size": 9, "required": false})).await, "data");
        refused_for(&pending.create("staged2", "x").await, "data");
        refused_for(&pending.update("r1", json!({"title": "short"})).await, "data");
        refused_for(&pending.stage(json!([pending.operation("delete", Some("r2"), &json!({}))])).await, "data");
        refused_for(&pending.commit().await, "data");

        // Reading goes on, and what makes it smaller, and signing in, and administration.
        assert_eq!(at.list(&guest, &[json!({"method": "select", "values": ["$id"]})]).await["total"], made);
        pending.get("r1").await.ok(200);
        guest.patch(&at.row("r1"), &json!({"data": {"title": noise(100_000)}})).await.ok(200);
        guest.patch(&at.row("r1"), &json!({"data": {"title": "short"}})).await.ok(200);
        server.put(&at.row("r2"), &json!({"data": {"title": "short"}})).await.ok(200);
        server.put(&at.rows, &json!({"rows": [{"$id": "r3", "title": "short"}]})).await.ok(200);
        guest.patch(&format!("{}/n/increment", at.row("r1")), &json!({"value": 1})).await.ok(200);
        let some = json!({"method": "equal", "attribute": "$id", "values": ["r4", "r5"]}).to_string();
        server.patch(&at.rows, &json!({"data": {"title": null}, "queries": [some]})).await.ok(200);
        server.send(Method::DELETE, &at.row("r6"), Some(&json!({"transactionId": pending.id}))).await.ok(204);
        pending.roll_back().await.ok(200);
        server.delete(&at.row("r7")).await.ok(204);
        ann.get("/v1/account").await.ok(200);
        let login = json!({"email": "ann@example.org", "password": floe_testkit::PASSWORD});
        guest.post("/v1/account/sessions/email", &login).await.ok(201);
        server.patch("/v1/users/ann/status", &json!({"status": false})).await.ok(200);
        server.post("/v1/project/keys", &json!({"keyId": "k", "name": "K", "scopes": ["users.read"]})).await.ok(201);
        let other = floe.project("other").await;
        fill(&other.server(), &table(&other).await, &["a"]).await;

        // Where PostgreSQL keeps the room of what is gone, until a table goes.
        if floe.config().database.postgres.is_some() {
            server.delete(&at.table).await.ok(204);
        } else {
            server.delete(&at.rows).await.ok(200);
        }
        until("there is room again", async || make_user(&server).await.status == 201).await;
    }
}
