//! `PATCH /v1/teams/{teamId}/memberships/{membershipId}/status`: an invitation is accepted.

use crate::service::Teams;
use floe_gateway::input::{Param, Refusal};
use floe_gateway::param::{Id, Text};
use floe_gateway::{Call, Reply, cookies, input};
use floe_kernel::Result;
use floe_kernel::secret::Secret;
use serde_json::Value as Json;
use std::sync::Arc;

/// The secret of an invitation. It doesn't print.
#[derive(Debug)]
pub(crate) struct InviteSecret(Secret);

impl Param for InviteSecret {
    fn read(value: Json) -> Result<Self, Refusal> {
        Text::<1, 256>::read(value).map(|text| Self(Secret::new(text)))
    }

    fn schema() -> Json {
        Text::<1, 256>::schema()
    }
}

input! {
    /// What accepting an invitation takes.
    pub(crate) struct UpdateStatus {
        /// The team's id.
        pub(crate) team_id: Id = path "teamId",
        /// The membership's id.
        pub(crate) membership_id: Id = path "membershipId",
        /// The user who is invited.
        pub(crate) user_id: Id = body "userId",
        /// The secret of the invitation's link.
        pub(crate) secret: InviteSecret = body "secret",
    }
}

pub(crate) async fn update(teams: Arc<Teams>, call: Call, input: UpdateStatus) -> Result<Reply> {
    let (team_id, id, secret) = (&input.team_id, &input.membership_id, &input.secret.0);
    let (membership, session) = teams.accept(&call, team_id, id, &input.user_id, secret).await?;
    let cookies = session.map(|session| cookies::start(&call, &session.token, session.expires_at)).unwrap_or_default();
    Ok(Reply::ok(&membership)?.headers(cookies))
}
