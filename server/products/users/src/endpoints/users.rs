//! `GET` and `POST /v1/users`, `GET` and `DELETE /v1/users/{userId}`.

use super::OfUser;
use crate::admission::{Admission, NewUser};
use crate::events;
use crate::input::OrEmpty;
use crate::model::UserModel;
use crate::service::People;
use floe_gateway::param::{CustomId, Email, Password, Phone, Queries, Text};
use floe_gateway::reply::Page;
use floe_gateway::{Call, Reply, input};
use floe_kernel::Result;
use std::sync::Arc;

input! {
    /// What `POST /users` takes.
    pub(crate) struct CreateUser {
        /// The user's id, or `unique()`.
        user_id: CustomId = body "userId",
        /// The user's email address.
        email: OrEmpty<Email> = body "email" or OrEmpty(None),
        /// The user's phone number, with a leading `+`.
        phone: OrEmpty<Phone> = body "phone" or OrEmpty(None),
        /// The user's password, of at least 8 characters.
        password: OrEmpty<Password> = body "password" or OrEmpty(None),
        /// The user's name.
        name: Text<0, 128> = body "name" or Text::default(),
    }
}

input! {
    /// What `GET /users` takes.
    pub(crate) struct ListUsers {
        /// Which users, in which order.
        queries: Queries = query "queries" or Queries::default(),
        /// A part of a name, an address or an id.
        search: Text<0, 256> = query "search" or Text::default(),
        /// Whether to count them.
        total: bool = query "total" or true,
    }
}

pub(crate) async fn create(people: Arc<People>, call: Call, input: CreateUser) -> Result<Reply> {
    let new = NewUser {
        id: input.user_id.or_make(call.now),
        name: input.name.into(),
        email: input.email.0.map(String::from),
        phone: input.phone.0.map(String::from),
        password: input.password.0.map(|password| password.secret().clone()),
    };
    // The limit is for who signs up; servers and admins know what they do.
    let user = people.create((&call).into(), new, Admission::Free).await?;
    Reply::created(&UserModel::seen_by(&call.caller, &user))
}

pub(crate) async fn list(people: Arc<People>, call: Call, input: ListUsers) -> Result<Reply> {
    let (total, users) = people.list((&call).into(), &input.queries.0, &input.search, input.total).await?;
    let seen = users.iter().map(|user| UserModel::seen_by(&call.caller, user));
    Reply::ok(&Page { plural: "users", total, items: seen.collect() })
}

pub(crate) async fn get(people: Arc<People>, call: Call, input: OfUser) -> Result<Reply> {
    let user = people.get((&call).into(), &input.user_id).await?;
    Reply::ok(&UserModel::seen_by(&call.caller, &user))
}

pub(crate) async fn delete(people: Arc<People>, call: Call, input: OfUser) -> Result<Reply> {
    people.delete((&call).into(), &input.user_id, Some(events::DELETE)).await?;
    Ok(Reply::empty())
}
