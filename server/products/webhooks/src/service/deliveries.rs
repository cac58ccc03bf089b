//! Deliveries of a webhook: seen, made again, and tried out.

use super::{Webhooks, not_found};
use crate::delivery::{Delivery, Status};
use crate::model::WebhookModel;
use crate::repository::{DELIVERY_FIELDS, DeliveryRepository, WebhookRepository, list_deliveries};
use crate::sender::Deliver;
use crate::subscribers::push;
use floe_gateway::Call;
use floe_kernel::query::Queries;
use floe_kernel::{Error, ErrorKind, Result, id};
use floe_queue::{Enqueue as _, NewJob};

/// What a webhook is sent that is tried out.
const TEST: &str = "webhooks.[webhookId].test";

impl Webhooks {
    /// The deliveries of a webhook.
    pub(crate) async fn deliveries(
        &self,
        call: &Call,
        webhook: &str,
        queries: &Queries,
        total: bool,
    ) -> Result<(i64, Vec<Delivery>)> {
        let selection = queries.resolve_whole(DELIVERY_FIELDS)?.counted(total);
        self.get(call, webhook).await?;
        Ok(list_deliveries(&call.store, webhook, &selection).await?)
    }

    /// One of them.
    pub(crate) async fn delivery(&self, call: &Call, webhook: &str, id: &str) -> Result<Delivery> {
        let mut conn = call.store.read().await?;
        WebhookRepository(&mut conn).find(webhook).await?.ok_or_else(not_found)?;
        let delivery = DeliveryRepository(&mut conn).find(id).await?;
        delivery.filter(|delivery| delivery.webhook_id == webhook).ok_or_else(no_delivery)
    }

    /// Has a delivery made again, with the same payload, also by a webhook that is off. One that is still to be made isn't made
    /// twice.
    pub(crate) async fn redeliver(&self, call: &Call, webhook: &str, id: &str) -> Result<Delivery> {
        let delivery = self.delivery(call, webhook, id).await?;
        let mut unit = call.store.begin().await?;
        let repository = &mut DeliveryRepository(&mut unit);
        if !repository.save(id, Status::Waiting, &delivery.attempts, call.now).await? {
            return Err(no_delivery());
        }
        unit.enqueue(NewJob::of(&asked_for(id, call)).key(id)).await?;
        unit.commit().await?;
        Ok(Delivery { status: Status::Waiting, updated: call.now, ..delivery })
    }

    /// Sends a webhook something to be tried out with, also while it is off: what the API shows of itself.
    pub(crate) async fn test(&self, call: &Call, webhook: &str) -> Result<Delivery> {
        let found = self.get(call, webhook).await?;
        let payload = serde_json::to_string(&WebhookModel::from(found)).map_err(Error::internal)?;
        let delivery = Delivery {
            id: id::unique(call.now),
            webhook_id: webhook.to_owned(),
            pattern: TEST.to_owned(),
            ids: vec![webhook.to_owned()],
            payload,
            user_id: call.caller.user_id().unwrap_or_default().to_owned(),
            status: Status::Waiting,
            attempts: Vec::new(),
            created: call.now,
            updated: call.now,
        };
        let mut unit = call.store.begin().await?;
        push(&mut unit, &delivery, asked_for(&delivery.id, call)).await?;
        unit.commit().await?;
        Ok(delivery)
    }
}

/// The job of a delivery that somebody has asked for.
fn asked_for(delivery: &str, call: &Call) -> Deliver {
    Deliver { delivery: delivery.to_owned(), hops: call.request.hops, is_asked_for: true }
}

fn no_delivery() -> Error {
    ErrorKind::WebhookDeliveryNotFound.into()
}
