//! Signing in and out.

use crate::device::Device;
use crate::events;
use crate::model::{Account, Session, SessionModel, User};
use crate::repository::Repository;
use crate::service::{Context, Ending, People};
use floe_gateway::Call;
use floe_kernel::directory::Visit;
use floe_kernel::secret::{SessionToken, hash, random_hex};
use floe_kernel::time::Timestamp;
use floe_kernel::{ErrorKind, Result, id};
use floe_store::UnitOfWork;

/// How somebody signs in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Provider {
    /// With an email address and a password.
    Email,
    /// Without anything.
    Anonymous,
    /// A server says who it is.
    Server,
    /// With a link in a mail.
    Invitation,
}

impl Provider {
    fn name(self) -> &'static str {
        match self {
            Self::Email | Self::Invitation => "email",
            Self::Anonymous => "anonymous",
            Self::Server => "server",
        }
    }

    /// What the user has shown.
    fn factor(self) -> &'static str {
        match self {
            Self::Email => "password",
            Self::Anonymous => "anonymous",
            Self::Server => "server",
            Self::Invitation => "email",
        }
    }
}

/// Somebody at the door.
#[derive(Debug, Clone, Copy)]
pub struct SignIn<'s> {
    /// How.
    pub provider: Provider,
    /// From where.
    pub visit: &'s Visit,
}

/// From where a request came, as a session remembers it.
#[must_use]
pub fn visit(call: &Call) -> Visit {
    Visit { ip: call.request.ip.clone(), user_agent: call.request.user_agent.clone(), now: call.now }
}

/// The address is proved to be this user's. Whoever signed up with it before that may have been somebody else: the way
/// in that they left behind, a password and sessions, ends here.
async fn prove_address(unit: &mut UnitOfWork, user: &mut User) -> Result<()> {
    let before = Repository(unit).sessions(&user.id).await?;
    let ids: Vec<_> = before.iter().map(|session| session.id.as_str()).collect();
    Repository(unit).delete_sessions(&ids).await?;
    user.email_verified = true;
    user.password = None;
    user.password_updated_at = None;
    user.generation += 1;
    Ok(())
}

impl People {
    /// Begins a session of a user. `user` is who was recognised: nothing happens when the password has changed since.
    /// Gives the session, and its secret this one time.
    ///
    /// # Errors
    /// [`ErrorKind::UserNotFound`], [`ErrorKind::UserBlocked`], [`ErrorKind::UserInvalidCredentials`].
    pub async fn sign_in(&self, at: Context<'_>, user: &User, with: SignIn<'_>) -> Result<(Session, SessionToken)> {
        let mut unit = at.store.begin().await?;
        let mut now = self.hold(&mut unit, at, &user.id).await?;
        user.still(&now)?;
        if !now.active {
            return Err(ErrorKind::UserBlocked.into());
        }
        now.accessed_at = Some(at.now);
        if with.provider == Provider::Invitation && !now.email_verified && now.email.is_some() {
            prove_address(&mut unit, &mut now).await?;
        }
        Repository(&mut unit).save(&now).await?;
        let begun = self.begin_session(&mut unit, at, &now, with).await?;
        unit.commit().await?;
        Ok(begun)
    }

    /// Makes somebody a user and signs them in, without asking who it is.
    ///
    /// # Errors
    /// [`ErrorKind::UserCountExceeded`] when the project is full.
    pub async fn sign_in_anonymously(&self, at: Context<'_>, visit: &Visit) -> Result<(Session, SessionToken)> {
        let mut unit = at.store.begin().await?;
        let user = self.admit_anonymous(&mut unit, at).await?;
        let with = SignIn { provider: Provider::Anonymous, visit };
        let begun = self.begin_session(&mut unit, at, &user, with).await?;
        unit.commit().await?;
        Ok(begun)
    }

