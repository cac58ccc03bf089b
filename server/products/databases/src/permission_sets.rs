//! Sets of permissions by number and by content, kept in memory.
//!
//! A set never changes, so nothing here is ever invalidated. But only what is committed may be kept: a number that was
//! given to a set in a unit of work that is rolled back may be given to another one later. So units of work *note* what
//! they learn ([`crate::row_transaction::RowTransaction`]), and it is kept once they are committed.

use crate::repository::stored_permissions;
use floe_cache::Cache;
use floe_kernel::permission::Permissions;
use floe_store::{Connection, Error};
use std::convert::Infallible;
use std::sync::Arc;

/// How many sets are kept of all projects, in either direction.
const KEPT: u64 = 100_000;

/// A set of permissions that rows may have.
#[derive(Debug)]
pub(crate) struct PermissionSet {
    /// Its number in its project.
    pub(crate) number: i64,
    /// What it allows.
    pub(crate) permissions: Permissions,
    /// As the API shows it.
    pub(crate) json: String,
}

impl PermissionSet {
    /// The set of this number.
    pub(crate) fn new(number: i64, permissions: Permissions) -> Self {
        Self { number, json: permissions.written(), permissions }
    }
}

/// The sets that are known.
pub(crate) struct PermissionSets {
    by_number: Cache<(Arc<str>, i64), Arc<PermissionSet>>,
    by_content: Cache<(Arc<str>, Permissions), Arc<PermissionSet>>,
}

impl PermissionSets {
    /// None yet.
    pub(crate) fn new() -> Self {
        Self { by_number: Cache::new(KEPT), by_content: Cache::new(KEPT) }
    }

    /// The set of this number, if it is known.
    pub(crate) fn known(&self, project: &Arc<str>, number: i64) -> Option<Arc<PermissionSet>> {
        self.by_number.get(&(Arc::clone(project), number))
    }

    /// The set with this content, if it is known.
    pub(crate) fn with(&self, project: &Arc<str>, permissions: Permissions) -> Result<Arc<PermissionSet>, Permissions> {
        let key = (Arc::clone(project), permissions);
        self.by_content.get(&key).ok_or(key.1)
    }

    /// The set of this number, read outside of any unit of work.
    ///
    /// # Errors
    /// Those of storage.
    pub(crate) async fn read(
        &self,
        project: &Arc<str>,
        number: i64,
        conn: &mut Connection,
    ) -> Result<Arc<PermissionSet>, Error> {
        let load = async || load(conn, number).await.map(Some);
        let set = self.by_number.get_or_load(&(Arc::clone(project), number), load).await?;
        set.ok_or(Error::NotFound)
    }

    /// Keeps what a unit of work has learned, now that it is committed.
    pub(crate) async fn keep(&self, project: &Arc<str>, learned: Vec<Arc<PermissionSet>>) {
        for set in learned {
            let (by_number, by_content) =
                ((Arc::clone(project), set.number), (Arc::clone(project), set.permissions.clone()));
            let again = Arc::clone(&set);
            let Ok(_) = self.by_number.get_or_load(&by_number, async move || Ok::<_, Infallible>(Some(set))).await;
            let Ok(_) = self.by_content.get_or_load(&by_content, async move || Ok::<_, Infallible>(Some(again))).await;
        }
    }

    /// Forgets everything.
    pub(crate) fn clear(&self) {
        self.by_number.clear();
        self.by_content.clear();
    }
}

/// The set of this number, read.
///
/// # Errors
/// Those of storage.
pub(crate) async fn load(conn: &mut Connection, number: i64) -> Result<Arc<PermissionSet>, Error> {
    let permissions = stored_permissions(&floe_store::permissions::load(conn, number).await?)?;
    Ok(Arc::new(PermissionSet::new(number, permissions)))
}
