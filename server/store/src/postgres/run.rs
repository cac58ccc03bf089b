//! Diesel's queries on PostgreSQL, as methods of its own `RunQueryDsl`.
//!
//! All that differs between two queries is their text, their values and how a row is read. So they are taken apart into that
//! here, and whatever waits for the network is compiled once: Diesel's own methods would compile it for each query, in each
//! crate that has one.

use super::{Lease, in_one_flight};
use diesel::QueryResult;
use diesel::deserialize::FromSqlRow;
use diesel::helper_types::Limit;
use diesel::pg::Pg;
use diesel::query_builder::{AsQuery, AstPass, Query, QueryFragment, QueryId};
use diesel::query_dsl::CompatibleType;
use diesel::query_dsl::methods::LimitDsl;
use diesel::result::Error as DieselError;
use diesel::sql_types::Untyped;
use diesel_async::{AsyncConnectionCore, AsyncPgConnection};
use futures_util::TryStreamExt as _;
use futures_util::future::BoxFuture;

/// A row, as it came.
pub(crate) type Row = <AsyncPgConnection as AsyncConnectionCore>::Row<'static, 'static>;

/// A query's text and values.
pub(crate) type AnyQuery<'q> = Box<dyn QueryFragment<Pg> + Send + 'q>;

/// What is called with each row.
type OnRow<'r> = &'r mut (dyn FnMut(&Row) -> QueryResult<()> + Send);

/// A query whose rows can be read as `T`.
pub trait Rows<T> {
    /// Its text and values.
    fn into_any<'q>(self) -> AnyQuery<'q>
    where
        Self: 'q;

    /// Reads a row of it.
    ///
    /// # Errors
    /// When the row isn't as it should be.
    fn read(row: &Row) -> QueryResult<T>;
}

impl<Q, T, ST> Rows<T> for Q
where
    Q: AsQuery,
    Q::Query: QueryFragment<Pg> + Send,
    Q::SqlType: CompatibleType<T, Pg, SqlType = ST>,
    T: FromSqlRow<ST, Pg>,
{
    fn into_any<'q>(self) -> AnyQuery<'q>
    where
        Self: 'q,
    {
        Box::new(self.as_query())
    }

    fn read(row: &Row) -> QueryResult<T> {
        T::build_from_row(row).map_err(DieselError::DeserializationError)
    }
}

/// What `on_conn!` calls on PostgreSQL.
pub trait RunOnPostgres: Sized {
    /// How many rows it has changed.
    fn execute<'c>(self, lease: &'c mut Lease) -> BoxFuture<'c, QueryResult<usize>>
    where
        Self: QueryFragment<Pg> + Send + 'c,
    {
        lease.execute(Box::new(self))
    }

    /// All its rows.
    fn load<'c, T>(self, lease: &'c mut Lease) -> BoxFuture<'c, QueryResult<Vec<T>>>
    where
        T: Send + 'c,
        Self: Rows<T> + 'c,
    {
        Box::pin(all_of(lease, self.into_any(), Self::read))
    }

    /// All its rows.
    fn get_results<'c, T>(self, lease: &'c mut Lease) -> BoxFuture<'c, QueryResult<Vec<T>>>
    where
        T: Send + 'c,
        Self: Rows<T> + 'c,
    {
        self.load(lease)
    }

    /// Its first row; [`DieselError::NotFound`] when there is none.
    fn get_result<'c, T>(self, lease: &'c mut Lease) -> BoxFuture<'c, QueryResult<T>>
    where
        T: Send + 'c,
        Self: Rows<T> + 'c,
    {
        Box::pin(first_of(lease, self.into_any(), Self::read))
    }

    /// The same, asking for no more than that.
    fn first<'c, T>(self, lease: &'c mut Lease) -> BoxFuture<'c, QueryResult<T>>
    where
        T: Send + 'c,
        Self: LimitDsl,
        Limit<Self>: Rows<T> + Send + 'c,
    {
        self.limit(1).get_result(lease)
    }
}

impl<Q> RunOnPostgres for Q {}

async fn all_of<T: Send>(
    lease: &mut Lease,
    query: AnyQuery<'_>,
    read: fn(&Row) -> QueryResult<T>,
) -> QueryResult<Vec<T>> {
    let mut rows = Vec::new();
    let mut keep = |row: &Row| {
        rows.push(read(row)?);
        Ok(())
    };
    lease.each_row(query, &mut keep).await?;
    Ok(rows)
}

async fn first_of<T: Send>(lease: &mut Lease, query: AnyQuery<'_>, read: fn(&Row) -> QueryResult<T>) -> QueryResult<T> {
    let mut first = None;
    let mut keep = |row: &Row| {
        if first.is_none() {
            first = Some(read(row)?);
        }
        Ok(())
    };
    lease.each_row(query, &mut keep).await?;
    first.ok_or(DieselError::NotFound)
}

/// As Diesel wants a query. Its prepared form is found by its text: types differ where the text doesn't.
struct AsText<'q>(&'q dyn QueryFragment<Pg>);

impl QueryFragment<Pg> for AsText<'_> {
    fn walk_ast<'b>(&'b self, out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        self.0.walk_ast(out)
    }
}

impl QueryId for AsText<'_> {
    type QueryId = ();

    const HAS_STATIC_QUERY_ID: bool = false;
}

impl Query for AsText<'_> {
    type SqlType = Untyped;
}

impl Lease {
    fn execute<'c>(&'c mut self, query: AnyQuery<'c>) -> BoxFuture<'c, QueryResult<usize>> {
        Box::pin(async move {
            let (flight, mut connection) = self.start()?;
            let changed = connection.execute_returning_count(AsText(&*query));
            drop(query);
            let answer = in_one_flight(flight, connection, changed).await;
            self.finish(answer)
        })
    }

    /// Reads each row as soon as it has come.
    fn each_row<'c>(&'c mut self, query: AnyQuery<'c>, on_row: OnRow<'c>) -> BoxFuture<'c, QueryResult<()>> {
        Box::pin(async move {
            let (flight, mut connection) = self.start()?;
            let rows = AsyncConnectionCore::load(&mut connection, AsText(&*query));
            drop(query);
            let read = async move {
                let mut rows = rows.await?;
                while let Some(row) = rows.try_next().await? {
                    on_row(&row)?;
                }
                Ok(())
            };
            let answer = in_one_flight(flight, connection, read).await;
            self.finish(answer)
        })
    }
}
