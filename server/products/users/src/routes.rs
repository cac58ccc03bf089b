//! The table of this product's endpoints.

use crate::endpoints::{changes, jwts, sessions, users};
use crate::events;
use crate::service::People;
use floe_gateway::{Callers, RequestBody, Route, delete, get, patch, post, put};
use floe_kernel::scope::Scope;

const READ: &[Scope] = &[Scope::UsersRead];
const WRITE: &[Scope] = &[Scope::UsersWrite];
const READ_SESSIONS: &[Scope] = &[Scope::UsersRead, Scope::SessionsRead];
const WRITE_SESSIONS: &[Scope] = &[Scope::UsersWrite, Scope::SessionsWrite];

/// Every endpoint with which servers and admins manage people.
#[must_use]
pub fn routes() -> Vec<Route<People>> {
    let routes = [of_users(), of_changes(), of_sessions()];
    // Guests and users may have `sessions.write`, to sign in; it is not for them to sign others in.
    routes.into_iter().flatten().map(|route| route.callers(Callers::SERVERS)).collect()
}

fn of_users() -> Vec<Route<People>> {
    vec![
        get("/users", "users.list", users::list).scopes(READ).answers(200, "userList").summary("The users."),
        post("/users", "users.create", users::create)
            .scopes(WRITE)
            .event(events::CREATE)
            .audit("user.create")
            .answers(201, "user")
            .summary("Makes a user."),
        get("/users/{userId}", "users.get", users::get).scopes(READ).answers(200, "user").summary("A user."),
        delete("/users/{userId}", "users.delete", users::delete)
            .scopes(WRITE)
            .event(events::DELETE)
            .audit("user.delete")
            .answers_nothing()
            .summary("Removes a user with all that is theirs."),
        get("/users/{userId}/prefs", "users.getPrefs", changes::prefs)
            .scopes(READ)
            .answers(200, "preferences")
            .summary("What apps keep for a user."),
        patch("/users/{userId}/prefs", "users.updatePrefs", changes::update_prefs)
            .body(RequestBody::PREFERENCES)
            .scopes(WRITE)
            .event(events::UPDATE_PREFS)
            .answers(200, "preferences")
            .summary("Replaces what apps keep for a user."),
    ]
}

fn of_changes() -> Vec<Route<People>> {
    let changes = [
        patch("/users/{userId}/name", "users.updateName", changes::name)
            .event(events::UPDATE_NAME)
            .summary("Gives a user another name."),
        patch("/users/{userId}/email", "users.updateEmail", changes::email)
            .event(events::UPDATE_EMAIL)
            .summary("Gives a user another email address."),
        patch("/users/{userId}/phone", "users.updatePhone", changes::phone)
            .event(events::UPDATE_PHONE)
            .summary("Gives a user another phone number."),
        patch("/users/{userId}/password", "users.updatePassword", changes::password)
            .needs_no_room()
            .event(events::UPDATE_PASSWORD)
            .summary("Gives a user another password."),
        patch("/users/{userId}/status", "users.updateStatus", changes::status)
            .event(events::UPDATE_STATUS)
            .needs_no_room()
            .summary("Blocks a user, or lets them in again."),
        put("/users/{userId}/labels", "users.updateLabels", changes::labels)
            .event(events::UPDATE_LABELS)
            .summary("Replaces a user's labels."),
    ];
    let verifications = [
        patch("/users/{userId}/verification", "users.updateEmailVerification", changes::email_verification)
            .summary("Says whether a user's email address is known to be theirs."),
        patch("/users/{userId}/verification/phone", "users.updatePhoneVerification", changes::phone_verification)
            .summary("Says whether a user's phone number is known to be theirs."),
    ];
    let verifications =
        verifications.map(|route| route.event(events::UPDATE_VERIFICATION).audit("verification.update"));
    let changes = changes.map(|route| route.audit("user.update"));
    changes.into_iter().chain(verifications).map(|route| route.scopes(WRITE).answers(200, "user")).collect()
}

fn of_sessions() -> Vec<Route<People>> {
    vec![
        get("/users/{userId}/sessions", "users.listSessions", sessions::list)
            .scopes(READ_SESSIONS)
            .answers(200, "sessionList")
            .summary("Where a user is signed in."),
        post("/users/{userId}/sessions", "users.createSession", sessions::create)
            .needs_no_room()
            .scopes(WRITE_SESSIONS)
            .event(events::CREATE_SESSION)
            .audit("session.create")
            .answers(201, "session")
            .summary("Signs a user in, for a server that knows who it is."),
        delete("/users/{userId}/sessions", "users.deleteSessions", sessions::delete_all)
            .scopes(WRITE_SESSIONS)
            .event(events::DELETE_SESSIONS)
            .audit("session.delete")
            .answers_nothing()
            .summary("Signs a user out everywhere."),
        delete("/users/{userId}/sessions/{sessionId}", "users.deleteSession", sessions::delete)
            .scopes(WRITE_SESSIONS)
            .event(events::DELETE_SESSION)
            .audit("session.delete")
            .answers_nothing()
            .summary("Signs a user out of one session."),
        post("/users/{userId}/jwts", "users.createJWT", jwts::create)
            .needs_no_room()
            .scopes(WRITE)
            .answers(201, "jwt")
            .summary("A JWT that stands for a user for a while."),
    ]
}
