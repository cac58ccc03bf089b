//! The attacks of `security-cases.md` on rows, through both vocabularies and on both databases.

use crate::support::staging::Transaction;
use crate::support::{At, BOTH, Words, query, user};
use floe_testkit::{Client, Project};
use serde_json::{Value as Json, json};

const COLUMNS: &str = r#"[{"key": "a", "type": "string", "size": 20}, {"key": "secret", "type": "string", "size": 20}, {"key": "n", "type": "integer"}]"#;

async fn make(project: &Project, words: Words, permissions: &[&str], row_security: bool) -> At {
    words.make(&project.server(), permissions, row_security, &serde_json::from_str(COLUMNS).unwrap()).await
}

fn data(n: i64) -> Json {
    json!({"a": "x", "secret": "s3cret", "n": n})
}

/// What an answer says, but for the id of the request.
fn said(answer: &floe_testkit::Answer) -> (u16, Json) {
    let mut body = answer.body.clone();
    if let Some(body) = body.as_object_mut() {
        body.remove("requestId");
        // The id that was asked for stands in quotes.
        if let Some((before, rest)) = body["message"].as_str().and_then(|message| message.split_once('\'')) {
            body["message"] = format!("{before}{}", rest.split_once('\'').unwrap_or_default().1).into();
        }
    }
    (answer.status, body)
}

async fn every_write(client: &Client, at: &At, id: &str) -> Vec<floe_testkit::Answer> {
    vec![
        client.patch(&at.row(id), &json!({"data": {"a": "hacked"}})).await,
        client.patch(&at.row(id), &json!({"permissions": ["read(\"any\")"]})).await,
        client.put(&at.row(id), &json!({"data": {"a": "hacked"}})).await,
        client.patch(&format!("{}/n/increment", at.row(id)), &json!({})).await,
        client.patch(&format!("{}/n/decrement", at.row(id)), &json!({})).await,
        client.delete(&at.row(id)).await,
    ]
}

