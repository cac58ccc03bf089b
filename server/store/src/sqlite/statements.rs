//! The few fixed statements of transactions. As types, so that Diesel finds their prepared form without comparing text:
//! cheaper than `batch_execute`, which parses each time.

use diesel::QueryResult;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::sql_types::Untyped;
use diesel::sqlite::{Sqlite, SqliteConnection};

macro_rules! fixed {
    ($(#[$about:meta])* $name:ident = $sql:literal) => {
        $(#[$about])*
        #[derive(Debug, Clone, Copy, QueryId)]
        pub(crate) struct $name;

        impl QueryFragment<Sqlite> for $name {
            fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
                out.push_sql($sql);
                Ok(())
            }
        }

        impl Query for $name {
            type SqlType = Untyped;
        }

        impl diesel::RunQueryDsl<SqliteConnection> for $name {}
    };
}

/// Those that give nothing.
macro_rules! statements {
    ($($(#[$about:meta])* $name:ident = $sql:literal;)*) => { $(
        fixed! { $(#[$about])* $name = $sql }

        impl $name {
            /// Runs it.
            pub(crate) fn run(self, connection: &mut SqliteConnection) -> QueryResult<()> {
                diesel::RunQueryDsl::execute(self, connection).map(drop)
            }
        }
    )* };
}

statements! {
    /// Begins the physical transaction and takes the write lock, so that no unit fails half-way for want of it.
    Begin = "BEGIN IMMEDIATE";
    /// Begins a transaction that reads, but doesn't choose the state of the file yet.
    BeginRead = "BEGIN";
    /// Within it: chooses the state of the file, without looking at the definitions of its tables.
    PinSnapshot = "PRAGMA schema_version";
    /// Ends it: all of it is in the log.
    Commit = "COMMIT";
    /// Ends it, and nothing of it stays.
    Rollback = "ROLLBACK";
    /// Begins a unit of work.
    BeginUnit = "SAVEPOINT unit";
    /// Ends a unit of work: it is part of the physical transaction now.
    EndUnit = "RELEASE unit";
    /// Undoes a unit of work, which is still open afterwards.
    UndoUnit = "ROLLBACK TO unit";
    /// Within a unit: where [`BackToMark`] goes back to.
    Mark = "SAVEPOINT mark";
    /// Within a unit: undoes what was done since [`Mark`].
    BackToMark = "ROLLBACK TO mark";
    /// Within a unit: where [`UndoRehearsal`] goes back to, whatever marks were set since.
    Rehearse = "SAVEPOINT rehearsal";
    /// Within a unit: undoes what was done since [`Rehearse`].
    UndoRehearsal = "ROLLBACK TO rehearsal";
}

fixed! {
    /// How far the log is.
    WalStatus = "PRAGMA wal_checkpoint(NOOP)"
}

fixed! {
    /// Moves of the log into the file what can be moved without waiting for anybody, and says how far it is then.
    Checkpoint = "PRAGMA wal_checkpoint(PASSIVE)"
}

fixed! {
    /// Waits for whoever reads an old state of the file, and then empties the log. To be run when all of it was moved.
    Truncate = "PRAGMA wal_checkpoint(TRUNCATE)"
}
