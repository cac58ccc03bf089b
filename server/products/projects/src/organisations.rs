//! What projects need to know of those who own them.

use async_trait::async_trait;
use floe_kernel::Result;
use floe_store::UnitOfWork;

/// Knows the organisations: the teams of the console.
#[async_trait]
pub trait Organisations: Send + Sync {
    /// Whether there is this organisation. If so, it can't be removed before this unit of work, of the platform's store, is
    /// done: so no project is ever left to whoever makes a team of that name.
    ///
    /// # Errors
    /// Only when it can't be told.
    async fn hold(&self, unit: &mut UnitOfWork, team_id: &str) -> Result<bool>;
}
