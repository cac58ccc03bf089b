//! Encrypted values of a column, encrypted anew with the current key: what is left to be done when the instance's key was
//! replaced.

use super::online_ddl::place_of;
use super::{ID, SEQUENCE, StoredTable};
use crate::connection::Number;
use crate::error::Result;
use crate::prelude::*;
use diesel::sql_types::{BigInt, Text};
use floe_sealed::Seal;
use std::ops::AddAssign;

/// How many values are looked at in one go, and how many bytes of them.
const BATCH: usize = 200;
const BATCH_BYTES: i64 = 4 << 20;

/// What has become of sealed values.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Resealed {
    /// How many are sealed with the current key now, and were not.
    pub done: u64,
    /// How many can't be opened by any key that we have.
    pub unreadable: u64,
    /// How many can, and are still sealed with one of before.
    pub left: u64,
}

impl AddAssign for Resealed {
    fn add_assign(&mut self, more: Self) {
        self.done += more.done;
        self.unreadable += more.unreadable;
        self.left += more.left;
    }
}

/// Seals the values of this column with the current key, where they aren't. In slices, beside everything else; begun again it
/// goes on where it ended, because what is done isn't looked at.
///
/// # Errors
/// Those of the database.
pub async fn reseal(store: &Store, table: &StoredTable, column: &str, seal: &Seal) -> Result<Resealed> {
    let outdated = Outdated { store, sql: Names::of(store, table, column, seal)?, seal };
    let (mut all, mut after) = (Resealed::default(), 0);
    while let Some((last, values)) = outdated.next(after).await? {
        after = last;
        all += outdated.reseal(values).await?;
    }
    all.left = outdated.count().await?.saturating_sub(all.unreadable);
    Ok(all)
}

/// The values of a column that aren't sealed with the current key.
struct Outdated<'s> {
    store: &'s Store,
    sql: Names,
    seal: &'s Seal,
}

/// How statements name them. (All names are ours, docs/decisions/0004.)
struct Names {
    place: String,
    column: String,
    /// Which rows have one.
    outdated: String,
}

#[derive(QueryableByName)]
struct Place {
    #[diesel(sql_type = BigInt)]
    sequence: i64,
    #[diesel(sql_type = BigInt)]
    bytes: i64,
}

#[derive(QueryableByName)]
struct Value {
    #[diesel(sql_type = BigInt)]
    sequence: i64,
    #[diesel(sql_type = Text)]
    id: String,
    #[diesel(sql_type = Text)]
    sealed: String,
}

impl Names {
    fn of(store: &Store, table: &StoredTable, column: &str, seal: &Seal) -> Result<Self> {
        let place = place_of(table, store.is_sqlite())?;
        let current = seal.current_prefix();
        let outdated = format!("{column} IS NOT NULL AND substr({column}, 1, {}) <> '{current}'", current.len());
        Ok(Self { place, column: column.to_owned(), outdated })
    }
}

impl Outdated<'_> {
    /// The next of them behind this row, and which row is the last; none: there are no more.
    async fn next(&self, after: i64) -> Result<Option<(i64, Vec<Value>)>> {
        let Names { place, column, outdated } = &self.sql;
        let sql = format!(
            "SELECT {SEQUENCE} AS sequence, CAST(length({column}) AS BIGINT) AS bytes FROM {place} \
             WHERE {SEQUENCE} > {after} AND {outdated} ORDER BY {SEQUENCE} LIMIT {BATCH}"
        );
        let places = on_scan!(self.store, |c| diesel::sql_query(sql.as_str()).load::<Place>(c))?;
        let mut bytes = 0;
        let fits = places.iter().take_while(|place| {
            let fits = bytes == 0 || bytes + place.bytes <= BATCH_BYTES;
            bytes += place.bytes.max(1);
            fits
        });
        let chosen: Vec<_> = fits.map(|place| place.sequence).collect();
        let Some(last) = chosen.last().copied() else { return Ok(None) };
        let chosen = chosen.iter().map(i64::to_string).collect::<Vec<_>>().join(", ");
        let sql = format!(
            "SELECT {SEQUENCE} AS sequence, {ID} AS id, {column} AS sealed FROM {place} \
             WHERE {SEQUENCE} IN ({chosen}) AND {outdated}"
        );
        let values = on_scan!(self.store, |c| diesel::sql_query(sql.as_str()).load::<Value>(c))?;
        Ok(Some((last, values)))
    }

    /// Opens and seals before anybody is held up, and then writes, unless somebody else has written in between.
    async fn reseal(&self, values: Vec<Value>) -> Result<Resealed> {
        let (mut of, mut anew) = (Resealed::default(), Vec::with_capacity(values.len()));
        for value in values.into_iter().filter(|value| !self.seal.is_current(&value.sealed)) {
            match self.seal.open(&value.id, &value.sealed) {
                Ok(clear) => anew.push((self.seal.seal(&value.id, &clear)?, value)),
                Err(_) => of.unreadable += 1,
            }
        }
        let mut anew = anew.into_iter().peekable();
        while anew.peek().is_some() {
            let mut unit = self.store.begin_alone().await?;
            while let Some((sealed, old)) = anew.next_if(|_| !unit.is_slice_over()) {
                of.done += self.write(&mut unit, &sealed, &old).await?;
            }
            unit.commit().await?;
        }
        Ok(of)
    }

    async fn write(&self, unit: &mut UnitOfWork, sealed: &str, old: &Value) -> Result<u64> {
        let Names { place, column, .. } = &self.sql;
        let (new, same) = if unit.is_sqlite() { ("?1", "?2") } else { ("$1", "$2") };
        let sql =
            format!("UPDATE {place} SET {column} = {new} WHERE {SEQUENCE} = {} AND {column} = {same}", old.sequence);
        let query = diesel::sql_query(sql).bind::<Text, _>(sealed).bind::<Text, _>(&old.sealed);
        Ok(on_conn!(unit, |c| query.execute(c))? as u64)
    }

    async fn count(&self) -> Result<u64> {
        let sql = format!("SELECT count(*) AS n FROM {} WHERE {}", self.sql.place, self.sql.outdated);
        let count = on_scan!(self.store, |c| diesel::sql_query(sql.as_str()).get_result::<Number>(c))?;
        Ok(count.n.max(0).cast_unsigned())
    }
}
