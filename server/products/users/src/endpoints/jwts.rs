//! `POST /v1/users/{userId}/jwts`.

use crate::model::JwtModel;
use crate::service::{JwtSession, People};
use floe_gateway::param::{Id, Int};
use floe_gateway::{Call, Reply, input};
use floe_kernel::Result;
use std::sync::Arc;

input! {
    /// What `POST /users/{userId}/jwts` takes.
    pub(crate) struct CreateJwt {
        /// The user's id.
        user_id: Id = path "userId",
        /// The session that the JWT ends with; `recent`: the one that began last.
        session_id: Option<Id> = body "sessionId" or None,
        /// How many seconds it is good for.
        duration: Int<0, 3600> = body "duration" or Int(900),
    }
}

pub(crate) async fn create(people: Arc<People>, call: Call, input: CreateJwt) -> Result<Reply> {
    let session = match input.session_id.as_deref() {
        None | Some("recent") => JwtSession::Recent,
        Some(id) => JwtSession::Of(id),
    };
    let jwt = people.sign_jwt((&call).into(), &input.user_id, session, input.duration.0).await?;
    Reply::created(&JwtModel { jwt })
}
