//! Books, people and tags, which are related in every way: for tests of relationships.

use super::{At, Words};
use floe_testkit::{Answer, Client};
use serde_json::{Value as Json, json};

/// The tables of a library, in a database `d`.
#[derive(Debug, Clone)]
pub(crate) struct Library {
    pub(crate) books: At,
    pub(crate) people: At,
    pub(crate) tags: At,
}

impl Library {
    /// Three tables with a `name`, and these permissions; not related yet.
    pub(crate) async fn make(server: &Client, words: Words, permissions: &[&str], row_security: bool) -> Self {
        server.post(words.service, &json!({"databaseId": "d", "name": "D"})).await.ok(201);
        for id in ["books", "people", "tags"] {
            let columns = json!([{"key": "name", "type": "string", "size": 50}, {"key": "n", "type": "integer"}]);
            let table = json!({
                words.table_id: id, "name": id, words.columns: columns,
                "permissions": permissions, words.row_security: row_security,
            });
            server.post(&format!("{}/{}", words.database("d"), words.tables), &table).await.ok(201);
        }
        let at = |id| words.in_table("d", id);
        Self { books: at("books"), people: at("people"), tags: at("tags") }
    }

    /// A library whose tables are related: books have an `author`, who has `works`; books and tags have many of each
    /// other; a person may have a `boss`, and a tag an `owner`, who don't know.
    pub(crate) async fn related(server: &Client, words: Words, permissions: &[&str], row_security: bool) -> Self {
        let library = Self::make(server, words, permissions, row_security).await;
        let two_way =
            |key: &str, other: &str| json!({"key": key, "twoWay": true, "twoWayKey": other, "onDelete": "setNull"});
        relate(server, &library.books, "people", "manyToOne", &two_way("author", "works")).await.ok(202);
        relate(server, &library.books, "tags", "manyToMany", &two_way("tags", "books")).await.ok(202);
        relate(server, &library.people, "people", "manyToOne", &json!({"key": "boss", "onDelete": "setNull"}))
            .await
            .ok(202);
        relate(server, &library.tags, "people", "oneToOne", &json!({"key": "owner", "onDelete": "setNull"}))
            .await
            .ok(202);
        library
    }

    /// Ann is Bob's boss. Ann wrote a and b, Bob c, nobody d. The tag x, of Ann's, is on a and c; y on a.
    pub(crate) async fn fill(&self, server: &Client) {
        let rows = [
            (&self.people, "ann", json!({"name": "Ann", "n": 1})),
            (&self.people, "bob", json!({"name": "Bob", "n": 2, "boss": "ann"})),
            (&self.tags, "x", json!({"name": "X", "owner": "ann"})),
            (&self.tags, "y", json!({"name": "Y"})),
            (&self.books, "a", json!({"name": "A", "n": 1, "author": "ann", "tags": ["x", "y"]})),
            (&self.books, "b", json!({"name": "B", "n": 2, "author": "ann"})),
            (&self.books, "c", json!({"name": "C", "n": 3, "author": "bob", "tags": ["x"]})),
            (&self.books, "d", json!({"name": "D", "n": 4})),
        ];
        for (at, id, data) in rows {
            at.create(server, id, &data).await.ok(201);
        }
    }
}

/// Makes a relationship.
pub(crate) async fn relate(server: &Client, at: &At, to: &str, kind: &str, more: &Json) -> Answer {
    let related = if at.words.table == "table" { "relatedTableId" } else { "relatedCollectionId" };
    let mut body = json!({related: to, "type": kind});
    for (key, value) in more.as_object().unwrap() {
        body[key] = value.clone();
    }
    server.post(&format!("{}/relationship", at.columns), &body).await
}

/// A query that selects.
pub(crate) fn select(names: &[&str]) -> Json {
    json!({"method": "select", "values": names})
}
