//! The attacks of `security-cases.md` on rows through the rows that they are related to (SEC-046, SEC-047), through both
//! vocabularies and on both databases.

use crate::support::links::{Kind, all, every_kind, library, related, rows, whole};
use crate::support::{At, BOTH, Words, user};
use floe_testkit::{Answer, Client, Project};
use serde_json::{Value as Json, json};

const OPEN: &[&str] = &["create(\"users\")"];

async fn make(project: &Project, words: Words, kind: Kind) -> (At, At) {
    library(&project.server(), words, kind, OPEN, true).await
}

/// What an answer says, but for the id of the request and what is about the row of this id.
fn said(answer: &Answer, id: &str) -> String {
    let mut body = answer.body.clone();
    if let Some(body) = body.as_object_mut() {
        for key in ["requestId", "$id", "$sequence", "$createdAt", "$updatedAt"] {
            body.remove(key);
        }
    }
    format!("{} {}", answer.status, body.to_string().replace(id, "ID"))
}

async fn change(client: &Client, at: &At, id: &str, data: &Json) -> Answer {
    client.patch(&at.row(id), &json!({"data": data})).await
}

/// Whether Appwrite keeps the link with the row that the column leads to.
fn is_kept_there(kind: Kind) -> bool {
    kind.kind == "oneToMany" || (kind.kind == "oneToOne" && kind.two_way)
}

fn nested(kind: Kind, row: Json) -> Json {
    if kind.to_many() { json!([row]) } else { row }
}

fn every_door() -> impl Iterator<Item = (String, Words, Kind)> {
    BOTH.into_iter()
        .flat_map(|words| every_kind("setNull").map(move |kind| (words, kind)))
        .enumerate()
        .map(|(n, (words, kind))| (format!("p{n}"), words, kind))
}

