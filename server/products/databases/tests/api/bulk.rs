//! Changes of many rows at once: in slices outside of transactions, few within.

use crate::support::staging::Transaction;
use crate::support::{At, BOTH, TABLES, ids, query};
use floe_testkit::Client;
use serde_json::{Value as Json, json};

/// More than a transaction may change, and than one slice does.
const MANY: usize = 1200;

async fn table_of(client: &Client, words: crate::support::Words, rows: usize) -> At {
    let columns = json!([
        {"key": "n", "type": "integer", "max": 10_000},
        {"key": "state", "type": "string", "size": 10},
    ]);
    let at = words.make(client, &[], false, &columns).await;
    for start in (0..rows).step_by(100) {
        let some: Vec<_> =
            (start..rows.min(start + 100)).map(|n| json!({"$id": format!("r{n}"), "n": n, "state": "old"})).collect();
        client.post(&at.rows, &json!({words.rows: some})).await.ok(201);
    }
    at
}

async fn total(client: &Client, at: &At, state: &str) -> i64 {
    at.list(client, &[query("equal", "state", &json!([state]))]).await["total"].as_i64().unwrap()
}

fn only(queries: &[Json]) -> Vec<String> {
    queries.iter().map(ToString::to_string).collect()
}

floe_testkit::both_databases! {
    /// On PostgreSQL they would wait for each other, a second each time until one is given up.
    async fn many_that_write_the_same_rows_in_other_orders_wait_for_their_turn(floe: TestServer) {
        let project = floe.project("p").await;
        let server = project.server();
        let columns = json!([{"key": "n", "type": "integer"}, {"key": "u", "type": "string", "size": 20}]);
        let at = TABLES.make(&server, &[], false, &columns).await;
        server.post(&at.indexes, &json!({"key": "u", "type": "unique", "columns": ["u"]})).await.ok(202);
        let rows = |from: &str, n: i32, backwards: bool| {
            let mut rows: Vec<_> = (0..20).map(|id| json!({"$id": format!("{from}{id}"), "n": n})).collect();
            if backwards {
                rows.reverse();
            }
            json!({"rows": rows})
        };
        server.post(&at.rows, &rows("old", 0, false)).await.ok(201);
        let begun = std::time::Instant::now();
        for from in ["old", "new"] {
            let each = (0..8).map(|n| { let (server, at) = (server.clone(), at.clone()); let body = rows(from, n, n % 2 == 1); tokio::spawn(async move { server.put(&at.rows, &body).await }) });
            for written in each.collect::<Vec<_>>() {
                written.await.unwrap().ok(200);
            }
        }
        // Of those that make the same rows one makes them all.
        let each = (0..8).map(|n| { let (server, at) = (server.clone(), at.clone()); let body = rows("made", n, n % 2 == 1); tokio::spawn(async move { server.post(&at.rows, &body).await }) });
        let mut made = 0;
        for written in each.collect::<Vec<_>>() {
            let answer = written.await.unwrap();
            match answer.status {
                201 => made += 1,
                _ => answer.refused(409, "row_already_exists"),
            }
        }
        assert_eq!(made, 1);
        let change = |method: &str, n: i32| json!({"data": {"n": n}, "queries": [json!({"method": method, "attribute": "$id"}).to_string()]});
        let each = (0..8).map(|n| { let (server, at) = (server.clone(), at.clone()); let body = change(if n % 2 == 0 { "orderAsc" } else { "orderDesc" }, n); tokio::spawn(async move { server.patch(&at.rows, &body).await }) });
        for changed in each.collect::<Vec<_>>() {
            assert_eq!(changed.await.unwrap().expect(200)["total"], 60);
        }
        assert!(begun.elapsed() < std::time::Duration::from_secs(20), "{:?}", begun.elapsed());
    }

    async fn every_row_that_matches_is_changed_once(floe: TestServer) {
        let project = floe.project("p").await;
        let server = project.server();
        let at = table_of(&server, TABLES, MANY).await;
        // After it a row still matches.
        let add = json!({"method": "increment", "values": [5000]}).to_string();
        let from = query("greaterThanEqual", "n", &json!([100]));
        let changed = server.patch(&at.rows, &json!({"data": {"n": add}, "queries": only(std::slice::from_ref(&from))})).await.expect(200);
        assert_eq!((&changed["total"], changed["rows"].as_array().unwrap().len()), (&json!(MANY - 100), 100));
        let lists = [
            (query("between", "n", &json!([5100, 5000 + MANY])), MANY - 100),
            (query("lessThan", "n", &json!([100])), 100),
        ];
        for (which, expected) in lists {
            assert_eq!(at.list(&server, &[which]).await["total"], expected);
        }
        // In an order, and with a limit.
        let last = [json!({"method": "orderDesc", "attribute": "n"}), json!({"method": "limit", "values": [700]})];
        let changed = server.patch(&at.rows, &json!({"data": {"state": "last"}, "queries": only(&last)})).await.expect(200);
        assert_eq!(changed["total"], 700);
        assert_eq!(ids(&changed["rows"])[0], format!("r{}", MANY - 1).as_str());
        assert_eq!(total(&server, &at, "last").await, 700);
        let limited = [json!({"method": "limit", "values": [600]}), query("equal", "state", &json!(["old"]))];
        let removed = server.send(reqwest::Method::DELETE, &at.rows, Some(&json!({"queries": only(&limited)}))).await;
        assert_eq!(removed.expect(200)["total"], MANY - 700);
        assert_eq!((total(&server, &at, "old").await, total(&server, &at, "last").await), (0, 700));
    }

    /// A slice is made as a whole or not at all; those before it stay.
    async fn what_fails_in_the_middle_leaves_whole_slices(floe: TestServer) {
        let project = floe.project("p").await;
        let server = project.server();
        let at = table_of(&server, TABLES, MANY).await;
        let bad = MANY - 10;
        server.patch(&at.row(&format!("r{bad}")), &json!({"data": {"n": 9999}})).await.ok(200);
        let add = json!({"method": "increment", "values": [5000]}).to_string();
        let refused = server.patch(&at.rows, &json!({"data": {"n": add, "state": "new"}})).await;
        refused.refused(400, "row_invalid_structure");
        let changed = total(&server, &at, "new").await;
        assert!(changed > 0 && changed <= bad as i64, "{changed}");
        assert_eq!(at.list(&server, &[query("greaterThanEqual", "n", &json!([5000]))]).await["total"], changed + 1, "none half, none twice");
        let page = [query("equal", "state", &json!(["new"])), json!({"method": "orderDesc", "attribute": "n"}), json!({"method": "limit", "values": [1]})];
        assert_eq!(at.ids(&server, &page).await, [format!("r{}", changed - 1)], "the first ones, without a gap");
    }

    async fn a_transaction_changes_a_thousand_rows_at_the_most(floe: TestServer) {
        for words in BOTH {
            let project = floe.project(words.rows).await;
            let server = project.server();
            let at = table_of(&server, words, MANY).await;
            let tx = Transaction::begin(&server, &at).await;
            let change = |limit: usize| json!({"queries": [json!({"method": "limit", "values": [limit]}).to_string()], "data": {"state": "new"}});
            tx.stage(json!([tx.operation("bulkUpdate", None, &change(1001))])).await.refused(400, "transaction_limit_exceeded");
            tx.stage(json!([tx.operation("bulkDelete", None, &json!({"queries": []}))])).await.refused(400, "transaction_limit_exceeded");
            assert_eq!(server.get(&tx.path()).await.expect(200)["operations"], 0);
            tx.stage(json!([tx.operation("bulkUpdate", None, &change(900))])).await.ok(201);
            let more: Vec<_> = (0..101).map(|n| json!({"$id": format!("m{n}")})).collect();
            tx.stage(json!([tx.operation("bulkCreate", None, &json!(more[..100]))])).await.ok(201);
            let more = tx.operation("create", Some("x"), &json!({"n": 1}));
            tx.stage(json!([more])).await.refused(400, "transaction_limit_exceeded");
            tx.commit().await.ok(200);
            assert_eq!(total(&server, &at, "new").await, 900);
            assert_eq!(at.list(&server, &[]).await["total"], MANY + 100);
        }
    }
}
