//! User-defined tables: real tables with real columns, whose shape is known only at run time.
//!
//! Physical names are ours, never the user's: table `rows_<n>`, columns `c<n>` (docs/decisions/0004). Every table has
//! the columns of [`StoredRow`] besides: `_sequence`, `_id`, `_created`, `_updated` and `_permissions`.

mod budget;
mod ddl;
mod fulltext;
mod linking;
mod links;
mod online_ddl;
mod related;
mod reseal;
mod rows;
mod seal;
mod shapes;
mod spatial;

pub use budget::MAX_ANSWER_BYTES;
pub(crate) use ddl::impatiently;
pub use ddl::{Ddl, IndexColumn};
pub use linking::{Linked, link, lock, touch_linked, unlink};
pub use links::{End, Links, Once};
pub use online_ddl::{OnlineDdl, drop_own_indexes, empty_some, last_sequence, remove_some};
pub use related::{Following, Related, related, related_in};
pub use reseal::{Resealed, reseal};
pub use rows::{
    NewRow, RowChange, StoredRow, delete, get, get_for_update, insert, list, list_in, lock_rows, take_turn, update,
};
pub use shapes::{Shapes, Test, matching, matching_in};

pub(crate) use budget::{is_out_of_memory, is_too_much};
pub(crate) use rows::Raw;

use crate::Store;
use crate::query::TableRef;
use floe_kernel::value::Kind;
use floe_sealed::Seal;
use std::sync::Arc;

/// The column of the number that grows with each row.
pub const SEQUENCE: &str = "_sequence";
/// The column of the row's id.
pub const ID: &str = "_id";
/// The column of the moment when the row was made.
pub const CREATED: &str = "_created";
/// The column of the moment when the row was changed last.
pub const UPDATED: &str = "_updated";
/// The column of the number of the row's set of permissions.
pub const PERMISSIONS: &str = "_permissions";

/// A column that a user defined.
#[derive(Debug, Clone)]
pub struct Column {
    /// Its name in the database: `c<n>`.
    pub name: String,
    /// What it holds.
    pub kind: Kind,
    /// What its values are kept encrypted with.
    pub seal: Option<Seal>,
}

impl Column {
    /// The column of this number.
    #[must_use]
    pub fn new(number: i64, kind: Kind) -> Self {
        Self { name: Self::name_of(number), kind, seal: None }
    }

    /// What the column of this number is called in the database.
    #[must_use]
    pub fn name_of(number: i64) -> String {
        format!("c{number}")
    }
}

/// A table that a user defined, as it is in the database. Cheap to clone.
#[derive(Debug, Clone)]
pub struct StoredTable(Arc<Shape>);

#[derive(Debug)]
struct Shape {
    place: TableRef,
    name: Arc<str>,
    columns: Vec<Column>,
}

impl StoredTable {
    /// The columns that the user defined.
    #[must_use]
    pub fn columns(&self) -> &[Column] {
        &self.0.columns
    }

    /// Whether values of it are kept encrypted.
    fn has_seals(&self) -> bool {
        self.0.columns.iter().any(|column| column.seal.is_some())
    }

    /// Where it is, for [`crate::query::plan`] and [`crate::query::count`].
    #[must_use]
    pub fn place(&self) -> &TableRef {
        &self.0.place
    }

    /// Its name in the database, without the schema.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// The name in the database of the index of this number.
    #[must_use]
    pub fn index_name(&self, number: i64) -> String {
        format!("{}_i{number}", self.name())
    }

    /// What the names of its indexes are like, for GLOB.
    fn index_name_pattern(&self) -> String {
        format!("{}_i[0-9]*", self.name())
    }
}

impl Store {
    /// Describes the table of this number. `version` is to change whenever its columns do.
    #[must_use]
    pub fn table(&self, number: i64, version: i64, columns: Vec<Column>) -> StoredTable {
        let name: Arc<str> = format!("rows_{number}").into();
        let place = TableRef::made(self.schema().cloned(), name.clone(), ID).version(version);
        StoredTable(Arc::new(Shape { place, name, columns }))
    }
}

/// Makes a type a query whose rows are read by [`Raw`] or [`StoredRow`]. Its `QueryFragment` is written by hand.
macro_rules! statement {
    ($name:ty) => {
        impl diesel::query_builder::QueryId for $name {
            type QueryId = ();
            const HAS_STATIC_QUERY_ID: bool = false;
        }
        impl diesel::query_builder::Query for $name {
            type SqlType = diesel::sql_types::Untyped;
        }
        impl<Conn> diesel::RunQueryDsl<Conn> for $name {}
        impl<Conn> diesel::RunQueryDsl<Conn> for &$name {}
    };
}
pub(crate) use statement;
