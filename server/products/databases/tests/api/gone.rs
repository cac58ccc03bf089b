//! Users and teams that are gone: who takes their id has nothing of what was theirs.

use crate::support::{At, BOTH, user};
use floe_testkit::Client;
use serde_json::json;

async fn sees_nothing(client: &Client, at: &At) {
    client.get(&at.row("r")).await.refused(404, &at.words.kind("row", "not_found"));
    assert_eq!(at.list(client, &[]).await["total"], 0);
    client.patch(&at.row("r"), &json!({"data": {"a": "hacked"}})).await.refused(401, "user_unauthorized");
}

floe_testkit::both_databases! {
    async fn who_takes_the_id_of_a_user_has_nothing_of_their_rows(floe: TestServer) {
        for words in BOTH {
            let project = floe.project(words.rows).await;
            let server = project.server();
            let columns = json!([{"key": "a", "type": "string", "size": 20}]);
            let at = words.make(&server, &["create(\"users\")"], true, &columns).await;
            let (ann, bob) = (user(&project, "ann").await, user(&project, "bob").await);
            at.create(&ann, "r", &json!({"a": "mine"})).await.ok(201);
            let shared = ["read(\"user:bob\")", "read(\"user:ann/unverified\")", "read(\"user:ann\")"];
            at.create_with(&server, "shared", &json!({"a": "ours"}), &shared).await.ok(201);
            // So that everything is in memory.
            assert_eq!(at.ids(&ann, &[]).await, ["r", "shared"]);

            server.delete("/v1/users/ann").await.ok(204);
            server.post("/v1/users", &json!({"userId": "ann", "email": "other@example.org", "password": "another battery"})).await.ok(201);
            let session = server.post("/v1/users/ann/sessions", &json!({})).await.expect(201);
            let other = project.guest().session(session["secret"].as_str().unwrap());
            sees_nothing(&other, &at).await;
            other.get(&at.row("shared")).await.refused(404, &words.kind("row", "not_found"));

            let row = server.get(&at.row("r")).await.expect(200);
            assert_eq!((&row["a"], &row["$permissions"]), (&json!("mine"), &json!([])));
            assert_eq!(at.ids(&bob, &[]).await, ["shared"], "the others keep what is theirs");
            at.create(&other, "new", &json!({"a": "theirs"})).await.ok(201);
            assert_eq!(at.ids(&other, &[]).await, ["new"], "and so has the new one");
        }
    }

    /// A row that is made while its reader is removed has learned what its permissions are called before that, and is answered
    /// after it: it may not teach others the old meaning.
    async fn rows_made_while_a_user_goes_leave_nothing_to_who_takes_the_id(floe: TestServer) {
        let project = floe.project(BOTH[0].rows).await;
        let server = project.server();
        let columns = json!([{"key": "a", "type": "string", "size": 20}]);
        let at = BOTH[0].make(&server, &[], true, &columns).await;
        for round in 0..10 {
            let ann = format!("ann{round}");
            let (path, reader) = (format!("/v1/users/{ann}"), format!("read(\"user:{ann}\")"));
            server.post("/v1/users", &json!({"userId": ann})).await.ok(201);
            let rows = async |names: &'static str| {
                for number in 0..6 {
                    at.create_with(&server, &format!("{names}{round}-{number}"), &json!({"a": "x"}), &[&reader]).await.ok(201);
                }
            };
            let again = async {
                server.delete(&path).await.ok(204);
                server.post("/v1/users", &json!({"userId": ann})).await.ok(201);
            };
            tokio::join!(rows("p"), rows("q"), rows("r"), again);
            at.create_with(&server, &format!("new{round}"), &json!({"a": "x"}), &[&reader]).await.ok(201);

            let session = server.post(&format!("{path}/sessions"), &json!({})).await.expect(201);
            let other = project.guest().session(session["secret"].as_str().unwrap());
            let seen = at.ids(&other, &[]).await;
            assert!(seen.contains(&format!("new{round}")), "what is made for the new one is theirs: {seen:?}");
            for id in seen {
                let row = server.get(&at.row(&id)).await.expect(200);
                assert_eq!(row["$permissions"], json!([reader]), "{id} is seen by who may not");
            }
        }
    }

    async fn who_takes_the_id_of_a_user_has_nothing_of_their_tables_and_transactions(floe: TestServer) {
        for words in BOTH {
            let project = floe.project(words.rows).await;
            let server = project.server();
            let columns = json!([{"key": "a", "type": "string", "size": 20}]);
            let permissions = ["read(\"user:ann\")", "update(\"user:ann/unverified\")", "read(\"user:anna\")"];
            let at = words.make(&server, &permissions, false, &columns).await;
            at.create(&server, "r", &json!({"a": "x"})).await.ok(201);
            let ann = user(&project, "ann").await;
            ann.get(&at.row("r")).await.ok(200);
            let transaction = ann.post(&format!("{}/transactions", words.service), &json!({})).await.expect(201);

            server.delete("/v1/users/ann").await.ok(204);
            server.post("/v1/users", &json!({"userId": "ann", "email": "other@example.org", "password": "another battery"})).await.ok(201);
            let session = server.post("/v1/users/ann/sessions", &json!({})).await.expect(201);
            let other = project.guest().session(session["secret"].as_str().unwrap());
            other.get(&at.rows).await.refused(401, "user_unauthorized");
            assert_eq!(other.get(&at.row("r")).await.status, 404);
            let table = server.get(&at.table).await.expect(200);
            assert_eq!(table["$permissions"], json!(["read(\"user:anna\")"]));
            let id = transaction["$id"].as_str().unwrap();
            other.get(&format!("{}/transactions/{id}", words.service)).await.refused(404, "transaction_not_found");
        }
    }

    async fn who_takes_the_id_of_a_team_has_nothing_of_its_rows(floe: TestServer) {
        for words in BOTH {
            let project = floe.project(words.rows).await;
            let server = project.server();
            let columns = json!([{"key": "a", "type": "string", "size": 20}]);
            let at = words.make(&server, &[], true, &columns).await;
            let (ann, bob) = (user(&project, "ann").await, user(&project, "bob").await);
            ann.post("/v1/teams", &json!({"teamId": "red", "name": "Red", "roles": ["lead"]})).await.ok(201);
            let theirs = ["read(\"team:red\")", "update(\"team:red/lead\")", "read(\"team:redder\")"];
            at.create_with(&server, "r", &json!({"a": "x"}), &theirs).await.ok(201);
            ann.get(&at.row("r")).await.ok(200);
            ann.delete("/v1/teams/red").await.ok(204);
            bob.post("/v1/teams", &json!({"teamId": "red", "name": "Red", "roles": ["lead"]})).await.ok(201);
            sees_nothing(&bob, &at).await;
            assert_eq!(server.get(&at.row("r")).await.expect(200)["$permissions"], json!(["read(\"team:redder\")"]));
        }
    }
}
