//! Persist: the databases, units of work, migrations and user-defined tables. *Logic decides, storage remembers.*
//!
//! A project is one SQLite file or one PostgreSQL schema ([`Store`]). Each query is written once, in Diesel, and runs on
//! whichever it is:
//!
//! ```ignore
//! use floe_store::prelude::*;
//!
//! diesel::table! { users (id) { id -> Text, email -> Text, created_at -> BigInt, } }
//!
//! #[derive(Queryable, Selectable, Insertable)]
//! #[diesel(table_name = users)]
//! struct User { id: String, email: String, created_at: i64 }
//!
//! async fn find(conn: &mut Connection, id: &str) -> Result<Option<User>, Error> {
//!     let query = users::table.find(id);
//!     Ok(on_conn!(conn, |c| query.select(User::as_select()).first::<User>(c)).optional()?)
//! }
//!
//! async fn add(store: &Store, user: &User) -> Result<(), Error> {
//!     let mut unit = store.begin().await?;
//!     on_conn!(unit, |c| diesel::insert_into(users::table).values(user).execute(c))?;
//!     unit.commit().await // dropped without it: rolled back
//! }
//! ```
//!
//! Import the [`prelude`], not Diesel's: that one brings a `RunQueryDsl` which is for one of the databases alone.
//!
//! Rules for repositories:
//! - Between [`Store::begin`] and [`UnitOfWork::commit`] wait for nothing but the store: whoever holds SQLite's writer
//!   holds up everybody.
//! - Never ask for a second connection (or unit) while holding one.
//! - Insert rows one by one: Diesel wraps a `Vec` of rows in a transaction of its own on SQLite, which is refused here.
//! - What may be long goes through [`on_scan!`], a page of a static table through [`on_list!`].
//! - A `diesel::table!` is used by its repository alone: keep it in a private module.

mod connection;
mod dialect;
mod effects;
mod error;
mod events;
mod free_space;
mod gate;
pub mod json;
pub mod key_register;
mod lock_file;
mod migrations;
pub mod permissions;
mod postgres;
pub mod query;
mod quota;
mod recorder;
mod sqlite;
mod statement_counter;
#[doc(hidden)]
pub mod steps;
mod store;
mod stores;
pub mod tables;
mod tasks;
mod turns;
mod wake_ups;

pub use connection::Connection;
pub use dialect::Dialect;
pub use effects::{EffectHandlers, Revoking};
pub use error::{Error, Result, conflict_is, was_busy};
pub use events::{Event, Subscribers, Subscription};
pub use free_space::{FreeSpace, MinFreeSpace};
pub use key_register::KeyRegister;
pub use postgres::check_url;
pub use quota::{Quota, Used};
pub use recorder::{RecordedEvent, Recorder};
pub use store::{Store, UnitOfWork};
pub use stores::{
    Ailment, Backend, BackgroundProject, BackgroundStore, IsClaimed, LifecycleLock, PLATFORM, ServingLock,
    ServingSession, StoreSettings, Stores,
};
pub use tasks::Tasks;
pub use wake_ups::{Settling, WakeUp};

/// What a repository imports.
pub mod prelude {
    pub use crate::{Connection, Error, Store, UnitOfWork, on_conn, on_list, on_scan};
    pub use diesel::deserialize::QueryableByName;
    pub use diesel::prelude::{
        AsChangeset, BelongingToDsl, BoolExpressionMethods, DecoratableTarget, EscapeExpressionMethods,
        ExpressionMethods, Identifiable, Insertable, IntoSql, JoinOnDsl, JoinTo, NullableExpressionMethods,
        OptionalExtension, PgTextExpressionMethods, QueryDsl, QueryResult, QuerySource, Queryable, Selectable,
        SelectableHelper, SqliteExpressionMethods, Table, TextExpressionMethods,
    };
}

/// For the macros alone.
#[doc(hidden)]
pub mod __private {
    pub use crate::connection::Lane;
    pub use crate::postgres::RunOnPostgres;
    pub use crate::store::Scans;
    pub use diesel::RunQueryDsl as SyncRun;
}
