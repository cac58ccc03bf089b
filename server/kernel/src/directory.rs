//! What the pipeline asks of the products before a request reaches them: which project, and who is calling.

use crate::effect::CacheName;
use crate::error::Result;
use crate::role::Role;
use crate::scope::Scopes;
use crate::time::Timestamp;
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// The id of the project that the console's own accounts and organisations live in.
pub const CONSOLE: &str = "console";

/// The cache of each [`Principal`]; its key is the user's id. Every unit of work that changes something that a principal
/// holds (the user, a session, a confirmed membership) invalidates it.
pub const PRINCIPALS: CacheName = CacheName::new("principals");

/// A project, as far as requests to it need to know it. Kept in memory, so that a request costs no look-up.
#[derive(Debug, Clone, PartialEq)]
pub struct Project {
    /// Its id.
    pub id: String,
    /// Which making of a project of this id it is: what [`crate::id::generation`] gave, so the same nowhere else. Whoever knows
    /// the project of another generation must not get this one's data.
    pub generation: i64,
    /// Its name.
    pub name: String,
    /// The organisation that owns it: a team of the console. Empty for the console itself.
    pub team_id: String,
    /// Its API keys.
    pub keys: Vec<ApiKey>,
    /// Host names (or `*.` patterns) of the web apps that may call it from a browser.
    pub web_hosts: Vec<String>,
    /// What its admins have set.
    pub settings: ProjectSettings,
}

impl Project {
    /// Whether this is the console itself.
    #[must_use]
    pub fn is_console(&self) -> bool {
        self.id == CONSOLE
    }
}

/// An API key of a project. Of the secret only its hash is known.
#[derive(Debug, Clone, PartialEq)]
pub struct ApiKey {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// [`crate::secret::hash`] of the whole secret, prefix included.
    pub secret_hash: String,
    /// What it may enter.
    pub scopes: Scopes,
    /// When it ends, if ever.
    pub expires_at: Option<Timestamp>,
}

/// What the admins of a project decide about it. Every field has the default of a new project.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ProjectSettings {
    /// How long a session lasts, in seconds.
    pub session_seconds: i64,
    /// How many sessions a user may have at a time; the oldest go. 0: any number.
    pub max_sessions: i64,
    /// Whether a new password ends the user's other sessions.
    pub invalidate_sessions: bool,
    /// How many users there may be. 0: any number.
    pub max_users: i64,
    /// Ways to sign in that are switched off, by their names in the API (`email-password`, `anonymous`, `jwt` ...).
    pub disabled_auth_methods: Vec<String>,
    /// Services that clients may not call, by their names in the API (`account`, `databases` ...).
    pub disabled_services: Vec<String>,
    /// Whether clients may see the names, emails, phones and ids of other members of their teams.
    pub membership_privacy: MembershipPrivacy,
}

impl Default for ProjectSettings {
    fn default() -> Self {
        Self {
            session_seconds: 31_536_000,
            max_sessions: 10,
            invalidate_sessions: true,
            max_users: 0,
            disabled_auth_methods: Vec::new(),
            disabled_services: Vec::new(),
            membership_privacy: MembershipPrivacy::default(),
        }
    }
}

/// What members of a team may see of each other. Nothing unless an admin says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct MembershipPrivacy {
    /// Their ids.
    pub user_id: bool,
    /// Their email addresses.
    pub user_email: bool,
    /// Their phone numbers.
    pub user_phone: bool,
    /// Their names.
    pub user_name: bool,
    /// When they were last seen.
    pub user_accessed_at: bool,
    /// Whether they use several factors.
    pub mfa: bool,
}

/// A user, as far as authentication needs to know them. Kept in memory under the user's id ([`PRINCIPALS`]) and dropped
/// from there the moment anything in it changes.
#[derive(Debug, Clone)]
pub struct Principal {
    /// The user's id.
    pub id: String,
    /// The user's email address; empty without one.
    pub email: String,
    /// The user's name.
    pub name: String,
    /// Whether the user may do anything at all; false is "blocked".
    pub active: bool,
    /// Every role of the user.
    pub roles: Arc<[Role]>,
    /// Confirmed memberships: what makes a console user an admin of projects.
    pub memberships: Vec<Membership>,
    /// The user's sessions, also those that have expired since.
    pub sessions: Vec<PrincipalSession>,
    /// How often the user's JWTs were revoked all at once (a new password, all sessions ended). A JWT is good for the
    /// generation that it was made in.
    pub generation: i64,
}

impl Principal {
    /// How error texts call the user.
    #[must_use]
    pub fn label(&self) -> &str {
        if self.email.is_empty() { "User" } else { &self.email }
    }

    /// Whether this session still lacks the second factor that the account wants.
    #[must_use]
    pub fn lacks_second_factor(&self, session_id: &str) -> bool {
        self.sessions.iter().any(|session| session.lacks_second_factor && session.id == session_id)
    }
}

/// A confirmed membership.
#[derive(Debug, Clone)]
pub struct Membership {
    /// Its id.
    pub id: String,
    /// The team.
    pub team_id: String,
    /// The roles in it.
    pub roles: Vec<String>,
}

