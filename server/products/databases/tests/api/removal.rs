//! What a row that goes does to those that it is related to.

use crate::support::links::{Kind, all, every_kind, library, relate, related, rows, table};
use crate::support::{BOTH, TABLES, Words, user};
use serde_json::json;

/// What becomes of the row at the other end.
#[derive(Debug, PartialEq, Clone, Copy)]
enum Outcome {
    Refused,
    GoesAlong,
    Stays,
}
use Outcome::{GoesAlong, Refused, Stays};

/// The table of `docs/relationships.md`: when the row with the column goes, and when the other one goes.
fn expected(kind: Kind) -> (Outcome, Outcome) {
    match (kind.on_delete, kind.kind) {
        ("setNull", _) => (Stays, Stays),
        ("restrict", "manyToOne") => (Stays, Refused),
        ("restrict", _) => (Refused, Stays),
        (_, "manyToOne") => (Stays, GoesAlong),
        (_, "oneToOne") if kind.two_way => (GoesAlong, GoesAlong),
        (_, _) => (GoesAlong, Stays),
    }
}

fn every_rule() -> impl Iterator<Item = (usize, Words, Kind)> {
    let rules = BOTH.into_iter().flat_map(|words| ["restrict", "cascade", "setNull"].map(|rule| (words, rule)));
    let kinds = rules.flat_map(|(words, rule)| every_kind(rule).map(move |kind| (words, kind)));
    kinds.enumerate().map(|(n, (words, kind))| (n, words, kind))
}

