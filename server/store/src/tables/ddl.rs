//! Changes of a table's shape, and of its indexes.

use super::{Column, Links, Once, StoredTable, fulltext, links, spatial};
use crate::dialect::Dialect;
use crate::error::Result;
use crate::query::push_direction;
use crate::store::UnitOfWork;
use diesel::QueryResult;
use diesel::pg::{Pg, PgQueryBuilder};
use diesel::query_builder::{AstPass, QueryBuilder, QueryFragment};
use diesel::sqlite::{Sqlite, SqliteQueryBuilder};
use floe_kernel::query::Direction;
use floe_kernel::value::Kind;

/// A change of shape. Run by [`UnitOfWork::change`].
#[derive(Debug, Clone)]
pub enum Ddl {
    /// Makes the table, with the columns that it describes.
    CreateTable(StoredTable),
    /// Removes it, with its indexes, if it is there.
    DropTable(StoredTable),
    /// Adds a column, empty in all rows.
    AddColumn(StoredTable, Column),
    /// Removes a column; its indexes must be gone.
    DropColumn(StoredTable, String),
    /// Makes the index `rows_<n>_i<number>`.
    CreateIndex {
        /// Of this table.
        table: StoredTable,
        /// A number that no other index of the table has.
        number: i64,
        /// Whether no two rows may have the same values (rows with an empty one aside).
        unique: bool,
        /// The columns, the most important first.
        columns: Vec<IndexColumn>,
    },
    /// Removes an index of any kind, if it is there.
    DropIndex {
        /// Of this table.
        table: StoredTable,
        /// Its number.
        number: i64,
    },
    /// Makes the table of a relationship's links. Both tables must be there.
    CreateLinks(Links, Once),
    /// Removes it; before one of both tables goes.
    DropLinks(Links),
    /// Makes a fulltext index, `rows_<n>_i<number>`, with what the rows hold by now.
    CreateFulltext {
        /// Of this table.
        table: StoredTable,
        /// A number that no other index of the table has.
        number: i64,
        /// The columns' names in the database. They hold texts.
        columns: Vec<String>,
    },
    /// Makes a spatial index, `rows_<n>_i<number>`, with what the rows hold by now.
    CreateSpatial {
        /// Of this table.
        table: StoredTable,
        /// A number that no other index of the table has.
        number: i64,
        /// The column's name in the database. It holds shapes.
        column: String,
    },
}

/// A column of an index.
#[derive(Debug, Clone)]
pub struct IndexColumn {
    /// Its name in the database.
    pub name: String,
    /// Whether rows may have no value there: the same as in the [`floe_kernel::query::Field`] that sorts by it.
    pub nullable: bool,
    /// Which way.
    pub direction: Direction,
    /// How many characters count, where texts may be longer than PostgreSQL can keep in an index; none: all.
    pub length: Option<i64>,
}

impl Ddl {
    /// The statements.
    ///
    /// # Errors
    /// Never.
    pub fn sql(&self, sqlite: bool) -> QueryResult<String> {
        text_of(self, sqlite)
    }
}

/// The text of what binds nothing.
pub(super) fn text_of<F: QueryFragment<Sqlite> + QueryFragment<Pg>>(fragment: &F, sqlite: bool) -> QueryResult<String> {
    if sqlite {
        let mut out = SqliteQueryBuilder::default();
        QueryFragment::<Sqlite>::to_sql(fragment, &mut out, &Sqlite)?;
        return Ok(out.finish());
    }
    let mut out = PgQueryBuilder::default();
    QueryFragment::<Pg>::to_sql(fragment, &mut out, &Pg)?;
    Ok(out.finish())
}

/// How long a change of shape waits on PostgreSQL for the others that use the table, in milliseconds: everybody who comes
/// later waits behind it, readers too; and a dump uses all tables for as long as it takes.
const LOCK_PATIENCE: u32 = 300;

/// These statements, none of which waits for a lock of PostgreSQL for longer than [`LOCK_PATIENCE`].
pub(crate) fn impatiently(sql: &str) -> String {
    format!("SET LOCAL lock_timeout = {LOCK_PATIENCE}; {sql}; SET LOCAL lock_timeout TO DEFAULT")
}

impl UnitOfWork {
    /// Changes the shape of a user-defined table.
    ///
    /// # Errors
    /// [`crate::Error::Busy`] when others use the table for long, so that nothing can be done about it yet;
    /// [`crate::Error::Conflict`] when rows have the same values of an index that is to be unique.
    pub async fn change(&mut self, ddl: &Ddl) -> Result<()> {
        if let Ddl::DropTable(table) = ddl {
            fulltext::remove_all(self, table).await?;
        }
        let sql = ddl.sql(self.is_sqlite())?;
        if self.is_sqlite() { self.execute_ddl(&sql).await } else { self.execute_ddl(&impatiently(&sql)).await }
    }
}

