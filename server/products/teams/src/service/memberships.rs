//! Who belongs to a team.

use super::teams::not_found;
use super::{Teams, is_owner, require_member, require_owner};
use crate::events;
use crate::model::{ALL_SHOWN, Membership, MembershipModel, OWNER, Team};
use crate::repository::{self, Of, TeamRepository, membership_fields};
use floe_gateway::Call;
use floe_kernel::directory::{Invited, Invitee, MembershipPrivacy, PRINCIPALS, Person, SessionStart, Visit};
use floe_kernel::query::Queries;
use floe_kernel::secret::{Secret, hash};
use floe_kernel::{Error, ErrorKind, Result, id};
use floe_store::{UnitOfWork, conflict_is};
use std::collections::HashMap;

/// Whom a caller wants in a team.
#[derive(Debug)]
pub(crate) struct NewMember {
    pub(crate) user_id: Option<String>,
    pub(crate) invitee: Invitee,
    pub(crate) roles: Vec<String>,
    /// Where the link of an invitation leads to.
    pub(crate) url: Option<String>,
}

impl Teams {
    /// The memberships of a team.
    pub(crate) async fn list_memberships(
        &self,
        call: &Call,
        team_id: &str,
        search: &str,
        queries: &Queries,
        total: bool,
    ) -> Result<(i64, Vec<MembershipModel>)> {
        let team = self.get(call, team_id).await?;
        let shown = shown(call);
        let selection = queries.resolve_whole(membership_fields(shown.user_id))?.counted(total);
        let (total, memberships) =
            repository::list_memberships(&call.store, Of::Team(team_id), search, shown.user_id, &selection).await?;
        let ids: Vec<_> = memberships.iter().map(|membership| membership.user_id.clone()).collect();
        let persons = self.persons.persons(&call.project, &ids).await?;
        let persons: HashMap<_, _> = persons.iter().map(|person| (person.id.as_str(), person)).collect();
        let model = |membership: Membership| {
            let person = persons.get(membership.user_id.as_str()).copied();
            MembershipModel::new(membership, &team.name, person, shown)
        };
        Ok((total, memberships.into_iter().map(model).collect()))
    }

    /// The memberships of a user, for servers and admins.
    pub(crate) async fn list_of_user(
        &self,
        call: &Call,
        user_id: &str,
        search: &str,
        queries: &Queries,
        total: bool,
    ) -> Result<(i64, Vec<MembershipModel>)> {
        let person = self.persons.person(&call.project, user_id).await?.ok_or(ErrorKind::UserNotFound)?;
        let selection = queries.resolve_whole(membership_fields(true))?.counted(total);
        let (total, memberships) =
            repository::list_memberships(&call.store, Of::User(user_id), search, true, &selection).await?;
        let ids: Vec<_> = memberships.iter().map(|membership| membership.team_id.clone()).collect();
        let names: HashMap<String, String> = {
            let mut conn = call.store.read().await?;
            TeamRepository(&mut conn).team_names(&ids).await?.into_iter().collect()
        };
        let model = |membership: Membership| {
            let name = names.get(&membership.team_id).map_or("", String::as_str);
            MembershipModel::new(membership, name, Some(&person), ALL_SHOWN)
        };
        Ok((total, memberships.into_iter().map(model).collect()))
    }

    /// A membership of a team.
    pub(crate) async fn get_membership(&self, call: &Call, team_id: &str, id: &str) -> Result<MembershipModel> {
        require_member(&call.caller, team_id)?;
        let (team, membership) = {
            let mut conn = call.store.read().await?;
            let mut teams = TeamRepository(&mut conn);
            let team = teams.team(team_id).await?.ok_or_else(not_found)?;
            (team, teams.membership(team_id, id).await?.ok_or(ErrorKind::MembershipNotFound)?)
        };
        self.model(call, &team, membership).await
    }

    /// Adds somebody to a team, for servers and admins: who they add belongs to it at once. But who is meant by an address
    /// that isn't known to be theirs is only invited, because anybody can sign up with the address of somebody else: a
    /// server that means this user says so by their id.
    ///
    /// Owners who call from a client invite instead, which takes mail.
    pub(crate) async fn create_membership(
        &self,
        call: &Call,
        team_id: &str,
        new: NewMember,
    ) -> Result<MembershipModel> {
        require_owner(&call.caller, team_id)?;
        if !call.caller.privileged() {
            return Err(uninvitable(&new));
        }
        let team = self.get(call, team_id).await?;
        let Invited { person, proven } = self.person(call, &new).await?;
        let mut unit = call.store.begin().await?;
        if !TeamRepository(&mut unit).take_turn(team_id).await? {
            return Err(not_found());
        }
        let membership = join(&mut unit, call, team_id, &person.id, new.roles, proven).await?;
        emit(&mut unit, &team, events::CREATE_MEMBERSHIP, &membership, Some(&person)).await?;
        unit.commit().await?;
        Ok(MembershipModel::new(membership, &team.name, Some(&person), ALL_SHOWN))
    }

