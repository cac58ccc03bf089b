//! `PATCH /v1/account/name` and its siblings: one thing of the caller's changes.

use crate::service::Accounts;
use floe_gateway::param::{Email, Password, Phone, Prefs, Text};
use floe_gateway::{Call, Reply, cookies, input};
use floe_kernel::Result;
use floe_kernel::secret::Secret;
use floe_users::input::SecretText;
use floe_users::{Account, Changed, Ending, User, events};
use std::sync::Arc;

input! {
    /// What `PATCH /account/name` takes.
    pub(crate) struct UpdateName {
        /// The new name.
        name: Text<1, 128> = body "name",
    }
}

input! {
    /// What `PATCH /account/email` takes.
    pub(crate) struct UpdateEmail {
        /// The new email address.
        email: Email = body "email",
        /// The caller's password; for who has none yet, the one to have.
        password: Password = body "password",
    }
}

input! {
    /// What `PATCH /account/phone` takes.
    pub(crate) struct UpdatePhone {
        /// The new phone number, with a leading `+`.
        phone: Phone = body "phone",
        /// The caller's password; for who has none yet, the one to have.
        password: Password = body "password",
    }
}

input! {
    /// What `PATCH /account/password` takes.
    pub(crate) struct UpdatePassword {
        /// The new password.
        password: Password = body "password",
        /// The one before, if there is one.
        old_password: SecretText = body "oldPassword" or SecretText(Secret::new("")),
    }
}

input! {
    /// What `PATCH /account/prefs` takes.
    pub(crate) struct UpdatePrefs {
        /// The preferences, in place of those before.
        prefs: Prefs = body "prefs",
    }
}

async fn set(accounts: &Accounts, call: &Call, event: &'static str, set: impl FnOnce(&mut User)) -> Result<Reply> {
    let set = |user: &mut User| {
        set(user);
        Ok(Ending::Nothing)
    };
    let user = accounts.people.change(call.into(), &call.caller.require_user()?.id, event, set).await?;
    Reply::ok(&Account::from(&user))
}

/// The user; and the cookies of the session that has another secret now.
fn changed(call: &Call, Changed { user, renewed }: &Changed) -> Result<Reply> {
    let reply = Reply::ok(&Account::from(user))?;
    Ok(match renewed {
        Some((session, token)) => reply.headers(cookies::start(call, token, session.expires_at)),
        None => reply,
    })
}

pub(crate) async fn name(accounts: Arc<Accounts>, call: Call, input: UpdateName) -> Result<Reply> {
    set(&accounts, &call, events::UPDATE_NAME, |user| user.name = input.name.into()).await
}

pub(crate) async fn email(accounts: Arc<Accounts>, call: Call, input: UpdateEmail) -> Result<Reply> {
    let set = accounts.set_email((&call).into(), &call.caller, input.email.into(), input.password.secret()).await?;
    changed(&call, &set)
}

pub(crate) async fn phone(accounts: Arc<Accounts>, call: Call, input: UpdatePhone) -> Result<Reply> {
    let set = accounts.set_phone((&call).into(), &call.caller, input.phone.into(), input.password.secret()).await?;
    changed(&call, &set)
}

pub(crate) async fn password(accounts: Arc<Accounts>, call: Call, input: UpdatePassword) -> Result<Reply> {
    let (new, old) = (input.password.secret(), &input.old_password.0);
    let set = accounts.set_password((&call).into(), &call.caller, new, old).await?;
    changed(&call, &set)
}

pub(crate) async fn prefs(accounts: Arc<Accounts>, call: Call, _input: ()) -> Result<Reply> {
    Reply::ok(&accounts.people.get((&call).into(), &call.caller.require_user()?.id).await?.prefs)
}

pub(crate) async fn update_prefs(accounts: Arc<Accounts>, call: Call, input: UpdatePrefs) -> Result<Reply> {
    set(&accounts, &call, events::UPDATE_PREFS, |user| user.prefs = input.prefs.0).await
}

pub(crate) async fn status(accounts: Arc<Accounts>, call: Call, _input: ()) -> Result<Reply> {
    let user = accounts.block((&call).into(), &call.caller).await?;
    Ok(Reply::ok(&Account::from(&user))?.headers(cookies::end(&call)))
}
