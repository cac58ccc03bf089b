//! Rows, one at a time and many at once, through both vocabularies and on both databases.

use crate::support::{BOTH, query, user};
use serde_json::json;

fn columns() -> serde_json::Value {
    json!([
        {"key": "title", "type": "string", "size": 20, "required": true},
        {"key": "count", "type": "integer", "min": 0, "max": 100, "default": 7},
        {"key": "price", "type": "float"},
        {"key": "done", "type": "boolean"},
        {"key": "at", "type": "datetime"},
        {"key": "mail", "type": "email"},
        {"key": "link", "type": "url"},
        {"key": "host", "type": "ip"},
        {"key": "mood", "type": "enum", "elements": ["good", "bad"]},
        {"key": "tags", "type": "string", "size": 5, "array": true},
        {"key": "numbers", "type": "integer", "array": true},
        {"key": "days", "type": "datetime", "array": true}
    ])
}

floe_testkit::both_databases! {
    async fn a_row_comes_back_as_it_was_made(floe: TestServer) {
        for words in BOTH {
            let project = floe.project(words.rows).await;
            let server = project.server();
            let at = words.make(&server, &[], false, &columns()).await;
            let data = json!({
                "title": "a \"quoted\" \\ text\n with ü and 😀",
                "count": 5, "price": 0.1, "done": true, "at": "2026-01-02T03:04:05.678+01:00", "mail": "a@b.co",
                "link": "https://a.b/c", "host": "::1", "mood": "good", "tags": ["a", "b\"", "ü"], "numbers": [1, 2, 3],
                "days": ["2026-01-02"],
            });
            let data = { let mut data = data; data["title"] = json!("\"q\" \\ \n ü😀"); data };
            let made = at.create(&server, "one", &data).await.expect(201);
            for (key, value) in data.as_object().unwrap() {
                match key.as_str() {
                    "at" => assert_eq!(made["at"], "2026-01-02T02:04:05.678+00:00"),
                    "days" => assert_eq!(made["days"], json!(["2026-01-02T00:00:00.000+00:00"])),
                    _ => assert_eq!(made[key], *value, "{key}"),
                }
            }
            assert_eq!((&made["$id"], &made["$sequence"], &made["$databaseId"]), (&json!("one"), &json!("1"), &json!("d")));
            assert_eq!(made[format!("${}", words.table_id)], "t");
            assert_eq!((&made["$permissions"], &made["$createdAt"]), (&json!([]), &made["$updatedAt"]));
            let got = server.get(&at.row("one")).await.expect(200);
            assert_eq!(got, made);
            let list = at.list(&server, &[]).await;
            assert_eq!(list, json!({"total": 1, words.rows: [made]}));
        }
    }

    async fn what_is_not_said_has_its_default(floe: TestServer) {
        for words in BOTH {
            let project = floe.project(words.rows).await;
            let server = project.server();
            let at = words.make(&server, &[], false, &columns()).await;
            let made = at.create(&server, "unique()", &json!({"title": "x"})).await.expect(201);
            assert_eq!((&made["count"], &made["price"], &made["tags"]), (&json!(7), &json!(null), &json!([])));
            assert_eq!(made["$id"].as_str().unwrap().len(), 20);
            let id = made["$id"].as_str().unwrap();
            assert_eq!(server.get(&at.row(id)).await.expect(200), made);
        }
    }

    async fn broken_rows_are_refused_in_words_that_clients_know(floe: TestServer) {
        for words in BOTH {
            let project = floe.project(words.rows).await;
            let server = project.server();
            let at = words.make(&server, &[], false, &columns()).await;
            let structure = words.kind("row", "invalid_structure");
            for (data, text) in [
                (json!({"count": 1}), r#"Missing required attribute "title""#),
                (json!({"title": null}), r#"Missing required attribute "title""#),
                (json!({"title": "x", "nope": 1}), r#"Unknown attribute: "nope""#),
                (json!({"title": "x", "$nope": 1}), r#"Unknown attribute: "$nope""#),
                (json!({"title": "x".repeat(21)}), r#"Attribute "title" has invalid type. Value must be a valid string and no longer than 20 chars"#),
                (json!({"title": 5}), r#"Attribute "title" has invalid type. Value must be a valid string and no longer than 20 chars"#),
                (json!({"title": "a\0b"}), r#"Attribute "title" has invalid type. Value must not contain a NUL character"#),
                (json!({"title": "x", "count": 101}), r#"Attribute "count" has invalid format. Value must be a valid range between 0 and 100"#),
                (json!({"title": "x", "count": "5"}), r#"Attribute "count" has invalid format. Value must be a valid integer"#),
                (json!({"title": "x", "done": 1}), r#"Attribute "done" has invalid type. Value must be a valid boolean"#),
                (json!({"title": "x", "mail": "no"}), r#"Attribute "mail" has invalid format. Value must be a valid email address"#),
                (json!({"title": "x", "mood": "so"}), r#"Attribute "mood" has invalid format. Value must be one of (good, bad)"#),
                (json!({"title": "x", "tags": "a"}), r#"Attribute "tags" must be an array"#),
                (json!({"title": "x", "tags": ["a", "toolong"]}), r#"Attribute "tags['1']" has invalid type. Value must be a valid string and no longer than 5 chars"#),
            ] {
                let answer = at.create(&server, "x", &data).await;
                answer.refused(400, &structure);
                assert_eq!(answer.body["message"], format!("Invalid document structure: {text}"));
            }
            assert_eq!(at.list(&server, &[]).await["total"], 0);
            at.create(&server, "x", &json!({})).await.refused(400, &structure);
            server.post(&at.rows, &json!({"data": {"title": "x"}})).await.refused(400, &words.kind("row", "missing_data"));
            server.post(&at.rows, &json!({words.row_id: "_x", "data": {"title": "x"}})).await.refused(400, "general_argument_invalid");
        }
    }

    async fn ids_and_unique_values_are_taken_once(floe: TestServer) {
        for words in BOTH {
            let project = floe.project(words.rows).await;
            let server = project.server();
            let at = words.make(&server, &[], false, &columns()).await;
            let index = json!({"key": "u", "type": "unique", words.columns: ["title", "count"]});
            server.post(&at.indexes, &index).await.ok(202);
            at.create(&server, "a", &json!({"title": "x"})).await.ok(201);
            at.create(&server, "a", &json!({"title": "y"})).await.refused(409, &words.kind("row", "already_exists"));
            at.create(&server, "b", &json!({"title": "x"})).await.refused(409, &words.kind("row", "unique_constraint_violation"));
            at.create(&server, "b", &json!({"title": "x", "count": 1})).await.ok(201);
            let change = json!({"data": {"count": 7}});
            server.patch(&at.row("b"), &change).await.refused(409, &words.kind("row", "unique_constraint_violation"));
            assert_eq!(server.get(&at.row("b")).await.expect(200)["count"], 1);
        }
    }

    async fn an_update_changes_what_it_says_and_nothing_else(floe: TestServer) {
        for words in BOTH {
            let project = floe.project(words.rows).await;
            let server = project.server();
            let at = words.make(&server, &[], false, &columns()).await;
            let made = at.create(&server, "a", &json!({"title": "x", "price": 1.5, "tags": ["a"]})).await.expect(201);
            floe.clock().advance(60);
            let changed = server.patch(&at.row("a"), &json!({"data": {"price": null, "count": 9}})).await.expect(200);
            assert_eq!((&changed["title"], &changed["price"], &changed["count"], &changed["tags"]), (&json!("x"), &json!(null), &json!(9), &json!(["a"])));
            assert_eq!(changed["$createdAt"], made["$createdAt"]);
            assert!(changed["$updatedAt"].as_str() > made["$updatedAt"].as_str());
            assert_eq!(server.get(&at.row("a")).await.expect(200), changed);
            let allowed = server.patch(&at.row("a"), &json!({"permissions": ["read(\"any\")"]})).await.expect(200);
            assert_eq!((&allowed["$permissions"], &allowed["count"]), (&json!(["read(\"any\")"]), &json!(9)));
            server.patch(&at.row("a"), &json!({"data": {}})).await.refused(400, &words.kind("row", "missing_payload"));
            let broken = server.patch(&at.row("a"), &json!({"data": {"title": null}})).await;
            broken.refused(400, &words.kind("row", "invalid_structure"));
            server.patch(&at.row("none"), &json!({"data": {"count": 1}})).await.refused(404, &words.kind("row", "not_found"));
        }
    }

    async fn an_upsert_makes_or_changes(floe: TestServer) {
        for words in BOTH {
            let project = floe.project(words.rows).await;
            let server = project.server();
            let at = words.make(&server, &[], false, &columns()).await;
            let made = server.put(&at.row("a"), &json!({"data": {"title": "x", "count": 1}})).await.expect(200);
            let changed = server.put(&at.row("a"), &json!({"data": {"title": "y"}, "permissions": ["read(\"any\")"]})).await.expect(200);
            assert_eq!((&changed["title"], &changed["count"], &changed["$sequence"]), (&json!("y"), &json!(1), &made["$sequence"]));
            let again = server.put(&at.row("a"), &json!({"data": {"title": "z"}})).await.expect(200);
            assert_eq!(again["$permissions"], json!(["read(\"any\")"]));
            server.put(&at.row("a"), &json!({"data": {"count": 1}})).await.refused(400, &words.kind("row", "invalid_structure"));
            assert_eq!(at.list(&server, &[]).await["total"], 1);
        }
    }

    async fn a_deleted_row_is_gone(floe: TestServer) {
        for words in BOTH {
            let project = floe.project(words.rows).await;
            let server = project.server();
            let at = words.make(&server, &[], false, &columns()).await;
            at.create(&server, "a", &json!({"title": "x"})).await.ok(201);
            let answer = server.delete(&at.row("a")).await;
            assert_eq!((answer.status, answer.text.as_str()), (204, ""));
            server.get(&at.row("a")).await.refused(404, &words.kind("row", "not_found"));
            server.delete(&at.row("a")).await.refused(404, &words.kind("row", "not_found"));
            assert_eq!(at.list(&server, &[]).await["total"], 0);
        }
    }

    async fn a_change_of_something_older_is_refused(floe: TestServer) {
        for words in BOTH {
            let project = floe.project(words.rows).await;
            let server = project.server();
            let at = words.make(&server, &[], false, &columns()).await;
            at.create(&server, "a", &json!({"title": "x"})).await.ok(201);
            let seen = floe.clock();
            let before = floe_kernel::time::Clock::now(seen).plus_seconds(-5).to_string();
            let late = server.clone().header("X-Appwrite-Timestamp", &before);
            let conflict = words.kind("row", "update_conflict");
            late.patch(&at.row("a"), &json!({"data": {"count": 1}})).await.refused(409, &conflict);
            late.put(&at.row("a"), &json!({"data": {"title": "y"}})).await.refused(409, &conflict);
            late.delete(&at.row("a")).await.refused(409, &conflict);
            let now = floe_kernel::time::Clock::now(seen).to_string();
            let current = server.clone().header("X-Appwrite-Timestamp", &now);
            let changed = current.patch(&at.row("a"), &json!({"data": {"count": 1}})).await.expect(200);
            // It was changed in the same millisecond, and is newer all the same.
            current.delete(&at.row("a")).await.refused(409, &conflict);
            let current = server.clone().header("X-Appwrite-Timestamp", changed["$updatedAt"].as_str().unwrap());
            current.delete(&at.row("a")).await.ok(204);
        }
    }

    async fn numbers_are_added_to(floe: TestServer) {
        for words in BOTH {
            let project = floe.project(words.rows).await;
            let server = project.server();
            let at = words.make(&server, &[], false, &columns()).await;
            at.create(&server, "a", &json!({"title": "x", "count": 5, "price": 1.5})).await.ok(201);
            let path = |column: &str, what: &str| format!("{}/{column}/{what}", at.row("a"));
            let after = server.patch(&path("count", "increment"), &json!({})).await.expect(200);
            assert_eq!(after["count"], 6);
            let after = server.patch(&path("count", "decrement"), &json!({"value": 2, "min": 4})).await.expect(200);
            assert_eq!(after["count"], 4);
            let after = server.patch(&path("price", "increment"), &json!({"value": 0.25})).await.expect(200);
            assert_eq!(after["price"], 1.75);
            let limit = words.kind("column", "limit_exceeded");
            server.patch(&path("count", "increment"), &json!({"value": 2, "max": 5})).await.refused(400, &limit);
            server.patch(&path("count", "increment"), &json!({"value": 1000})).await.refused(400, &words.kind("row", "invalid_structure"));
            server.patch(&path("count", "increment"), &json!({"value": 0})).await.refused(400, "general_argument_invalid");
            server.patch(&path("title", "increment"), &json!({})).await.refused(400, &words.kind("column", "type_invalid"));
            server.patch(&path("nope", "increment"), &json!({})).await.refused(404, &words.kind("column", "not_found"));
            assert_eq!(server.get(&at.row("a")).await.expect(200)["count"], 4);
        }
    }

    async fn many_rows_at_once_are_all_or_nothing(floe: TestServer) {
        for words in BOTH {
            let project = floe.project(words.rows).await;
            let server = project.server();
            let at = words.make(&server, &["create(\"any\")", "read(\"any\")"], false, &columns()).await;
            let rows: Vec<_> = (0..5).map(|n| json!({"$id": format!("r{n}"), "title": format!("t{n}"), "count": n})).collect();
            let made = server.post(&at.rows, &json!({words.rows: rows})).await.expect(201);
            assert_eq!(made["total"], 5);
            assert_eq!(crate::support::ids(&made[words.rows]), ["r0", "r1", "r2", "r3", "r4"]);
            let twice = json!({words.rows: [{"$id": "new", "title": "x"}, {"$id": "r1", "title": "x"}]});
            server.post(&at.rows, &twice).await.refused(409, &words.kind("row", "already_exists"));
            server.get(&at.row("new")).await.refused(404, &words.kind("row", "not_found"));
            let broken = json!({words.rows: [{"$id": "new", "title": "x"}, {"$id": "n2"}]});
            server.post(&at.rows, &broken).await.refused(400, &words.kind("row", "invalid_structure"));

            let upserted = server.put(&at.rows, &json!({words.rows: [{"$id": "r1", "title": "u"}, {"$id": "r9", "title": "v", "$permissions": ["read(\"any\")"]}]})).await.expect(200);
            assert_eq!((&upserted["total"], &upserted[words.rows][0]["count"]), (&json!(2), &json!(1)));
            assert_eq!(upserted[words.rows][1]["$permissions"], json!(["read(\"any\")"]));

            let some = json!({"data": {"title": "low"}, "queries": [query("lessThan", "count", &json!([3])).to_string()]});
            let updated = server.patch(&at.rows, &some).await.expect(200);
            assert_eq!((&updated["total"], &updated[words.rows][0]["title"]), (&json!(3), &json!("low")));
            assert_eq!(at.ids(&server, &[query("equal", "title", &json!(["low"]))]).await, ["r0", "r1", "r2"]);

            let two = json!({"queries": [query("equal", "title", &json!(["low"])).to_string(), json!({"method": "orderDesc", "attribute": "count"}).to_string(), json!({"method": "limit", "values": [2]}).to_string()]});
            let deleted = server.send(reqwest::Method::DELETE, &at.rows, Some(&two)).await.expect(200);
            assert_eq!(crate::support::ids(&deleted[words.rows]), ["r2", "r1"]);
            assert_eq!(at.ids(&server, &[]).await, ["r0", "r3", "r4", "r9"]);
            let all = server.send(reqwest::Method::DELETE, &at.rows, Some(&json!({}))).await.expect(200);
            assert_eq!((&all["total"], at.list(&server, &[]).await["total"].as_i64()), (&json!(4), Some(0)));

            let user = user(&project, "u").await;
            let one = json!({words.rows: [{"$id": "x", "title": "x"}]});
            user.post(&at.rows, &one).await.refused(401, "general_unauthorized_scope");
            user.put(&at.rows, &one).await.refused(401, "user_unauthorized");
            user.patch(&at.rows, &json!({"data": {"count": 1}})).await.refused(401, "user_unauthorized");
            user.send(reqwest::Method::DELETE, &at.rows, Some(&json!({}))).await.refused(401, "user_unauthorized");
            let both = json!({words.row_id: "x", "data": {"title": "x"}, words.rows: [{"title": "y"}]});
            server.post(&at.rows, &both).await.refused(400, "general_bad_request");
            let too_many: Vec<_> = (0..101).map(|_| json!({"title": "x"})).collect();
            server.post(&at.rows, &json!({words.rows: too_many})).await.refused(400, "general_argument_invalid");
        }
    }

    async fn a_bulk_change_reaches_every_row_that_matches(floe: TestServer) {
        let words = BOTH[0];
        let project = floe.project("p").await;
        let server = project.server();
        let at = words.make(&server, &[], false, &columns()).await;
        for start in [0, 100, 200] {
            let rows: Vec<_> = (start..start + 90).map(|n| json!({"$id": format!("r{n}"), "title": "old"})).collect();
            server.post(&at.rows, &json!({"rows": rows})).await.ok(201);
        }
        let change = json!({"data": {"title": "new"}, "queries": [query("equal", "title", &json!(["old"])).to_string()]});
        let changed = server.patch(&at.rows, &change).await.expect(200);
        assert_eq!((changed["total"].as_i64(), changed["rows"].as_array().unwrap().len()), (Some(270), 100));
        assert_eq!(at.list(&server, &[query("equal", "title", &json!(["new"]))]).await["total"], 270);
    }

    async fn only_servers_say_when_a_row_was_made(floe: TestServer) {
        for words in BOTH {
            let project = floe.project(words.rows).await;
            let server = project.server();
            let at = words.make(&server, &["create(\"any\")", "update(\"any\")"], false, &columns()).await;
            let dated = json!({"title": "x", "$createdAt": "2001-01-01", "$updatedAt": "2002-01-01T00:00:00.000+00:00",
                               "$id": "other", "$sequence": 77, "$permissions": ["read(\"any\")"], "$databaseId": "e", format!("${}", words.table_id): "e"});
            let made = at.create(&server, "a", &dated).await.expect(201);
            assert_eq!((&made["$createdAt"], &made["$updatedAt"]), (&json!("2001-01-01T00:00:00.000+00:00"), &json!("2002-01-01T00:00:00.000+00:00")));
            assert_eq!((&made["$id"], &made["$sequence"], &made["$permissions"], &made["$databaseId"]), (&json!("a"), &json!("1"), &json!([]), &json!("d")));
            let guest = project.guest();
            let made = at.create(&guest, "b", &dated).await.expect(201);
            assert_ne!(made["$createdAt"], json!("2001-01-01T00:00:00.000+00:00"));
            let changed = guest.patch(&at.row("b"), &json!({"data": {"$createdAt": "2001-01-01", "count": 1}})).await.expect(200);
            assert_eq!(changed["$createdAt"], made["$createdAt"]);
            let changed = server.patch(&at.row("b"), &json!({"data": {"$createdAt": "2001-01-01"}})).await.expect(200);
            assert_eq!(changed["$createdAt"], "2001-01-01T00:00:00.000+00:00");
        }
    }

    async fn transactions_that_do_not_exist_are_not_found(floe: TestServer) {
        for words in BOTH {
            let project = floe.project(words.rows).await;
            let server = project.server();
            let at = words.make(&server, &[], false, &columns()).await;
            let staged = json!({words.row_id: "a", "data": {"title": "x"}, "transactionId": "tx"});
            server.post(&at.rows, &staged).await.refused(404, "transaction_not_found");
            assert_eq!(at.list(&server, &[]).await["total"], 0);
        }
    }
}
