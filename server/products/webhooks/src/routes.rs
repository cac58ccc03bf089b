//! The table of this product's endpoints.

use crate::endpoints as at;
use crate::service::Webhooks;
use floe_gateway::{Callers, Route, delete, get, patch, post, put};
use floe_kernel::scope::Scope;

/// Every endpoint about webhooks.
#[must_use]
pub fn routes() -> Vec<Route<Webhooks>> {
    let routes = vec![
        get("/webhooks", "webhooks.list", at::list)
            .scopes(&[Scope::WebhooksRead])
            .alias("/projects/{projectId}/webhooks")
            .answers(200, "webhookList")
            .summary("Where the project's events are sent to."),
        post("/webhooks", "webhooks.create", at::create)
            .scopes(&[Scope::WebhooksWrite])
            .alias("/projects/{projectId}/webhooks")
            .audit("webhook.create")
            .answers(201, "webhook")
            .summary("Sends events to a URL. The secret that signs them is in this answer and in no other."),
        get("/webhooks/{webhookId}", "webhooks.get", at::get)
            .scopes(&[Scope::WebhooksRead])
            .alias("/projects/{projectId}/webhooks/{webhookId}")
            .answers(200, "webhook")
            .summary("A webhook, without its secrets."),
        put("/webhooks/{webhookId}", "webhooks.update", at::update)
            .scopes(&[Scope::WebhooksWrite])
            .alias("/projects/{projectId}/webhooks/{webhookId}")
            .audit("webhooks.update")
            .answers(200, "webhook")
            .summary("Changes a webhook; its secret stays."),
        delete("/webhooks/{webhookId}", "webhooks.delete", at::delete)
            .scopes(&[Scope::WebhooksWrite])
            .alias("/projects/{projectId}/webhooks/{webhookId}")
            .audit("webhook.delete")
            .answers_nothing()
            .summary("Removes a webhook."),
        patch("/webhooks/{webhookId}/secret", "webhooks.updateSecret", at::update_secret)
            .scopes(&[Scope::WebhooksWrite])
            .alias("/projects/{projectId}/webhooks/{webhookId}/signature")
            .audit("webhooks.update")
            .answers(200, "webhook")
            .summary("Gives a webhook another secret, which is in this answer and in no other."),
        get("/webhooks/{webhookId}/deliveries", "webhooks.listDeliveries", at::list_deliveries)
            .scopes(&[Scope::WebhooksRead])
            .answers(200, "webhookDeliveryList")
            .summary("What was, or is to be, sent to a webhook, and what came of it."),
        get("/webhooks/{webhookId}/deliveries/{deliveryId}", "webhooks.getDelivery", at::get_delivery)
            .scopes(&[Scope::WebhooksRead])
            .answers(200, "webhookDelivery")
            .summary("A delivery, with what is sent."),
        post("/webhooks/{webhookId}/deliveries/{deliveryId}/redeliver", "webhooks.redeliver", at::redeliver)
            .scopes(&[Scope::WebhooksWrite])
            .audit("webhook.redeliver")
            .answers(202, "webhookDelivery")
            .summary("Has a delivery made again, with the same payload."),
        post("/webhooks/{webhookId}/tests", "webhooks.test", at::test)
            .scopes(&[Scope::WebhooksWrite])
            .audit("webhook.test")
            .answers(202, "webhookDelivery")
            .summary("Sends a webhook something to be tried out with: what the API shows of itself."),
    ];
    routes.into_iter().map(|route| route.callers(Callers::SERVERS)).collect()
}
