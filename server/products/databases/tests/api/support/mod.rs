//! Both vocabularies, for tests that run every attack through both.

pub(crate) mod background;
pub(crate) mod library;
pub(crate) mod links;
pub(crate) mod staging;

use floe_testkit::{Answer, Client, Project};
use serde_json::{Value as Json, json};

/// The words that a test needs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Words {
    pub(crate) service: &'static str,
    pub(crate) tables: &'static str,
    pub(crate) table_id: &'static str,
    pub(crate) rows: &'static str,
    pub(crate) row_id: &'static str,
    pub(crate) columns: &'static str,
    pub(crate) row_security: &'static str,
    pub(crate) row: &'static str,
    pub(crate) table: &'static str,
    pub(crate) column: &'static str,
}

pub(crate) const TABLES: Words = Words {
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

pub(crate) const COLLECTIONS: Words = Words {
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

pub(crate) const BOTH: [Words; 2] = [TABLES, COLLECTIONS];

impl Words {
    pub(crate) fn database(&self, database: &str) -> String {
        format!("{}/{database}", self.service)
    }

    pub(crate) fn table(&self, database: &str, table: &str) -> String {
        format!("{}/{database}/{}/{table}", self.service, self.tables)
    }

    pub(crate) fn in_table(&self, database: &str, table: &str) -> At {
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
    pub(crate) async fn make(&self, server: &Client, permissions: &[&str], row_security: bool, columns: &Json) -> At {
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
    pub(crate) fn kind(&self, what: &str, rest: &str) -> String {
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
pub(crate) struct At {
    pub(crate) words: Words,
    pub(crate) table: String,
    pub(crate) rows: String,
    pub(crate) columns: String,
    pub(crate) indexes: String,
}

impl At {
    pub(crate) fn row(&self, id: &str) -> String {
        format!("{}/{id}", self.rows)
    }

    pub(crate) async fn create(&self, client: &Client, id: &str, data: &Json) -> Answer {
        client.post(&self.rows, &json!({self.words.row_id: id, "data": data})).await
    }

    pub(crate) async fn create_with(&self, client: &Client, id: &str, data: &Json, permissions: &[&str]) -> Answer {
        client.post(&self.rows, &json!({self.words.row_id: id, "data": data, "permissions": permissions})).await
    }

    pub(crate) async fn list(&self, client: &Client, queries: &[Json]) -> Json {
        client.list(&self.rows, queries).await.expect(200)
    }

    /// The ids of a list.
    pub(crate) async fn ids(&self, client: &Client, queries: &[Json]) -> Vec<String> {
        let list = self.list(client, queries).await;
        ids(&list[self.words.rows])
    }
}

pub(crate) fn ids(rows: &Json) -> Vec<String> {
    rows.as_array().unwrap().iter().map(|row| row["$id"].as_str().unwrap().to_owned()).collect()
}

pub(crate) fn query(method: &str, attribute: &str, values: &Json) -> Json {
    json!({"method": method, "attribute": attribute, "values": values})
}

/// A user of this id, signed in.
pub(crate) async fn user(project: &Project, id: &str) -> Client {
    let (email, password) = (format!("{id}@example.org"), "correct horse battery");
    let account = json!({"userId": id, "email": email, "password": password});
    project.server().post("/v1/users", &account).await.ok(201);
    let answer =
        project.guest().post("/v1/account/sessions/email", &json!({"email": email, "password": password})).await;
    let session = answer.cookie(&format!("a_session_{}", project.id)).unwrap();
    answer.ok(201);
    project.guest().session(&session)
}
