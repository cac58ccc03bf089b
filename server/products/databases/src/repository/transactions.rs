//! What the logic asks of storage about transactions, and what is staged in them.

use crate::repository::Listed;
use crate::transaction::{Budget, Owners, Status, Transaction};
use diesel::sql_types::{BigInt, Bool};
use floe_kernel::query::{Field, Fields, Queries};
use floe_kernel::time::Timestamp;
use floe_kernel::value::{Kind, Value};
use floe_store::prelude::*;
use floe_store::query::{Predicate, TableRef};

mod schema {
    diesel::table! {
        transactions (number) {
            number -> BigInt,
            id -> Text,
            owner -> Nullable<Text>,
            status -> Text,
            operations -> BigInt,
            bytes -> BigInt,
            expires_at -> BigInt,
            created_at -> BigInt,
            updated_at -> BigInt,
        }
    }
    diesel::table! {
        transaction_operations (transaction_number, position) {
            transaction_number -> BigInt,
            position -> BigInt,
            database_id -> Text,
            table_id -> Text,
            operation -> Text,
            created_at -> BigInt,
        }
    }
}
use schema::{transaction_operations as operations, transactions};

#[derive(Queryable, Selectable)]
#[diesel(table_name = transactions)]
struct TransactionRow {
    number: i64,
    id: String,
    owner: Option<String>,
    status: String,
    operations: i64,
    bytes: i64,
    expires_at: i64,
    created_at: i64,
    updated_at: i64,
}

impl TryFrom<TransactionRow> for Transaction {
    type Error = Error;

    fn try_from(row: TransactionRow) -> Result<Self, Error> {
        let status = Status::stored(&row.status);
        Ok(Self {
            status: status.ok_or_else(|| Error::unavailable(format!("a transaction that is {}", row.status)))?,
            number: row.number,
            id: row.id,
            owner: row.owner,
            operations: usize::try_from(row.operations).map_err(Error::unavailable)?,
            bytes: usize::try_from(row.bytes).map_err(Error::unavailable)?,
            expires: Timestamp::from_millis(row.expires_at),
            created: Timestamp::from_millis(row.created_at),
            updated: Timestamp::from_millis(row.updated_at),
        })
    }
}

/// Something that is staged, as it is stored.
#[derive(Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = operations)]
pub(crate) struct Entry {
    /// The number of its transaction.
    pub(crate) transaction_number: i64,
    /// Its place in the transaction, from 0.
    pub(crate) position: i64,
    /// The id of the table's database.
    pub(crate) database_id: String,
    /// The id of the table.
    pub(crate) table_id: String,
    /// What is to be done there: JSON, encrypted.
    pub(crate) operation: String,
    /// When it was staged: milliseconds since 1970.
    pub(crate) created_at: i64,
}

/// How many transactions that nobody can use any more are removed at once.
const REMOVED_AT_ONCE: i64 = 100;

/// The transactions of a project, through one connection.
pub(crate) struct TransactionRepository<'c>(pub(crate) &'c mut Connection);

