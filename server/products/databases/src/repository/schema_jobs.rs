//! What is still to be done about the shape of tables, and what is asked for to do it.

use super::SchemaRepository;
use super::stored::schema::{columns, databases, indexes, tables};
use super::stored::{ColumnRow, IndexRow, TableRow};
use crate::model::{AnyColumn, Column, Index, SchemaJob, Status, Table, Task};
use crate::relation::Relation;
use floe_store::prelude::*;

mod schema {
    diesel::table! {
        schema_jobs (number) {
            number -> BigInt,
            kind -> Text,
            table_number -> BigInt,
            item_number -> BigInt,
        }
    }
}
use schema::schema_jobs;

#[derive(Queryable, Selectable)]
#[diesel(table_name = schema_jobs)]
struct JobRow {
    number: i64,
    kind: String,
    table_number: i64,
    item_number: i64,
}

impl TryFrom<JobRow> for SchemaJob {
    type Error = Error;

    fn try_from(row: JobRow) -> Result<Self, Error> {
        let task = Task::stored(&row.kind).ok_or_else(|| Error::unavailable(format!("a schema job {}", row.kind)))?;
        Ok(Self { number: row.number, task, table: row.table_number, item: row.item_number })
    }
}

impl SchemaRepository<'_> {
    /// Notes something that is to be done. `item`: the number of the index or column.
    pub(crate) async fn add_job(&mut self, task: Task, table: i64, item: i64) -> Result<(), Error> {
        let row =
            (schema_jobs::kind.eq(task.name()), schema_jobs::table_number.eq(table), schema_jobs::item_number.eq(item));
        let insert = diesel::insert_into(schema_jobs::table).values(row);
        on_conn!(self.0, |c| insert.execute(c))?;
        Ok(())
    }

    /// The oldest job with a greater number than this.
    pub(crate) async fn next_job(&mut self, after: i64) -> Result<Option<SchemaJob>, Error> {
        let query = schema_jobs::table.filter(schema_jobs::number.gt(after)).order_by(schema_jobs::number);
        let row = on_conn!(self.0, |c| query.select(JobRow::as_select()).first::<JobRow>(c)).optional()?;
        row.map(SchemaJob::try_from).transpose()
    }

    /// Whether something is to be done about the shape of this table.
    pub(crate) async fn awaits_jobs(&mut self, table: i64) -> Result<bool, Error> {
        let query = schema_jobs::table.filter(schema_jobs::table_number.eq(table)).select(schema_jobs::number);
        Ok(on_conn!(self.0, |c| query.first::<i64>(c)).optional()?.is_some())
    }

    /// A job is done. Whether it was still to be done.
    pub(crate) async fn remove_job(&mut self, number: i64) -> Result<bool, Error> {
        Ok(on_conn!(self.0, |c| diesel::delete(schema_jobs::table.find(number)).execute(c))? > 0)
    }

    /// Nothing of this kind is to be done about this any more. Whether something was.
    pub(crate) async fn call_off(&mut self, task: Task, table: i64, item: i64) -> Result<bool, Error> {
        let these = schema_jobs::table
            .filter(schema_jobs::kind.eq(task.name()))
            .filter(schema_jobs::table_number.eq(table))
            .filter(schema_jobs::item_number.eq(item));
        Ok(on_conn!(self.0, |c| diesel::delete(these).execute(c))? > 0)
    }

    /// Nothing is to be done about this table any more.
    pub(crate) async fn call_off_all(&mut self, table: i64) -> Result<(), Error> {
        let these = schema_jobs::table.filter(schema_jobs::table_number.eq(table));
        on_conn!(self.0, |c| diesel::delete(these).execute(c))?;
        Ok(())
    }

    /// The table of this number, and the id of its database.
    pub(crate) async fn table_of_number(&mut self, number: i64) -> Result<Option<(String, Table)>, Error> {
        let query = tables::table.find(number);
        let row = on_conn!(self.0, |c| query.select(TableRow::as_select()).first::<TableRow>(c)).optional()?;
        let Some(row) = row else { return Ok(None) };
        let query = tables::table.find(number).select(tables::database_number);
        let parent = on_conn!(self.0, |c| query.first::<i64>(c))?;
        let query = databases::table.find(parent).select(databases::id);
        let database = on_conn!(self.0, |c| query.first::<String>(c))?;
        Ok(Some((database, Table::try_from(row)?)))
    }

    /// The column of this number.
    pub(crate) async fn column_of_number(&mut self, number: i64) -> Result<Option<Column>, Error> {
        let query = columns::table.find(number);
        let row = on_conn!(self.0, |c| query.select(ColumnRow::as_select()).first::<ColumnRow>(c)).optional()?;
        row.map(Column::try_from).transpose()
    }

    /// The relationship whose column has this number.
    pub(crate) async fn relation_of_number(&mut self, number: i64) -> Result<Option<Relation>, Error> {
        let query = columns::table.find(number);
        let row = on_conn!(self.0, |c| query.select(ColumnRow::as_select()).first::<ColumnRow>(c)).optional()?;
        match row.map(AnyColumn::try_from).transpose()? {
            Some(AnyColumn::Relation(relation)) => Ok(Some(relation)),
            Some(AnyColumn::Plain(_)) | None => Ok(None),
        }
    }

    /// The index of this number.
    pub(crate) async fn index_of_number(&mut self, number: i64) -> Result<Option<Index>, Error> {
        let query = indexes::table.find(number);
        let row = on_conn!(self.0, |c| query.select(IndexRow::as_select()).first::<IndexRow>(c)).optional()?;
        row.map(Index::try_from).transpose()
    }

    /// Says what has become of a column. Whether it is still defined.
    pub(crate) async fn set_column_status(&mut self, number: i64, status: &Status) -> Result<bool, Error> {
        let set = (columns::status.eq(status.name()), columns::error.eq(status.error()));
        Ok(on_conn!(self.0, |c| diesel::update(columns::table.find(number)).set(set).execute(c))? > 0)
    }

    /// Says what has become of an index. Whether it is still defined.
    pub(crate) async fn set_index_status(&mut self, number: i64, status: &Status) -> Result<bool, Error> {
        let set = (indexes::status.eq(status.name()), indexes::error.eq(status.error()));
        Ok(on_conn!(self.0, |c| diesel::update(indexes::table.find(number)).set(set).execute(c))? > 0)
    }
}
