//! Transactions, as tests use them.

use super::{At, ids};
use floe_testkit::Client;
use serde_json::{Value as Json, json};

/// What a test does with one transaction.
pub(crate) struct Transaction<'t> {
    pub(crate) client: &'t Client,
    pub(crate) at: &'t At,
    pub(crate) id: String,
}

impl<'t> Transaction<'t> {
    pub(crate) async fn begin(client: &'t Client, at: &'t At) -> Self {
        let made = client.post(&format!("{}/transactions", at.words.service), &json!({})).await.expect(201);
        assert_eq!((&made["status"], &made["operations"]), (&json!("pending"), &json!(0)));
        Self { client, at, id: made["$id"].as_str().unwrap().to_owned() }
    }

    /// The same transaction, in somebody else's hands.
    pub(crate) fn by(&self, client: &'t Client) -> Self {
        Self { client, at: self.at, id: self.id.clone() }
    }

    pub(crate) fn path(&self) -> String {
        format!("{}/transactions/{}", self.at.words.service, self.id)
    }

    pub(crate) fn with(&self, body: Json) -> Json {
        let mut body = body;
        body["transactionId"] = json!(self.id);
        body
    }

    /// The body of an operation for `POST …/operations`.
    pub(crate) fn operation(&self, action: &str, id: Option<&str>, data: &Json) -> Json {
        let mut operation = json!({"action": action, "databaseId": "d", self.at.words.table_id: "t", "data": data});
        if let Some(id) = id {
            operation[self.at.words.row_id] = json!(id);
        }
        operation
    }

    pub(crate) async fn create(&self, id: &str, title: &str) -> floe_testkit::Answer {
        let body = json!({self.at.words.row_id: id, "data": {"title": title}});
        self.client.post(&self.at.rows, &self.with(body)).await
    }

    pub(crate) async fn update(&self, id: &str, data: Json) -> floe_testkit::Answer {
        self.client.patch(&self.at.row(id), &self.with(json!({"data": data}))).await
    }

    pub(crate) async fn stage(&self, operations: Json) -> floe_testkit::Answer {
        self.client.post(&format!("{}/operations", self.path()), &json!({"operations": operations})).await
    }

    pub(crate) async fn get(&self, id: &str) -> floe_testkit::Answer {
        self.client.get(&format!("{}?transactionId={}", self.at.row(id), self.id)).await
    }

    pub(crate) async fn list(&self, queries: &[Json]) -> floe_testkit::Answer {
        self.client.list(&format!("{}?transactionId={}", self.at.rows, self.id), queries).await
    }

    pub(crate) async fn ids(&self, queries: &[Json]) -> Vec<String> {
        ids(&self.list(queries).await.expect(200)[self.at.words.rows])
    }

    pub(crate) async fn commit(&self) -> floe_testkit::Answer {
        self.client.patch(&self.path(), &json!({"commit": true})).await
    }

    pub(crate) async fn roll_back(&self) -> floe_testkit::Answer {
        self.client.patch(&self.path(), &json!({"rollback": true})).await
    }

    pub(crate) async fn status(&self) -> Json {
        self.client.get(&self.path()).await.expect(200)["status"].clone()
    }
}
