//! Deliveries: what was, or is to be, sent to a webhook, as this product knows it and as the API shows it.

use floe_kernel::access::Caller;
use floe_kernel::event::{self, Occurrence};
use floe_kernel::scope::{Scope, Scopes};
use floe_kernel::time::Timestamp;
use serde::{Deserialize, Serialize};

/// How it stands with a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Status {
    /// It is still to be sent, for the first time or again.
    Waiting,
    /// The receiver has taken it.
    Delivered,
    /// It won't be sent any more, unless somebody asks for that.
    Failed,
}

impl Status {
    /// As it is kept.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Delivered => "delivered",
            Self::Failed => "failed",
        }
    }

    /// What is kept.
    pub(crate) fn named(name: &str) -> Self {
        match name {
            "delivered" => Self::Delivered,
            "failed" => Self::Failed,
            _ => Self::Waiting,
        }
    }
}

/// One event for one webhook.
#[derive(Debug, Clone)]
pub(crate) struct Delivery {
    pub(crate) id: String,
    pub(crate) webhook_id: String,
    /// The event's name with brackets for its ids.
    pub(crate) pattern: String,
    pub(crate) ids: Vec<String>,
    /// JSON.
    pub(crate) payload: String,
    /// Who brought it about; empty when it was no user.
    pub(crate) user_id: String,
    pub(crate) status: Status,
    pub(crate) attempts: Vec<Attempt>,
    pub(crate) created: Timestamp,
    pub(crate) updated: Timestamp,
}

impl Delivery {
    /// The event's own name.
    pub(crate) fn event(&self) -> String {
        event::name(&self.pattern, &self.ids())
    }

    /// All names that the event is known by.
    pub(crate) fn events(&self) -> Vec<String> {
        Occurrence::new(&self.pattern, &self.ids()).names()
    }

    fn ids(&self) -> Vec<&str> {
        self.ids.iter().map(String::as_str).collect()
    }
}

/// What came of sending it once. As it is kept, and as it is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Attempt {
    /// When it ended: set when it is noted.
    pub(crate) at: Timestamp,
    /// The status of the answer; 0 when there was none.
    pub(crate) status: u16,
    /// What went wrong, in words; empty when nothing did.
    pub(crate) error: String,
    /// How long it took, in milliseconds.
    pub(crate) ms: u64,
    /// The beginning of the answer.
    pub(crate) response: String,
}

impl Attempt {
    /// There was no answer.
    pub(crate) fn unanswered(error: impl Into<String>, ms: u64) -> Self {
        Self { at: Timestamp::default(), status: 0, error: error.into(), ms, response: String::new() }
    }
}

/// A delivery as the API shows it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DeliveryModel {
    #[serde(rename = "$id")]
    id: String,
    #[serde(rename = "$createdAt")]
    created_at: Timestamp,
    #[serde(rename = "$updatedAt")]
    updated_at: Timestamp,
    webhook_id: String,
    event: String,
    status: Status,
    attempts: Vec<Attempt>,
    /// The body, exactly as it is sent. Empty in lists, and for who may only read webhooks.
    payload: String,
}

impl DeliveryModel {
    /// All of it, for who may change webhooks: they could have it sent to themselves. A body may hold what is behind any scope.
    pub(crate) fn seen_by(delivery: Delivery, caller: &Caller) -> Self {
        let may_change = caller.scopes().covers(Scopes::of(&[Scope::WebhooksWrite]));
        if may_change { Self::whole(delivery) } else { Self::in_list(delivery) }
    }

    /// The same for a list.
    pub(crate) fn in_list(delivery: Delivery) -> Self {
        Self { payload: String::new(), ..Self::whole(delivery) }
    }

    fn whole(delivery: Delivery) -> Self {
        Self {
            event: delivery.event(),
            id: delivery.id,
            created_at: delivery.created,
            updated_at: delivery.updated,
            webhook_id: delivery.webhook_id,
            status: delivery.status,
            attempts: delivery.attempts,
            payload: delivery.payload,
        }
    }
}
