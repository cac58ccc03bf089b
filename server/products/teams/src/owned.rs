//! What teams need to know of what they own.

use async_trait::async_trait;
use floe_kernel::Result;
use floe_store::UnitOfWork;

/// Knows the projects that organisations, the teams of the console, own.
#[async_trait]
pub trait OwnedProjects: Send + Sync {
    /// Removes the projects of this organisation, with everything in them.
    ///
    /// # Errors
    /// When one of them can't be removed.
    async fn delete_of_team(&self, team_id: &str) -> Result<()>;

    /// Whether this organisation owns any, as this unit of work of the platform's store sees it.
    ///
    /// # Errors
    /// Only when it can't be told.
    async fn any_of_team(&self, unit: &mut UnitOfWork, team_id: &str) -> Result<bool>;
}
