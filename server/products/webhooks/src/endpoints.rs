//! `/v1/webhooks`.

use crate::delivery::DeliveryModel;
use crate::model::WebhookModel;
use crate::params::{EventPattern, HookUrl, SecretText};
use crate::service::{WebhookChange, Webhooks};
use floe_gateway::param::{Blank, CustomId, Id, List, Queries, Text};
use floe_gateway::reply::Page;
use floe_gateway::{Call, Reply, input};
use floe_kernel::Result;
use std::sync::Arc;

input! {
    /// What `GET /webhooks` takes.
    pub(crate) struct ListWebhooks {
        /// Filters, order and page.
        pub(crate) queries: Queries = query "queries" or Queries::default(),
        /// Whether to count them all.
        pub(crate) total: bool = query "total" or true,
    }
}

input! {
    /// What `POST /webhooks` takes.
    pub(crate) struct CreateWebhook {
        /// The webhook's id.
        pub(crate) webhook_id: CustomId = body "webhookId",
        /// Where to send events.
        pub(crate) url: HookUrl = body "url",
        /// What it is called.
        pub(crate) name: Text<1, 128> = body "name",
        /// Which events.
        pub(crate) events: List<EventPattern, 100> = body "events",
        /// Whether it is on.
        pub(crate) enabled: bool = body "enabled" or true,
        /// Whether the certificate of the URL's host must be good.
        pub(crate) tls: bool = body "tls" or false,
        /// The user of basic authentication.
        pub(crate) auth_username: Text<0, 256> = body "authUsername" or Text::default(),
        /// The password of basic authentication.
        pub(crate) auth_password: Blank<SecretText<1>> = body "authPassword" or Blank(None),
        /// What signs events; made unless given.
        pub(crate) secret: Option<SecretText<8>> = body "secret" or None,
    }
}

input! {
    /// What `PUT /webhooks/{webhookId}` takes.
    pub(crate) struct UpdateWebhook {
        /// The webhook's id.
        pub(crate) webhook_id: Id = path "webhookId",
        /// What it is called.
        pub(crate) name: Text<1, 128> = body "name",
        /// Where to send events.
        pub(crate) url: HookUrl = body "url",
        /// Which events.
        pub(crate) events: List<EventPattern, 100> = body "events",
        /// Whether it is on.
        pub(crate) enabled: bool = body "enabled" or true,
        /// Whether the certificate of the URL's host must be good.
        pub(crate) tls: bool = body "tls" or false,
        /// The user of basic authentication; without one there is none.
        pub(crate) auth_username: Text<0, 256> = body "authUsername" or Text::default(),
        /// The password of basic authentication. Unless given, the one that is there, if user and host stay the same.
        pub(crate) auth_password: Blank<SecretText<1>> = body "authPassword" or Blank(None),
    }
}

input! {
    /// What `PATCH /webhooks/{webhookId}/secret` takes.
    pub(crate) struct UpdateSecret {
        /// The webhook's id.
        pub(crate) webhook_id: Id = path "webhookId",
        /// What signs events; made unless given.
        pub(crate) secret: Option<SecretText<8>> = body "secret" or None,
    }
}

input! {
    /// Which webhook.
    pub(crate) struct OneWebhook {
        /// The webhook's id.
        pub(crate) webhook_id: Id = path "webhookId",
    }
}

input! {
    /// What `GET /webhooks/{webhookId}/deliveries` takes.
    pub(crate) struct ListDeliveries {
        /// The webhook's id.
        pub(crate) webhook_id: Id = path "webhookId",
        /// Filters, order and page.
        pub(crate) queries: Queries = query "queries" or Queries::default(),
        /// Whether to count them all.
        pub(crate) total: bool = query "total" or true,
    }
}

input! {
    /// Which delivery.
    pub(crate) struct OneDelivery {
        /// The webhook's id.
        pub(crate) webhook_id: Id = path "webhookId",
        /// The delivery's id.
        pub(crate) delivery_id: Id = path "deliveryId",
    }
}

