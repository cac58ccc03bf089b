//! What the rest of the house is told, and what it must never be told.

use async_trait::async_trait;
use floe_gateway::Interest;
use floe_gateway::jwt::Signer;
use floe_kernel::Result;
use floe_kernel::directory::{Membership, Memberships, Project, ProjectSettings as Policies, Visit};
use floe_kernel::secret::{Secret, hash};
use floe_kernel::time::Timestamp;
use floe_store::{Backend, Recorder, StoreSettings, Stores};
use floe_users::{Admission, Context, NewUser, Passwords, People, Provider, SignIn, events};
use std::sync::Arc;

struct NoTeams;

#[async_trait]
impl Memberships for NoTeams {
    async fn of_user(&self, _project: &Project, _user_id: &str) -> Result<Vec<Membership>> {
        Ok(Vec::new())
    }
}

fn project() -> Project {
    let (id, settings) = ("shop".to_owned(), Policies::default());
    Project {
        name: id.clone(),
        id,
        generation: 1,
        team_id: String::new(),
        keys: Vec::new(),
        web_hosts: Vec::new(),
        settings,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_listens_learns_what_happened_and_no_secret() {
    let folder = tempfile::tempdir().unwrap();
    let settings = StoreSettings::new(Backend::Sqlite { folder: folder.path().join("data") });
    let stores = Stores::open(settings).await.unwrap();
    stores.effects().on_event(Arc::new(Recorder));
    let (store, project) = (stores.create_project("shop", 1).await.unwrap(), project());
    let signer = Signer::new(&Secret::new("a key of at least thirty-two characters"));
    let people = People::new(stores.clone(), Arc::new(NoTeams), Passwords::of_tests(), signer);
    let interest = Interest::default();
    let at = Context { project: &project, store: &store, now: Timestamp::from_millis(0), interest: &interest };

    let (id, password) = ("ada".to_owned(), Some(Secret::new("correct horse")));
    let ada = people.create(at, NewUser { id, password, ..NewUser::default() }, Admission::Free).await.unwrap();
    let visit = Visit { ip: "::1".to_owned(), user_agent: String::new(), now: at.now };
    let with = SignIn { provider: Provider::Email, visit: &visit };
    let (session, token) = people.sign_in(at, &ada, with).await.unwrap();
    people.set_password(at, "ada", Some(&Secret::new("another horse")), None).await.unwrap();
    people.delete(at, "ada", Some(events::DELETE)).await.unwrap();

    let told = Recorder::take(&store).await.unwrap();
    let names: Vec<_> = told.iter().map(|told| told.name.as_str()).collect();
    let signed_in = format!("users.ada.sessions.{}.create", session.id);
    assert_eq!(names, ["users.ada.create", &signed_in, "users.ada.update.password", "users.ada.delete"]);
    for told in &told {
        for secret in ["$argon2", &token.secret, &hash(&token.secret), "horse"] {
            assert!(!told.payload.contains(secret), "{} tells a secret", told.name);
        }
    }
    stores.close().await;
}
