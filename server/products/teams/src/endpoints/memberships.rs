//! `/v1/teams/{teamId}/memberships`: who belongs to a team; and `/v1/users/{userId}/memberships`.

use crate::params::{RoleName, names};
use crate::service::{NewMember, Teams};
use floe_gateway::param::{Blank, Email, Id, List, Phone, Queries, Text, Url};
use floe_gateway::reply::Page;
use floe_gateway::{Call, Reply, input};
use floe_kernel::Result;
use floe_kernel::directory::Invitee;
use std::sync::Arc;

input! {
    /// What `GET /teams/{teamId}/memberships` takes.
    pub(crate) struct ListMemberships {
        /// The team's id.
        pub(crate) team_id: Id = path "teamId",
        /// Filters, order and page.
        pub(crate) queries: Queries = query "queries" or Queries::default(),
        /// Only memberships that have this in their id or their user's.
        pub(crate) search: Text<0, 256> = query "search" or Text::default(),
        /// Whether to count them all.
        pub(crate) total: bool = query "total" or true,
    }
}

input! {
    /// What `GET /users/{userId}/memberships` takes.
    pub(crate) struct ListOfUser {
        /// The user's id.
        pub(crate) user_id: Id = path "userId",
        /// Filters, order and page.
        pub(crate) queries: Queries = query "queries" or Queries::default(),
        /// Only memberships that have this in their id.
        pub(crate) search: Text<0, 256> = query "search" or Text::default(),
        /// Whether to count them all.
        pub(crate) total: bool = query "total" or true,
    }
}

input! {
    /// What `POST /teams/{teamId}/memberships` takes.
    pub(crate) struct CreateMembership {
        /// The team's id.
        pub(crate) team_id: Id = path "teamId",
        /// The email address of who is to join.
        pub(crate) email: Blank<Email> = body "email" or Blank(None),
        /// The user who is to join.
        pub(crate) user_id: Blank<Id> = body "userId" or Blank(None),
        /// The phone number of who is to join.
        pub(crate) phone: Blank<Phone> = body "phone" or Blank(None),
        /// Their roles in the team.
        pub(crate) roles: List<RoleName<81>, 100> = body "roles",
        /// Where the link of the invitation leads to; clients must say.
        pub(crate) url: Blank<Url> = body "url" or Blank(None),
        /// The name of who is to join, should they be new.
        pub(crate) name: Text<0, 128> = body "name" or Text::default(),
    }
}

input! {
    /// Which membership.
    pub(crate) struct OneMembership {
        /// The team's id.
        pub(crate) team_id: Id = path "teamId",
        /// The membership's id.
        pub(crate) membership_id: Id = path "membershipId",
    }
}

input! {
    /// What `PATCH /teams/{teamId}/memberships/{membershipId}` takes.
    pub(crate) struct UpdateMembership {
        /// The team's id.
        pub(crate) team_id: Id = path "teamId",
        /// The membership's id.
        pub(crate) membership_id: Id = path "membershipId",
        /// All roles of the member.
        pub(crate) roles: List<RoleName<81>, 100> = body "roles",
    }
}

pub(crate) async fn list(teams: Arc<Teams>, call: Call, input: ListMemberships) -> Result<Reply> {
    let (total, items) =
        teams.list_memberships(&call, &input.team_id, &input.search, &input.queries.0, input.total).await?;
    Reply::ok(&Page { plural: "memberships", total, items })
}

pub(crate) async fn list_of_user(teams: Arc<Teams>, call: Call, input: ListOfUser) -> Result<Reply> {
    let (total, items) =
        teams.list_of_user(&call, &input.user_id, &input.search, &input.queries.0, input.total).await?;
    Reply::ok(&Page { plural: "memberships", total, items })
}

pub(crate) async fn create(teams: Arc<Teams>, call: Call, input: CreateMembership) -> Result<Reply> {
    let invitee = Invitee {
        email: input.email.0.map(Into::into),
        phone: input.phone.0.map(Into::into),
        name: input.name.into(),
        unlimited: call.caller.privileged(),
    };
    let new = NewMember {
        user_id: input.user_id.0.map(Into::into),
        invitee,
        roles: names(input.roles.0),
        url: input.url.0.map(Into::into),
    };
    Reply::created(&teams.create_membership(&call, &input.team_id, new).await?)
}

pub(crate) async fn get(teams: Arc<Teams>, call: Call, input: OneMembership) -> Result<Reply> {
    Reply::ok(&teams.get_membership(&call, &input.team_id, &input.membership_id).await?)
}

pub(crate) async fn update(teams: Arc<Teams>, call: Call, input: UpdateMembership) -> Result<Reply> {
    let roles = names(input.roles.0);
    Reply::ok(&teams.update_roles(&call, &input.team_id, &input.membership_id, roles).await?)
}

pub(crate) async fn delete(teams: Arc<Teams>, call: Call, input: OneMembership) -> Result<Reply> {
    teams.delete_membership(&call, &input.team_id, &input.membership_id).await?;
    Ok(Reply::empty())
}
