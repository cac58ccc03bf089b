//! Related rows: read where they are selected, guarded at every step.

use crate::support::library::{Library, relate, select};
use crate::support::{At, BOTH, ids, user};
use floe_testkit::{Client, Database, TestServer};
use serde_json::{Value as Json, json};
use std::sync::atomic::{AtomicUsize, Ordering};

async fn get(client: &Client, at: &At, id: &str, names: &[&str]) -> Json {
    client.list(&at.row(id), &[select(names)]).await.expect(200)
}

async fn list(client: &Client, at: &At, names: &[&str]) -> Vec<Json> {
    at.list(client, &[select(names)]).await[at.words.rows].as_array().unwrap().clone()
}

/// The names of related rows.
fn names(rows: &Json) -> Vec<&str> {
    rows.as_array().unwrap().iter().map(|row| row["name"].as_str().unwrap()).collect()
}

floe_testkit::both_databases! {
    async fn relationships_are_read_only_where_they_are_selected(floe: TestServer) {
        for words in BOTH {
            let project = floe.project(words.rows).await;
            let server = project.server();
            let library = Library::related(&server, words, &[], false).await;
            library.fill(&server).await;
            let plain = server.get(&library.books.row("a")).await.expect(200);
            assert!(plain.get("author").is_none() && plain.get("tags").is_none(), "{plain}");
            assert_eq!(get(&server, &library.books, "a", &["*"]).await, plain);
            assert_eq!(list(&server, &library.books, &["*"]).await[0], plain);
            let ann = server.get(&library.people.row("ann")).await.expect(200);
            let mut expected = plain.clone();
            expected["author"] = ann.clone();
            for asked in [["*", "author"], ["*", "author.*"]] {
                assert_eq!(get(&server, &library.books, "a", &asked).await, expected);
                let rows = list(&server, &library.books, &asked).await;
                assert_eq!(rows[0], expected);
                assert_eq!(rows[1]["author"], ann);
                assert_eq!(rows[2]["author"]["$id"], "bob");
                assert_eq!(rows[3]["author"], Json::Null);
            }
            let ann = get(&server, &library.people, "ann", &["*", "works.*"]).await;
            assert_eq!(ann["works"][0], plain);
            assert_eq!(names(&ann["works"]), ["A", "B"]);
        }
    }

    async fn what_is_selected_of_related_rows_is_what_is_answered(floe: TestServer) {
        for words in BOTH {
            let project = floe.project(words.rows).await;
            let server = project.server();
            let library = Library::related(&server, words, &[], false).await;
            library.fill(&server).await;
            let row = get(&server, &library.books, "a", &["name", "author.n", "tags.$id"]).await;
            assert!(row.get("n").is_none() && row["author"].get("name").is_none() && row["tags"][0].get("name").is_none(), "{row}");
            assert_eq!((&row["name"], &row["author"]["n"]), (&json!("A"), &json!(1)));
            assert_eq!(ids(&row["tags"]), ["x", "y"]);
            for key in ["$id", "$sequence", "$databaseId", "$createdAt", "$updatedAt", "$permissions"] {
                assert!(row["author"].get(key).is_some(), "{key}: {row}");
            }
            assert_eq!(row["tags"][0][format!("${}Id", words.table)], "tags");
            // Where nothing is said of the rows themselves, they are shown whole.
            let row = get(&server, &library.books, "a", &["author.name"]).await;
            assert_eq!((&row["n"], &row["author"]["name"]), (&json!(1), &json!("Ann")));
            for names in [&["author.nothing"][..], &["nothing.name"], &["author.works.nothing"], &["author."], &["name.author"]] {
                server.list(&library.books.rows, &[select(names)]).await.refused(400, "general_query_invalid");
                server.list(&library.books.row("a"), &[select(names)]).await.refused(400, "general_query_invalid");
            }
        }
    }

    async fn a_row_is_related_to_nothing_or_to_no_rows(floe: TestServer) {
        for words in BOTH {
            let project = floe.project(words.rows).await;
            let server = project.server();
            let library = Library::related(&server, words, &[], false).await;
            library.fill(&server).await;
            let row = get(&server, &library.books, "d", &["author.works.*", "tags.owner.*"]).await;
            assert_eq!((&row["author"], &row["tags"]), (&Json::Null, &json!([])));
            assert!(list(&server, &library.tags, &["owner.*"]).await[1]["owner"].is_null());
        }
    }

    async fn relationships_are_followed_three_deep_and_no_further(floe: TestServer) {
        for words in BOTH {
            let project = floe.project(words.rows).await;
            let server = project.server();
            let library = Library::related(&server, words, &[], false).await;
            library.fill(&server).await;
            let row = get(&server, &library.books, "c", &["name", "author.boss.works.name"]).await;
            assert_eq!(names(&row["author"]["boss"]["works"]), ["A", "B"]);
            assert!(row["author"]["boss"]["works"][0].get("n").is_none());
            let row = get(&server, &library.books, "a", &["author.works.author.works.author.*"]).await;
            assert_eq!(names(&row["author"]["works"]), ["A", "B"]);
            assert_eq!(row["author"]["works"][1]["author"]["name"], "Ann");
            assert!(row["author"]["works"][1]["author"].get("works").is_none(), "{row}");
            let tag = get(&server, &library.tags, "x", &["books.author.boss.*", "owner.name"]).await;
            assert_eq!(names(&tag["books"]), ["A", "C"]);
            assert_eq!((&tag["books"][1]["author"]["boss"]["name"], &tag["owner"]["name"]), (&json!("Ann"), &json!("Ann")));
        }
    }

    async fn a_table_may_be_related_to_itself(floe: TestServer) {
        for words in BOTH {
            let project = floe.project(words.rows).await;
            let server = project.server();
            let people = Library::make(&server, words, &[], false).await.people;
            let more = json!({"key": "parent", "twoWay": true, "twoWayKey": "children", "onDelete": "setNull"});
            relate(&server, &people, "people", "manyToOne", &more).await.ok(202);
            people.create(&server, "a", &json!({"name": "A"})).await.ok(201);
            people.create(&server, "b", &json!({"name": "B", "parent": "a"})).await.ok(201);
            people.create(&server, "c", &json!({"name": "C", "parent": "a"})).await.ok(201);
            let a = get(&server, &people, "a", &["parent.*", "children.parent.*"]).await;
            assert_eq!(names(&a["children"]), ["B", "C"]);
            assert_eq!((&a["parent"], &a["children"][0]["parent"]["name"]), (&Json::Null, &json!("A")));
        }
    }

    async fn a_key_may_hold_a_period(floe: TestServer) {
        for words in BOTH {
            let project = floe.project(words.rows).await;
            let server = project.server();
            let Library { books, people, .. } = Library::make(&server, words, &[], false).await;
            let text = json!({"key": "author.name", "size": 20, "required": false});
            server.post(&format!("{}/string", books.columns), &text).await.ok(202);
            for key in ["author", "author.of"] {
                let more = json!({"key": key, "twoWayKey": format!("{key}.books")});
                relate(&server, &books, "people", "manyToOne", &more).await.ok(202);
            }
            people.create(&server, "p", &json!({"name": "P", "n": 7})).await.ok(201);
            let data = json!({"author.name": "itself", "author": "p", "author.of": "p"});
            books.create(&server, "b", &data).await.ok(201);
            let row = get(&server, &books, "b", &["author.name", "author.n", "author.of.name"]).await;
            assert_eq!((&row["author.name"], &row["author"]["n"], &row["author.of"]["name"]), (&json!("itself"), &json!(7), &json!("P")));
            assert!(row["author"].get("name").is_none());
        }
    }

    /// SEC-046: by reading.
    async fn what_the_caller_may_not_read_is_not_there(floe: TestServer) {
        for words in BOTH {
            let project = floe.project(words.rows).await;
            let server = project.server();
            let library = Library::related(&server, words, &[], true).await;
            library.fill(&server).await;
            let user = user(&project, "u").await;
            let open = json!({"permissions": ["read(\"user:u\")"]});
            for (at, id) in [(&library.books, "a"), (&library.books, "c"), (&library.tags, "x"), (&library.people, "bob")] {
                server.patch(&at.row(id), &open).await.ok(200);
            }
            // Ann isn't readable: neither as an author, nor as a boss, nor as an owner.
            let rows = list(&user, &library.books, &["author.boss.*", "tags.owner.*"]).await;
            assert_eq!(ids(&json!(rows)), ["a", "c"]);
            assert_eq!(rows[0]["author"], Json::Null);
            assert_eq!(rows[1]["author"]["name"], "Bob");
            assert_eq!(rows[1]["author"]["boss"], Json::Null);
            assert_eq!(names(&rows[0]["tags"]), ["X"]);
            assert_eq!(rows[0]["tags"][0]["owner"], Json::Null);
            assert_eq!(get(&user, &library.books, "a", &["author.*"]).await["author"], Json::Null);
            let whole = list(&server, &library.books, &["author.*", "tags.owner.*"]).await;
            assert_eq!((&whole[0]["author"]["name"], &whole[0]["tags"][0]["owner"]["name"]), (&json!("Ann"), &json!("Ann")));
            assert_eq!(list(&project.guest(), &library.books, &["author.*"]).await, Vec::<Json>::new());
        }
    }

    /// SEC-046: the table's own permissions, and its switch.
    async fn a_table_that_is_not_for_the_caller_has_no_rows(floe: TestServer) {
        for words in BOTH {
            let project = floe.project(words.rows).await;
            let server = project.server();
            let library = Library::related(&server, words, &["read(\"any\")"], false).await;
            library.fill(&server).await;
            let guest = project.guest();
            assert_eq!(get(&guest, &library.books, "a", &["author.*"]).await["author"]["name"], "Ann");
            let change = |permissions: &[&str], enabled: bool| json!({"name": "People", "permissions": permissions, "enabled": enabled});
            for closed in [change(&["read(\"users\")"], true), change(&["read(\"any\")"], false), change(&[], true)] {
                server.put(&library.people.table, &closed).await.ok(200);
                assert_eq!(get(&guest, &library.books, "a", &["author.*"]).await["author"], Json::Null, "{closed}");
                let listed = list(&guest, &library.tags, &["owner.works.*", "books.author.*"]).await;
                assert_eq!((&listed[0]["owner"], &listed[0]["books"][0]["author"]), (&Json::Null, &Json::Null));
                assert_eq!(get(&server, &library.books, "a", &["author.*"]).await["author"]["name"], "Ann");
            }
            server.put(&library.people.table, &change(&["read(\"any\")"], true)).await.ok(200);
            assert_eq!(get(&guest, &library.books, "a", &["author.*"]).await["author"]["name"], "Ann");
        }
    }

    async fn a_change_of_a_related_table_is_seen_at_once(floe: TestServer) {
        for words in BOTH {
            let project = floe.project(words.rows).await;
            let server = project.server();
            let library = Library::related(&server, words, &[], false).await;
            library.fill(&server).await;
            assert_eq!(get(&server, &library.books, "a", &["author.n"]).await["author"]["n"], 1);
            server.delete(&format!("{}/n", library.people.columns)).await.ok(204);
            assert!(get(&server, &library.books, "a", &["author.*"]).await["author"].get("n").is_none());
            server.list(&library.books.row("a"), &[select(&["author.n"])]).await.refused(400, "general_query_invalid");
            server.delete(&library.people.table).await.ok(204);
            server.list(&library.books.row("a"), &[select(&["author.*"])]).await.refused(400, "general_query_invalid");
            assert_eq!(names(&get(&server, &library.books, "a", &["tags.*"]).await["tags"]), ["X", "Y"]);
        }
    }

    async fn an_answer_holds_only_so_many_related_rows(floe: TestServer) {
        for words in BOTH {
            let project = floe.project(words.rows).await;
            let server = project.server();
            let Library { books, people, .. } = Library::make(&server, words, &[], false).await;
            let rows = |from: usize| (from..from + 60).map(|n| json!({"$id": format!("b{n}"), "name": format!("B{n}")})).collect::<Vec<_>>();
            for from in [0, 60] {
                server.post(&books.rows, &json!({words.rows: rows(from)})).await.ok(201);
            }
            let more = json!({"key": "author", "twoWay": true, "twoWayKey": "works"});
            relate(&server, &books, "people", "manyToOne", &more).await.ok(202);
            let works: Vec<_> = (0..120).map(|n| format!("b{n}")).collect();
            people.create(&server, "p", &json!({"name": "P", "works": works})).await.ok(201);
            let limit = |n: usize| json!({"method": "limit", "values": [n]});
            // Each of so many books has an author, who has 120.
            let asked = select(&["author.works.name"]);
            let few = books.list(&server, &[asked.clone(), limit(80)]).await;
            assert_eq!(few[words.rows][79]["author"]["works"].as_array().unwrap().len(), 120);
            server.list(&books.rows, &[asked, limit(120)]).await.refused(400, "general_query_invalid");
        }
    }
}

