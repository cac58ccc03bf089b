//! The decisions.

mod deliveries;

use crate::model::{StoredSecret, Webhook};
use crate::repository::{self, DeliveryRepository, FIELDS, WebhookRepository};
use crate::sender::Sender;
use crate::subscribers::WebhookSubscribers;
use floe_gateway::Call;
use floe_kernel::query::Queries;
use floe_kernel::secret::{Secret, random_hex};
use floe_kernel::{Error, ErrorKind, Result};
use floe_outbound::{Outbound, Target};
use floe_queue::Queue;
use floe_sealed::{RootKeys, Seal, Sealer};
use floe_store::{KeyRegister, Stores, conflict_is};
use std::sync::Arc;

/// A made secret's random bytes; twice as many characters.
const SECRET_BYTES: usize = 64;

/// Knows the webhooks of projects, and changes them.
pub struct Webhooks {
    sealer: Sealer,
    register: KeyRegister,
    outbound: Outbound,
}

/// What a caller wants a webhook to be.
#[derive(Debug)]
pub(crate) struct WebhookChange {
    pub(crate) name: String,
    pub(crate) url: String,
    pub(crate) events: Vec<String>,
    pub(crate) tls: bool,
    pub(crate) auth_username: String,
    pub(crate) auth_password: Option<Secret>,
    pub(crate) enabled: bool,
}

impl Webhooks {
    /// Keeps webhooks in their projects' stores; their secrets are as secret as these keys, and lost with them. What happens is
    /// sent to them by this queue and this client.
    #[must_use]
    pub fn new(stores: Stores, queue: &Queue, outbound: Outbound, keys: &RootKeys) -> Self {
        let sealer = keys.sealer("webhooks");
        queue.handle(Sender { outbound: outbound.clone(), sealer: sealer.clone() });
        stores.effects().on_event(Arc::new(WebhookSubscribers));
        Self { sealer, register: KeyRegister::new(stores, keys.id()), outbound }
    }

    /// With what URLs are called.
    pub(crate) fn outbound(&self) -> &Outbound {
        &self.outbound
    }

    /// What a project's secrets are kept encrypted with.
    fn seal(&self, call: &Call) -> Seal {
        self.seal_of(&call.project.id)
    }

    /// The same, by the project's id.
    pub(crate) fn seal_of(&self, project: &str) -> Seal {
        self.sealer.seal_for(project, b"")
    }

    /// To be called before a unit of work that seals something: so that the key is missed when it is lost.
    pub(crate) async fn note_key(&self) -> Result<()> {
        Ok(self.register.note().await?)
    }

    /// The webhooks of the project.
    pub(crate) async fn list(&self, call: &Call, queries: &Queries, total: bool) -> Result<(i64, Vec<Webhook>)> {
        let selection = queries.resolve_whole(FIELDS)?.counted(total);
        Ok(repository::list(&call.store, &selection).await?)
    }

    /// A webhook.
    pub(crate) async fn get(&self, call: &Call, id: &str) -> Result<Webhook> {
        let mut conn = call.store.read().await?;
        WebhookRepository(&mut conn).find(id).await?.ok_or_else(not_found)
    }

    /// Defines a webhook. Without a secret of the caller's it gets one of our making.
    pub(crate) async fn create(
        &self,
        call: &Call,
        id: String,
        change: WebhookChange,
        secret: Option<Secret>,
    ) -> Result<(Webhook, Secret)> {
        let (seal, secret) = (self.seal(call), secret.unwrap_or_else(made_secret));
        let password = change.auth_password.unwrap_or_else(|| Secret::new(""));
        let webhook = Webhook {
            auth_password: StoredSecret::seal(&seal, &password_of(&id), &password)?,
            secret: StoredSecret::seal(&seal, &secret_of(&id), &secret)?,
            id,
            name: change.name,
            url: change.url,
            events: distinct(change.events),
            tls: change.tls,
            auth_username: change.auth_username,
            enabled: change.enabled,
            logs: String::new(),
            attempts: 0,
            created: call.now,
            updated: call.now,
        };
        self.register.note().await?;
        let mut unit = call.store.begin().await?;
        WebhookRepository(&mut unit).add(&webhook).await.map_err(conflict_is(ErrorKind::WebhookAlreadyExists))?;
        unit.subscriptions_change();
        unit.commit().await.map_err(conflict_is(ErrorKind::WebhookAlreadyExists))?;
        Ok((webhook, secret))
    }

