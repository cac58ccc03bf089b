//! Databases, tables, columns and indexes, through both vocabularies and on both databases.

use crate::support::{BOTH, COLLECTIONS, TABLES, ids, query, user};
use serde_json::{Value as Json, json};

floe_testkit::both_databases! {
    async fn databases_are_seen_in_both_vocabularies(floe: TestServer) {
        let project = floe.project("p").await;
        let server = project.server();
        let made = server.post("/v1/tablesdb", &json!({"databaseId": "a", "name": "Shop"})).await.expect(201);
        assert_eq!((&made["$id"], &made["name"], &made["type"], &made["enabled"]), (&json!("a"), &json!("Shop"), &json!("tablesdb"), &json!(true)));
        let other = server.post("/v1/databases", &json!({"databaseId": "unique()", "name": "Blog", "enabled": false})).await.expect(201);
        assert_eq!((&other["type"], &other["enabled"]), (&json!("legacy"), &json!(false)));
        for words in BOTH {
            assert_eq!(server.get(&words.database("a")).await.expect(200), made);
            let list = server.get(words.service).await.expect(200);
            assert_eq!((&list["total"], &list["databases"][0]["$id"]), (&json!(2), &json!("a")));
            let found = server.get(&format!("{}?search=bLO", words.service)).await.expect(200);
            assert_eq!((&found["total"], &found["databases"][0]["name"]), (&json!(1), &json!("Blog")));
            let named = server.list(words.service, &[query("equal", "name", &json!(["Shop"]))]).await.expect(200);
            assert_eq!(named["total"], 1);
            let uncounted = server.get(&format!("{}?total=false", words.service)).await.expect(200);
            assert_eq!((&uncounted["total"], uncounted["databases"].as_array().unwrap().len()), (&json!(0), 2));
            server.post(words.service, &json!({"databaseId": "a", "name": "x"})).await.refused(409, "database_already_exists");
            server.get(&words.database("none")).await.refused(404, "database_not_found");
        }
        let renamed = server.put("/v1/databases/a", &json!({"name": "Store"})).await.expect(200);
        assert_eq!(renamed["name"], "Store");
        let kept = server.put("/v1/tablesdb/a", &json!({"enabled": false})).await.expect(200);
        assert_eq!((&kept["name"], &kept["enabled"]), (&json!("Store"), &json!(false)));
        server.delete("/v1/tablesdb/a").await.ok(204);
        server.get("/v1/databases/a").await.refused(404, "database_not_found");
    }

    async fn definitions_are_for_servers_alone(floe: TestServer) {
        for words in BOTH {
            let project = floe.project(words.rows).await;
            let at = words.make(&project.server(), &["read(\"any\")", "write(\"any\")"], false, &json!([])).await;
            for client in [project.guest(), user(&project, "u").await] {
                for path in [words.service, &words.database("d"), &at.table, &at.columns, &at.indexes] {
                    client.get(path).await.refused(401, "general_unauthorized_scope");
                }
                let column = json!({"key": "k", "size": 5, "required": false});
                client.post(&format!("{}/string", at.columns), &column).await.refused(401, "general_unauthorized_scope");
                client.delete(&at.table).await.refused(401, "general_unauthorized_scope");
            }
        }
    }

    async fn a_table_shows_everything_in_it(floe: TestServer) {
        for words in BOTH {
            let project = floe.project(words.rows).await;
            let server = project.server();
            server.post(words.service, &json!({"databaseId": "d", "name": "D"})).await.ok(201);
            let tables = format!("{}/{}", words.database("d"), words.tables);
            let made = server.post(&tables, &json!({
                words.table_id: "t", "name": "T", words.row_security: true, "permissions": ["read(\"any\")"],
                words.columns: [{"key": "a", "type": "string", "size": 9, "default": "x"}, {"key": "b", "type": "integer"}],
                "indexes": [{"key": "i", "type": "key", "attributes": ["b", "$createdAt"], "orders": ["DESC"]}],
            })).await.expect(201);
            assert_eq!((&made[words.row_security], &made["$permissions"], &made["databaseId"]), (&json!(true), &json!(["read(\"any\")"]), &json!("d")));
            assert_eq!((&made[words.columns][0]["key"], &made[words.columns][0]["status"]), (&json!("a"), &json!("available")));
            assert_eq!(made["indexes"][0][words.columns], json!(["b", "$createdAt"]));
            assert_eq!(server.get(&words.table("d", "t")).await.expect(200), made);
            let list = server.get(&tables).await.expect(200);
            assert_eq!(list, json!({"total": 1, words.tables: [made]}));
            server.post(&tables, &json!({words.table_id: "t", "name": "T"})).await.refused(409, &words.kind("table", "already_exists"));
            server.get(&words.table("d", "none")).await.refused(404, &words.kind("table", "not_found"));
            server.get(&words.table("none", "t")).await.refused(404, "database_not_found");
            let changed = server.put(&words.table("d", "t"), &json!({"name": "U"})).await.expect(200);
            assert_eq!((&changed["name"], &changed[words.row_security], &changed["$permissions"]), (&json!("U"), &json!(false), &json!(["read(\"any\")"])));
            server.delete(&words.table("d", "t")).await.ok(204);
            server.get(&words.table("d", "t")).await.refused(404, &words.kind("table", "not_found"));
            // A table of the same id is another one.
            server.post(&tables, &json!({words.table_id: "t", "name": "T"})).await.ok(201);
            assert_eq!(server.get(&format!("{}/{}", words.table("d", "t"), words.rows)).await.expect(200)["total"], 0);
        }
    }

    async fn every_type_of_column_can_be_made_read_and_changed(floe: TestServer) {
        for words in BOTH {
            let project = floe.project(words.rows).await;
            let server = project.server();
            let at = words.make(&server, &[], false, &json!([])).await;
            let types: [(&str, Json, Json, Json); 14] = [
                ("string", json!({"size": 10, "default": "x"}), json!({"type": "string", "size": 10, "default": "x"}), json!({"default": "y", "size": 5})),
                ("varchar", json!({"size": 10}), json!({"type": "varchar", "size": 10}), json!({"default": null})),
                ("text", json!({}), json!({"type": "text"}), json!({"default": "long"})),
                ("mediumtext", json!({}), json!({"type": "mediumtext"}), json!({"default": null})),
                ("longtext", json!({}), json!({"type": "longtext"}), json!({"default": null})),
                ("email", json!({"default": "a@b.co"}), json!({"type": "string", "format": "email", "default": "a@b.co"}), json!({"default": null})),
                ("url", json!({}), json!({"type": "string", "format": "url"}), json!({"default": "https://a.b"})),
                ("ip", json!({}), json!({"type": "string", "format": "ip"}), json!({"default": "1.2.3.4"})),
                ("enum", json!({"elements": ["a", "b"]}), json!({"type": "string", "format": "enum", "elements": ["a", "b"]}), json!({"elements": ["c"], "default": "c"})),
                ("integer", json!({"min": 1, "max": 5}), json!({"type": "integer", "min": 1, "max": 5}), json!({"max": 9, "default": 9})),
                ("bigint", json!({}), json!({"type": "bigint", "min": i64::MIN, "max": i64::MAX}), json!({"default": 1})),
                ("float", json!({"min": 0.5}), json!({"type": "double", "min": 0.5}), json!({"default": 1.5})),
                ("boolean", json!({"default": false}), json!({"type": "boolean", "default": false}), json!({"default": true})),
                ("datetime", json!({}), json!({"type": "datetime", "format": "datetime"}), json!({"default": "2026-01-02T03:04:05.000+00:00"})),
            ];
            for (kind, given, shown, change) in types {
                let mut body = json!({"key": kind, "required": false});
                body.as_object_mut().unwrap().extend(given.as_object().unwrap().clone());
                let made = server.post(&format!("{}/{kind}", at.columns), &body).await.expect(202);
                assert_eq!((&made["key"], &made["status"], &made["error"], &made["array"]), (&json!(kind), &json!("processing"), &json!(""), &json!(false)));
                let got = server.get(&format!("{}/{kind}", at.columns)).await.expect(200);
                assert_eq!(got["status"], "available");
                for (field, value) in shown.as_object().unwrap() {
                    assert_eq!((&made[field], &got[field]), (value, value), "{kind}.{field}");
                }
                let mut body = json!({"required": false});
                body.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
                let changed = server.patch(&format!("{}/{kind}/{kind}", at.columns), &body).await.expect(200);
                for (field, value) in change.as_object().unwrap() {
                    assert_eq!(&changed[field], value, "{kind}.{field}");
                }
                server.post(&format!("{}/{kind}", at.columns), &json!({"key": kind, "required": false, "size": 5, "elements": ["a"]})).await.refused(409, &words.kind("column", "already_exists"));
            }
            let list = server.get(&at.columns).await.expect(200);
            assert_eq!((&list["total"], list[words.columns].as_array().unwrap().len()), (&json!(14), 14));
            let filtered = server.list(&at.columns, &[query("equal", "type", &json!(["string"])), json!({"method": "limit", "values": [2]})]).await.expect(200);
            assert_eq!((&filtered["total"], filtered[words.columns].as_array().unwrap().len()), (&json!(5), 2));
            // A row gets every default.
            let made = at.create(&server, "r", &json!({"varchar": "v"})).await.expect(201);
            assert_eq!((&made["string"], &made["enum"], &made["integer"], &made["boolean"]), (&json!("y"), &json!("c"), &json!(9), &json!(true)));
            assert_eq!((&made["datetime"], &made["float"]), (&json!("2026-01-02T03:04:05.000+00:00"), &json!(1.5)));
        }
    }

    async fn columns_that_make_no_sense_are_refused(floe: TestServer) {
        for words in BOTH {
            let project = floe.project(words.rows).await;
            let server = project.server();
            let at = words.make(&server, &[], false, &json!([])).await;
            let default = words.kind("column", "default_unsupported");
            let value = words.kind("column", "value_invalid");
            let argument = "general_argument_invalid".to_owned();
            for (kind, body, error) in [
                ("string", json!({"size": 5, "required": true, "default": "x"}), &default),
                ("string", json!({"size": 5, "required": false, "array": true, "default": "x"}), &default),
                ("string", json!({"size": 5, "required": false, "default": "toolong"}), &value),
                ("string", json!({"size": 0, "required": false}), &argument),
                ("string", json!({"required": false}), &argument),
                ("string", json!({"size": 5}), &argument),
                ("string", json!({"size": 5, "required": false, "encrypt": true}), &"general_bad_request".to_owned()),
                ("integer", json!({"required": false, "min": 5, "max": 4}), &value),
                ("integer", json!({"required": false, "max": 4, "default": 5}), &value),
                ("integer", json!({"required": false, "default": "x"}), &argument),
                ("enum", json!({"required": false, "elements": []}), &value),
                ("enum", json!({"required": false, "elements": [""]}), &argument),
                ("enum", json!({"required": false, "elements": ["a"], "default": "b"}), &value),
                ("email", json!({"required": false, "default": "nobody"}), &argument),
                ("url", json!({"required": false, "default": "nowhere"}), &argument),
                ("ip", json!({"required": false, "default": "1.2.3"}), &argument),
                ("datetime", json!({"required": false, "default": "soon"}), &argument),
            ] {
                let mut body = body;
                body["key"] = json!("k");
                server.post(&format!("{}/{kind}", at.columns), &body).await.refused(400, error);
            }
            assert_eq!(server.get(&at.columns).await.expect(200)["total"], 0);
            server.get(&format!("{}/k", at.columns)).await.refused(404, &words.kind("column", "not_found"));
            server.delete(&format!("{}/k", at.columns)).await.refused(404, &words.kind("column", "not_found"));
        }
    }

    async fn a_column_is_renamed_with_its_values_and_indexes(floe: TestServer) {
        for words in BOTH {
            let project = floe.project(words.rows).await;
            let server = project.server();
            let at = words.make(&server, &[], false, &json!([{"key": "a", "type": "string", "size": 10}, {"key": "b", "type": "integer"}])).await;
            server.post(&at.indexes, &json!({"key": "i", "type": "key", words.columns: ["a", "b"]})).await.ok(202);
            at.create(&server, "r", &json!({"a": "kept"})).await.ok(201);
            let change = json!({"required": false, "default": null, "newKey": "c"});
            let renamed = server.patch(&format!("{}/string/a", at.columns), &change).await.expect(200);
            assert_eq!(renamed["key"], "c");
            let row = server.get(&at.row("r")).await.expect(200);
            assert_eq!((&row["c"], row.get("a")), (&json!("kept"), None));
            assert_eq!(server.get(&format!("{}/i", at.indexes)).await.expect(200)[words.columns], json!(["c", "b"]));
            let taken = json!({"required": false, "default": null, "newKey": "b"});
            server.patch(&format!("{}/string/c", at.columns), &taken).await.refused(409, &words.kind("column", "already_exists"));
            server.patch(&format!("{}/integer/c", at.columns), &json!({"required": false, "default": null})).await.refused(400, &words.kind("column", "type_invalid"));
            let small = json!({"required": false, "default": null, "size": 3});
            server.patch(&format!("{}/string/c", at.columns), &small).await.refused(400, &words.kind("column", "invalid_resize"));
        }
    }

    /// SEC-053.
    async fn a_column_that_was_deleted_leaves_nothing_behind(floe: TestServer) {
        for words in BOTH {
            let project = floe.project(words.rows).await;
            let server = project.server();
            let at = words.make(&server, &[], false, &json!([{"key": "a", "type": "string", "size": 10}, {"key": "b", "type": "integer"}])).await;
            server.post(&at.indexes, &json!({"key": "i", "type": "unique", words.columns: ["a"]})).await.ok(202);
            at.create(&server, "r", &json!({"a": "old", "b": 1})).await.ok(201);
            server.delete(&format!("{}/a", at.columns)).await.ok(204);
            assert_eq!(server.get(&at.row("r")).await.expect(200).get("a"), None);
            at.create(&server, "s", &json!({"a": "x"})).await.refused(400, &words.kind("row", "invalid_structure"));
            server.get(&format!("{}/i", at.indexes)).await.refused(404, if words.rows == "rows" { "column_index_not_found" } else { "index_not_found" });
            server.post(&format!("{}/string", at.columns), &json!({"key": "a", "size": 5, "required": false})).await.ok(202);
            assert_eq!(server.get(&at.row("r")).await.expect(200)["a"], json!(null));
            // No longer unique.
            at.create(&server, "s", &json!({"a": "x"})).await.ok(201);
            at.create(&server, "u", &json!({"a": "x"})).await.ok(201);
            assert_eq!(at.ids(&server, &[query("equal", "a", &json!(["old"]))]).await.len(), 0);
        }
    }

    async fn indexes_are_made_listed_and_removed(floe: TestServer) {
        for words in BOTH {
            let project = floe.project(words.rows).await;
            let server = project.server();
            let at = words.make(&server, &[], false, &json!([{"key": "a", "type": "string", "size": 10}, {"key": "l", "type": "string", "size": 10, "array": true}, {"key": "big", "type": "string", "size": 5000}])).await;
            let made = server.post(&at.indexes, &json!({"key": "i", "type": "key", words.columns: ["a"], "orders": ["desc"], "lengths": [null]})).await.expect(202);
            assert_eq!((&made["status"], &made["type"], &made["orders"], &made["$id"]), (&json!("processing"), &json!("key"), &json!(["desc"]), &json!("i")));
            assert_eq!(server.get(&format!("{}/i", at.indexes)).await.expect(200)["status"], "available");
            let list = server.get(&at.indexes).await.expect(200);
            assert_eq!((&list["total"], &list["indexes"][0]["key"]), (&json!(1), &json!("i")));
            let about = server.list(&at.indexes, &[query("contains", words.columns, &json!(["a"]))]).await.expect(200);
            assert_eq!(about["total"], 1);
            let invalid = if words.rows == "rows" { "column_index_invalid" } else { "index_invalid" };
            let exists = if words.rows == "rows" { "column_index_already_exists" } else { "index_already_exists" };
            for (body, status, error) in [
                (json!({"key": "i", "type": "key", words.columns: ["a"]}), 409, exists),
                (json!({"key": "j", "type": "key", words.columns: []}), 400, invalid),
                (json!({"key": "j", "type": "key", words.columns: ["a", "a"]}), 400, invalid),
                (json!({"key": "j", "type": "key", words.columns: ["l"]}), 400, "index_invalid"),
                (json!({"key": "j", "type": "key", words.columns: ["big"]}), 400, invalid),
                (json!({"key": "j", "type": "key", words.columns: ["none"]}), 400, &words.kind("column", "unknown")),
                (json!({"key": "j", "type": "hnsw_cosine", words.columns: ["a"]}), 400, "general_argument_invalid"),
                (json!({"key": "j", "type": "key", words.columns: ["a"], "orders": ["up"]}), 400, "general_argument_invalid"),
            ] {
                server.post(&at.indexes, &body).await.refused(status, error);
            }
            server.delete(&format!("{}/i", at.indexes)).await.ok(204);
            assert_eq!(server.get(&at.indexes).await.expect(200)["total"], 0);
        }
    }

    async fn an_index_over_long_texts_counts_their_beginning(floe: TestServer) {
        for words in BOTH {
            let project = floe.project(words.rows).await;
            let server = project.server();
            let columns = json!([{"key": "a", "type": "string", "size": 100_000}, {"key": "b", "type": "text"}]);
            let at = words.make(&server, &[], false, &columns).await;
            for (key, kind, column, length) in [("k", "key", "b", 700), ("u", "unique", "a", 3)] {
                let index = json!({"key": key, "type": kind, words.columns: [column], "lengths": [length]});
                server.post(&at.indexes, &index).await.ok(202);
            }
            // Random, so that no database can make it short enough for an index.
            let long: String = (0..5000).map(|_| floe_kernel::secret::random_hex(4)).collect();
            let row = |start: &str| json!({"a": format!("{start}{long}"), "b": long});
            at.create(&server, "x", &row("abc")).await.ok(201);
            at.create(&server, "y", &row("abd")).await.ok(201);
            let taken = words.kind("row", "unique_constraint_violation");
            at.create(&server, "z", &row("abc")).await.refused(409, &taken);
            assert_eq!(at.ids(&server, &[query("startsWith", "a", &json!(["abd"]))]).await, ["y"]);
            // A column that grows is still one that its indexes can hold, or it doesn't grow.
            let short = json!({"key": "c", "size": 10, "required": false});
            server.post(&format!("{}/string", at.columns), &short).await.ok(202);
            for (key, lengths) in [("part", json!([10])), ("whole", json!([]))] {
                let index = json!({"key": key, "type": "unique", words.columns: ["c"], "lengths": lengths});
                server.post(&at.indexes, &index).await.ok(202);
            }
            let invalid = if words.rows == "rows" { "column_index_invalid" } else { "index_invalid" };
            let grow = json!({"required": false, "default": null, "size": 9000});
            server.patch(&format!("{}/string/c", at.columns), &grow).await.refused(400, invalid);
            server.delete(&format!("{}/whole", at.indexes)).await.ok(204);
            server.patch(&format!("{}/string/c", at.columns), &grow).await.ok(200);
            at.create(&server, "l", &json!({"c": &long[..9000]})).await.ok(201);
            at.create(&server, "m", &json!({"c": &long[..8000]})).await.refused(409, &taken);
        }
    }

    async fn a_unique_index_that_rows_stand_against_has_failed(floe: TestServer) {
        for words in BOTH {
            let project = floe.project(words.rows).await;
            let server = project.server();
            let at = words.make(&server, &[], false, &json!([{"key": "a", "type": "string", "size": 10}])).await;
            for id in ["x", "y"] {
                at.create(&server, id, &json!({"a": "same"})).await.ok(201);
            }
            server.post(&at.indexes, &json!({"key": "i", "type": "unique", words.columns: ["a"]})).await.ok(202);
            let index = server.get(&format!("{}/i", at.indexes)).await.expect(200);
            assert_eq!(index["status"], "failed");
            assert!(index["error"].as_str().unwrap().contains("same values"));
            at.create(&server, "z", &json!({"a": "same"})).await.ok(201);
            server.delete(&format!("{}/i", at.indexes)).await.ok(204);
        }
    }

    async fn a_required_column_is_for_new_rows(floe: TestServer) {
        for words in BOTH {
            let project = floe.project(words.rows).await;
            let server = project.server();
            let at = words.make(&server, &[], false, &json!([{"key": "a", "type": "string", "size": 10}])).await;
            at.create(&server, "old", &json!({"a": "x"})).await.ok(201);
            server.post(&format!("{}/integer", at.columns), &json!({"key": "n", "required": true})).await.ok(202);
            at.create(&server, "new", &json!({"a": "x"})).await.refused(400, &words.kind("row", "invalid_structure"));
            assert_eq!(server.get(&at.row("old")).await.expect(200)["n"], json!(null));
            server.patch(&at.row("old"), &json!({"data": {"a": "y"}})).await.ok(200);
        }
    }

    async fn both_vocabularies_speak_of_the_same_table(floe: TestServer) {
        let project = floe.project("p").await;
        let server = project.server();
        let rows = TABLES.make(&server, &[], false, &json!([{"key": "a", "type": "string", "size": 10}])).await;
        let documents = COLLECTIONS.in_table("d", "t");
        let made = rows.create(&server, "r", &json!({"a": "x"})).await.expect(201);
        let got = server.get(&documents.row("r")).await.expect(200);
        assert_eq!((&got["a"], &got["$sequence"], &got["$collectionId"], got.get("$tableId")), (&json!("x"), &made["$sequence"], &json!("t"), None));
        server.patch(&documents.row("r"), &json!({"data": {"a": "y"}})).await.ok(200);
        assert_eq!(server.get(&rows.row("r")).await.expect(200)["a"], "y");
        server.delete("/v1/databases/d/collections/t").await.ok(204);
        server.get(&rows.row("r")).await.refused(404, "table_not_found");
    }

    async fn lists_of_tables_page_and_filter(floe: TestServer) {
        for words in BOTH {
            let project = floe.project(words.rows).await;
            let server = project.server();
            server.post(words.service, &json!({"databaseId": "d", "name": "D"})).await.ok(201);
            let tables = format!("{}/{}", words.database("d"), words.tables);
            for name in ["c", "a", "b"] {
                server.post(&tables, &json!({words.table_id: name, "name": format!("name {name}"), "enabled": name != "a"})).await.ok(201);
            }
            let of = async |queries: &[Json]| ids(&server.list(&tables, queries).await.expect(200)[words.tables]);
            assert_eq!(of(&[json!({"method": "orderAsc", "attribute": "name"})]).await, ["a", "b", "c"]);
            assert_eq!(of(&[json!({"method": "cursorAfter", "values": ["c"]}), json!({"method": "limit", "values": [1]})]).await, ["a"]);
            assert_eq!(of(&[query("equal", "enabled", &json!([true]))]).await, ["c", "b"]);
            server.list(&tables, &[query("equal", "database_number", &json!([1]))]).await.refused(400, "general_argument_invalid");
            server.list(&tables, &[json!({"method": "cursorAfter", "values": ["none"]})]).await.refused(400, "general_cursor_not_found");
        }
    }

    async fn scopes_open_only_their_own_rooms(floe: TestServer) {
                for words in BOTH {
            let project = floe.project(words.rows).await;
            let at = words.make(&project.server(), &[], false, &json!([{"key": "a", "type": "string", "size": 10}])).await;
            let reader = project.with_key(&floe.key(&project.id, "rows.read,documents.read").await);
            reader.get(&at.rows).await.ok(200);
            at.create(&reader, "a", &json!({"a": "x"})).await.refused(401, "general_unauthorized_scope");
            reader.put(&at.row("a"), &json!({"data": {"a": "x"}})).await.refused(401, "general_unauthorized_scope");
            reader.patch(&at.rows, &json!({"data": {"a": "x"}})).await.refused(401, "general_unauthorized_scope");
            reader.send(reqwest::Method::DELETE, &at.rows, None).await.refused(401, "general_unauthorized_scope");
            reader.get(&at.columns).await.refused(401, "general_unauthorized_scope");
            let definer = project.with_key(&floe.key(&project.id, "tables.write,collections.write").await);
            definer.get(&at.rows).await.refused(401, "general_unauthorized_scope");
        }
    }
}
