//! `POST`, `GET` and `DELETE /v1/account`.

use crate::service::Accounts;
use floe_gateway::param::{CustomId, Email, Password, Text};
use floe_gateway::{Call, Reply, cookies, input};
use floe_kernel::Result;
use floe_users::input::SecretText;
use floe_users::{Account, NewUser};
use std::sync::Arc;

input! {
    /// What `POST /account` takes.
    pub(crate) struct CreateAccount {
        /// The user's id, or `unique()`.
        user_id: CustomId = body "userId",
        /// The user's email address.
        email: Email = body "email",
        /// The user's password, of at least 8 characters.
        password: Password = body "password",
        /// The user's name.
        name: Text<0, 128> = body "name" or Text::default(),
        /// What the first user of the console must know, where it isn't in `X-Floe-Setup-Token`.
        setup_token: Option<SecretText> = body "setupToken" or None,
    }
}

pub(crate) async fn create(accounts: Arc<Accounts>, call: Call, input: CreateAccount) -> Result<Reply> {
    let new = NewUser {
        id: input.user_id.or_make(call.now),
        name: input.name.into(),
        email: Some(input.email.into()),
        phone: None,
        password: Some(input.password.secret().clone()),
    };
    let token = call.request.setup_token.as_ref().or(input.setup_token.as_ref().map(|token| &token.0));
    let user = accounts.sign_up((&call).into(), &call.caller, new, token).await?;
    Reply::created(&Account::from(&user))
}

pub(crate) async fn get(accounts: Arc<Accounts>, call: Call, _input: ()) -> Result<Reply> {
    let user = accounts.people.get((&call).into(), &call.caller.require_user()?.id).await?;
    Reply::ok(&Account::from(&user))
}

pub(crate) async fn delete(accounts: Arc<Accounts>, call: Call, _input: ()) -> Result<Reply> {
    accounts.delete((&call).into(), &call.caller, call.caller.require_user()?).await?;
    Ok(Reply::empty().headers(cookies::end(&call)))
}