    /// Who is meant: somebody who is there, or somebody new.
    async fn person(&self, call: &Call, new: &NewMember) -> Result<Invited> {
        let Some(user_id) = &new.user_id else {
            if new.invitee.email.is_none() && new.invitee.phone.is_none() {
                return Err(Error::new(ErrorKind::GeneralArgumentInvalid)
                    .message("At least one of userId, email, or phone is required"));
            }
            return self.persons.invite(&call.project, &new.invitee, call.now).await;
        };
        let person = self.persons.person(&call.project, user_id).await?.ok_or(ErrorKind::UserNotFound)?;
        for (given, own, what) in
            [(&new.invitee.email, &person.email, "email"), (&new.invitee.phone, &person.phone, "phone")]
        {
            if given.as_ref().is_some_and(|given| given != own) {
                let message = format!("Given userId and {what} doesn't match");
                return Err(Error::new(ErrorKind::UserAlreadyExists).message(message));
            }
        }
        Ok(Invited { person, proven: true })
    }

    /// Gives a member other roles.
    pub(crate) async fn update_roles(
        &self,
        call: &Call,
        team_id: &str,
        id: &str,
        roles: Vec<String>,
    ) -> Result<MembershipModel> {
        require_owner(&call.caller, team_id)?;
        let person = self.person_of(call, team_id, id).await?;
        let mut unit = call.store.begin().await?;
        let (team, membership) = turn(&mut unit, team_id, id).await?;
        if !roles.iter().any(|role| role == OWNER) {
            keep_an_owner(&mut unit, call, &membership, ErrorKind::MembershipDowngradeProhibited).await?;
        }
        let membership = Membership { roles, updated: call.now, ..membership };
        TeamRepository(&mut unit).save_roles(&membership).await?;
        emit(&mut unit, &team, events::UPDATE_MEMBERSHIP, &membership, person.as_ref()).await?;
        unit.commit().await?;
        Ok(MembershipModel::new(membership, &team.name, person.as_ref(), shown(call)))
    }

    /// Takes somebody out of a team: an owner does, or they leave by themselves.
    pub(crate) async fn delete_membership(&self, call: &Call, team_id: &str, id: &str) -> Result<()> {
        require_member(&call.caller, team_id)?;
        let person = self.person_of(call, team_id, id).await?;
        let mut unit = call.store.begin().await?;
        let (team, membership) = turn(&mut unit, team_id, id).await?;
        let leaving = call.caller.user_id() == Some(&membership.user_id);
        if !leaving && !is_owner(&call.caller, team_id) {
            return Err(ErrorKind::UserUnauthorized.into());
        }
        keep_an_owner(&mut unit, call, &membership, ErrorKind::MembershipDeletionProhibited).await?;
        TeamRepository(&mut unit).remove_membership(id).await?;
        emit(&mut unit, &team, events::DELETE_MEMBERSHIP, &membership, person.as_ref()).await?;
        Ok(unit.commit().await?)
    }

    /// Accepts an invitation, by the secret in its mail. Who isn't signed in is, by the same proof.
    pub(crate) async fn accept(
        &self,
        call: &Call,
        team_id: &str,
        id: &str,
        user_id: &str,
        secret: &Secret,
    ) -> Result<(MembershipModel, Option<SessionStart>)> {
        let (team, membership) = {
            let mut conn = call.store.read().await?;
            let mut teams = TeamRepository(&mut conn);
            let membership = teams.membership(team_id, id).await?.ok_or(ErrorKind::MembershipNotFound)?;
            (teams.team(team_id).await?.ok_or_else(not_found)?, membership)
        };
        if membership.secret_hash.is_empty() || membership.secret_hash != hash(secret.expose()) {
            return Err(ErrorKind::TeamInvalidSecret.into());
        }
        let caller = call.caller.signed_in().map(|user| user.id.as_str());
        if membership.user_id != user_id || caller.is_some_and(|caller| caller != user_id) {
            return Err(ErrorKind::TeamInviteMismatch.into());
        }
        let person = self.persons.person(&call.project, user_id).await?.ok_or(ErrorKind::UserNotFound)?;
        if !person.active {
            return Err(ErrorKind::UserBlocked.into());
        }
        let mut unit = call.store.begin().await?;
        unit.invalidate(PRINCIPALS, user_id);
        must_have_room(&mut unit, &membership).await?;
        // Of many who use the secret at the same time, one is the first.
        if !TeamRepository(&mut unit).confirm(id, call.now).await? {
            return Err(ErrorKind::MembershipAlreadyConfirmed.into());
        }
        let membership = Membership { confirmed: true, joined: Some(call.now), updated: call.now, ..membership };
        emit(&mut unit, &team, events::UPDATE_STATUS, &membership, Some(&person)).await?;
        unit.commit().await?;
        let session = if caller.is_some() { None } else { Some(self.welcome(call, user_id).await?) };
        Ok((MembershipModel::new(membership, &team.name, Some(&person), ALL_SHOWN), session))
    }

    async fn welcome(&self, call: &Call, user_id: &str) -> Result<SessionStart> {
        let visit = Visit { ip: call.request.ip.clone(), user_agent: call.request.user_agent.clone(), now: call.now };
        self.persons.welcome(&call.project, user_id, &visit).await
    }