floe_testkit::both_databases! {
    async fn each_kind_has_its_rule_for_each_side(floe: TestServer) {
        for (n, words, kind) in every_rule() {
            let project = floe.project(&format!("p{n}")).await;
            let server = project.server();
            let (books, people) = library(&server, words, kind, &[], false).await;
            rows(&server, &people, &["ann", "bob"]).await;
            books.create(&server, "a", &json!({"to": kind.value(&["ann"])})).await.ok(201);
            books.create(&server, "b", &json!({"to": kind.value(&["bob"])})).await.ok(201);
            let (forth, back) = expected(kind);
            for (gone, other, outcome) in [((&books, "a"), (&people, "ann", "from"), forth), ((&people, "bob"), (&books, "b", "to"), back)] {
                let ((at, id), (there, there_id, key)) = (gone, other);
                let answer = server.delete(&at.row(id)).await;
                if outcome == Refused {
                    answer.refused(403, &words.kind("row", "delete_restricted"));
                } else {
                    answer.ok(204);
                }
                assert_eq!(all(&server, at).await.contains(&id.to_owned()), outcome == Refused, "{kind:?}");
                assert_eq!(all(&server, there).await.contains(&there_id.to_owned()), outcome != GoesAlong, "{kind:?}");
                if outcome == Stays && (key == "to" || kind.two_way) {
                    assert!(related(&server, there, there_id, key).await.is_empty(), "{kind:?}");
                }
            }
            // A row that is related to nothing is free to go.
            rows(&server, &books, &["c"]).await;
            server.delete(&books.row("c")).await.ok(204);
        }
    }

    async fn a_row_that_has_let_go_is_free_to_go(floe: TestServer) {
        for words in BOTH {
            let project = floe.project(words.rows).await;
            let server = project.server();
            let kind = Kind { kind: "manyToMany", two_way: true, on_delete: "restrict" };
            let (books, people) = library(&server, words, kind, &[], false).await;
            rows(&server, &people, &["ann"]).await;
            books.create(&server, "b", &json!({"to": ["ann"]})).await.ok(201);
            server.delete(&books.row("b")).await.refused(403, &words.kind("row", "delete_restricted"));
            server.patch(&books.row("b"), &json!({"data": {"to": []}})).await.ok(200);
            server.delete(&books.row("b")).await.ok(204);
            assert_eq!(all(&server, &people).await, ["ann"]);
        }
    }

    /// Rows take others along, which take others along, until nothing new is found; in circles too.
    async fn what_goes_along_takes_along(floe: TestServer) {
        for words in BOTH {
            let project = floe.project(words.rows).await;
            let server = project.server();
            let cascade = |kind| Kind { kind, two_way: true, on_delete: "cascade" };
            let (books, people) = library(&server, words, cascade("oneToMany"), &[], false).await;
            relate(&server, &people, "people", cascade("manyToMany"), "knows", "known").await;
            relate(&server, &people, "books", cascade("oneToOne"), "loves", "loved").await;
            rows(&server, &people, &["dan", "eve"]).await;
            people.create(&server, "cat", &json!({"knows": ["dan"]})).await.ok(201);
            people.create(&server, "bob", &json!({"knows": ["cat", "dan"]})).await.ok(201);
            people.create(&server, "ann", &json!({"knows": ["bob"]})).await.ok(201);
            server.patch(&people.row("dan"), &json!({"data": {"knows": ["ann"]}})).await.ok(200);
            books.create(&server, "b", &json!({"to": ["ann"]})).await.ok(201);
            books.create(&server, "c", &json!({"name": "x"})).await.ok(201);
            server.patch(&people.row("dan"), &json!({"data": {"loves": "b"}})).await.ok(200);
            server.delete(&books.row("b")).await.ok(204);
            assert_eq!(all(&server, &people).await, ["eve"]);
            assert_eq!(all(&server, &books).await, ["c"]);
        }
    }

    async fn nothing_goes_when_something_must_stay(floe: TestServer) {
        for words in BOTH {
            let project = floe.project(words.rows).await;
            let server = project.server();
            let (books, people) = library(&server, words, Kind { kind: "oneToMany", two_way: false, on_delete: "cascade" }, &[], false).await;
            let prizes = table(&server, words, "prizes", &[], false).await;
            let restrict = Kind { kind: "manyToOne", two_way: false, on_delete: "restrict" };
            relate(&server, &prizes, "people", restrict, "winner", "prizes").await;
            relate(&server, &prizes, "books", restrict, "book", "prizes").await;
            rows(&server, &people, &["ann", "bob"]).await;
            books.create(&server, "b", &json!({"to": ["ann", "bob"]})).await.ok(201);
            prizes.create(&server, "p", &json!({"winner": "bob"})).await.ok(201);
            server.delete(&books.row("b")).await.refused(403, &words.kind("row", "delete_restricted"));
            assert_eq!(all(&server, &people).await, ["ann", "bob"]);
            assert_eq!(related(&server, &books, "b", "to").await, ["ann", "bob"]);
            server.delete(&prizes.row("p")).await.ok(204);
            server.delete(&books.row("b")).await.ok(204);
            assert!(all(&server, &people).await.is_empty());
        }
    }

    /// What goes itself doesn't stand against anything.
    async fn rows_that_go_together_do_not_keep_each_other(floe: TestServer) {
        for words in BOTH {
            let project = floe.project(words.rows).await;
            let server = project.server();
            let (books, people) = library(&server, words, Kind { kind: "oneToMany", two_way: true, on_delete: "cascade" }, &[], false).await;
            relate(&server, &people, "books", Kind { kind: "oneToOne", two_way: true, on_delete: "restrict" }, "loves", "loved").await;
            rows(&server, &books, &["b"]).await;
            people.create(&server, "ann", &json!({"from": "b", "loves": "b"})).await.ok(201);
            server.delete(&people.row("ann")).await.refused(403, &words.kind("row", "delete_restricted"));
            server.delete(&books.row("b")).await.ok(204);
            assert!(all(&server, &people).await.is_empty());
        }
    }

    async fn many_that_go_at_once_take_theirs_along(floe: TestServer) {
        for words in BOTH {
            let project = floe.project(words.rows).await;
            let server = project.server();
            let (books, people) = library(&server, words, Kind { kind: "manyToOne", two_way: false, on_delete: "cascade" }, &[], false).await;
            rows(&server, &people, &["ann", "bob"]).await;
            for (book, person) in [("a", "ann"), ("b", "bob"), ("c", "bob")] {
                books.create(&server, book, &json!({"to": person})).await.ok(201);
            }
            // People have no column, so they may go at once.
            server.delete(&people.rows).await.ok(200);
            assert!(all(&server, &books).await.is_empty());
        }
    }

    async fn not_everything_can_go_at_once(floe: TestServer) {
        let project = floe.project("p").await;
        let server = project.server();
        let (books, people) = library(&server, TABLES, Kind { kind: "oneToMany", two_way: false, on_delete: "cascade" }, &[], false).await;
        for part in 0..2 {
            let nested: Vec<_> = (0..501).map(|n| json!({"$id": format!("p{part}-{n}")})).collect();
            books.create(&server, &format!("b{part}"), &json!({"to": nested})).await.ok(201);
        }
        relate(&server, &books, "books", Kind { kind: "oneToMany", two_way: false, on_delete: "cascade" }, "next", "before").await;
        server.patch(&books.row("b0"), &json!({"data": {"next": ["b1"]}})).await.ok(200);
        server.delete(&books.row("b0")).await.refused(400, "general_bad_request");
        assert_eq!(all(&server, &books).await, ["b0", "b1"]);
        server.delete(&books.row("b1")).await.ok(204);
        server.delete(&books.row("b0")).await.ok(204);
        assert!(all(&server, &people).await.is_empty());
    }

    /// SEC-047.
    async fn what_goes_along_must_be_removable(floe: TestServer) {
        for words in BOTH {
            let project = floe.project(words.rows).await;
            let server = project.server();
            let (ann, bob) = (user(&project, "ann").await, user(&project, "bob").await);
            let (books, people) = library(&server, words, Kind { kind: "manyToOne", two_way: false, on_delete: "cascade" }, &["create(\"users\")"], true).await;
            people.create_with(&ann, "p", &json!({"name": "x"}), &["read(\"users\")", "write(\"user:ann\")"]).await.ok(201);
            books.create(&bob, "b", &json!({"to": "p"})).await.ok(201);
            books.create(&ann, "a", &json!({"to": "p"})).await.ok(201);
            ann.delete(&people.row("p")).await.refused(401, "user_unauthorized");
            assert_eq!(all(&server, &books).await, ["b", "a"]);
            assert_eq!(all(&server, &people).await, ["p"]);
            bob.delete(&books.row("b")).await.ok(204);
            // A table that is switched off has no rows that ann could remove.
            server.put(&books.table, &json!({"name": "books", "enabled": false, "permissions": ["create(\"users\")"], words.row_security: true})).await.ok(200);
            ann.delete(&people.row("p")).await.refused(401, "user_unauthorized");
            server.put(&books.table, &json!({"name": "books", "enabled": true, "permissions": ["create(\"users\")"], words.row_security: true})).await.ok(200);
            ann.delete(&people.row("p")).await.ok(204);
            assert!(all(&server, &books).await.is_empty());
        }
    }

    /// SEC-047: a row that goes takes no value from a row that the caller may not change.
    async fn what_loses_its_value_must_be_changeable(floe: TestServer) {
        for words in BOTH {
            let project = floe.project(words.rows).await;
            let server = project.server();
            let (ann, bob) = (user(&project, "ann").await, user(&project, "bob").await);
            let (books, people) = library(&server, words, Kind { kind: "manyToOne", two_way: false, on_delete: "setNull" }, &["create(\"users\")"], true).await;
            people.create_with(&ann, "p", &json!({"name": "x"}), &["read(\"users\")", "write(\"user:ann\")"]).await.ok(201);
            let seen = ["read(\"users\")", "write(\"user:bob\")"];
            books.create_with(&bob, "b", &json!({"to": "p"}), &seen).await.ok(201);
            ann.delete(&people.row("p")).await.refused(401, "user_unauthorized");
            assert_eq!(related(&server, &books, "b", "to").await, ["p"]);
            // What is the row's own value goes with it.
            bob.delete(&books.row("b")).await.ok(204);
            books.create(&ann, "a", &json!({"to": "p"})).await.ok(201);
            floe.clock().advance(1);
            ann.delete(&people.row("p")).await.ok(204);
            let a = server.get(&books.row("a")).await.expect(200);
            assert_ne!(a["$updatedAt"], a["$createdAt"]);
        }
    }

    /// SEC-047, SEC-058: a row that the caller can't see neither tells of itself nor keeps another one from going.
    async fn a_hidden_row_keeps_nothing_from_going(floe: TestServer) {
        let kinds = ["restrict", "setNull"].into_iter().flat_map(every_kind);
        let kinds = kinds.enumerate().map(|(n, kind)| (n, BOTH[n % 2], kind));
        for (n, words, kind) in kinds {
            let project = floe.project(&format!("p{n}")).await;
            let server = project.server();
            let (ann, bob) = (user(&project, "ann").await, user(&project, "bob").await);
            let (books, people) = library(&server, words, kind, &["create(\"users\")"], true).await;
            let (hidden, open) = (["read(\"user:bob\")", "update(\"user:bob\")"], ["read(\"users\")", "update(\"users\")", "delete(\"user:ann\")"]);
            // The one that goes is at either end.
            let value = |id: &str| json!({"name": "x", "to": kind.value(&[id])});
            people.create_with(&server, "p", &json!({"name": "x"}), &open).await.ok(201);
            people.create_with(&server, "q", &json!({"name": "x"}), &hidden).await.ok(201);
            books.create_with(&server, "b", &value("p"), &hidden).await.ok(201);
            books.create_with(&server, "a", &value("q"), &open).await.ok(201);
            let (forth, back) = expected(kind);
            for ((there, gone), (at, other), key, outcome) in [((&people, "p"), (&books, "b"), "to", back), ((&books, "a"), (&people, "q"), "from", forth)] {
                ann.get(&at.row(other)).await.refused(404, &words.kind("row", "not_found"));
                let answer = ann.delete(&there.row(gone)).await;
                if outcome == Refused {
                    // The table's own rule, whoever asks.
                    answer.refused(403, &words.kind("row", "delete_restricted"));
                    continue;
                }
                assert_eq!(answer.status, 204, "{kind:?}: {}", answer.text);
                assert!(answer.text.is_empty() && all(&server, at).await.contains(&other.to_owned()), "{kind:?}");
                if key == "to" || kind.two_way {
                    assert!(related(&server, at, other, key).await.is_empty(), "{kind:?}");
                }
                let kept = server.get(&at.row(other)).await.expect(200);
                assert_eq!((&kept["name"], &kept["$permissions"]), (&json!("x"), &json!(hidden)), "{kind:?}");
            }
            bob.get(&books.row("b")).await.ok(200);
        }
    }
}
