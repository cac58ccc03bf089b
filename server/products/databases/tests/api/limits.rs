//! How many and how wide columns and indexes may be, and what their definitions may say.

use crate::support::background::sql;
use crate::support::{At, BOTH, TABLES, Words};
use serde_json::{Value as Json, json};

/// What every row has, as Appwrite counts.
const EMPTY: i64 = 1067;

fn index_kind(words: Words, rest: &str) -> String {
    format!("{}index_{rest}", if words.rows == "rows" { "column_" } else { "" })
}

async fn used(server: &floe_testkit::Client, at: &At) -> i64 {
    let table = server.get(&at.table).await.expect(200);
    assert_eq!(table["bytesMax"], 65_535);
    table["bytesUsed"].as_i64().unwrap()
}

floe_testkit::both_databases! {
    async fn a_table_shows_how_wide_its_rows_are(floe: TestServer) {
        for words in BOTH {
            let project = floe.project(words.rows).await;
            let server = project.server();
            let at = words.make(&server, &[], false, &json!([])).await;
            let mut width = EMPTY;
            assert_eq!(used(&server, &at).await, width);
            for (kind, more, bytes) in [
                ("string", json!({"size": 255}), 1021),
                ("string", json!({"size": 256}), 1026),
                ("string", json!({"size": 16_382}), 20),
                ("string", json!({"size": 255, "array": true}), 20),
                ("varchar", json!({"size": 1}), 5),
                ("text", json!({}), 20),
                ("email", json!({}), 1017),
                ("enum", json!({"elements": ["a"]}), 1021),
                ("ip", json!({}), 157),
                ("integer", json!({"max": 2_147_483_647}), 4),
                ("integer", json!({}), 8),
                ("bigint", json!({"max": 1}), 8),
                ("float", json!({}), 8),
                ("boolean", json!({}), 1),
                ("datetime", json!({}), 7),
            ] {
                let mut column = more;
                column["key"] = json!(format!("c{width}"));
                column["required"] = json!(false);
                server.post(&format!("{}/{kind}", at.columns), &column).await.ok(202);
                width += bytes;
                assert_eq!(used(&server, &at).await, width, "{kind} {column}");
            }
        }
    }

    async fn an_answer_holds_no_more_bytes_than_it_may(floe: TestServer) {
        let words = BOTH[0];
        let project = floe.project(words.rows).await;
        let server = project.server();
        let at = words.make(&server, &[], false, &json!([{"key": "a", "type": "string", "size": 6_000_000}])).await;
        let long = "x".repeat(6_000_000);
        for n in 0..6 {
            at.create(&server, &format!("r{n}"), &json!({"a": long})).await.ok(201);
        }
        let answer = server.list(&at.rows, &[]).await;
        answer.refused(400, "general_query_invalid");
        assert!(answer.text.contains("32 MiB") && answer.text.contains("shorter page"), "{}", answer.text);
        let limit = json!({"method": "limit", "values": [5]});
        assert_eq!(at.ids(&server, &[limit]).await.len(), 5);
        let select = json!({"method": "select", "values": ["$id"]});
        assert_eq!(at.ids(&server, &[select]).await.len(), 6);
        // Each change may double it, but not for ever.
        let doubled = json!({"method": "stringReplace", "values": ["x", "xx"]}).to_string();
        let answer = server.patch(&at.row("r0"), &json!({"data": {"a": doubled}})).await;
        answer.refused(400, &words.kind("row", "invalid_structure"));
        server.get(&at.row("r0")).await.ok(200);
    }

    async fn a_row_has_no_more_bytes_than_appwrite_allows(floe: TestServer) {
        for words in BOTH {
            let project = floe.project(words.rows).await;
            let server = project.server();
            let at = words.make(&server, &[], false, &json!([{"key": "a", "type": "string", "size": 16_000}])).await;
            let column = |key: &str, size: i64| json!({"key": key, "size": size, "required": false});
            let strings = format!("{}/string", at.columns);
            let limit = words.kind("column", "limit_exceeded");
            server.post(&strings, &column("b", 200)).await.refused(400, &limit);
            server.post(&strings, &column("b", 100)).await.ok(202);
            let size = |size: i64| json!({"required": false, "default": null, "size": size});
            server.patch(&format!("{strings}/b"), &size(200)).await.refused(400, &limit);
            server.patch(&format!("{strings}/b"), &size(10)).await.ok(200);
            // What is kept beside the row hardly counts.
            server.patch(&format!("{strings}/a"), &size(1_000_000)).await.ok(200);
            server.post(&strings, &column("c", 16_000)).await.ok(202);
            let wide: Vec<Json> = (0..2).map(|n| json!({"key": format!("k{n}"), "type": "varchar", "size": 9000})).collect();
            let table = json!({words.table_id: "wide", "name": "Wide", words.columns: wide});
            server.post(&format!("{}/{}", words.database("d"), words.tables), &table).await.refused(400, &limit);
            server.get(&words.table("d", "wide")).await.refused(404, &words.kind("table", "not_found"));
        }
    }

    async fn a_table_has_no_more_columns_than_appwrite_allows(floe: TestServer) {
        let project = floe.project("p").await;
        let server = project.server();
        let at = TABLES.make(&server, &[], false, &json!([])).await;
        for n in 0..1017 {
            sql(&floe, "p", &format!("INSERT INTO columns (table_number, key, type, format, size, required, \"array\", rules, status, error, created_at, updated_at) VALUES (1, 'k{n}', 'boolean', '', 0, FALSE, FALSE, '{{}}', 'available', '', 0, 0)")).await;
        }
        let column = json!({"key": "one_too_many", "required": false});
        server.post(&format!("{}/boolean", at.columns), &column).await.refused(400, "column_limit_exceeded");
        let taken = json!({"key": "k7", "required": false});
        server.post(&format!("{}/boolean", at.columns), &taken).await.refused(409, "column_already_exists");
    }

    async fn a_table_has_no_more_indexes_than_appwrite_allows(floe: TestServer) {
        for words in BOTH {
            let project = floe.project(words.rows).await;
            let server = project.server();
            let at = words.make(&server, &[], false, &json!([{"key": "a", "type": "integer"}])).await;
            let index = |n: usize| json!({"key": format!("i{n}"), "type": "key", words.columns: ["a"]});
            for n in 0..58 {
                server.post(&at.indexes, &index(n)).await.ok(202);
            }
            server.post(&at.indexes, &index(58)).await.refused(400, &index_kind(words, "limit_exceeded"));
        }
    }

    async fn an_index_says_what_is_wrong_with_it(floe: TestServer) {
        for words in BOTH {
            let project = floe.project(words.rows).await;
            let server = project.server();
            let columns = json!([
                {"key": "s", "type": "string", "size": 100}, {"key": "big", "type": "string", "size": 769}, {"key": "n", "type": "integer"},
                {"key": "l", "type": "string", "size": 10, "array": true}, {"key": "long", "type": "string", "size": 600},
            ]);
            let at = words.make(&server, &[], false, &columns).await;
            let invalid = index_kind(words, "invalid");
            for (key, kind, over, lengths, message) in [
                ("i", "key", json!([]), json!([]), String::from("No attributes provided for index")),
                ("i", "key", json!(["s", "s"]), json!([]), "Duplicate attributes provided".into()),
                ("i", "key", json!(["l"]), json!([5]), "Creating indexes on array attributes is not currently supported.".into()),
                ("i", "key", json!(["big"]), json!([]), "Index length is longer than the maximum: 768".into()),
                ("i", "key", json!(["long", "$id"]), json!([]), "Index length is longer than the maximum: 768".into()),
                ("i", "key", json!(["s"]), json!([101]), "Index length 101 is larger than the size for s: 100\"".into()),
                ("i", "key", json!(["s"]), json!([-1]), "Negative index length provided for s".into()),
                ("i", "key", json!(["n"]), json!([3]), "Cannot set a length on \"integer\" attributes".into()),
                ("i", "key", json!(["s"]), json!([1, 2]), "Invalid index lengths. Count of lengths must be equal or less than the number of attributes.".into()),
                ("Primary", "key", json!(["s"]), json!([]), "Index key name is reserved".into()),
            ] {
                let index = json!({"key": key, "type": kind, words.columns: over, "lengths": lengths});
                let refused = server.post(&at.indexes, &index).await;
                assert_eq!(refused.body["message"], message);
                // Of lists Appwrite says the same in both vocabularies.
                let of_lists = over == json!(["l"]);
                refused.refused(400, if of_lists { "index_invalid" } else { &invalid });
            }
            let odd = json!({"key": "i", "type": "odd", words.columns: ["s"]});
            server.post(&at.indexes, &odd).await.refused(400, "general_argument_invalid");
            assert_eq!(server.get(&at.indexes).await.expect(200)["total"], 0);
            let good = json!({"key": "i", "type": "KEY", words.columns: ["s", "n", "$id", "$createdAt"], "lengths": [100, 0], "orders": ["ASC", "desc"]});
            server.post(&at.indexes, &good).await.ok(202);
        }
    }

    /// SEC-064.
    async fn names_of_other_languages_are_just_names(floe: TestServer) {
        for words in BOTH {
            let project = floe.project(words.rows).await;
            let server = project.server();
            let at = words.make(&server, &[], false, &json!([])).await;
            let names = ["constructor", "toString", "hasOwnProperty", "prototype", "select", "order", "table", "index", "rowid", "oid", "ctid", "null"];
            let mut data = json!({});
            for name in names {
                server.post(&format!("{}/string", at.columns), &json!({"key": name, "size": 20, "required": false})).await.ok(202);
                server.post(&at.indexes, &json!({"key": name, "type": "key", words.columns: [name]})).await.ok(202);
                data[name] = json!(format!("of {name}"));
            }
            let made = at.create(&server, "constructor", &data).await.expect(201);
            for name in names {
                assert_eq!(made[name], format!("of {name}"));
                let found = at.ids(&server, &[crate::support::query("equal", name, &json!([format!("of {name}")]))]).await;
                assert_eq!(found, ["constructor"]);
            }
            // A name doesn't begin with a special character, so this one is none.
            server.post(&format!("{}/boolean", at.columns), &json!({"key": "__proto__", "required": false})).await.refused(400, "general_argument_invalid");
            at.create(&server, "p", &json!({"__proto__": {"x": 1}})).await.refused(400, &words.kind("row", "invalid_structure"));
        }
    }

    /// SEC-059.
    async fn names_that_are_none_are_refused(floe: TestServer) {
        for words in BOTH {
            let project = floe.project(words.rows).await;
            let server = project.server();
            let at = words.make(&server, &[], false, &json!([{"key": "a", "type": "integer"}])).await;
            let long = "k".repeat(10_000);
            for name in ["\"", "`", "'", "]", ";", "--", "a\0b", "\u{1f600}", "sqlite_ master", "pg_(x)", "a b", "ä", "_a", ".a", "-a", "", &long, &long[..37]] {
                let bad = "general_argument_invalid";
                server.post(&format!("{}/integer", at.columns), &json!({"key": name, "required": false})).await.refused(400, bad);
                server.post(&at.indexes, &json!({"key": name, "type": "key", words.columns: ["a"]})).await.refused(400, bad);
                server.post(&at.indexes, &json!({"key": "i", "type": "key", words.columns: [name]})).await.refused(400, bad);
                let inline = json!({words.table_id: "i", "name": "I", words.columns: [{"key": name, "type": "integer"}]});
                let tables = format!("{}/{}", words.database("d"), words.tables);
                server.post(&tables, &inline).await.refused(400, bad);
                server.post(&tables, &json!({words.table_id: name, "name": "I"})).await.refused(400, bad);
                server.post(words.service, &json!({"databaseId": name, "name": "I"})).await.refused(400, bad);
                let rename = json!({"required": false, "default": null, "newKey": name});
                server.patch(&format!("{}/integer/a", at.columns), &rename).await.refused(400, bad);
            }
            // Data is just data, whatever it looks like.
            let odd = ["a\"b", "x'); DROP TABLE rows_1; --", "]]", "😀"];
            let column = json!({"key": "e", "required": false, "elements": odd, "default": odd[1]});
            server.post(&format!("{}/enum", at.columns), &column).await.ok(202);
            assert_eq!(at.create(&server, "r", &json!({"a": 1})).await.expect(201)["e"], odd[1]);
        }
    }

    /// SEC-050 and SEC-054.
    async fn definitions_are_found_in_their_own_table_alone(floe: TestServer) {
        for words in BOTH {
            let project = floe.project(words.rows).await;
            let server = project.server();
            let at = words.make(&server, &[], false, &json!([{"key": "a", "type": "integer"}])).await;
            server.post(&at.indexes, &json!({"key": "i", "type": "key", words.columns: ["a"]})).await.ok(202);
            let tables = format!("{}/{}", words.database("d"), words.tables);
            server.post(&tables, &json!({words.table_id: "other", "name": "O"})).await.ok(201);
            server.post(words.service, &json!({"databaseId": "e", "name": "E"})).await.ok(201);
            let other = words.in_table("d", "other");
            let change = json!({"required": false, "default": null});
            let (no_column, no_index) = (words.kind("column", "not_found"), index_kind(words, "not_found"));
            server.get(&format!("{}/a", other.columns)).await.refused(404, &no_column);
            server.patch(&format!("{}/integer/a", other.columns), &change).await.refused(404, &no_column);
            server.delete(&format!("{}/a", other.columns)).await.refused(404, &no_column);
            server.get(&format!("{}/i", other.indexes)).await.refused(404, &no_index);
            server.delete(&format!("{}/i", other.indexes)).await.refused(404, &no_index);
            let no_table = words.kind("table", "not_found");
            for name in ["rows_1", "users", "sessions", "keys", "schema_jobs", "columns", "_metadata", "sqlite_master", "pg_class"] {
                // "_metadata" can't even be an id.
                let (status, kind) = if name.starts_with('_') { (400, "general_argument_invalid") } else { (404, no_table.as_str()) };
                server.get(&words.table("d", name)).await.refused(status, kind);
                server.get(&words.in_table("d", name).rows).await.refused(status, kind);
                server.delete(&words.table("d", name)).await.refused(status, kind);
            }
            // The right table in the wrong database.
            server.get(&words.in_table("e", "t").columns).await.refused(404, &no_table);
            server.delete(&words.table("e", "t")).await.refused(404, &no_table);
            assert_eq!(server.get(&at.table).await.expect(200)["indexes"][0]["key"], "i");
        }
    }

    async fn a_column_of_lists_is_changed_like_any_other(floe: TestServer) {
        for words in BOTH {
            let project = floe.project(words.rows).await;
            let server = project.server();
            let at = words.make(&server, &[], false, &json!([])).await;
            let (default, values) = (words.kind("column", "default_unsupported"), words.kind("column", "value_invalid"));
            for (kind, more, change, old, new) in [
                ("string", json!({"size": 5}), json!({"size": 9}), json!(["12345"]), json!(["123456789", "1"])),
                ("string", json!({"size": 5}), json!({"size": 2}), json!(["12345"]), json!(["12"])),
                ("varchar", json!({"size": 5}), json!({"size": 9}), json!(["12345"]), json!(["123456789"])),
                ("text", json!({}), json!({}), json!(["a"]), json!(["b"])),
                ("integer", json!({"min": 1, "max": 5}), json!({"max": 9}), json!([1, 5]), json!([9])),
                ("bigint", json!({"min": 1, "max": 5}), json!({"min": 5, "max": 5}), json!([1]), json!([5])),
                ("float", json!({"min": 0.5, "max": 1.5}), json!({"min": -0.5}), json!([1.0]), json!([-0.25, 1.5])),
                ("boolean", json!({}), json!({}), json!([true]), json!([false, true])),
                ("datetime", json!({}), json!({}), json!(["2026-01-02T03:04:05.000+00:00"]), json!([])),
                ("email", json!({}), json!({}), json!(["a@b.co"]), json!(["c@d.eu"])),
                ("url", json!({}), json!({}), json!(["https://a.b"]), json!(["https://c.d"])),
                ("ip", json!({}), json!({}), json!(["1.2.3.4"]), json!(["::1"])),
                ("enum", json!({"elements": ["a"]}), json!({"elements": ["b"]}), json!(["a"]), json!(["b", "b"])),
            ] {
                let (mut column, mut changed) = (more, change);
                (column["key"], column["required"], column["array"]) = (json!("k"), json!(false), json!(true));
                (changed["required"], changed["default"], changed["newKey"]) = (json!(false), json!(null), json!("other"));
                let mut with_default = column.clone();
                with_default["default"] = old[0].clone();
                server.post(&format!("{}/{kind}", at.columns), &with_default).await.refused(400, &default);
                server.post(&format!("{}/{kind}", at.columns), &column).await.ok(202);
                at.create(&server, "r", &json!({"k": old})).await.ok(201);
                let one = format!("{}/{kind}/k", at.columns);
                let mut with_default = changed.clone();
                with_default["default"] = old[0].clone();
                server.patch(&one, &with_default).await.refused(400, &default);
                server.patch(&one, &changed).await.ok(200);
                // What is stored stays as it is; what is written obeys the new rule.
                assert_eq!(server.get(&at.row("r")).await.expect(200)["other"], old, "{kind}");
                let written = server.patch(&at.row("r"), &json!({"data": {"other": new}})).await.expect(200);
                assert_eq!(written["other"], new, "{kind}");
                let list = server.get(&format!("{}/other", at.columns)).await.expect(200);
                assert_eq!((&list["array"], &list["status"]), (&json!(true), &json!("available")));
                server.delete(&at.row("r")).await.ok(204);
                server.delete(&format!("{}/other", at.columns)).await.ok(204);
            }
            // A range is one, before and after.
            server.post(&format!("{}/integer", at.columns), &json!({"key": "n", "required": false, "min": 1, "max": 5})).await.ok(202);
            for change in [json!({"min": 6}), json!({"max": 0}), json!({"default": 7})] {
                let mut body = json!({"required": false, "default": null});
                body.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
                server.patch(&format!("{}/integer/n", at.columns), &body).await.refused(400, &values);
            }
            let required = json!({"required": true, "default": 3});
            server.patch(&format!("{}/integer/n", at.columns), &required).await.refused(400, &default);
        }
    }

    async fn names_that_differ_in_case_alone_are_the_same(floe: TestServer) {
        for words in BOTH {
            let project = floe.project(words.rows).await;
            let server = project.server();
            let at = words.make(&server, &[], false, &json!([{"key": "Name", "type": "integer"}, {"key": "other", "type": "integer"}])).await;
            let taken = words.kind("column", "already_exists");
            server.post(&format!("{}/boolean", at.columns), &json!({"key": "nAME", "required": false})).await.refused(409, &taken);
            let rename = |key: &str| json!({"required": false, "default": null, "newKey": key});
            server.patch(&format!("{}/integer/other", at.columns), &rename("NAME")).await.refused(409, &taken);
            let inline = json!({words.table_id: "i", "name": "I", words.columns: [{"key": "a", "type": "integer"}, {"key": "A", "type": "integer"}]});
            server.post(&format!("{}/{}", words.database("d"), words.tables), &inline).await.refused(400, "general_argument_invalid");
            server.post(&at.indexes, &json!({"key": "Index", "type": "key", words.columns: ["Name"]})).await.ok(202);
            server.post(&at.indexes, &json!({"key": "iNDEX", "type": "key", words.columns: ["other"]})).await.refused(409, &index_kind(words, "already_exists"));
            // But a name is what it is when it is asked for, and may change its case.
            server.get(&format!("{}/name", at.columns)).await.refused(404, &words.kind("column", "not_found"));
            at.create(&server, "r", &json!({"name": 1})).await.refused(400, &words.kind("row", "invalid_structure"));
            server.patch(&format!("{}/integer/Name", at.columns), &rename("name")).await.ok(200);
            at.create(&server, "r", &json!({"name": 1})).await.ok(201);
        }
    }
}
