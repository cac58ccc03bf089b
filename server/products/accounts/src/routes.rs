//! The table of this product's endpoints.

use crate::endpoints::{accounts, changes, jwts, sessions};
use crate::service::Accounts;
use floe_gateway::LimitKey::{self, Device, Ip, Param, Url, UserId};
use floe_gateway::{Callers, CountedFrom, Limit, RequestBody, Route, delete, get, patch, post};
use floe_kernel::scope::Scope;
use floe_users::events;

const HOUR: u32 = 3600;
const BY_ADDRESS: &[LimitKey] = &[Url, Ip];

const SELDOM: &[Limit] = &[Limit::new(10, HOUR, BY_ADDRESS)];
/// Guesses of a password. The contract's ten an hour for an account are for each address apart, so that whoever uses them
/// up stops nobody else. However many addresses guess, they have fifty together; and an address has a hundred failures,
/// whichever accounts it tries. A device that has entered the account before has ten of its own.
const GUESSES: &[Limit] = &[
    Limit::new(10, HOUR, &[Url, Param("email"), Ip]).from(CountedFrom::UnknownDevices).reset_on(201),
    Limit::new(50, HOUR, &[Url, Param("email")]).from(CountedFrom::UnknownDevices).refund_on(201),
    Limit::new(100, HOUR, BY_ADDRESS).from(CountedFrom::UnknownDevices).refund_on(201),
    Limit::new(10, HOUR, &[Url, Param("email"), Device]).from(CountedFrom::KnownDevices).reset_on(201),
];
/// Guesses of the password of who is signed in.
const PROOF: Limit = Limit::new(10, HOUR, &[Url, UserId]).refund_on(200);
const PROOFS: &[Limit] = &[PROOF];
const NEW_PASSWORDS: &[Limit] = &[Limit::new(10, HOUR, BY_ADDRESS), PROOF];
const ANONYMOUS: &[Limit] = &[Limit::new(50, HOUR, &[Ip])];
const SIGN_OUT: &[Limit] = &[Limit::new(100, HOUR, BY_ADDRESS)];
const JWTS: &[Limit] = &[Limit::new(120, 60, &[Url, UserId])];

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
            .limits(GUESSES)
            .needs_no_room()
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
            .audit("user.delete")
            .answers_nothing()
            .summary("Removes the caller with all that is theirs."),
        get("/account/prefs", "account.getPrefs", changes::prefs)
            .answers(200, "preferences")
            .summary("What apps keep for the caller."),
        post("/account/jwts", "account.createJWT", jwts::create)
            .alias("/account/jwt")
            .limits(JWTS)
            .needs_no_room()
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
            .limits(PROOFS)
            .event(events::UPDATE_EMAIL)
            .summary("Gives the caller another email address."),
        patch("/account/password", "account.updatePassword", changes::password)
            .limits(NEW_PASSWORDS)
            .needs_no_room()
            .event(events::UPDATE_PASSWORD)
            .summary("Gives the caller another password."),
        patch("/account/phone", "account.updatePhone", changes::phone)
            .limits(PROOFS)
            .event(events::UPDATE_PHONE)
            .summary("Gives the caller another phone number."),
        patch("/account/prefs", "account.updatePrefs", changes::update_prefs)
            .body(RequestBody::PREFERENCES)
            .event(events::UPDATE_PREFS)
            .summary("Replaces what apps keep for the caller."),
        patch("/account/status", "account.updateStatus", changes::status)
            .event(events::UPDATE_STATUS)
            .needs_no_room()
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
