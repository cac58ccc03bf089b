//! Tables: made (with columns and indexes, if wanted), listed, changed, removed.

use super::relations::forsake;
use super::schema_jobs::is_large;
use super::{At, Databases, bytes, find_database, find_table};
use crate::events;
use crate::model::{Column, Columns, Index, NewColumn, NewIndex, Status, Table, Task, WholeTable};
use crate::repository::{self, Listed, Listing, SchemaRepository};
use crate::row_transaction::RowTransaction;
use crate::vocabulary::Vocabulary;
use floe_gateway::Call;
use floe_kernel::permission::Permissions;
use floe_kernel::{Error, Result};
use floe_store::conflict_is;
use floe_store::tables::{Column as StoredColumn, Ddl};

/// What is to become a table.
#[derive(Debug)]
pub(crate) struct NewTable {
    /// Its id.
    pub(crate) id: String,
    /// Its name.
    pub(crate) name: String,
    /// Who may do what with all of its rows. Nobody, unless said.
    pub(crate) permissions: Permissions,
    /// Whether rows have permissions of their own.
    pub(crate) row_security: bool,
    /// Whether clients may see it.
    pub(crate) enabled: bool,
    /// Its columns.
    pub(crate) columns: Vec<NewColumn>,
    /// Its indexes.
    pub(crate) indexes: Vec<NewIndex>,
}

/// What is to change of a table.
#[derive(Debug)]
pub(crate) struct TableChange {
    /// Another name.
    pub(crate) name: Option<String>,
    /// Other permissions.
    pub(crate) permissions: Option<Permissions>,
    /// Whether rows have permissions of their own.
    pub(crate) row_security: bool,
    /// Whether clients may see it.
    pub(crate) enabled: bool,
    /// Whether lists of its rows that are kept are to be forgotten, whatever else changes.
    pub(crate) purge: bool,
}

impl TableChange {
    /// Whether somebody may see or do something else from now on.
    fn is_of_access(&self, table: &Table) -> bool {
        self.permissions.as_ref().is_some_and(|permissions| *permissions != table.permissions)
            || (self.row_security, self.enabled) != (table.row_security, table.enabled)
    }
}

impl Databases {
    /// Makes a table.
    ///
    /// # Errors
    /// `database_not_found`, `table_already_exists`, and those of its columns and indexes.
    pub(crate) async fn create_table(&self, call: &Call, database_id: &str, new: NewTable) -> Result<WholeTable> {
        let vocabulary = Vocabulary::of(call);
        for (n, column) in new.columns.iter().enumerate() {
            if new.columns[..n].iter().any(|other| other.key.eq_ignore_ascii_case(&column.key)) {
                return Err(Error::about(vocabulary.errors().column_exists, &column.key));
            }
            column.check(vocabulary)?;
        }
        self.note_key(new.columns.iter().any(|column| column.encrypted)).await?;
        let mut tx = self.begin(call).await?;
        let database = find_database(&mut tx.definitions(), database_id).await?;
        let mut table = Table {
            number: 0,
            id: new.id,
            name: new.name,
            enabled: new.enabled,
            row_security: new.row_security,
            permissions: new.permissions,
            version: 1,
            created: call.now,
            updated: call.now,
        };
        let added = tx.definitions().add_table(database.number, &table).await;
        table.number = added.map_err(conflict_is(Error::about(vocabulary.errors().table_exists, &table.id)))?;
        let columns = add_columns(&mut tx, call, table.number, new.columns).await?;
        let stored: Vec<StoredColumn> = columns.iter().map(Column::stored).collect();
        tx.shape(Ddl::CreateTable(call.store.table(table.number, table.version, stored))).await?;
        let (relations, incoming, indexes) = (Vec::new(), Vec::new(), Vec::new());
        let mut whole = WholeTable { database_id: database.id, table, columns, relations, incoming, indexes };
        whole.check_limits(vocabulary)?;
        for index in new.indexes {
            let index = self.make_index(&mut tx, call, &whole, index).await?;
            whole.indexes.push(index);
        }
        tx.emit(events::TABLE_CREATE, &[database_id, &whole.table.id], || bytes(&whole.to_json(vocabulary))).await?;
        tx.commit().await?;
        Ok(whole)
    }

    /// The table there, with everything in it.
    ///
    /// # Errors
    /// `database_not_found`, `table_not_found`.
    pub(crate) async fn table(&self, call: &Call, at: &At) -> Result<WholeTable> {
        let mut conn = call.store.read().await?;
        let mut definitions = SchemaRepository(&mut conn);
        whole_table(&mut definitions, at, Vocabulary::of(call)).await
    }

    /// The table there, without what is in it.
    ///
    /// # Errors
    /// `database_not_found`, `table_not_found`.
    pub(super) async fn known_table(&self, call: &Call, at: &At) -> Result<Table> {
        let mut conn = call.store.read().await?;
        let mut definitions = SchemaRepository(&mut conn);
        Ok(find_table(&mut definitions, at, Vocabulary::of(call)).await?.1)
    }

