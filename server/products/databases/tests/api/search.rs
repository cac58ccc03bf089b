//! Fulltext indexes, and what searches and patterns can't do.

use crate::support::background::{enlarge, until_done};
use crate::support::library::Library;
use crate::support::{At, BOTH, Words, query, user};
use floe_testkit::{Answer, Client, Database, TestServer, until};
use reqwest::Method;
use serde_json::{Value as Json, json};
use std::time::{Duration, Instant};

const TEXTS: [(&str, &str); 5] = [
    ("a", "The quick brown fox"),
    ("b", "a fox, brown and QUICK"),
    ("c", "Straße nach Zürich"),
    ("d", "50% off; 'NEAR' \"quoted\" a*b c:d"),
    ("e", ""),
];

/// A table with texts and a fulltext index over them; row `f` has none.
async fn fill(server: &Client, words: Words, permissions: &[&str]) -> At {
    let columns = json!([
        {"key": "text", "type": "string", "size": 100_000},
        {"key": "other", "type": "longtext"},
        {"key": "n", "type": "integer"},
        {"key": "list", "type": "string", "size": 10, "array": true}
    ]);
    let at = words.make(server, permissions, true, &columns).await;
    let mut rows: Vec<_> = TEXTS.iter().map(|(id, text)| json!({"$id": id, "text": text, "other": text})).collect();
    rows.push(json!({"$id": "f"}));
    server.post(&at.rows, &json!({words.rows: rows})).await.ok(201);
    index(server, &at, "i", &["text"]).await.ok(202);
    at
}

async fn index(server: &Client, at: &At, key: &str, columns: &[&str]) -> Answer {
    server.post(&at.indexes, &json!({"key": key, "type": "fulltext", at.words.columns: columns})).await
}

fn search(words: &str) -> Json {
    query("search", "text", &json!([words]))
}

/// Every door that queries come in by; what a query that none of them takes is answered.
async fn through_every_door(server: &Client, at: &At, queries: &[String]) -> Vec<Answer> {
    let body = json!({"queries": queries, "data": {"n": 1}});
    let mut answers = vec![
        server.send(Method::PATCH, &at.rows, Some(&body)).await,
        server.send(Method::DELETE, &at.rows, Some(&body)).await,
    ];
    // What is too long for a URL never gets in by it.
    if queries.iter().map(String::len).sum::<usize>() < 5000 {
        let lists = [&at.rows, &at.row("a"), &at.columns, &at.indexes, at.words.service];
        for list in lists.into_iter().chain([&*format!("{}/{}", at.words.database("d"), at.words.tables)]) {
            answers.push(server.list_texts(list, queries).await);
        }
    }
    answers
}

