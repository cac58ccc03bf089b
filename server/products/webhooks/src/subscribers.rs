//! Webhooks as subscribers to events: what they are to be sent is noted in the unit of work in which it happens.

use crate::delivery::{Delivery, Status};
use crate::repository::{DeliveryRepository, WebhookRepository};
use crate::sender::Deliver;
use floe_kernel::event::{Origin, Pattern};
use floe_kernel::id;
use floe_queue::{Enqueue as _, NewJob};
use floe_store::{Connection, Event, Result, Subscribers, Subscription, UnitOfWork};
use futures_util::future::BoxFuture;

/// The webhooks of every project.
pub(crate) struct WebhookSubscribers;

impl Subscribers for WebhookSubscribers {
    fn subscriptions<'c>(&'c self, connection: &'c mut Connection) -> BoxFuture<'c, Result<Vec<Subscription>>> {
        Box::pin(async move {
            let enabled = WebhookRepository(connection).all().await?.into_iter().filter(|webhook| webhook.enabled);
            let subscriptions = enabled.flat_map(|webhook| {
                let subscriber: Box<str> = webhook.id.into();
                let pattern =
                    |event: String| Subscription { subscriber: subscriber.clone(), pattern: Pattern::new(&event) };
                webhook.events.into_iter().map(pattern).collect::<Vec<_>>()
            });
            Ok(subscriptions.collect())
        })
    }

    fn notify<'u>(
        &'u self,
        unit: &'u mut UnitOfWork,
        event: Event<'u>,
        webhooks: Vec<Box<str>>,
    ) -> BoxFuture<'u, Result<()>> {
        Box::pin(async move {
            for webhook in webhooks {
                let delivery = Delivery {
                    id: id::unique(event.at),
                    webhook_id: webhook.into(),
                    pattern: event.pattern.to_owned(),
                    ids: event.ids.iter().map(|id| (*id).to_owned()).collect(),
                    payload: event.payload.to_owned(),
                    user_id: acting_user(&event),
                    status: Status::Waiting,
                    attempts: Vec::new(),
                    created: event.at,
                    updated: event.at,
                };
                let hops = event.origin.map(|origin| origin.hops).unwrap_or_default();
                push(unit, &delivery, Deliver { delivery: delivery.id.clone(), hops, is_asked_for: false }).await?;
            }
            Ok(())
        })
    }
}

/// Notes a delivery, and pushes the job of making it.
pub(crate) async fn push(unit: &mut UnitOfWork, delivery: &Delivery, job: Deliver) -> Result<()> {
    DeliveryRepository(unit).add(delivery).await?;
    unit.enqueue(NewJob::of(&job).key(&*delivery.id)).await?;
    Ok(())
}

/// Who brought it about. A guest who signs up or in is somebody from then on.
fn acting_user(event: &Event) -> String {
    let Some(Origin { user_id, by_guest, .. }) = event.origin else { return String::new() };
    match event.ids {
        [user, ..] if *by_guest && event.pattern.starts_with("users.") => (*user).to_owned(),
        _ => user_id.clone(),
    }
}
