//! Databases: made, listed, renamed, switched off, removed.

use super::relations::drop_links;
use super::tables::drop_rows;
use super::{Databases, bytes, find_database};
use crate::events;
use crate::model::{Database, Task};
use crate::relation::Side;
use crate::repository::{self, Listed, Listing, SchemaRepository};
use crate::vocabulary::Vocabulary;
use floe_gateway::Call;
use floe_kernel::{Error, ErrorKind, Result};
use floe_store::conflict_is;

/// How many tables a request removes at the most: PostgreSQL locks each of them until the end.
const MOST_AT_ONCE: usize = 100;

impl Databases {
    /// Makes a database.
    ///
    /// # Errors
    /// `database_already_exists`.
    pub(crate) async fn create_database(
        &self,
        call: &Call,
        id: String,
        name: String,
        enabled: bool,
    ) -> Result<Database> {
        let kind = Vocabulary::of(call).words().database_type.to_owned();
        let mut database = Database { number: 0, id, name, kind, enabled, created: call.now, updated: call.now };
        let mut tx = self.begin(call).await?;
        let added = tx.definitions().add_database(&database).await;
        database.number = added.map_err(conflict_is(Error::about(ErrorKind::DatabaseAlreadyExists, &database.id)))?;
        tx.emit(events::DATABASE_CREATE, &[&database.id], || bytes(&database.to_json())).await?;
        tx.commit().await?;
        Ok(database)
    }

    /// The database of this id.
    ///
    /// # Errors
    /// `database_not_found`.
    pub(crate) async fn database(&self, call: &Call, id: &str) -> Result<Database> {
        find_database(&mut SchemaRepository(&mut call.store.read().await?), id).await
    }

    /// The databases of the project.
    ///
    /// # Errors
    /// For queries that don't fit.
    pub(crate) async fn databases(&self, call: &Call, listing: &Listing<'_>) -> Result<Listed<Database>> {
        repository::list_databases(&call.store, listing).await
    }

    /// Changes a database.
    ///
    /// # Errors
    /// `database_not_found`.
    pub(crate) async fn update_database(
        &self,
        call: &Call,
        id: &str,
        name: Option<String>,
        enabled: bool,
    ) -> Result<Database> {
        let mut tx = self.begin(call).await?;
        let mut database = find_database(&mut tx.definitions(), id).await?;
        database.name = name.unwrap_or(database.name);
        database.enabled = enabled;
        database.updated = call.now;
        tx.definitions().save_database(&database).await?;
        for (_, table_id) in tx.definitions().table_ids(database.number).await? {
            tx.invalidate_table(id, &table_id);
        }
        tx.emit(events::DATABASE_UPDATE, &[id], || bytes(&database.to_json())).await?;
        tx.commit().await?;
        Ok(database)
    }

    /// Removes a database with everything in it. It is gone at once; the rows of large tables, or of many, are removed
    /// later.
    ///
    /// # Errors
    /// `database_not_found`.
    pub(crate) async fn delete_database(&self, call: &Call, id: &str) -> Result<()> {
        let mut tx = self.begin(call).await?;
        let database = find_database(&mut tx.definitions(), id).await?;
        let tables = tx.definitions().table_ids(database.number).await?;
        let mut links_are_left = false;
        for (number, _) in &tables {
            // Links first: they refer to the rows of two tables. Each is the parent's of one.
            for relation in tx.definitions().columns(*number).await?.relations {
                if relation.side == Side::Parent {
                    links_are_left |= drop_links(&mut tx, call, &relation).await?;
                }
            }
        }
        tx.definitions().remove_database(database.number).await?;
        for (n, (number, table_id)) in tables.iter().enumerate() {
            if n < MOST_AT_ONCE {
                drop_rows(&mut tx, call, *number, links_are_left).await?;
            } else {
                tx.definitions().call_off_all(*number).await?;
                tx.later(Task::DropTable, *number, 0).await?;
            }
            tx.invalidate_table(id, table_id);
        }
        tx.emit(events::DATABASE_DELETE, &[id], || bytes(&database.to_json())).await?;
        tx.commit().await
    }
}