    /// Changes a webhook; its secret stays. Switched on again, it begins with a clean record.
    pub(crate) async fn update(&self, call: &Call, id: &str, change: WebhookChange) -> Result<Webhook> {
        self.register.note().await?;
        let seal = self.seal(call);
        let mut unit = call.store.begin().await?;
        let webhook = WebhookRepository(&mut unit).find_to_change(id, call.now).await?.ok_or_else(not_found)?;
        let password = password(&change, &webhook, webhook.auth_password.open(&seal, &password_of(id))?);
        let secret = webhook.secret.open(&seal, &secret_of(id))?;
        let webhook = Webhook {
            // Sealed anew, so that what is of a previous key, or of none, becomes of the current one.
            auth_password: StoredSecret::seal(&seal, &password_of(id), &password)?,
            secret: StoredSecret::seal(&seal, &secret_of(id), &secret)?,
            name: change.name,
            url: change.url,
            events: distinct(change.events),
            tls: change.tls,
            auth_username: change.auth_username,
            enabled: change.enabled,
            attempts: if change.enabled { 0 } else { webhook.attempts },
            ..webhook
        };
        WebhookRepository(&mut unit).save(&webhook).await?;
        unit.subscriptions_change();
        unit.commit().await?;
        Ok(webhook)
    }

    /// Gives a webhook another secret.
    pub(crate) async fn update_secret(
        &self,
        call: &Call,
        id: &str,
        secret: Option<Secret>,
    ) -> Result<(Webhook, Secret)> {
        self.register.note().await?;
        let (seal, secret) = (self.seal(call), secret.unwrap_or_else(made_secret));
        let mut unit = call.store.begin().await?;
        let webhook = WebhookRepository(&mut unit).find_to_change(id, call.now).await?.ok_or_else(not_found)?;
        let password = webhook.auth_password.open(&seal, &password_of(id))?;
        let webhook = Webhook {
            auth_password: StoredSecret::seal(&seal, &password_of(id), &password)?,
            secret: StoredSecret::seal(&seal, &secret_of(id), &secret)?,
            ..webhook
        };
        WebhookRepository(&mut unit).save(&webhook).await?;
        unit.commit().await?;
        Ok((webhook, secret))
    }

    /// Removes a webhook.
    pub(crate) async fn delete(&self, call: &Call, id: &str) -> Result<()> {
        let mut unit = call.store.begin().await?;
        if !WebhookRepository(&mut unit).remove(id).await? {
            return Err(not_found());
        }
        DeliveryRepository(&mut unit).remove_all(id).await?;
        unit.subscriptions_change();
        Ok(unit.commit().await?)
    }
}

/// The password after a change. Without a new one the old one stays with its user, and at its host: whoever may change a webhook
/// but not know its password can't have it sent elsewhere.
fn password(change: &WebhookChange, webhook: &Webhook, old: Secret) -> Secret {
    let stays = change.auth_username == webhook.auth_username && is_same_origin(&change.url, &webhook.url);
    match &change.auth_password {
        Some(new) => new.clone(),
        None if stays && !change.auth_username.is_empty() => old,
        None => Secret::new(""),
    }
}

/// Whether both URLs lead to the same host.
fn is_same_origin(url: &str, other: &str) -> bool {
    matches!((Target::parse(url), Target::parse(other)), (Ok(url), Ok(other)) if url.is_same_origin(&other))
}

/// Under which name a webhook's secret is sealed.
pub(crate) fn secret_of(id: &str) -> String {
    format!("{id}\0secret")
}

/// Under which name a webhook's password is sealed.
pub(crate) fn password_of(id: &str) -> String {
    format!("{id}\0password")
}

/// Each once, in the order in which they were given.
fn distinct(events: Vec<String>) -> Vec<String> {
    let mut seen = std::collections::HashSet::new();
    events.into_iter().filter(|event| seen.insert(event.clone())).collect()
}

fn made_secret() -> Secret {
    Secret::new(random_hex(SECRET_BYTES))
}

fn not_found() -> Error {
    ErrorKind::WebhookNotFound.into()
}
