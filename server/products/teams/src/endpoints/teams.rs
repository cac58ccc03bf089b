//! `/v1/teams`: teams themselves.

use crate::model::OWNER;
use crate::params::{RoleName, names};
use crate::service::Teams;
use floe_gateway::param::{CustomId, Id, List, Queries, Text};
use floe_gateway::reply::Page;
use floe_gateway::{Call, Reply, input};
use floe_kernel::Result;
use std::sync::Arc;

input! {
    /// What `GET /teams` takes.
    pub(crate) struct ListTeams {
        /// Filters, order and page.
        pub(crate) queries: Queries = query "queries" or Queries::default(),
        /// Only teams that have this in their id or name.
        pub(crate) search: Text<0, 256> = query "search" or Text::default(),
        /// Whether to count them all.
        pub(crate) total: bool = query "total" or true,
    }
}

input! {
    /// What `POST /teams` takes.
    pub(crate) struct CreateTeam {
        /// The team's id.
        pub(crate) team_id: CustomId = body "teamId",
        /// Its name.
        pub(crate) name: Text<1, 128> = body "name",
        /// The roles of the user who makes it; `owner` is always one of them.
        pub(crate) roles: List<RoleName<36>, 100> = body "roles" or List(vec![RoleName(OWNER.to_owned())]),
    }
}

input! {
    /// Which team.
    pub(crate) struct OneTeam {
        /// The team's id.
        pub(crate) team_id: Id = path "teamId",
    }
}

input! {
    /// What `PUT /teams/{teamId}` takes.
    pub(crate) struct UpdateName {
        /// The team's id.
        pub(crate) team_id: Id = path "teamId",
        /// Its name.
        pub(crate) name: Text<1, 128> = body "name",
    }
}

pub(crate) async fn list(teams: Arc<Teams>, call: Call, input: ListTeams) -> Result<Reply> {
    let (total, items) = teams.list(&call, &input.search, &input.queries.0, input.total).await?;
    Reply::ok(&Page { plural: "teams", total, items })
}

pub(crate) async fn create(teams: Arc<Teams>, call: Call, input: CreateTeam) -> Result<Reply> {
    let id = input.team_id.or_make(call.now);
    Reply::created(&teams.create(&call, id, input.name.into(), names(input.roles.0)).await?)
}

pub(crate) async fn get(teams: Arc<Teams>, call: Call, input: OneTeam) -> Result<Reply> {
    Reply::ok(&teams.get(&call, &input.team_id).await?)
}

pub(crate) async fn update_name(teams: Arc<Teams>, call: Call, input: UpdateName) -> Result<Reply> {
    Reply::ok(&teams.rename(&call, &input.team_id, &input.name).await?)
}

pub(crate) async fn delete(teams: Arc<Teams>, call: Call, input: OneTeam) -> Result<Reply> {
    teams.delete(&call, &input.team_id).await?;
    Ok(Reply::empty())
}