floe_testkit::both_databases! {
    async fn words_are_found_by_their_index(floe: TestServer) {
        for words in BOTH {
            let project = floe.project(words.rows).await;
            let server = project.server();
            let at = fill(&server, words, &[]).await;
            for (wanted, expected) in [
                ("fox", vec!["a", "b"]),
                ("QUI", vec!["a", "b"]),
                ("zürich fox", vec!["a", "b", "c"]),
                ("\"brown fox\"", vec!["a"]),
                ("\"fox brown\"", vec!["b"]),
                ("zurich", vec![]),
                ("", vec![]),
            ] {
                assert_eq!(at.ids(&server, &[search(wanted)]).await, expected, "{wanted}");
                let all = ["a", "b", "c", "d", "e", "f"];
                let others: Vec<_> = all.into_iter().filter(|id| !expected.contains(id)).collect();
                assert_eq!(at.ids(&server, &[query("notSearch", "text", &json!([wanted]))]).await, others, "not {wanted}");
            }
            let mixed = [
                json!({"method": "or", "values": [search("zürich"), query("equal", "$id", &json!(["f"]))]}),
                json!({"method": "orderDesc", "attribute": "$id"}),
            ];
            assert_eq!(at.ids(&server, &mixed).await, ["f", "c"]);
            assert_eq!(at.list(&server, &[search("fox"), json!({"method": "limit", "values": [1]})]).await["total"], 2);
        }
    }

    /// SEC-060.
    async fn a_search_has_no_language_of_its_own(floe: TestServer) {
        for words in BOTH {
            let project = floe.project(words.rows).await;
            let server = project.server();
            let at = fill(&server, words, &[]).await;
            for (wanted, expected) in [
                ("%", vec![]), ("_", vec![]), ("\\", vec![]), ("*", vec![]), ("'", vec![]), ("\"", vec![]), ("\"\"", vec![]), ("^", vec![]),
                ("!", vec![]), ("&|!():*", vec![]), ("-fox", vec!["a", "b"]), ("+fox -brown", vec!["a", "b"]), ("NEAR", vec!["d"]),
                ("NEAR(quick brown)", vec!["a", "b", "d"]), ("text:fox", vec!["a", "b"]), ("{text}:fox", vec!["a", "b"]),
                ("fox AND zürich", vec!["a", "b", "c"]), ("zürich NOT nach", vec!["c"]), ("\"fox\" OR \"", vec![]), ("fo:*", vec!["a", "b"]),
                ("'fox':*", vec!["a", "b"]), ("fox'; DROP TABLE rows_1; --", vec!["a", "b"]), ("\"a*b\"", vec!["d"]), ("50%", vec!["d"]),
            ] {
                assert_eq!(at.ids(&server, &[search(wanted)]).await, expected, "{wanted}");
            }
            server.list(&at.rows, &[search("a\0b")]).await.refused(400, "general_query_invalid");
        }
    }

    async fn an_index_follows_its_rows(floe: TestServer) {
        for words in BOTH {
            let project = floe.project(words.rows).await;
            let server = project.server();
            let at = fill(&server, words, &[]).await;
            at.create(&server, "g", &json!({"text": "new words"})).await.ok(201);
            server.patch(&at.row("a"), &json!({"data": {"text": "changed words"}})).await.ok(200);
            server.patch(&at.row("b"), &json!({"data": {"n": 7}})).await.ok(200);
            server.put(&at.row("h"), &json!({"data": {"text": "words put"}})).await.ok(200);
            server.put(&at.row("c"), &json!({"data": {"text": "words put again"}})).await.ok(200);
            server.delete(&at.row("d")).await.ok(204);
            assert_eq!(at.ids(&server, &[search("words")]).await, ["a", "c", "g", "h"]);
            assert_eq!(at.ids(&server, &[search("fox off")]).await, ["b"]);
            let changed = json!({"data": {"text": "all alike"}, "queries": [search("put").to_string()]});
            assert_eq!(server.patch(&at.rows, &changed).await.expect(200)["total"], 2);
            assert_eq!(at.ids(&server, &[search("\"all alike\"")]).await, ["c", "h"]);
            // All or nothing: the second row is there already.
            let rows = json!({words.rows: [{"$id": "x", "text": "rolled back"}, {"$id": "a", "text": "rolled back"}]});
            server.post(&at.rows, &rows).await.refused(409, &words.kind("row", "already_exists"));
            assert!(at.ids(&server, &[search("rolled")]).await.is_empty());
            let gone = json!({"queries": [search("alike").to_string()]});
            assert_eq!(server.send(Method::DELETE, &at.rows, Some(&gone)).await.expect(200)["total"], 2);
            assert!(at.ids(&server, &[search("alike")]).await.is_empty());
            // A name is only a name.
            let renamed = json!({"required": false, "default": null, "newKey": "body"});
            server.patch(&format!("{}/string/text", at.columns), &renamed).await.ok(200);
            assert_eq!(at.ids(&server, &[query("search", "body", &json!(["words"]))]).await, ["a", "g"]);
            server.list(&at.rows, &[search("words")]).await.refused(400, "general_query_invalid");
            // Other columns come and go.
            server.post(&format!("{}/boolean", at.columns), &json!({"key": "flag", "required": false})).await.ok(202);
            server.delete(&format!("{}/flag", at.columns)).await.ok(204);
            at.create(&server, "j", &json!({"body": "last words"})).await.ok(201);
            assert_eq!(at.ids(&server, &[query("search", "body", &json!(["words"]))]).await, ["a", "g", "j"]);
        }
    }

    async fn an_index_goes_with_what_it_is_over(floe: TestServer) {
        for words in BOTH {
            let project = floe.project(words.rows).await;
            let server = project.server();
            let at = fill(&server, words, &[]).await;
            let needs = |answer: Answer| {
                answer.refused(400, "general_query_invalid");
                assert_eq!(answer.body["message"], "Invalid query: Searching by attribute \"text\" requires a fulltext index.");
            };
            server.delete(&format!("{}/i", at.indexes)).await.ok(204);
            needs(server.list(&at.rows, &[search("fox")]).await);
            at.create(&server, "g", &json!({"text": "made meanwhile"})).await.ok(201);
            // One over several columns serves none of them, as in Appwrite.
            index(&server, &at, "wide", &["text", "other"]).await.ok(202);
            needs(server.list(&at.rows, &[search("fox")]).await);
            index(&server, &at, "i", &["text"]).await.ok(202);
            assert_eq!(at.ids(&server, &[search("meanwhile")]).await, ["g"]);
            server.delete(&format!("{}/text", at.columns)).await.ok(204);
            assert_eq!(server.get(&at.indexes).await.expect(200)["total"], 0);
            at.create(&server, "h", &json!({"other": "x"})).await.ok(201);
            server.post(&format!("{}/text", at.columns), &json!({"key": "text", "required": false})).await.ok(202);
            index(&server, &at, "i", &["text"]).await.ok(202);
            assert!(at.ids(&server, &[search("fox")]).await.is_empty());
            // The table goes, and another one of the same id has nothing of it.
            server.delete(&at.table).await.ok(204);
            let at = fill(&server, words, &[]).await;
            assert_eq!(at.ids(&server, &[search("fox")]).await, ["a", "b"]);
            server.delete(&words.database("d")).await.ok(204);
            let at = fill(&server, words, &[]).await;
            assert_eq!(at.ids(&server, &[search("fox")]).await, ["a", "b"]);
        }
    }

    async fn an_index_of_a_large_table_serves_once_it_is_made(floe: TestServer) {
        for words in BOTH {
            let project = floe.project(words.rows).await;
            let server = project.server();
            let at = words.make(&server, &[], false, &json!([{"key": "text", "type": "string", "size": 100}])).await;
            for (id, text) in TEXTS {
                at.create(&server, id, &json!({"text": text})).await.ok(201);
            }
            enlarge(&floe, &project.id).await;
            for key in ["i", "j"] {
                assert_eq!(index(&server, &at, key, &["text"]).await.expect(202)["status"], "processing");
                at.create(&server, key, &json!({"text": "made meanwhile"})).await.ok(201);
                let one = format!("{}/{key}", at.indexes);
                until("the index is available", async || server.get(&one).await.expect(200)["status"] == "available").await;
                at.create(&server, &format!("{key}2"), &json!({"text": "made afterwards"})).await.ok(201);
                server.delete(&at.row(key)).await.ok(204);
                assert_eq!(at.ids(&server, &[search("fox")]).await, ["a", "b"]);
                assert!(at.ids(&server, &[search("meanwhile")]).await.is_empty());
                assert!(at.ids(&server, &[search("afterwards")]).await.contains(&format!("{key}2")));
                server.delete(&one).await.ok(204);
                until_done(&floe, &project.id).await;
                server.list(&at.rows, &[search("fox")]).await.refused(400, "general_query_invalid");
            }
            index(&server, &at, "k", &["text"]).await.ok(202);
            server.delete(&at.table).await.ok(204);
            until_done(&floe, &project.id).await;
            let at = fill(&server, words, &[]).await;
            assert_eq!(at.ids(&server, &[search("fox")]).await, ["a", "b"]);
        }
    }

    async fn only_texts_have_words(floe: TestServer) {
        for words in BOTH {
            let project = floe.project(words.rows).await;
            let server = project.server();
            let at = fill(&server, words, &[]).await;
            let invalid = if words.rows == "rows" { "column_index_invalid" } else { "index_invalid" };
            for (column, message) in [
                ("n", "Attribute \"n\" cannot be part of a fulltext index, must be of type string"),
                ("$createdAt", "Attribute \"$createdAt\" cannot be part of a fulltext index, must be of type string"),
                ("list", "Creating indexes on array attributes is not currently supported."),
            ] {
                let answer = index(&server, &at, "j", &[column]).await;
                // Of lists Appwrite says the same in both vocabularies.
                answer.refused(400, if column == "list" { "index_invalid" } else { invalid });
                assert_eq!(answer.body["message"], message);
            }
            index(&server, &at, "j", &["none"]).await.refused(400, &words.kind("column", "unknown"));
            let made = index(&server, &at, "j", &["$id"]).await.expect(202);
            assert_eq!((&made["type"], &made["status"]), (&json!("fulltext"), &json!("processing")));
            assert_eq!(at.ids(&server, &[query("search", "$id", &json!(["A"]))]).await, ["a"]);
            let listed = server.list(&at.indexes, &[query("equal", "type", &json!(["fulltext"]))]).await.expect(200);
            assert_eq!((&listed["total"], &listed["indexes"][0]["status"]), (&json!(2), &json!("available")));
            // What is longer than an index can hold is searched by its beginning.
            server.post(&format!("{}/longtext", at.columns), &json!({"key": "long", "required": false})).await.ok(202);
            index(&server, &at, "long", &["long"]).await.ok(202);
            let long: String = (0..200_000).map(|n| format!("w{n} ")).collect();
            at.create(&server, "long", &json!({"long": format!("{long} end")})).await.ok(201);
            assert_eq!(at.ids(&server, &[query("search", "long", &json!(["w17"]))]).await, ["long"]);
            assert!(at.ids(&server, &[query("search", "long", &json!(["end"]))]).await.is_empty());
        }
    }

    async fn words_are_found_behind_relationships(floe: TestServer) {
        for words in BOTH {
            let project = floe.project(words.rows).await;
            let server = project.server();
            let library = Library::related(&server, words, &[], false).await;
            library.fill(&server).await;
            server.list(&library.books.rows, &[query("search", "author.name", &json!(["ann"]))]).await.refused(400, "general_query_invalid");
            index(&server, &library.people, "i", &["name"]).await.ok(202);
            for (asked, expected) in [
                (query("search", "author.name", &json!(["ANN"])), vec!["a", "b"]),
                (query("notSearch", "author.name", &json!(["ann"])), vec!["c"]),
                (query("search", "author.boss.name", &json!(["an"])), vec!["c"]),
                (query("regex", "author.name", &json!(["^B.b$"])), vec!["c"]),
                (query("containsAll", "author.name", &json!(["n", "A"])), vec!["a", "b"]),
            ] {
                assert_eq!(library.books.ids(&server, std::slice::from_ref(&asked)).await, expected, "{asked}");
            }
        }
    }

    /// SEC-045.
    async fn hidden_rows_are_not_found_by_their_words(floe: TestServer) {
        for words in BOTH {
            let project = floe.project(words.rows).await;
            let server = project.server();
            let at = fill(&server, words, &["create(\"users\")"]).await;
            let bob = user(&project, "bob").await;
            at.create(&bob, "mine", &json!({"text": "my own fox"})).await.ok(201);
            for asked in [search("fox"), search("quick"), query("notSearch", "text", &json!(["nothing"])), query("regex", "text", &json!(["fox"])),
                          query("containsAll", "text", &json!(["f", "x"])), json!({"method": "notExists", "values": ["n"]})] {
                let list = at.list(&bob, std::slice::from_ref(&asked)).await;
                assert!(list["total"].as_i64().unwrap() <= 1, "{asked}: {list}");
                assert!(list[words.rows].as_array().unwrap().iter().all(|row| row["$id"] == "mine"), "{asked}: {list}");
            }
            assert_eq!(at.ids(&bob, &[search("fox")]).await, ["mine"]);
        }
    }

    /// SEC-059, SEC-061, SEC-063: through every door, and at once.
    async fn hostile_queries_are_refused_fast(floe: TestServer) {
        for words in BOTH {
            let project = floe.project(words.rows).await;
            let server = project.server();
            let at = fill(&server, words, &[]).await;
            let leaf = r#"{"method":"isNull","attribute":"$id"}"#;
            let nested = |depth: usize| (0..depth).fold(leaf.to_owned(), |inner, _| format!(r#"{{"method":"or","values":[{inner},{leaf}]}}"#));
            let wide = format!(r#"{{"method":"or","values":[{}]}}"#, vec![leaf; 100].join(","));
            let quoted = (0..6).fold(leaf.to_owned(), |inner, _| format!(r#"{{"method":"and","values":[{0},{0}]}}"#, Json::from(inner)));
            let mut hostile: Vec<Vec<String>> = [
                &nested(40), &nested(1000), &quoted, &"[".repeat(4000), &"[".repeat(1_000_000), &format!("{}1{}", "[".repeat(4000), "]".repeat(4000)),
                &format!(r#"{{"method":"equal","attribute":"$id","values":[{}"x"]}}"#, "\"x\",".repeat(1_000_000)),
                &format!(r#"{{"method":"equal","attribute":"$id","values":{}1{}}}"#, "[".repeat(100), "]".repeat(100)),
                r#"{"method":"equal","attribute":"$createdAt","values":[NaN]}"#, r#"{"method":"equal","attribute":"$sequence","values":[1e999]}"#,
                r#"{"method":"equal","attribute":"$sequence","values":[99999999999999999999]}"#, r#"{"method":"equal","attribute":"$sequence","values":["99999999999999999999"]}"#,
                r#"{"method":"limit","values":[-1]}"#, r#"{"method":"limit","values":[1e30]}"#, r#"{"method":"offset","values":[9223372036854775808]}"#,
                "", "null", "[]", "{}", "\"\"", "equal(\"a\", [1])", "\u{0}",
            ].into_iter().map(|text| vec![text.to_string()]).collect();
            hostile.push(vec![wide; 100]);
            hostile.push(vec![leaf.to_owned(); 10_000]);
            for name in ["\"", "`", "'", "]", ";", "--", "$id\0", "😀", "$id\"; DROP TABLE rows_1; --", "_id", "rowid", "rows_1.c1", "c1", "$id.x", &"k".repeat(3000)] {
                for method in ["equal", "contains", "search", "regex", "isNull"] {
                    hostile.push(vec![query(method, name, &json!(if method == "isNull" { vec![] } else { vec!["x"] })).to_string()]);
                }
                hostile.push(vec![json!({"method": "exists", "values": [name]}).to_string()]);
                hostile.push(vec![json!({"method": "orderAsc", "attribute": name}).to_string()]);
            }
            for regex in ["(a)\\1", "(?=a)", "(?<!a)", "(a{255}){255}", "a{9999}", "((a{99}){99}){99}", "(", "*", "(?R)", "\\k<x>", "\\B", "a\u{0}"] {
                hostile.push(vec![query("regex", "$id", &json!([regex])).to_string()]);
                hostile.push(vec![query("regex", "text", &json!([regex])).to_string()]);
            }
            for queries in hostile {
                let shown: String = queries[0].chars().take(200).collect();
                let started = Instant::now();
                for answer in through_every_door(&server, &at, &queries).await {
                    let kind = answer.body["type"].as_str().unwrap_or_default();
                    assert_eq!(answer.status, 400, "{shown}: {}", answer.text);
                    assert!(matches!(kind, "general_query_invalid" | "general_argument_invalid"), "{shown}: {kind}");
                }
                assert!(started.elapsed() < Duration::from_secs(5), "{shown}: {:?}", started.elapsed());
            }
            assert_eq!(at.ids(&server, &[]).await.len(), 6);
        }
    }
}

/// SEC-067: what is allowed but takes too long is stopped, and holds nobody up meanwhile.
fn what_takes_too_long_is_stopped(database: Database) {
    TestServer::run_with(
        database,
        |config| config.database.statement_timeout = Duration::from_secs(1),
        |floe| async move {
            let words = BOTH[0];
            let project = floe.project("p").await;
            let server = project.server();
            let at = fill(&server, words, &[]).await;
            let text = "lorem ipsum dolor ".repeat(5_000);
            for _ in 0..4 {
                let rows: Vec<_> = (0..25).map(|_| json!({"text": text, "other": text})).collect();
                server.post(&at.rows, &json!({words.rows: rows})).await.ok(201);
            }
            let none: Vec<_> = (0..400).map(|n| format!("i{n}")).collect();
            let slow = [
                search("lorem"),
                query("notContains", "other", &json!(none)),
                json!({"method": "orderDesc", "attribute": "other"}),
                json!({"method": "offset", "values": [1_000_000_000]}),
            ];
            let texts: Vec<_> = slow.iter().map(Json::to_string).collect();
            let body = json!({"data": {"n": 1}, "queries": texts});
            for door in ["list", "update", "delete"] {
                let (server, at, texts, body) = (server.clone(), at.clone(), texts.clone(), body.clone());
                let reader = server.clone();
                let row = at.row("a");
                let asked = tokio::spawn(async move {
                    match door {
                        "list" => server.list_texts(&at.rows, &texts).await,
                        "update" => server.send(Method::PATCH, &at.rows, Some(&body)).await,
                        _ => server.send(Method::DELETE, &at.rows, Some(&body)).await,
                    }
                });
                let mut read_meanwhile = 0;
                while !asked.is_finished() {
                    reader.get(&row).await.ok(200);
                    read_meanwhile += u32::from(!asked.is_finished());
                }
                asked.await.unwrap().refused(408, "database_timeout");
                assert!(read_meanwhile > 3, "{door}: {read_meanwhile} reads in a second");
            }
            assert_eq!(at.list(&server, &[]).await["total"], 106);
            server.patch(&at.row("a"), &json!({"data": {"n": 1}})).await.ok(200);
        },
    );
}

#[test]
fn what_takes_too_long_is_stopped_sqlite() {
    what_takes_too_long_is_stopped(Database::Sqlite);
}

#[test]
fn what_takes_too_long_is_stopped_postgres() {
    what_takes_too_long_is_stopped(Database::Postgres);
}