pub(crate) async fn list(webhooks: Arc<Webhooks>, call: Call, input: ListWebhooks) -> Result<Reply> {
    let (total, items) = webhooks.list(&call, &input.queries.0, input.total).await?;
    Reply::ok(&Page { plural: "webhooks", total, items: items.into_iter().map(WebhookModel::from).collect() })
}

pub(crate) async fn create(webhooks: Arc<Webhooks>, call: Call, input: CreateWebhook) -> Result<Reply> {
    let change = WebhookChange {
        name: input.name.into(),
        url: input.url.reachable(webhooks.outbound())?,
        events: names(input.events),
        tls: input.tls,
        auth_username: input.auth_username.into(),
        auth_password: input.auth_password.0.map(|password| password.0),
        enabled: input.enabled,
    };
    let id = input.webhook_id.or_make(call.now);
    let (webhook, secret) = webhooks.create(&call, id, change, input.secret.map(|secret| secret.0)).await?;
    Reply::created(&WebhookModel::with_secret(webhook, &secret))
}

pub(crate) async fn get(webhooks: Arc<Webhooks>, call: Call, input: OneWebhook) -> Result<Reply> {
    Reply::ok(&WebhookModel::from(webhooks.get(&call, &input.webhook_id).await?))
}

pub(crate) async fn update(webhooks: Arc<Webhooks>, call: Call, input: UpdateWebhook) -> Result<Reply> {
    let change = WebhookChange {
        name: input.name.into(),
        url: input.url.reachable(webhooks.outbound())?,
        events: names(input.events),
        tls: input.tls,
        auth_username: input.auth_username.into(),
        auth_password: input.auth_password.0.map(|password| password.0),
        enabled: input.enabled,
    };
    Reply::ok(&WebhookModel::from(webhooks.update(&call, &input.webhook_id, change).await?))
}

pub(crate) async fn update_secret(webhooks: Arc<Webhooks>, call: Call, input: UpdateSecret) -> Result<Reply> {
    let secret = input.secret.map(|secret| secret.0);
    let (webhook, secret) = webhooks.update_secret(&call, &input.webhook_id, secret).await?;
    Reply::ok(&WebhookModel::with_secret(webhook, &secret))
}

pub(crate) async fn delete(webhooks: Arc<Webhooks>, call: Call, input: OneWebhook) -> Result<Reply> {
    webhooks.delete(&call, &input.webhook_id).await?;
    Ok(Reply::empty())
}

pub(crate) async fn list_deliveries(webhooks: Arc<Webhooks>, call: Call, input: ListDeliveries) -> Result<Reply> {
    let (total, items) = webhooks.deliveries(&call, &input.webhook_id, &input.queries.0, input.total).await?;
    Reply::ok(&Page { plural: "deliveries", total, items: items.into_iter().map(DeliveryModel::in_list).collect() })
}

pub(crate) async fn get_delivery(webhooks: Arc<Webhooks>, call: Call, input: OneDelivery) -> Result<Reply> {
    let delivery = webhooks.delivery(&call, &input.webhook_id, &input.delivery_id).await?;
    Reply::ok(&DeliveryModel::seen_by(delivery, &call.caller))
}

pub(crate) async fn redeliver(webhooks: Arc<Webhooks>, call: Call, input: OneDelivery) -> Result<Reply> {
    let delivery = webhooks.redeliver(&call, &input.webhook_id, &input.delivery_id).await?;
    Reply::json(202, &DeliveryModel::seen_by(delivery, &call.caller))
}

pub(crate) async fn test(webhooks: Arc<Webhooks>, call: Call, input: OneWebhook) -> Result<Reply> {
    let delivery = webhooks.test(&call, &input.webhook_id).await?;
    Reply::json(202, &DeliveryModel::seen_by(delivery, &call.caller))
}

fn names(events: List<EventPattern, 100>) -> Vec<String> {
    events.0.into_iter().map(|event| event.0).collect()
}
