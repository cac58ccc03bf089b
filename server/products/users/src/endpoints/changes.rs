//! `PATCH /v1/users/{userId}/name` and its siblings: one thing of a user changes.

use super::OfUser;
use crate::events;
use crate::input::{Label, OrEmpty};
use crate::model::{User, UserModel};
use crate::service::{Ending, People};
use floe_gateway::param::{Email, Id, List, Password, Phone, Prefs, Text};
use floe_gateway::{Call, Reply, input};
use floe_kernel::Result;
use std::collections::HashSet;
use std::sync::Arc;

input! {
    /// What `PATCH /users/{userId}/name` takes.
    pub(crate) struct UpdateName {
        /// The user's id.
        user_id: Id = path "userId",
        /// The new name.
        name: Text<0, 128> = body "name",
    }
}

input! {
    /// What `PATCH /users/{userId}/email` takes.
    pub(crate) struct UpdateEmail {
        /// The user's id.
        user_id: Id = path "userId",
        /// The new email address; empty: none.
        email: OrEmpty<Email> = body "email",
    }
}

input! {
    /// What `PATCH /users/{userId}/phone` takes.
    pub(crate) struct UpdatePhone {
        /// The user's id.
        user_id: Id = path "userId",
        /// The new phone number; empty: none.
        number: OrEmpty<Phone> = body "number",
    }
}

input! {
    /// What `PATCH /users/{userId}/password` takes.
    pub(crate) struct UpdatePassword {
        /// The user's id.
        user_id: Id = path "userId",
        /// The new password; empty: none.
        password: OrEmpty<Password> = body "password",
    }
}

input! {
    /// What `PATCH /users/{userId}/status` takes.
    pub(crate) struct UpdateStatus {
        /// The user's id.
        user_id: Id = path "userId",
        /// Whether the user may do anything; false: blocked.
        status: bool = body "status",
    }
}

input! {
    /// What `PUT /users/{userId}/labels` takes.
    pub(crate) struct UpdateLabels {
        /// The user's id.
        user_id: Id = path "userId",
        /// The labels, in place of those before.
        labels: List<Label, 1000> = body "labels",
    }
}

input! {
    /// What `PATCH /users/{userId}/prefs` takes.
    pub(crate) struct UpdatePrefs {
        /// The user's id.
        user_id: Id = path "userId",
        /// The preferences, in place of those before.
        prefs: Prefs = body "prefs",
    }
}

input! {
    /// What `PATCH /users/{userId}/verification` takes.
    pub(crate) struct UpdateEmailVerification {
        /// The user's id.
        user_id: Id = path "userId",
        /// Whether the email address is known to be the user's own.
        verified: bool = body "emailVerification",
    }
}

input! {
    /// What `PATCH /users/{userId}/verification/phone` takes.
    pub(crate) struct UpdatePhoneVerification {
        /// The user's id.
        user_id: Id = path "userId",
        /// Whether the phone number is known to be the user's own.
        verified: bool = body "phoneVerification",
    }
}

/// Changes one thing and ends no session.
async fn set(
    people: &People,
    call: &Call,
    id: &str,
    event: &'static str,
    set: impl FnOnce(&mut User),
) -> Result<Reply> {
    let set = |user: &mut User| {
        set(user);
        Ok(Ending::Nothing)
    };
    let user = people.change(call.into(), id, event, set).await?;
    Reply::ok(&UserModel::seen_by(&call.caller, &user))
}

pub(crate) async fn name(people: Arc<People>, call: Call, input: UpdateName) -> Result<Reply> {
    set(&people, &call, &input.user_id, events::UPDATE_NAME, |user| user.name = input.name.into()).await
}

pub(crate) async fn email(people: Arc<People>, call: Call, input: UpdateEmail) -> Result<Reply> {
    let email = input.email.0.map(String::from);
    set(&people, &call, &input.user_id, events::UPDATE_EMAIL, |user| user.change_email(email)).await
}

pub(crate) async fn phone(people: Arc<People>, call: Call, input: UpdatePhone) -> Result<Reply> {
    let phone = input.number.0.map(String::from);
    set(&people, &call, &input.user_id, events::UPDATE_PHONE, |user| user.change_phone(phone)).await
}

pub(crate) async fn password(people: Arc<People>, call: Call, input: UpdatePassword) -> Result<Reply> {
    let password = input.password.0.as_ref().map(Password::secret);
    let user = people.set_password((&call).into(), &input.user_id, password, None).await?.user;
    Reply::ok(&UserModel::seen_by(&call.caller, &user))
}

pub(crate) async fn status(people: Arc<People>, call: Call, input: UpdateStatus) -> Result<Reply> {
    set(&people, &call, &input.user_id, events::UPDATE_STATUS, |user| user.active = input.status).await
}

pub(crate) async fn labels(people: Arc<People>, call: Call, input: UpdateLabels) -> Result<Reply> {
    let mut seen = HashSet::new();
    let labels = input.labels.0.into_iter().map(|label| label.0).filter(|label| seen.insert(label.clone())).collect();
    set(&people, &call, &input.user_id, events::UPDATE_LABELS, |user| user.labels = labels).await
}

pub(crate) async fn email_verification(
    people: Arc<People>,
    call: Call,
    input: UpdateEmailVerification,
) -> Result<Reply> {
    let verified = input.verified;
    set(&people, &call, &input.user_id, events::UPDATE_VERIFICATION, |user| user.email_verified = verified).await
}

pub(crate) async fn phone_verification(
    people: Arc<People>,
    call: Call,
    input: UpdatePhoneVerification,
) -> Result<Reply> {
    let verified = input.verified;
    set(&people, &call, &input.user_id, events::UPDATE_VERIFICATION, |user| user.phone_verified = verified).await
}

pub(crate) async fn prefs(people: Arc<People>, call: Call, input: OfUser) -> Result<Reply> {
    Reply::ok(&people.get((&call).into(), &input.user_id).await?.prefs)
}

pub(crate) async fn update_prefs(people: Arc<People>, call: Call, input: UpdatePrefs) -> Result<Reply> {
    let set = |user: &mut User| {
        user.prefs = input.prefs.0;
        Ok(Ending::Nothing)
    };
    Reply::ok(&people.change((&call).into(), &input.user_id, events::UPDATE_PREFS, set).await?.prefs)
}
