//! Both vocabularies, for tests that run every attack through both.
#![allow(
    dead_code,
    missing_docs,
    unreachable_pub,
    clippy::unwrap_used,
    reason = "for tests alone; each file uses what it needs"
)]

pub mod background;
pub mod library;
pub mod links;

use floe_testkit::{Answer, Client, Project};
use serde_json::{Value as Json, json};

/// The words that a test needs.
#[derive(Debug, Clone, Copy)]
pub struct Words {
    pub service: &'static str,
    pub tables: &'static str,
    pub table_id: &'static str,
    pub rows: &'static str,
    pub row_id: &'static str,
    pub columns: &'static str,
    pub row_security: &'static str,
    pub row: &'static str,
    pub table: &'static str,
    pub column: &'static str,
}

pub const TABLES: Words = Words {
    service: "/v1/tablesdb",
    tables: "tables",
    table_id: "tableId",
    rows: "rows",
    row_id: "rowId",
    columns: "columns",
    row_security: "rowSecurity",
    row: "row",
    table: "table",
    column: "column",
};

pub const COLLECTIONS: Words = Words {
    service: "/v1/databases",
    tables: "collections",
    table_id: "collectionId",
    rows: "documents",
    row_id: "documentId",
    columns: "attributes",
    row_security: "documentSecurity",
    row: "document",
    table: "collection",
    column: "attribute",
};

pub const BOTH: [Words; 2] = [TABLES, COLLECTIONS];

impl Words {
    pub fn database(&self, database: &str) -> String {
        format!("{}/{database}", self.service)
    }

    pub fn table(&self, database: &str, table: &str) -> String {
        format!("{}/{database}/{}/{table}", self.service, self.tables)
    }

    pub fn in_table(&self, database: &str, table: &str) -> At {
        let table = self.table(database, table);
        At {
            words: *self,
            rows: format!("{table}/{}", self.rows),
            columns: format!("{table}/{}", self.columns),
            indexes: format!("{table}/indexes"),
            table,
        }
    }

    /// A table `t` of a database `d`, made with these permissions, columns and row security.
    pub async fn make(&self, server: &Client, permissions: &[&str], row_security: bool, columns: &Json) -> At {
        let at = self.in_table("d", "t");
        let made = server.post(self.service, &json!({"databaseId": "d", "name": "D"})).await;
        assert!(matches!(made.status, 201 | 409), "{}", made.text);
        let table = json!({
            self.table_id: "t", "name": "T", "permissions": permissions, self.row_security: row_security, self.columns: columns,
        });
        server.post(&format!("{}/{}", self.database("d"), self.tables), &table).await.ok(201);
        at
    }

    /// The name of an error: `kind("row", "not_found")` is `row_not_found` or `document_not_found`.
    pub fn kind(&self, what: &str, rest: &str) -> String {
        let what = match what {
            "row" => self.row,
            "table" => self.table,
            "column" => self.column,
            other => other,
        };
        format!("{what}_{rest}")
    }
}

/// Where a table is.
#[derive(Debug, Clone)]
pub struct At {
    pub words: Words,
    pub table: String,
    pub rows: String,
    pub columns: String,
    pub indexes: String,
}

impl At {
    pub fn row(&self, id: &str) -> String {
        format!("{}/{id}", self.rows)
    }

    pub async fn create(&self, client: &Client, id: &str, data: &Json) -> Answer {
        client.post(&self.rows, &json!({self.words.row_id: id, "data": data})).await
    }

    pub async fn create_with(&self, client: &Client, id: &str, data: &Json, permissions: &[&str]) -> Answer {
        client.post(&self.rows, &json!({self.words.row_id: id, "data": data, "permissions": permissions})).await
    }

    pub async fn list(&self, client: &Client, queries: &[Json]) -> Json {
        client.list(&self.rows, queries).await.expect(200)
    }

    /// The ids of a list.
    pub async fn ids(&self, client: &Client, queries: &[Json]) -> Vec<String> {
        let list = self.list(client, queries).await;
        ids(&list[self.words.rows])
    }
}

pub fn ids(rows: &Json) -> Vec<String> {
    rows.as_array().unwrap().iter().map(|row| row["$id"].as_str().unwrap().to_owned()).collect()
}

pub fn query(method: &str, attribute: &str, values: &Json) -> Json {
    json!({"method": method, "attribute": attribute, "values": values})
}

/// A user of this id, signed in.
pub async fn user(project: &Project, id: &str) -> Client {
    let (email, password) = (format!("{id}@example.org"), "correct horse battery");
    let account = json!({"userId": id, "email": email, "password": password});
    project.server().post("/v1/users", &account).await.ok(201);
    let answer =
        project.guest().post("/v1/account/sessions/email", &json!({"email": email, "password": password})).await;
    let session = answer.cookie(&format!("a_session_{}", project.id)).unwrap();
    answer.ok(201);
    project.guest().session(&session)
}
