//! What headers say of requests about rows: how old a state the client has seen, how long a list may take.

use crate::support::{BOTH, query, user};
use floe_kernel::time::Clock as _;
use reqwest::Method;
use serde_json::json;

floe_testkit::both_databases! {
    async fn what_changed_since_it_was_seen_is_not_overwritten(floe: TestServer) {
        for words in BOTH {
            let project = floe.project(words.rows).await;
            let server = project.server();
            let at = words.make(&server, &[], false, &json!([{"key": "n", "type": "integer"}])).await;
            at.create(&server, "old", &json!({"n": 1})).await.ok(201);
            floe.clock().advance(60);
            let seen = floe.clock().now().to_string();
            floe.clock().advance(60);
            at.create(&server, "new", &json!({"n": 1})).await.ok(201);
            let before = at.list(&server, &[]).await;

            let late = server.clone().header("X-Appwrite-Timestamp", &seen);
            let conflict = words.kind("row", "update_conflict");
            let message = format!("Remote {} is newer than local.", words.row);
            let refused = |answer: floe_testkit::Answer| {
                answer.refused(409, &conflict);
                assert_eq!(answer.body["message"], message);
            };
            let data = json!({"data": {"n": 2}});
            refused(late.patch(&at.row("new"), &data).await);
            refused(late.put(&at.row("new"), &data).await);
            refused(late.delete(&at.row("new")).await);
            refused(late.patch(&format!("{}/n/increment", at.row("new")), &json!({})).await);
            refused(late.patch(&format!("{}/n/decrement", at.row("new")), &json!({})).await);
            // Many at once. By queries they are changed in slices, each all or none.
            let new = query("equal", "$id", &json!(["new"])).to_string();
            refused(late.patch(&at.rows, &json!({"data": {"n": 2}, "queries": [new]})).await);
            refused(late.put(&at.rows, &json!({words.rows: [{"$id": "old", "n": 2}, {"$id": "new", "n": 2}]})).await);
            refused(late.send(Method::DELETE, &at.rows, Some(&json!({"queries": [new]}))).await);
            assert_eq!(at.list(&server, &[]).await, before);

            late.patch(&at.row("old"), &data).await.ok(200);
            let now = floe.clock().now().to_string();
            let current = server.clone().header("X-Appwrite-Timestamp", &now);
            current.patch(&at.rows, &data).await.ok(200);
            // What isn't there can't have changed.
            late.put(&at.row("other"), &data).await.ok(200);
            // Each change is later than the one before, also within a millisecond.
            current.send(Method::DELETE, &at.rows, Some(&json!({}))).await.refused(409, &conflict);
            floe.clock().advance(1);
            let current = server.clone().header("X-Appwrite-Timestamp", floe.clock().now().to_string());
            current.send(Method::DELETE, &at.rows, Some(&json!({}))).await.ok(200);
        }
    }

    async fn a_moment_that_is_none_is_refused(floe: TestServer) {
        let words = BOTH[0];
        let project = floe.project("p").await;
        let server = project.server();
        let at = words.make(&server, &[], false, &json!([{"key": "n", "type": "integer"}])).await;
        at.create(&server, "a", &json!({"n": 1})).await.ok(201);
        let data = json!({"data": {"n": 2}});
        let answer = server.clone().header("X-Appwrite-Timestamp", "soon").patch(&at.row("a"), &data).await;
        answer.refused(400, "general_argument_invalid");
        assert_eq!(answer.body["message"], "Invalid X-Appwrite-Timestamp header value");
        server.clone().header("X-Appwrite-Timestamp", "").patch(&at.row("a"), &data).await.ok(200);
    }

    /// SEC-067: a list may take no longer than its caller says, if that is less than what any statement may.
    async fn a_list_that_takes_longer_than_wanted_is_given_up(floe: TestServer) {
        let words = BOTH[0];
        let project = floe.project("p").await;
        let server = project.server();
        let columns = json!([{"key": "text", "type": "longtext"}]);
        let at = words.make(&server, &["read(\"any\")", "update(\"users\")"], false, &columns).await;
        let long = "ab".repeat(50_000);
        for _ in 0..8 {
            let rows: Vec<_> = (0..50).map(|_| json!({"text": long})).collect();
            server.post(&at.rows, &json!({"rows": rows})).await.ok(201);
        }
        // Nothing matches, so all 40 MB are looked through.
        let slow = [query("contains", "text", &json!(["b".repeat(100)]))];
        let hasty = server.clone().header("X-Appwrite-Timeout", "1");
        hasty.list(&at.rows, &slow).await.refused(408, "database_timeout");
        // The next one has all the time again, on the same connections.
        for _ in 0..5 {
            assert_eq!(server.list(&at.rows, &slow).await.expect(200)["total"], 0);
        }
        for value in ["60000", "999999999999", "0", "-1", "soon", ""] {
            let client = server.clone().header("X-Appwrite-Timeout", value);
            assert_eq!(client.list(&at.rows, &slow).await.expect(200)["total"], 0, "{value}");
        }
        // Only servers and admins may say so.
        let user = user(&project, "u").await.header("X-Appwrite-Timeout", "1");
        assert_eq!(user.list(&at.rows, &slow).await.expect(200)["total"], 0);
    }
}