    /// Whose membership it is. Asked before the unit of work of a change: within it, whoever has one connection would wait for
    /// themselves.
    async fn person_of(&self, call: &Call, team_id: &str, id: &str) -> Result<Option<Person>> {
        let membership = {
            let mut conn = call.store.read().await?;
            TeamRepository(&mut conn).membership(team_id, id).await?
        };
        match membership {
            Some(membership) => self.persons.person(&call.project, &membership.user_id).await,
            None => Ok(None),
        }
    }

    async fn model(&self, call: &Call, team: &Team, membership: Membership) -> Result<MembershipModel> {
        let person = self.persons.person(&call.project, &membership.user_id).await?;
        Ok(MembershipModel::new(membership, &team.name, person.as_ref(), shown(call)))
    }
}

/// How much the caller sees of members: what the project says; everything for those who run it.
fn shown(call: &Call) -> MembershipPrivacy {
    if call.caller.privileged() { ALL_SHOWN } else { call.project.settings.membership_privacy }
}

/// Why an owner's invitation can't be sent.
fn uninvitable(new: &NewMember) -> Error {
    if new.url.is_none() { Error::missing("url") } else { ErrorKind::GeneralSmtpDisabled.into() }
}

/// Takes the turn to change a team's memberships, and finds one of them, whose user's roles will be others.
async fn turn(unit: &mut UnitOfWork, team_id: &str, id: &str) -> Result<(Team, Membership)> {
    let mut teams = TeamRepository(unit);
    if !teams.take_turn(team_id).await? {
        return Err(not_found());
    }
    let team = teams.team(team_id).await?.ok_or_else(not_found)?;
    let membership = teams.membership(team_id, id).await?.ok_or(ErrorKind::MembershipNotFound)?;
    unit.invalidate(PRINCIPALS, &membership.user_id);
    Ok((team, membership))
}

/// Makes a user a member, or somebody who is invited where they aren't `proven` to be who is meant. Who was invited before
/// has the roles of now.
async fn join(
    unit: &mut UnitOfWork,
    call: &Call,
    team_id: &str,
    user_id: &str,
    roles: Vec<String>,
    proven: bool,
) -> Result<Membership> {
    unit.invalidate(PRINCIPALS, user_id);
    let joined = proven.then_some(call.now);
    let mut teams = TeamRepository(unit);
    match teams.membership_of(team_id, user_id).await? {
        Some(membership) if membership.confirmed => Err(ErrorKind::MembershipAlreadyConfirmed.into()),
        Some(invited) => {
            let membership = Membership { roles, confirmed: proven, joined, updated: call.now, ..invited };
            teams.save_roles(&membership).await?;
            if proven {
                teams.confirm(&membership.id, call.now).await?;
            }
            Ok(membership)
        }
        None => {
            let membership = Membership {
                id: id::unique(call.now),
                team_id: team_id.to_owned(),
                user_id: user_id.to_owned(),
                roles,
                confirmed: proven,
                secret_hash: String::new(),
                invited: call.now,
                joined,
                created: call.now,
                updated: call.now,
            };
            // Unless the user was removed a moment ago.
            teams.add_membership(&membership).await.map_err(conflict_is(ErrorKind::UserNotFound))?;
            Ok(membership)
        }
    }
}

/// The most roles that users get themselves: a membership counts as one, and each role in it. Every list that they ask for
/// is read for all of their roles. Servers may give them more.
const MAX_ROLES: usize = 1000;

/// Refuses to make somebody a member who would have too many roles then.
///
/// # Errors
/// [`ErrorKind::GeneralArgumentInvalid`] about `roles`.
pub(super) async fn must_have_room(unit: &mut UnitOfWork, new: &Membership) -> Result<()> {
    let held = TeamRepository(unit).confirmed_of(&new.user_id).await?;
    let held: usize = held.iter().map(|membership| 1 + membership.roles.len()).sum();
    if held + 1 + new.roles.len() <= MAX_ROLES {
        return Ok(());
    }
    let rule = format!("A user may have {MAX_ROLES} memberships and roles in them, in all teams together.");
    Err(Error::invalid("roles", &rule))
}

/// Refuses to take the last owner from an organisation of the console. A project's teams need none: its server can always
/// make another one.
async fn keep_an_owner(unit: &mut UnitOfWork, call: &Call, membership: &Membership, refusal: ErrorKind) -> Result<()> {
    let needs_none = !call.project.is_console() || call.caller.privileged() || !membership.owns();
    if needs_none || TeamRepository(unit).has_other_owner(membership).await? {
        return Ok(());
    }
    Err(refusal.into())
}

/// Tells of a membership, with all that is known of its person: who listens is the project's server. (Whoever shows an event to
/// clients has to leave out what members don't see.)
async fn emit(
    unit: &mut UnitOfWork,
    team: &Team,
    pattern: &str,
    membership: &Membership,
    person: Option<&Person>,
) -> Result<()> {
    let seen = MembershipModel::new(membership.clone(), &team.name, person, ALL_SHOWN);
    events::emit(unit, pattern, &[&team.id, &membership.id], &seen).await
}
