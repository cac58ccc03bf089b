//! The one authority: who is calling, and whether they may.

use crate::directory::Principal;
use crate::error::{Error, ErrorKind, Result};
use crate::permission::{Action, Permissions};
use crate::role::{Proof, Role};
use crate::scope::{self, Scope, Scopes};
use std::sync::Arc;

/// Who is calling.
#[derive(Debug, Clone)]
pub enum Identity {
    /// Nobody that we know.
    Guest,
    /// A user of the project, by session or JWT.
    User {
        /// The user.
        user: Arc<Principal>,
        /// The session that they use.
        session_id: String,
    },
    /// A server of the project, by API key.
    Key {
        /// The key's id.
        id: String,
        /// The key's name, for logs.
        name: String,
    },
    /// A console user who manages the project.
    Admin {
        /// The console user.
        user: Arc<Principal>,
        /// The console session that they use.
        session_id: String,
    },
}

/// Who is calling, with everything that they are and may enter. Made once a request; inner layers trust it and never
/// look anything up again.
#[derive(Debug, Clone)]
pub struct Caller {
    identity: Identity,
    roles: Arc<[Role]>,
    scopes: Scopes,
    by_jwt: bool,
    by_cookie: bool,
    lacks_second_factor: bool,
}

impl Caller {
    /// A caller without credentials.
    #[must_use]
    pub fn guest() -> Self {
        Self {
            identity: Identity::Guest,
            roles: Arc::new([Role::Any, Role::Guests]),
            scopes: scope::GUESTS,
            by_jwt: false,
            by_cookie: false,
            lacks_second_factor: false,
        }
    }

    /// A user of the project.
    #[must_use]
    pub fn user(user: Arc<Principal>, session_id: String) -> Self {
        let lacks_second_factor = user.lacks_second_factor(&session_id);
        let roles = Arc::clone(&user.roles);
        let identity = Identity::User { user, session_id };
        Self { identity, roles, scopes: scope::USERS, by_jwt: false, by_cookie: false, lacks_second_factor }
    }

    /// A user who isn't calling, in whose name is done what they left to be done: with the roles that they had then, and
    /// nothing that a session gives.
    #[must_use]
    pub fn absent_user(id: String, roles: Vec<Role>) -> Self {
        let user = Principal {
            id,
            email: String::new(),
            name: String::new(),
            active: true,
            roles: roles.into(),
            memberships: Vec::new(),
            sessions: Vec::new(),
            generation: 0,
        };
        Self::user(Arc::new(user), String::new())
    }

    /// An API key with these scopes.
    #[must_use]
    pub fn key(id: String, name: String, scopes: Scopes) -> Self {
        let scopes = scopes.with(scope::KEYS);
        let identity = Identity::Key { id, name };
        Self { identity, roles: Arc::new([]), scopes, by_jwt: false, by_cookie: false, lacks_second_factor: false }
    }

    /// A console user who manages the project, with the scopes of their role in its organisation.
    #[must_use]
    pub fn admin(user: Arc<Principal>, session_id: String, scopes: Scopes) -> Self {
        let lacks_second_factor = user.lacks_second_factor(&session_id);
        let roles = Arc::clone(&user.roles);
        let identity = Identity::Admin { user, session_id };
        Self { identity, roles, scopes, by_jwt: false, by_cookie: false, lacks_second_factor }
    }

    /// The same, known by a JWT and not by the session itself.
    #[must_use]
    pub fn with_jwt(self) -> Self {
        Self { by_jwt: true, ..self }
    }

    /// Whether a JWT is all that the caller has shown: enough to act for a while, not to gain more than that.
    #[must_use]
    pub fn by_jwt(&self) -> bool {
        self.by_jwt
    }

    /// The same, known by a session that a browser has sent by itself.
    #[must_use]
    pub fn with_cookie(self) -> Self {
        Self { by_cookie: true, ..self }
    }

    /// Whether a browser keeps the session, which takes another secret for it when an answer brings one.
    #[must_use]
    pub fn by_cookie(&self) -> bool {
        self.by_cookie
    }

    /// Whether the second factor of the session is missing: nothing is open to it but what lets it be shown.
    #[must_use]
    pub fn lacks_second_factor(&self) -> bool {
        self.lacks_second_factor
    }

    /// The same with other scopes.
    #[must_use]
    pub fn with_scopes(self, scopes: Scopes) -> Self {
        Self { scopes, ..self }
    }

    /// Who it is.
    #[must_use]
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// Every role that the caller holds.
    #[must_use]
    pub fn roles(&self) -> &[Role] {
        &self.roles
    }

    /// Every scope that the caller holds.
    #[must_use]
    pub fn scopes(&self) -> Scopes {
        self.scopes
    }

    /// Whether permissions don't bind this caller: API keys and admins, whom scopes bind instead.
    #[must_use]
    pub fn privileged(&self) -> bool {
        matches!(self.identity, Identity::Key { .. } | Identity::Admin { .. })
    }

    /// The project's user, where one is signed in.
    #[must_use]
    pub fn signed_in(&self) -> Option<&Arc<Principal>> {
        match &self.identity {
            Identity::User { user, .. } => Some(user),
            _ => None,
        }
    }

