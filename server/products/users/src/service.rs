//! The decisions about people.

use crate::admission::{Admission, NewUser, admit};
use crate::events;
use crate::model::{Account, Session, User};
use crate::passwords::Passwords;
use crate::repository::{self, Repository};
use floe_cache::Cache;
use floe_gateway::jwt::{Claims, Signer};
use floe_gateway::param::Email;
use floe_gateway::{Call, Interest};
use floe_kernel::directory::{Identities as _, Memberships, PRINCIPALS, Principal, Project};
use floe_kernel::query::{Filter, Queries};
use floe_kernel::role::RoleHolder;
use floe_kernel::secret::{Secret, SessionToken};
use floe_kernel::time::Timestamp;
use floe_kernel::value::Value;
use floe_kernel::{Error, ErrorKind, Result};
use floe_store::{Store, Stores, UnitOfWork};
use std::sync::Arc;

/// How many users are kept in memory for authentication, over all projects.
const KNOWN: u64 = 50_000;

/// Where and when people are dealt with: one project, one moment.
#[derive(Clone, Copy)]
pub struct Context<'c> {
    /// The project.
    pub project: &'c Project,
    /// Its data.
    pub store: &'c Store,
    /// When.
    pub now: Timestamp,
    /// Whether anybody still waits for it.
    pub interest: &'c Interest,
}

impl<'c> From<&'c Call> for Context<'c> {
    fn from(call: &'c Call) -> Self {
        Self { project: &call.project, store: &call.store, now: call.now, interest: &call.interest }
    }
}

/// Which of a user's sessions a change ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending<'s> {
    /// None of them.
    Nothing,
    /// This one.
    Only(&'s str),
    /// All but this one, or really all.
    AllBut(Option<&'s str>),
}

/// Who gives themselves another password.
#[derive(Debug, Clone, Copy)]
pub struct Oneself<'s> {
    /// The user as they were when the old password was asked for.
    pub seen: &'s User,
    /// The session in which they do it.
    pub session_id: Option<&'s str>,
    /// Whether that session takes another secret, see [`Changed::renewed`].
    pub renews: bool,
}

/// A user after a change.
pub struct Changed {
    /// The user.
    pub user: User,
    /// The session that goes on with another secret, and that secret this one time.
    pub renewed: Option<(Session, SessionToken)>,
}

/// Everybody, in every project.
pub struct People {
    pub(crate) stores: Stores,
    pub(crate) memberships: Arc<dyn Memberships>,
    pub(crate) passwords: Passwords,
    pub(crate) known: Cache<(String, String), Arc<Principal>>,
    signer: Signer,
}

impl People {
    /// With what it needs: their data, their teams, and the key of their JWTs.
    #[must_use]
    pub fn new(stores: Stores, memberships: Arc<dyn Memberships>, passwords: Passwords, signer: Signer) -> Self {
        let known: Cache<(String, String), Arc<Principal>> = Cache::new(KNOWN);
        let kept = known.clone();
        stores.effects().on_invalidate(PRINCIPALS, move |gone| match &gone.key {
            Some(user_id) => kept.invalidate(&(gone.project.as_ref().to_owned(), user_id.clone())),
            None => kept.clear(),
        });
        Self { stores, memberships, passwords, known, signer }
    }

    /// Takes the turn to change a user, which makes untrue what authentication knows of them.
    pub(crate) async fn hold(&self, unit: &mut UnitOfWork, at: Context<'_>, id: &str) -> Result<User> {
        unit.invalidate(PRINCIPALS, id);
        Repository(unit).hold(id, at.now).await?.ok_or_else(not_found)
    }

    /// Forgets everybody: when a project is gone, another of the same id may come, with users of the same ids.
    pub fn forget_everybody(&self) {
        self.known.clear();
    }

