//! `/v1/users/{userId}/sessions` and below.

use super::OfUser;
use crate::model::SessionModel;
use crate::service::People;
use crate::sessions::{Provider, SignIn, visit};
use floe_gateway::param::Id;
use floe_gateway::reply::Page;
use floe_gateway::{Call, Reply, input};
use floe_kernel::Result;
use std::sync::Arc;

input! {
    /// What `GET /users/{userId}/sessions` takes.
    pub(crate) struct ListSessions {
        /// The user's id.
        user_id: Id = path "userId",
        /// Whether to count them.
        total: bool = query "total" or true,
    }
}

input! {
    /// What `DELETE /users/{userId}/sessions/{sessionId}` takes.
    pub(crate) struct DeleteSession {
        /// The user's id.
        user_id: Id = path "userId",
        /// The session's id.
        session_id: Id = path "sessionId",
    }
}

pub(crate) async fn create(people: Arc<People>, call: Call, input: OfUser) -> Result<Reply> {
    let user = people.get((&call).into(), &input.user_id).await?;
    let with = SignIn { provider: Provider::Server, visit: &visit(&call) };
    let (session, token) = people.sign_in((&call).into(), &user, with).await?;
    Reply::created(&SessionModel::from(&session).with_secret(&token.encode()))
}

pub(crate) async fn list(people: Arc<People>, call: Call, input: ListSessions) -> Result<Reply> {
    people.get((&call).into(), &input.user_id).await?;
    let sessions = people.sessions((&call).into(), &input.user_id).await?;
    let total = if input.total { i64::try_from(sessions.len()).unwrap_or(i64::MAX) } else { 0 };
    Reply::ok(&Page { plural: "sessions", total, items: sessions.iter().map(SessionModel::from).collect() })
}

pub(crate) async fn delete(people: Arc<People>, call: Call, input: DeleteSession) -> Result<Reply> {
    people.sign_out((&call).into(), &input.user_id, &input.session_id).await?;
    Ok(Reply::empty())
}

pub(crate) async fn delete_all(people: Arc<People>, call: Call, input: OfUser) -> Result<Reply> {
    people.sign_out_everywhere((&call).into(), &input.user_id, None).await?;
    Ok(Reply::empty())
}
