//! Attacks on who is calling: other people's rows by way of an upsert, roles that look like others, keys that may less,
//! and many callers at the same time.

use crate::support::{BOTH, user};
use futures_util::future::join_all;
use serde_json::{Value as Json, json};

fn columns() -> Json {
    json!([{"key": "n", "type": "integer"}])
}

floe_testkit::both_databases! {
    /// SEC-042: an upsert makes rows only for who may make them, and changes rows only for who may change them.
    async fn an_upsert_takes_nobodys_row(floe: TestServer) {
        for words in BOTH {
            let project = floe.project(words.rows).await;
            let server = project.server();
            let at = words.make(&server, &["create(\"users\")"], true, &columns()).await;
            let (owner, thief, guest) = (user(&project, "owner").await, user(&project, "thief").await, project.guest());
            let made = at.create(&owner, "a", &json!({"n": 1})).await.expect(201);
            let mine = json!({"data": {"n": 2}, "permissions": ["read(\"user:thief\")", "write(\"user:thief\")"]});
            thief.put(&at.row("a"), &mine).await.refused(401, "user_unauthorized");
            thief.put(&at.row("a"), &json!({"data": {"n": 2}})).await.refused(401, "user_unauthorized");
            guest.put(&at.row("b"), &json!({"data": {"n": 2}})).await.refused(401, "user_unauthorized");
            assert_eq!(server.get(&at.row("a")).await.expect(200), made);
            // Who may change a row may still not give it to a role that they don't hold.
            let given_away = json!({"data": {"n": 3}, "permissions": ["update(\"user:thief\")"]});
            owner.put(&at.row("a"), &given_away).await.refused(401, "user_unauthorized");
            owner.put(&at.row("b"), &given_away).await.refused(401, "user_unauthorized");
            // What nobody says of permissions stays as it is, or is the maker's alone.
            let kept = owner.put(&at.row("a"), &json!({"data": {"n": 4}})).await.expect(200);
            assert_eq!(kept["$permissions"], made["$permissions"]);
            let new = thief.put(&at.row("b"), &json!({"data": {"n": 5}})).await.expect(200);
            assert!(new["$permissions"].as_array().unwrap().iter().all(|text| text.as_str().unwrap().contains("user:thief")));
            owner.get(&at.row("b")).await.refused(404, &words.kind("row", "not_found"));
        }
    }

    /// SEC-052: a role is what it says and nothing that only looks like it.
    async fn roles_that_look_alike_are_others(floe: TestServer) {
        let words = BOTH[0];
        let project = floe.project("p").await;
        let server = project.server();
        let at = words.make(&server, &[], true, &columns()).await;
        let abc = user(&project, "abc").await;
        server.put("/v1/users/abc/labels", &json!({"labels": ["red"]})).await.ok(200);
        for role in [
            "user:ab", "user:abcd", "user:ABC", "user:abc/verified", "users/verified", "label:RED", "label:re", "team:abc",
            "member:abc", "team:red", "guests",
        ] {
            let row = at.create_with(&server, "unique()", &json!({"n": 1}), &[&format!("read(\"{role}\")")]).await.expect(201);
            let id = row["$id"].as_str().unwrap();
            assert_eq!(abc.get(&at.row(id)).await.status, 404, "{role}");
        }
        for role in ["user:abc", "user:abc/unverified", "users", "users/unverified", "label:red", "any"] {
            let row = at.create_with(&server, "unique()", &json!({"n": 1}), &[&format!("read(\"{role}\")")]).await.expect(201);
            let id = row["$id"].as_str().unwrap();
            assert_eq!(abc.get(&at.row(id)).await.status, 200, "{role}");
        }
        for role in ["user:", "user:abc/", "user:abc/owner", "users/abc", "team:", "*", "role:all", "user:a b", "any/x", "label:r-d"] {
            let row = at.create_with(&server, "unique()", &json!({"n": 1}), &[&format!("read(\"{role}\")")]).await;
            assert_eq!(row.status, 400, "{role}: {}", row.text);
        }
    }

    /// SEC-055: a key that may read rows may do nothing else, at whatever door.
    async fn a_key_that_reads_does_not_write(floe: TestServer) {
        for words in BOTH {
            let project = floe.project(words.rows).await;
            let server = project.server();
            let at = words.make(&server, &[], false, &columns()).await;
            at.create(&server, "a", &json!({"n": 1})).await.ok(201);
            let reader = project.with_key(&floe.key(words.rows, "rows.read,documents.read").await);
            reader.get(&at.row("a")).await.ok(200);
            let (one, many) = (json!({"data": {"n": 2}}), json!({words.rows: [{"$id": "b", "n": 2}]}));
            for answer in [
                at.create(&reader, "b", &json!({"n": 2})).await,
                reader.post(&at.rows, &many).await,
                reader.patch(&at.row("a"), &one).await,
                reader.put(&at.row("a"), &one).await,
                reader.patch(&format!("{}/n/increment", at.row("a")), &json!({})).await,
                reader.patch(&format!("{}/n/decrement", at.row("a")), &json!({})).await,
                reader.put(&at.rows, &many).await,
                reader.patch(&at.rows, &one).await,
                reader.send(reqwest::Method::DELETE, &at.rows, Some(&json!({}))).await,
                reader.delete(&at.row("a")).await,
                reader.delete(&at.table).await,
                reader.post(&format!("{}/boolean", at.columns), &json!({"key": "m", "required": false})).await,
            ] {
                answer.refused(401, "general_unauthorized_scope");
            }
            assert_eq!(at.list(&server, &[]).await["total"], 1);
        }
    }

    /// SEC-057: who asks at the same time as others gets what is theirs, and nothing of the others'.
    async fn callers_at_the_same_time_do_not_become_each_other(floe: TestServer) {
        let words = BOTH[0];
        let project = floe.project("p").await;
        let server = project.server();
        let at = words.make(&server, &["create(\"users\")"], true, &columns()).await;
        let (one, two, guest) = (user(&project, "one").await, user(&project, "two").await, project.guest());
        at.create(&one, "a", &json!({"n": 1})).await.ok(201);
        at.create(&two, "b", &json!({"n": 1})).await.ok(201);
        let callers = [(&server, vec!["a", "b"]), (&one, vec!["a"]), (&two, vec!["b"]), (&guest, vec![])];
        for _ in 0..20 {
            join_all(callers.iter().cycle().take(32).enumerate().map(async |(n, (client, seen))| {
                if n % 8 < 4 {
                    assert_eq!(at.ids(client, &[]).await, *seen);
                } else {
                    let status = client.get(&at.row("a")).await.status;
                    assert_eq!(status, if seen.contains(&"a") { 200 } else { 404 });
                }
            }))
            .await;
        }
    }
}
