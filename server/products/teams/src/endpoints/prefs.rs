//! `/v1/teams/{teamId}/prefs`: what members share.

use super::teams::OneTeam;
use crate::service::Teams;
use floe_gateway::param::{Id, Prefs};
use floe_gateway::{Call, Reply, input};
use floe_kernel::Result;
use std::sync::Arc;

input! {
    /// What `PUT /teams/{teamId}/prefs` takes.
    pub(crate) struct UpdatePrefs {
        /// The team's id.
        pub(crate) team_id: Id = path "teamId",
        /// All of its preferences; those of before are gone.
        pub(crate) prefs: Prefs = body "prefs",
    }
}

pub(crate) async fn get(teams: Arc<Teams>, call: Call, input: OneTeam) -> Result<Reply> {
    Reply::ok(&teams.get(&call, &input.team_id).await?.prefs)
}

pub(crate) async fn update(teams: Arc<Teams>, call: Call, input: UpdatePrefs) -> Result<Reply> {
    teams.update_prefs(&call, &input.team_id, &input.prefs.0).await?;
    Reply::ok(&input.prefs.0)
}