    /// Makes somebody a user.
    ///
    /// # Errors
    /// Those of [`crate::register`].
    pub async fn create(&self, at: Context<'_>, new: NewUser, admission: Admission) -> Result<User> {
        let user = self.prepare(new, at).await?;
        crate::register(at.store, &user, admission).await?;
        Ok(user)
    }

    async fn prepare(&self, new: NewUser, at: Context<'_>) -> Result<User> {
        let mut user = User { name: new.name, email: new.email, phone: new.phone, ..User::new(new.id, at.now) };
        if let Some(password) = &new.password {
            user.password = Some(self.hash(password, at.interest).await?);
            user.password_updated_at = Some(at.now);
        }
        Ok(user)
    }

    /// The user of this id.
    ///
    /// # Errors
    /// [`ErrorKind::UserNotFound`] when there is none.
    pub async fn get(&self, at: Context<'_>, id: &str) -> Result<User> {
        Repository(&mut at.store.read().await?).user(id).await?.ok_or_else(not_found)
    }

    /// One page of the users, and how many there are (0 unless `total`).
    ///
    /// # Errors
    /// [`ErrorKind::GeneralArgumentInvalid`] for queries that don't fit users.
    pub async fn list(
        &self,
        at: Context<'_>,
        queries: &Queries,
        search: &str,
        total: bool,
    ) -> Result<(i64, Vec<User>)> {
        let mut selection = queries.resolve_whole(repository::USERS)?.counted(total);
        canonical_addresses(&mut selection.filter);
        Ok(repository::list(at.store, search, &selection).await?)
    }

    /// Who has this email address and this password.
    ///
    /// # Errors
    /// [`ErrorKind::UserInvalidCredentials`] for every other pair, whatever is wrong with it and after the same work;
    /// [`ErrorKind::UserBlocked`] for who may not, but only to those who know the password.
    pub async fn recognise(&self, at: Context<'_>, email: &str, password: &Secret) -> Result<User> {
        let user = Repository(&mut at.store.read().await?).by_email(email).await?;
        let kept = user.as_ref().and_then(|user| user.password.as_deref());
        let right = self.passwords.verify(password, kept, at.interest).await?;
        match user.filter(|_| right) {
            Some(user) if user.active => Ok(user),
            Some(_) => Err(ErrorKind::UserBlocked.into()),
            None => Err(ErrorKind::UserInvalidCredentials.into()),
        }
    }

    /// Lets pass who knows the user's password, and everybody where the user has none.
    ///
    /// # Errors
    /// [`ErrorKind::UserInvalidCredentials`] for who doesn't.
    pub async fn prove(&self, at: Context<'_>, user: &User, password: &Secret) -> Result<()> {
        let Some(kept) = &user.password else { return Ok(()) };
        let right = self.passwords.verify(password, Some(kept), at.interest).await?;
        if right { Ok(()) } else { Err(ErrorKind::UserInvalidCredentials.into()) }
    }

    /// What is kept of a password. To be done before a unit of work.
    ///
    /// # Errors
    /// [`ErrorKind::GeneralServiceUnavailable`] when too many wait for theirs.
    pub async fn hash(&self, password: &Secret, interest: &Interest) -> Result<String> {
        self.passwords.hash(password, interest).await
    }

