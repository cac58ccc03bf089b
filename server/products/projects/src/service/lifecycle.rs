//! How projects come and go.
//!
//! **Coming**: first a row that nobody finds reserves the id and says which generation this is; then the store is made, with
//! the generation written in it; then the row is shown.
//!
//! **Going**: first the row is hidden, so that nobody finds the project any more and nobody gets its id yet; then the
//! store goes; then the row. In the other order a new project could find the data of an old one.
//!
//! So whatever a crash leaves half-way is named by a hidden row, and [`Projects::clear_up`] removes it at the next start, or puts it aside. Both
//! happen in tasks that go on when whoever asked for them has gone away, and both hold the lock that keeps
//! [`Projects::clear_up`] of another process out.

use super::{OnProjectDeleted, PROJECTS, Projects, not_found, require_manager, require_owner};
use crate::model::{Details, NewProject, Project};
use crate::organisations::Organisations;
use crate::params::Region;
use crate::repository::{self, PROJECT_FIELDS, ProjectRepository};
use floe_kernel::directory::{CONSOLE, Principal, ProjectSettings};
use floe_kernel::query::Queries;
use floe_kernel::time::Timestamp;
use floe_kernel::{Error, ErrorKind, Result, id};
use floe_store::{Stores, UnitOfWork, conflict_is, was_busy};
use std::sync::Arc;
use std::time::Duration;

/// How long to wait before trying again to remove what others still use.
const IN_USE: Duration = Duration::from_secs(1);

impl Projects {
    /// Makes a project. For an operator; who calls over HTTP goes through [`Projects::create_for`].
    ///
    /// # Errors
    /// [`ErrorKind::ProjectReservedProject`] and [`ErrorKind::ProjectAlreadyExists`]; [`ErrorKind::TeamNotFound`] without such
    /// an organisation; [`ErrorKind::GeneralArgumentInvalid`] for what can't be an id.
    pub async fn create(&self, new: NewProject, now: Timestamp) -> Result<String> {
        Ok(self.make(new, now).await?.id)
    }

    /// Makes a project for a console user, in an organisation whose projects they manage.
    pub(crate) async fn create_for(&self, user: &Principal, new: NewProject, now: Timestamp) -> Result<Project> {
        require_manager(user, &new.team_id, ErrorKind::TeamNotFound)?;
        self.make(new, now).await
    }

    async fn make(&self, new: NewProject, now: Timestamp) -> Result<Project> {
        if new.id == CONSOLE {
            return Err(ErrorKind::ProjectReservedProject.into());
        }
        if !id::is_free_for_project(&new.id) {
            return Err(Error::invalid(
                "projectId",
                "Valid chars are a-z, 0-9, period, hyphen, and underscore. It can't end with _legacy.",
            ));
        }
        let project = Project {
            generation: id::generation(now),
            id: new.id,
            name: new.name,
            team_id: new.team_id,
            region: Region::NAME.to_owned(),
            labels: Vec::new(),
            settings: ProjectSettings::default(),
            accessed: None,
            created: now,
            updated: now,
        };
        let making = self.handle();
        let task = async move {
            making.make(&project).await?;
            Ok::<_, Error>(project)
        };
        self.stores.tasks().spawn(task).await.map_err(Error::internal)?
    }

    /// The projects of the organisations that a console user is a member of.
    pub(crate) async fn list(
        &self,
        user: &Principal,
        search: &str,
        queries: &Queries,
        total: bool,
    ) -> Result<(i64, Vec<Project>)> {
        let selection = queries.resolve_whole(PROJECT_FIELDS)?.counted(total);
        let teams: Vec<_> = user.memberships.iter().map(|membership| membership.team_id.clone()).collect();
        Ok(repository::list_projects(&self.platform().await?, &teams, search, &selection).await?)
    }

