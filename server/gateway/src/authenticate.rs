//! Authenticate: from credentials to a [`Caller`]. Every door of the house comes through here.
//!
//! A credential that a caller went out of their way to send (a key, a JWT, a session header) is good or it is an error.
//! Only a cookie, which browsers send by themselves, may have grown stale without being one.

use crate::gateway::Services;
use floe_kernel::access::Caller;
use floe_kernel::directory::{CONSOLE, Principal, PrincipalSession, Project};
use floe_kernel::scope::{self, Scope, Scopes};
use floe_kernel::secret::{SessionToken, hash};
use floe_kernel::time::Timestamp;
use floe_kernel::{Error, ErrorKind, Result};
use std::sync::Arc;

/// What a request has brought to show who sent it.
#[derive(Debug, Default)]
pub struct Credentials {
    /// `X-Appwrite-Key`.
    pub key: Option<String>,
    /// `X-Appwrite-JWT`.
    pub jwt: Option<String>,
    /// `X-Appwrite-Session`.
    pub session: Option<String>,
    /// Sessions that a browser keeps: cookies and `X-Fallback-Cookies`, most specific first.
    pub cookies: Vec<String>,
    /// `X-Appwrite-Mode: admin`, or a path that implies it.
    pub admin: bool,
    /// Whether the caller wants to become somebody: then the cookie of a blocked user, who may be somebody else, is none.
    pub entering: bool,
}

/// What console users may enter beside what every user may: which organisations and projects they reach is decided by
/// their memberships, where those are known.
const CONSOLE_USERS: Scopes =
    scope::USERS.with(Scopes::of(&[Scope::ProjectsWrite, Scope::DevKeysRead, Scope::DevKeysWrite]));

/// Who is calling.
///
/// # Errors
/// 401 or 403 for credentials that are not good, that contradict each other, or that belong to a blocked user.
pub async fn authenticate(
    services: &Services,
    project: &Project,
    with: &Credentials,
    now: Timestamp,
) -> Result<Caller> {
    if let Some(key) = &with.key {
        return by_key(services, project, key, now).await;
    }
    if with.admin && !project.is_console() {
        return admin(services, project, with, now).await;
    }
    let session = by_session(services, project, with, now).await?;
    let caller = match (&with.jwt, session) {
        (Some(_), Some(_)) => return Err(ErrorKind::UserJwtAndCookieSet.into()),
        (Some(jwt), None) => {
            let (user, session_id) = by_jwt(services, project, jwt, now).await?;
            Caller::user(user, session_id).with_jwt()
        }
        (None, Some((user, session_id))) if with.session.is_none() => Caller::user(user, session_id).with_cookie(),
        (None, Some((user, session_id))) => Caller::user(user, session_id),
        (None, None) => return Ok(Caller::guest()),
    };
    Ok(if project.is_console() { caller.with_scopes(CONSOLE_USERS) } else { caller })
}

async fn by_key(services: &Services, project: &Project, key: &str, now: Timestamp) -> Result<Caller> {
    // A key without a type is of the standard type.
    let key = if key.contains('_') { key.to_owned() } else { format!("standard_{key}") };
    let hash = hash(&key);
    let find = |project: &Project| project.keys.iter().find(|known| known.secret_hash == hash).cloned();
    let known = match find(project) {
        Some(known) => Some(known),
        None => services.projects.project_anew(&project.id).await?.and_then(|project| find(&project)),
    };
    let known = known.ok_or_else(|| {
        Error::new(ErrorKind::GeneralAccessForbidden).message("The API key is not a key of this project.")
    })?;
    if known.expires_at.is_some_and(|end| end <= now) {
        return Err(ErrorKind::ProjectKeyExpired.into());
    }
    Ok(Caller::key(known.id, known.name, known.scopes))
}

async fn by_session(
    services: &Services,
    project: &Project,
    with: &Credentials,
    now: Timestamp,
) -> Result<Option<(Arc<Principal>, String)>> {
    if let Some(session) = &with.session {
        let found = of_token(services, project, session, now).await?;
        return found.map(Some).ok_or_else(|| {
            Error::new(ErrorKind::UserUnauthorized)
                .message("The session is invalid or has ended. Please sign in again.")
        });
    }
    for cookie in &with.cookies {
        match of_token(services, project, cookie, now).await {
            Err(error) if with.entering && error.kind() == ErrorKind::UserBlocked => {}
            Ok(None) => {}
            found => return found,
        }
    }
    Ok(None)
}

/// Whose session this is, if it is one and has not ended.
async fn of_token(
    services: &Services,
    project: &Project,
    token: &str,
    now: Timestamp,
) -> Result<Option<(Arc<Principal>, String)>> {
    let Some(token) = SessionToken::decode(token) else { return Ok(None) };
    if !floe_kernel::id::is_valid(&token.id) {
        return Ok(None);
    }
    let Some(user) = services.identities.known(project, &token.id).await? else { return Ok(None) };
    let hash = hash(&token.secret);
    let session = user.sessions.iter().find(|session| session.secret_hash == hash && session.expires_at > now);
    let Some(session_id) = session.map(|session| session.id.clone()) else { return Ok(None) };
    active(user).map(|user| Some((user, session_id)))
}

async fn by_jwt(services: &Services, project: &Project, jwt: &str, now: Timestamp) -> Result<(Arc<Principal>, String)> {
    let invalid = || Error::from(ErrorKind::UserJwtInvalid);
    let claims = services.signer.verify(jwt, &project.id, now)?;
    let user = services.identities.known(project, &claims.user_id).await?.ok_or_else(invalid)?;
    let live = |session: &PrincipalSession| session.id == claims.session_id && session.expires_at > now;
    let has_session = claims.session_id.is_empty() || user.sessions.iter().any(live);
    if !has_session || claims.generation != user.generation {
        return Err(invalid());
    }
    active(user).map(|user| (user, claims.session_id))
}

/// A console user who manages this project: a member of its organisation.
async fn admin(services: &Services, project: &Project, with: &Credentials, now: Timestamp) -> Result<Caller> {
    let unauthorized = || Error::from(ErrorKind::UserUnauthorized);
    let console = services.projects.project(CONSOLE).await?.ok_or_else(unauthorized)?;
    let (user, session_id) = by_session(services, &console, with, now).await?.ok_or_else(unauthorized)?;
    let scopes = admin_scopes(&user, &project.team_id).ok_or_else(unauthorized)?;
    Ok(Caller::admin(user, session_id, scopes))
}

/// What a console user may do to the projects of an organisation; `None` when they are no member of it.
#[must_use]
pub fn admin_scopes(user: &Principal, team_id: &str) -> Option<Scopes> {
    let membership = user.memberships.iter().find(|membership| membership.team_id == team_id)?;
    let scopes = membership.roles.iter().map(|role| match role.as_str() {
        "owner" => scope::OWNERS,
        "developer" | "admin" => scope::DEVELOPERS,
        _ => Scopes::NONE,
    });
    Some(scopes.fold(Scopes::NONE, Scopes::with))
}

fn active(user: Arc<Principal>) -> Result<Arc<Principal>> {
    if user.active { Ok(user) } else { Err(ErrorKind::UserBlocked.into()) }
}
