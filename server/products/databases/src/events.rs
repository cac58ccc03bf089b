//! What this product tells the rest of the house.
//!
//! Each event is told in the caller's own words; who subscribes in others learns of it all the same
//! ([`floe_kernel::event::Occurrence::names`]).

/// The patterns of an event, in either vocabulary.
pub(crate) type Event = [&'static str; 2];

macro_rules! of_database {
    ($action:literal) => {
        [concat!("databases.[databaseId].", $action), concat!("databases.[databaseId].", $action)]
    };
}

/// A database was made.
pub(crate) const DATABASE_CREATE: Event = of_database!("create");
/// A database was changed.
pub(crate) const DATABASE_UPDATE: Event = of_database!("update");
/// A database was removed.
pub(crate) const DATABASE_DELETE: Event = of_database!("delete");

macro_rules! in_table {
    ($tables:literal, $collections:literal) => {
        [
            concat!("databases.[databaseId].tables.[tableId].", $tables),
            concat!("databases.[databaseId].collections.[collectionId].", $collections),
        ]
    };
}

/// A table was made.
pub(crate) const TABLE_CREATE: Event = in_table!("create", "create");
/// A table was changed.
pub(crate) const TABLE_UPDATE: Event = in_table!("update", "update");
/// A table was removed.
pub(crate) const TABLE_DELETE: Event = in_table!("delete", "delete");
/// A column was made.
pub(crate) const COLUMN_CREATE: Event = in_table!("columns.[columnId].create", "attributes.[attributeId].create");
/// A column was changed, or removed (the contract calls that an update).
pub(crate) const COLUMN_UPDATE: Event = in_table!("columns.[columnId].update", "attributes.[attributeId].update");
/// An index was made.
pub(crate) const INDEX_CREATE: Event = in_table!("indexes.[indexId].create", "indexes.[indexId].create");
/// An index was removed (the contract calls that an update).
pub(crate) const INDEX_UPDATE: Event = in_table!("indexes.[indexId].update", "indexes.[indexId].update");
/// A row was made.
pub(crate) const ROW_CREATE: Event = in_table!("rows.[rowId].create", "documents.[documentId].create");
/// A row was changed.
pub(crate) const ROW_UPDATE: Event = in_table!("rows.[rowId].update", "documents.[documentId].update");
/// A row was made or changed by an upsert.
pub(crate) const ROW_UPSERT: Event = in_table!("rows.[rowId].upsert", "documents.[documentId].upsert");
/// A row was removed.
pub(crate) const ROW_DELETE: Event = in_table!("rows.[rowId].delete", "documents.[documentId].delete");
