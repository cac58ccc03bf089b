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
    ];
    routes.into_iter().map(|route| route.callers(Callers::SERVERS)).collect()
}
