//! Where rows are read from: what is committed, or what a unit of work sees.

use super::Databases;
use crate::changes::Changes;
use crate::permission_sets::PermissionSet;
use crate::schema::TableSchema;
use floe_gateway::Call;
use floe_kernel::query::Selection;
use floe_kernel::{Error, Result};
use floe_store::query::{self, Plan, Predicate};
use floe_store::tables::{self, StoredRow};
use floe_store::{Connection, Store};
use std::sync::Arc;

/// Where rows are read from. Holds one connection at the most, and only while it needs one.
pub(super) enum Source<'c, 's> {
    /// What is committed.
    Committed {
        /// Everything that is known.
        service: &'c Databases,
        /// The project's data.
        store: &'c Store,
        /// What was read through last.
        conn: Option<Connection>,
    },
    /// What a unit of work sees: its own changes too.
    Within(&'c mut Changes<'s>),
}

impl<'c> Source<'c, '_> {
    /// What is committed.
    pub(super) fn committed(service: &'c Databases, call: &'c Call) -> Self {
        Self::Committed { service, store: &call.store, conn: None }
    }

    /// The row of this id.
    pub(super) async fn get(
        &mut self,
        schema: &TableSchema,
        columns: Option<&[usize]>,
        id: &str,
    ) -> Result<Option<StoredRow>> {
        Ok(match self {
            Self::Committed { store, conn, .. } => {
                tables::get(opened(conn, store).await?, &schema.stored, columns, id).await?
            }
            Self::Within(changes) => tables::get(changes, &schema.stored, columns, id).await?,
        })
    }

    /// The set of permissions of this number.
    pub(super) async fn set(&mut self, schema: &TableSchema, number: i64) -> Result<Arc<PermissionSet>> {
        match self {
            Self::Committed { service, store, conn } => Ok(match service.sets.known(&schema.project, number) {
                Some(set) => set,
                None => service.sets.read(&schema.project, number, opened(conn, store).await?).await?,
            }),
            // Noted by the unit, not kept: what it made isn't committed.
            Self::Within(changes) => changes.set(number).await,
        }
    }

    /// Plans a page.
    pub(super) async fn plan(
        &mut self,
        schema: &TableSchema,
        selection: &Selection,
        visible: Option<Predicate>,
    ) -> Result<Plan> {
        let place = schema.stored.place();
        Ok(match self {
            Self::Committed { store, conn, .. } => {
                *conn = None;
                query::plan(store, place, selection, visible).await?
            }
            Self::Within(changes) => query::plan_in(changes, place, selection, visible).await?,
        })
    }

    /// The rows of a page.
    pub(super) async fn list(
        &mut self,
        schema: &TableSchema,
        columns: Option<&[usize]>,
        plan: &Plan,
    ) -> Result<Vec<StoredRow>> {
        Ok(match self {
            Self::Committed { store, conn, .. } => {
                *conn = None;
                tables::list(store, &schema.stored, columns, plan).await?
            }
            Self::Within(changes) => tables::list_in(changes, &schema.stored, columns, plan).await?,
        })
    }

    /// How many rows there are, counted no further than `up_to`.
    pub(super) async fn count(&mut self, schema: &TableSchema, which: &Predicate, up_to: i64) -> Result<i64> {
        let place = schema.stored.place();
        Ok(match self {
            Self::Committed { store, conn, .. } => {
                *conn = None;
                query::count(store, place, which, up_to).await?
            }
            Self::Within(changes) => query::count_in(changes, place, which, up_to).await?,
        })
    }
}

async fn opened<'c>(conn: &'c mut Option<Connection>, store: &Store) -> Result<&'c mut Connection> {
    if conn.is_none() {
        *conn = Some(store.read().await?);
    }
    conn.as_mut().ok_or_else(|| Error::internal("no connection"))
}
