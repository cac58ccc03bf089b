//! What the endpoints of this product say they cause. The grammar of events that webhooks and functions can listen to
//! (`semantics.md` section 11) has none of these, so nothing is written to any outbox: the names are for the route
//! table alone.

/// There is a new webhook.
pub const CREATE: &str = "webhooks.[webhookId].create";
/// A webhook has changed.
pub const UPDATE: &str = "webhooks.[webhookId].update";
/// A webhook is gone.
pub const DELETE: &str = "webhooks.[webhookId].delete";
