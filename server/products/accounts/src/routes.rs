//! The table of this product's endpoints.

use crate::endpoints::{accounts, changes, jwts, sessions};
use crate::service::Accounts;
use floe_gateway::{Callers, Limit, LimitKey, RequestBody, Route, delete, get, patch, post};
use floe_kernel::scope::Scope;
use floe_users::events;

const HOUR: u32 = 3600;
const BY_ADDRESS: &[LimitKey] = &[LimitKey::Url, LimitKey::Ip];

const SELDOM: &[Limit] = &[Limit { calls: 10, seconds: HOUR, key: BY_ADDRESS, reset_on: None }];
const GUESS: &[Limit] =
    &[Limit { calls: 10, seconds: HOUR, key: &[LimitKey::Url, LimitKey::Param("email")], reset_on: Some(201) }];
const ANONYMOUS: &[Limit] = &[Limit { calls: 50, seconds: HOUR, key: &[LimitKey::Ip], reset_on: None }];
const SIGN_OUT: &[Limit] = &[Limit { calls: 100, seconds: HOUR, key: BY_ADDRESS, reset_on: None }];
const JWTS: &[Limit] = &[Limit { calls: 120, seconds: 60, key: &[LimitKey::Url, LimitKey::UserId], reset_on: None }];

/// Every endpoint of one's own account.
#[must_use]
pub fn routes() -> Vec<Route<Accounts>> {
    let own = [of_account(), of_changes(), of_sessions()].into_iter().flatten();
    let own = own.map(|route| route.scopes(&[Scope::Account]).callers(Callers::USERS));
    // For servers too: those that render pages sign people in for them.
    let doors = doors().into_iter().map(|route| route.scopes(&[Scope::SessionsWrite]));
    doors.chain(own).collect()
}

fn doors() -> Vec<Route<Accounts>> {
    vec![
        post("/account", "account.create", accounts::create)
            .limits(SELDOM)
            .event(events::CREATE)
            .audit("user.create")
            .answers(201, "user")
            .summary("Signs up, without signing in."),
        post("/account/sessions/email", "account.createEmailPasswordSession", sessions::create_email)
            .alias("/account/sessions")
            .limits(GUESS)
            .event(events::CREATE_SESSION)
            .audit("session.create")
            .answers(201, "session")
            .summary("Signs in with an email address and a password."),
        post("/account/sessions/anonymous", "account.createAnonymousSession", sessions::create_anonymous)
            .limits(ANONYMOUS)
            .event(events::CREATE_SESSION)
            .audit("session.create")
            .answers(201, "session")
            .summary("Signs in without saying who it is."),
    ]
}

fn of_account() -> Vec<Route<Accounts>> {
    vec![
        get("/account", "account.get", accounts::get).answers(200, "user").summary("The caller."),
        delete("/account", "account.delete", accounts::delete)
            .event(events::DELETE)
            .audit("user.delete")
            .answers_nothing()
            .summary("Removes the caller with all that is theirs."),
        get("/account/prefs", "account.getPrefs", changes::prefs)
            .answers(200, "preferences")
            .summary("What apps keep for the caller."),
        post("/account/jwts", "account.createJWT", jwts::create)
            .alias("/account/jwt")
            .limits(JWTS)
            .answers(201, "jwt")
            .summary("A JWT that stands for the caller for a while."),
    ]
}

fn of_changes() -> Vec<Route<Accounts>> {
    let changes = [
        patch("/account/name", "account.updateName", changes::name)
            .event(events::UPDATE_NAME)
            .summary("Gives the caller another name."),
        patch("/account/email", "account.updateEmail", changes::email)
            .event(events::UPDATE_EMAIL)
            .summary("Gives the caller another email address."),
        patch("/account/password", "account.updatePassword", changes::password)
            .limits(SELDOM)
            .event(events::UPDATE_PASSWORD)
            .summary("Gives the caller another password."),
        patch("/account/phone", "account.updatePhone", changes::phone)
            .event(events::UPDATE_PHONE)
            .summary("Gives the caller another phone number."),
        patch("/account/prefs", "account.updatePrefs", changes::update_prefs)
            .body(RequestBody::PREFERENCES)
            .event(events::UPDATE_PREFS)
            .summary("Replaces what apps keep for the caller."),
        patch("/account/status", "account.updateStatus", changes::status)
            .event(events::UPDATE_STATUS)
            .summary("Blocks the caller, by their own wish."),
    ];
    changes.into_iter().map(|route| route.audit("user.update").answers(200, "user")).collect()
}

fn of_sessions() -> Vec<Route<Accounts>> {
    vec![
        get("/account/sessions", "account.listSessions", sessions::list)
            .answers(200, "sessionList")
            .summary("Where the caller is signed in."),
        delete("/account/sessions", "account.deleteSessions", sessions::delete_all)
            .limits(SIGN_OUT)
            .event(events::DELETE_SESSION)
            .audit("session.delete")
            .answers_nothing()
            .summary("Signs the caller out everywhere."),
        get("/account/sessions/{sessionId}", "account.getSession", sessions::get)
            .answers(200, "session")
            .summary("One of the caller's sessions."),
        patch("/account/sessions/{sessionId}", "account.updateSession", sessions::update)
            .limits(SELDOM)
            .event(events::UPDATE_SESSION)
            .audit("session.update")
            .answers(200, "session")
            .summary("Makes a session last longer."),
        delete("/account/sessions/{sessionId}", "account.deleteSession", sessions::delete)
            .limits(SIGN_OUT)
            .event(events::DELETE_SESSION)
            .audit("session.delete")
            .answers_nothing()
            .summary("Signs the caller out of one session."),
    ]
}
