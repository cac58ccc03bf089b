//! `POST /v1/account/jwts`.

use crate::service::Accounts;
use floe_gateway::param::Int;
use floe_gateway::{Call, Reply, input};
use floe_kernel::Result;
use floe_users::JwtModel;
use std::sync::Arc;

input! {
    /// What `POST /account/jwts` takes.
    pub(crate) struct CreateJwt {
        /// How many seconds it is good for.
        duration: Int<0, 3600> = body "duration" or Int(900),
    }
}

pub(crate) async fn create(accounts: Arc<Accounts>, call: Call, input: CreateJwt) -> Result<Reply> {
    let jwt = accounts.sign_jwt((&call).into(), &call.caller, input.duration.0).await?;
    Reply::created(&JwtModel { jwt })
}
