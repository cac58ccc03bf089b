//! Who belongs to which team, for those who tell users' roles.

use crate::repository::TeamRepository;
use async_trait::async_trait;
use floe_kernel::Result;
use floe_kernel::directory::{Membership, Memberships, Project};
use floe_store::{Stores, UnitOfWork};

/// Tells the confirmed memberships of users. Apart from [`crate::Teams`], which in turn needs those who ask it.
pub struct Directory(Stores);

impl Directory {
    /// Asks these stores.
    #[must_use]
    pub fn new(stores: Stores) -> Self {
        Self(stores)
    }
}

/// Whether there is this team. If so, it can't be removed before this unit of work is done.
///
/// # Errors
/// Those of the database.
pub async fn hold(unit: &mut UnitOfWork, team_id: &str) -> Result<bool> {
    Ok(TeamRepository(unit).take_turn(team_id).await?)
}

#[async_trait]
impl Memberships for Directory {
    async fn of_user(&self, project: &Project, user_id: &str) -> Result<Vec<Membership>> {
        let mut conn = self.0.project(&project.id, project.generation).await?.read().await?;
        Ok(TeamRepository(&mut conn).confirmed_of(user_id).await?)
    }
}