floe_testkit::both_databases! {
    /// SEC-122: what is new is closed.
    async fn a_new_table_is_nobodys(floe: TestServer) {
        for words in BOTH {
            for row_security in [false, true] {
                let project = floe.project(&format!("{}{row_security}", words.rows).to_lowercase()).await;
                let at = make(&project, words, &[], row_security).await;
                at.create(&project.server(), "r", &data(1)).await.ok(201);
                for client in [project.guest(), user(&project, "u").await] {
                    at.create(&client, "x", &data(1)).await.refused(401, "user_unauthorized");
                    client.get(&at.row("r")).await.refused(404, &words.kind("row", "not_found"));
                    let list = client.list(&at.rows, &[]).await;
                    if row_security {
                        assert_eq!(list.expect(200), json!({"total": 0, words.rows: []}));
                    } else {
                        list.refused(401, "user_unauthorized");
                        // Before anything is said of its columns.
                        client.list(&at.rows, &[query("equal", "nope", &json!([1]))]).await.refused(401, "user_unauthorized");
                    }
                    for answer in every_write(&client, &at, "r").await {
                        answer.refused(401, "user_unauthorized");
                    }
                }
                assert_eq!(project.server().get(&at.row("r")).await.expect(200)["a"], "x");
            }
        }
    }

    /// SEC-041, SEC-042, SEC-058.
    async fn a_row_is_its_owners(floe: TestServer) {
        for words in BOTH {
            let project = floe.project(words.rows).await;
            let at = make(&project, words, &["create(\"users\")"], true).await;
            let (ann, bob) = (user(&project, "ann").await, user(&project, "bob").await);
            let made = at.create(&ann, "r", &data(1)).await.expect(201);
            assert_eq!(made["$permissions"], json!(["read(\"user:ann\")", "update(\"user:ann\")", "delete(\"user:ann\")"]));
            assert_eq!(ann.get(&at.row("r")).await.expect(200), made);
            for other in [&bob, &project.guest()] {
                assert_eq!(at.list(other, &[]).await["total"], 0);
                let (foreign, missing) = (other.get(&at.row("r")).await, other.get(&at.row("none")).await);
                foreign.refused(404, &words.kind("row", "not_found"));
                assert_eq!(said(&foreign), said(&missing));
            }
            for (foreign, missing) in every_write(&bob, &at, "r").await.iter().zip(every_write(&project.guest(), &at, "none").await) {
                foreign.refused(401, "user_unauthorized");
                assert_eq!(said(foreign), said(&missing));
            }
            assert_eq!(ann.get(&at.row("r")).await.expect(200), made);
            ann.patch(&at.row("r"), &json!({"data": {"a": "mine"}})).await.ok(200);
            ann.put(&at.row("r"), &json!({"data": {"a": "still"}})).await.ok(200);
            ann.delete(&at.row("r")).await.ok(204);
        }
    }

    /// SEC-041: the table's permission is enough, and the only one that counts without row security.
    async fn without_row_security_only_the_table_counts(floe: TestServer) {
        for words in BOTH {
            let project = floe.project(words.rows).await;
            let at = make(&project, words, &["read(\"user:ann\")"], false).await;
            let (ann, bob) = (user(&project, "ann").await, user(&project, "bob").await);
            let open = ["read(\"any\")", "write(\"any\")"];
            at.create_with(&project.server(), "r", &data(1), &open).await.ok(201);
            ann.get(&at.row("r")).await.ok(200);
            assert_eq!(at.list(&ann, &[]).await["total"], 1);
            bob.get(&at.row("r")).await.refused(404, &words.kind("row", "not_found"));
            bob.list(&at.rows, &[]).await.refused(401, "user_unauthorized");
            for client in [&ann, &bob] {
                for answer in every_write(client, &at, "r").await {
                    answer.refused(401, "user_unauthorized");
                }
            }
        }
    }

    /// SEC-043.
    async fn nobody_gives_what_they_do_not_have(floe: TestServer) {
        for words in BOTH {
            let project = floe.project(words.rows).await;
            let at = make(&project, words, &["create(\"users\")"], true).await;
            let ann = user(&project, "ann").await;
            for role in ["user:bob", "team:x", "label:vip", "users/verified", "guests", "member:m"] {
                let permission = format!("read(\"{role}\")");
                at.create_with(&ann, "x", &data(1), &[&permission]).await.refused(401, "user_unauthorized");
                ann.put(&at.row("x"), &json!({"data": data(1), "permissions": [permission]})).await.refused(401, "user_unauthorized");
            }
            at.create(&ann, "r", &data(1)).await.ok(201);
            for role in ["user:bob", "team:x"] {
                let permission = format!("read(\"{role}\")");
                ann.patch(&at.row("r"), &json!({"permissions": [permission]})).await.refused(401, "user_unauthorized");
                ann.put(&at.row("r"), &json!({"data": data(1), "permissions": [permission]})).await.refused(401, "user_unauthorized");
            }
            for bad in ["read(\"*\")", "read(\"role:all\")", "create(\"any\")", "own(\"any\")", "read(any)"] {
                at.create_with(&ann, "x", &data(1), &[bad]).await.refused(400, "general_argument_invalid");
            }
            let shared = ["read(\"any\")", "update(\"users\")", "delete(\"user:ann/unverified\")"];
            at.create_with(&ann, "s", &data(1), &shared).await.ok(201);
            let bob = user(&project, "bob").await;
            bob.patch(&at.row("s"), &json!({"data": {"n": 2}})).await.ok(200);
            bob.delete(&at.row("s")).await.refused(401, "user_unauthorized");
            project.guest().get(&at.row("s")).await.ok(200);
            ann.delete(&at.row("s")).await.ok(204);
        }
    }

    /// SEC-044.
    async fn what_the_server_decides_can_not_be_said(floe: TestServer) {
        for words in BOTH {
            let project = floe.project(words.rows).await;
            let at = make(&project, words, &["create(\"users\")"], true).await;
            let (ann, bob) = (user(&project, "ann").await, user(&project, "bob").await);
            at.create(&ann, "r", &data(1)).await.ok(201);
            let forged = json!({"a": "x", "$id": "r", "$sequence": "1", "$permissions": ["read(\"user:ann\")"], "$databaseId": "e",
                                format!("${}", words.table_id): "e", "$createdAt": "2001-01-01", "$updatedAt": "2001-01-01"});
            let made = at.create(&bob, "b", &forged).await.expect(201);
            assert_eq!((&made["$id"], &made["$sequence"], &made["$databaseId"]), (&json!("b"), &json!("2"), &json!("d")));
            assert_eq!(made["$permissions"], json!(["read(\"user:bob\")", "update(\"user:bob\")", "delete(\"user:bob\")"]));
            assert!(!made["$createdAt"].as_str().unwrap().starts_with("2001"));
            for unknown in ["$createdBy", "$tenant", "$x", "_id", "_permissions", "c1"] {
                at.create(&bob, "x", &json!({"a": "x", unknown: "y"})).await.refused(400, &words.kind("row", "invalid_structure"));
                bob.patch(&at.row("b"), &json!({"data": {unknown: "y"}})).await.refused(400, &words.kind("row", "invalid_structure"));
            }
            at.create(&bob, "r", &data(1)).await.refused(409, &words.kind("row", "already_exists"));
        }
    }

    /// SEC-045, SEC-049: no query tells anything about rows that can't be read.
    async fn hidden_rows_answer_no_questions(floe: TestServer) {
        for words in BOTH {
            let project = floe.project(words.rows).await;
            let at = make(&project, words, &["create(\"users\")"], true).await;
            let (ann, bob) = (user(&project, "ann").await, user(&project, "bob").await);
            for n in 0..5 {
                at.create(&ann, &format!("ann{n}"), &json!({"a": "x", "secret": format!("s{n}"), "n": n})).await.ok(201);
            }
            at.create(&bob, "bob0", &json!({"a": "x", "secret": "b", "n": 99})).await.ok(201);
            for asked in [
                vec![],
                vec![query("startsWith", "secret", &json!(["s"]))],
                vec![query("equal", "secret", &json!(["s1"]))],
                vec![query("between", "n", &json!([0, 4]))],
                vec![query("equal", "$id", &json!(["ann1"]))],
                vec![json!({"method": "or", "values": [query("equal", "n", &json!([1])), query("equal", "n", &json!([99]))]})],
                vec![json!({"method": "orderDesc", "attribute": "secret"})],
                vec![json!({"method": "offset", "values": [1]})],
                vec![json!({"method": "select", "values": ["secret"]})],
            ] {
                let list = at.list(&bob, &asked).await;
                let expected: i64 = i64::from(list[words.rows].as_array().unwrap().iter().all(|row| row["$id"] == "bob0"));
                assert_eq!(expected, 1, "{asked:?}");
                assert!(list["total"].as_i64().unwrap() <= 1, "{asked:?}: {list}");
            }
            for method in ["cursorAfter", "cursorBefore"] {
                let (foreign, missing) = (
                    bob.list(&at.rows, &[json!({"method": method, "values": ["ann2"]})]).await,
                    bob.list(&at.rows, &[json!({"method": method, "values": ["none"]})]).await,
                );
                foreign.refused(400, "general_cursor_not_found");
                assert_eq!(said(&foreign), said(&missing));
            }
            assert_eq!(at.ids(&ann, &[]).await.len(), 5);
            assert_eq!(at.ids(&project.server(), &[]).await.len(), 6);
        }
    }

    /// SEC-048: bulk changes are not for clients at all.
    async fn clients_change_one_row_at_a_time(floe: TestServer) {
        for words in BOTH {
            let project = floe.project(words.rows).await;
            let at = make(&project, words, &["create(\"any\")", "read(\"any\")", "update(\"any\")", "delete(\"any\")"], true).await;
            at.create(&project.server(), "r", &data(1)).await.ok(201);
            for client in [project.guest(), user(&project, "u").await] {
                let rows = json!({words.rows: [{"$id": "x", "a": "y"}]});
                client.post(&at.rows, &rows).await.refused(401, "general_unauthorized_scope");
                client.put(&at.rows, &rows).await.refused(401, "user_unauthorized");
                client.patch(&at.rows, &json!({"data": {"a": "y"}})).await.refused(401, "user_unauthorized");
                client.send(reqwest::Method::DELETE, &at.rows, Some(&json!({"queries": []}))).await.refused(401, "user_unauthorized");
            }
            assert_eq!(at.ids(&project.server(), &[query("equal", "a", &json!(["x"]))]).await, ["r"]);
        }
    }

    /// SEC-050, SEC-054.
    async fn a_row_is_only_in_its_own_table(floe: TestServer) {
        for words in BOTH {
            let project = floe.project(words.rows).await;
            let server = project.server();
            let at = make(&project, words, &["read(\"any\")"], false).await;
            at.create(&server, "r", &data(1)).await.ok(201);
            server.post(&format!("{}/{}", words.database("d"), words.tables), &json!({words.table_id: "other", "name": "O", "permissions": ["read(\"any\")"]})).await.ok(201);
            server.post(words.service, &json!({"databaseId": "e", "name": "E"})).await.ok(201);
            let other = words.in_table("d", "other");
            server.get(&other.row("r")).await.refused(404, &words.kind("row", "not_found"));
            server.get(&format!("{}/a", other.columns)).await.refused(404, &words.kind("column", "not_found"));
            server.list(&other.rows, &[json!({"method": "cursorAfter", "values": ["r"]})]).await.refused(400, "general_cursor_not_found");
            server.get(&words.in_table("e", "t").row("r")).await.refused(404, &words.kind("table", "not_found"));
            for (client, name) in ["rows_1", "tables", "columns", "databases", "_metadata", "sqlite_master", "users", "permission_sets", "pg_class"].iter().flat_map(|name| [(project.guest(), name), (server.clone(), name)]) {
                let status = client.get(&words.in_table("d", name).rows).await.status;
                assert!(matches!(status, 400 | 404), "{name}: {status}");
            }
            let foreign = floe.project(&format!("{}x", words.rows)).await;
            foreign.server().get(&at.row("r")).await.refused(404, "database_not_found");
        }
    }

    /// SEC-056 in small: the same ids in two projects are two things, in memory too.
    async fn projects_do_not_see_each_other(floe: TestServer) {
        for words in BOTH {
            let (one, two) = (floe.project(&format!("{}1", words.rows)).await, floe.project(&format!("{}2", words.rows)).await);
            for (project, value) in [(&one, "one"), (&two, "two")] {
                let at = make(project, words, &["read(\"any\")", "create(\"any\")"], true).await;
                at.create_with(&project.server(), "r", &json!({"a": value}), &[&format!("update(\"user:{value}\")")]).await.ok(201);
            }
            let at = words.in_table("d", "t");
            for (project, value, other) in [(&one, "one", "two"), (&two, "two", "one")] {
                assert_eq!(project.guest().get(&at.row("r")).await.expect(200)["a"], value);
                user(project, value).await.patch(&at.row("r"), &json!({"data": {"n": 1}})).await.ok(200);
                user(project, other).await.patch(&at.row("r"), &json!({"data": {"n": 2}})).await.refused(401, "user_unauthorized");
            }
            one.server().delete(&at.table).await.ok(204);
            assert_eq!(two.guest().get(&at.row("r")).await.expect(200)["a"], "two");
        }
    }

    /// SEC-059, SEC-064.
    async fn hostile_names_are_refused_or_are_just_names(floe: TestServer) {
        for words in BOTH {
            let project = floe.project(words.rows).await;
            let server = project.server();
            let at = make(&project, words, &[], false).await;
            let long = "k".repeat(10_000);
            let hostile = ["", "a b", "a\"b", "a`b", "a'b", "a]b", "a;b", "a--b'", "a\0b", "😀", "a/b", "../x", "_x", "$x", ".x", "-x", &long, "__proto__", "é"];
            for name in hostile {
                let column = json!({"key": name, "size": 5, "required": false});
                server.post(&format!("{}/string", at.columns), &column).await.refused(400, "general_argument_invalid");
                let change = json!({"required": false, "default": null, "newKey": name});
                server.patch(&format!("{}/string/a", at.columns), &change).await.refused(400, "general_argument_invalid");
                server.post(&at.indexes, &json!({"key": name, "type": "key", words.columns: ["a"]})).await.refused(400, "general_argument_invalid");
                server.post(&at.indexes, &json!({"key": "i", "type": "key", words.columns: [name]})).await.refused(400, "general_argument_invalid");
                server.post(words.service, &json!({"databaseId": name, "name": "x"})).await.refused(400, "general_argument_invalid");
                let tables = format!("{}/{}", words.database("d"), words.tables);
                server.post(&tables, &json!({words.table_id: name, "name": "x"})).await.refused(400, "general_argument_invalid");
                let inline = json!({words.table_id: "i", "name": "x", words.columns: [{"key": name, "type": "boolean"}]});
                server.post(&tables, &inline).await.refused(400, "general_argument_invalid");
                at.create(&server, name, &data(1)).await.refused(400, "general_argument_invalid");
                at.create(&server, "x", &json!({"a": "x", name: 1})).await.refused(400, &words.kind("row", "invalid_structure"));
                if name.len() > 4000 {
                    server.list(&at.rows, &[query("equal", name, &json!(["x"]))]).await.refused(400, "general_argument_invalid");
                    continue;
                }
                server.list(&at.rows, &[query("equal", name, &json!(["x"]))]).await.refused(400, "general_query_invalid");
                if !name.is_empty() {
                    server.list(&at.rows, &[json!({"method": "orderAsc", "attribute": name})]).await.refused(400, "general_query_invalid");
                    server.list(&at.rows, &[json!({"method": "select", "values": [name]})]).await.refused(400, "general_query_invalid");
                }
            }
            for name in ["select", "from", "table", "sqlite_x", "pg_x", "constructor", "toString", "hasOwnProperty", "rowid", "oid", "ctid", "c1", "order", "default", "a-b", "a.b"] {
                server.post(&format!("{}/string", at.columns), &json!({"key": name, "size": 5, "required": false})).await.ok(202);
                server.post(&at.indexes, &json!({"key": name, "type": "key", words.columns: [name]})).await.ok(202);
                at.create(&server, name, &json!({name: "v"})).await.ok(201);
                assert_eq!(at.ids(&server, &[query("equal", name, &json!(["v"])), json!({"method": "orderAsc", "attribute": name})]).await, [name]);
                assert_eq!(server.get(&at.row(name)).await.expect(200)[name], "v");
            }
            for value in ["'; DROP TABLE rows_1; --", "\" OR 1=1 --", "{{7*7}}", "${x}", "\\", "%00"] {
                at.create(&server, "unique()", &json!({"a": &value[..value.len().min(20)]})).await.ok(201);
                let found = at.list(&server, &[query("equal", "a", &json!([&value[..value.len().min(20)]]))]).await;
                assert_eq!(found["total"], 1, "{value}");
            }
        }
    }

    async fn what_is_switched_off_is_not_there_for_clients(floe: TestServer) {
        for words in BOTH {
            let project = floe.project(words.rows).await;
            let server = project.server();
            let at = make(&project, words, &["read(\"any\")", "create(\"any\")"], false).await;
            at.create(&server, "r", &data(1)).await.ok(201);
            let guest = project.guest();
            guest.get(&at.row("r")).await.ok(200);
            server.put(&at.table, &json!({"enabled": false})).await.ok(200);
            let table = words.kind("table", "not_found");
            for answer in [guest.get(&at.row("r")).await, guest.get(&at.rows).await, at.create(&guest, "x", &data(1)).await] {
                answer.refused(404, &table);
            }
            for answer in every_write(&guest, &at, "r").await {
                answer.refused(404, &table);
            }
            server.get(&at.row("r")).await.ok(200);
            server.put(&at.table, &json!({"enabled": true})).await.ok(200);
            guest.get(&at.row("r")).await.ok(200);
            server.put(&words.database("d"), &json!({"enabled": false})).await.ok(200);
            guest.get(&at.row("r")).await.refused(404, "database_not_found");
            guest.get(&at.rows).await.refused(404, "database_not_found");
            server.get(&at.row("r")).await.ok(200);
            server.put(&words.database("d"), &json!({"enabled": true})).await.ok(200);
            guest.get(&at.row("r")).await.ok(200);
        }
    }

    /// A permission that is taken away is away with the answer.
    async fn permissions_of_a_table_count_from_the_moment_they_change(floe: TestServer) {
        for words in BOTH {
            let project = floe.project(words.rows).await;
            let server = project.server();
            let at = make(&project, words, &["read(\"any\")"], false).await;
            at.create(&server, "r", &data(1)).await.ok(201);
            let guest = project.guest();
            for _ in 0..3 {
                guest.get(&at.row("r")).await.ok(200);
                server.put(&at.table, &json!({"permissions": []})).await.ok(200);
                guest.get(&at.row("r")).await.refused(404, &words.kind("row", "not_found"));
                server.put(&at.table, &json!({"permissions": ["read(\"guests\")"]})).await.ok(200);
            }
        }
    }

    /// A set of permissions that was new in a unit of work that failed must not be remembered under its number.
    async fn permissions_of_a_failed_write_are_forgotten(floe: TestServer) {
        for words in BOTH {
            let project = floe.project(words.rows).await;
            let server = project.server();
            let at = make(&project, words, &[], true).await;
            at.create(&server, "r", &data(1)).await.ok(201);
            let refused = at.create_with(&server, "r", &data(1), &["read(\"user:eve\")"]).await;
            refused.refused(409, &words.kind("row", "already_exists"));
            at.create_with(&server, "s", &data(1), &["read(\"user:ann\")"]).await.ok(201);
            at.create_with(&server, "t", &data(1), &["read(\"user:eve\")"]).await.ok(201);
            let (ann, eve) = (user(&project, "ann").await, user(&project, "eve").await);
            assert_eq!((at.ids(&ann, &[]).await, at.ids(&eve, &[]).await), (vec!["s".to_owned()], vec!["t".to_owned()]));
            eve.get(&at.row("s")).await.refused(404, &words.kind("row", "not_found"));
            ann.get(&at.row("t")).await.refused(404, &words.kind("row", "not_found"));
        }
    }

    async fn a_race_for_one_id_has_one_winner(floe: TestServer) {
        let words = BOTH[0];
        let project = floe.project("p").await;
        let server = project.server();
        let at = make(&project, words, &[], false).await;
        let creates = (0..20).map(|n| { let (at, server) = (at.clone(), server.clone()); tokio::spawn(async move { at.create(&server, "r", &data(n)).await.status }) });
        let mut won = 0;
        for task in creates.collect::<Vec<_>>() {
            match task.await.unwrap() {
                201 => won += 1,
                status => assert_eq!(status, 409),
            }
        }
        assert_eq!(won, 1);
        let upserts = (0..20).map(|n| { let (at, server) = (at.clone(), server.clone()); tokio::spawn(async move { server.put(&at.row("u"), &json!({"data": data(n)})).await.status }) });
        for task in upserts.collect::<Vec<_>>() {
            assert_eq!(task.await.unwrap(), 200);
        }
        let adds = (0..20).map(|_| { let (at, server) = (at.clone(), server.clone()); tokio::spawn(async move { server.patch(&format!("{}/n/increment", at.row("c")), &json!({})).await.status }) });
        at.create(&server, "c", &data(0)).await.ok(201);
        for task in adds.collect::<Vec<_>>() {
            assert_eq!(task.await.unwrap(), 200);
        }
        assert_eq!(server.get(&at.row("c")).await.expect(200)["n"], 20);
    }

    /// Columns come and go while rows are written: no write fails for want of a column that it doesn't name.
    async fn rows_can_be_written_while_their_table_changes(floe: TestServer) {
        let words = BOTH[0];
        let project = floe.project("p").await;
        let server = project.server();
        let at = make(&project, words, &[], false).await;
        let writer = { let (at, server) = (at.clone(), server.clone()); tokio::spawn(async move {
            for n in 0..150 {
                at.create(&server, &format!("r{n}"), &json!({"a": "x"})).await.ok(201);
                server.get(&at.row(&format!("r{n}"))).await.ok(200);
                server.list(&at.rows, &[query("equal", "$id", &json!([format!("r{n}")]))]).await.ok(200);
            }
        }) };
        for n in 0..25 {
            let key = format!("k{n}");
            server.post(&format!("{}/integer", at.columns), &json!({"key": key, "required": false})).await.ok(202);
            server.delete(&format!("{}/{key}", at.columns)).await.ok(204);
        }
        writer.await.unwrap();
        let list = at.list(&server, &[]).await;
        assert_eq!(list["total"], 150);
    }

    async fn who_may_not_read_a_value_computes_nothing_from_it(floe: TestServer) {
        for words in BOTH {
            let project = floe.project(words.rows).await;
            let (server, ann) = (project.server(), user(&project, "ann").await);
            let at = make(&project, words, &["create(\"users\")", "update(\"users\")"], false).await;
            let mut told = Vec::new();
            for n in [1, 1_000_000] {
                let id = format!("n{n}");
                at.create(&server, &id, &data(n)).await.ok(201);
                let row = at.row(&id);
                let power = json!({"method": "power", "values": [9, 1000]}).to_string();
                let longer = json!({"method": "stringConcat", "values": ["fifteen letters"]}).to_string();
                let put = json!({"data": {"a": "x", "n": power}});
                let staged = Transaction::begin(&ann, &at).await;
                for answer in [
                    ann.patch(&format!("{row}/n/increment"), &json!({"max": 4})).await,
                    ann.patch(&format!("{row}/n/decrement"), &json!({"min": 4})).await,
                    ann.patch(&format!("{row}/n/increment"), &staged.with(json!({"max": 4}))).await,
                    ann.patch(&row, &json!({"data": {"n": power}})).await,
                    ann.patch(&row, &json!({"data": {"secret": longer}})).await,
                    ann.put(&row, &put).await,
                ] {
                    answer.refused(401, "user_unauthorized");
                    told.push(said(&answer));
                }
                // What isn't computed from it is written, and shown without it.
                let at_now = json!({"data": {"n": 3}});
                assert!(ann.patch(&row, &at_now).await.expect(200).get("n").is_none());
                assert_eq!(server.get(&row).await.expect(200)["n"], 3);
            }
            assert_eq!(told[..6], told[6..], "the value shows");
        }
    }
}