    /// Changes a user: `change` is given the user as they are now, held against others, and says which sessions end.
    ///
    /// # Errors
    /// Those of `change`; [`ErrorKind::UserNotFound`]; [`ErrorKind::UserEmailAlreadyExists`] or
    /// [`ErrorKind::UserPhoneAlreadyExists`] when the new address is another user's.
    pub async fn change<'s>(
        &self,
        at: Context<'_>,
        id: &str,
        event: &'static str,
        change: impl FnOnce(&mut User) -> Result<Ending<'s>>,
    ) -> Result<User> {
        Ok(self.change_and_renew(at, id, event, None, change).await?.user)
    }

    /// The same, and `renewed`, a session of the user, goes on with another secret.
    ///
    /// # Errors
    /// Those of [`People::change`].
    pub async fn change_and_renew<'s>(
        &self,
        at: Context<'_>,
        id: &str,
        event: &'static str,
        renewed: Option<&str>,
        change: impl FnOnce(&mut User) -> Result<Ending<'s>>,
    ) -> Result<Changed> {
        let mut unit = at.store.begin().await?;
        let mut user = self.hold(&mut unit, at, id).await?;
        let ending = change(&mut user)?;
        Repository(&mut unit).save(&user).await.map_err(taken)?;
        self.end(&mut unit, id, ending).await?;
        let renewed = match renewed {
            Some(session_id) => self.renew_session(&mut unit, at, id, session_id).await?,
            None => None,
        };
        events::emit(&mut unit, event, &[id], || Account::from(&user)).await?;
        unit.commit().await?;
        Ok(Changed { user, renewed })
    }

    /// Gives a user another password, or none. Ends every JWT, and every other session where the project says so, and where
    /// somebody gives themselves their first: until then whoever had brought about the session could come in with it.
    ///
    /// `by`: who does it themselves; nothing happens when their password has changed since it was asked for.
    ///
    /// # Errors
    /// [`ErrorKind::UserNotFound`], [`ErrorKind::UserInvalidCredentials`].
    pub async fn set_password(
        &self,
        at: Context<'_>,
        id: &str,
        password: Option<&Secret>,
        by: Option<Oneself<'_>>,
    ) -> Result<Changed> {
        let password = match password {
            Some(password) => Some(self.hash(password, at.interest).await?),
            None => None,
        };
        let is_first = by.is_some_and(|by| by.seen.password.is_none());
        let session_id = by.and_then(|by| by.session_id);
        let (ending, renewed) = match at.project.settings.invalidate_sessions || is_first {
            true => (Ending::AllBut(session_id), session_id.filter(|_| by.is_some_and(|by| by.renews))),
            false => (Ending::Nothing, None),
        };
        self.change_and_renew(at, id, events::UPDATE_PASSWORD, renewed, |user| {
            by.map_or(Ok(()), |by| by.seen.still(user))?;
            user.generation += 1;
            user.password_updated_at = password.is_some().then_some(at.now);
            user.password = password;
            Ok(ending)
        })
        .await
    }

    /// Removes a user with all that is theirs. What they were allowed is allowed to nobody, whoever takes the id. `event`: what
    /// is told of it.
    ///
    /// # Errors
    /// [`ErrorKind::UserNotFound`].
    pub async fn delete(&self, at: Context<'_>, id: &str, event: Option<&'static str>) -> Result<()> {
        let mut unit = at.store.begin().await?;
        let user = self.hold(&mut unit, at, id).await?;
        Repository(&mut unit).delete(id).await?;
        unit.revoke(&RoleHolder::User(id.to_owned())).await?;
        if let Some(event) = event {
            events::emit(&mut unit, event, &[id], || Account::from(&user)).await?;
        }
        Ok(unit.commit().await?)
    }

    /// A JWT that stands for a user for so many seconds, and ends with the session that it names.
    ///
    /// # Errors
    /// [`ErrorKind::UserNotFound`], [`ErrorKind::UserBlocked`], [`ErrorKind::UserSessionNotFound`].
    pub async fn sign_jwt(&self, at: Context<'_>, id: &str, session: JwtSession<'_>, seconds: i64) -> Result<String> {
        let user = self.known(at.project, id).await?.ok_or_else(not_found)?;
        if !user.active {
            return Err(ErrorKind::UserBlocked.into());
        }
        let live = || user.sessions.iter().filter(|session| session.expires_at > at.now);
        let session_id = match session {
            // Without a session the JWT ends by itself, or with the others of its generation.
            JwtSession::Recent => live().next_back().map_or("", |session| &session.id),
            JwtSession::Of(id) => match live().find(|session| session.id == id) {
                Some(session) => &session.id,
                None => return Err(ErrorKind::UserSessionNotFound.into()),
            },
        };
        self.signer.sign(&Claims {
            user_id: user.id.clone(),
            session_id: session_id.to_owned(),
            project_id: at.project.id.clone(),
            generation: user.generation,
            exp: at.now.plus_seconds(seconds).seconds(),
        })
    }

    /// The user with one of these addresses, or else a new one; and whether the address is known to be theirs.
    pub(crate) async fn find_or_create(
        &self,
        at: Context<'_>,
        new: NewUser,
        admission: Admission,
    ) -> Result<(User, bool)> {
        if let Some(found) = find(at.store, &new).await? {
            return Ok(found);
        }
        let user = self.prepare(new.clone(), at).await?;
        match crate::register(at.store, &user, admission).await {
            // Somebody else was faster.
            Err(error) if error.kind() == ErrorKind::UserAlreadyExists => find(at.store, &new).await?.ok_or(error),
            // Nobody else could have come in by the address before.
            other => other.map(|()| (user, true)),
        }
    }

    /// Makes somebody a user without any address, as a part of something bigger.
    pub(crate) async fn admit_anonymous(&self, unit: &mut UnitOfWork, at: Context<'_>) -> Result<User> {
        let user = User::new(floe_kernel::id::unique(at.now), at.now);
        admit(unit, &user, Admission::UpTo(at.project.settings.max_users)).await?;
        Ok(user)
    }
}

