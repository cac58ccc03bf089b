//! How projects come and go.
//!
//! **Coming**: first the store, then the row that makes the project known. What a crash leaves in between is an empty
//! store that nobody can reach; who asks for the project again gets that one. After the row is there the store is asked
//! for once more, which costs nothing and covers the one case in which the first was removed meanwhile: somebody else
//! made the same project and deleted it again.
//!
//! **Going**: first the row is marked, so that nobody finds the project any more and nobody gets its id yet; then the
//! store goes; then the row. What a crash leaves in between, [`Projects::finish_deletions`] completes at the next
//! start. In the other order a new project could find the data of an old one.

use super::{Projects, not_found, require_manager, require_owner};
use crate::model::{Details, NewProject, Project};
use crate::params::Region;
use crate::repository::{self, PROJECT_FIELDS, ProjectRepository};
use floe_kernel::directory::{CONSOLE, Principal, ProjectSettings};
use floe_kernel::query::Queries;
use floe_kernel::time::Timestamp;
use floe_kernel::{Error, ErrorKind, Result, id};
use floe_store::UnitOfWork;

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
        if !id::is_valid_project(&new.id) {
            return Err(Error::invalid("projectId", "Valid chars are a-z, 0-9, period, hyphen, and underscore."));
        }
        let project = Project {
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
        // Asked before anything is made, and again when it counts.
        self.hold_organisation(&mut self.platform().await?.begin().await?, &project.team_id).await?;
        drop(self.stores.create_project(&project.id).await?);
        let mut unit = self.platform().await?.begin().await?;
        self.hold_organisation(&mut unit, &project.team_id).await?;
        ProjectRepository(&mut unit).add_project(&project).await.map_err(taken)?;
        unit.commit().await.map_err(taken)?;
        drop(self.stores.create_project(&project.id).await?);
        Ok(project)
    }

    /// Refuses an organisation that doesn't exist, and keeps one that does until this unit of work is done. Nobody's projects
    /// need none.
    async fn hold_organisation(&self, unit: &mut UnitOfWork, team_id: &str) -> Result<()> {
        if team_id.is_empty() || self.organisations.hold(unit, team_id).await? {
            return Ok(());
        }
        Err(ErrorKind::TeamNotFound.into())
    }

    /// The projects of the organisations that a console user is a member of.
    pub(crate) async fn list(
        &self,
        user: &Principal,
        search: &str,
        queries: &Queries,
        total: bool,
    ) -> Result<(i64, Vec<Project>)> {
        let mut selection = queries.resolve(PROJECT_FIELDS)?;
        selection.count_up_to = if total { selection.count_up_to } else { 0 };
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
        let mut registry = ProjectRepository(&mut unit);
        let mut project = registry.project_to_change(id, now).await?.ok_or_else(not_found)?;
        require_manager(user, &project.team_id, ErrorKind::ProjectNotFound)?;
        project.name = name;
        registry.save_project(&project).await?;
        registry.save_details(id, details).await?;
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
        self.hold_organisation(&mut unit, team_id).await?;
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
        if !found {
            return Err(not_found());
        }
        self.finish_deletion(id).await
    }

    async fn finish_deletion(&self, id: &str) -> Result<()> {
        self.stores.delete_project(id).await?;
        self.on_project_deleted.iter().for_each(|emit| emit(id));
        let mut unit = self.platform().await?.begin().await?;
        ProjectRepository(&mut unit).end_deletion(id).await?;
        Ok(unit.commit().await?)
    }

    /// Completes the deletions that a crash has interrupted. To be called at start, before anybody can make projects.
    ///
    /// # Errors
    /// When the platform can't be reached, or a project's data can't be removed.
    pub async fn finish_deletions(&self) -> Result<()> {
        let begun = {
            let mut conn = self.platform().await?.read().await?;
            ProjectRepository(&mut conn).begun_deletions().await?
        };
        for id in begun {
            tracing::info!(project = %id, "completing a deletion that was interrupted");
            self.finish_deletion(&id).await?;
        }
        Ok(())
    }

    /// The ids of all projects, the oldest first; the console is not among them.
    ///
    /// # Errors
    /// When the platform can't be reached.
    pub async fn ids(&self) -> Result<Vec<String>> {
        let mut conn = self.platform().await?.read().await?;
        Ok(ProjectRepository(&mut conn).project_ids().await?)
    }
}

fn taken(error: floe_store::Error) -> Error {
    if error.is_conflict() { ErrorKind::ProjectAlreadyExists.into() } else { error.into() }
}