impl<DB: Dialect> QueryFragment<DB> for Ddl {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        match self {
            Self::CreateTable(table) => create_table(&mut out, table),
            Self::DropTable(table) => {
                out.push_sql("DROP TABLE IF EXISTS ");
                table.place().push(&mut out)
            }
            Self::AddColumn(table, column) => {
                alter(&mut out, table, " ADD COLUMN ")?;
                push_definition(&mut out, column)
            }
            Self::DropColumn(table, column) => {
                alter(&mut out, table, " DROP COLUMN ")?;
                out.push_identifier(column)
            }
            Self::CreateIndex { table, number, unique, columns } => {
                create_index(&mut out, table, *number, *unique, columns)
            }
            Self::DropIndex { table, number } => {
                out.push_sql("DROP INDEX IF EXISTS ");
                let index = table.index_name(*number);
                table.place().beside(&index).push(&mut out)?;
                fulltext::remove(&mut out, &index)
            }
            Self::CreateFulltext { table, number, columns } => fulltext::create(&mut out, table, *number, columns),
            Self::CreateLinks(of, once) => links::create(&mut out, of, *once),
            Self::DropLinks(of) => {
                out.push_sql("DROP TABLE IF EXISTS ");
                of.place().push(&mut out)
            }
            Self::CreateSpatial { table, number, column } => spatial::create(&mut out, table, *number, column),
        }
    }
}

fn alter<DB: Dialect>(out: &mut AstPass<'_, '_, DB>, table: &StoredTable, what: &str) -> QueryResult<()> {
    out.push_sql("ALTER TABLE ");
    table.place().push(out)?;
    out.push_sql(what);
    Ok(())
}

fn create_table<DB: Dialect>(out: &mut AstPass<'_, '_, DB>, table: &StoredTable) -> QueryResult<()> {
    out.push_sql("CREATE TABLE ");
    table.place().push(out)?;
    out.push_sql(if DB::SQLITE {
        " (_sequence INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, _id TEXT NOT NULL UNIQUE"
    } else {
        " (_sequence BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY, _id TEXT COLLATE \"C\" NOT NULL UNIQUE"
    });
    out.push_sql(", _created BIGINT NOT NULL, _updated BIGINT NOT NULL, _permissions BIGINT NOT NULL");
    for column in table.columns() {
        out.push_sql(", ");
        push_definition(out, column)?;
    }
    out.push_sql("); CREATE INDEX ");
    out.push_identifier(&format!("{}_permissions", table.name()))?;
    out.push_sql(" ON ");
    table.place().push(out)?;
    out.push_sql(" (_permissions)");
    Ok(())
}

fn push_definition<DB: Dialect>(out: &mut AstPass<'_, '_, DB>, column: &Column) -> QueryResult<()> {
    out.push_identifier(&column.name)?;
    out.push_sql(match (column.kind, DB::SQLITE) {
        (Kind::Text, true) | (Kind::Json | Kind::Shape, _) => " TEXT",
        // By code point, as SQLite does, whatever the database's locale.
        (Kind::Text, false) => " TEXT COLLATE \"C\"",
        (Kind::Integer | Kind::Datetime, _) => " BIGINT",
        (Kind::Float, true) => " REAL",
        (Kind::Float, false) => " DOUBLE PRECISION",
        (Kind::Boolean, _) => " BOOLEAN",
    });
    Ok(())
}

fn create_index<DB: Dialect>(
    out: &mut AstPass<'_, '_, DB>,
    table: &StoredTable,
    number: i64,
    unique: bool,
    columns: &[IndexColumn],
) -> QueryResult<()> {
    out.push_sql(if unique { "CREATE UNIQUE INDEX " } else { "CREATE INDEX " });
    out.push_identifier(&table.index_name(number))?;
    out.push_sql(" ON ");
    table.place().push(out)?;
    for (n, column) in columns.iter().enumerate() {
        out.push_sql(if n > 0 { ", " } else { " (" });
        // Nothing is too long for SQLite, and queries are served by whole texts alone; but what is unique is unique in
        // so many characters everywhere.
        match column.length.filter(|_| unique || !DB::SQLITE) {
            None => out.push_identifier(&column.name)?,
            Some(length) => {
                out.push_sql("substr(");
                out.push_identifier(&column.name)?;
                out.push_sql(&format!(", 1, {length})"));
            }
        }
        push_direction(out, column.direction, column.nullable);
    }
    out.push_sql(")");
    Ok(())
}
