//! Users and their sessions, and what the API shows of them.

use crate::device::Device;
use crate::passwords::{MEMORY_KIB, PASSES, THREADS};
use floe_kernel::access::Caller;
use floe_kernel::scope::Scope;
use floe_kernel::time::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value as Json};
use std::fmt;

/// A user.
#[derive(Clone, PartialEq)]
pub struct User {
    /// The user's id.
    pub id: String,
    /// When the user came.
    pub created_at: Timestamp,
    /// When the user was last changed.
    pub updated_at: Timestamp,
    /// The user's name; empty without one.
    pub name: String,
    /// The user's email address, in its canonical form.
    pub email: Option<String>,
    /// Whether that is known to be the user's own.
    pub email_verified: bool,
    /// The user's phone number.
    pub phone: Option<String>,
    /// Whether that is known to be the user's own.
    pub phone_verified: bool,
    /// Whether the user may do anything at all; false is "blocked".
    pub active: bool,
    /// The hash of the user's password, with its parameters.
    pub password: Option<String>,
    /// When the user last got a password.
    pub password_updated_at: Option<Timestamp>,
    /// How often the user's JWTs were revoked all at once.
    pub generation: i64,
    /// Whether the user signs in with several factors.
    pub mfa: bool,
    /// Whether the user may act as others.
    pub impersonator: bool,
    /// What the project's servers call the user.
    pub labels: Vec<String>,
    /// What apps keep for the user.
    pub prefs: Map<String, Json>,
    /// When the user was last seen.
    pub accessed_at: Option<Timestamp>,
}

impl fmt::Debug for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Neither the password's hash nor anything personal may stand in a log.
        f.debug_struct("User").field("id", &self.id).field("active", &self.active).finish_non_exhaustive()
    }
}

impl User {
    /// A user without anything but an id, made at this moment.
    #[must_use]
    pub fn new(id: String, now: Timestamp) -> Self {
        Self {
            id,
            created_at: now,
            updated_at: now,
            name: String::new(),
            email: None,
            email_verified: false,
            phone: None,
            phone_verified: false,
            active: true,
            password: None,
            password_updated_at: None,
            generation: 0,
            mfa: false,
            impersonator: false,
            labels: Vec::new(),
            prefs: Map::new(),
            accessed_at: Some(now),
        }
    }

    /// Whether one of the user's addresses is known to be the user's own.
    #[must_use]
    pub fn verified(&self) -> bool {
        self.email_verified || self.phone_verified
    }

    /// Another email address, which nobody has verified yet; or none.
    pub fn change_email(&mut self, email: Option<String>) {
        self.email_verified &= self.email == email;
        self.email = email;
    }

    /// Another phone number, which nobody has verified yet; or none.
    pub fn change_phone(&mut self, phone: Option<String>) {
        self.phone_verified &= self.phone == phone;
        self.phone = phone;
    }

    /// What lists are searched in.
    pub(crate) fn search(&self) -> String {
        let parts = [
            &self.id,
            self.email.as_deref().unwrap_or_default(),
            self.phone.as_deref().unwrap_or_default(),
            &self.name,
        ];
        parts.iter().filter(|part| !part.is_empty()).copied().collect::<Vec<_>>().join(" ").to_lowercase()
    }
}

/// Where a user is signed in.
#[derive(Clone, PartialEq)]
pub struct Session {
    /// The session's id.
    pub id: String,
    /// Whose it is.
    pub user_id: String,
    /// When it began.
    pub created_at: Timestamp,
    /// When it was last made to last longer.
    pub updated_at: Timestamp,
    /// When it ends.
    pub expires_at: Timestamp,
    /// [`floe_kernel::secret::hash`] of its secret.
    pub secret_hash: String,
    /// How the user signed in: `email`, `anonymous`, `server`.
    pub provider: String,
    /// What the user is called there.
    pub provider_uid: String,
    /// What the user has shown.
    pub factors: Vec<String>,
    /// The network address that the user signed in from.
    pub ip: String,
    /// With what.
    pub device: Device,
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("id", &self.id).field("user_id", &self.user_id).finish_non_exhaustive()
    }
}

/// A moment, or an empty text.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Moment {
    At(Timestamp),
    Never(&'static str),
}

impl From<Option<Timestamp>> for Moment {
    fn from(moment: Option<Timestamp>) -> Self {
        moment.map_or(Self::Never(""), Self::At)
    }
}