static STATEMENTS: AtomicUsize = AtomicUsize::new(0);

/// How many statements a list takes at the least: others may be at work meanwhile.
async fn statements(server: &Client, at: &At, queries: &[Json]) -> usize {
    let mut least = usize::MAX;
    for _ in 0..4 {
        let before = STATEMENTS.load(Ordering::SeqCst);
        at.list(server, queries).await;
        least = least.min(STATEMENTS.load(Ordering::SeqCst) - before);
    }
    least
}

async fn count_statements(floe: TestServer) {
    let words = crate::support::TABLES;
    let project = floe.project("p").await;
    let server = project.server();
    let library = Library::related(&server, words, &[], false).await;
    library.fill(&server).await;
    let limit = |n: usize| json!({"method": "limit", "values": [n]});
    let deep = select(&["*", "tags.books.author.*"]);
    let none = statements(&server, &library.books, &[limit(1)]).await;
    assert!(none > 0, "nothing was counted");
    let one = statements(&server, &library.books, &[limit(1), deep.clone()]).await;
    assert_eq!(one, none + 3, "one for each relationship");
    for n in 0..30 {
        let author = json!({"name": format!("P{n}")});
        let book = json!({"name": format!("B{n}"), "author": author, "tags": ["x", "y"]});
        library.books.create(&server, &format!("b{n}"), &book).await.ok(201);
    }
    let many = statements(&server, &library.books, &[limit(25), deep]).await;
    assert_eq!(many, one, "however many rows");
}

fn counting(database: Database) {
    diesel::connection::set_default_instrumentation(|| {
        Some(Box::new(|event: diesel::connection::InstrumentationEvent<'_>| {
            // Not what begins and ends transactions.
            let diesel::connection::InstrumentationEvent::StartQuery { query, .. } = event else { return };
            if query.to_string().starts_with("SELECT") {
                STATEMENTS.fetch_add(1, Ordering::SeqCst);
            }
        }))
    })
    .unwrap();
    TestServer::run(database, count_statements);
}

mod a_list_takes_one_statement_for_each_relationship {
    use super::{Database, counting};

    #[test]
    fn sqlite() {
        counting(Database::Sqlite);
    }

    #[test]
    fn postgres() {
        counting(Database::Postgres);
    }
}
