//! Where rows are read: from the store, or inside a unit of work.

use super::Databases;
use super::shapes::{self, Source};
use crate::permission_sets::PermissionSet;
use crate::row_transaction::RowTransaction;
use crate::schema::TableSchema;
use floe_gateway::Call;
use floe_kernel::query::Selection;
use floe_kernel::{Error, Result};
use floe_store::query::{self, Plan, Predicate};
use floe_store::tables::{self, Following, StoredRow};
use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

/// Where rows are read. Holds a connection of its own only for as long as one step takes.
pub(super) enum RowReader<'r, 'c> {
    /// From the store: what is committed.
    Store(&'r Databases, &'r Call),
    /// Inside a unit of work, where what it changed is seen. Sets of permissions are noted there, and not kept before it
    /// is committed.
    Unit(&'r mut RowTransaction<'c>),
}

impl RowReader<'_, '_> {
    /// In the middle of much work: gives others of this thread their turn. Not inside a unit of work, which holds up
    /// everybody who writes.
    pub(super) async fn let_others(&mut self) {
        if matches!(self, Self::Store(..)) {
            tokio::task::yield_now().await;
        }
    }

    /// The row of this id, with these of its columns, and what it allows.
    pub(super) async fn row(
        &mut self,
        schema: &TableSchema,
        columns: Option<&[usize]>,
        id: &str,
    ) -> Result<Option<(StoredRow, Arc<PermissionSet>)>> {
        match self {
            Self::Store(service, call) => {
                let mut conn = call.store.read().await?;
                let Some(row) = tables::get(&mut conn, &schema.stored, columns, id).await? else { return Ok(None) };
                let set = match service.sets.known(&schema.project, row.permissions) {
                    Some(set) => set,
                    None => service.sets.read(&schema.project, row.permissions, &mut conn).await?,
                };
                Ok(Some((row, set)))
            }
            Self::Unit(tx) => {
                let Some(row) = tables::get(tx, &schema.stored, columns, id).await? else { return Ok(None) };
                let set = tx.set(row.permissions).await?;
                Ok(Some((row, set)))
            }
        }
    }

    /// The same selection, with its conditions on shapes worked out.
    pub(super) async fn settle<'q>(
        &mut self,
        schema: &TableSchema,
        selection: &'q Selection,
        visible: Option<&Predicate>,
    ) -> Result<Cow<'q, Selection>> {
        if !selection.filter.has_shapes() {
            return Ok(Cow::Borrowed(selection));
        }
        let mut selection = selection.clone();
        let source = match self {
            Self::Store(_, call) => Source::Store(call.store_for_lists()),
            Self::Unit(tx) => Source::Unit(tx),
        };
        shapes::settle(source, schema, &mut selection.filter, visible).await?;
        Ok(Cow::Owned(selection))
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
            Self::Store(_, call) => query::plan(&call.store_for_lists(), place, selection, visible).await?,
            Self::Unit(tx) => query::plan_in(tx, place, selection, visible).await?,
        })
    }

    /// The rows of a page, with these of their columns.
    pub(super) async fn list(
        &mut self,
        schema: &TableSchema,
        columns: Option<&[usize]>,
        plan: &Plan,
    ) -> Result<Vec<StoredRow>> {
        Ok(match self {
            Self::Store(_, call) => tables::list(&call.store_for_lists(), &schema.stored, columns, plan).await?,
            Self::Unit(tx) => tables::list_in(tx, &schema.stored, columns, plan).await?,
        })
    }

    /// How many rows there are, counted no further than `up_to`.
    pub(super) async fn count(&mut self, schema: &TableSchema, which: &Predicate, up_to: i64) -> Result<i64> {
        let place = schema.stored.place();
        Ok(match self {
            Self::Store(_, call) => query::count(&call.store_for_lists(), place, which, up_to).await?,
            Self::Unit(tx) => query::count_in(tx, place, which, up_to).await?,
        })
    }

    /// The rows that others are linked to.
    pub(super) async fn related(&mut self, following: Following<'_>) -> Result<Vec<tables::Related>> {
        Ok(match self {
            Self::Store(_, call) => tables::related(&call.store_for_lists(), following).await?,
            Self::Unit(tx) => tables::related_in(tx, following).await?,
        })
    }

    /// The sets of permissions of these rows, by number.
    pub(super) async fn sets(
        &mut self,
        schema: &TableSchema,
        rows: &[StoredRow],
    ) -> Result<HashMap<i64, Arc<PermissionSet>>> {
        let mut sets = HashMap::new();
        let mut conn = None;
        let mut last = None;
        for number in rows.iter().map(|row| row.permissions) {
            // Neighbours often have the same.
            if last.replace(number) == Some(number) || sets.contains_key(&number) {
                continue;
            }
            let set = match self {
                Self::Unit(tx) => tx.set(number).await?,
                Self::Store(service, call) => match service.sets.known(&schema.project, number) {
                    Some(set) => set,
                    None => {
                        if conn.is_none() {
                            conn = Some(call.store.read().await?);
                        }
                        let conn = conn.as_mut().ok_or_else(|| Error::internal("no connection"))?;
                        service.sets.read(&schema.project, number, conn).await?
                    }
                },
            };
            sets.insert(number, set);
        }
        Ok(sets)
    }
}
