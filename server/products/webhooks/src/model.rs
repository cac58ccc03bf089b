//! Webhooks: as this product knows them, and as the API shows them.

use floe_kernel::secret::Secret;
use floe_kernel::time::Timestamp;
use serde::Serialize;

/// A webhook.
#[derive(Debug, Clone)]
pub(crate) struct Webhook {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) url: String,
    pub(crate) events: Vec<String>,
    pub(crate) tls: bool,
    pub(crate) auth_username: String,
    pub(crate) auth_password: Secret,
    pub(crate) secret: Secret,
    pub(crate) enabled: bool,
    /// What went wrong the last time.
    pub(crate) logs: String,
    /// How many times in a row it went wrong.
    pub(crate) attempts: i64,
    pub(crate) created: Timestamp,
    pub(crate) updated: Timestamp,
}

/// The contract's `webhook`. `secret` is empty but in the answers that make it, `authPassword` in all (SEC-110).
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct WebhookModel {
    #[serde(rename = "$id")]
    id: String,
    #[serde(rename = "$createdAt")]
    created_at: Timestamp,
    #[serde(rename = "$updatedAt")]
    updated_at: Timestamp,
    name: String,
    url: String,
    events: Vec<String>,
    tls: bool,
    auth_username: String,
    auth_password: &'static str,
    secret: String,
    enabled: bool,
    logs: String,
    attempts: i64,
}

impl From<Webhook> for WebhookModel {
    fn from(webhook: Webhook) -> Self {
        Self {
            id: webhook.id,
            created_at: webhook.created,
            updated_at: webhook.updated,
            name: webhook.name,
            url: webhook.url,
            events: webhook.events,
            tls: webhook.tls,
            auth_username: webhook.auth_username,
            auth_password: "",
            secret: String::new(),
            enabled: webhook.enabled,
            logs: webhook.logs,
            attempts: webhook.attempts,
        }
    }
}

impl WebhookModel {
    /// A webhook whose secret has just been made.
    pub(crate) fn with_secret(webhook: Webhook) -> Self {
        let secret = webhook.secret.expose().to_owned();
        Self { secret, ..webhook.into() }
    }
}