/// A session, as far as authentication needs to know it.
#[derive(Debug, Clone)]
pub struct PrincipalSession {
    /// Its id.
    pub id: String,
    /// [`crate::secret::hash`] of its secret.
    pub secret_hash: String,
    /// When it ends.
    pub expires_at: Timestamp,
    /// Whether the account wants a second factor that the session hasn't shown.
    pub lacks_second_factor: bool,
}

/// Knows the projects.
#[async_trait]
pub trait Projects: Send + Sync {
    /// The project of this id.
    ///
    /// # Errors
    /// Only when it can't be told.
    async fn project(&self, id: &str) -> Result<Option<Arc<Project>>>;

    /// The project as it is right now, for a credential that isn't known yet: another process may have made it. Asked
    /// often it answers from memory, so that bad credentials cost no more than good ones.
    ///
    /// # Errors
    /// Only when it can't be told.
    async fn project_anew(&self, id: &str) -> Result<Option<Arc<Project>>>;

    /// Some project that has a web app on this host, for questions that come before a request names its project.
    ///
    /// # Errors
    /// Only when it can't be told.
    async fn origin_project(&self, host: &str) -> Result<Option<Arc<Project>>>;
}

/// Knows the users of projects.
#[async_trait]
pub trait Identities: Send + Sync {
    /// The user of this id in this project.
    ///
    /// # Errors
    /// Only when it can't be told.
    async fn known(&self, project: &Project, user_id: &str) -> Result<Option<Arc<Principal>>>;
}

/// Knows who belongs to which team. The teams answer it; the users ask it, to tell a user's roles.
#[async_trait]
pub trait Memberships: Send + Sync {
    /// The confirmed memberships of this user.
    ///
    /// # Errors
    /// Only when it can't be told.
    async fn of_user(&self, project: &Project, user_id: &str) -> Result<Vec<Membership>>;
}

/// A user, as other products may see them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// The user's id.
    pub id: String,
    /// The user's name; empty without one.
    pub name: String,
    /// The user's email address; empty without one.
    pub email: String,
    /// The user's phone number; empty without one.
    pub phone: String,
    /// Whether the user signs in with several factors.
    pub mfa: bool,
    /// Whether the user may do anything at all; false is "blocked".
    pub active: bool,
    /// When the user was last seen.
    pub accessed_at: Option<Timestamp>,
}

/// Whom an invitation is for. At least one of the two addresses is there.
#[derive(Debug, Clone, Default)]
pub struct Invitee {
    /// The email address, in its canonical form.
    pub email: Option<String>,
    /// The phone number.
    pub phone: Option<String>,
    /// The name.
    pub name: String,
    /// Whether the project's limit of users doesn't count, because a server or an admin invites.
    pub unlimited: bool,
}

/// Whom an invitation has found, or made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invited {
    /// The user.
    pub person: Person,
    /// Whether the address of the invitation is known to be theirs: it was verified, or nobody has ever come in as this
    /// user. Who signed up with an address that isn't theirs must not be given what its owner is meant to get.
    pub proven: bool,
}

/// From where somebody signs in: what a session remembers of it.
#[derive(Debug, Clone)]
pub struct Visit {
    /// The network address.
    pub ip: String,
    /// What the software says of itself.
    pub user_agent: String,
    /// When.
    pub now: Timestamp,
}

/// A session that has just begun: what its cookie needs.
#[derive(Debug, Clone)]
pub struct SessionStart {
    /// The session's id.
    pub session_id: String,
    /// Whose it is, and its secret.
    pub token: crate::secret::SessionToken,
    /// When it ends.
    pub expires_at: Timestamp,
}

/// Tells other products about the users of a project, and lets them bring new ones in.
#[async_trait]
pub trait Persons: Send + Sync {
    /// Whether anybody has an account of the console.
    ///
    /// # Errors
    /// Only when it can't be told.
    async fn has_console_accounts(&self) -> Result<bool>;

    /// The user of this id.
    ///
    /// # Errors
    /// Only when it can't be told.
    async fn person(&self, project: &Project, user_id: &str) -> Result<Option<Person>>;

    /// Those of these users whom there are, in no particular order.
    ///
    /// # Errors
    /// Only when it can't be told.
    async fn persons(&self, project: &Project, user_ids: &[String]) -> Result<Vec<Person>>;

    /// The user with this email address (in its canonical form).
    ///
    /// # Errors
    /// Only when it can't be told.
    async fn find_by_email(&self, project: &Project, email: &str) -> Result<Option<Person>>;

    /// The user with this phone number.
    ///
    /// # Errors
    /// Only when it can't be told.
    async fn find_by_phone(&self, project: &Project, phone: &str) -> Result<Option<Person>>;

    /// The user with this email address or phone number, or else a new one, without a password, for an invitation.
    ///
    /// # Errors
    /// [`crate::ErrorKind::UserCountExceeded`] when the project has as many users as it may have.
    async fn invite(&self, project: &Project, invitee: &Invitee, now: Timestamp) -> Result<Invited>;

    /// Signs in who has followed the link of a mail to them: the address is thereby verified, and a session begins.
    ///
    /// # Errors
    /// [`crate::ErrorKind::UserNotFound`] without such a user, [`crate::ErrorKind::UserBlocked`] for one who may not.
    async fn welcome(&self, project: &Project, user_id: &str, visit: &Visit) -> Result<SessionStart>;
}
