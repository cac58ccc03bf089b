//! Columns whose values are kept encrypted.

use crate::support::background::{count, sql};
use crate::support::{BOTH, TABLES, query};
use serde_json::json;

/// What must never be found where anybody but us could look.
const CANARY: &str = "the canary sings in clear text";

const TOO_SMALL: &str = "Size too small. Encrypted strings require a minimum size of 150 characters.";

floe_testkit::both_databases! {
    async fn encrypted_values_are_answered_in_clear(floe: TestServer) {
        for words in BOTH {
            let project = floe.project(words.rows).await;
            let server = project.server();
            let at = words.make(&server, &[], false, &json!([{"key": "inline", "type": "string", "size": 150, "encrypt": true}])).await;
            for (key, kind) in [("s", "string"), ("v", "varchar")] {
                let made = server.post(&format!("{}/{kind}", at.columns), &json!({"key": key, "size": 200, "required": false, "encrypt": true})).await.expect(202);
                assert_eq!((&made["encrypt"], &made["size"]), (&json!(true), &json!(200)));
            }
            for kind in ["text", "mediumtext", "longtext"] {
                let column = json!({"key": kind, "required": false, "array": true, "encrypt": true});
                server.post(&format!("{}/{kind}", at.columns), &column).await.ok(202);
                assert_eq!(server.get(&format!("{}/{kind}", at.columns)).await.expect(200)["encrypt"], true);
            }
            let data = json!({"inline": CANARY, "s": "", "v": "äöü", "text": [CANARY, "", "x"], "mediumtext": []});
            let made = at.create(&server, "r", &data).await.expect(201);
            assert_eq!(server.get(&at.row("r")).await.expect(200), made);
            for (key, value) in data.as_object().unwrap() {
                assert_eq!(&made[key], value);
            }
            assert_eq!(made["longtext"], json!([]));
            assert_eq!(at.list(&server, &[]).await[words.rows][0], made);
            let chosen = at.list(&server, &[json!({"method": "select", "values": ["text"]})]).await;
            assert_eq!(chosen[words.rows][0]["text"], data["text"]);
            let changed = server.patch(&at.row("r"), &json!({"data": {"s": "new", "v": null}})).await.expect(200);
            assert_eq!((&changed["s"], &changed["v"], &changed["inline"]), (&json!("new"), &json!(null), &json!(CANARY)));
            server.patch(&at.rows, &json!({"data": {"s": "all"}})).await.ok(200);
            let upserted = server.put(&at.row("r"), &json!({"data": {"v": "v"}})).await.expect(201);
            assert_eq!((&upserted["s"], &upserted["v"]), (&json!("all"), &json!("v")));
            assert_eq!(server.get(&at.row("r")).await.expect(200), upserted);
            let appended = json!({"data": {"text": json!({"method": "arrayAppend", "values": ["more"]}).to_string(), "s": json!({"method": "stringConcat", "values": ["!"]}).to_string()}});
            let changed = server.patch(&at.row("r"), &appended).await.expect(200);
            assert_eq!((&changed["text"], &changed["s"]), (&json!([CANARY, "", "x", "more"]), &json!("all!")));
            // A value belongs to its column, whatever that is called.
            let rename = json!({"required": false, "default": null, "newKey": "renamed"});
            server.patch(&format!("{}/varchar/v", at.columns), &rename).await.ok(200);
            assert_eq!(server.get(&at.row("r")).await.expect(200)["renamed"], "v");
        }
    }

    async fn encrypted_values_are_nowhere_in_clear(floe: TestServer) {
        let project = floe.project("p").await;
        let server = project.server();
        let columns = json!([{"key": "a", "type": "string", "size": 150, "encrypt": true}, {"key": "l", "type": "text", "array": true, "encrypt": true}, {"key": "plain", "type": "text"}]);
        let at = TABLES.make(&server, &[], false, &columns).await;
        at.create(&server, "r", &json!({"a": CANARY, "l": [CANARY], "plain": "the sparrow does not care"})).await.ok(201);
        at.create(&server, "s", &json!({"a": "x"})).await.ok(201);
        server.patch(&at.row("s"), &json!({"data": {"a": CANARY}})).await.ok(200);
        server.patch(&at.rows, &json!({"data": {"l": ["x", CANARY]}})).await.ok(200);
        // What is staged in a transaction isn't in its table yet.
        let staging = server.post("/v1/tablesdb/transactions", &json!({})).await.expect(201);
        let staged = json!({"transactionId": staging["$id"], "data": {"a": CANARY}});
        server.patch(&at.row("s"), &staged).await.ok(200);
        let at_staging = format!("{}?transactionId={}", at.row("s"), staging["$id"].as_str().unwrap());
        assert_eq!(server.get(&at_staging).await.expect(200)["a"], CANARY);
        assert_eq!(count(&floe, "p", "transaction_operations").await, Some(1));
        assert_eq!(count(&floe, "p", &format!("transaction_operations WHERE operation LIKE '%{CANARY}%'")).await, Some(0));
        assert_eq!(count(&floe, "p", "rows_1 WHERE substr(c1, 1, 3) = 'v2:' AND substr(c2, 1, 3) = 'v2:'").await, Some(2));
        let one = format!("/v1/tablesdb/transactions/{}", staging["$id"].as_str().unwrap());
        server.patch(&one, &json!({"commit": true})).await.ok(200);
        assert_eq!(server.get(&at.row("s")).await.expect(200)["a"], CANARY);
        let folder = &floe.config().database.folder;
        for found in files(folder) {
            let bytes = std::fs::read(&found).unwrap();
            let holds = |text: &str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
            assert!(!holds(CANARY), "{}", found.display());
            if found.ends_with("projects/p.db-wal") {
                assert!(holds("the sparrow does not care"), "so that this test could fail");
            }
        }
    }

    async fn an_encrypted_value_opens_in_its_place_alone(floe: TestServer) {
        let project = floe.project("p").await;
        let server = project.server();
        let columns = json!([{"key": "a", "type": "text", "encrypt": true}, {"key": "b", "type": "text", "encrypt": true}]);
        let at = TABLES.make(&server, &[], false, &columns).await;
        for id in ["r", "s"] {
            at.create(&server, id, &json!({"a": CANARY, "b": id})).await.ok(201);
        }
        sql(&floe, "p", "UPDATE rows_1 SET c1 = (SELECT c1 FROM rows_1 WHERE _id = 's') WHERE _id = 'r'").await;
        let refused = server.get(&at.row("r")).await;
        assert_eq!(refused.status, 500);
        assert!(!refused.text.contains(CANARY) && !refused.text.contains("v2:"), "{}", refused.text);
        sql(&floe, "p", "UPDATE rows_1 SET c1 = NULL, c2 = c1 WHERE _id = 's'").await;
        assert_eq!(server.get(&at.row("s")).await.status, 500);
    }

    async fn encrypted_values_are_neither_searched_nor_sorted(floe: TestServer) {
        for words in BOTH {
            let project = floe.project(words.rows).await;
            let server = project.server();
            let at = words.make(&server, &[], false, &json!([{"key": "a", "type": "string", "size": 150, "encrypt": true}])).await;
            at.create(&server, "r", &json!({"a": CANARY})).await.ok(201);
            for refused in [query("equal", "a", &json!([CANARY])), query("isNull", "a", &json!([])), json!({"method": "orderAsc", "attribute": "a"})] {
                let refused = server.list(&at.rows, &[refused]).await;
                assert_eq!(refused.body["message"], "Invalid query: Cannot query encrypted attribute: a");
                refused.refused(400, "general_query_invalid");
            }
            let invalid = if words.rows == "rows" { "column_index_invalid" } else { "index_invalid" };
            server.post(&at.indexes, &json!({"key": "i", "type": "key", words.columns: ["a"]})).await.refused(400, invalid);
        }
    }

    async fn an_encrypted_column_has_room_for_what_encryption_adds(floe: TestServer) {
        for words in BOTH {
            let project = floe.project(words.rows).await;
            let server = project.server();
            let at = words.make(&server, &[], false, &json!([])).await;
            for kind in ["string", "varchar"] {
                let small = json!({"key": kind, "size": 149, "required": false, "encrypt": true});
                let refused = server.post(&format!("{}/{kind}", at.columns), &small).await;
                assert_eq!(refused.body["message"], TOO_SMALL);
                refused.refused(400, "general_bad_request");
            }
            let inline = json!({words.table_id: "i", "name": "I", words.columns: [{"key": "e", "type": "email", "encrypt": true}]});
            server.post(&format!("{}/{}", words.database("d"), words.tables), &inline).await.refused(400, "general_argument_invalid");
            server.post(&format!("{}/string", at.columns), &json!({"key": "a", "size": 300, "required": false, "encrypt": true})).await.ok(202);
            at.create(&server, "r", &json!({"a": "x".repeat(200)})).await.ok(201);
            let size = |size: i64| json!({"required": false, "default": null, "size": size});
            let one = format!("{}/string/a", at.columns);
            server.patch(&one, &size(149)).await.refused(400, "general_bad_request");
            server.patch(&one, &size(199)).await.refused(400, &words.kind("column", "invalid_resize"));
            let shorter = server.patch(&one, &size(200)).await.expect(200);
            assert_eq!((&shorter["size"], &shorter["encrypt"]), (&json!(200), &json!(true)));
            at.create(&server, "s", &json!({"a": "x".repeat(201)})).await.refused(400, &words.kind("row", "invalid_structure"));
        }
    }
}

/// Every file in a folder.
fn files(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}
