//! The decisions.

mod directory;
mod keys;
mod lifecycle;
mod platforms;
mod settings;

pub use directory::is_claimed;
pub(crate) use keys::KeyChange;
pub(crate) use platforms::PlatformChange;
pub(crate) use settings::switch;

use crate::model::Project;
use crate::organisations::Organisations;
use crate::repository::ProjectRepository;
use floe_cache::Cache;
use floe_gateway::authenticate::admin_scopes;
use floe_kernel::directory::{self as kernel, CONSOLE, MembershipPrivacy, Principal, ProjectSettings};
use floe_kernel::effect::CacheName;
use floe_kernel::scope::Scope;
use floe_kernel::time::Timestamp;
use floe_kernel::{Error, ErrorKind, Result};
use floe_store::{Store, Stores, UnitOfWork};
use std::sync::Arc;
use std::time::Duration;

/// So many projects are kept in memory at the most.
const KNOWN_PROJECTS: u64 = 10_000;
/// For so many hosts it is remembered whether some project knows them.
const KNOWN_HOSTS: u64 = 10_000;

/// The cache of what requests know of a project; its key is the project's id.
const PROJECTS: CacheName = CacheName::new("projects");
/// The cache of which project knows a host. Invalidated as a whole.
const HOSTS: CacheName = CacheName::new("hosts");

/// The role of those whose organisation it is.
const OWNER: &str = "owner";

/// A project is looked at anew so often at the most: what bad keys can cost.
const REFRESH_EVERY: Duration = Duration::from_secs(1);

/// What another product does when a project is gone: forget what it keeps in memory.
pub type OnProjectDeleted = Box<dyn Fn(&str) + Send + Sync>;

/// Knows the projects, and changes them.
pub struct Projects {
    stores: Stores,
    /// What requests need to know of a project, by its id.
    known: Cache<String, Arc<kernel::Project>>,
    /// Some project with a web app on a host, if there is one.
    hosts: Cache<String, Option<String>>,
    /// Projects that were looked at anew a moment ago.
    refreshed: Cache<String, ()>,
    organisations: Arc<dyn Organisations>,
    /// Told when a project is gone, before another can get its id.
    on_project_deleted: Arc<[OnProjectDeleted]>,
    console: Arc<kernel::Project>,
}

impl Projects {
    /// Keeps projects in the platform's store, and makes and removes theirs; those of these `organisations`, or of nobody.
    /// `on_project_deleted` are told when one is gone.
    #[must_use]
    pub fn new(
        stores: Stores,
        organisations: Arc<dyn Organisations>,
        on_project_deleted: Vec<OnProjectDeleted>,
    ) -> Self {
        let (known, hosts) = (Cache::new(KNOWN_PROJECTS), Cache::new(KNOWN_HOSTS));
        let (kept, kept_hosts): (Cache<String, Arc<kernel::Project>>, Cache<String, Option<String>>) =
            (known.clone(), hosts.clone());
        stores.effects().on_invalidate(PROJECTS, move |gone| match &gone.key {
            Some(id) => kept.invalidate(id),
            None => kept.clear(),
        });
        stores.effects().on_invalidate(HOSTS, move |_| kept_hosts.clear());
        Self {
            stores,
            known,
            hosts,
            refreshed: Cache::with_time_to_live(KNOWN_PROJECTS, REFRESH_EVERY),
            organisations,
            on_project_deleted: on_project_deleted.into(),
            console: Arc::new(console()),
        }
    }

    async fn platform(&self) -> Result<Store> {
        Ok(self.stores.platform().await?)
    }

    /// The project of this id, as admins see it.
    pub(crate) async fn get(&self, id: &str) -> Result<Project> {
        let mut conn = self.platform().await?.read().await?;
        ProjectRepository(&mut conn).project(id).await?.ok_or_else(not_found)
    }

    /// Changes a project. The change happens to what is there at that moment, one at a time.
    async fn change(
        &self,
        id: &str,
        now: Timestamp,
        change: impl FnOnce(&mut Project) -> Result<()>,
    ) -> Result<Project> {
        let mut unit = self.begin_change(id).await?;
        let mut project = ProjectRepository(&mut unit).project_to_change(id, now).await?.ok_or_else(not_found)?;
        change(&mut project)?;
        ProjectRepository(&mut unit).save_project(&project).await?;
        unit.commit().await?;
        Ok(project)
    }

    /// Begins a unit of work that makes untrue what requests know of a project.
    async fn begin_change(&self, id: &str) -> Result<UnitOfWork> {
        let mut unit = self.platform().await?.begin().await?;
        unit.invalidate(PROJECTS, id);
        Ok(unit)
    }

    /// The same, when web apps may come or go: which hosts that concerns, a wildcard doesn't tell.
    async fn begin_change_of_hosts(&self, id: &str) -> Result<UnitOfWork> {
        let mut unit = self.begin_change(id).await?;
        unit.invalidate_all(HOSTS);
        Ok(unit)
    }
}

/// The console itself: a project that nobody made and nobody owns. Who belongs to an organisation sees with whom.
fn console() -> kernel::Project {
    let membership_privacy = MembershipPrivacy {
        user_id: true,
        user_email: true,
        user_phone: true,
        user_name: true,
        user_accessed_at: true,
        mfa: true,
    };
    kernel::Project {
        id: CONSOLE.to_owned(),
        name: "Console".to_owned(),
        team_id: String::new(),
        keys: Vec::new(),
        generation: 0,
        web_hosts: Vec::new(),
        settings: ProjectSettings { membership_privacy, ..ProjectSettings::default() },
    }
}

fn not_found() -> Error {
    ErrorKind::ProjectNotFound.into()
}

/// Refuses who doesn't own this organisation; on the same terms as [`require_manager`].
fn require_owner(user: &Principal, team_id: &str, absent: ErrorKind) -> Result<()> {
    let mut of_team = user.memberships.iter().filter(|membership| membership.team_id == team_id).peekable();
    if of_team.peek().is_none() {
        return Err(absent.into());
    }
    let owns = of_team.any(|membership| membership.roles.iter().any(|role| role == OWNER));
    if owns { Ok(()) } else { Err(ErrorKind::UserUnauthorized.into()) }
}

/// Refuses who may not manage the projects of this organisation. For who isn't a member of it, there is no such thing:
/// `absent` is what they are told.
fn require_manager(user: &Principal, team_id: &str, absent: ErrorKind) -> Result<()> {
    let scopes = admin_scopes(user, team_id).ok_or(absent)?;
    if scopes.has(Scope::ProjectsWrite) { Ok(()) } else { Err(ErrorKind::UserUnauthorized.into()) }
}