/// A user as users themselves and listeners see them: the contract's `account`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Account<'u> {
    #[serde(rename = "$id")]
    id: &'u str,
    #[serde(rename = "$createdAt")]
    created_at: Timestamp,
    #[serde(rename = "$updatedAt")]
    updated_at: Timestamp,
    name: &'u str,
    registration: Timestamp,
    status: bool,
    labels: &'u [String],
    password_update: Moment,
    email: &'u str,
    phone: &'u str,
    email_verification: bool,
    email_canonical: &'u str,
    email_is_free: Option<bool>,
    email_is_disposable: Option<bool>,
    email_is_corporate: Option<bool>,
    email_is_canonical: Option<bool>,
    phone_verification: bool,
    mfa: bool,
    prefs: &'u Map<String, Json>,
    // Messaging has no targets yet.
    targets: [(); 0],
    accessed_at: Moment,
    impersonator: bool,
    impersonator_user_id: Option<&'u str>,
}

impl<'u> From<&'u User> for Account<'u> {
    fn from(user: &'u User) -> Self {
        let email = user.email.as_deref().unwrap_or_default();
        Self {
            id: &user.id,
            created_at: user.created_at,
            updated_at: user.updated_at,
            name: &user.name,
            registration: user.created_at,
            status: user.active,
            labels: &user.labels,
            password_update: user.password_updated_at.into(),
            email,
            phone: user.phone.as_deref().unwrap_or_default(),
            email_verification: user.email_verified,
            email_canonical: email,
            // Nobody here knows whose mail service is free.
            email_is_free: None,
            email_is_disposable: None,
            email_is_corporate: None,
            email_is_canonical: None,
            phone_verification: user.phone_verified,
            mfa: user.mfa,
            prefs: &user.prefs,
            targets: [],
            accessed_at: user.accessed_at.into(),
            impersonator: user.impersonator,
            impersonator_user_id: None,
        }
    }
}

/// A user as servers and admins see them: the contract's `user`. The hash of the password is for those alone who could
/// set another one (`users.write`): it can be guessed offline, and reading is a lesser right.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct UserModel<'u> {
    #[serde(flatten)]
    account: Account<'u>,
    password: &'u str,
    hash: &'static str,
    hash_options: HashOptions,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct HashOptions {
    #[serde(rename = "type")]
    kind: &'static str,
    memory_cost: u32,
    time_cost: u32,
    threads: u32,
}

impl<'u> UserModel<'u> {
    /// What this caller sees of a user.
    #[must_use]
    pub fn seen_by(caller: &Caller, user: &'u User) -> Self {
        let password = user.password.as_deref().filter(|_| caller.scopes().has(Scope::UsersWrite));
        Self {
            account: user.into(),
            password: password.unwrap_or_default(),
            hash: "argon2",
            hash_options: HashOptions { kind: "argon2", memory_cost: MEMORY_KIB, time_cost: PASSES, threads: THREADS },
        }
    }
}

/// A session as the API shows it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SessionModel<'s> {
    #[serde(rename = "$id")]
    id: &'s str,
    #[serde(rename = "$createdAt")]
    created_at: Timestamp,
    #[serde(rename = "$updatedAt")]
    updated_at: Timestamp,
    user_id: &'s str,
    expire: Timestamp,
    provider: &'s str,
    provider_uid: &'s str,
    provider_access_token: &'static str,
    provider_access_token_expiry: &'static str,
    provider_refresh_token: &'static str,
    ip: &'s str,
    #[serde(flatten)]
    device: &'s Device,
    country_code: &'static str,
    country_name: &'static str,
    current: bool,
    factors: &'s [String],
    secret: &'s str,
    mfa_updated_at: &'static str,
}

impl<'s> From<&'s Session> for SessionModel<'s> {
    fn from(session: &'s Session) -> Self {
        Self {
            id: &session.id,
            created_at: session.created_at,
            updated_at: session.updated_at,
            user_id: &session.user_id,
            expire: session.expires_at,
            provider: &session.provider,
            provider_uid: &session.provider_uid,
            provider_access_token: "",
            provider_access_token_expiry: "",
            provider_refresh_token: "",
            ip: &session.ip,
            device: &session.device,
            // No database of places comes with us.
            country_code: "--",
            country_name: "Unknown",
            current: false,
            factors: &session.factors,
            secret: "",
            mfa_updated_at: "",
        }
    }
}

impl<'s> SessionModel<'s> {
    /// The same, marked where it is the one that the caller uses.
    #[must_use]
    pub fn seen_from(mut self, session_id: Option<&str>) -> Self {
        self.current = session_id == Some(self.id);
        self
    }

    /// The same with the secret, encoded as cookies have it. For servers and admins alone.
    #[must_use]
    pub fn with_secret(mut self, secret: &'s str) -> Self {
        self.secret = secret;
        self
    }
}

/// A JWT as the API shows it.
#[derive(Serialize)]
pub struct JwtModel {
    /// The JWT.
    pub jwt: String,
}
