//! What rows are related to, written with them.

use crate::support::links::{Kind, all, every_kind, library, relate, related, rows, table, whole};
use crate::support::{At, BOTH, TABLES};
use floe_testkit::Client;
use serde_json::{Value as Json, json};

const SET_NULL: &str = "setNull";

fn kind(kind: &'static str, two_way: bool) -> Kind {
    Kind { kind, two_way, on_delete: SET_NULL }
}

async fn change(client: &Client, at: &At, id: &str, data: &Json) -> floe_testkit::Answer {
    client.patch(&at.row(id), &json!({"data": data})).await
}

fn none() -> Vec<String> {
    Vec::new()
}

floe_testkit::both_databases! {
    async fn rows_are_related_by_ids_and_to_nothing_else(floe: TestServer) {
        for (n, (words, kind)) in BOTH.into_iter().flat_map(|words| every_kind(SET_NULL).map(move |kind| (words, kind))).enumerate() {
            let project = floe.project(&format!("p{n}")).await;
            let server = project.server();
            let (books, people) = library(&server, words, kind, &[], false).await;
            rows(&server, &people, &["ann", "bob", "cat"]).await;
            // What isn't there is left out.
            books.create(&server, "b", &json!({"name": "b", "to": kind.value(&["ann", "nobody"])})).await.ok(201);
            assert_eq!(related(&server, &books, "b", "to").await, ["ann"], "{kind:?}");
            if kind.two_way {
                assert_eq!(related(&server, &people, "ann", "from").await, ["b"], "{kind:?}");
            }
            let (said, expected): (&[&str], &[&str]) = if kind.to_many() { (&["bob", "cat", "bob"], &["bob", "cat"]) } else { (&["bob"], &["bob"]) };
            change(&server, &books, "b", &json!({"to": kind.value(said)})).await.ok(200);
            assert_eq!(related(&server, &books, "b", "to").await, expected, "{kind:?}");
            if kind.two_way {
                assert_eq!(related(&server, &people, "ann", "from").await, none(), "{kind:?}");
                assert_eq!(related(&server, &people, "bob", "from").await, ["b"], "{kind:?}");
            }
            // What isn't said stays.
            change(&server, &books, "b", &json!({"name": "other"})).await.ok(200);
            server.put(&books.row("b"), &json!({"data": {"name": "again"}})).await.ok(200);
            assert_eq!(related(&server, &books, "b", "to").await, expected, "{kind:?}");
            change(&server, &books, "b", &json!({"to": kind.value(&[])})).await.ok(200);
            assert_eq!(related(&server, &books, "b", "to").await, none(), "{kind:?}");
            server.put(&books.row("c"), &json!({"data": {"name": "c", "to": kind.value(&["ann"])}})).await.ok(200);
            assert_eq!(related(&server, &books, "c", "to").await, ["ann"], "{kind:?}");
        }
    }

    async fn a_two_way_relationship_is_written_from_the_other_side_too(floe: TestServer) {
        for (words, kind) in BOTH.into_iter().flat_map(|words| every_kind(SET_NULL).filter(|kind| kind.two_way).map(move |kind| (words, kind))) {
            let project = floe.project(&format!("{}{}", words.rows, kind.kind).to_lowercase()).await;
            let server = project.server();
            let (books, people) = library(&server, words, kind, &[], false).await;
            rows(&server, &books, &["b", "c"]).await;
            let value = |ids: &[&str]| if kind.back_to_many() { json!(ids) } else { json!(ids.first()) };
            people.create(&server, "ann", &json!({"name": "Ann", "from": value(&["b"])})).await.ok(201);
            assert_eq!(related(&server, &books, "b", "to").await, ["ann"], "{kind:?}");
            change(&server, &people, "ann", &json!({"from": value(&["c"])})).await.ok(200);
            assert_eq!(related(&server, &books, "b", "to").await, none(), "{kind:?}");
            assert_eq!(related(&server, &books, "c", "to").await, ["ann"], "{kind:?}");
        }
    }

    async fn rows_within_a_row_are_made_and_changed_with_it(floe: TestServer) {
        for (n, (words, kind)) in BOTH.into_iter().flat_map(|words| every_kind(SET_NULL).map(move |kind| (words, kind))).enumerate() {
            let project = floe.project(&format!("p{n}")).await;
            let server = project.server();
            let (books, people) = library(&server, words, kind, &[], false).await;
            let value = |row: Json| if kind.to_many() { json!([row]) } else { row };
            books.create(&server, "b", &json!({"to": value(json!({"$id": "ann", "name": "Ann", "$permissions": ["read(\"any\")"]}))})).await.ok(201);
            let ann = server.get(&people.row("ann")).await.expect(200);
            assert_eq!((&ann["name"], &ann["$permissions"]), (&json!("Ann"), &json!(["read(\"any\")"])), "{kind:?}");
            assert_eq!(related(&server, &books, "b", "to").await, ["ann"], "{kind:?}");
            change(&server, &books, "b", &json!({"to": value(json!({"$id": "ann", "name": "Anna"}))})).await.ok(200);
            let anna = server.get(&people.row("ann")).await.expect(200);
            assert_eq!((&anna["name"], &anna["$permissions"]), (&json!("Anna"), &json!(["read(\"any\")"])), "{kind:?}");
            // Without an id, or with the word for one of our making, it is another one.
            change(&server, &books, "b", &json!({"to": value(json!({"name": "New"}))})).await.ok(200);
            change(&server, &books, "b", &json!({"to": value(json!({"$id": "unique()", "name": "Newer"}))})).await.ok(200);
            assert_eq!(all(&server, &people).await.len(), 3, "{kind:?}");
            assert_eq!(related(&server, &books, "b", "to").await.len(), 1, "{kind:?}");
            let b = whole(&server, &books, "b", "to").await;
            let first = if kind.to_many() { &b["to"][0] } else { &b["to"] };
            assert_eq!(first["name"], "Newer", "{kind:?}");
        }
    }

    async fn what_cannot_be_a_value_is_refused_and_nothing_is_written(floe: TestServer) {
        for words in BOTH {
            let project = floe.project(words.rows).await;
            let server = project.server();
            let (books, people) = library(&server, words, kind("oneToMany", true), &[], false).await;
            relate(&server, &books, "people", kind("manyToOne", false), "one", "ones").await;
            rows(&server, &people, &["ann"]).await;
            rows(&server, &books, &["b"]).await;
            let any = "Invalid relationship value. Must be either a document, document ID, or an array of documents or document IDs.";
            let list = "Invalid relationship value. Must be either an array of documents or document IDs, ";
            for (data, message) in [
                (json!({"one": ["ann"]}), "Invalid relationship value. Must be either a document ID or a document, array given.".to_owned()),
                (json!({"one": 5}), any.to_owned()),
                (json!({"to": "ann"}), format!("{list}document ID given.")),
                (json!({"to": {"name": "x"}}), format!("{list}document given.")),
                (json!({"to": [5]}), any.to_owned()),
                (json!({"to": [["ann"]]}), any.to_owned()),
                (json!({"to": [{"$id": 5}]}), "Relationship $id must be a string".to_owned()),
            ] {
                for answer in [
                    books.create(&server, "x", &data).await,
                    change(&server, &books, "b", &data).await,
                    server.put(&books.row("x"), &json!({"data": data})).await,
                ] {
                    answer.refused(400, "relationship_value_invalid");
                    assert_eq!(answer.body["message"], message, "{data}");
                }
            }
            for id in ["", "_a", "a'b", "a\"; DROP TABLE x; --", "x\0", "😀", &"x".repeat(37)] {
                change(&server, &books, "b", &json!({"one": id})).await.refused(400, "relationship_value_invalid");
                change(&server, &books, "b", &json!({"to": [{"$id": id}]})).await.refused(400, "relationship_value_invalid");
            }
            change(&server, &books, "b", &json!({"to": null})).await.refused(400, "relationship_value_invalid");
            books.create(&server, "ok", &json!({"to": null, "one": null})).await.ok(201);
            let structure = words.kind("row", "invalid_structure");
            change(&server, &books, "b", &json!({"to": ["ann", {"name": 5}]})).await.refused(400, &structure);
            change(&server, &books, "b", &json!({"one": {"nothing": 5}})).await.refused(400, &structure);
            change(&server, &books, "b", &json!({"name": "new", "one": {"$permissions": ["x"]}})).await.refused(400, "general_argument_invalid");
            assert_eq!(all(&server, &people).await, ["ann"]);
            assert_eq!(all(&server, &books).await, ["b", "ok"]);
            assert_eq!(whole(&server, &books, "b", "to").await["name"], "b");
        }
    }

    async fn a_row_within_a_row_needs_what_its_table_needs(floe: TestServer) {
        for words in BOTH {
            let project = floe.project(words.rows).await;
            let server = project.server();
            let (books, people) = library(&server, words, kind("manyToOne", false), &[], false).await;
            server.post(&format!("{}/integer", people.columns), &json!({"key": "age", "required": true})).await.ok(202);
            let lacking = books.create(&server, "b", &json!({"to": {"$id": "ann", "name": "Ann"}})).await;
            lacking.refused(400, &words.kind("row", "invalid_structure"));
            assert_eq!(lacking.body["message"], "Invalid document structure: Missing required attribute \"age\"");
            books.create(&server, "b", &json!({"to": {"$id": "ann", "age": 30}})).await.ok(201);
            // It is there now: only what is said changes.
            change(&server, &books, "b", &json!({"to": {"$id": "ann", "name": "Ann"}})).await.ok(200);
            assert_eq!(server.get(&people.row("ann")).await.expect(200)["age"], 30);
        }
    }

    async fn what_is_one_to_one_is_not_taken_from_another(floe: TestServer) {
        for (words, two_way) in BOTH.into_iter().flat_map(|words| [(words, false), (words, true)]) {
            let project = floe.project(&format!("{}{two_way}", words.rows)).await;
            let server = project.server();
            let (books, people) = library(&server, words, kind("oneToOne", two_way), &[], false).await;
            rows(&server, &people, &["ann", "bob"]).await;
            books.create(&server, "b", &json!({"to": "ann"})).await.ok(201);
            rows(&server, &books, &["c"]).await;
            for answer in [
                books.create(&server, "d", &json!({"to": "ann"})).await,
                change(&server, &books, "c", &json!({"to": "ann"})).await,
                change(&server, &books, "c", &json!({"to": {"$id": "ann", "name": "mine"}})).await,
                server.put(&books.row("c"), &json!({"data": {"to": "ann"}})).await,
            ] {
                answer.refused(409, &words.kind("row", "already_exists"));
                assert_eq!(answer.body["message"], "Document already has a related document");
            }
            assert_eq!(all(&server, &books).await, ["b", "c"]);
            assert_eq!(server.get(&people.row("ann")).await.expect(200)["name"], "ann");
            change(&server, &books, "b", &json!({"to": "ann"})).await.ok(200);
            change(&server, &books, "b", &json!({"to": "bob"})).await.ok(200);
            change(&server, &books, "c", &json!({"to": "ann"})).await.ok(200);
            assert_eq!(related(&server, &books, "c", "to").await, ["ann"]);
        }
    }

    async fn a_child_of_one_parent_moves_to_another(floe: TestServer) {
        for words in BOTH {
            let project = floe.project(words.rows).await;
            let server = project.server();
            let (books, people) = library(&server, words, kind("oneToMany", true), &[], false).await;
            rows(&server, &people, &["ann", "bob"]).await;
            books.create(&server, "b", &json!({"to": ["ann", "bob"]})).await.ok(201);
            books.create(&server, "c", &json!({"to": ["bob"]})).await.ok(201);
            assert_eq!(related(&server, &books, "b", "to").await, ["ann"]);
            assert_eq!(related(&server, &people, "bob", "from").await, ["c"]);
            change(&server, &people, "bob", &json!({"from": "b"})).await.ok(200);
            assert_eq!(related(&server, &books, "c", "to").await, none());
        }
    }

    async fn three_rows_deep_and_no_deeper(floe: TestServer) {
        for words in BOTH {
            let project = floe.project(words.rows).await;
            let server = project.server();
            let kind = kind("manyToOne", false);
            let mut at = Vec::new();
            for id in ["a", "b", "c", "d"] {
                at.push(table(&server, words, id, &[], false).await);
            }
            for (from, to) in [(0, "b"), (1, "c"), (2, "d")] {
                relate(&server, &at[from], to, kind, "next", "before").await;
            }
            let data = json!({"next": {"$id": "b", "next": {"$id": "c", "name": "C", "next": {"$id": "d", "nothing": 5}}}});
            at[0].create(&server, "a", &data).await.ok(201);
            assert_eq!(server.get(&at[2].row("c")).await.expect(200)["name"], "C");
            assert_eq!(related(&server, &at[1], "b", "next").await, ["c"]);
            assert_eq!(all(&server, &at[3]).await, none());
        }
    }

    async fn rows_that_lead_back_to_where_they_started_come_to_an_end(floe: TestServer) {
        for words in BOTH {
            let project = floe.project(words.rows).await;
            let server = project.server();
            let people = table(&server, words, "people", &[], false).await;
            relate(&server, &people, "people", kind("manyToMany", true), "knows", "known").await;
            relate(&server, &people, "people", kind("oneToOne", true), "loves", "loved").await;
            let data = json!({
                "name": "Ann",
                "loves": {"$id": "bob", "loved": "nobody", "loves": {"$id": "ann", "name": "Anna", "loves": "ann"}},
                "knows": [{"$id": "bob", "known": [], "knows": ["ann", "bob"]}, "ann"],
            });
            people.create(&server, "ann", &data).await.ok(201);
            assert_eq!(all(&server, &people).await, ["ann", "bob"]);
            for (id, key, expected) in [
                ("ann", "loves", &["bob"][..]), ("ann", "loved", &["bob"]), ("bob", "loves", &["ann"]), ("bob", "loved", &["ann"]),
                ("ann", "knows", &["ann", "bob"]), ("bob", "knows", &["ann", "bob"]), ("bob", "known", &["ann", "bob"]),
            ] {
                assert_eq!(related(&server, &people, id, key).await, expected, "{id} {key}");
            }
            assert_eq!(server.get(&people.row("ann")).await.expect(200)["name"], "Anna");
        }
    }

    async fn rows_say_when_what_they_are_related_to_was_changed(floe: TestServer) {
        for words in BOTH {
            for kind in every_kind(SET_NULL) {
                let project = floe.project(&format!("{}{}{}", words.rows, kind.kind, kind.two_way).to_lowercase()).await;
                let server = project.server();
                let (books, people) = library(&server, words, kind, &[], false).await;
                rows(&server, &people, &["ann"]).await;
                rows(&server, &books, &["b"]).await;
                // Where Appwrite keeps the link with the other row, that row is changed.
                let is_kept_there = kind.kind == "oneToMany" || (kind.kind == "oneToOne" && kind.two_way);
                let updated = async |at: &At, id: &str| server.get(&at.row(id)).await.expect(200)["$updatedAt"].clone();
                for value in [kind.value(&["ann"]), kind.value(&[])] {
                    let before = (updated(&books, "b").await, updated(&people, "ann").await);
                    floe.clock().advance(1);
                    change(&server, &books, "b", &json!({"to": value})).await.ok(200);
                    assert_ne!(updated(&books, "b").await, before.0, "{kind:?}");
                    assert_eq!(updated(&people, "ann").await != before.1, is_kept_there, "{kind:?} {value}");
                }
            }
        }
    }

    async fn what_was_written_is_answered(floe: TestServer) {
        for words in BOTH {
            let project = floe.project(words.rows).await;
            let server = project.server();
            let (books, people) = library(&server, words, kind("manyToOne", true), &[], false).await;
            let tags = table(&server, words, "tags", &[], false).await;
            relate(&server, &books, "tags", kind("manyToMany", false), "tags", "books").await;
            relate(&server, &people, "tags", kind("manyToMany", false), "likes", "liked").await;
            let plain = books.create(&server, "plain", &json!({"name": "x"})).await.expect(201);
            assert_eq!((&plain["to"], &plain["tags"]), (&Json::Null, &json!([])));
            let data = json!({"to": {"$id": "ann", "name": "Ann", "likes": [{"$id": "t"}]}, "tags": ["t"]});
            let made = books.create(&server, "b", &data).await.expect(201);
            let (ann, tag) = (server.get(&people.row("ann")).await.expect(200), server.get(&tags.row("t")).await.expect(200));
            assert_eq!((&made["to"]["name"], &made["to"]["likes"], &made["tags"]), (&ann["name"], &json!([tag]), &json!([tag])));
            // What is related, but not said, is answered too; but not what lies behind it.
            let changed = change(&server, &books, "b", &json!({"name": "B"})).await.expect(200);
            assert_eq!((&changed["name"], &changed["to"], &changed["tags"]), (&json!("B"), &ann, &json!([tag])));
            let put = server.put(&books.row("b"), &json!({"data": {"to": null}})).await.expect(200);
            assert_eq!((&put["to"], &put["tags"]), (&Json::Null, &json!([tag])));
        }
    }

    async fn what_is_staged_is_related_when_it_is_committed(floe: TestServer) {
        for words in BOTH {
            let project = floe.project(words.rows).await;
            let server = project.server();
            let (books, people) = library(&server, words, kind("oneToMany", true), &[], false).await;
            let transaction = server.post(&format!("{}/transactions", words.service), &json!({})).await.expect(201);
            let id = transaction["$id"].as_str().unwrap();
            let staged = server.post(&people.rows, &json!({words.row_id: "ann", "data": {"name": "Ann"}, "transactionId": id})).await;
            staged.ok(201);
            let data = json!({"name": "B", "to": ["ann", {"$id": "bob", "name": "Bob"}]});
            let staged = server.post(&books.rows, &json!({words.row_id: "b", "data": data, "transactionId": id})).await.expect(201);
            assert_eq!(crate::support::ids(&staged["to"]), ["ann", "bob"]);
            assert_eq!((all(&server, &books).await, all(&server, &people).await), (none(), none()));
            server.patch(&format!("{}/transactions/{id}", words.service), &json!({"commit": true})).await.ok(200);
            assert_eq!(related(&server, &books, "b", "to").await, ["ann", "bob"]);
        }
    }

    async fn what_is_done_to_many_rows_at_once_is_not_done_to_rows_with_relationships(floe: TestServer) {
        for words in BOTH {
            let project = floe.project(words.rows).await;
            let server = project.server();
            let (books, people) = library(&server, words, kind("manyToOne", false), &[], false).await;
            rows(&server, &books, &["b"]).await;
            let sdk = if words.table == "table" { "tablesDB" } else { "databases" };
            let many = json!({words.rows: [{"$id": "x", "name": "x"}]});
            for (answer, message) in [
                (server.post(&books.rows, &many).await, format!("Bulk create is not supported for {sdk} with relationship {}", words.columns)),
                (server.put(&books.rows, &many).await, format!("Bulk upsert is not supported for {sdk} with relationship attributes")),
                (server.patch(&books.rows, &json!({"data": {"name": "x"}})).await, format!("Bulk update is not supported for {sdk} with relationship attributes")),
                (server.delete(&books.rows).await, format!("Bulk delete is not supported for {sdk} with relationship attributes")),
            ] {
                answer.refused(400, "general_bad_request");
                assert_eq!(answer.body["message"], message);
            }
            assert_eq!(server.get(&books.row("b")).await.expect(200)["name"], "b");
            // The other side has no column.
            server.post(&people.rows, &many).await.ok(201);
        }
    }

    async fn rows_that_name_too_many_others_are_refused(floe: TestServer) {
        let project = floe.project("p").await;
        let server = project.server();
        let (books, _) = library(&server, TABLES, kind("manyToMany", false), &[], false).await;
        let ids: Vec<_> = (0..1001).map(|n| n.to_string()).collect();
        books.create(&server, "b", &json!({"to": ids})).await.refused(400, "relationship_value_invalid");
        books.create(&server, "b", &json!({"to": ids[..1000]})).await.ok(201);
    }

    /// Two that name the same rows in another order wait for each other on PostgreSQL: then one of them starts again.
    async fn rows_that_are_written_at_once_do_not_stand_in_each_others_way(floe: TestServer) {
        let project = floe.project("p").await;
        let server = project.server();
        let (books, people) = library(&server, TABLES, kind("oneToMany", true), &[], false).await;
        rows(&server, &people, &["ann", "bob", "cat"]).await;
        let mut at_once = tokio::task::JoinSet::new();
        for n in 0..8 {
            rows(&server, &books, &[&format!("b{n}")]).await;
            let (server, books) = (server.clone(), books.clone());
            at_once.spawn(async move {
                for turn in 0..5 {
                    let mut ids = vec!["ann", "bob", "cat"];
                    ids.rotate_left((n + turn) % 3);
                    if n % 2 == 0 {
                        ids.reverse();
                    }
                    let data = json!({"to": ids});
                    let answer = server.patch(&books.row(&format!("b{n}")), &json!({"data": data})).await;
                    assert_eq!(answer.status, 200, "{}", answer.text);
                }
            });
        }
        while let Some(done) = at_once.join_next().await {
            done.unwrap();
        }
        for id in ["ann", "bob", "cat"] {
            assert_eq!(related(&server, &people, id, "from").await.len(), 1);
        }
    }
}
