//! `GET /v1/ping`: what the SDKs call to see whether they are set up right.

use crate::service::Health;
use floe_gateway::{Call, Reply};
use floe_kernel::Result;
use std::sync::Arc;

pub(crate) async fn get(_health: Arc<Health>, _call: Call, _input: ()) -> Result<Reply> {
    Ok(Reply::text("Pong!"))
}
