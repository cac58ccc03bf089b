//! What the logic asks of storage about databases, tables, columns and indexes. (Rows are asked for through
//! [`floe_store::tables`].)

mod lists;
mod schema_jobs;
mod stored;
pub(crate) mod transactions;

pub(crate) use lists::{Listed, Listing, list_columns, list_databases, list_indexes, list_tables};
pub(crate) use stored::stored_permissions;

use crate::model::{AnyColumn, Column, Columns, Database, Index, Status, Table};
use crate::relation::{self, Relation};
use diesel::sql_types::BigInt;
use floe_kernel::permission::Permissions;
use floe_kernel::role::Role;
use floe_store::json;
use floe_store::prelude::*;
use serde_json::Value as Json;
use stored::schema::{columns, databases, indexes, tables};
use stored::{ColumnRow, DatabaseRow, IndexRow, TableRow};

/// Everything that users have defined in a project, through one connection.
pub(crate) struct SchemaRepository<'c>(pub(crate) &'c mut Connection);

/// A table whose permissions name somebody.
pub(crate) struct NamingTable {
    /// Its number.
    pub(crate) number: i64,
    /// Where it is: its database,
    pub(crate) database_id: String,
    /// and its own id.
    pub(crate) table_id: String,
    /// Its permissions.
    pub(crate) permissions: Permissions,
}

fn search_text(id: &str, name: &str) -> String {
    format!("{id} {name}").to_lowercase()
}

