//! What is left to be done with webhooks when the instance's key was replaced.

use crate::model::{StoredSecret, Webhook};
use crate::repository::WebhookRepository;
use crate::service::{Webhooks, password_of, secret_of};
use floe_kernel::Result;
use floe_sealed::Seal;
use floe_store::Store;
use floe_store::tables::Resealed;

impl Webhooks {
    /// Seals the secrets of a project's webhooks with the current key, where they aren't; also those that a release of before
    /// has kept in clear. Each webhook counts as one.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn reseal(&self, store: &Store) -> Result<Resealed> {
        let seal = self.seal_of(store.project_id());
        let old = outdated(store, &seal).await?;
        if !old.is_empty() {
            self.note_key().await?;
        }
        let mut all = Resealed::default();
        for webhook in old {
            all += reseal_one(store, &webhook.id, &seal).await?;
        }
        let left = outdated(store, &seal).await?;
        all.left = left.iter().filter(|webhook| sealed_anew(webhook, &seal).is_ok()).count() as u64;
        Ok(all)
    }
}

async fn outdated(store: &Store, seal: &Seal) -> Result<Vec<Webhook>> {
    let webhooks = WebhookRepository(&mut store.read().await?).all().await?;
    Ok(webhooks.into_iter().filter(|webhook| !is_current(webhook, seal)).collect())
}

fn is_current(webhook: &Webhook, seal: &Seal) -> bool {
    webhook.secret.is_current(seal) && webhook.auth_password.is_current(seal)
}

fn sealed_anew(webhook: &Webhook, seal: &Seal) -> Result<Webhook> {
    let (of_secret, of_password) = (secret_of(&webhook.id), password_of(&webhook.id));
    let (secret, password) = (webhook.secret.open(seal, &of_secret)?, webhook.auth_password.open(seal, &of_password)?);
    Ok(Webhook {
        secret: StoredSecret::seal(seal, &of_secret, &secret)?,
        auth_password: StoredSecret::seal(seal, &of_password, &password)?,
        ..webhook.clone()
    })
}

/// In a unit of its own, from what there is by then.
async fn reseal_one(store: &Store, id: &str, seal: &Seal) -> Result<Resealed> {
    let mut unit = store.begin_alone().await?;
    let found = WebhookRepository(&mut unit).find_locked(id).await?;
    let Some(webhook) = found.filter(|webhook| !is_current(webhook, seal)) else { return Ok(Resealed::default()) };
    let Ok(anew) = sealed_anew(&webhook, seal) else { return Ok(Resealed { unreadable: 1, ..Resealed::default() }) };
    WebhookRepository(&mut unit).save_secrets(&anew).await?;
    unit.commit().await?;
    Ok(Resealed { done: 1, ..Resealed::default() })
}
