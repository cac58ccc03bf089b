//! Lists that callers are content to have as they were a while ago: `ttl`.

use crate::support::{At, BOTH, query, user};
use floe_testkit::Client;
use serde_json::{Value as Json, json};

fn columns() -> Json {
    json!([{"key": "n", "type": "integer"}])
}

/// The ids of a list that may be so old, and whether it was kept.
async fn ids(at: &At, client: &Client, ttl: u32, more: &str) -> (Vec<String>, String) {
    let answer = client.get(&format!("{}?ttl={ttl}{more}", at.rows)).await;
    let kept = answer.header("X-Appwrite-Cache").to_owned();
    (crate::support::ids(&answer.expect(200)[at.words.rows]), kept)
}

fn hit(ids: &[&str]) -> (Vec<String>, String) {
    (ids.iter().map(ToString::to_string).collect(), "hit".to_owned())
}

fn miss(ids: &[&str]) -> (Vec<String>, String) {
    (ids.iter().map(ToString::to_string).collect(), "miss".to_owned())
}

floe_testkit::both_databases! {
    async fn a_list_is_kept_for_as_long_as_the_caller_is_content_with(floe: TestServer) {
        for words in BOTH {
            let project = floe.project(words.rows).await;
            let server = project.server();
            let at = words.make(&server, &[], false, &columns()).await;
            at.create(&server, "a", &json!({"n": 1})).await.ok(201);
            assert_eq!(ids(&at, &server, 60, "").await, miss(&["a"]));
            at.create(&server, "b", &json!({"n": 2})).await.ok(201);
            assert_eq!(ids(&at, &server, 60, "").await, hit(&["a"]));
            let fresh = server.get(&at.rows).await;
            assert_eq!((fresh.header("X-Appwrite-Cache"), &fresh.body["total"]), ("", &json!(2)));
            floe.clock().advance(30);
            assert_eq!(ids(&at, &server, 60, "").await, hit(&["a"]));
            // It is the asker who says what would do.
            assert_eq!(ids(&at, &server, 30, "").await, miss(&["a", "b"]));
            floe.clock().advance(59);
            assert_eq!(ids(&at, &server, 60, "").await, hit(&["a", "b"]));
            floe.clock().advance(1);
            assert_eq!(ids(&at, &server, 60, "").await, miss(&["a", "b"]));
            for ttl in ["-1", "86401", "soon"] {
                server.get(&format!("{}?ttl={ttl}", at.rows)).await.refused(400, "general_argument_invalid");
            }
        }
    }

    async fn what_is_asked_differently_is_another_list(floe: TestServer) {
        let (tables, collections) = (BOTH[0], BOTH[1]);
        let project = floe.project("p").await;
        let server = project.server();
        let at = tables.make(&server, &[], false, &columns()).await;
        at.create(&server, "a", &json!({"n": 1})).await.ok(201);
        at.create(&server, "b", &json!({"n": 2})).await.ok(201);
        let filter = |n: i64| format!("&queries[0]={}", query("equal", "n", &json!([n])));
        assert_eq!(ids(&at, &server, 60, &filter(1)).await, miss(&["a"]));
        assert_eq!(ids(&at, &server, 60, &filter(2)).await, miss(&["b"]));
        assert_eq!(ids(&at, &server, 60, "").await, miss(&["a", "b"]));
        assert_eq!(ids(&at, &server, 60, "&total=false").await, hit(&["a", "b"]));
        assert_eq!(ids(&at, &server, 60, &filter(1)).await, hit(&["a"]));
        let other = collections.in_table("d", "t");
        assert_eq!(ids(&other, &server, 60, "").await, miss(&["a", "b"]));
        let older = server.clone().header("X-Appwrite-Response-Format", "1.8.0");
        assert_eq!(ids(&at, &older, 60, "").await, miss(&["a", "b"]));
    }

    async fn rows_and_totals_are_kept_apart(floe: TestServer) {
        let words = BOTH[0];
        let server = floe.project("p").await.server();
        let at = words.make(&server, &[], false, &columns()).await;
        at.create(&server, "a", &json!({"n": 1})).await.ok(201);
        at.create(&server, "b", &json!({"n": 2})).await.ok(201);
        let list = async |more: &str| {
            let answer = server.get(&format!("{}?ttl=60&queries[0]={}{more}", at.rows, r#"{"method":"limit","values":[1]}"#)).await;
            let kept = answer.header("X-Appwrite-Cache").to_owned();
            let list = answer.expect(200);
            assert_eq!(crate::support::ids(&list["rows"]), ["a"]);
            (list["total"].clone(), kept)
        };
        assert_eq!(list("&total=false").await, (json!(0), "miss".to_owned()));
        assert_eq!(list("").await, (json!(2), "hit".to_owned()));
        at.create(&server, "c", &json!({"n": 3})).await.ok(201);
        assert_eq!(list("").await, (json!(2), "hit".to_owned()));
        assert_eq!(list("&total=false").await, (json!(0), "hit".to_owned()));
    }

    /// SEC-056.
    async fn no_list_crosses_between_callers_tables_or_projects(floe: TestServer) {
        for words in BOTH {
            let project = floe.project(words.rows).await;
            let server = project.server();
            let at = words.make(&server, &["create(\"users\")"], true, &columns()).await;
            let (one, two, guest) = (user(&project, "one").await, user(&project, "two").await, project.guest());
            at.create(&one, "a", &json!({"n": 1})).await.ok(201);
            at.create(&two, "b", &json!({"n": 1})).await.ok(201);
            assert_eq!(ids(&at, &server, 60, "").await, miss(&["a", "b"]));
            assert_eq!(ids(&at, &one, 60, "").await, miss(&["a"]));
            assert_eq!(ids(&at, &two, 60, "").await, miss(&["b"]));
            assert_eq!(ids(&at, &guest, 60, "").await, miss(&[]));
            assert_eq!(ids(&at, &project.guest(), 60, "").await, hit(&[]));
            assert_eq!(ids(&at, &one, 60, "").await, hit(&["a"]));

            let other = floe.project(&format!("{}2", words.rows)).await;
            let there = words.make(&other.server(), &[], true, &columns()).await;
            assert_eq!(ids(&there, &other.server(), 60, "").await, miss(&[]));

            // The same ids, but another table.
            server.delete(&at.table).await.ok(204);
            words.make(&server, &[], true, &columns()).await;
            assert_eq!(ids(&at, &server, 60, "").await, miss(&[]));
        }
    }

    async fn who_loses_a_role_gets_no_list_that_was_made_with_it(floe: TestServer) {
        let words = BOTH[0];
        let project = floe.project("p").await;
        let server = project.server();
        let at = words.make(&server, &["read(\"label:staff\")"], false, &columns()).await;
        at.create(&server, "a", &json!({"n": 1})).await.ok(201);
        let one = user(&project, "one").await;
        let closed = async || one.get(&format!("{}?ttl=60", at.rows)).await.refused(401, "user_unauthorized");
        closed().await;
        server.put("/v1/users/one/labels", &json!({"labels": ["staff"]})).await.ok(200);
        assert_eq!(ids(&at, &one, 60, "").await, miss(&["a"]));
        assert_eq!(ids(&at, &one, 60, "").await, hit(&["a"]));
        server.put("/v1/users/one/labels", &json!({"labels": []})).await.ok(200);
        closed().await;
    }

    async fn what_changes_who_may_see_what_counts_at_once(floe: TestServer) {
        for words in BOTH {
            let project = floe.project(words.rows).await;
            let server = project.server();
            let at = words.make(&server, &["read(\"any\")"], false, &columns()).await;
            at.create_with(&server, "a", &json!({"n": 1}), &["read(\"guests\")"]).await.ok(201);
            let guest = project.guest();
            let kept = async |expected: &[&str]| {
                assert_eq!(ids(&at, &guest, 60, "").await, miss(expected));
                assert_eq!(ids(&at, &guest, 60, "").await, hit(expected));
            };
            let table = |permissions: &[&str], row_security: bool, enabled: bool| {
                json!({"name": "T", "permissions": permissions, words.row_security: row_security, "enabled": enabled})
            };
            kept(&["a"]).await;
            // Said again as it is, or another name: nobody sees anything else.
            server.put(&at.table, &json!({"name": "U", "permissions": ["read(\"any\")"], words.row_security: false})).await.ok(200);
            assert_eq!(ids(&at, &guest, 60, "").await, hit(&["a"]));
            server.put(&at.table, &table(&[], false, true)).await.ok(200);
            guest.get(&format!("{}?ttl=60", at.rows)).await.refused(401, "user_unauthorized");
            server.put(&at.table, &table(&[], true, true)).await.ok(200);
            kept(&["a"]).await;
            // Another value doesn't count, other permissions do.
            server.patch(&at.row("a"), &json!({"data": {"n": 2}, "permissions": ["read(\"guests\")"]})).await.ok(200);
            assert_eq!(ids(&at, &guest, 60, "").await, hit(&["a"]));
            server.patch(&at.row("a"), &json!({"permissions": ["read(\"users\")"]})).await.ok(200);
            kept(&[]).await;
            server.put(&at.table, &table(&[], true, false)).await.ok(200);
            let hidden = guest.get(&format!("{}?ttl=60", at.rows)).await;
            hidden.refused(404, &words.kind("table", "not_found"));
            server.put(&at.table, &table(&["read(\"any\")"], true, true)).await.ok(200);
            kept(&["a"]).await;
            let column = json!({"key": "m", "required": false});
            server.post(&format!("{}/boolean", at.columns), &column).await.ok(202);
            let list = guest.get(&format!("{}?ttl=60", at.rows)).await.expect(200);
            assert_eq!(list[words.rows][0]["m"], json!(null));
            server.put(&at.table, &json!({"name": "T", "purge": true, "permissions": ["read(\"any\")"], words.row_security: true})).await.ok(200);
            kept(&["a"]).await;
        }
    }
}