impl SchemaRepository<'_> {
    /// The database of this id.
    pub(crate) async fn database(&mut self, id: &str) -> Result<Option<Database>, Error> {
        let query = databases::table.filter(databases::id.eq(id));
        let row = on_conn!(self.0, |c| query.select(DatabaseRow::as_select()).first::<DatabaseRow>(c)).optional()?;
        Ok(row.map(Into::into))
    }

    /// Adds a database; gives its number.
    ///
    /// # Errors
    /// [`Error::Conflict`] on `id`.
    pub(crate) async fn add_database(&mut self, database: &Database) -> Result<i64, Error> {
        let row = (
            databases::id.eq(&database.id),
            databases::name.eq(&database.name),
            databases::kind.eq(&database.kind),
            databases::enabled.eq(database.enabled),
            databases::search.eq(search_text(&database.id, &database.name)),
            databases::created_at.eq(database.created.millis()),
            databases::updated_at.eq(database.updated.millis()),
        );
        let insert = diesel::insert_into(databases::table).values(row).returning(databases::number);
        Ok(on_conn!(self.0, |c| insert.get_result::<i64>(c))?)
    }

    /// Saves what may change of a database.
    pub(crate) async fn save_database(&mut self, database: &Database) -> Result<(), Error> {
        let row = (
            databases::name.eq(&database.name),
            databases::enabled.eq(database.enabled),
            databases::search.eq(search_text(&database.id, &database.name)),
            databases::updated_at.eq(database.updated.millis()),
        );
        let update = diesel::update(databases::table.find(database.number)).set(row);
        on_conn!(self.0, |c| update.execute(c))?;
        Ok(())
    }

    /// Removes a database and what is defined in it; not the rows.
    pub(crate) async fn remove_database(&mut self, number: i64) -> Result<(), Error> {
        on_conn!(self.0, |c| diesel::delete(databases::table.find(number)).execute(c))?;
        Ok(())
    }

    /// The table of this id in this database.
    pub(crate) async fn table(&mut self, database: i64, id: &str) -> Result<Option<Table>, Error> {
        let query = tables::table.filter(tables::database_number.eq(database)).filter(tables::id.eq(id));
        let row = on_conn!(self.0, |c| query.select(TableRow::as_select()).first::<TableRow>(c)).optional()?;
        row.map(Table::try_from).transpose()
    }

    /// The numbers and ids of all tables of a database.
    pub(crate) async fn table_ids(&mut self, database: i64) -> Result<Vec<(i64, String)>, Error> {
        let query = tables::table.filter(tables::database_number.eq(database)).select((tables::number, tables::id));
        Ok(on_conn!(self.0, |c| query.load::<(i64, String)>(c))?)
    }

    /// Adds a table; gives its number.
    ///
    /// # Errors
    /// [`Error::Conflict`] on `id`.
    pub(crate) async fn add_table(&mut self, database: i64, table: &Table) -> Result<i64, Error> {
        let row = (
            tables::database_number.eq(database),
            tables::id.eq(&table.id),
            tables::name.eq(&table.name),
            tables::enabled.eq(table.enabled),
            tables::row_security.eq(table.row_security),
            tables::permissions.eq(table.permissions.written()),
            tables::version.eq(table.version),
            tables::search.eq(search_text(&table.id, &table.name)),
            tables::created_at.eq(table.created.millis()),
            tables::updated_at.eq(table.updated.millis()),
        );
        let insert = diesel::insert_into(tables::table).values(row).returning(tables::number);
        Ok(on_conn!(self.0, |c| insert.get_result::<i64>(c))?)
    }

    /// Saves what may change of a table. (Its version only counts up: [`SchemaRepository::next_version`].)
    pub(crate) async fn save_table(&mut self, table: &Table) -> Result<(), Error> {
        let row = (
            tables::name.eq(&table.name),
            tables::enabled.eq(table.enabled),
            tables::row_security.eq(table.row_security),
            tables::permissions.eq(table.permissions.written()),
            tables::search.eq(search_text(&table.id, &table.name)),
            tables::updated_at.eq(table.updated.millis()),
        );
        let update = diesel::update(tables::table.find(table.number)).set(row);
        on_conn!(self.0, |c| update.execute(c))?;
        Ok(())
    }

    /// The tables whose permissions name this role, or one that begins with it.
    pub(crate) async fn tables_naming(&mut self, role: &Role) -> Result<Vec<NamingTable>, Error> {
        let query = tables::table.filter(tables::permissions.like(format!("%{role}%"))).select((
            tables::number,
            tables::database_number,
            tables::id,
            tables::permissions,
        ));
        let rows = on_conn!(self.0, |c| query.load::<(i64, i64, String, String)>(c))?;
        let mut named = Vec::with_capacity(rows.len());
        for (number, database, table_id, permissions) in rows {
            let database = databases::table.find(database).select(databases::id);
            let database_id = on_conn!(self.0, |c| database.first::<String>(c))?;
            named.push(NamingTable { number, database_id, table_id, permissions: stored_permissions(&permissions)? });
        }
        Ok(named)
    }

    /// Gives a table other permissions.
    pub(crate) async fn set_permissions(&mut self, table: i64, permissions: &Permissions) -> Result<(), Error> {
        let update = diesel::update(tables::table.find(table)).set(tables::permissions.eq(permissions.canonical()));
        on_conn!(self.0, |c| update.execute(c))?;
        Ok(())
    }

    /// Counts a table's version up. On PostgreSQL this also makes others wait who change the same table's shape.
    pub(crate) async fn next_version(&mut self, table: i64) -> Result<i64, Error> {
        let set = tables::version.eq(tables::version + 1);
        let update = diesel::update(tables::table.find(table)).set(set).returning(tables::version);
        Ok(on_conn!(self.0, |c| update.get_result::<i64>(c))?)
    }

    /// Removes a table and what is defined in it; not the rows.
    pub(crate) async fn remove_table(&mut self, number: i64) -> Result<(), Error> {
        on_conn!(self.0, |c| diesel::delete(tables::table.find(number)).execute(c))?;
        Ok(())
    }

    /// The columns of a table, and the relationships that it is in.
    pub(crate) async fn columns(&mut self, table: i64) -> Result<Columns, Error> {
        let touches = columns::table_number.eq(table).or(columns::related_table.eq(table));
        let query = columns::table.filter(touches).order_by(columns::number);
        let rows = on_conn!(self.0, |c| query.select(ColumnRow::as_select()).load::<ColumnRow>(c))?;
        let mut found = Columns::default();
        for row in rows {
            match AnyColumn::try_from(row)? {
                AnyColumn::Plain(column) => found.plain.push(column),
                AnyColumn::Relation(relation) => {
                    if relation.related.number == table && !relation.two_way {
                        found.incoming.push(relation.mirrored());
                    }
                    if relation.table.number == table {
                        found.relations.push(relation);
                    }
                }
            }
        }
        Ok(found)
    }

    /// All columns that are there and whose values are kept encrypted, each with the number of its table.
    pub(crate) async fn encrypted_columns(&mut self) -> Result<Vec<(i64, Column)>, Error> {
        let query = columns::table.filter(columns::encrypted.eq(true)).order_by(columns::number);
        let rows = on_conn!(self.0, |c| query
            .select((columns::table_number, ColumnRow::as_select()))
            .load::<(i64, ColumnRow)>(c))?;
        let mut found = Vec::new();
        for (table, row) in rows {
            if let AnyColumn::Plain(column) = AnyColumn::try_from(row)?
                && column.status == Status::Available
            {
                found.push((table, column));
            }
        }
        Ok(found)
    }

    /// Adds a relationship's column; gives its number.
    ///
    /// # Errors
    /// [`Error::Conflict`] on `key`.
    pub(crate) async fn add_relation(&mut self, relation: &Relation) -> Result<i64, Error> {
        let row = (
            columns::table_number.eq(relation.table.number),
            columns::related_table.eq(relation.related.number),
            columns::key.eq(&relation.key),
            columns::kind.eq(relation::TYPE),
            columns::format.eq(""),
            columns::size.eq(0),
            columns::required.eq(false),
            columns::array.eq(false),
            columns::rules.eq(relation.rules().to_string()),
            columns::status.eq(relation.status.name()),
            columns::error.eq(""),
            columns::created_at.eq(relation.created.millis()),
            columns::updated_at.eq(relation.updated.millis()),
        );
        let insert = diesel::insert_into(columns::table).values(row).returning(columns::number);
        Ok(on_conn!(self.0, |c| insert.get_result::<i64>(c))?)
    }

    /// Saves what may change of a relationship's column.
    ///
    /// # Errors
    /// [`Error::Conflict`] on `key`.
    pub(crate) async fn save_relation(&mut self, relation: &Relation) -> Result<(), Error> {
        let row = (
            columns::key.eq(&relation.key),
            columns::rules.eq(relation.rules().to_string()),
            columns::updated_at.eq(relation.updated.millis()),
        );
        let update = diesel::update(columns::table.find(relation.number)).set(row);
        on_conn!(self.0, |c| update.execute(c))?;
        Ok(())
    }

    /// Adds a column; gives its number.
    ///
    /// # Errors
    /// [`Error::Conflict`] on `key`.
    pub(crate) async fn add_column(&mut self, table: i64, column: &Column) -> Result<i64, Error> {
        let row = (
            columns::table_number.eq(table),
            columns::key.eq(&column.key),
            columns::kind.eq(column.domain.type_name()),
            columns::format.eq(column.domain.format()),
            columns::size.eq(column.domain.size()),
            columns::required.eq(column.required),
            columns::array.eq(column.array),
            columns::default_value.eq(column.default.as_ref().map(Json::to_string)),
            columns::rules.eq(column.domain.rules().to_string()),
            columns::encrypted.eq(column.encrypted),
            columns::status.eq(column.status.name()),
            columns::error.eq(column.status.error()),
            columns::created_at.eq(column.created.millis()),
            columns::updated_at.eq(column.updated.millis()),
        );
        let insert = diesel::insert_into(columns::table).values(row).returning(columns::number);
        Ok(on_conn!(self.0, |c| insert.get_result::<i64>(c))?)
    }

    /// Saves what may change of a column.
    ///
    /// # Errors
    /// [`Error::Conflict`] on `key`.
    pub(crate) async fn save_column(&mut self, column: &Column) -> Result<(), Error> {
        let row = (
            columns::key.eq(&column.key),
            columns::size.eq(column.domain.size()),
            columns::required.eq(column.required),
            columns::default_value.eq(column.default.as_ref().map(Json::to_string)),
            columns::rules.eq(column.domain.rules().to_string()),
            columns::updated_at.eq(column.updated.millis()),
        );
        let update = diesel::update(columns::table.find(column.number)).set(row);
        on_conn!(self.0, |c| update.execute(c))?;
        Ok(())
    }

    /// Removes a column's definition.
    pub(crate) async fn remove_column(&mut self, number: i64) -> Result<(), Error> {
        on_conn!(self.0, |c| diesel::delete(columns::table.find(number)).execute(c))?;
        Ok(())
    }

    /// Whether a row holds a longer text than so many characters in this column. In place, so for short tables.
    pub(crate) async fn holds_longer(&mut self, table: i64, column: i64, size: i64) -> Result<bool, Error> {
        let sql = longer_texts(table, column, size);
        Ok(on_conn!(self.0, |c| diesel::sql_query(&sql).get_result::<Counted>(c))?.n > 0)
    }

    /// The indexes of a table, in the order in which they were made.
    pub(crate) async fn indexes(&mut self, table: i64) -> Result<Vec<Index>, Error> {
        let query = indexes::table.filter(indexes::table_number.eq(table)).order_by(indexes::number);
        let rows = on_conn!(self.0, |c| query.select(IndexRow::as_select()).load::<IndexRow>(c))?;
        rows.into_iter().map(Index::try_from).collect()
    }

    /// Adds an index; gives its number.
    ///
    /// # Errors
    /// [`Error::Conflict`] on `key`.
    pub(crate) async fn add_index(&mut self, table: i64, index: &Index) -> Result<i64, Error> {
        let row = (
            indexes::table_number.eq(table),
            indexes::key.eq(&index.key),
            indexes::kind.eq(index.kind.name()),
            indexes::keys.eq(json::write(&index.columns)?),
            indexes::lengths.eq(json::write(&index.lengths)?),
            indexes::orders.eq(json::write(&index.orders)?),
            indexes::status.eq(index.status.name()),
            indexes::error.eq(index.status.error()),
            indexes::created_at.eq(index.created.millis()),
            indexes::updated_at.eq(index.updated.millis()),
        );
        let insert = diesel::insert_into(indexes::table).values(row).returning(indexes::number);
        Ok(on_conn!(self.0, |c| insert.get_result::<i64>(c))?)
    }

    /// Saves what may change of an index.
    pub(crate) async fn save_index(&mut self, index: &Index) -> Result<(), Error> {
        let row = (
            indexes::keys.eq(json::write(&index.columns)?),
            indexes::status.eq(index.status.name()),
            indexes::error.eq(index.status.error()),
            indexes::updated_at.eq(index.updated.millis()),
        );
        let update = diesel::update(indexes::table.find(index.number)).set(row);
        on_conn!(self.0, |c| update.execute(c))?;
        Ok(())
    }

    /// Removes an index's definition.
    pub(crate) async fn remove_index(&mut self, number: i64) -> Result<(), Error> {
        on_conn!(self.0, |c| diesel::delete(indexes::table.find(number)).execute(c))?;
        Ok(())
    }
}

/// Counts one row at the most. All names are ours, made of numbers.
fn longer_texts(table: i64, column: i64, size: i64) -> String {
    let longer = format!("SELECT 1 FROM rows_{table} WHERE length(c{column}) > {size} LIMIT 1");
    format!("SELECT count(*) AS n FROM ({longer}) AS longer")
}

/// Whether a row holds a longer text than so many characters in this column, of whatever table.
///
/// # Errors
/// [`Error::Timeout`] when it takes too long to find out.
pub(crate) async fn holds_longer(store: &Store, table: i64, column: i64, size: i64) -> Result<bool, Error> {
    let sql = longer_texts(table, column, size);
    Ok(on_scan!(store, |c| diesel::sql_query(sql.clone()).get_result::<Counted>(c))?.n > 0)
}

#[derive(QueryableByName)]
struct Counted {
    #[diesel(sql_type = BigInt)]
    n: i64,
}