    async fn begin_session(
        &self,
        unit: &mut UnitOfWork,
        at: Context<'_>,
        user: &User,
        with: SignIn<'_>,
    ) -> Result<(Session, SessionToken)> {
        let token = SessionToken { id: user.id.clone(), secret: random_hex(128) };
        let session = Session {
            id: id::unique(at.now),
            user_id: user.id.clone(),
            created_at: at.now,
            updated_at: at.now,
            expires_at: end(at),
            secret_hash: hash(&token.secret),
            provider: with.provider.name().to_owned(),
            provider_uid: match with.provider {
                Provider::Email | Provider::Invitation => user.email.clone().unwrap_or_default(),
                Provider::Anonymous | Provider::Server => String::new(),
            },
            factors: vec![with.provider.factor().to_owned()],
            ip: with.visit.ip.clone(),
            device: Device::parse(&with.visit.user_agent),
        };
        let mut people = Repository(unit);
        let before = people.sessions(&user.id).await?;
        people.delete_sessions(&superfluous(&before, at.project.settings.max_sessions, at.now)).await?;
        people.insert_session(&session).await?;
        // Of who follows an invitation the membership's event tells.
        if with.provider != Provider::Invitation {
            let ids = [user.id.as_str(), &session.id];
            events::emit(unit, events::CREATE_SESSION, &ids, || SessionModel::from(&session)).await?;
        }
        Ok((session, token))
    }

    /// The user's sessions that haven't ended, the oldest first.
    ///
    /// # Errors
    /// Only when it can't be told.
    pub async fn sessions(&self, at: Context<'_>, user_id: &str) -> Result<Vec<Session>> {
        let mut sessions = Repository(&mut at.store.read().await?).sessions(user_id).await?;
        sessions.retain(|session| session.expires_at > at.now);
        Ok(sessions)
    }

    /// A session of this user that hasn't ended.
    ///
    /// # Errors
    /// [`ErrorKind::UserSessionNotFound`].
    pub async fn session(&self, at: Context<'_>, user_id: &str, session_id: &str) -> Result<Session> {
        let sessions = self.sessions(at, user_id).await?;
        find(sessions, session_id)
    }

    /// Makes a session last as long as if it began now.
    ///
    /// # Errors
    /// [`ErrorKind::UserSessionNotFound`].
    pub async fn extend_session(&self, at: Context<'_>, user_id: &str, session_id: &str) -> Result<Session> {
        let mut unit = at.store.begin().await?;
        let mut user = self.hold(&mut unit, at, user_id).await?;
        user.accessed_at = Some(at.now);
        Repository(&mut unit).save(&user).await?;
        let mut sessions = Repository(&mut unit).sessions(user_id).await?;
        sessions.retain(|session| session.expires_at > at.now);
        let session = Session { expires_at: end(at), updated_at: at.now, ..find(sessions, session_id)? };
        Repository(&mut unit).extend_session(session_id, session.expires_at, at.now).await?;
        events::emit(&mut unit, events::UPDATE_SESSION, &[user_id, session_id], || SessionModel::from(&session))
            .await?;
        unit.commit().await?;
        Ok(session)
    }

    /// Gives a session another secret as a part of something bigger: whoever has a copy of the one before is signed out. Nothing
    /// for one that has ended meanwhile.
    pub(crate) async fn renew_session(
        &self,
        unit: &mut UnitOfWork,
        at: Context<'_>,
        user_id: &str,
        session_id: &str,
    ) -> Result<Option<(Session, SessionToken)>> {
        let sessions = Repository(unit).sessions(user_id).await?;
        let Some(mut session) = sessions.into_iter().find(|session| session.id == session_id) else { return Ok(None) };
        let token = SessionToken { id: user_id.to_owned(), secret: random_hex(128) };
        session.secret_hash = hash(&token.secret);
        session.updated_at = at.now;
        Repository(unit).renew_session(session_id, &session.secret_hash, at.now).await?;
        Ok(Some((session, token)))
    }

    /// Signs the user out of one session.
    ///
    /// # Errors
    /// [`ErrorKind::UserNotFound`], [`ErrorKind::UserSessionNotFound`].
    pub async fn sign_out(&self, at: Context<'_>, user_id: &str, session_id: &str) -> Result<()> {
        let mut unit = at.store.begin().await?;
        self.hold(&mut unit, at, user_id).await?;
        let session = find(Repository(&mut unit).sessions(user_id).await?, session_id)?;
        self.end(&mut unit, user_id, Ending::Only(session_id)).await?;
        emit_end(&mut unit, &session).await?;
        Ok(unit.commit().await?)
    }

