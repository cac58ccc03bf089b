//! The decisions about one's own account.

use crate::signup::ConsoleSignup;
use floe_gateway::device::Devices;
use floe_kernel::access::Caller;
use floe_kernel::directory::{Principal, Project, Visit};
use floe_kernel::secret::{Secret, SessionToken};
use floe_kernel::{Error, ErrorKind, Result};
use floe_users::{
    Admission, Changed, Context, Ending, JwtSession, NewUser, Oneself, People, Provider, Session, SignIn, User, events,
};
use std::sync::Arc;

/// The ways to sign in, by the names with which projects switch them off.
pub(crate) const EMAIL_PASSWORD: &str = "email-password";
pub(crate) const ANONYMOUS: &str = "anonymous";
pub(crate) const JWT: &str = "jwt";

/// Everybody's own account.
pub struct Accounts {
    pub(crate) people: Arc<People>,
    /// Which devices have entered which accounts.
    pub(crate) devices: Devices,
    signup: ConsoleSignup,
}

/// Somebody who has just signed in.
pub(crate) struct SignedIn {
    pub(crate) session: Session,
    pub(crate) token: SessionToken,
}

impl From<(Session, SessionToken)> for SignedIn {
    fn from((session, token): (Session, SessionToken)) -> Self {
        Self { session, token }
    }
}

impl Accounts {
    /// Of these people, with this policy for the console; their devices are known again by these.
    #[must_use]
    pub fn new(people: Arc<People>, signup: ConsoleSignup, devices: Devices) -> Self {
        Self { people, devices, signup }
    }

    /// Makes the caller a user, without signing them in.
    pub(crate) async fn sign_up(
        &self,
        at: Context<'_>,
        caller: &Caller,
        new: NewUser,
        setup_token: Option<&Secret>,
    ) -> Result<User> {
        let admission = if at.project.is_console() {
            self.signup.admission(setup_token)?
        } else if caller.privileged() {
            Admission::Free
        } else {
            allowed(at.project, caller, EMAIL_PASSWORD)?;
            Admission::UpTo(at.project.settings.max_users)
        };
        self.people.create(at, new, admission).await
    }

    /// Signs in with an email address and a password.
    pub(crate) async fn sign_in(
        &self,
        at: Context<'_>,
        caller: &Caller,
        email: &str,
        password: &Secret,
        visit: &Visit,
    ) -> Result<SignedIn> {
        signed_out(caller)?;
        allowed(at.project, caller, EMAIL_PASSWORD)?;
        let user = self.people.recognise(at, email, password).await?;
        Ok(self.people.sign_in(at, &user, SignIn { provider: Provider::Email, visit }).await?.into())
    }

    /// Signs in without saying who it is.
    pub(crate) async fn sign_in_anonymously(
        &self,
        at: Context<'_>,
        caller: &Caller,
        visit: &Visit,
    ) -> Result<SignedIn> {
        signed_out(caller)?;
        if at.project.is_console() {
            return Err(ErrorKind::UserAnonymousConsoleProhibited.into());
        }
        allowed(at.project, caller, ANONYMOUS)?;
        Ok(self.people.sign_in_anonymously(at, visit).await?.into())
    }

    /// Gives the caller another email address. Who had no password gets this one, and is anonymous no more.
    pub(crate) async fn set_email(
        &self,
        at: Context<'_>,
        caller: &Caller,
        email: String,
        password: &Secret,
    ) -> Result<Changed> {
        let change = |user: &mut User| user.change_email(Some(email));
        let changed = self.change_proven(at, caller, events::UPDATE_EMAIL, password, change).await;
        changed.map_err(|error| match error.kind() {
            // Whose addresses there are is not for every user to find out.
            ErrorKind::UserEmailAlreadyExists => Error::new(ErrorKind::GeneralBadRequest).because(error),
            _ => error,
        })
    }

    /// Gives the caller another phone number, on the same terms.
    pub(crate) async fn set_phone(
        &self,
        at: Context<'_>,
        caller: &Caller,
        phone: String,
        password: &Secret,
    ) -> Result<Changed> {
        self.change_proven(at, caller, events::UPDATE_PHONE, password, |user| user.change_phone(Some(phone))).await
    }

    /// Changes what only who knows the password may change. With a first password an anonymous user becomes an account: what
    /// opened the one, whoever has a copy of it, doesn't open the other.
    async fn change_proven(
        &self,
        at: Context<'_>,
        caller: &Caller,
        event: &'static str,
        password: &Secret,
        change: impl FnOnce(&mut User),
    ) -> Result<Changed> {
        let seen = self.proven(at, caller, password).await?;
        let first = if seen.password.is_none() { Some(self.people.hash(password, at.interest).await?) } else { None };
        let renewed = caller.session_id().filter(|_| first.is_some() && caller.by_cookie());
        let change = |user: &mut User| {
            seen.still(user)?;
            change(user);
            let Some(first) = first else { return Ok(Ending::Nothing) };
            user.password = Some(first);
            user.password_updated_at = Some(at.now);
            user.generation += 1;
            Ok(Ending::AllBut(caller.session_id()))
        };
        self.people.change_and_renew(at, &seen.id, event, renewed, change).await
    }

