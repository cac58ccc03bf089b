//! What official SDKs see on the wire: statuses, words and orders, as Appwrite has them.

use crate::support::{At, BOTH, Words, query, user};
use floe_testkit::{Answer, Client};
use serde_json::{Value as Json, json};

fn message(answer: &Answer) -> &str {
    answer.body["message"].as_str().unwrap_or_default()
}

/// A word as messages begin with it.
fn capitalized(word: &str) -> String {
    format!("{}{}", word[..1].to_uppercase(), &word[1..])
}

async fn table(server: &Client, words: Words, permissions: &[&str], row_security: bool) -> At {
    let columns = json!([
        {"key": "title", "type": "string", "size": 20},
        {"key": "level", "type": "integer", "default": 3},
        {"key": "at", "type": "datetime"},
        {"key": "tags", "type": "string", "size": 20, "array": true}
    ]);
    words.make(server, permissions, row_security, &columns).await
}

floe_testkit::both_databases! {
    async fn nothing_takes_the_default(floe: TestServer) {
        for words in BOTH {
            let project = floe.project(words.rows).await;
            let server = project.server();
            let at = table(&server, words, &[], false).await;
            let level = |row: Json| row["level"].clone();
            assert_eq!(level(at.create(&server, "a", &json!({"level": null})).await.expect(201)), 3);
            assert_eq!(level(at.create(&server, "b", &json!({})).await.expect(201)), 3);
            let many = server.post(&at.rows, &json!({words.rows: [{"$id": "c", "level": null}, {"$id": "d"}]})).await.expect(201);
            assert_eq!((&many[words.rows][0]["level"], &many[words.rows][1]["level"]), (&json!(3), &json!(3)));
            server.patch(&at.row("a"), &json!({"data": {"level": 5}})).await.ok(200);
            assert_eq!(level(server.put(&at.row("a"), &json!({"data": {"level": null}})).await.expect(200)), 3);
            assert_eq!(level(server.put(&at.row("e"), &json!({"data": {"level": null}})).await.expect(200)), 3);
            assert_eq!(level(server.put(&at.row("f"), &json!({"data": {}})).await.expect(200)), 3);
            let many = server.put(&at.rows, &json!({words.rows: [{"$id": "g", "level": null}]})).await.expect(200);
            assert_eq!(many[words.rows][0]["level"], 3);
            // An update means what it says.
            assert_eq!(level(server.patch(&at.row("b"), &json!({"data": {"level": null}})).await.expect(200)), json!(null));
            let missing = server.post(&at.rows, &json!({words.row_id: "x"})).await;
            missing.refused(400, &words.kind("row", "missing_data"));
            server.put(&at.row("x"), &json!({})).await.refused(400, &words.kind("row", "missing_payload"));
        }
    }

    async fn permissions_keep_their_order(floe: TestServer) {
        for words in BOTH {
            let project = floe.project(words.rows).await;
            let server = project.server();
            let at = table(&server, words, &["update(\"any\")", "read(\"any\")", "create(\"users\")"], true).await;
            let shown = server.get(&at.table).await.expect(200)["$permissions"].clone();
            assert_eq!(shown, json!(["update(\"any\")", "read(\"any\")", "create(\"users\")"]));
            let given = ["read(\"any\")", "write(\"users\")", "read(\"any\")", "read(\"guests\")"];
            let expected = json!(["read(\"any\")", "update(\"users\")", "delete(\"users\")", "read(\"guests\")"]);
            let made = at.create_with(&server, "a", &json!({"level": 1}), &given).await.expect(201);
            assert_eq!(made["$permissions"], expected);
            assert_eq!(server.get(&at.row("a")).await.expect(200)["$permissions"], expected);
            let reversed = ["read(\"guests\")", "write(\"users\")", "read(\"any\")"];
            at.create_with(&server, "b", &json!({"level": 1}), &reversed).await.ok(201);
            let list = at.list(&server, &[]).await;
            assert_eq!(list[words.rows][0]["$permissions"], expected);
            assert_eq!(list[words.rows][1]["$permissions"], json!(["read(\"guests\")", "update(\"users\")", "delete(\"users\")", "read(\"any\")"]));
            // In either order they allow the same.
            assert_eq!(at.ids(&project.guest(), &[]).await, ["a", "b"]);
        }
    }

    async fn what_is_taken_is_named(floe: TestServer) {
        for words in BOTH {
            let project = floe.project(words.rows).await;
            let server = project.server();
            let at = table(&server, words, &[], false).await;
            let index = |key: &str, columns: &[&str], lengths: &[i64]| json!({"key": key, "type": "unique", words.columns: columns, "lengths": lengths});
            server.post(&at.indexes, &index("one", &["title"], &[5])).await.ok(202);
            server.post(&at.indexes, &index("two", &["level", "at"], &[])).await.ok(202);
            at.create(&server, "a", &json!({"title": "title", "level": 1, "at": "2026-01-01"})).await.ok(201);
            let unique = words.kind("row", "unique_constraint_violation");
            let (row, column) = (words.row, words.column);
            let begin = format!("{} violates a unique constraint. Another {row} with the same", capitalized(row));
            let taken = at.create(&server, "b", &json!({"title": "title", "level": 2})).await;
            taken.refused(409, &unique);
            assert_eq!(message(&taken), format!("{begin} value of the unique {column} \"title\" already exists."));
            at.create(&server, "b", &json!({"title": "other", "level": 2})).await.ok(201);
            let taken = server.patch(&at.row("b"), &json!({"data": {"level": 1, "at": "2026-01-01"}})).await;
            taken.refused(409, &unique);
            assert_eq!(message(&taken), format!("{begin} values of the unique {}s \"level\", \"at\" already exists.", column));
            let there = at.create(&server, "a", &json!({"title": "new"})).await;
            there.refused(409, &words.kind("row", "already_exists"));
            assert!(message(&there).contains("with the requested ID 'a' already exists"), "{}", message(&there));
        }
    }

    async fn who_may_not_read_a_row_learns_nothing_from_changing_it(floe: TestServer) {
        for words in BOTH {
            let project = floe.project(words.rows).await;
            let server = project.server();
            let at = table(&server, words, &[], true).await;
            let (reader, writer) = (user(&project, "reader").await, user(&project, "writer").await);
            let permissions = ["update(\"user:writer\")", "read(\"user:reader\")", "update(\"user:reader\")"];
            at.create_with(&server, "a", &json!({"title": "secret", "level": 1}), &permissions).await.ok(201);
            for answer in [
                writer.patch(&at.row("a"), &json!({"data": {"level": 2}})).await,
                writer.put(&at.row("a"), &json!({"data": {"level": 3}})).await,
            ] {
                let row = answer.expect(200);
                assert_eq!(row["$id"], "a");
                assert!(row.get("title").is_none() && row.get("level").is_none(), "{row}");
            }
            let read = reader.patch(&at.row("a"), &json!({"data": {"at": "2026-01-01"}})).await.expect(200);
            assert_eq!((&read["title"], &read["level"]), (&json!("secret"), &json!(3)));
        }
    }

    /// Issue 8, 1.16.
    async fn columns_are_nobodys_business_who_may_not_write(floe: TestServer) {
        for words in BOTH {
            let project = floe.project(words.rows).await;
            let server = project.server();
            let at = table(&server, words, &[], true).await;
            let (owner, other) = (user(&project, "owner").await, user(&project, "other").await);
            at.create_with(&server, "a", &json!({"level": 1}), &["update(\"user:owner\")"]).await.ok(201);
            for data in [json!({"nope": 1}), json!({"level": "text"}), json!({"level": 1})] {
                for row in ["a", "none"] {
                    for client in [&other, &project.guest()] {
                        client.patch(&at.row(row), &json!({"data": data})).await.refused(401, "user_unauthorized");
                        client.put(&at.row(row), &json!({"data": data})).await.refused(401, "user_unauthorized");
                        let step = format!("{}/nope/increment", at.row(row));
                        client.patch(&step, &json!({"value": 1})).await.refused(401, "user_unauthorized");
                    }
                }
            }
            let structure = words.kind("row", "invalid_structure");
            owner.patch(&at.row("a"), &json!({"data": {"nope": 1}})).await.refused(400, &structure);
            owner.put(&at.row("a"), &json!({"data": {"level": "text"}})).await.refused(400, &structure);
            let step = format!("{}/nope/increment", at.row("a"));
            owner.patch(&step, &json!({"value": 1})).await.refused(404, &words.kind("column", "not_found"));
        }
    }

    async fn what_isnt_there_is_named(floe: TestServer) {
        for words in BOTH {
            let project = floe.project(words.rows).await;
            let server = project.server();
            let at = table(&server, words, &[], false).await;
            let (tables, rows) = (format!("{}/{}", words.database("d"), words.tables), &at.rows);
            for (path, named) in [
                (words.database("none"), "Database with the requested ID 'none' could not be found.".to_owned()),
                (format!("{tables}/none"), format!("{} with the requested ID 'none' could not be found.", capitalized(words.table))),
                (format!("{rows}/none"), format!("{} with the requested ID 'none' could not be found.", capitalized(words.row))),
                (format!("{}/none", at.columns), format!("{} with the requested ID 'none' could not be found.", capitalized(words.column))),
                (format!("{}/none", at.indexes), "Index with the requested ID 'none' could not be found.".to_owned()),
                (format!("{}/transactions/none", words.service), "Transaction with the requested ID 'none' could not be found.".to_owned()),
            ] {
                let answer = server.get(&path).await;
                assert_eq!((answer.status, message(&answer)), (404, named.as_str()), "{path}");
            }
            let again = server.post(words.service, &json!({"databaseId": "d", "name": "D"})).await;
            again.refused(409, "database_already_exists");
            assert!(message(&again).starts_with("Database with the requested ID 'd' already exists."), "{}", message(&again));
        }
    }

    async fn definitions_are_refused_in_words_that_are_known(floe: TestServer) {
        for words in BOTH {
            let project = floe.project(words.rows).await;
            let server = project.server();
            let at = table(&server, words, &[], false).await;
            let tables = format!("{}/{}", words.database("d"), words.tables);
            for (columns, expected) in [
                (json!([{"key": "x", "type": "picture"}]), "Invalid type for attribute 'x': picture"),
                (json!([{"type": "string"}]), "Attribute at index 0 is missing required field 'key'"),
                (json!([{"key": "a", "type": "boolean"}, {"key": "x"}]), "Attribute at index 1 is missing required field 'type'"),
                (json!([{"key": "x", "type": "boolean"}, {"key": "x", "type": "boolean"}]), "Duplicate attribute key: x"),
                (json!([{"key": "x", "type": "string"}]), "Invalid or missing size for string attribute 'x'. Size must be between 1 and 1073741824"),
                (json!([{"key": "x", "type": "relationship"}]), "Relationship attributes cannot be created inline. Use the create relationship endpoint instead."),
            ] {
                let refused = server.post(&tables, &json!({words.table_id: "u", "name": "U", words.columns: columns})).await;
                refused.refused(400, "general_argument_invalid");
                assert_eq!(message(&refused), expected);
            }
            let index = |key: &str, kind: &str, columns: &[&str]| json!({"key": key, "type": kind, words.columns: columns});
            server.post(&at.indexes, &index("i", "key", &["level"])).await.ok(202);
            let own = if words.column == "column" { "column_index_invalid" } else { "index_invalid" };
            for (body, kind, expected) in [
                (index("i", "fulltext", &["level"]), own, "Attribute \"level\" cannot be part of a fulltext index, must be of type string"),
                (index("j", "key", &[]), own, "No attributes provided for index"),
                (index("j", "key", &["level", "level"]), own, "Duplicate attributes provided"),
                (index("j", "fulltext", &["tags"]), "index_invalid", "Creating indexes on array attributes is not currently supported."),
            ] {
                let refused = server.post(&at.indexes, &body).await;
                refused.refused(400, kind);
                assert_eq!(message(&refused), expected);
            }
            let unknown = server.post(&at.indexes, &index("i", "fulltext", &["nope"])).await;
            unknown.refused(400, &words.kind("column", "unknown"));
            assert!(message(&unknown).contains(&format!("The {} 'nope' required for the index", words.column)), "{}", message(&unknown));
            let taken = server.post(&at.indexes, &index("i", "key", &["title"])).await;
            assert_eq!((taken.status, message(&taken)), (409, "Index with the requested key 'i' already exists. Try again with a different key."));
        }
    }

    async fn lists_of_definitions_know_no_select(floe: TestServer) {
        for words in BOTH {
            let project = floe.project(words.rows).await;
            let server = project.server();
            let at = table(&server, words, &[], false).await;
            let tables = format!("{}/{}", words.database("d"), words.tables);
            let transactions = format!("{}/transactions", words.service);
            for list in [words.service, &tables, &at.columns, &at.indexes, &transactions, "/v1/users", "/v1/teams"] {
                let select = server.list(list, &[json!({"method": "select", "values": ["$id"]})]).await;
                select.refused(400, "general_argument_invalid");
                assert_eq!(message(&select), "Invalid `queries` param: Invalid query method: select", "{list}");
                let unknown = server.list(list, &[query("equal", "nope", &json!(["x"]))]).await;
                unknown.refused(400, "general_argument_invalid");
                assert_eq!(message(&unknown), "Invalid `queries` param: Invalid query: Attribute not found in schema: nope", "{list}");
                let syntax = server.get(&format!("{list}?queries[0]=%7B")).await;
                assert_eq!(message(&syntax), "Invalid `queries` param: Invalid query: Syntax error", "{list}");
            }
            // Before anything is looked for.
            let alone = server.get(&format!("{}?queries=text", words.in_table("none", "none").rows)).await;
            alone.refused(400, "general_argument_invalid");
            assert!(message(&alone).starts_with("Invalid `queries` param: Value must a valid array no longer than 100 items and "), "{}", message(&alone));
        }
    }

    async fn queries_that_are_none_are_refused_in_words_that_are_known(floe: TestServer) {
        let words = BOTH[0];
        let server = floe.project("p").await.server();
        let at = table(&server, words, &[], false).await;
        for (text, expected) in [
            ("%7B%22method%22:%22equal%22,%22attribute%22:%22title%22,%22values%22:[x]%7D", "Invalid query: Syntax error"),
            ("5", "Invalid query. Must be an array, got integer"),
            ("%22x%22", "Invalid query. Must be an array, got string"),
            ("%7B%22method%22:5%7D", "Invalid query method. Must be a string, got integer"),
            ("%7B%22method%22:%22equal%22,%22attribute%22:[]%7D", "Invalid query attribute. Must be a string, got array"),
            ("%7B%22method%22:%22equal%22,%22values%22:%22x%22%7D", "Invalid query values. Must be an array, got string"),
        ] {
            let refused = server.get(&format!("{}?queries[0]={text}", at.rows)).await;
            refused.refused(400, "general_query_invalid");
            assert_eq!(message(&refused), expected, "{text}");
        }
        let text = server.post(&at.rows, &json!({"rowId": "x", "data": "\"text\""})).await;
        assert_eq!(message(&text), "Invalid `data` param: Value must be a valid JSON object");
        let text = server.post(&at.rows, &json!({"rows": [{"level": 1}, "\"text\""]})).await;
        assert_eq!(message(&text), "Invalid `rows` param: Value must a valid array no longer than 100 items and Value must be a valid JSON object");
    }

    async fn moments_have_zones(floe: TestServer) {
        for words in BOTH {
            let project = floe.project(words.rows).await;
            let server = project.server();
            let at = table(&server, words, &[], false).await;
            let paris = at.create(&server, "a", &json!({"at": "2001-07-04 09:30:00 Europe/Paris"})).await.expect(201);
            assert_eq!(paris["at"], "2001-07-04T07:30:00.000+00:00");
            let found = at.ids(&server, &[query("equal", "at", &json!(["Wed, 04 Jul 2001 09:30:00 +0200"]))]).await;
            assert_eq!(found, ["a"]);
            let nowhere = at.create(&server, "b", &json!({"at": "2001-07-04 09:30:00 Europe/Nowhere"})).await;
            nowhere.refused(400, &words.kind("row", "invalid_structure"));
        }
    }
}