    /// Signs the user out everywhere; every JWT ends too. `by`: the session in which they wished it themselves. Then its end is
    /// what is told, and nothing of the others, as the contract has it.
    ///
    /// # Errors
    /// [`ErrorKind::UserNotFound`].
    pub async fn sign_out_everywhere(&self, at: Context<'_>, user_id: &str, by: Option<&str>) -> Result<()> {
        let mut unit = at.store.begin().await?;
        let mut user = self.hold(&mut unit, at, user_id).await?;
        user.generation += 1;
        Repository(&mut unit).save(&user).await?;
        let ended = self.end(&mut unit, user_id, Ending::AllBut(None)).await?;
        match by {
            None => events::emit(&mut unit, events::DELETE_SESSIONS, &[user_id], || Account::from(&user)).await?,
            Some(by) => {
                if let Some(session) = ended.iter().find(|session| session.id == by) {
                    emit_end(&mut unit, session).await?;
                }
            }
        }
        Ok(unit.commit().await?)
    }

    /// Ends sessions as a part of something bigger, which is what is told; gives those that were ended.
    pub(crate) async fn end(&self, unit: &mut UnitOfWork, user_id: &str, ending: Ending<'_>) -> Result<Vec<Session>> {
        if ending == Ending::Nothing {
            return Ok(Vec::new());
        }
        let mut ended = Repository(unit).sessions(user_id).await?;
        ended.retain(|session| match ending {
            Ending::Nothing => false,
            Ending::Only(id) => session.id == id,
            Ending::AllBut(kept) => Some(session.id.as_str()) != kept,
        });
        let ids: Vec<&str> = ended.iter().map(|session| session.id.as_str()).collect();
        Repository(unit).delete_sessions(&ids).await?;
        Ok(ended)
    }
}

async fn emit_end(unit: &mut UnitOfWork, session: &Session) -> Result<()> {
    let ids = [session.user_id.as_str(), &session.id];
    events::emit(unit, events::DELETE_SESSION, &ids, || SessionModel::from(session)).await
}

fn find(sessions: Vec<Session>, id: &str) -> Result<Session> {
    sessions.into_iter().find(|session| session.id == id).ok_or_else(|| ErrorKind::UserSessionNotFound.into())
}

/// When a session ends that begins now.
fn end(at: Context<'_>) -> Timestamp {
    at.now.plus_seconds(at.project.settings.session_seconds)
}

/// The sessions (the oldest first) that go when one more begins: those that have ended, and the oldest of the others
/// while there are too many.
fn superfluous(sessions: &[Session], most: i64, now: Timestamp) -> Vec<&str> {
    let live = sessions.iter().filter(|session| session.expires_at > now).count();
    let mut too_many = match usize::try_from(most) {
        Ok(most) if most > 0 => (live + 1).saturating_sub(most),
        _ => 0,
    };
    let mut goes = |session: &&Session| {
        let ended = session.expires_at <= now;
        let displaced = !ended && too_many > 0;
        too_many -= usize::from(displaced);
        ended || displaced
    };
    sessions.iter().filter(|session| goes(session)).map(|session| session.id.as_str()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session(id: &str, ends: i64) -> Session {
        let at = Timestamp::from_millis;
        Session {
            id: id.into(),
            user_id: "u".into(),
            created_at: at(0),
            updated_at: at(0),
            expires_at: at(ends),
            secret_hash: String::new(),
            provider: "email".into(),
            provider_uid: String::new(),
            factors: Vec::new(),
            ip: String::new(),
            device: Device::default(),
        }
    }

    #[test]
    fn the_oldest_make_room_and_what_has_ended_goes() {
        let sessions = [session("a", 9), session("ended", 5), session("b", 9), session("c", 9)];
        let now = Timestamp::from_millis(5);
        assert_eq!(superfluous(&sessions, 0, now), ["ended"]);
        assert_eq!(superfluous(&sessions, 4, now), ["ended"]);
        assert_eq!(superfluous(&sessions, 3, now), ["a", "ended"]);
        assert_eq!(superfluous(&sessions, 1, now), ["a", "ended", "b", "c"]);
    }
}