    /// Gives a project another name and other details.
    pub(crate) async fn update(
        &self,
        user: &Principal,
        id: &str,
        name: String,
        details: &Details,
        now: Timestamp,
    ) -> Result<Project> {
        let mut unit = self.begin_change(id).await?;
        let mut projects = ProjectRepository(&mut unit);
        let mut project = projects.project_to_change(id, now).await?.ok_or_else(not_found)?;
        require_manager(user, &project.team_id, ErrorKind::ProjectNotFound)?;
        project.name = name;
        projects.save_project(&project).await?;
        projects.save_details(id, details).await?;
        unit.commit().await?;
        Ok(project)
    }

    /// Gives a project to another organisation. Whoever does it must own the one that loses it, and manage the projects of
    /// the other.
    pub(crate) async fn transfer(&self, user: &Principal, id: &str, team_id: &str, now: Timestamp) -> Result<Project> {
        let mut unit = self.begin_change(id).await?;
        let mut project = ProjectRepository(&mut unit).project_to_change(id, now).await?.ok_or_else(not_found)?;
        require_owner(user, &project.team_id, ErrorKind::ProjectNotFound)?;
        require_manager(user, team_id, ErrorKind::TeamNotFound)?;
        self.handle().hold_organisation(&mut unit, team_id).await?;
        team_id.clone_into(&mut project.team_id);
        ProjectRepository(&mut unit).save_project(&project).await?;
        unit.commit().await?;
        Ok(project)
    }

    /// Removes the projects of this organisation, with everything in them.
    ///
    /// # Errors
    /// When one of them can't be removed.
    pub async fn delete_of_team(&self, team_id: &str) -> Result<()> {
        let ids = {
            let mut conn = self.platform().await?.read().await?;
            ProjectRepository(&mut conn).project_ids_of_team(team_id).await?
        };
        for id in ids {
            match self.delete(&id).await {
                // Somebody else was faster.
                Err(error) if error.kind() == ErrorKind::ProjectNotFound => {}
                outcome => outcome?,
            }
        }
        Ok(())
    }

    /// Whether this organisation has any project, as this unit of work of the platform's store sees it.
    ///
    /// # Errors
    /// Only when it can't be told.
    pub async fn any_of_team(&self, unit: &mut UnitOfWork, team_id: &str) -> Result<bool> {
        Ok(!ProjectRepository(unit).project_ids_of_team(team_id).await?.is_empty())
    }

    /// Removes a project with everything in it.
    pub(crate) async fn delete(&self, id: &str) -> Result<()> {
        let mut unit = self.begin_change_of_hosts(id).await?;
        let found = ProjectRepository(&mut unit).begin_deletion(id).await?;
        unit.commit().await?;
        let generation = found.ok_or_else(not_found)?;
        let removing = self.handle().remove_patiently(id.to_owned(), generation);
        self.stores.tasks().spawn(removing).await.map_err(Error::internal)?
    }

    /// Removes what projects that were half removed have left, and puts the data aside of those that were half made, or that no
    /// project has: where an older platform was restored it may be all that there is of one. For the server alone, at its start: makes nothing and removes nothing while any process makes or removes a project.
    ///
    /// # Errors
    /// When the platform can't be reached, or a project's data can't be removed; when others make and remove projects for
    /// long.
    pub async fn clear_up(&self) -> Result<()> {
        let _lock = self.stores.hold_lifecycle_alone().await?;
        let (half_made, half_removed, all) = {
            let mut conn = self.platform().await?.read().await?;
            let mut projects = ProjectRepository(&mut conn);
            (projects.half_done(true).await?, projects.half_done(false).await?, projects.all_projects().await?)
        };
        for (id, generation) in half_made {
            tracing::info!(project = %id, "putting a project aside that was half made");
            self.stores.set_project_aside(&id, generation).await?;
            self.handle().forget(&id, generation).await?;
        }
        for (id, generation) in half_removed {
            tracing::info!(project = %id, "removing a project that was half removed");
            match self.handle().remove(&id, generation).await {
                Err(error) if was_busy(&error) => {
                    drop(self.stores.tasks().spawn(self.handle().remove_patiently(id, generation)));
                }
                removed => removed?,
            }
        }
        Ok(self.stores.set_aside_unclaimed(&all.into_iter().collect()).await?)
    }

