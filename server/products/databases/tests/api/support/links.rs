//! Two tables and a relationship between them.

use super::{At, Words};
use floe_testkit::Client;
use serde_json::{Value as Json, json};

/// A relationship: its kind, whether it is two-way, and its rule for rows that go.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Kind {
    pub(crate) kind: &'static str,
    pub(crate) two_way: bool,
    pub(crate) on_delete: &'static str,
}

pub(crate) const KINDS: [&str; 4] = ["oneToOne", "oneToMany", "manyToOne", "manyToMany"];

/// Every kind, one-way and two-way.
pub(crate) fn every_kind(on_delete: &'static str) -> impl Iterator<Item = Kind> {
    KINDS.into_iter().flat_map(move |kind| [false, true].map(|two_way| Kind { kind, two_way, on_delete }))
}

impl Kind {
    /// Whether a row of the table with the column may have several.
    pub(crate) fn to_many(self) -> bool {
        matches!(self.kind, "oneToMany" | "manyToMany")
    }

    /// Whether a row of the other table may have several.
    pub(crate) fn back_to_many(self) -> bool {
        matches!(self.kind, "manyToOne" | "manyToMany")
    }

    /// What a row with the column is to be given to have these.
    pub(crate) fn value(self, ids: &[&str]) -> Json {
        if self.to_many() { json!(ids) } else { json!(ids.first()) }
    }
}

/// A table of the database `d`, with a column `name`.
pub(crate) async fn table(server: &Client, words: Words, id: &str, permissions: &[&str], row_security: bool) -> At {
    let made = server.post(words.service, &json!({"databaseId": "d", "name": "D"})).await;
    assert!(matches!(made.status, 201 | 409), "{}", made.text);
    let table = json!({
        words.table_id: id, "name": id, "permissions": permissions, words.row_security: row_security,
        words.columns: [{"key": "name", "type": "string", "size": 50}],
    });
    server.post(&format!("{}/{}", words.database("d"), words.tables), &table).await.ok(201);
    words.in_table("d", id)
}

/// Gives a table a column `key` that leads to another one; on the other side it is called `back`.
pub(crate) async fn relate(server: &Client, from: &At, to: &str, kind: Kind, key: &str, back: &str) {
    let related = if from.words.table == "table" { "relatedTableId" } else { "relatedCollectionId" };
    let column = json!({
        related: to, "type": kind.kind, "twoWay": kind.two_way, "key": key, "twoWayKey": back, "onDelete": kind.on_delete,
    });
    server.post(&format!("{}/relationship", from.columns), &column).await.ok(202);
}

/// The tables `books` and `people`, and a relationship `to` from one to the other, which sees it as `from`.
pub(crate) async fn library(
    server: &Client,
    words: Words,
    kind: Kind,
    permissions: &[&str],
    row_security: bool,
) -> (At, At) {
    let books = table(server, words, "books", permissions, row_security).await;
    let people = table(server, words, "people", permissions, row_security).await;
    relate(server, &books, "people", kind, "to", "from").await;
    (books, people)
}

/// Rows of these ids, which are related to nothing.
pub(crate) async fn rows(client: &Client, at: &At, ids: &[&str]) {
    for id in ids {
        at.create(client, id, &json!({"name": id})).await.ok(201);
    }
}

/// The row of this id with what it is related to by this column.
pub(crate) async fn whole(client: &Client, at: &At, id: &str, key: &str) -> Json {
    let select = json!({"method": "select", "values": ["*", format!("{key}.*")]});
    client.list(&at.row(id), &[select]).await.expect(200)
}

/// The ids of what a row is related to by this column.
pub(crate) async fn related(client: &Client, at: &At, id: &str, key: &str) -> Vec<String> {
    let row = whole(client, at, id, key).await;
    let id = |row: &Json| row["$id"].as_str().unwrap_or_else(|| panic!("no row: {row}")).to_owned();
    match &row[key] {
        Json::Null => Vec::new(),
        Json::Array(rows) => rows.iter().map(id).collect(),
        row => vec![id(row)],
    }
}

/// The ids of a table's rows.
pub(crate) async fn all(server: &Client, at: &At) -> Vec<String> {
    at.ids(server, &[]).await
}
