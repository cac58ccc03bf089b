//! The table of this product's endpoints.

use crate::endpoints::{memberships, prefs, status, teams};
use crate::events;
use crate::service::Teams;
use floe_gateway::{Callers, Limit, LimitKey, RequestBody, Route, delete, get, patch, post, put};
use floe_kernel::scope::Scope;

/// An invitation sends a mail to somebody who hasn't asked for it.
const INVITATIONS: &[Limit] = &[Limit::new(10, 3600, &[LimitKey::Url, LimitKey::Ip])];

/// Every endpoint about teams.
#[must_use]
pub fn routes() -> Vec<Route<Teams>> {
    vec![
        get("/teams", "teams.list", teams::list)
            .scopes(&[Scope::TeamsRead])
            .answers(200, "teamList")
            .summary("The teams that the caller belongs to; for servers, all of them."),
        post("/teams", "teams.create", teams::create)
            .scopes(&[Scope::TeamsWrite])
            .event(events::CREATE)
            .audit("team.create")
            .answers(201, "team")
            .summary("Makes a team. A user who does owns it."),
        get("/teams/{teamId}", "teams.get", teams::get)
            .scopes(&[Scope::TeamsRead])
            .answers(200, "team")
            .summary("A team."),
        put("/teams/{teamId}", "teams.updateName", teams::update_name)
            .scopes(&[Scope::TeamsWrite])
            .event(events::UPDATE)
            .audit("team.update")
            .answers(200, "team")
            .summary("Gives a team another name."),
        delete("/teams/{teamId}", "teams.delete", teams::delete)
            .scopes(&[Scope::TeamsWrite])
            .event(events::DELETE)
            .audit("team.delete")
            .answers_nothing()
            .summary("Removes a team; an organisation with its projects."),
        get("/teams/{teamId}/prefs", "teams.getPrefs", prefs::get)
            .scopes(&[Scope::TeamsRead])
            .answers(200, "preferences")
            .summary("What the members of a team share."),
        put("/teams/{teamId}/prefs", "teams.updatePrefs", prefs::update)
            .body(RequestBody::PREFERENCES)
            .scopes(&[Scope::TeamsWrite])
            .event(events::UPDATE_PREFS)
            .audit("team.update")
            .answers(200, "preferences")
            .summary("Changes what the members of a team share."),
        get("/teams/{teamId}/memberships", "teams.listMemberships", memberships::list)
            .scopes(&[Scope::TeamsRead])
            .answers(200, "membershipList")
            .summary("Who belongs to a team, or is invited to it."),
        post("/teams/{teamId}/memberships", "teams.createMembership", memberships::create)
            .scopes(&[Scope::TeamsWrite])
            .limits(INVITATIONS)
            .event(events::CREATE_MEMBERSHIP)
            .audit("membership.create")
            .answers(201, "membership")
            .summary("Adds somebody to a team; from a client, invites them."),
        get("/teams/{teamId}/memberships/{membershipId}", "teams.getMembership", memberships::get)
            .scopes(&[Scope::TeamsRead])
            .answers(200, "membership")
            .summary("That somebody belongs to a team."),
        patch("/teams/{teamId}/memberships/{membershipId}", "teams.updateMembership", memberships::update)
            .scopes(&[Scope::TeamsWrite])
            .event(events::UPDATE_MEMBERSHIP)
            .audit("membership.update")
            .answers(200, "membership")
            .summary("Gives a member other roles."),
        delete("/teams/{teamId}/memberships/{membershipId}", "teams.deleteMembership", memberships::delete)
            .scopes(&[Scope::TeamsWrite])
            .event(events::DELETE_MEMBERSHIP)
            .audit("membership.delete")
            .answers_nothing()
            .summary("Takes somebody out of a team, or oneself."),
        patch("/teams/{teamId}/memberships/{membershipId}/status", "teams.updateMembershipStatus", status::update)
            // A server has no invitations to accept.
            .callers(Callers { keys: false, ..Callers::ALL })
            .scopes(&[Scope::Public])
            .event(events::UPDATE_STATUS)
            .audit("membership.update")
            .answers(200, "membership")
            .summary("Accepts an invitation, by the secret in its mail."),
        get("/users/{userId}/memberships", "users.listMemberships", memberships::list_of_user)
            .callers(Callers::SERVERS)
            .scopes(&[Scope::UsersRead])
            .answers(200, "membershipList")
            .summary("The teams that a user belongs to."),
    ]
}
