//! Sets of permissions that no row has any more.

use crate::support::background::count;
use crate::support::{At, TABLES, user};
use floe_testkit::{Client, Project, TestServer};
use serde_json::json;

const SETS: &str = "permission_sets";

async fn table(project: &Project) -> At {
    TABLES.make(&project.server(), &["create(\"users\")"], true, &json!([{"key": "a", "type": "text"}])).await
}

/// How many were removed, and how many were retired.
async fn sweep(floe: &TestServer) -> (usize, usize) {
    floe.app.stores.sweep_permissions_now(&floe.store("p").await).await.unwrap()
}

async fn sets(floe: &TestServer, of: &str) -> i64 {
    count(floe, "p", of).await.unwrap()
}

async fn is_readable(client: &Client, at: &At, id: &str) -> bool {
    client.get(&at.row(id)).await.status == 200
}

floe_testkit::both_databases! {
    async fn sets_that_no_row_has_are_removed_some_time_after(floe: TestServer) {
        let project = floe.project("p").await;
        let (server, at) = (project.server(), table(&project).await);
        let (ann, bob) = (user(&project, "ann").await, user(&project, "bob").await);
        at.create(&ann, "a", &json!({"a": "x"})).await.ok(201);
        at.create(&bob, "b", &json!({"a": "x"})).await.ok(201);
        assert_eq!(sets(&floe, SETS).await, 2);
        assert_eq!(sweep(&floe).await, (0, 0), "both are in use");
        server.delete(&at.row("a")).await.ok(204);
        assert_eq!(sweep(&floe).await, (0, 1));
        assert_eq!(sweep(&floe).await, (0, 0), "not yet: somebody may be about to write a row with it");
        assert_eq!(sets(&floe, SETS).await, 2);

        // Who comes now gets another one.
        at.create(&ann, "again", &json!({"a": "x"})).await.ok(201);
        assert_eq!(sets(&floe, SETS).await, 3);
        floe.clock().advance(61);
        assert_eq!(sweep(&floe).await, (1, 0));
        assert_eq!(sets(&floe, SETS).await, 2);
        assert_eq!(sets(&floe, "permission_grants").await, 6, "read, update and delete of two users");
        for (client, own, other) in [(&ann, "again", "b"), (&bob, "b", "again")] {
            assert!(is_readable(client, &at, own).await && !is_readable(client, &at, other).await, "{own}");
        }
    }

    async fn a_set_that_a_row_has_nevertheless_stays(floe: TestServer) {
        let project = floe.project("p").await;
        let at = table(&project).await;
        let ann = user(&project, "ann").await;
        at.create(&ann, "a", &json!({"a": "x"})).await.ok(201);
        // As if the row had been written by somebody who found the set just before it was retired.
        crate::support::background::sql(&floe, "p", "UPDATE permission_sets SET digest = 'retired', retired = 1").await;
        assert_eq!(sweep(&floe).await, (0, 0));
        assert_eq!(sets(&floe, "permission_sets WHERE retired IS NULL").await, 1, "in use again");
        assert!(is_readable(&ann, &at, "a").await);
    }

    async fn a_set_that_was_retired_is_given_to_nothing_new(floe: TestServer) {
        let project = floe.project("p").await;
        let (server, at) = (project.server(), table(&project).await);
        let (ann, bob) = (user(&project, "ann").await, user(&project, "bob").await);
        at.create(&ann, "a", &json!({"a": "x"})).await.ok(201);
        at.create(&bob, "b", &json!({"a": "x"})).await.ok(201);
        let anns = "(SELECT min(id) FROM permission_sets)";
        server.delete(&at.row("a")).await.ok(204);
        assert_eq!(sweep(&floe).await, (0, 1));
        // As if the row had been written by somebody who found the set just before it was retired.
        crate::support::background::sql(&floe, "p", &format!("UPDATE rows_1 SET _permissions = {anns} WHERE _id = 'b'")).await;
        // It is read in a unit of work that then knows what it allows, and kept.
        ann.patch(&at.row("b"), &json!({"data": {"a": "y"}})).await.ok(200);
        at.create(&ann, "c", &json!({"a": "x"})).await.ok(201);
        assert_eq!(sets(&floe, &format!("rows_1 WHERE _permissions = {anns}")).await, 1, "its own row's alone");
        server.delete(&at.row("b")).await.ok(204);
        floe.clock().advance(61);
        assert_eq!(sweep(&floe).await, (1, 1), "ann's first set, and then bob's");
        assert!(is_readable(&ann, &at, "c").await);
        assert_eq!(sets(&floe, SETS).await, 2);
    }

    async fn what_is_in_memory_of_a_set_is_forgotten_with_it(floe: TestServer) {
        let project = floe.project("p").await;
        let (server, at) = (project.server(), table(&project).await);
        let ann = user(&project, "ann").await;
        // The same content again and again, while its set is retired and removed in between.
        for round in 0..4 {
            let id = format!("r{round}");
            at.create(&ann, &id, &json!({"a": "x"})).await.ok(201);
            assert!(is_readable(&ann, &at, &id).await, "{round}");
            assert_eq!(at.ids(&ann, &[]).await, [id.as_str()], "{round}");
            server.delete(&at.row(&id)).await.ok(204);
            assert_eq!(sweep(&floe).await.1, 1, "{round}");
            if round % 2 == 0 {
                floe.clock().advance(61);
                assert!(sweep(&floe).await.0 > 0, "{round}");
            }
        }
    }

    async fn nobody_who_writes_meanwhile_loses_what_their_rows_allow(floe: TestServer) {
        let project = floe.project("p").await;
        let at = table(&project).await;
        let mut users = Vec::new();
        for name in ["ann", "bob", "cid"] {
            users.push(user(&project, name).await);
        }
        let server = project.server();
        let writing = users.iter().enumerate().map(|(n, client)| {
            let (at, server) = (&at, &server);
            async move {
                for round in 0..30 {
                    let id = format!("r{n}-{round}");
                    at.create(client, &id, &json!({"a": "x"})).await.ok(201);
                    assert!(is_readable(client, at, &id).await, "{id}");
                    server.delete(&at.row(&id)).await.ok(204);
                }
                at.create(client, &format!("last{n}"), &json!({"a": "x"})).await.ok(201);
            }
        });
        let sweeping = async {
            for _ in 0..20 {
                sweep(&floe).await;
                tokio::time::sleep(std::time::Duration::from_millis(5)).await;
                // On PostgreSQL it takes a minute by everybody's clock until those are done who write meanwhile.
                if floe.config().database.postgres.is_none() {
                    floe.clock().advance(61);
                }
            }
        };
        tokio::join!(futures_util::future::join_all(writing), sweeping);
        floe.clock().advance(61);
        sweep(&floe).await;
        for (n, client) in users.iter().enumerate() {
            assert_eq!(at.ids(client, &[]).await, [format!("last{n}")]);
        }
        let dangling = "rows_1 WHERE NOT EXISTS (SELECT 1 FROM permission_sets WHERE id = _permissions)";
        assert_eq!(sets(&floe, dangling).await, 0);
    }
}
