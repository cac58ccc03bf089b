//! A connection to either database, and the macros that run one query on whichever it is.

use crate::error::Result;
use crate::{postgres, sqlite};
use diesel::deserialize::QueryableByName;
use diesel::sql_types::BigInt;

/// What a query of our own gives that asks for one number, `n`.
#[derive(QueryableByName)]
pub(crate) struct Number {
    #[diesel(sql_type = BigInt)]
    pub(crate) n: i64,
}

/// A connection to a store: a reader ([`crate::Store::read`]), or the inside of a unit of work, which derefs to it.
///
/// Queries run on it through [`on_conn!`](crate::on_conn).
pub struct Connection(pub(crate) Either);

pub(crate) enum Either {
    Sqlite(sqlite::Lease),
    /// Boxed: it is four times the size, and waits for the network anyway.
    Postgres(Box<postgres::Lease>),
}

/// What the macros see of a connection.
#[doc(hidden)]
pub enum Lane<'c> {
    Sqlite(&'c mut sqlite::Lease),
    Postgres(&'c mut postgres::Lease),
}

impl Connection {
    /// Whether this is SQLite, for the few queries that differ.
    #[must_use]
    pub fn is_sqlite(&self) -> bool {
        matches!(self.0, Either::Sqlite(_))
    }

    /// Ends a unit of work.
    pub(crate) async fn commit(self) -> Result<()> {
        match self.0 {
            Either::Sqlite(lease) => lease.commit().await,
            Either::Postgres(lease) => lease.commit().await,
        }
    }

    /// The same after these statements, which bind nothing and give nothing.
    pub(crate) async fn commit_with(self, sql: &str) -> Result<()> {
        match self.0 {
            Either::Sqlite(mut lease) => {
                lease.run(|c| diesel::connection::SimpleConnection::batch_execute(c, sql))?;
                lease.commit().await
            }
            Either::Postgres(lease) => Box::pin(lease.commit_with(sql)).await,
        }
    }

    #[doc(hidden)]
    pub fn lane(&mut self) -> Lane<'_> {
        match &mut self.0 {
            Either::Sqlite(lease) => Lane::Sqlite(lease),
            Either::Postgres(lease) => Lane::Postgres(lease),
        }
    }
}

/// Runs one query, written once, on either database.
///
/// The body is one expression that ends in `load`, `first`, `get_result`, `get_results` or `execute`, without `.await`:
/// ```ignore
/// let query = users::table.filter(users::email.eq(email));
/// let user = on_conn!(conn, |c| query.select(User::as_select()).first::<User>(c)).optional()?;
/// ```
/// The result is a `diesel::QueryResult`; `?` makes it a [`crate::Error`].
///
/// On SQLite the query runs in place, on the caller's thread: for statements that take microseconds. What may be long
/// goes through [`on_scan!`](crate::on_scan).
#[macro_export]
macro_rules! on_conn {
    ($connection:expr, |$conn:ident| $query:expr) => {
        match ($connection).lane() {
            $crate::__private::Lane::Sqlite(lease) => lease.run(|$conn| {
                #[allow(unused_imports)]
                use $crate::__private::SyncRun as _;
                $query
            }),
            $crate::__private::Lane::Postgres(lease) => {
                #[allow(unused_imports)]
                use $crate::__private::RunOnPostgres as _;
                let $conn = lease;
                $query.await
            }
        }
    };
}

/// Runs a list or a count, which may be long, on either database: `on_scan!(store, |c| query)`.
///
/// On SQLite the body runs in place for 0.75 ms; when it isn't done by then it is interrupted, and run again from the
/// start on a thread of its own. So it must own what it uses, and only lend or clone it:
/// ```ignore
/// let users = on_scan!(store, |c| users::table.filter(&predicate).limit(25).select(User::as_select()).load::<User>(c))?;
/// ```
/// With `on_scan!(store, apart, |c| query)` it runs on a thread of its own at once if `apart` says so: for what can't be
/// interrupted, see [`crate::query::Predicate::searches`]. On PostgreSQL it has a connection of those that may be used for
/// something long, of which each caller has a part.
///
/// The result is a `Result<_, floe_store::Error>`; [`crate::Error::Timeout`] when it takes longer than a statement may,
/// [`crate::Error::Busy`] when too many others are being run already (see [`crate::Store::on_behalf_of`]).
#[macro_export]
macro_rules! on_scan {
    ($store:expr, |$conn:ident| $query:expr) => {
        $crate::on_scan!($store, false, |$conn| $query)
    };
    ($store:expr, $apart:expr, |$conn:ident| $query:expr) => {
        match ($store).scans() {
            $crate::__private::Scans::Sqlite(file, reads) => {
                file.scan(reads, $apart, move |$conn| {
                    #[allow(unused_imports)]
                    use $crate::__private::SyncRun as _;
                    $query
                })
                .await
            }
            $crate::__private::Scans::Postgres(schema, reads) => {
                #[allow(unused_imports)]
                use $crate::__private::RunOnPostgres as _;
                match schema.scan(reads).await {
                    Ok(mut lease) => {
                        let $conn = &mut lease;
                        $query.await.map_err($crate::Error::from)
                    }
                    Err(error) => Err(error),
                }
            }
        }
    };
}

/// The page of a static table that a list asks for, and how many rows there are in all:
/// `let (total, rows) = on_list!(store, &place, selection, visible, users::table => UserRow);`
///
/// `visible` is an `Option<Predicate>` that holds for every row the caller may know of. The rows come in the order in
/// which they are shown. Returns early from the function around it with a [`crate::Error`].
#[macro_export]
macro_rules! on_list {
    ($store:expr, $place:expr, $selection:expr, $visible:expr, $table:path => $row:ty) => {{
        let plan = $crate::query::plan($store, $place, $selection, $visible).await?;
        let total = $crate::query::count($store, $place, &plan.all, $selection.count_up_to).await?;
        let reverse = plan.reverse;
        let mut rows = $crate::on_scan!($store, |c| $table
            .filter(&plan.predicate)
            .order_by(&plan.order)
            .limit(plan.limit)
            .offset(plan.offset)
            .select(<$row>::as_select())
            .load::<$row>(c))?;
        if reverse {
            rows.reverse();
        }
        (total, rows)
    }};
}

impl Connection {
    /// Lets the thread's other tasks go first when this unit of work has computed for a while: its statements run in place,
    /// so one after the other they would keep the thread until the unit ends.
    pub(crate) async fn breathe(&mut self) {
        if let Either::Sqlite(lease) = &mut self.0
            && lease.is_out_of_breath()
        {
            tokio::task::yield_now().await;
            lease.has_breathed();
        }
    }

    /// Runs statements that bind nothing and give nothing, in place. For DDL see
    /// [`crate::UnitOfWork::execute_ddl`].
    ///
    /// # Errors
    /// Those of the database.
    pub async fn batch(&mut self, sql: &str) -> Result<()> {
        match self.lane() {
            Lane::Sqlite(lease) => lease.run(|c| diesel::connection::SimpleConnection::batch_execute(c, sql))?,
            Lane::Postgres(lease) => lease.batch(sql).await?,
        }
        Ok(())
    }
}
