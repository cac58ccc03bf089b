//! Organisations own projects: what the two products, which don't know each other, ask of one another.

use async_trait::async_trait;
use floe_kernel::Result;
use floe_projects::{Organisations, Projects};
use floe_store::UnitOfWork;
use floe_teams::OwnedProjects;
use std::sync::Arc;

/// The teams, as projects ask for them.
pub(crate) struct Teams;

#[async_trait]
impl Organisations for Teams {
    async fn hold(&self, unit: &mut UnitOfWork, team_id: &str) -> Result<bool> {
        floe_teams::hold(unit, team_id).await
    }
}

/// The projects, as teams ask for them.
pub(crate) struct Owned(pub(crate) Arc<Projects>);

#[async_trait]
impl OwnedProjects for Owned {
    async fn delete_of_team(&self, team_id: &str) -> Result<()> {
        self.0.delete_of_team(team_id).await
    }

    async fn any_of_team(&self, unit: &mut UnitOfWork, team_id: &str) -> Result<bool> {
        self.0.any_of_team(unit, team_id).await
    }
}
