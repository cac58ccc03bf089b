//! What the rest of the house may know of people.

use crate::admission::{Admission, NewUser};
use crate::model::{Session, User};
use crate::repository::Repository;
use crate::service::{Context, People};
use crate::sessions::{Provider, SignIn};
use async_trait::async_trait;
use floe_gateway::Interest;
use floe_kernel::Result;
use floe_kernel::access::roles_of;
use floe_kernel::directory::{
    Identities, Invited, Invitee, Membership, Person, Persons, Principal, PrincipalSession, Project, SessionStart,
    Visit,
};
use floe_kernel::time::Timestamp;
use std::sync::Arc;

#[async_trait]
impl Identities for People {
    async fn known(&self, project: &Project, user_id: &str) -> Result<Option<Arc<Principal>>> {
        let key = (project.id.clone(), user_id.to_owned());
        self.known.get_or_load(&key, async || self.load(project, user_id).await).await
    }
}

impl People {
    async fn load(&self, project: &Project, user_id: &str) -> Result<Option<Arc<Principal>>> {
        let (user, sessions) = {
            let store = self.stores.project(&project.id, project.generation).await?;
            let mut conn = store.read().await?;
            let mut people = Repository(&mut conn);
            let Some(user) = people.user(user_id).await? else { return Ok(None) };
            (user, people.sessions(user_id).await?)
        };
        // The connection has been given back: whoever knows the memberships needs one too.
        let memberships = self.memberships.of_user(project, user_id).await?;
        Ok(Some(Arc::new(known(user, &sessions, memberships))))
    }
}

fn known(user: User, sessions: &[Session], memberships: Vec<Membership>) -> Principal {
    let teams = memberships.iter().map(|of| (of.id.as_str(), of.team_id.as_str(), of.roles.as_slice()));
    let roles = roles_of(&user.id, user.verified(), &user.labels, teams);
    let session = |session: &Session| PrincipalSession {
        id: session.id.clone(),
        secret_hash: session.secret_hash.clone(),
        expires_at: session.expires_at,
        // Accounts have one factor so far.
        lacks_second_factor: false,
    };
    Principal {
        roles,
        id: user.id,
        email: user.email.unwrap_or_default(),
        name: user.name,
        active: user.active,
        memberships,
        sessions: sessions.iter().map(session).collect(),
        generation: user.generation,
    }
}

#[async_trait]
impl Persons for People {
    async fn has_console_accounts(&self) -> Result<bool> {
        let platform = self.stores.platform().await?;
        Ok(Repository(&mut platform.read().await?).has(1).await?)
    }

    async fn person(&self, project: &Project, user_id: &str) -> Result<Option<Person>> {
        let store = self.stores.project(&project.id, project.generation).await?;
        Ok(Repository(&mut store.read().await?).user(user_id).await?.map(Person::from))
    }

    async fn persons(&self, project: &Project, user_ids: &[String]) -> Result<Vec<Person>> {
        let store = self.stores.project(&project.id, project.generation).await?;
        let users = Repository(&mut store.read().await?).by_ids(user_ids).await?;
        Ok(users.into_iter().map(Person::from).collect())
    }

    async fn find_by_email(&self, project: &Project, email: &str) -> Result<Option<Person>> {
        let store = self.stores.project(&project.id, project.generation).await?;
        Ok(Repository(&mut store.read().await?).by_email(email).await?.map(Person::from))
    }

    async fn find_by_phone(&self, project: &Project, phone: &str) -> Result<Option<Person>> {
        let store = self.stores.project(&project.id, project.generation).await?;
        Ok(Repository(&mut store.read().await?).by_phone(phone).await?.map(Person::from))
    }

    async fn invite(&self, project: &Project, invitee: &Invitee, now: Timestamp) -> Result<Invited> {
        let store = self.stores.project(&project.id, project.generation).await?;
        let at = Context { project, store: &store, now, interest: &Interest::default() };
        let new = NewUser {
            id: floe_kernel::id::unique(now),
            name: invitee.name.clone(),
            email: invitee.email.clone(),
            phone: invitee.phone.clone(),
            password: None,
        };
        let admission = if invitee.unlimited { Admission::Free } else { Admission::UpTo(project.settings.max_users) };
        let (user, proven) = self.find_or_create(at, new, admission).await?;
        Ok(Invited { person: user.into(), proven })
    }

    async fn welcome(&self, project: &Project, user_id: &str, visit: &Visit) -> Result<SessionStart> {
        let store = self.stores.project(&project.id, project.generation).await?;
        let at = Context { project, store: &store, now: visit.now, interest: &Interest::default() };
        let user = self.get(at, user_id).await?;
        let (session, token) = self.sign_in(at, &user, SignIn { provider: Provider::Invitation, visit }).await?;
        Ok(SessionStart { session_id: session.id, token, expires_at: session.expires_at })
    }
}

impl From<User> for Person {
    fn from(user: User) -> Self {
        Self {
            id: user.id,
            name: user.name,
            email: user.email.unwrap_or_default(),
            phone: user.phone.unwrap_or_default(),
            mfa: user.mfa,
            active: user.active,
            accessed_at: user.accessed_at,
        }
    }
}
