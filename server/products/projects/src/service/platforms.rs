//! The apps that may call a project. Of a web app the host counts: browsers on it are let in.

use super::{Projects, not_found};
use crate::model::Platform;
use crate::repository::{self, PLATFORM_FIELDS, ProjectRepository};
use floe_kernel::query::Queries;
use floe_kernel::time::Timestamp;
use floe_kernel::{ErrorKind, Result};
use floe_store::conflict_is;

/// What a caller wants a platform to be.
#[derive(Debug)]
pub(crate) struct PlatformChange {
    pub(crate) name: String,
    pub(crate) hostname: String,
    pub(crate) identifier: String,
}

/// The types that have endpoints of their own; every other is a kind of web platform.
const NATIVE: &[&str] = &["apple", "android", "linux", "windows"];

impl Projects {
    /// Adds a platform of this type.
    pub(crate) async fn create_platform(
        &self,
        project_id: &str,
        id: String,
        kind: &'static str,
        change: PlatformChange,
        now: Timestamp,
    ) -> Result<Platform> {
        let PlatformChange { name, hostname, identifier } = change;
        let platform = Platform { id, name, kind: kind.to_owned(), hostname, identifier, created: now, updated: now };
        let mut unit = self.begin_change_of_hosts(project_id).await?;
        let mut projects = ProjectRepository(&mut unit);
        projects.project(project_id).await?.ok_or_else(not_found)?;
        projects.add_platform(project_id, &platform).await.map_err(conflict_is(ErrorKind::PlatformAlreadyExists))?;
        unit.commit().await.map_err(conflict_is(ErrorKind::PlatformAlreadyExists))?;
        Ok(platform)
    }

    /// The platforms of a project.
    pub(crate) async fn list_platforms(
        &self,
        project_id: &str,
        queries: &Queries,
        total: bool,
    ) -> Result<(i64, Vec<Platform>)> {
        let selection = queries.resolve_whole(PLATFORM_FIELDS)?.counted(total);
        Ok(repository::list_platforms(&self.platform().await?, project_id, &selection).await?)
    }

    /// A platform of a project.
    pub(crate) async fn get_platform(&self, project_id: &str, id: &str) -> Result<Platform> {
        let mut conn = self.platform().await?.read().await?;
        ProjectRepository(&mut conn).platform(project_id, id).await?.ok_or_else(|| ErrorKind::PlatformNotFound.into())
    }

    /// Changes a platform of this type; what is of another type has an endpoint of its own.
    pub(crate) async fn update_platform(
        &self,
        project_id: &str,
        id: &str,
        kind: &'static str,
        change: PlatformChange,
        now: Timestamp,
    ) -> Result<Platform> {
        let mut unit = self.begin_change_of_hosts(project_id).await?;
        let mut projects = ProjectRepository(&mut unit);
        let platform = projects.platform(project_id, id).await?.ok_or(ErrorKind::PlatformNotFound)?;
        if endpoint_of(&platform.kind) != endpoint_of(kind) {
            return Err(ErrorKind::PlatformMethodUnsupported.into());
        }
        let PlatformChange { name, hostname, identifier } = change;
        let platform = Platform { name, hostname, identifier, updated: now, ..platform };
        projects.save_platform(project_id, &platform).await?;
        unit.commit().await?;
        Ok(platform)
    }

    /// Removes a platform.
    pub(crate) async fn delete_platform(&self, project_id: &str, id: &str) -> Result<()> {
        let mut unit = self.begin_change_of_hosts(project_id).await?;
        let found = ProjectRepository(&mut unit).remove_platform(project_id, id).await?;
        unit.commit().await?;
        if found { Ok(()) } else { Err(ErrorKind::PlatformNotFound.into()) }
    }
}

fn endpoint_of(kind: &str) -> &str {
    if NATIVE.contains(&kind) { kind } else { "web" }
}