impl TransactionRepository<'_> {
    /// The transaction of this id.
    pub(crate) async fn find(&mut self, id: &str) -> Result<Option<Transaction>, Error> {
        let query = transactions::table.filter(transactions::id.eq(id));
        let row = on_conn!(self.0, |c| query.select(TransactionRow::as_select()).first::<TransactionRow>(c));
        let row = row.optional()?;
        row.map(Transaction::try_from).transpose()
    }

    /// The transaction of this number, which nobody else can use until the unit of work ends.
    pub(crate) async fn lock(&mut self, number: i64) -> Result<Option<Transaction>, Error> {
        // Changing a row is what locks it on either database.
        let set = transactions::bytes.eq(transactions::bytes);
        let update = diesel::update(transactions::table.find(number)).set(set);
        let row =
            on_conn!(self.0, |c| update.returning(TransactionRow::as_returning()).get_result::<TransactionRow>(c));
        let row = row.optional()?;
        row.map(Transaction::try_from).transpose()
    }

    /// Adds a transaction.
    ///
    /// # Errors
    /// [`Error::Conflict`] on `id`.
    pub(crate) async fn add(&mut self, transaction: &Transaction) -> Result<(), Error> {
        let row = (
            transactions::id.eq(&transaction.id),
            transactions::owner.eq(&transaction.owner),
            transactions::status.eq(transaction.status.name()),
            transactions::operations.eq(number(transaction.operations)?),
            transactions::bytes.eq(number(transaction.bytes)?),
            transactions::expires_at.eq(transaction.expires.millis()),
            transactions::created_at.eq(transaction.created.millis()),
            transactions::updated_at.eq(transaction.updated.millis()),
        );
        on_conn!(self.0, |c| diesel::insert_into(transactions::table).values(&row).execute(c))?;
        Ok(())
    }

    /// Saves what may change of a transaction.
    pub(crate) async fn save(&mut self, transaction: &Transaction) -> Result<(), Error> {
        let row = (
            transactions::status.eq(transaction.status.name()),
            transactions::operations.eq(number(transaction.operations)?),
            transactions::bytes.eq(number(transaction.bytes)?),
            transactions::updated_at.eq(transaction.updated.millis()),
        );
        let update = diesel::update(transactions::table.find(transaction.number)).set(row);
        on_conn!(self.0, |c| update.execute(c))?;
        Ok(())
    }

    /// Removes a transaction with what is staged in it.
    pub(crate) async fn remove(&mut self, number: i64) -> Result<(), Error> {
        on_conn!(self.0, |c| diesel::delete(transactions::table.find(number)).execute(c))?;
        Ok(())
    }

    /// Removes the transactions of a user, with what is staged in them.
    pub(crate) async fn remove_of(&mut self, owner: &str) -> Result<(), Error> {
        let theirs = transactions::table.filter(transactions::owner.eq(owner));
        on_conn!(self.0, |c| diesel::delete(theirs).execute(c))?;
        Ok(())
    }

    /// Removes some of the transactions that expired before this moment.
    pub(crate) async fn remove_expired(&mut self, before: Timestamp) -> Result<(), Error> {
        let query = transactions::table.filter(transactions::expires_at.lt(before.millis()));
        let query = query.select(transactions::number).limit(REMOVED_AT_ONCE);
        let expired = on_conn!(self.0, |c| query.load::<i64>(c))?;
        if expired.is_empty() {
            return Ok(());
        }
        let delete = diesel::delete(transactions::table.filter(transactions::number.eq_any(expired)));
        on_conn!(self.0, |c| delete.execute(c))?;
        Ok(())
    }

    /// Removes what is staged in some of the transactions that have expired: nobody can use it any more.
    pub(crate) async fn clear_expired(&mut self, now: Timestamp) -> Result<(), Error> {
        let query = transactions::table
            .filter(diesel::dsl::sql::<Bool>(PENDING))
            .filter(transactions::expires_at.lt(now.millis()))
            .filter(transactions::bytes.gt(0));
        let query = query.select(transactions::number).limit(REMOVED_AT_ONCE);
        let expired = on_conn!(self.0, |c| query.load::<i64>(c))?;
        if expired.is_empty() {
            return Ok(());
        }
        let staged = operations::table.filter(operations::transaction_number.eq_any(expired.clone()));
        on_conn!(self.0, |c| diesel::delete(staged).execute(c))?;
        let empty = diesel::update(transactions::table.filter(transactions::number.eq_any(expired)));
        on_conn!(self.0, |c| empty.set(transactions::bytes.eq(0)).execute(c))?;
        Ok(())
    }

    /// How many transactions these owners can still use, and how many bytes are staged in them.
    pub(crate) async fn pending(&mut self, owners: Owners<'_>, now: Timestamp) -> Result<Budget, Error> {
        let bytes = diesel::dsl::sql::<BigInt>("CAST(COALESCE(SUM(bytes), 0) AS BIGINT)");
        let open = transactions::table
            .filter(diesel::dsl::sql::<Bool>(PENDING))
            .filter(transactions::expires_at.ge(now.millis()))
            .select((diesel::dsl::count_star(), bytes));
        let (transactions, bytes) = match owners {
            Owners::User(id) => {
                let query = open.filter(transactions::owner.eq(id.to_owned()));
                on_conn!(self.0, |c| query.first::<(i64, i64)>(c))?
            }
            Owners::Users => {
                let query = open.filter(transactions::owner.is_not_null());
                on_conn!(self.0, |c| query.first::<(i64, i64)>(c))?
            }
            Owners::Servers => {
                let query = open.filter(transactions::owner.is_null());
                on_conn!(self.0, |c| query.first::<(i64, i64)>(c))?
            }
        };
        Ok(Budget { transactions, bytes })
    }

    /// What is staged in a transaction from this place on, in its order.
    pub(crate) async fn entries(&mut self, transaction: i64, from: usize) -> Result<Vec<Entry>, Error> {
        let query = operations::table
            .filter(operations::transaction_number.eq(transaction))
            .filter(operations::position.ge(number(from)?))
            .order_by(operations::position);
        Ok(on_conn!(self.0, |c| query.select(Entry::as_select()).load::<Entry>(c))?)
    }

    /// Stages something.
    pub(crate) async fn add_entry(&mut self, entry: &Entry) -> Result<(), Error> {
        on_conn!(self.0, |c| diesel::insert_into(operations::table).values(entry).execute(c))?;
        Ok(())
    }

    /// Removes what is staged in a transaction.
    pub(crate) async fn clear(&mut self, transaction: i64) -> Result<(), Error> {
        let staged = operations::table.filter(operations::transaction_number.eq(transaction));
        on_conn!(self.0, |c| diesel::delete(staged).execute(c))?;
        Ok(())
    }
}

/// That a transaction hasn't ended: written out, for the index over those.
const PENDING: &str = "status = 'pending'";

fn number(count: usize) -> Result<i64, Error> {
    i64::try_from(count).map_err(Error::unavailable)
}

const TRANSACTIONS: TableRef = TableRef::fixed("transactions", "id");

const FIELDS: [Field; 6] = [
    Field::required("$id", "id", Kind::Text),
    Field::required("$sequence", "number", Kind::Integer),
    Field::required("$createdAt", "created_at", Kind::Datetime),
    Field::required("$updatedAt", "updated_at", Kind::Datetime),
    Field::required("status", "status", Kind::Text),
    Field::required("expiresAt", "expires_at", Kind::Datetime),
];

/// The transactions of a project: those of this owner, or all.
pub(crate) async fn list(
    store: &Store,
    queries: &Queries,
    owner: Option<&str>,
) -> floe_kernel::Result<Listed<Transaction>> {
    let selection = queries.resolve_whole(Fields { fields: &FIELDS, sequence: "number" })?;
    let visible = owner.map(|owner| Predicate::is("owner", Value::Text(owner.to_owned())));
    let (total, rows) = on_list!(store, &TRANSACTIONS, &selection, visible, transactions::table => TransactionRow);
    Ok(Listed { items: rows.into_iter().map(Transaction::try_from).collect::<Result<_, _>>()?, total })
}
