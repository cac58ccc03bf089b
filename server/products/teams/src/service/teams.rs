//! Teams themselves.

use super::memberships::must_have_room;
use super::{Teams, require_member, require_owner};
use crate::events;
use crate::model::{Membership, OWNER, Team};
use crate::repository::{self, TEAM_FIELDS, TeamRepository};
use floe_gateway::Call;
use floe_kernel::directory::PRINCIPALS;
use floe_kernel::query::Queries;
use floe_kernel::role::RoleHolder;
use floe_kernel::{Error, ErrorKind, Result, id};
use floe_store::{UnitOfWork, conflict_is};
use serde_json::{Map, Value as Json};

impl Teams {
    /// The teams that the caller may see: for users, their own.
    pub(crate) async fn list(
        &self,
        call: &Call,
        search: &str,
        queries: &Queries,
        total: bool,
    ) -> Result<(i64, Vec<Team>)> {
        let selection = queries.resolve_whole(TEAM_FIELDS)?.counted(total);
        let own =
            |user: &floe_kernel::directory::Principal| user.memberships.iter().map(|one| one.team_id.clone()).collect();
        let only = if call.caller.privileged() {
            None
        } else {
            Some(call.caller.signed_in().map(|user| own(user)).unwrap_or_default())
        };
        Ok(repository::list_teams(&call.store, only, search, &selection).await?)
    }

    /// Makes a team. A user who makes one owns it; a server's team begins without members.
    pub(crate) async fn create(&self, call: &Call, team_id: String, name: String, roles: Vec<String>) -> Result<Team> {
        let creator = if call.caller.privileged() { None } else { Some(call.caller.require_user()?) };
        let total = i64::from(creator.is_some());
        let team = Team { id: team_id, name, total, prefs: Map::new(), created: call.now, updated: call.now };
        let mut unit = call.store.begin().await?;
        TeamRepository(&mut unit).add_team(&team).await.map_err(conflict_is(ErrorKind::TeamAlreadyExists))?;
        if let Some(user) = creator {
            let membership = founder(call, &team.id, &user.id, roles);
            unit.invalidate(PRINCIPALS, &user.id);
            must_have_room(&mut unit, &membership).await?;
            // Unless the user was removed between the request's authentication and now.
            let added = TeamRepository(&mut unit).add_membership(&membership).await;
            added.map_err(conflict_is(ErrorKind::UserUnauthorized))?;
        }
        events::emit(&mut unit, events::CREATE, &[&team.id], &team).await?;
        unit.commit().await.map_err(conflict_is(ErrorKind::TeamAlreadyExists))?;
        Ok(team)
    }

    /// A team.
    pub(crate) async fn get(&self, call: &Call, team_id: &str) -> Result<Team> {
        require_member(&call.caller, team_id)?;
        let mut conn = call.store.read().await?;
        TeamRepository(&mut conn).team(team_id).await?.ok_or_else(not_found)
    }

    /// Gives a team another name.
    pub(crate) async fn rename(&self, call: &Call, team_id: &str, name: &str) -> Result<Team> {
        require_owner(&call.caller, team_id)?;
        let mut unit = call.store.begin().await?;
        let mut teams = TeamRepository(&mut unit);
        if !teams.rename_team(team_id, name, call.now).await? {
            return Err(not_found());
        }
        let team = teams.team(team_id).await?.ok_or_else(not_found)?;
        events::emit(&mut unit, events::UPDATE, &[team_id], &team).await?;
        unit.commit().await?;
        Ok(team)
    }

    /// Gives a team other preferences.
    pub(crate) async fn update_prefs(&self, call: &Call, team_id: &str, prefs: &Map<String, Json>) -> Result<()> {
        require_owner(&call.caller, team_id)?;
        let mut unit = call.store.begin().await?;
        if !TeamRepository(&mut unit).save_prefs(team_id, prefs, call.now).await? {
            return Err(not_found());
        }
        events::emit(&mut unit, events::UPDATE_PREFS, &[team_id], prefs).await?;
        Ok(unit.commit().await?)
    }

    /// Removes a team, and what it owns: an organisation's projects go with it, before it, so that none is ever left
    /// without an owner.
    pub(crate) async fn delete(&self, call: &Call, team_id: &str) -> Result<()> {
        require_owner(&call.caller, team_id)?;
        let mut unit = self.begin_removal(call, team_id).await?;
        let mut teams = TeamRepository(&mut unit);
        let team = teams.team(team_id).await?.ok_or_else(not_found)?;
        let members = teams.member_ids(team_id).await?;
        teams.remove_team(team_id).await?;
        unit.revoke(&RoleHolder::Team(team_id.to_owned())).await?;
        members.iter().for_each(|user_id| unit.invalidate(PRINCIPALS, user_id));
        events::emit(&mut unit, events::DELETE, &[team_id], &team).await?;
        Ok(unit.commit().await?)
    }

    /// Begins the unit of work that removes a team. From then on nobody joins it whose roles wouldn't be forgotten, and no
    /// project becomes its own.
    async fn begin_removal(&self, call: &Call, team_id: &str) -> Result<UnitOfWork> {
        for _ in 0..REMOVAL_ATTEMPTS {
            if call.project.is_console() {
                self.projects.delete_of_team(team_id).await?;
            }
            let mut unit = call.store.begin().await?;
            if !TeamRepository(&mut unit).take_turn(team_id).await? {
                return Err(not_found());
            }
            // One may have been made since.
            if !call.project.is_console() || !self.projects.any_of_team(&mut unit, team_id).await? {
                return Ok(unit);
            }
        }
        Err(Error::unavailable(RETRY_AFTER))
    }
}

/// How often an organisation that is being removed may get another project before its removal gives up.
const REMOVAL_ATTEMPTS: usize = 3;
/// In how many seconds it may be tried again.
const RETRY_AFTER: u32 = 1;

/// The membership of who makes a team.
fn founder(call: &Call, team_id: &str, user_id: &str, mut roles: Vec<String>) -> Membership {
    if !roles.iter().any(|role| role == OWNER) {
        roles.push(OWNER.to_owned());
    }
    Membership {
        id: id::unique(call.now),
        team_id: team_id.to_owned(),
        user_id: user_id.to_owned(),
        roles,
        confirmed: true,
        secret_hash: String::new(),
        invited: call.now,
        joined: Some(call.now),
        created: call.now,
        updated: call.now,
    }
}

pub(super) fn not_found() -> Error {
    ErrorKind::TeamNotFound.into()
}
