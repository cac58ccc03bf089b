//! Transactions and others: whose authority counts, what was changed in between, and how much may be pending.

use crate::support::background::{count, sql};
use crate::support::links::{Kind, library, related, rows};
use crate::support::staging::Transaction;
use crate::support::{At, BOTH, TABLES, Words, query, user};
use floe_testkit::{Client, Project};
use serde_json::{Value as Json, json};

fn columns() -> Json {
    json!([
        {"key": "title", "type": "string", "size": 20},
        {"key": "count", "type": "integer", "default": 0}
    ])
}

async fn make(project: &Project, words: Words, permissions: &[&str]) -> At {
    words.make(&project.server(), permissions, true, &columns()).await
}

async fn count_of(client: &Client, at: &At, id: &str) -> Json {
    client.get(&at.row(id)).await.expect(200)["count"].clone()
}

floe_testkit::both_databases! {
    /// From A to B, and at the same time from B to A: on PostgreSQL each would have what the other one waits for.
    async fn transfers_in_both_directions_wait_for_each_other_in_order(floe: TestServer) {
        let project = floe.project("p").await;
        let (server, at) = (project.server(), make(&project, TABLES, &[]).await);
        for id in ["a", "b"] {
            at.create(&server, id, &json!({"title": id, "count": 1000})).await.ok(201);
        }
        let begun = std::time::Instant::now();
        let transfers = (0..6).map(|n| {
            let (server, at) = (server.clone(), at.clone());
            tokio::spawn(async move {
                let (from, to) = if n % 2 == 0 { ("a", "b") } else { ("b", "a") };
                let mut done = 0;
                for _ in 0..3 {
                    let transaction = Transaction::begin(&server, &at).await;
                    for (id, sign) in [(from, "decrement"), (to, "increment")] {
                        let path = format!("{}/count/{sign}", at.row(id));
                        server.patch(&path, &transaction.with(json!({"value": 1}))).await.ok(200);
                        // Reading in it waits for the same rows.
                        transaction.get(id).await.ok(200);
                    }
                    let answer = server.patch(&transaction.path(), &json!({"commit": true})).await;
                    match answer.status {
                        200 => done += 1,
                        _ => answer.refused(409, "transaction_conflict"),
                    }
                }
                if from == "b" { done } else { -done }
            })
        });
        let mut moved = 0;
        for transfer in transfers.collect::<Vec<_>>() {
            moved += transfer.await.unwrap();
        }
        assert_eq!((count_of(&server, &at, "a").await, count_of(&server, &at, "b").await), (json!(1000 + moved), json!(1000 - moved)));
        assert!(begun.elapsed() < std::time::Duration::from_secs(20), "{:?}", begun.elapsed());
    }

    /// Issue 8, 1.5: a server that commits what a user has staged is no confused deputy.
    async fn a_server_that_commits_lends_the_user_no_power(floe: TestServer) {
        let kind = Kind { kind: "oneToMany", two_way: true, on_delete: "setNull" };
        for words in BOTH {
            let project = floe.project(words.rows).await;
            let (server, ann) = (project.server(), user(&project, "ann").await);
            let (books, people) = library(&server, words, kind, &["create(\"users\")"], true).await;
            // Only Ann's server knows of this row, and whose it is.
            rows(&server, &people, &["hidden"]).await;
            rows(&server, &books, &["owner"]).await;
            server.patch(&books.row("owner"), &json!({"data": {"to": ["hidden"]}})).await.ok(200);

            let tx = Transaction::begin(&ann, &books).await;
            let data = json!({"name": "b", "to": ["hidden"], "$createdAt": "2001-01-01T00:00:00.000+00:00"});
            let made = ann.post(&books.rows, &tx.with(json!({words.row_id: "b", "data": data}))).await.expect(201);
            assert_eq!(made["to"], json!([]));
            tx.by(&server).commit().await.ok(200);

            assert_eq!(related(&server, &books, "b", "to").await.len(), 0, "what she can't see she can't name");
            assert_eq!(related(&server, &books, "owner", "to").await, ["hidden"], "and so nobody has lost it");
            let made = server.get(&books.row("b")).await.expect(200);
            assert!(!made["$createdAt"].as_str().unwrap().starts_with("2001"), "{made}");
            let own = json!(["delete(\"user:ann\")", "read(\"user:ann\")", "update(\"user:ann\")"]);
            let mut permissions = made["$permissions"].as_array().unwrap().clone();
            permissions.sort_by_key(ToString::to_string);
            assert_eq!(json!(permissions), own);
        }
    }

    /// Issue 8, 1.5: what a user may not do any more isn't done because a server commits it.
    async fn a_server_commits_only_what_the_user_still_may(floe: TestServer) {
        for words in BOTH {
            let project = floe.project(words.rows).await;
            let (server, ann) = (project.server(), user(&project, "ann").await);
            let at = make(&project, words, &["create(\"users\")"]).await;
            at.create_with(&server, "r", &json!({"title": "r"}), &["read(\"users\")", "update(\"users\")"]).await.ok(201);
            let tx = Transaction::begin(&ann, &at).await;
            tx.create("also", "also").await.ok(201);
            tx.stage(json!([tx.operation("increment", Some("r"), &json!({words.column: "count"}))])).await.ok(201);
            server.patch(&at.row("r"), &json!({"permissions": []})).await.ok(200);
            tx.by(&server).get("r").await.refused(401, "user_unauthorized");
            tx.by(&server).commit().await.refused(401, "user_unauthorized");
            assert_eq!(tx.status().await, "failed");
            assert_eq!((count_of(&server, &at, "r").await, at.list(&server, &[]).await["total"].clone()), (json!(0), json!(1)));

            // What a server adds to it is done with a server's authority, what she staged with hers.
            let tx = Transaction::begin(&ann, &at).await;
            tx.create("hers", "hers").await.ok(201);
            tx.by(&server).update("r", json!({"title": "servers"})).await.ok(200);
            tx.by(&server).commit().await.ok(200);
            assert_eq!(server.get(&at.row("r")).await.expect(200)["title"], "servers");
            ann.get(&at.row("hers")).await.ok(200);
        }
    }

    /// Facts, entry 21: the clock stands still meanwhile.
    async fn changes_within_one_millisecond_are_conflicts_all_the_same(floe: TestServer) {
        for words in BOTH {
            let project = floe.project(words.rows).await;
            let server = project.server();
            let at = make(&project, words, &[]).await;
            for id in ["a", "b", "c", "d"] {
                at.create(&server, id, &json!({"title": id})).await.ok(201);
            }
            let begin = || Transaction::begin(&server, &at);
            let (first, second) = (begin().await, begin().await);
            first.update("a", json!({"count": 1})).await.ok(200);
            second.update("a", json!({"title": "second"})).await.ok(200);
            first.commit().await.ok(200);
            second.get("a").await.refused(409, "transaction_conflict");
            second.commit().await.refused(409, "transaction_conflict");
            let row = server.get(&at.row("a")).await.expect(200);
            assert_eq!((&row["title"], &row["count"]), (&json!("a"), &json!(1)));

            // The same against changes outside of transactions, also such that say when they were made.
            let (update, upsert, delete, bulk) = (begin().await, begin().await, begin().await, begin().await);
            update.update("b", json!({"count": 1})).await.ok(200);
            let staged = json!({"data": {"title": "upserted"}});
            server.put(&at.row("new"), &upsert.with(staged)).await.ok(201);
            delete.stage(json!([delete.operation("delete", Some("c"), &json!({}))])).await.ok(201);
            bulk.stage(json!([bulk.operation("bulkUpdate", None, &json!({"queries": [], "data": {"count": 7}}))])).await.ok(201);
            let seen = server.get(&at.row("b")).await.expect(200)["$updatedAt"].clone();
            server.patch(&at.row("b"), &json!({"data": {"title": "other", "$updatedAt": seen}})).await.ok(200);
            server.patch(&at.row("c"), &json!({"data": {"title": "other"}})).await.ok(200);
            at.create(&server, "new", &json!({"title": "new"})).await.ok(201);
            for tx in [&update, &upsert, &delete, &bulk] {
                tx.commit().await.refused(409, "transaction_conflict");
                assert_eq!(tx.status().await, "failed");
            }
            assert_eq!(at.list(&server, &[query("equal", "count", &json!([7]))]).await["total"], 0);

            // What nobody else has touched is none, however often the transaction itself has.
            let own = begin().await;
            for n in 0..3 {
                own.update("d", json!({"count": n})).await.ok(200);
            }
            own.commit().await.ok(200);
            assert_eq!(count_of(&server, &at, "d").await, 2);
        }
    }

    async fn each_change_of_a_row_is_later_than_the_one_before(floe: TestServer) {
        let project = floe.project("p").await;
        let server = project.server();
        let at = make(&project, TABLES, &[]).await;
        let mut last = at.create(&server, "r", &json!({"title": "r"})).await.expect(201)["$updatedAt"].as_str().unwrap().to_owned();
        for n in 0..5 {
            let changed = server.patch(&at.row("r"), &json!({"data": {"count": n}})).await.expect(200);
            assert!(changed["$updatedAt"].as_str().unwrap() > last.as_str(), "{changed}");
            assert_eq!(server.get(&at.row("r")).await.expect(200)["$updatedAt"], changed["$updatedAt"]);
            last = changed["$updatedAt"].as_str().unwrap().to_owned();
        }
    }

    /// Facts, entry 22.
    async fn additions_of_two_transactions_both_count(floe: TestServer) {
        for words in BOTH {
            let project = floe.project(words.rows).await;
            let server = project.server();
            let at = make(&project, words, &[]).await;
            at.create(&server, "r", &json!({"title": "r", "count": 5})).await.ok(201);
            let add = |tx: &Transaction<'_>, by| tx.operation("increment", Some("r"), &json!({words.column: "count", "value": by}));
            let begin = || Transaction::begin(&server, &at);
            let (one, two, three) = (begin().await, begin().await, begin().await);
            one.stage(json!([add(&one, 4)])).await.ok(201);
            two.stage(json!([add(&two, 3), add(&two, 3)])).await.ok(201);
            // What comes after an addition is meant for the row as it was.
            three.stage(json!([add(&three, 1), three.operation("update", Some("r"), &json!({"title": "three"}))])).await.ok(201);
            floe.clock().advance(1);
            one.commit().await.ok(200);
            assert_eq!(two.get("r").await.expect(200)["count"], 15);
            two.commit().await.ok(200);
            three.commit().await.refused(409, "transaction_conflict");
            let row = server.get(&at.row("r")).await.expect(200);
            assert_eq!((&row["title"], &row["count"]), (&json!("r"), &json!(15)));
        }
    }

    /// Issue 8, 1.13.
    async fn a_user_has_a_hundred_transactions_pending_at_the_most(floe: TestServer) {
        let project = floe.project("p").await;
        let (ann, bob) = (user(&project, "ann").await, user(&project, "bob").await);
        let at = make(&project, TABLES, &["create(\"users\")"]).await;
        let all = format!("{}/transactions", TABLES.service);
        let first = Transaction::begin(&ann, &at).await;
        first.create("r", "x").await.ok(201);
        for _ in 1..100 {
            ann.post(&all, &json!({})).await.ok(201);
        }
        ann.post(&all, &json!({})).await.refused(400, "transaction_limit_exceeded");
        assert_eq!(ann.get(&all).await.expect(200)["total"], 100, "nothing of it is kept");
        bob.post(&all, &json!({})).await.ok(201);
        project.server().post(&all, &json!({})).await.ok(201);
        first.roll_back().await.ok(200);
        ann.post(&all, &json!({})).await.ok(201);
        ann.post(&all, &json!({})).await.refused(400, "transaction_limit_exceeded");
        // Those that have expired don't count, and what is staged in them goes as soon as another one is made.
        let late = Transaction::begin(&bob, &at).await;
        late.create("late", "x").await.ok(201);
        assert_eq!(count(&floe, "p", "transaction_operations").await, Some(1));
        floe.clock().advance(301);
        ann.post(&all, &json!({})).await.ok(201);
        assert_eq!(count(&floe, "p", "transaction_operations").await, Some(0));
        late.commit().await.refused(410, "transaction_expired");
    }

    /// Whoever makes many accounts could have all that users may have together.
    async fn however_much_others_have_staged_each_user_may_stage_a_little(floe: TestServer) {
        let project = floe.project("p").await;
        let (ann, bob) = (user(&project, "ann").await, user(&project, "bob").await);
        let columns = json!([{"key": "title", "type": "string", "size": 2_000_000}]);
        let at = TABLES.make(&project.server(), &["create(\"users\")"], false, &columns).await;
        let much = Transaction::begin(&ann, &at).await;
        much.create("a", "x").await.ok(201);
        sql(&floe, "p", "UPDATE transactions SET bytes = 600000000").await;
        much.create("b", "x").await.refused(400, "transaction_limit_exceeded");
        let little = Transaction::begin(&bob, &at).await;
        little.create("c", "x").await.ok(201);
        little.create("d", &"x".repeat(1_500_000)).await.refused(400, "transaction_limit_exceeded");
        little.commit().await.ok(200);
    }

    /// Issue 8, 1.13.
    async fn a_user_has_thirty_two_megabytes_staged_at_the_most(floe: TestServer) {
        let project = floe.project("p").await;
        let ann = user(&project, "ann").await;
        let columns = json!([{"key": "title", "type": "string", "size": 16_000_000}]);
        let at = TABLES.make(&project.server(), &["create(\"users\")"], false, &columns).await;
        let long = "x".repeat(8_000_000);
        let transactions = [Transaction::begin(&ann, &at).await, Transaction::begin(&ann, &at).await, Transaction::begin(&ann, &at).await];
        transactions[0].create("a", &long).await.ok(201);
        transactions[0].create("b", &long).await.refused(400, "transaction_limit_exceeded");
        transactions[1].create("c", &long).await.ok(201);
        transactions[2].create("d", &long).await.ok(201);
        let fourth = Transaction::begin(&ann, &at).await;
        fourth.create("e", &long).await.refused(400, "transaction_limit_exceeded");
        fourth.create("e", "short").await.ok(201);
        transactions[0].roll_back().await.ok(200);
        fourth.create("f", &long).await.ok(201);
    }
}
