//! Pages of what users have defined.

use super::stored::schema::{columns, databases, indexes, tables};
use super::stored::{ColumnRow, DatabaseRow, IndexRow, TableRow};
use crate::model::{AnyColumn, Database, Index, Table};
use floe_kernel::query::{Field, Fields, Queries, Selection};
use floe_kernel::value::{Kind, Value};
use floe_store::prelude::*;
use floe_store::query::{Predicate, TableRef};

/// A page of a list, and how many there are in all.
pub(crate) struct Listed<T> {
    /// The page.
    pub(crate) items: Vec<T>,
    /// How many there are, counted no further than the API promises; 0 when nobody asked.
    pub(crate) total: i64,
}

/// What a list of definitions is asked for.
#[derive(Debug)]
pub(crate) struct Listing<'l> {
    /// Filters, order, page.
    pub(crate) queries: &'l Queries,
    /// What ids and names must contain; empty: anything.
    pub(crate) search: &'l str,
    /// Whether a total is wanted.
    pub(crate) total: bool,
}

impl Listing<'_> {
    fn selection(&self, fields: &[Field]) -> floe_kernel::Result<Selection> {
        Ok(self.queries.resolve_whole(Fields { fields, sequence: "number" })?.counted(self.total))
    }

    /// Which of a table's definitions are meant: those of this parent, that contain what is searched for.
    fn scope(&self, parent: Option<(&'static str, i64)>) -> Predicate {
        let of_parent = parent.map(|(column, number)| Predicate::is(column, Value::Integer(number)));
        let searched = Predicate::searched("search", &self.search.to_lowercase());
        Predicate::all(of_parent.into_iter().chain(searched))
    }
}

const DATABASES: TableRef = TableRef::fixed("databases", "id");
const TABLES: TableRef = TableRef::fixed("tables", "id");
const COLUMNS: TableRef = TableRef::fixed("columns", "key");
const INDEXES: TableRef = TableRef::fixed("indexes", "key");

const fn of_every(id: &'static str) -> [Field; 4] {
    [
        Field::required("$id", id, Kind::Text),
        Field::required("$sequence", "number", Kind::Integer),
        Field::required("$createdAt", "created_at", Kind::Datetime),
        Field::required("$updatedAt", "updated_at", Kind::Datetime),
    ]
}

fn fields<const N: usize>(id: &'static str, own: [Field; N]) -> Vec<Field> {
    of_every(id).into_iter().chain(own).collect()
}

/// The databases of a project.
pub(crate) async fn list_databases(store: &Store, listing: &Listing<'_>) -> floe_kernel::Result<Listed<Database>> {
    let fields = fields("id", [Field::required("name", "name", Kind::Text)]);
    let (selection, visible) = (listing.selection(&fields)?, listing.scope(None));
    let (total, rows) = on_list!(store, &DATABASES, &selection, Some(visible), databases::table => DatabaseRow);
    Ok(Listed { items: rows.into_iter().map(Into::into).collect(), total })
}

/// The tables of a database.
pub(crate) async fn list_tables(
    store: &Store,
    database: i64,
    listing: &Listing<'_>,
) -> floe_kernel::Result<Listed<Table>> {
    let own = [
        Field::required("name", "name", Kind::Text),
        Field::required("enabled", "enabled", Kind::Boolean),
        Field::required("rowSecurity", "row_security", Kind::Boolean),
        Field::required("documentSecurity", "row_security", Kind::Boolean),
    ];
    let parent = Some(("database_number", database));
    let (selection, visible) = (listing.selection(&fields("id", own))?, listing.scope(parent));
    let (total, rows) = on_list!(store, &TABLES, &selection, Some(visible), tables::table => TableRow);
    Ok(Listed { items: rows.into_iter().map(Table::try_from).collect::<Result<_, _>>()?, total })
}

/// The columns of a table.
pub(crate) async fn list_columns(
    store: &Store,
    table: i64,
    listing: &Listing<'_>,
) -> floe_kernel::Result<Listed<AnyColumn>> {
    let own = [
        Field::required("key", "key", Kind::Text),
        Field::required("type", "type", Kind::Text),
        Field::required("size", "size", Kind::Integer),
        Field::required("required", "required", Kind::Boolean),
        Field::required("array", "array", Kind::Boolean),
        Field::required("status", "status", Kind::Text),
        Field::required("error", "error", Kind::Text),
    ];
    let (selection, visible) = (listing.selection(&fields("key", own))?, listing.scope(Some(("table_number", table))));
    let (total, rows) = on_list!(store, &COLUMNS, &selection, Some(visible), columns::table => ColumnRow);
    Ok(Listed { items: rows.into_iter().map(AnyColumn::try_from).collect::<Result<_, _>>()?, total })
}

/// The indexes of a table.
pub(crate) async fn list_indexes(
    store: &Store,
    table: i64,
    listing: &Listing<'_>,
) -> floe_kernel::Result<Listed<Index>> {
    let own = [
        Field::required("key", "key", Kind::Text),
        Field::required("type", "type", Kind::Text),
        Field::required("status", "status", Kind::Text),
        Field::required("error", "error", Kind::Text),
        Field::list("attributes", "keys", Kind::Text),
        Field::list("columns", "keys", Kind::Text),
    ];
    let (selection, visible) = (listing.selection(&fields("key", own))?, listing.scope(Some(("table_number", table))));
    let (total, rows) = on_list!(store, &INDEXES, &selection, Some(visible), indexes::table => IndexRow);
    Ok(Listed { items: rows.into_iter().map(Index::try_from).collect::<Result<_, _>>()?, total })
}