/// Which session a JWT stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JwtSession<'s> {
    /// The one that began last, if there is any.
    Recent,
    /// This one.
    Of(&'s str),
}

impl User {
    /// Whether the password is still what it was when it was asked for.
    ///
    /// # Errors
    /// [`ErrorKind::UserInvalidCredentials`] when it isn't.
    pub fn still(&self, now: &Self) -> Result<()> {
        if self.password == now.password { Ok(()) } else { Err(ErrorKind::UserInvalidCredentials.into()) }
    }
}

/// The user with one of these addresses. The address is known to be theirs if it was verified, and also while nobody has
/// ever come in as this user: then nobody can have taken it before its owner.
async fn find(store: &Store, new: &NewUser) -> Result<Option<(User, bool)>> {
    let mut conn = store.read().await?;
    let mut people = Repository(&mut conn);
    let by_email = match &new.email {
        Some(email) => people.by_email(email).await?,
        None => None,
    };
    let (user, verified) = match (by_email, &new.phone) {
        (Some(user), _) => {
            let verified = user.email_verified;
            (user, verified)
        }
        (None, Some(phone)) => {
            let Some(user) = people.by_phone(phone).await? else { return Ok(None) };
            let verified = user.phone_verified;
            (user, verified)
        }
        (None, None) => return Ok(None),
    };
    let proven = verified || (user.password.is_none() && people.sessions(&user.id).await?.is_empty());
    Ok(Some((user, proven)))
}

/// Addresses are kept in their canonical form, so that is what they are compared with.
fn canonical_addresses(filter: &mut Filter) {
    match filter {
        Filter::Compare { column, values, .. } if column == repository::EMAIL => {
            for value in values {
                if let Value::Text(text) = value {
                    *text = Email::canonical(text);
                }
            }
        }
        Filter::All(parts) | Filter::Any(parts) => parts.iter_mut().for_each(canonical_addresses),
        _ => {}
    }
}

pub(crate) fn not_found() -> Error {
    ErrorKind::UserNotFound.into()
}

/// Whose the address already is, as the API says it.
fn taken(error: floe_store::Error) -> Error {
    let kind = match &error {
        error if error.conflicts_on("email") => ErrorKind::UserEmailAlreadyExists,
        error if error.conflicts_on("phone") => ErrorKind::UserPhoneAlreadyExists,
        _ => return error.into(),
    };
    Error::new(kind).because(error)
}
