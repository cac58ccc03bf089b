//! Rows that rows are linked to.

use super::budget::Budget;
use super::rows::{push_columns, read_number, read_row};
use super::{End, Links, StoredRow, StoredTable, statement};
use crate::connection::Lane;
use crate::dialect::{Dialect, NumberList};
use crate::error::Result;
use crate::query::Predicate;
use crate::store::Scans;
use crate::{Connection, Store, on_conn, on_scan};
use diesel::QueryResult;
use diesel::deserialize::{self, QueryableByName};
use diesel::query_builder::{AstPass, QueryFragment};
use diesel::row::NamedRow;

/// A row, and which row it is linked to.
#[derive(Debug, Clone, PartialEq)]
pub struct Related {
    /// The sequence of the row that the links were followed from.
    pub of: i64,
    /// The row that they lead to.
    pub row: StoredRow,
}

/// Which links are followed, and what is read of the rows there. However many rows there are: one statement.
#[derive(Debug)]
pub struct Following<'f> {
    /// The links.
    pub links: &'f Links,
    /// Which end is known.
    pub from: End,
    /// The sequences of the rows at that end.
    pub of: Vec<i64>,
    /// The table at the other end.
    pub table: &'f StoredTable,
    /// The columns of that table that are wanted, by their place; none: all.
    pub columns: Option<&'f [usize]>,
    /// What the caller may see of that table; none: everything.
    pub visible: Option<Predicate>,
    /// How many at the most.
    pub limit: i64,
}

/// The rows at the other end, in the order in which they were made.
///
/// # Errors
/// [`crate::Error::Timeout`] when it takes too long, [`crate::Error::TooLarge`] when they hold more than an answer may.
pub async fn related(store: &Store, following: Following<'_>) -> Result<Vec<Related>> {
    let (table, columns) = (following.table.clone(), following.columns);
    let select = Follow::new(following);
    let budget = Budget::of(store);
    let found = match store.scans() {
        Scans::Sqlite(file, limit) => {
            let load = move |c: &mut _| budget.within(|| diesel::RunQueryDsl::load::<Related>(&select, c));
            file.scan(limit, false, load).await
        }
        Scans::Postgres(..) => budget.reading(async { on_scan!(store, |c| (&select).load::<Related>(c)) }).await,
    }?;
    fitted(found, &table, columns)
}

/// The same inside a unit of work, where what it changed is seen.
///
/// # Errors
/// [`crate::Error::Timeout`] when it takes too long.
pub async fn related_in(conn: &mut Connection, following: Following<'_>) -> Result<Vec<Related>> {
    let (table, columns) = (following.table.clone(), following.columns);
    let select = Follow::new(following);
    let budget = Budget::default();
    let found = match conn.lane() {
        Lane::Sqlite(lease) => {
            let load = move |c: &mut _| budget.within(|| diesel::RunQueryDsl::load::<Related>(&select, c));
            lease.scan(false, load).await?
        }
        Lane::Postgres(_) => budget.reading(async { on_conn!(conn, |c| (&select).load::<Related>(c)) }).await?,
    };
    fitted(found, &table, columns)
}

fn fitted(found: Vec<Related>, table: &StoredTable, columns: Option<&[usize]>) -> Result<Vec<Related>> {
    found.into_iter().map(|Related { of, row }| Ok(Related { of, row: row.fit(table, columns)? })).collect()
}

impl<DB: Dialect> QueryableByName<DB> for Related {
    fn build<'a>(row: &impl NamedRow<'a, DB>) -> deserialize::Result<Self> {
        Ok(Self { of: read_number(row, 0)?, row: read_row(row, 1)? })
    }
}

struct Follow {
    links: Links,
    from: End,
    of: NumberList,
    table: StoredTable,
    columns: Option<Vec<usize>>,
    visible: Option<Predicate>,
    limit: i64,
}
statement!(Follow);

impl Follow {
    fn new(following: Following<'_>) -> Self {
        Self {
            links: following.links.clone(),
            from: following.from,
            of: NumberList::new(following.of),
            table: following.table.clone(),
            columns: following.columns.map(<[_]>::to_vec),
            visible: following.visible,
            limit: following.limit,
        }
    }
}

impl<DB: Dialect> QueryFragment<DB> for Follow {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        let (here, there) = (self.from.column(), self.from.other().column());
        out.push_sql("SELECT ");
        out.push_sql(here);
        out.push_sql(", ");
        push_columns(&mut out, &self.table, self.columns.as_deref())?;
        out.push_sql(" FROM ");
        self.links.place().push(&mut out)?;
        out.push_sql(" INNER JOIN ");
        self.table.place().push(&mut out)?;
        out.push_sql(" ON _sequence = ");
        out.push_sql(there);
        out.push_sql(" WHERE ");
        out.push_sql(here);
        DB::in_numbers(&mut out, &self.of)?;
        if let Some(visible) = &self.visible {
            out.push_sql(" AND ");
            visible.walk_ast(out.reborrow())?;
        }
        out.push_sql(" ORDER BY _sequence LIMIT ");
        DB::bind_number(&mut out, &self.limit)
    }
}
