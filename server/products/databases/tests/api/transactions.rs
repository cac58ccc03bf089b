//! Transactions, through both vocabularies and on both databases.

use crate::support::background::{count, sql};
use crate::support::links::{Kind, relate, table};
use crate::support::staging::Transaction;
use crate::support::{At, BOTH, Words, ids, query, user};
use floe_testkit::Project;
use serde_json::{Value as Json, json};

fn columns() -> Json {
    json!([
        {"key": "title", "type": "string", "size": 20, "required": true},
        {"key": "count", "type": "integer", "min": 0, "max": 100, "default": 0}
    ])
}

async fn make(project: &Project, words: Words, permissions: &[&str]) -> At {
    words.make(&project.server(), permissions, true, &columns()).await
}

floe_testkit::both_databases! {
    async fn what_is_staged_is_seen_within_and_done_when_committed(floe: TestServer) {
        for words in BOTH {
            let project = floe.project(words.rows).await;
            let server = project.server();
            let at = make(&project, words, &[]).await;
            at.create(&server, "old", &json!({"title": "old"})).await.ok(201);
            let tx = Transaction::begin(&server, &at).await;

            let made = tx.create("new", "new").await.expect(201);
            assert_eq!((&made["$id"], &made["title"], &made["count"]), (&json!("new"), &json!("new"), &json!(0)));
            let changed = tx.update("new", json!({"count": 5})).await.expect(200);
            assert_eq!((&changed["title"], &changed["count"]), (&json!("new"), &json!(5)));
            tx.update("old", json!({"title": "newer"})).await.ok(200);

            server.get(&at.row("new")).await.refused(404, &words.kind("row", "not_found"));
            assert_eq!(server.get(&at.row("old")).await.expect(200)["title"], "old");
            assert_eq!(at.ids(&server, &[]).await, ["old"]);
            assert_eq!(tx.get("new").await.expect(200)["count"], 5);
            let list = tx.list(&[]).await.expect(200);
            assert_eq!((&list["total"], ids(&list[words.rows])), (&json!(2), vec!["old".to_owned(), "new".to_owned()]));
            assert_eq!(tx.ids(&[query("equal", "title", &json!(["newer"]))]).await, ["old"]);
            assert_eq!(tx.ids(&[json!({"method": "cursorAfter", "values": ["old"]})]).await, ["new"]);
            let page = tx.list(&[json!({"method": "limit", "values": [1]}), json!({"method": "select", "values": ["count"]})]).await.expect(200);
            assert_eq!((&page["total"], &page[words.rows][0].get("title")), (&json!(2), &None));
            assert_eq!(server.get(&tx.path()).await.expect(200)["operations"], 3);

            floe.clock().advance(1);
            assert_eq!(tx.commit().await.expect(200)["status"], "committed");
            assert_eq!(at.ids(&server, &[]).await, ["old", "new"]);
            assert_eq!(server.get(&at.row("old")).await.expect(200)["title"], "newer");
            let new = server.get(&at.row("new")).await.expect(200);
            assert_eq!((&new["count"], &new["$permissions"]), (&json!(5), &json!([])));
            for decided_at_the_commit in ["$sequence", "$createdAt", "$updatedAt"] {
                assert_eq!(made[decided_at_the_commit], "", "{decided_at_the_commit}");
                assert_ne!(new[decided_at_the_commit], "", "{decided_at_the_commit}");
            }
        }
    }

    async fn every_door_that_writes_rows_can_stage(floe: TestServer) {
        for words in BOTH {
            let project = floe.project(words.rows).await;
            let server = project.server();
            let at = make(&project, words, &[]).await;
            for id in ["a", "b", "c"] {
                at.create(&server, id, &json!({"title": id})).await.ok(201);
            }
            let before = at.list(&server, &[]).await;
            let tx = Transaction::begin(&server, &at).await;
            let made = tx.create("unique()", "made").await.expect(201);
            server.put(&at.row("d"), &tx.with(json!({"data": {"title": "d"}}))).await.ok(201);
            server.put(&at.row("a"), &tx.with(json!({"data": {"title": "a2"}}))).await.ok(201);
            let add = server.patch(&format!("{}/count/increment", at.row("a")), &tx.with(json!({"value": 7}))).await;
            assert_eq!(add.expect(200)["count"], 7);
            let subtract = server.patch(&format!("{}/count/decrement", at.row("a")), &tx.with(json!({"value": 3, "min": 1}))).await;
            assert_eq!(subtract.expect(200)["count"], 4);
            let removed = server.send(reqwest::Method::DELETE, &at.row("b"), Some(&tx.with(json!({})))).await;
            assert_eq!((removed.status, removed.text.as_str()), (204, ""));
            let many = json!([{"$id": "e", "title": "e"}, {"$id": "f", "title": "f"}]);
            assert_eq!(server.post(&at.rows, &tx.with(json!({words.rows: many}))).await.expect(200)["total"], 2);
            let upserted = json!([{"$id": "e", "title": "e2"}, {"$id": "g", "title": "g"}]);
            assert_eq!(server.put(&at.rows, &tx.with(json!({words.rows: upserted}))).await.expect(200)["total"], 2);
            let only = [query("equal", "$id", &json!(["c", "g"])).to_string()];
            let changed = server.patch(&at.rows, &tx.with(json!({"queries": only, "data": {"count": 9}}))).await;
            assert_eq!(changed.expect(200)["total"], 2);
            let only = [query("equal", "$id", &json!(["f"])).to_string()];
            let gone = server.send(reqwest::Method::DELETE, &at.rows, Some(&tx.with(json!({"queries": only})))).await;
            assert_eq!(gone.expect(200)["total"], 1);

            assert_eq!(at.list(&server, &[]).await, before, "nothing is done yet");
            let within = tx.list(&[]).await.expect(200);
            assert_eq!(tx.commit().await.expect(200)["operations"], 10);
            let after = at.list(&server, &[]).await;
            let said = |list: &Json| -> Vec<Json> {
                let rows = list[words.rows].as_array().unwrap();
                rows.iter().map(|row| json!([row["$id"], row["title"], row["count"]])).collect()
            };
            assert_eq!(said(&within), said(&after), "what was seen is what came");
            assert_eq!(said(&after), [
                json!(["a", "a2", 4]), json!(["c", "c", 9]), json!([made["$id"], "made", 0]), json!(["d", "d", 0]),
                json!(["e", "e2", 0]), json!(["g", "g", 9]),
            ]);
        }
    }

    async fn operations_are_staged_as_the_sdks_send_them(floe: TestServer) {
        for words in BOTH {
            let project = floe.project(words.rows).await;
            let server = project.server();
            let at = make(&project, words, &[]).await;
            for id in ["a", "b", "c"] {
                at.create(&server, id, &json!({"title": id})).await.ok(201);
            }
            let tx = Transaction::begin(&server, &at).await;
            let only = |ids: Json| json!([query("equal", "$id", &ids).to_string()]);
            let staged = tx.stage(json!([
                tx.operation("create", Some("n"), &json!({"title": "n", "$permissions": ["read(\"any\")"]})),
                tx.operation("create", Some("unique()"), &json!({"title": "u"})),
                tx.operation("update", Some("n"), &json!({"title": "n2"})),
                tx.operation("upsert", Some("a"), &json!({"title": "a2"})),
                tx.operation("delete", Some("b"), &json!({})),
                tx.operation("increment", Some("a"), &json!({words.column: "count", "value": 4, "max": 10})),
                tx.operation("decrement", Some("a"), &json!({words.column: "count", "min": 0})),
                tx.operation("bulkCreate", None, &json!([{"$id": "x", "title": "x"}, {"$id": "y", "title": "y"}])),
                tx.operation("bulkUpsert", None, &json!([{"$id": "y", "title": "y2"}])),
                tx.operation("bulkUpdate", None, &json!({"queries": only(json!(["c", "x"])), "data": {"count": 3}})),
                tx.operation("bulkDelete", None, &json!({"queries": only(json!(["y"]))})),
            ])).await.expect(201);
            assert_eq!((&staged["operations"], &staged["status"]), (&json!(11), &json!("pending")));
            assert_eq!(at.list(&server, &[]).await["total"], 3);
            let unique = tx.ids(&[query("equal", "title", &json!(["u"]))]).await;
            tx.commit().await.ok(200);
            let rows = at.list(&server, &[]).await;
            let said: Vec<_> = rows[words.rows].as_array().unwrap().iter()
                .map(|row| json!([row["$id"], row["title"], row["count"], row["$permissions"]])).collect();
            assert_eq!(said, [
                json!(["a", "a2", 3, []]), json!(["c", "c", 3, []]), json!(["n", "n2", 0, ["read(\"any\")"]]),
                json!([unique[0], "u", 0, []]), json!(["x", "x", 3, []]),
            ]);
        }
    }

    async fn operations_are_staged_all_or_none(floe: TestServer) {
        for words in BOTH {
            let project = floe.project(words.rows).await;
            let server = project.server();
            let at = make(&project, words, &[]).await;
            let tx = Transaction::begin(&server, &at).await;
            let good = tx.operation("create", Some("a"), &json!({"title": "a"}));
            let mut elsewhere = good.clone();
            elsewhere[words.table_id] = json!("none");
            for (bad, status, kind) in [
                (tx.operation("create", Some("b"), &json!({})), 400, words.kind("row", "invalid_structure")),
                (tx.operation("create", Some("b"), &json!({"title": "b", "$permissions": ["nonsense"]})), 400, "general_argument_invalid".into()),
                (tx.operation("create", Some("a"), &json!({"title": "b"})), 409, words.kind("row", "already_exists")),
                (tx.operation("create", None, &json!({"title": "b"})), 400, "general_argument_invalid".into()),
                (tx.operation("create", Some("_b"), &json!({"title": "b"})), 400, "general_argument_invalid".into()),
                (tx.operation("update", Some("none"), &json!({"title": "b"})), 404, words.kind("row", "not_found")),
                (tx.operation("update", Some("a"), &json!({})), 400, words.kind("row", "missing_payload")),
                (tx.operation("increment", Some("a"), &json!({words.column: "title"})), 400, words.kind("column", "type_invalid")),
                (tx.operation("increment", Some("a"), &json!({"value": 1})), 400, "general_argument_invalid".into()),
                (tx.operation("increment", Some("a"), &json!({words.column: "count", "value": -1})), 400, "general_argument_invalid".into()),
                (tx.operation("bulkUpdate", None, &json!({"queries": ["nonsense"], "data": {"count": 1}})), 400, "general_query_invalid".into()),
                (tx.operation("bulkUpdate", None, &json!({"data": {"count": 1}})), 400, "general_argument_invalid".into()),
                (tx.operation("bulkCreate", None, &json!([])), 400, words.kind("row", "missing_data")),
                (tx.operation("drop", Some("a"), &json!({})), 400, "general_argument_invalid".into()),
                (elsewhere, 404, words.kind("table", "not_found")),
                (json!({"action": "create"}), 400, "general_argument_invalid".into()),
            ] {
                let answer = tx.stage(json!([good, bad])).await;
                answer.refused(status, &kind);
                assert_eq!(server.get(&tx.path()).await.expect(200)["operations"], 0, "{bad}");
            }
            tx.stage(json!([])).await.refused(400, "general_bad_request");
            tx.stage(json!("nonsense")).await.refused(400, "general_argument_invalid");
            tx.create("b", &"long".repeat(9)).await.refused(400, &words.kind("row", "invalid_structure"));
            assert_eq!(tx.list(&[]).await.expect(200)["total"], 0);
            tx.stage(json!([good])).await.ok(201);
            tx.create("a", "again").await.refused(409, &words.kind("row", "already_exists"));
            assert_eq!(tx.commit().await.expect(200)["operations"], 1);
        }
    }

    async fn a_transaction_has_room_for_a_hundred_operations(floe: TestServer) {
        for words in BOTH {
            let project = floe.project(words.rows).await;
            let server = project.server();
            let at = make(&project, words, &[]).await;
            let tx = Transaction::begin(&server, &at).await;
            let of = |from: usize, to: usize| -> Json {
                (from..to).map(|n| tx.operation("create", Some(&format!("r{n}")), &json!({"title": "x"}))).collect()
            };
            tx.stage(of(0, 101)).await.refused(400, "transaction_limit_exceeded");
            tx.stage(of(0, 99)).await.ok(201);
            tx.stage(of(99, 101)).await.refused(400, "transaction_limit_exceeded");
            tx.create("r99", "x").await.ok(201);
            tx.create("r100", "x").await.refused(400, "transaction_limit_exceeded");
            assert_eq!(tx.commit().await.expect(200)["operations"], 100);
            assert_eq!(at.list(&server, &[]).await["total"], 100);
        }
    }

    async fn of_two_transactions_that_meet_the_second_fails_as_a_whole(floe: TestServer) {
        for words in BOTH {
            let project = floe.project(words.rows).await;
            let server = project.server();
            let at = make(&project, words, &[]).await;
            at.create(&server, "r", &json!({"title": "r"})).await.ok(201);
            let index = json!({"key": "u", "type": "unique", words.columns: ["title"]});
            server.post(&at.indexes, &index).await.ok(202);
            floe.clock().advance(1);

            // The same id, the same unique value, the same row.
            let pairs: [[(&str, &str, Json); 2]; 4] = [
                [("create", "same", json!({"title": "one"})), ("create", "same", json!({"title": "two"}))],
                [("create", "x", json!({"title": "unique"})), ("create", "y", json!({"title": "unique"}))],
                [("update", "r", json!({"title": "first"})), ("update", "r", json!({"count": 2}))],
                [("increment", "r", json!({words.column: "count"})), ("update", "r", json!({"title": "last"}))],
            ];
            for (n, [first, second]) in pairs.into_iter().enumerate() {
                let (one, two) = (Transaction::begin(&server, &at).await, Transaction::begin(&server, &at).await);
                one.stage(json!([one.operation(first.0, Some(first.1), &first.2)])).await.ok(201);
                let innocent = format!("innocent{n}");
                two.create(&innocent, &innocent).await.ok(201);
                two.stage(json!([two.operation(second.0, Some(second.1), &second.2)])).await.ok(201);
                floe.clock().advance(1);
                one.commit().await.ok(200);
                two.list(&[]).await.refused(409, "transaction_conflict");
                two.create("more", "more").await.refused(409, "transaction_conflict");
                two.commit().await.refused(409, "transaction_conflict");
                assert_eq!(two.status().await, "failed");
                two.commit().await.refused(400, "transaction_not_ready");
                server.get(&at.row(&innocent)).await.refused(404, &words.kind("row", "not_found"));
                floe.clock().advance(1);
            }
            let row = server.get(&at.row("r")).await.expect(200);
            assert_eq!((&row["title"], &row["count"]), (&json!("first"), &json!(1)));
        }
    }

    async fn what_was_changed_or_removed_since_it_was_staged_stays_so(floe: TestServer) {
        for words in BOTH {
            let project = floe.project(words.rows).await;
            let server = project.server();
            let at = make(&project, words, &[]).await;
            for id in ["a", "b", "c", "d"] {
                at.create(&server, id, &json!({"title": id})).await.ok(201);
            }
            floe.clock().advance(1);
            let begin = || Transaction::begin(&server, &at);
            let (update, delete, bulk, gone) = (begin().await, begin().await, begin().await, begin().await);
            update.update("a", json!({"count": 1})).await.ok(200);
            delete.stage(json!([delete.operation("delete", Some("b"), &json!({}))])).await.ok(201);
            bulk.stage(json!([bulk.operation("bulkDelete", None, &json!({"queries": []}))])).await.ok(201);
            gone.update("d", json!({"count": 1})).await.ok(200);
            floe.clock().advance(1);
            for id in ["a", "b"] {
                server.patch(&at.row(id), &json!({"data": {"title": "other"}})).await.ok(200);
            }
            server.delete(&at.row("d")).await.ok(204);
            for tx in [&update, &delete, &bulk] {
                tx.commit().await.refused(409, "transaction_conflict");
                assert_eq!(tx.status().await, "failed");
            }
            gone.commit().await.refused(404, &words.kind("row", "not_found"));
            assert_eq!(gone.status().await, "failed");
            assert_eq!(at.ids(&server, &[]).await, ["a", "b", "c"]);
            assert_eq!(server.get(&at.row("a")).await.expect(200)["count"], 0);
        }
    }

    async fn a_transaction_ends_once(floe: TestServer) {
        for words in BOTH {
            let project = floe.project(words.rows).await;
            let server = project.server();
            let at = make(&project, words, &[]).await;
            let begin = || Transaction::begin(&server, &at);
            let (committed, rolled_back, expired, removed) = (begin().await, begin().await, begin().await, begin().await);
            for (n, tx) in [&committed, &rolled_back, &expired, &removed].into_iter().enumerate() {
                tx.create(&format!("r{n}"), "x").await.ok(201);
            }
            for body in [json!({}), json!({"commit": true, "rollback": true}), json!({"commit": false})] {
                server.patch(&committed.path(), &body).await.refused(400, "general_bad_request");
            }
            assert_eq!(committed.commit().await.expect(200)["status"], "committed");
            assert_eq!(rolled_back.roll_back().await.expect(200)["status"], "failed", "as Appwrite calls it");
            server.delete(&removed.path()).await.ok(204);
            floe.clock().advance(301);
            for (tx, status, kind) in [
                (&committed, 400, "transaction_not_ready"),
                (&rolled_back, 400, "transaction_not_ready"),
                (&expired, 410, "transaction_expired"),
                (&removed, 404, "transaction_not_found"),
            ] {
                tx.commit().await.refused(status, kind);
                tx.roll_back().await.refused(status, kind);
                tx.create("x", "x").await.refused(status, kind);
                tx.stage(json!([tx.operation("create", Some("x"), &json!({"title": "x"}))])).await.refused(status, kind);
                tx.get("r0").await.refused(status, kind);
                tx.list(&[]).await.refused(status, kind);
            }
            assert_eq!(at.ids(&server, &[]).await, ["r0"]);
            assert_eq!(committed.status().await, "committed");

            let all = format!("{}/transactions", words.service);
            let list = server.list(&all, &[query("equal", "status", &json!(["pending"]))]).await.expect(200);
            assert_eq!((&list["total"], ids(&list["transactions"])), (&json!(1), vec![expired.id.clone()]));
            // Whoever makes one removes those that nobody can use any more.
            floe.clock().advance(3600);
            let last = begin().await;
            assert_eq!(ids(&server.get(&all).await.expect(200)["transactions"]), std::slice::from_ref(&last.id));
            for (ttl, status) in [(59, 400), (3601, 400), (60, 201), (3600, 201)] {
                assert_eq!(server.post(&all, &json!({"ttl": ttl})).await.status, status);
            }
        }
    }

    /// SEC-041.
    async fn a_transaction_is_its_owners(floe: TestServer) {
        for words in BOTH {
            let project = floe.project(words.rows).await;
            let at = make(&project, words, &["create(\"users\")", "read(\"users\")"]).await;
            let (ann, bob, server) = (user(&project, "ann").await, user(&project, "bob").await, project.server());
            let anns = Transaction::begin(&ann, &at).await;
            let servers = Transaction::begin(&server, &at).await;
            anns.create("r", "secret").await.ok(201);
            servers.create("s", "secret").await.ok(201);
            let other = floe.project(&format!("other{}", words.rows)).await;
            make(&other, words, &[]).await;
            for foreign in [anns.by(&bob), servers.by(&bob), servers.by(&ann), anns.by(&other.server())] {
                let kind = "transaction_not_found";
                foreign.get("r").await.refused(404, kind);
                foreign.list(&[]).await.refused(404, kind);
                foreign.create("x", "x").await.refused(404, kind);
                foreign.update("r", json!({"title": "x"})).await.refused(404, kind);
                foreign.stage(json!([foreign.operation("create", Some("x"), &json!({"title": "x"}))])).await.refused(404, kind);
                foreign.commit().await.refused(404, kind);
                foreign.roll_back().await.refused(404, kind);
                foreign.client.get(&foreign.path()).await.refused(404, kind);
                foreign.client.delete(&foreign.path()).await.refused(404, kind);
            }
            let all = format!("{}/transactions", words.service);
            for (client, seen) in [(&ann, vec![&anns.id]), (&bob, vec![]), (&server, vec![&anns.id, &servers.id])] {
                let list = client.get(&all).await.expect(200);
                assert_eq!(ids(&list["transactions"]).iter().collect::<Vec<_>>(), seen);
                assert_eq!(list["total"], seen.len());
            }
            let guest = project.guest();
            guest.post(&all, &json!({})).await.refused(401, "user_unauthorized");
            anns.by(&guest).get("r").await.refused(404, "transaction_not_found");
            // A server may commit it; the row is Ann's all the same.
            anns.by(&server).commit().await.ok(200);
            let owned = ["read(\"user:ann\")", "update(\"user:ann\")", "delete(\"user:ann\")"];
            assert_eq!(server.get(&at.row("r")).await.expect(200)["$permissions"], json!(owned));
        }
    }

    /// SEC-041.
    async fn what_was_allowed_when_it_was_staged_must_still_be_when_it_is_committed(floe: TestServer) {
        for words in BOTH {
            let project = floe.project(words.rows).await;
            let (server, ann) = (project.server(), user(&project, "ann").await);
            let at = make(&project, words, &["create(\"users\")"]).await;
            at.create_with(&server, "r", &json!({"title": "r"}), &["read(\"users\")", "update(\"users\")"]).await.ok(201);
            floe.clock().advance(1);
            let create = Transaction::begin(&ann, &at).await;
            create.create("new", "new").await.ok(201);
            let update = Transaction::begin(&ann, &at).await;
            update.create("also", "also").await.ok(201);
            update.update("r", json!({"title": "hers"})).await.ok(200);

            server.put(&at.table, &json!({"name": "T", "permissions": [], words.row_security: true})).await.ok(200);
            create.get("new").await.refused(401, "user_unauthorized");
            create.commit().await.refused(401, "user_unauthorized");
            server.put(&at.table, &json!({"name": "T", "permissions": ["create(\"users\")"], words.row_security: true})).await.ok(200);
            server.patch(&at.row("r"), &json!({"permissions": ["read(\"users\")"]})).await.ok(200);
            update.commit().await.refused(401, "user_unauthorized");
            for tx in [&create, &update] {
                assert_eq!(tx.status().await, "failed");
            }
            assert_eq!(at.ids(&server, &[]).await, ["r"]);
            assert_eq!(server.get(&at.row("r")).await.expect(200)["title"], "r");
        }
    }

    /// SEC-041: nobody does in a transaction what they can't do without.
    async fn a_transaction_lends_no_power(floe: TestServer) {
        for words in BOTH {
            let project = floe.project(words.rows).await;
            let (server, ann) = (project.server(), user(&project, "ann").await);
            let at = make(&project, words, &["create(\"users\")"]).await;
            at.create(&server, "hidden", &json!({"title": "hidden"})).await.ok(201);
            let tx = Transaction::begin(&ann, &at).await;
            tx.get("hidden").await.refused(404, &words.kind("row", "not_found"));
            assert_eq!(tx.list(&[]).await.expect(200)["total"], 0);
            tx.list(&[json!({"method": "cursorAfter", "values": ["hidden"]})]).await.refused(400, "general_cursor_not_found");
            tx.update("hidden", json!({"title": "x"})).await.refused(401, "user_unauthorized");
            for operation in [
                tx.operation("update", Some("hidden"), &json!({"title": "x"})),
                tx.operation("upsert", Some("hidden"), &json!({"title": "x"})),
                tx.operation("delete", Some("hidden"), &json!({})),
                tx.operation("increment", Some("hidden"), &json!({words.column: "count"})),
                tx.operation("create", Some("x"), &json!({"title": "x", "$permissions": ["read(\"user:bob\")"]})),
                tx.operation("bulkCreate", None, &json!([{"title": "x"}])),
                tx.operation("bulkUpsert", None, &json!([{"title": "x"}])),
                tx.operation("bulkUpdate", None, &json!({"queries": [], "data": {"count": 1}})),
                tx.operation("bulkDelete", None, &json!({"queries": []})),
            ] {
                tx.stage(json!([operation])).await.refused(401, "user_unauthorized");
            }
            // What a server has staged in it isn't done in her name.
            let servers = tx.by(&server);
            servers.update("hidden", json!({"title": "x"})).await.ok(200);
            tx.get("hidden").await.refused(401, "user_unauthorized");
            tx.commit().await.refused(401, "user_unauthorized");
            assert_eq!(server.get(&at.row("hidden")).await.expect(200)["title"], "hidden");
        }
    }

    async fn many_requests_stage_at_once(floe: TestServer) {
        let words = crate::support::TABLES;
        let project = floe.project(words.rows).await;
        let server = project.server();
        let at = make(&project, words, &[]).await;
        let tx = Transaction::begin(&server, &at).await;
        let staging: Vec<_> = (0..24).map(|n| {
            let (client, path) = (project.server(), at.rows.clone());
            let body = tx.with(json!({"rowId": format!("r{n}"), "data": {"title": "x"}}));
            tokio::spawn(async move { client.post(&path, &body).await.ok(201) })
        }).collect();
        for done in staging {
            done.await.unwrap();
        }
        assert_eq!(tx.list(&[]).await.expect(200)["total"], 24);
        assert_eq!(tx.commit().await.expect(200)["operations"], 24);
        assert_eq!(at.list(&server, &[]).await["total"], 24);
    }

    async fn commits_at_the_same_time_are_done_once(floe: TestServer) {
        let words = crate::support::TABLES;
        let project = floe.project(words.rows).await;
        let server = project.server();
        let at = make(&project, words, &[]).await;
        at.create(&server, "r", &json!({"title": "r"})).await.ok(201);
        let tx = Transaction::begin(&server, &at).await;
        server.patch(&format!("{}/count/increment", at.row("r")), &tx.with(json!({}))).await.ok(200);
        let commits: Vec<_> = (0..6).map(|_| {
            let (client, path) = (project.server(), tx.path());
            tokio::spawn(async move { client.patch(&path, &json!({"commit": true})).await.status })
        }).collect();
        let mut statuses = Vec::new();
        for commit in commits {
            statuses.push(commit.await.unwrap());
        }
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 400, 400, 400, 400, 400]);
        assert_eq!(server.get(&at.row("r")).await.expect(200)["count"], 1);
    }

    async fn a_reader_that_hangs_up_leaves_nothing_behind(floe: TestServer) {
        let words = crate::support::TABLES;
        let project = floe.project(words.rows).await;
        let server = project.server();
        let at = make(&project, words, &[]).await;
        let tx = Transaction::begin(&server, &at).await;
        let rows: Json = (0..50).map(|n| tx.operation("create", Some(&format!("r{n}")), &json!({"title": "x"}))).collect();
        tx.stage(rows).await.ok(201);
        for n in 0..20 {
            let (client, path) = (project.server(), format!("{}?transactionId={}", at.rows, tx.id));
            let read = tokio::spawn(async move { client.get(&path).await.ok(200) });
            for _ in 0..n {
                tokio::task::yield_now().await;
            }
            read.abort();
            at.create(&server, &format!("w{n}"), &json!({"title": "w"})).await.ok(201);
        }
        assert_eq!(at.list(&server, &[]).await["total"], 20);
        tx.commit().await.ok(200);
        assert_eq!(at.list(&server, &[]).await["total"], 70);
    }

    async fn a_table_may_change_between_staging_and_committing(floe: TestServer) {
        for words in BOTH {
            let project = floe.project(words.rows).await;
            let server = project.server();
            let at = make(&project, words, &[]).await;
            let (more, less, dropped) = (Transaction::begin(&server, &at).await, Transaction::begin(&server, &at).await, Transaction::begin(&server, &at).await);
            more.create("more", "x").await.ok(201);
            let column = json!({"key": "extra", "size": 5, "required": false, "default": "e"});
            server.post(&format!("{}/string", at.columns), &column).await.ok(202);
            assert_eq!(more.get("more").await.expect(200)["extra"], "e");
            more.commit().await.ok(200);
            assert_eq!(server.get(&at.row("more")).await.expect(200)["extra"], "e");

            let data = json!({"title": "x", "extra": "y"});
            less.stage(json!([less.operation("create", Some("less"), &data)])).await.ok(201);
            server.delete(&format!("{}/extra", at.columns)).await.ok(204);
            less.commit().await.refused(400, &words.kind("row", "invalid_structure"));
            assert_eq!(less.status().await, "failed");

            dropped.create("dropped", "x").await.ok(201);
            server.delete(&at.table).await.ok(204);
            dropped.commit().await.refused(404, &words.kind("table", "not_found"));
            assert_eq!(dropped.status().await, "failed");
        }
    }

    /// What a rehearsal learned is forgotten: the number of a set of permissions that was made in it goes to another one.
    async fn permissions_of_what_is_only_staged_are_not_mixed_up(floe: TestServer) {
        for words in BOTH {
            let project = floe.project(words.rows).await;
            let server = project.server();
            let at = make(&project, words, &[]).await;
            let (open, closed) = (["read(\"any\")"], ["read(\"user:nobody\")"]);
            let tx = Transaction::begin(&server, &at).await;
            let body = json!({words.row_id: "staged", "data": {"title": "x"}, "permissions": open});
            assert_eq!(server.post(&at.rows, &tx.with(body)).await.expect(201)["$permissions"], json!(open));
            assert_eq!(tx.get("staged").await.expect(200)["$permissions"], json!(open));
            at.create_with(&server, "closed", &json!({"title": "x"}), &closed).await.ok(201);
            at.create_with(&server, "open", &json!({"title": "x"}), &open).await.ok(201);
            assert_eq!(tx.get("closed").await.expect(200)["$permissions"], json!(closed));
            tx.commit().await.ok(200);
            for (id, permissions) in [("closed", &closed), ("open", &open), ("staged", &open)] {
                assert_eq!(server.get(&at.row(id)).await.expect(200)["$permissions"], json!(permissions));
            }
            assert_eq!(at.ids(&project.guest(), &[]).await, ["open", "staged"]);
        }
    }

    async fn related_rows_are_staged_with_what_they_are_related_to(floe: TestServer) {
        let kind = Kind { kind: "manyToOne", two_way: true, on_delete: "setNull" };
        for words in BOTH {
            let project = floe.project(words.rows).await;
            let server = project.server();
            let books = table(&server, words, "books", &[], false).await;
            let people = table(&server, words, "people", &[], false).await;
            relate(&server, &books, "people", kind, "author", "books").await;
            let tx = Transaction::begin(&server, &books).await;
            let body = json!({words.row_id: "b", "data": {"name": "b", "author": {"name": "new"}}});
            let made = server.post(&books.rows, &tx.with(body)).await.expect(201);
            let author = made["author"]["$id"].as_str().unwrap().to_owned();
            server.get(&people.row(&author)).await.refused(404, &words.kind("row", "not_found"));

            let select = json!({"method": "select", "values": ["name", "author.name"]});
            let within = tx.list(&[select.clone(), query("equal", "author.name", &json!(["new"]))]).await.expect(200);
            assert_eq!((&within["total"], &within[words.rows][0]["author"]["name"]), (&json!(1), &json!("new")));
            // What the transaction itself has changed, also on the way, is no conflict.
            let of_people = Transaction { client: &server, at: &people, id: tx.id.clone() };
            of_people.update(&author, json!({"name": "newer"})).await.ok(200);
            let delete = tx.with(json!({}));
            server.send(reqwest::Method::DELETE, &people.row(&author), Some(&delete)).await.ok(204);
            floe.clock().advance(1);
            tx.update("b", json!({"name": "orphan"})).await.ok(200);
            floe.clock().advance(1);
            tx.commit().await.ok(200);
            let list = server.list(&books.rows, &[select]).await.expect(200);
            assert_eq!((&list[words.rows][0]["name"], &list[words.rows][0]["author"]), (&json!("orphan"), &json!(null)));
            assert_eq!(people.list(&server, &[]).await["total"], 0);

            let tx = Transaction::begin(&server, &books).await;
            let made = tx.update("b", json!({"author": {"name": "last"}})).await.expect(200);
            tx.commit().await.ok(200);
            assert_eq!(people.ids(&server, &[]).await, [made["author"]["$id"].as_str().unwrap()]);
        }
    }

    async fn operators_are_staged_as_such(floe: TestServer) {
        for words in BOTH {
            let project = floe.project(words.rows).await;
            let server = project.server();
            let at = make(&project, words, &[]).await;
            let tx = Transaction::begin(&server, &at).await;
            let add = json!({"method": "increment", "values": [3]}).to_string();
            tx.create("r", "r").await.ok(201);
            for expected in [3, 6] {
                assert_eq!(tx.update("r", json!({"count": add})).await.expect(200)["count"], expected);
            }
            tx.stage(json!([tx.operation("upsert", Some("r"), &json!({"title": "r", "count": add}))])).await.ok(201);
            tx.commit().await.ok(200);
            assert_eq!(server.get(&at.row("r")).await.expect(200)["count"], 9);
        }
    }

    async fn what_is_staged_is_kept_encrypted(floe: TestServer) {
        let project = floe.project("p").await;
        let server = project.server();
        let at = make(&project, crate::support::TABLES, &[]).await;
        let tx = Transaction::begin(&server, &at).await;
        tx.create("r", "canary").await.ok(201);
        let entries = "transaction_operations WHERE operation LIKE";
        assert_eq!(count(&floe, "p", &format!("{entries} '%canary%'")).await, Some(0));
        assert_eq!(count(&floe, "p", &format!("{entries} 'v2:%'")).await, Some(1));
        // It opens only where it was staged.
        tx.create("s", "canary").await.ok(201);
        sql(&floe, "p", "UPDATE transaction_operations SET operation = (SELECT operation FROM transaction_operations WHERE position = 0)").await;
        assert_eq!(tx.commit().await.status, 500);
        assert_eq!((tx.status().await, at.list(&server, &[]).await["total"].clone()), (json!("pending"), json!(0)));
    }
}