    /// The caller, who knows their password. Who has none has nothing to show but the session itself; a JWT, which may
    /// be in other hands for a while, is less than that.
    async fn proven(&self, at: Context<'_>, caller: &Caller, password: &Secret) -> Result<User> {
        let seen = self.people.get(at, &caller.require_user()?.id).await?;
        if seen.password.is_none() && caller.by_jwt() {
            return Err(not_with_a_jwt());
        }
        self.people.prove(at, &seen, password).await?;
        Ok(seen)
    }

    /// Gives the caller another password; who has one must know it.
    pub(crate) async fn set_password(
        &self,
        at: Context<'_>,
        caller: &Caller,
        password: &Secret,
        old: &Secret,
    ) -> Result<Changed> {
        let seen = self.proven(at, caller, old).await?;
        let by = Oneself { seen: &seen, session_id: caller.session_id(), renews: caller.by_cookie() };
        self.people.set_password(at, &seen.id, Some(password), Some(by)).await
    }

    /// Blocks the caller, by their own wish, and ends the session in which they wished it.
    pub(crate) async fn block(&self, at: Context<'_>, caller: &Caller) -> Result<User> {
        in_person(caller)?;
        let session_id = caller.session_id().unwrap_or_default();
        let block = |user: &mut User| {
            user.active = false;
            Ok(Ending::Only(session_id))
        };
        self.people.change(at, &caller.require_user()?.id, events::UPDATE_STATUS, block).await
    }

    /// Makes one of the caller's sessions last longer.
    pub(crate) async fn extend(&self, at: Context<'_>, caller: &Caller, session_id: &str) -> Result<Session> {
        in_person(caller)?;
        self.people.extend_session(at, &caller.require_user()?.id, session_id).await
    }

    /// Signs the caller out of one session. A JWT may end the one that it stands for, and itself with it.
    pub(crate) async fn sign_out(&self, at: Context<'_>, caller: &Caller, session_id: &str) -> Result<()> {
        if caller.session_id() != Some(session_id) {
            in_person(caller)?;
        }
        self.people.sign_out(at, &caller.require_user()?.id, session_id).await
    }

    /// Signs the caller out everywhere.
    pub(crate) async fn sign_out_everywhere(&self, at: Context<'_>, caller: &Caller) -> Result<()> {
        in_person(caller)?;
        let by = caller.session_id().unwrap_or_default();
        self.people.sign_out_everywhere(at, &caller.require_user()?.id, Some(by)).await
    }

    /// Removes the caller with all that is theirs.
    pub(crate) async fn delete(&self, at: Context<'_>, caller: &Caller, user: &Principal) -> Result<()> {
        in_person(caller)?;
        // Their organisations and projects would be left to nobody.
        if at.project.is_console() && !user.memberships.is_empty() {
            return Err(ErrorKind::UserDeletionProhibited.into());
        }
        // Who goes by themselves goes without an event; the contract has none.
        self.people.delete(at, &user.id, None).await
    }

    /// A JWT that stands for the caller's session for so many seconds.
    pub(crate) async fn sign_jwt(&self, at: Context<'_>, caller: &Caller, seconds: i64) -> Result<String> {
        let user = caller.require_user()?;
        allowed(at.project, caller, JWT)?;
        match caller.session_id() {
            // A JWT that makes JWTs would never end.
            Some(session_id) if !caller.by_jwt() => {
                self.people.sign_jwt(at, &user.id, JwtSession::Of(session_id), seconds).await
            }
            _ => Err(ErrorKind::UserSessionNotFound.into()),
        }
    }
}

/// Lets pass who shows the session itself. A JWT is made to be given away for a while: to act in somebody's name, not to
/// lock them out of it.
fn in_person(caller: &Caller) -> Result<()> {
    if caller.by_jwt() { Err(not_with_a_jwt()) } else { Ok(()) }
}

fn not_with_a_jwt() -> Error {
    Error::new(ErrorKind::UserUnauthorized).message("A JWT is not enough for this. Please sign in.")
}

/// Lets pass who isn't signed in.
fn signed_out(caller: &Caller) -> Result<()> {
    if caller.signed_in().is_some() { Err(ErrorKind::UserSessionAlreadyExists.into()) } else { Ok(()) }
}

/// Refuses a way to sign in that the project has switched off; servers and admins may all the same.
fn allowed(project: &Project, caller: &Caller, method: &str) -> Result<()> {
    let off = project.settings.disabled_auth_methods.iter().any(|disabled| disabled == method);
    if off && !caller.privileged() { Err(ErrorKind::UserAuthMethodUnsupported.into()) } else { Ok(()) }
}
