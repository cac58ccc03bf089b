//! The decisions.

mod directory;
mod memberships;
mod teams;

pub use directory::{Directory, hold};
pub(crate) use memberships::NewMember;

use crate::model::OWNER;
use crate::owned::OwnedProjects;
use floe_kernel::access::Caller;
use floe_kernel::directory::Persons;
use floe_kernel::role::Role;
use floe_kernel::{ErrorKind, Result};
use std::sync::Arc;

/// Knows the teams, and changes them.
pub struct Teams {
    /// Knows who the members are.
    persons: Arc<dyn Persons>,
    /// Knows what an organisation owns.
    projects: Arc<dyn OwnedProjects>,
}

impl Teams {
    /// With those whom teams need.
    #[must_use]
    pub fn new(persons: Arc<dyn Persons>, projects: Arc<dyn OwnedProjects>) -> Self {
        Self { persons, projects }
    }
}

/// Refuses who isn't a member: for them there is no such team.
fn require_member(caller: &Caller, team_id: &str) -> Result<()> {
    let member = Role::Team(team_id.to_owned(), None);
    if caller.privileged() || caller.roles().contains(&member) { Ok(()) } else { Err(ErrorKind::TeamNotFound.into()) }
}

fn is_owner(caller: &Caller, team_id: &str) -> bool {
    caller.privileged() || caller.roles().contains(&Role::Team(team_id.to_owned(), Some(OWNER.to_owned())))
}

/// Refuses who doesn't own the team. Members know that it is there, so they are told why.
fn require_owner(caller: &Caller, team_id: &str) -> Result<()> {
    require_member(caller, team_id)?;
    if is_owner(caller, team_id) { Ok(()) } else { Err(ErrorKind::UserUnauthorized.into()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use async_trait::async_trait;
    use floe_gateway::{AnswerMemory, Call, Interest};
    use floe_kernel::directory::{
        Invited, Invitee, PRINCIPALS, Person, Project, ProjectSettings as Policies, SessionStart, Visit,
    };
    use floe_kernel::scope::PROJECT;
    use floe_kernel::time::Timestamp;
    use floe_store::{Backend, Recorder, StoreSettings, Stores, UnitOfWork};
    use serde_json::Map;
    use std::sync::Mutex;

    /// Knows Ada.
    struct Ada;

    fn ada() -> Person {
        Person {
            id: "ada".into(),
            name: "Ada".into(),
            email: "ada@example.org".into(),
            phone: String::new(),
            mfa: false,
            active: true,
            accessed_at: None,
        }
    }

    #[async_trait]
    impl Persons for Ada {
        async fn has_console_accounts(&self) -> Result<bool> {
            Ok(true)
        }

        async fn person(&self, _project: &Project, _user_id: &str) -> Result<Option<Person>> {
            Ok(Some(ada()))
        }

        async fn persons(&self, _project: &Project, _user_ids: &[String]) -> Result<Vec<Person>> {
            Ok(vec![ada()])
        }

        async fn find_by_email(&self, _project: &Project, _email: &str) -> Result<Option<Person>> {
            Ok(Some(ada()))
        }

        async fn find_by_phone(&self, _project: &Project, _phone: &str) -> Result<Option<Person>> {
            Ok(Some(ada()))
        }

        async fn invite(&self, _project: &Project, _invitee: &Invitee, _now: Timestamp) -> Result<Invited> {
            Ok(Invited { person: ada(), proven: true })
        }

        async fn welcome(&self, _project: &Project, _user_id: &str, _visit: &Visit) -> Result<SessionStart> {
            Err(ErrorKind::UserNotFound.into())
        }
    }

    #[async_trait]
    impl OwnedProjects for Ada {
        async fn delete_of_team(&self, _team_id: &str) -> Result<()> {
            panic!("only organisations own projects")
        }

        async fn any_of_team(&self, _unit: &mut UnitOfWork, _team_id: &str) -> Result<bool> {
            panic!("only organisations own projects")
        }
    }

    /// A server's call to a project in which Ada is; and whose roles are forgotten.
    async fn call(folder: &std::path::Path) -> (Call, Arc<Mutex<Vec<String>>>) {
        let settings = StoreSettings::new(Backend::Sqlite { folder: folder.join("data") });
        let stores = Stores::open(settings).await.unwrap();
        stores.effects().on_event(Arc::new(Recorder));
        let forgotten = Arc::<Mutex<Vec<String>>>::default();
        let note = Arc::clone(&forgotten);
        stores.effects().on_invalidate(PRINCIPALS, move |gone| {
            note.lock().unwrap().push(gone.key.clone().unwrap_or_default());
        });
        let store = stores.create_project("shop", 1).await.unwrap();
        let mut unit = store.begin().await.unwrap();
        let user = "INSERT INTO users (id, created_at, updated_at, name, email_verified, phone_verified, active, \
                    generation, mfa, impersonator, labels, prefs, search) \
                    VALUES ('ada', 0, 0, 'Ada', FALSE, FALSE, TRUE, 0, FALSE, FALSE, '[]', '{}', '')";
        unit.batch(user).await.unwrap();
        unit.commit().await.unwrap();
        let project = Project {
            id: "shop".into(),
            name: "Shop".into(),
            team_id: String::new(),
            keys: Vec::new(),
            generation: 1,
            web_hosts: Vec::new(),
            settings: Policies::default(),
        };
        let call = Call {
            caller: Caller::key("k".into(), "K".into(), PROJECT),
            project: Arc::new(project),
            store,
            request: Arc::default(),
            now: Timestamp::from_millis(0),
            vocabulary: 0,
            interest: Interest::default(),
            memory: AnswerMemory::default(),
        };
        (call, forgotten)
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn who_listens_learns_what_happened_and_to_whom() {
        let folder = tempfile::tempdir().unwrap();
        let (call, forgotten) = call(folder.path()).await;
        let teams = Teams::new(Arc::new(Ada), Arc::new(Ada));
        teams.create(&call, "red".into(), "Red".into(), Vec::new()).await.unwrap();
        teams.rename(&call, "red", "New").await.unwrap();
        teams.update_prefs(&call, "red", &Map::new()).await.unwrap();
        let member =
            NewMember { user_id: Some("ada".into()), invitee: Invitee::default(), roles: Vec::new(), url: None };
        teams.create_membership(&call, "red", member).await.unwrap();
        let id = {
            let mut conn = call.store.read().await.unwrap();
            crate::repository::TeamRepository(&mut conn).membership_of("red", "ada").await.unwrap().unwrap().id
        };
        teams.update_roles(&call, "red", &id, vec![OWNER.to_owned()]).await.unwrap();
        teams.delete_membership(&call, "red", &id).await.unwrap();
        teams.delete(&call, "red").await.unwrap();

        let told = Recorder::take(&call.store).await.unwrap();
        let names: Vec<_> = told.iter().map(|told| told.name.replace(&id, "m")).collect();
        assert_eq!(
            names,
            [
                "teams.red.create",
                "teams.red.update",
                "teams.red.update.prefs",
                "teams.red.memberships.m.create",
                "teams.red.memberships.m.update",
                "teams.red.memberships.m.delete",
                "teams.red.delete",
            ]
        );
        for told in told.iter().filter(|told| told.name.contains("memberships")) {
            assert!(told.payload.contains(r#""userEmail":"ada@example.org""#), "{}", told.payload);
            assert!(told.payload.contains(&id), "{}", told.payload);
        }
        assert_eq!(*forgotten.lock().unwrap(), ["ada", "ada", "ada"], "roles count at once");
    }
}