    /// The id of the person behind the request: the project's user, or the admin.
    #[must_use]
    pub fn user_id(&self) -> Option<&str> {
        match &self.identity {
            Identity::User { user, .. } | Identity::Admin { user, .. } => Some(&user.id),
            _ => None,
        }
    }

    /// The session that the caller uses.
    #[must_use]
    pub fn session_id(&self) -> Option<&str> {
        match &self.identity {
            Identity::User { session_id, .. } | Identity::Admin { session_id, .. } => Some(session_id),
            _ => None,
        }
    }

    /// The user who is signed in.
    ///
    /// # Errors
    /// [`ErrorKind::UserUnauthorized`] for every other kind of caller.
    pub fn require_user(&self) -> Result<&Arc<Principal>> {
        self.signed_in().ok_or_else(|| ErrorKind::UserUnauthorized.into())
    }

    /// Whether permissions let this caller do this.
    #[must_use]
    pub fn may(&self, action: Action, permissions: &Permissions) -> bool {
        self.privileged() || permissions.allow(action, &self.roles)
    }

    /// Refuses a caller who has none of these scopes (any one suffices).
    ///
    /// # Errors
    /// [`ErrorKind::GeneralUnauthorizedScope`] with Appwrite's text.
    pub fn require_scope(&self, any_of: &[Scope]) -> Result<()> {
        if any_of.iter().any(|scope| self.scopes.has(*scope)) {
            return Ok(());
        }
        let (name, role) = match &self.identity {
            Identity::Guest => ("User", "guests"),
            Identity::User { user, .. } => (user.label(), "users"),
            Identity::Key { .. } => ("Application", "applications"),
            Identity::Admin { user, .. } => (user.label(), "admin"),
        };
        let missing: Vec<_> = any_of.iter().map(|scope| scope.name()).collect();
        Err(Error::new(ErrorKind::GeneralUnauthorizedScope)
            .message(format!("{name} (role: {role}) missing scopes ([\"{}\"])", missing.join("\",\""))))
    }
}

/// A container with its items: the two places where permissions stand.
#[derive(Debug, Clone, Copy)]
pub struct AccessPolicy<'p> {
    /// The container's permissions.
    pub container: &'p Permissions,
    /// Whether items have permissions of their own that count beside the container's.
    pub item_security: bool,
}

/// Which items of a container a caller may act on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// Every one of them.
    All,
    /// Those whose own permissions say so.
    Permitted,
    /// None.
    None,
}

impl AccessPolicy<'_> {
    /// Which items the caller may act on, as far as the container decides it. The one rule for every door.
    #[must_use]
    pub fn reach(&self, caller: &Caller, action: Action) -> Reach {
        if caller.may(action, self.container) {
            Reach::All
        } else if self.item_security && action != Action::Create {
            Reach::Permitted
        } else {
            Reach::None
        }
    }

    /// Whether the caller may act on this item.
    #[must_use]
    pub fn permits(&self, caller: &Caller, action: Action, item: &Permissions) -> bool {
        match self.reach(caller, action) {
            Reach::All => true,
            Reach::Permitted => caller.may(action, item),
            Reach::None => false,
        }
    }
}

/// The roles of a signed-in user (`semantics.md` section 6).
#[must_use]
pub fn roles_of<'m>(
    user_id: &str,
    verified: bool,
    labels: &[String],
    memberships: impl Iterator<Item = (&'m str, &'m str, &'m [String])>,
) -> Arc<[Role]> {
    let proof = if verified { Proof::Verified } else { Proof::Unverified };
    let mut roles = vec![
        Role::Any,
        Role::User(user_id.to_owned(), None),
        Role::User(user_id.to_owned(), Some(proof)),
        Role::Users(None),
        Role::Users(Some(proof)),
    ];
    for (membership_id, team_id, team_roles) in memberships {
        roles.push(Role::Team(team_id.to_owned(), None));
        roles.push(Role::Member(membership_id.to_owned()));
        roles.extend(team_roles.iter().map(|role| Role::Team(team_id.to_owned(), Some(role.clone()))));
    }
    roles.extend(labels.iter().cloned().map(Role::Label));
    roles.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::permission::PermissionTarget as On;

    fn open_to(role: &str, on: On) -> Permissions {
        Permissions::parse(&[format!("read(\"{role}\")")], on).unwrap()
    }

    #[test]
    fn the_container_or_the_item_opens_the_door() {
        let guest = Caller::guest();
        let (open, closed) = (open_to("any", On::Item), Permissions::NONE);
        for (container, item_security, item, expected) in [
            (&open, false, &closed, true),
            (&closed, false, &open, false),
            (&closed, true, &open, true),
            (&closed, true, &closed, false),
        ] {
            let policy = AccessPolicy { container, item_security };
            assert_eq!(policy.permits(&guest, Action::Read, item), expected);
        }
    }

    #[test]
    fn keys_are_bound_by_scopes_and_not_by_permissions() {
        let key = Caller::key("k".into(), "server".into(), Scopes::of(&[Scope::RowsRead]));
        assert!(key.may(Action::Read, &Permissions::NONE));
        assert!(key.require_scope(&[Scope::RowsRead]).is_ok());
        let refused = key.require_scope(&[Scope::UsersRead]).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::GeneralUnauthorizedScope);
        assert_eq!(refused.text(), r#"Application (role: applications) missing scopes (["users.read"])"#);
    }
}
