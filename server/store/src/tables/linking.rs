//! Links made, found and removed, one row at a time, within a unit of work.

use super::{End, Links, StoredTable, statement};
use crate::dialect::{Dialect, TextList};
use crate::error::Result;
use crate::{UnitOfWork, on_conn};
use diesel::QueryResult;
use diesel::query_builder::{AstPass, QueryFragment};

/// A row, by its sequence, and which end of its links it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Linked {
    /// Which end.
    pub end: End,
    /// The row's sequence.
    pub row: i64,
}

/// Links a row to one of the other end. Nothing happens if they are linked already.
///
/// # Errors
/// [`crate::Error::Conflict`] when one of both is linked as often as it may be, or isn't there any more;
/// [`crate::Error::QuotaUsed`] when the project holds as many bytes as it may.
pub async fn link(unit: &mut UnitOfWork, links: &Links, from: Linked, to: i64) -> Result<()> {
    unit.refuse_if_full()?;
    let link = Link { links, from, to };
    unit.breathe().await;
    on_conn!(unit, |c| link.execute(c))?;
    Ok(())
}

/// Removes the link between a row and one of the other end; without one, all links of the row.
///
/// # Errors
/// Those of the database.
pub async fn unlink(unit: &mut UnitOfWork, links: &Links, from: Linked, to: Option<i64>) -> Result<()> {
    let unlink = Unlink { links, from, to };
    unit.breathe().await;
    on_conn!(unit, |c| unlink.execute(c))?;
    Ok(())
}

/// Keeps others from changing the rows of these ids until the unit of work ends. All at once and in one order for everybody,
/// so that two that want the same rows don't wait for each other. (On SQLite nobody else writes anyway.)
///
/// # Errors
/// Those of the database.
pub async fn lock(unit: &mut UnitOfWork, table: &StoredTable, ids: Vec<String>) -> Result<()> {
    if ids.is_empty() || unit.is_sqlite() {
        return Ok(());
    }
    let lock = Lock { table, ids: TextList::new(ids) };
    on_conn!(unit, |c| lock.execute(c))?;
    Ok(())
}

/// Says of all rows of the other end (of `table`) that a row is linked to that they were changed now.
///
/// # Errors
/// Those of the database.
pub async fn touch_linked(
    unit: &mut UnitOfWork,
    links: &Links,
    from: Linked,
    table: &StoredTable,
    updated: i64,
) -> Result<()> {
    let touch = TouchLinked { links, from, table, updated };
    on_conn!(unit, |c| touch.execute(c))?;
    Ok(())
}

struct Link<'q> {
    links: &'q Links,
    from: Linked,
    to: i64,
}
statement!(Link<'_>);

impl<DB: Dialect> QueryFragment<DB> for Link<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        out.push_sql("INSERT INTO ");
        self.links.place().push(&mut out)?;
        out.push_sql(" (");
        out.push_sql(self.from.end.column());
        out.push_sql(", ");
        out.push_sql(self.from.end.other().column());
        out.push_sql(") SELECT ");
        DB::bind_number(&mut out, &self.from.row)?;
        out.push_sql(", ");
        DB::bind_number(&mut out, &self.to)?;
        out.push_sql(" WHERE NOT EXISTS (SELECT 1 FROM ");
        self.links.place().push(&mut out)?;
        push_pair(&mut out, &self.from, Some(&self.to))?;
        out.push_sql(")");
        Ok(())
    }
}

struct Unlink<'q> {
    links: &'q Links,
    from: Linked,
    to: Option<i64>,
}
statement!(Unlink<'_>);

impl<DB: Dialect> QueryFragment<DB> for Unlink<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        out.push_sql("DELETE FROM ");
        self.links.place().push(&mut out)?;
        push_pair(&mut out, &self.from, self.to.as_ref())
    }
}

struct Lock<'q> {
    table: &'q StoredTable,
    ids: TextList,
}
statement!(Lock<'_>);

impl<DB: Dialect> QueryFragment<DB> for Lock<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        out.push_sql("SELECT _sequence FROM ");
        self.table.place().push(&mut out)?;
        out.push_sql(" WHERE _id");
        DB::in_list(&mut out, &self.ids)?;
        out.push_sql(" ORDER BY _sequence FOR UPDATE");
        Ok(())
    }
}

struct TouchLinked<'q> {
    links: &'q Links,
    from: Linked,
    table: &'q StoredTable,
    updated: i64,
}
statement!(TouchLinked<'_>);

impl<DB: Dialect> QueryFragment<DB> for TouchLinked<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        out.push_sql("UPDATE ");
        self.table.place().push(&mut out)?;
        out.push_sql(" SET _updated = ");
        DB::bind_number(&mut out, &self.updated)?;
        out.push_sql(" WHERE ");
        push_others(&mut out, self.links, &self.from)
    }
}

fn push_pair<'b, DB: Dialect>(out: &mut AstPass<'_, 'b, DB>, from: &'b Linked, to: Option<&'b i64>) -> QueryResult<()> {
    out.push_sql(" WHERE ");
    out.push_sql(from.end.column());
    out.push_sql(" = ");
    DB::bind_number(out, &from.row)?;
    let Some(to) = to else { return Ok(()) };
    out.push_sql(" AND ");
    out.push_sql(from.end.other().column());
    out.push_sql(" = ");
    DB::bind_number(out, to)
}

fn push_others<'b, DB: Dialect>(out: &mut AstPass<'_, 'b, DB>, links: &'b Links, from: &'b Linked) -> QueryResult<()> {
    out.push_sql("_sequence IN (SELECT ");
    out.push_sql(from.end.other().column());
    out.push_sql(" FROM ");
    links.place().push(out)?;
    push_pair(out, from, None)?;
    out.push_sql(")");
    Ok(())
}