floe_testkit::both_databases! {
    async fn a_row_that_may_not_be_read_is_as_one_that_is_not_there(floe: TestServer) {
        for (id, words, kind) in every_door() {
            let project = floe.project(&id).await;
            let (ann, bob) = (user(&project, "ann").await, user(&project, "bob").await);
            let (books, people) = make(&project, words, kind).await;
            rows(&bob, &people, &["secret"]).await;
            let foreign = books.create(&ann, "b1", &json!({"to": kind.value(&["secret"])})).await;
            let missing = books.create(&ann, "b2", &json!({"to": kind.value(&["nobody"])})).await;
            assert_eq!(foreign.status, 201, "{}", foreign.text);
            assert_eq!(said(&foreign, "b1"), said(&missing, "b2"), "{kind:?}");
            for id in ["b1", "b2"] {
                change(&ann, &books, id, &json!({"to": kind.value(&["secret"])})).await.ok(200);
                assert!(related(&project.server(), &books, id, "to").await.is_empty(), "{kind:?}");
            }
            // Written out, it is a new row, whose id is taken.
            let taken = change(&ann, &books, "b1", &json!({"to": nested(kind, json!({"$id": "secret", "name": "hacked"}))})).await;
            taken.refused(409, &words.kind("row", "already_exists"));
            assert_eq!(project.server().get(&people.row("secret")).await.expect(200)["name"], "secret", "{kind:?}");
        }
    }

    async fn a_row_that_may_only_be_read_is_not_changed(floe: TestServer) {
        for (id, words, kind) in every_door() {
            let project = floe.project(&id).await;
            let (ann, bob, server) = (user(&project, "ann").await, user(&project, "bob").await, project.server());
            let (books, people) = make(&project, words, kind).await;
            people.create_with(&bob, "p", &json!({"name": "Bob's"}), &["read(\"users\")", "write(\"user:bob\")"]).await.ok(201);
            for row in [json!({"$id": "p", "name": "hacked"}), json!({"$id": "p", "$permissions": ["write(\"user:ann\")"]})] {
                for answer in [
                    books.create(&ann, "b", &json!({"to": nested(kind, row.clone())})).await,
                    ann.put(&books.row("b"), &json!({"data": {"to": nested(kind, row.clone())}})).await,
                ] {
                    answer.refused(401, "user_unauthorized");
                }
            }
            let before = server.get(&people.row("p")).await.expect(200);
            assert_eq!((all(&server, &books).await.len(), &before["name"]), (0, &json!("Bob's")), "{kind:?}");
            // To be related to it is a change of it where Appwrite keeps the link there.
            let attached = books.create(&ann, "b", &json!({"to": kind.value(&["p"])})).await;
            if is_kept_there(kind) {
                attached.refused(401, "user_unauthorized");
                books.create(&server, "b", &json!({"to": kind.value(&["p"])})).await.ok(201);
                server.patch(&books.row("b"), &json!({"permissions": ["read(\"users\")", "write(\"user:ann\")"]})).await.ok(200);
            } else {
                attached.ok(201);
            }
            // Said again as it is, it isn't changed.
            let b = whole(&ann, &books, "b", "to").await;
            change(&ann, &books, "b", &json!({"name": "B", "to": b["to"]})).await.ok(200);
            assert_eq!(related(&ann, &books, "b", "to").await, ["p"], "{kind:?}");
            // To be related to it no longer is the same as to begin to be.
            let detached = change(&ann, &books, "b", &json!({"to": kind.value(&[])})).await;
            if is_kept_there(kind) {
                detached.refused(401, "user_unauthorized");
                assert_eq!(related(&ann, &books, "b", "to").await, ["p"], "{kind:?}");
            } else {
                detached.ok(200);
            }
        }
    }

    async fn a_row_is_made_only_where_the_caller_may(floe: TestServer) {
        for (id, words, kind) in every_door() {
            let project = floe.project(&id).await;
            let (ann, server) = (user(&project, "ann").await, project.server());
            let (books, people) = make(&project, words, kind).await;
            let data = json!({"to": nested(kind, json!({"name": "new"}))});
            server.put(&people.table, &json!({"name": "people", words.row_security: true, "permissions": ["read(\"users\")", "update(\"users\")"]})).await.ok(200);
            books.create(&ann, "b", &data).await.refused(401, "user_unauthorized");
            // Nor in a table that is switched off; its rows aren't there either.
            server.put(&people.table, &json!({"name": "people", words.row_security: true, "permissions": OPEN, "enabled": false})).await.ok(200);
            books.create(&ann, "b", &data).await.refused(401, "user_unauthorized");
            rows(&server, &people, &["p"]).await;
            books.create(&ann, "c", &json!({"to": kind.value(&["p"])})).await.ok(201);
            assert!(related(&server, &books, "c", "to").await.is_empty());
            server.put(&people.table, &json!({"name": "people", words.row_security: true, "permissions": OPEN, "enabled": true})).await.ok(200);
            assert_eq!((all(&server, &books).await, all(&server, &people).await), (vec!["c".to_owned()], vec!["p".to_owned()]), "{kind:?}");
            // It is its maker's, as any row; and they give nobody what they don't have.
            books.create(&ann, "b", &data).await.ok(201);
            let made = related(&ann, &books, "b", "to").await;
            assert_eq!(ann.get(&people.row(&made[0])).await.expect(200)["$permissions"], json!(["read(\"user:ann\")", "update(\"user:ann\")", "delete(\"user:ann\")"]));
            let given = json!({"to": nested(kind, json!({"$permissions": ["read(\"user:bob\")"]}))});
            books.create(&ann, "x", &given).await.refused(401, "user_unauthorized");
        }
    }

    /// Who replaces what they see doesn't take away what they don't.
    async fn what_may_not_be_seen_is_not_left_out(floe: TestServer) {
        for words in BOTH {
            for kind in every_kind("setNull").filter(|kind| kind.to_many()) {
                let project = floe.project(&format!("{}{}{}", words.rows, kind.kind, kind.two_way).to_lowercase()).await;
                let (ann, bob, server) = (user(&project, "ann").await, user(&project, "bob").await, project.server());
                let (books, people) = make(&project, words, kind).await;
                rows(&bob, &people, &["secret"]).await;
                rows(&ann, &people, &["own", "other"]).await;
                books.create(&server, "b", &json!({"to": ["secret", "own"]})).await.ok(201);
                server.patch(&books.row("b"), &json!({"permissions": ["read(\"users\")", "write(\"user:ann\")"]})).await.ok(200);
                assert_eq!(related(&ann, &books, "b", "to").await, ["own"]);
                let answer = change(&ann, &books, "b", &json!({"to": ["other", "secret"]})).await.expect(200);
                assert_eq!(crate::support::ids(&answer["to"]), ["other"], "{kind:?}");
                assert_eq!(related(&server, &books, "b", "to").await, ["secret", "other"], "{kind:?}");
            }
        }
    }

    /// The answer shows what may be read, and no more.
    async fn an_answer_shows_what_may_be_read(floe: TestServer) {
        for (id, words, kind) in every_door() {
            let project = floe.project(&id).await;
            let (ann, bob, server) = (user(&project, "ann").await, user(&project, "bob").await, project.server());
            let (books, people) = make(&project, words, kind).await;
            rows(&bob, &people, &["secret"]).await;
            books.create_with(&ann, "b", &json!({"name": "x"}), &["read(\"users\")", "write(\"user:ann\")"]).await.ok(201);
            server.patch(&books.row("b"), &json!({"data": {"to": kind.value(&["secret"])}})).await.ok(200);
            let answer = change(&ann, &books, "b", &json!({"name": "B"})).await.expect(200);
            assert_eq!(answer["to"], if kind.to_many() { json!([]) } else { Json::Null }, "{kind:?}");
            let shown = server.patch(&books.row("b"), &json!({"data": {"name": "C"}})).await.expect(200);
            assert_eq!(if kind.to_many() { &shown["to"][0]["name"] } else { &shown["to"]["name"] }, "secret", "{kind:?}");
        }
    }

    /// A value that leads to nothing that may be seen is empty, and so it can be filled; but not from under a row that
    /// isn't the caller's.
    async fn what_may_not_be_seen_is_not_pushed_out_where_it_keeps_the_link(floe: TestServer) {
        for (words, two_way) in BOTH.into_iter().flat_map(|words| [(words, false), (words, true)]) {
            let project = floe.project(&format!("{}{two_way}", words.rows)).await;
            let (ann, bob, server) = (user(&project, "ann").await, user(&project, "bob").await, project.server());
            let (books, people) = make(&project, words, Kind { kind: "oneToOne", two_way, on_delete: "setNull" }).await;
            rows(&bob, &people, &["secret"]).await;
            rows(&ann, &people, &["own"]).await;
            rows(&ann, &books, &["b"]).await;
            server.patch(&books.row("b"), &json!({"data": {"to": "secret"}})).await.ok(200);
            let pushed = change(&ann, &books, "b", &json!({"to": "own"})).await;
            if two_way {
                pushed.refused(401, "user_unauthorized");
                assert_eq!(related(&server, &books, "b", "to").await, ["secret"]);
            } else {
                pushed.ok(200);
                assert_eq!(related(&server, &books, "b", "to").await, ["own"]);
            }
        }
    }
}