    /// The tables of a database, each with everything in it.
    ///
    /// # Errors
    /// `database_not_found`, and for queries that don't fit.
    pub(crate) async fn tables(
        &self,
        call: &Call,
        database_id: &str,
        listing: &Listing<'_>,
    ) -> Result<Listed<WholeTable>> {
        let database = self.database(call, database_id).await?;
        let page = repository::list_tables(&call.store, database.number, listing).await?;
        let mut conn = call.store.read().await?;
        let mut definitions = SchemaRepository(&mut conn);
        let mut items = Vec::with_capacity(page.items.len());
        for table in page.items {
            items.push(fill(&mut definitions, database.id.clone(), table).await?);
        }
        Ok(Listed { items, total: page.total })
    }

    /// Changes a table.
    ///
    /// # Errors
    /// `database_not_found`, `table_not_found`.
    pub(crate) async fn update_table(&self, call: &Call, at: &At, change: TableChange) -> Result<WholeTable> {
        let vocabulary = Vocabulary::of(call);
        let mut tx = self.begin(call).await?;
        let mut whole = whole_table(&mut tx.definitions(), at, vocabulary).await?;
        let table = &mut whole.table;
        let is_of_access = change.is_of_access(table);
        if is_of_access {
            table.version = tx.definitions().next_version(table.number).await?;
            tx.invalidate_table(&at.database, &at.table);
        } else if change.purge {
            tx.invalidate_lists(&at.database);
        }
        if let Some(name) = change.name {
            table.name = name;
        }
        if let Some(permissions) = change.permissions {
            table.permissions = permissions;
        }
        table.row_security = change.row_security;
        table.enabled = change.enabled;
        table.updated = call.now;
        tx.definitions().save_table(table).await?;
        tx.emit(events::TABLE_UPDATE, &[&at.database, &at.table], || bytes(&whole.to_json(vocabulary))).await?;
        tx.commit().await?;
        Ok(whole)
    }

    /// Removes a table with its rows. It is gone at once; the rows of a large one are removed later.
    ///
    /// # Errors
    /// `database_not_found`, `table_not_found`.
    pub(crate) async fn delete_table(&self, call: &Call, at: &At) -> Result<()> {
        let vocabulary = Vocabulary::of(call);
        let mut tx = self.begin(call).await?;
        let whole = whole_table(&mut tx.definitions(), at, vocabulary).await?;
        let links_are_left = forsake(&mut tx, call, &whole).await?;
        tx.definitions().remove_table(whole.table.number).await?;
        drop_rows(&mut tx, call, whole.table.number, links_are_left).await?;
        tx.invalidate_table(&at.database, &at.table);
        tx.emit(events::TABLE_DELETE, &[&at.database, &at.table], || bytes(&whole.to_json(vocabulary))).await?;
        tx.commit().await
    }
}

/// Removes the rows of a table that isn't defined any more, or leaves that for later. Later it is when there still are
/// links to them.
pub(super) async fn drop_rows(
    tx: &mut RowTransaction<'_>,
    call: &Call,
    table: i64,
    links_are_left: bool,
) -> Result<()> {
    let stored = call.store.table(table, 0, Vec::new());
    if tx.definitions().awaits_jobs(table).await? {
        tx.definitions().call_off_all(table).await?;
    } else if !links_are_left && !is_large(tx, &stored).await? && tx.try_shape(Ddl::DropTable(stored)).await? {
        return Ok(());
    }
    tx.later(Task::DropTable, table, 0).await
}

/// The table there, with everything in it.
pub(super) async fn whole_table(
    definitions: &mut SchemaRepository<'_>,
    at: &At,
    vocabulary: Vocabulary,
) -> Result<WholeTable> {
    let (database, table) = find_table(definitions, at, vocabulary).await?;
    fill(definitions, database.id, table).await
}

pub(super) async fn fill(
    definitions: &mut SchemaRepository<'_>,
    database_id: String,
    table: Table,
) -> Result<WholeTable> {
    let Columns { plain: columns, relations, incoming } = definitions.columns(table.number).await?;
    let indexes: Vec<Index> = definitions.indexes(table.number).await?;
    Ok(WholeTable { database_id, table, columns, relations, incoming, indexes })
}

async fn add_columns(
    tx: &mut RowTransaction<'_>,
    call: &Call,
    table: i64,
    new: Vec<NewColumn>,
) -> Result<Vec<Column>, Error> {
    let mut columns = Vec::with_capacity(new.len());
    for column in new {
        let mut column = column.made(call.now, Status::Available);
        column.number = tx.definitions().add_column(table, &column).await?;
        columns.push(column);
    }
    Ok(columns)
}
