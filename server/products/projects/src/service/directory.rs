//! What the pipeline asks before each request.

use super::Projects;
use crate::repository::ProjectRepository;
use async_trait::async_trait;
use floe_kernel::directory::{self as kernel, CONSOLE, Project};
use floe_kernel::{Error, Result};
use floe_store::Store;
use std::pin::Pin;
use std::sync::Arc;

/// No host name is longer.
const MAX_HOST: usize = 253;

#[async_trait]
impl kernel::Projects for Projects {
    async fn project(&self, id: &str) -> Result<Option<Arc<Project>>> {
        if id == CONSOLE {
            return Ok(Some(Arc::clone(&self.console)));
        }
        self.known.get_or_load(id, async || self.load(id).await).await
    }

    async fn project_anew(&self, id: &str) -> Result<Option<Arc<Project>>> {
        if self.refreshed.get(id).is_none() {
            self.refreshed.get_or_load(id, async || Ok::<_, Error>(Some(()))).await?;
            self.known.invalidate(id);
        }
        self.project(id).await
    }

    async fn origin_project(&self, host: &str) -> Result<Option<Arc<Project>>> {
        if host.len() > MAX_HOST {
            return Ok(None);
        }
        let host = host.to_ascii_lowercase();
        let id = self.hosts.get_or_load(&host, async || self.project_on(&host).await.map(Some)).await?.flatten();
        match id {
            Some(id) => self.project(&id).await,
            None => Ok(None),
        }
    }
}

impl Projects {
    async fn load(&self, id: &str) -> Result<Option<Arc<Project>>> {
        let mut conn = self.platform().await?.read().await?;
        let mut projects = ProjectRepository(&mut conn);
        let Some(project) = projects.project(id).await? else { return Ok(None) };
        Ok(Some(Arc::new(Project {
            keys: projects.api_keys(id).await?,
            web_hosts: projects.web_hosts(id).await?,
            id: project.id,
            generation: project.generation,
            name: project.name,
            team_id: project.team_id,
            settings: project.settings,
        })))
    }

    async fn project_on(&self, host: &str) -> Result<Option<String>> {
        let mut conn = self.platform().await?.read().await?;
        Ok(ProjectRepository(&mut conn).project_on(&listed_as(host)).await?)
    }
}

/// Whether somebody finds a project of this id and generation: what [`floe_store::StoreSettings::is_claimed`] asks.
#[must_use]
pub fn is_claimed(platform: Store, id: String, generation: i64) -> Asked<floe_store::Result<bool>> {
    Box::pin(async move {
        let mut conn = platform.read().await?;
        let found = ProjectRepository(&mut conn).project(&id).await?;
        Ok(found.is_some_and(|project| project.generation == generation))
    })
}

type Asked<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// How a platform may list this host: as itself, or by any wildcard above it.
fn listed_as(host: &str) -> Vec<String> {
    let above = host.match_indices('.').map(|(at, _)| format!("*{}", &host[at..]));
    std::iter::once(host.to_owned()).chain(above).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_found_by_the_wildcards_above_it() {
        assert_eq!(listed_as("a.b.org"), ["a.b.org", "*.b.org", "*.org"]);
        assert_eq!(listed_as("localhost"), ["localhost"]);
    }
}
