//! A unit of work of this product: what it changes, what it learns and what it makes stale, together.

use crate::events::Event;
use crate::model::Task;
use crate::permission_sets::{self, PermissionSet};
use crate::repository::Catalog;
use crate::schema::TableSchema;
use crate::service::{At, Databases};
use crate::vocabulary::Vocabulary;
use floe_gateway::Call;
use floe_kernel::Result;
use floe_kernel::permission::Permissions;
use floe_store::tables::Ddl;
use floe_store::{Store, UnitOfWork};
use std::ops::{Deref, DerefMut};
use std::sync::Arc;

/// Changes that happen together or not at all. Dropped without [`Changes::commit`]: not at all.
pub(crate) struct Changes<'s> {
    service: &'s Databases,
    vocabulary: Vocabulary,
    project: Arc<str>,
    unit: UnitOfWork,
    /// Sets of permissions that may be kept once this is committed.
    learned: Vec<Arc<PermissionSet>>,
    /// Tables whose schema must be forgotten once this is committed.
    outdated: Vec<String>,
    /// Where there are chores to be done once this is committed.
    chores_in: Option<Store>,
}

impl<'s> Changes<'s> {
    /// Begins. What needs time (parsing, checking) is done before: whoever holds the writer holds everyone.
    pub(crate) async fn begin(service: &'s Databases, call: &Call) -> Result<Self> {
        let project = call.project.id.as_str().into();
        let (vocabulary, unit) = (Vocabulary::of(call), call.store.begin().await?);
        Ok(Self { service, vocabulary, project, unit, learned: Vec::new(), outdated: Vec::new(), chores_in: None })
    }

    /// What users have defined.
    pub(crate) fn catalog(&mut self) -> Catalog<'_> {
        Catalog(&mut self.unit)
    }

    /// Changes the shape of a table.
    pub(crate) async fn shape(&mut self, ddl: Ddl) -> Result<(), floe_store::Error> {
        self.unit.change(&ddl).await
    }

    /// Leaves something about the shape of a table for later. `item`: the number of the index or column.
    pub(crate) async fn later(&mut self, store: &Store, task: Task, table: i64, item: i64) -> Result<()> {
        self.catalog().add_chore(task, table, item).await?;
        self.chores_in = Some(store.clone());
        Ok(())
    }

    /// The schema of this table is another one from now on.
    pub(crate) fn outdate(&mut self, database_id: &str, table_id: &str) {
        self.outdated.push(crate::service::schema_key(&self.project, database_id, table_id));
    }

    /// The schema of a table, whether or not the caller may know of it; none: there is none.
    pub(crate) async fn schema(&mut self, call: &Call, at: &At) -> Result<Option<Arc<TableSchema>>> {
        let key = crate::service::schema_key(&self.project, &at.database, &at.table);
        match self.service.schemas.get(key.as_str()) {
            Some(known) => Ok(Some(known)),
            // Not kept: it may be what this unit of work itself has changed.
            None => crate::service::load_if_there(&mut self.unit, call, at).await,
        }
    }

    /// The set of permissions of this number.
    pub(crate) async fn set(&mut self, number: i64) -> Result<Arc<PermissionSet>> {
        let noted = || self.learned.iter().find(|set| set.number == number).cloned();
        if let Some(set) = self.service.sets.known(&self.project, number).or_else(noted) {
            return Ok(set);
        }
        let set = permission_sets::load(&mut self.unit, number).await?;
        self.learned.push(Arc::clone(&set));
        Ok(set)
    }

    /// The set of exactly these permissions, which is made if it is new.
    pub(crate) async fn intern(&mut self, permissions: &Permissions) -> Result<Arc<PermissionSet>> {
        let permissions = match self.service.sets.with(&self.project, permissions.clone()) {
            Ok(set) => return Ok(set),
            Err(permissions) => permissions,
        };
        if let Some(set) = self.learned.iter().find(|set| set.permissions == permissions) {
            return Ok(Arc::clone(set));
        }
        let number = floe_store::permissions::intern(&mut self.unit, &permissions).await?;
        let set = Arc::new(PermissionSet::new(number, permissions));
        self.learned.push(Arc::clone(&set));
        Ok(set)
    }

    /// Tells what happened, to whoever wants to know it in either vocabulary. `payload` is JSON, and asked for only if somebody listens.
    pub(crate) async fn tell(&mut self, event: Event, ids: &[&str], payload: impl FnOnce() -> Vec<u8>) -> Result<()> {
        let text = || String::from_utf8_lossy(&payload()).into_owned();
        Ok(self.unit.tell_of(event[self.vocabulary.index()], &event, ids, text).await?)
    }

    /// Makes it last; then keeps what was learned and forgets what is outdated.
    pub(crate) async fn commit(self) -> Result<()> {
        let outcome = self.unit.commit().await;
        // Also when it failed: an answer that was lost on its way doesn't say that nothing happened.
        for key in &self.outdated {
            self.service.schemas.invalidate(key.as_str());
        }
        outcome?;
        if let Some(store) = &self.chores_in {
            self.service.chores.wake(store, &self.project);
        }
        self.service.sets.keep(&self.project, self.learned).await;
        Ok(())
    }
}

impl Deref for Changes<'_> {
    type Target = UnitOfWork;

    fn deref(&self) -> &UnitOfWork {
        &self.unit
    }
}

impl DerefMut for Changes<'_> {
    fn deref_mut(&mut self) -> &mut UnitOfWork {
        &mut self.unit
    }
}
