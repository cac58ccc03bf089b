//! Filters by what rows are related to.

use crate::support::library::{Library, relate};
use crate::support::{At, BOTH, query, user};
use floe_testkit::Client;
use serde_json::{Value as Json, json};

fn method(method: &str, attribute: &str) -> Json {
    json!({"method": method, "attribute": attribute})
}

fn nested(method: &str, parts: &[Json]) -> Json {
    json!({"method": method, "values": parts})
}

async fn finds(client: &Client, at: &At, cases: &[(Json, &[&str])]) {
    for (query, expected) in cases {
        let list = at.list(client, std::slice::from_ref(query)).await;
        assert_eq!(crate::support::ids(&list[at.words.rows]), *expected, "{query}");
        assert_eq!(list["total"], expected.len(), "{query}");
    }
}

floe_testkit::both_databases! {
    async fn rows_are_found_by_what_they_are_related_to(floe: TestServer) {
        for words in BOTH {
            let project = floe.project(words.rows).await;
            let server = project.server();
            let library = Library::related(&server, words, &[], false).await;
            library.fill(&server).await;
            finds(&server, &library.books, &[
                (query("equal", "author", &json!(["ann"])), &["a", "b"]),
                (query("equal", "author", &json!(["ann", "bob"])), &["a", "b", "c"]),
                (query("equal", "author", &json!([["bob"]])), &["c"]),
                (query("equal", "author", &json!(["nobody"])), &[]),
                (query("notEqual", "author", &json!(["ann"])), &["c"]),
                (method("isNull", "author"), &["d"]),
                (method("isNotNull", "author"), &["a", "b", "c"]),
                (query("contains", "tags", &json!(["x"])), &["a", "c"]),
                (query("contains", "tags", &json!(["x", "y"])), &["a", "c"]),
                (query("containsAll", "tags", &json!(["x", "y"])), &["a"]),
                (query("equal", "tags", &json!(["y"])), &["a"]),
                (query("notContains", "tags", &json!(["y"])), &["b", "c", "d"]),
                (query("notEqual", "tags", &json!(["x"])), &["b", "d"]),
                (method("isNull", "tags"), &["b", "d"]),
            ]).await;
            finds(&server, &library.people, &[(query("contains", "works", &json!(["c"])), &["bob"])]).await;
        }
    }

    async fn rows_are_found_by_columns_of_what_they_are_related_to(floe: TestServer) {
        for words in BOTH {
            let project = floe.project(words.rows).await;
            let server = project.server();
            let library = Library::related(&server, words, &[], false).await;
            library.fill(&server).await;
            let name = |path: &str, name: &str| query("equal", path, &json!([name]));
            finds(&server, &library.books, &[
                (name("author.name", "Ann"), &["a", "b"]),
                (query("startsWith", "author.name", &json!(["B"])), &["c"]),
                (query("equal", "author.$id", &json!(["bob"])), &["c"]),
                (query("greaterThan", "author.n", &json!([1])), &["c"]),
                (name("tags.name", "X"), &["a", "c"]),
                (name("author.boss.name", "Ann"), &["c"]),
                (name("tags.owner.name", "Ann"), &["a", "c"]),
                (name("author.boss.works.name", "B"), &["c"]),
                (name("author.works.tags.name", "X"), &["a", "b", "c"]),
                (query("contains", "author.works.tags", &json!(["y"])), &["a", "b"]),
                (query("equal", "author.boss", &json!(["ann"])), &["c"]),
                (method("isNull", "author.boss"), &["a", "b"]),
                (nested("or", &[name("author.name", "Bob"), method("isNull", "author")]), &["c", "d"]),
                (nested("and", &[name("author.name", "Ann"), query("equal", "n", &json!([2]))]), &["b"]),
                (nested("or", &[nested("and", &[name("author.name", "Ann"), name("tags.name", "Y")]), name("name", "D")]), &["a", "d"]),
            ]).await;
            finds(&server, &library.tags, &[
                // One and the same book, where several things are asked of books.
                (nested("and", &[name("books.name", "C"), query("equal", "books.n", &json!([3]))]), &["x"]),
                (nested("and", &[name("books.name", "C"), query("equal", "books.n", &json!([1]))]), &[]),
            ]).await;
            let both = library.tags.ids(&server, &[name("books.name", "C"), query("equal", "books.n", &json!([1]))]).await;
            assert_eq!(both, Vec::<String>::new());
        }
    }

    async fn filters_by_relationships_page_and_sort(floe: TestServer) {
        for words in BOTH {
            let project = floe.project(words.rows).await;
            let server = project.server();
            let library = Library::related(&server, words, &[], false).await;
            library.fill(&server).await;
            let by = query("lessThan", "author.n", &json!([9]));
            let desc = json!({"method": "orderDesc", "attribute": "name"});
            let after = json!({"method": "cursorAfter", "values": ["c"]});
            assert_eq!(library.books.ids(&server, &[by.clone(), desc.clone()]).await, ["c", "b", "a"]);
            assert_eq!(library.books.ids(&server, &[by, desc, after, json!({"method": "limit", "values": [1]})]).await, ["b"]);
        }
    }

    async fn refuses_paths_that_lead_nowhere(floe: TestServer) {
        for words in BOTH {
            let project = floe.project(words.rows).await;
            let server = project.server();
            let library = Library::related(&server, words, &[], false).await;
            library.fill(&server).await;
            let refused = [
                query("equal", "author.nothing", &json!(["x"])),
                query("equal", "nothing.name", &json!(["x"])),
                query("equal", "author.", &json!(["x"])),
                query("equal", ".author", &json!(["x"])),
                query("equal", "author..name", &json!(["x"])),
                query("equal", "name.author", &json!(["x"])),
                query("equal", "author.n", &json!(["x"])),
                query("equal", "author", &json!([7])),
                query("equal", "author", &json!(["'; DROP TABLE rows_1; --"])),
                query("equal", "author", &json!([[]])),
                query("lessThan", "author", &json!(["x"])),
                query("startsWith", "author", &json!(["x"])),
                query("equal", "author.works.author.works", &json!(["x"])),
                query("equal", "author.works.author.works.name", &json!(["x"])),
                nested("or", &[query("equal", "author.nothing", &json!(["x"])), method("isNull", "author")]),
                json!({"method": "orderAsc", "attribute": "author.name"}),
                json!({"method": "orderDesc", "attribute": "author"}),
            ];
            for query in refused {
                server.list(&library.books.rows, std::slice::from_ref(&query)).await.refused(400, "general_query_invalid");
            }
            finds(&server, &library.books, &[(query("equal", "author.works.author.name", &json!(["Ann"])), &["a", "b"])]).await;
        }
    }

    async fn a_column_counts_before_a_path(floe: TestServer) {
        for words in BOTH {
            let project = floe.project(words.rows).await;
            let server = project.server();
            let Library { books, people, .. } = Library::make(&server, words, &[], false).await;
            let text = json!({"key": "author.name", "size": 20, "required": false});
            server.post(&format!("{}/string", books.columns), &text).await.ok(202);
            relate(&server, &books, "people", "manyToOne", &json!({"key": "author"})).await.ok(202);
            people.create(&server, "p", &json!({"name": "P", "n": 7})).await.ok(201);
            books.create(&server, "b", &json!({"author.name": "itself", "author": "p"})).await.ok(201);
            finds(&server, &books, &[
                (query("equal", "author.name", &json!(["P"])), &[]),
                (query("equal", "author.name", &json!(["itself"])), &["b"]),
                (query("equal", "author.n", &json!([7])), &["b"]),
            ]).await;
        }
    }

    /// SEC-045 and SEC-046: by filtering. Whatever is asked about Ann, the answer is that of a book without an author.
    async fn filtering_by_what_the_caller_may_not_read_tells_nothing(floe: TestServer) {
        for words in BOTH {
            let project = floe.project(words.rows).await;
            let server = project.server();
            let library = Library::related(&server, words, &[], true).await;
            library.fill(&server).await;
            let user = user(&project, "u").await;
            let open = json!({"permissions": ["read(\"user:u\")"]});
            for (at, id) in [(&library.books, "a"), (&library.books, "c"), (&library.books, "d"), (&library.tags, "x"), (&library.people, "bob")] {
                server.patch(&at.row(id), &open).await.ok(200);
            }
            finds(&user, &library.books, &[
                (query("equal", "author", &json!(["ann"])), &[]),
                (query("notEqual", "author", &json!(["bob"])), &[]),
                (query("equal", "author.name", &json!(["Ann"])), &[]),
                (query("notEqual", "author.name", &json!(["Nobody"])), &["c"]),
                (query("startsWith", "author.name", &json!(["A"])), &[]),
                (query("between", "author.n", &json!([0, 9])), &["c"]),
                (query("equal", "author.$id", &json!(["ann"])), &[]),
                (method("isNull", "author"), &["a", "d"]),
                (method("isNotNull", "author"), &["c"]),
                (method("isNull", "author.boss"), &["c"]),
                (query("equal", "author.boss.name", &json!(["Ann"])), &[]),
                (query("equal", "tags.owner.name", &json!(["Ann"])), &[]),
                (query("equal", "tags.name", &json!(["Y"])), &[]),
                (query("notContains", "tags", &json!(["y"])), &["a", "c", "d"]),
                (nested("or", &[query("equal", "author.name", &json!(["Ann"])), query("equal", "author.n", &json!([1]))]), &[]),
                // Book b is Bob's boss's: neither Ann nor it is there.
                (query("equal", "author.boss.works.name", &json!(["B"])), &[]),
            ]).await;
            finds(&server, &library.books, &[(query("equal", "author", &json!(["ann"])), &["a", "b"])]).await;
        }
    }

    /// SEC-046: the table's own permissions, and its switch.
    async fn filtering_by_a_table_that_is_not_for_the_caller_tells_nothing(floe: TestServer) {
        for words in BOTH {
            let project = floe.project(words.rows).await;
            let server = project.server();
            let library = Library::related(&server, words, &["read(\"any\")"], false).await;
            library.fill(&server).await;
            let guest = project.guest();
            let by_name = query("equal", "author.name", &json!(["Ann"]));
            finds(&guest, &library.books, &[(by_name.clone(), &["a", "b"])]).await;
            let change = |permissions: &[&str], enabled: bool| json!({"name": "People", "permissions": permissions, "enabled": enabled});
            for closed in [change(&["read(\"users\")"], true), change(&["read(\"any\")"], false), change(&[], true)] {
                server.put(&library.people.table, &closed).await.ok(200);
                finds(&guest, &library.books, &[
                    (by_name.clone(), &[]),
                    (query("equal", "author", &json!(["ann"])), &[]),
                    (method("isNull", "author"), &["a", "b", "c", "d"]),
                    (query("equal", "tags.owner.name", &json!(["Ann"])), &[]),
                ]).await;
                finds(&server, &library.books, &[(by_name.clone(), &["a", "b"])]).await;
            }
        }
    }
}