    /// All projects, the oldest first: their ids and generations. The console is not among them.
    ///
    /// # Errors
    /// When the platform can't be reached.
    pub async fn all(&self) -> Result<Vec<(String, i64)>> {
        let mut conn = self.platform().await?.read().await?;
        Ok(ProjectRepository(&mut conn).all_projects().await?)
    }

    fn handle(&self) -> Making {
        Making {
            stores: self.stores.clone(),
            organisations: Arc::clone(&self.organisations),
            on_project_deleted: Arc::clone(&self.on_project_deleted),
        }
    }
}

/// What making and removing a project needs, also when whoever asked for it has gone away.
struct Making {
    stores: Stores,
    organisations: Arc<dyn Organisations>,
    on_project_deleted: Arc<[OnProjectDeleted]>,
}

impl Making {
    /// Makes a project, whole or not at all.
    async fn make(&self, project: &Project) -> Result<()> {
        let _lock = self.stores.hold_lifecycle().await?;
        let mut unit = self.begin().await?;
        self.hold_organisation(&mut unit, &project.team_id).await?;
        let reserved = ProjectRepository(&mut unit).reserve_project(project).await;
        reserved.map_err(conflict_is(ErrorKind::ProjectAlreadyExists))?;
        unit.commit().await.map_err(conflict_is(ErrorKind::ProjectAlreadyExists))?;
        let made = self.make_reserved(project).await;
        if made.is_err()
            && let Err(error) = self.remove(&project.id, project.generation).await
        {
            tracing::error!(project = %project.id, %error, "half made; the next start of the server removes it");
        }
        made
    }

    async fn make_reserved(&self, project: &Project) -> Result<()> {
        drop(self.stores.create_project(&project.id, project.generation).await?);
        let mut unit = self.begin().await?;
        unit.invalidate(PROJECTS, &project.id);
        // Asked before anything was made, and again now that it counts.
        self.hold_organisation(&mut unit, &project.team_id).await?;
        if !ProjectRepository(&mut unit).publish_project(project.generation).await? {
            return Err(not_found());
        }
        Ok(unit.commit().await?)
    }

    /// Removes the data of a project that nobody finds any more, and then its row.
    async fn remove(&self, id: &str, generation: i64) -> Result<()> {
        self.stores.delete_project(id, generation).await?;
        self.forget(id, generation).await
    }

    /// Removes the row of a project whose data is gone.
    async fn forget(&self, id: &str, generation: i64) -> Result<()> {
        self.on_project_deleted.iter().for_each(|forget| forget(id));
        let mut unit = self.begin().await?;
        ProjectRepository(&mut unit).end_deletion(generation).await?;
        Ok(unit.commit().await?)
    }

    /// The same, however long others use its tables, as a dump of PostgreSQL does. (At the end of the process it is left for the
    /// next start.)
    async fn remove_patiently(self, id: String, generation: i64) -> Result<()> {
        loop {
            let lock = self.stores.hold_lifecycle().await?;
            match self.remove(&id, generation).await {
                Err(error) if was_busy(&error) && !self.stores.tasks().is_stopping() => {}
                removed => return removed,
            }
            drop(lock);
            self.stores.tasks().sleep(IN_USE).await;
        }
    }

    /// Refuses an organisation that doesn't exist, and keeps one that does until this unit of work is done. Nobody's projects
    /// need none.
    async fn hold_organisation(&self, unit: &mut UnitOfWork, team_id: &str) -> Result<()> {
        if team_id.is_empty() || self.organisations.hold(unit, team_id).await? {
            return Ok(());
        }
        Err(ErrorKind::TeamNotFound.into())
    }

    async fn begin(&self) -> Result<UnitOfWork> {
        Ok(self.stores.platform().await?.begin().await?)
    }
}
