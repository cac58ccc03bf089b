//! Webhooks: as this product knows them, and as the API shows them.

use floe_kernel::Result;
use floe_kernel::secret::Secret;
use floe_kernel::time::Timestamp;
use floe_sealed::Seal;
use serde::Serialize;
use std::fmt;

/// A secret as it is kept: never in clear, unless it is of a release that did so.
#[derive(Clone)]
pub(crate) struct StoredSecret {
    text: String,
    sealed: bool,
}

impl StoredSecret {
    /// What is kept.
    pub(crate) fn new(text: String, sealed: bool) -> Self {
        Self { text, sealed }
    }

    /// Seals a secret under a name of its own.
    pub(crate) fn seal(seal: &Seal, name: &str, clear: &Secret) -> Result<Self> {
        Ok(Self::new(seal.seal(name, clear.expose())?, true))
    }

    /// The secret itself.
    pub(crate) fn open(&self, seal: &Seal, name: &str) -> Result<Secret> {
        Ok(Secret::new(if self.sealed { seal.open(name, &self.text)? } else { self.text.clone() }))
    }

    /// Whether it is sealed with the current key.
    pub(crate) fn is_current(&self, seal: &Seal) -> bool {
        self.sealed && seal.is_current(&self.text)
    }

    /// What is to be kept.
    ///
    /// # Errors
    /// When it isn't sealed: nothing is kept in clear any more.
    pub(crate) fn stored(&self) -> Result<&str, floe_store::Error> {
        let clear = || floe_store::Error::unavailable("a secret is to be sealed before it is kept");
        self.sealed.then_some(self.text.as_str()).ok_or_else(clear)
    }
}

impl fmt::Debug for StoredSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

/// A webhook.
#[derive(Debug, Clone)]
pub(crate) struct Webhook {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) url: String,
    pub(crate) events: Vec<String>,
    pub(crate) tls: bool,
    pub(crate) auth_username: String,
    pub(crate) auth_password: StoredSecret,
    pub(crate) secret: StoredSecret,
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
    pub(crate) fn with_secret(webhook: Webhook, secret: &Secret) -> Self {
        Self { secret: secret.expose().to_owned(), ..webhook.into() }
    }
}
