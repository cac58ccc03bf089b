//! Relationships: made, shown on both sides, changed and removed.

use crate::support::background::{count, enlarge, until_done};
use crate::support::library::{Library, relate};
use crate::support::{At, BOTH, TABLES, Words};
use floe_testkit::Client;
use serde_json::json;

fn related(words: Words) -> &'static str {
    if words.table == "table" { "relatedTable" } else { "relatedCollection" }
}

/// Three tables that aren't related.
async fn library(server: &Client, words: Words) -> (At, At, At) {
    let Library { books, people, tags } = Library::make(server, words, &[], false).await;
    (books, people, tags)
}

async fn keys(server: &Client, at: &At) -> Vec<String> {
    let list = server.get(&at.columns).await.expect(200);
    let columns = list[at.words.columns].as_array().unwrap();
    columns.iter().map(|column| column["key"].as_str().unwrap().to_owned()).collect()
}

floe_testkit::both_databases! {
    async fn a_relationship_is_a_column_of_both_tables_when_it_is_two_way(floe: TestServer) {
        for words in BOTH {
            let project = floe.project(words.rows).await;
            let server = project.server();
            let (books, people, _) = library(&server, words).await;
            let more = json!({"twoWay": true, "key": "author", "twoWayKey": "works", "onDelete": "cascade"});
            let made = relate(&server, &books, "people", "manyToOne", &more).await.expect(202);
            let mut expected = json!({
                "key": "author", "type": "relationship", "status": "processing", "error": "", "required": false, "array": false,
                "$createdAt": made["$createdAt"], "$updatedAt": made["$createdAt"],
                related(words): "people", "relationType": "manyToOne", "twoWay": true, "twoWayKey": "works",
                "onDelete": "cascade", "side": "parent",
            });
            assert_eq!(made, expected);
            expected["status"] = json!("available");
            assert_eq!(server.get(&format!("{}/author", books.columns)).await.expect(200), expected);
            assert_eq!(server.get(&books.table).await.expect(200)[words.columns][2], expected);
            let other = server.get(&format!("{}/works", people.columns)).await.expect(200);
            expected["key"] = json!("works");
            expected["twoWayKey"] = json!("author");
            expected["side"] = json!("child");
            expected[related(words)] = json!("books");
            assert_eq!(other, expected);
            assert_eq!(keys(&server, &people).await, ["name", "n", "works"]);
        }
    }

    async fn one_way_there_is_a_column_on_one_side_alone(floe: TestServer) {
        for words in BOTH {
            let project = floe.project(words.rows).await;
            let server = project.server();
            let (books, people, _) = library(&server, words).await;
            let made = relate(&server, &books, "people", "oneToMany", &json!({})).await.expect(202);
            assert_eq!((&made["key"], &made["twoWayKey"], &made["onDelete"]), (&json!("people"), &json!("books"), &json!("restrict")));
            assert_eq!(keys(&server, &books).await, ["name", "n", "people"]);
            assert_eq!(keys(&server, &people).await, ["name", "n"]);
        }
    }

    async fn refuses_what_makes_no_relationship(floe: TestServer) {
        for words in BOTH {
            let project = floe.project(words.rows).await;
            let server = project.server();
            let (books, people, _) = library(&server, words).await;
            let exists = words.kind("column", "already_exists");
            relate(&server, &books, "none", "manyToOne", &json!({})).await.refused(404, &words.kind("table", "not_found"));
            relate(&server, &books, "people", "someToSome", &json!({})).await.refused(400, "general_argument_invalid");
            relate(&server, &books, "people", "oneToOne", &json!({"onDelete": "explode"})).await.refused(400, "general_argument_invalid");
            relate(&server, &books, "people", "oneToOne", &json!({"key": "name"})).await.refused(409, &exists);
            relate(&server, &books, "people", "oneToOne", &json!({"twoWay": true, "twoWayKey": "name"})).await.refused(409, &exists);
            relate(&server, &books, "books", "oneToOne", &json!({"twoWay": true, "key": "a", "twoWayKey": "a"})).await.refused(409, &exists);
            for key in ["$id", "a\"b", "a;b", "", "-a", &"x".repeat(37)] {
                relate(&server, &books, "people", "oneToOne", &json!({"key": key})).await.refused(400, "general_argument_invalid");
            }
            relate(&server, &books, "people", "manyToMany", &json!({"key": "a", "twoWay": true, "twoWayKey": "b"})).await.ok(202);
            relate(&server, &books, "people", "manyToOne", &json!({"key": "A"})).await.refused(409, &exists);
            relate(&server, &books, "people", "manyToOne", &json!({"key": "c", "twoWayKey": "b"})).await.refused(409, &exists);
            relate(&server, &books, "people", "manyToMany", &json!({"key": "c", "twoWayKey": "d"})).await.refused(409, &exists);
            relate(&server, &books, "people", "manyToOne", &json!({"key": "c", "twoWayKey": "d"})).await.ok(202);
            assert_eq!(keys(&server, &books).await, ["name", "n", "a", "c"]);
            assert_eq!(keys(&server, &people).await, ["name", "n", "b"]);
            let index = json!({"key": "i", "type": "key", words.columns: ["a"]});
            server.post(&books.indexes, &index).await.refused(400, &words.kind("column", "type_invalid"));
            let boolean = json!({"required": false, "default": null});
            let other_type = format!("{}/boolean/a", books.columns);
            server.patch(&other_type, &boolean).await.refused(400, &words.kind("column", "type_invalid"));
        }
    }

    async fn a_change_shows_on_both_sides(floe: TestServer) {
        for words in BOTH {
            let project = floe.project(words.rows).await;
            let server = project.server();
            let (books, people, _) = library(&server, words).await;
            let more = json!({"twoWay": true, "key": "author", "twoWayKey": "works"});
            relate(&server, &books, "people", "manyToOne", &more).await.ok(202);
            let paths = match words.table {
                "table" => vec![format!("{}/author/relationship", books.columns)],
                _ => vec![format!("{}/relationship/author", books.columns), format!("{}/author/relationship", books.columns)],
            };
            for path in &paths {
                let changed = server.patch(path, &json!({"onDelete": "setNull"})).await.expect(200);
                assert_eq!((&changed["onDelete"], &changed["key"]), (&json!("setNull"), &json!("author")));
            }
            server.patch(&paths[0], &json!({"newKey": "name"})).await.refused(409, &words.kind("column", "already_exists"));
            server.patch(&paths[0], &json!({"newKey": "writer"})).await.ok(200);
            server.patch(&paths[0], &json!({"newKey": "x"})).await.refused(404, &words.kind("column", "not_found"));
            let other = server.get(&format!("{}/works", people.columns)).await.expect(200);
            assert_eq!((&other["twoWayKey"], &other["onDelete"]), (&json!("writer"), &json!("setNull")));
            let other_path = paths[0].replace("/books/", "/people/").replace("author", "works");
            server.patch(&other_path, &json!({"newKey": "texts"})).await.ok(200);
            let first = server.get(&format!("{}/writer", books.columns)).await.expect(200);
            assert_eq!(first["twoWayKey"], "texts");
            let plain = other_path.replace("works", "name");
            server.patch(&plain, &json!({"onDelete": "cascade"})).await.refused(400, &words.kind("column", "type_invalid"));
        }
    }

    async fn removing_one_side_removes_the_other(floe: TestServer) {
        for words in BOTH {
            let project = floe.project(words.rows).await;
            let server = project.server();
            let (books, people, tags) = library(&server, words).await;
            let two_way = |key: &str, other: &str| json!({"twoWay": true, "key": key, "twoWayKey": other});
            relate(&server, &books, "people", "manyToOne", &two_way("author", "works")).await.ok(202);
            relate(&server, &books, "tags", "manyToMany", &two_way("tags", "books")).await.ok(202);
            relate(&server, &tags, "tags", "manyToOne", &json!({"key": "under"})).await.ok(202);
            relate(&server, &tags, "people", "oneToOne", &json!({"key": "owner"})).await.ok(202);
            server.delete(&format!("{}/works", people.columns)).await.ok(204);
            assert_eq!(keys(&server, &books).await, ["name", "n", "tags"]);
            assert_eq!(keys(&server, &people).await, ["name", "n"]);
            // What leads to a table goes with it, whichever side it was made on.
            server.delete(&people.table).await.ok(204);
            assert_eq!(keys(&server, &tags).await, ["name", "n", "books", "under"]);
            server.delete(&tags.table).await.ok(204);
            assert_eq!(keys(&server, &books).await, ["name", "n"]);
            books.create(&server, "b", &json!({"name": "B"})).await.ok(201);
        }
    }

    async fn a_database_goes_with_its_relationships(floe: TestServer) {
        for words in BOTH {
            let project = floe.project(words.rows).await;
            let server = project.server();
            let (books, people, _) = library(&server, words).await;
            for (at, to, key) in [(&books, "people", "a"), (&people, "books", "b"), (&books, "books", "c")] {
                let more = json!({"twoWay": true, "key": key, "twoWayKey": format!("{key}2")});
                relate(&server, at, to, "oneToMany", &more).await.ok(202);
            }
            server.delete(&words.database("d")).await.ok(204);
            library(&server, words).await;
        }
    }

    /// On PostgreSQL, where links lock both tables, and would wait for the index while everybody waits for them.
    async fn a_relationship_waits_its_turn_behind_an_index(floe: TestServer) {
        let project = floe.project("p").await;
        let server = project.server();
        let (books, people, _) = library(&server, TABLES).await;
        let store = floe.store("p").await;
        if store.is_sqlite() {
            return;
        }
        for id in ["a", "b"] {
            books.create(&server, id, &json!({"name": id})).await.ok(201);
        }
        people.create(&server, "p", &json!({"name": "P"})).await.ok(201);
        enlarge(&floe, "p").await;
        let busy = async |key: &str| {
            // An index waits for whoever has begun to write into its table.
            let mut writing = store.begin().await.unwrap();
            writing.batch("UPDATE rows_1 SET _updated = 0 WHERE _id = 'nobody'").await.unwrap();
            server.post(&books.indexes, &json!({"key": key, "type": "key", "columns": ["n"]})).await.ok(202);
            writing
        };
        let writing = busy("i").await;
        let two_way = |key: &str, other: &str| json!({"key": key, "twoWay": true, "twoWayKey": other, "onDelete": "setNull"});
        relate(&server, &books, "people", "manyToOne", &two_way("author", "works")).await.ok(202);
        relate(&server, &people, "books", "oneToOne", &two_way("never", "neither")).await.ok(202);
        let status = async |at: &At, key: &str| server.get(&format!("{}/{key}", at.columns)).await.expect(200)["status"].clone();
        assert_eq!((status(&books, "author").await, status(&people, "works").await), (json!("processing"), json!("processing")));
        books.create(&server, "c", &json!({"author": "p"})).await.refused(400, "row_invalid_structure");
        let change = format!("{}/author/relationship", books.columns);
        server.patch(&change, &json!({"onDelete": "cascade"})).await.refused(400, "column_not_available");
        server.delete(&format!("{}/neither", books.columns)).await.ok(204);
        drop(writing);
        until_done(&floe, "p").await;
        assert_eq!((status(&books, "author").await, status(&people, "works").await), (json!("available"), json!("available")));
        books.create(&server, "c", &json!({"author": "p"})).await.ok(201);
        // What was one is gone at once, and so is the other table.
        let writing = busy("j").await;
        server.delete(&people.table).await.ok(204);
        assert_eq!(keys(&server, &books).await, ["name", "n"]);
        server.get(&books.row("c")).await.ok(200);
        drop(writing);
        until_done(&floe, "p").await;
        assert_eq!(count(&floe, "p", "pg_tables WHERE tablename LIKE 'links%' AND schemaname = current_schema()").await, Some(0));
        assert_eq!(count(&floe, "p", "rows_2").await, None);
        books.create(&server, "d", &json!({"name": "D"})).await.ok(201);
    }
}
