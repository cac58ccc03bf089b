//! Sets of permissions by number and by content, kept in memory.
//!
//! A set never changes, unless somebody is gone whom it allowed something, or nothing has it any more
//! ([`floe_store::permissions::PERMISSION_SETS`]). Only what is
//! committed may be kept: a number that was given to a set in a unit of work that is rolled back may be given to another one
//! later. So units of work *note* what they learn ([`crate::row_transaction::RowTransaction`]), and it is kept once they are
//! committed.

use crate::repository::stored_permissions;
use floe_cache::{Cache, TIME_TO_LIVE};
use floe_kernel::permission::Permissions;
use floe_store::{Connection, Error};
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// How many bytes the sets of all projects take at the most, in either direction. (By bytes and not by number, because
/// one may be 4 KB or 100.)
const KEPT: u64 = 32 << 20;

/// Roughly what a permission takes beside its text, and a set beside its permissions.
const EACH: usize = 96;

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

    /// Whether these permissions take no more room in the database than this set: they are the same, or written shorter (and
    /// each time shorter comes to an end).
    pub(crate) fn has_room_for(&self, permissions: &Permissions) -> bool {
        self.permissions == *permissions || permissions.written().len() < self.json.len()
    }

    /// Roughly how many bytes it takes in memory.
    fn weight(&self) -> u32 {
        let bytes = 2 * self.json.len() + EACH * (1 + self.permissions.iter().count());
        u32::try_from(bytes).unwrap_or(u32::MAX)
    }
}

/// The sets that are known. Cheap to clone.
#[derive(Clone)]
pub(crate) struct PermissionSets {
    by_number: Cache<(Arc<str>, i64), Arc<PermissionSet>>,
    by_content: Cache<(Arc<str>, Permissions), Arc<PermissionSet>>,
    /// How often something was forgotten.
    forgotten: Arc<AtomicU64>,
}

/// What a unit of work has learned of a set.
#[derive(Debug)]
pub(crate) struct Learned {
    /// The set.
    pub(crate) set: Arc<PermissionSet>,
    /// Whether it was found by its content. One that was found by its number may be given to nothing new: it may allow less
    /// than it did, or be about to be removed.
    pub(crate) by_content: bool,
}

/// A moment, for [`PermissionSets::keep`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct Since(u64);

impl PermissionSets {
    /// None yet.
    pub(crate) fn new() -> Self {
        Self {
            by_number: Cache::of_bytes(KEPT, TIME_TO_LIVE, |_, set: &Arc<PermissionSet>| set.weight()),
            // Here the key has them too.
            by_content: Cache::of_bytes(KEPT, TIME_TO_LIVE, |_, set: &Arc<PermissionSet>| {
                set.weight().saturating_mul(2)
            }),
            forgotten: Arc::default(),
        }
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

    /// Now: before a unit of work learns anything.
    pub(crate) fn now(&self) -> Since {
        Since(self.forgotten.load(Ordering::Acquire))
    }

    /// Keeps what a unit of work has learned, now that it is committed; unless something was forgotten since it began, which
    /// may have been just that.
    pub(crate) async fn keep(&self, project: &Arc<str>, learned: Vec<Learned>, since: Since) {
        if learned.is_empty() || self.now().0 != since.0 {
            return;
        }
        for Learned { set, by_content } in learned {
            let (number, again) = ((Arc::clone(project), set.number), Arc::clone(&set));
            let Ok(_) = self.by_number.get_or_load(&number, async move || Ok::<_, Infallible>(Some(again))).await;
            if by_content {
                let content = (Arc::clone(project), set.permissions.clone());
                let Ok(_) = self.by_content.get_or_load(&content, async move || Ok::<_, Infallible>(Some(set))).await;
            }
        }
        // Forgotten while it was being kept.
        if self.now().0 != since.0 {
            self.clear();
        }
    }

    /// Forgets a set, which allows less now. By its content it must not be found any more either.
    pub(crate) fn invalidate(&self, project: &Arc<str>, number: i64) {
        self.forgotten.fetch_add(1, Ordering::AcqRel);
        self.by_number.invalidate(&(Arc::clone(project), number));
        self.by_content.clear();
    }

    /// Forgets everything.
    pub(crate) fn clear(&self) {
        self.forgotten.fetch_add(1, Ordering::AcqRel);
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
