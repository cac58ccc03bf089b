//! The two vocabularies of one store: tables, columns and rows; or collections, attributes and documents.
//!
//! What differs between them is words: the names of fields, of errors and of events. They are all here.

use floe_gateway::Call;
use floe_kernel::ErrorKind;

/// Which words a call speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Vocabulary {
    /// `/tablesdb`: tables, columns, rows.
    Tables,
    /// `/databases`: collections, attributes, documents.
    Collections,
}

/// The words themselves.
#[derive(Debug)]
pub(crate) struct Words {
    /// What a database made with these words says of its `type`.
    pub(crate) database_type: &'static str,
    /// What SDKs call the service.
    pub(crate) sdk: &'static str,
    /// The key of a list of tables.
    pub(crate) tables: &'static str,
    /// Whether rows have permissions of their own.
    pub(crate) row_security: &'static str,
    /// The key of a list of columns, also within an index.
    pub(crate) columns: &'static str,
    /// One column.
    pub(crate) column: &'static str,
    /// The key of a list of rows.
    pub(crate) rows: &'static str,
    /// One row, as sentences begin.
    pub(crate) row: &'static str,
    /// The parameter with the id of a table.
    pub(crate) table_id: &'static str,
    /// The parameter with the id of a new row.
    pub(crate) row_id: &'static str,
    /// Where a relationship says which table it leads to.
    pub(crate) related_table: &'static str,
    /// Where a row says which table it is of.
    pub(crate) in_table: &'static str,
    /// What can go wrong.
    pub(crate) errors: Errors,
}

/// What can go wrong, in the words of the caller.
#[derive(Debug)]
#[allow(missing_docs, reason = "they are called what they are")]
pub(crate) struct Errors {
    pub(crate) table_not_found: ErrorKind,
    pub(crate) table_exists: ErrorKind,
    pub(crate) column_not_found: ErrorKind,
    pub(crate) column_exists: ErrorKind,
    pub(crate) column_unknown: ErrorKind,
    pub(crate) column_not_available: ErrorKind,
    pub(crate) column_limit: ErrorKind,
    pub(crate) column_default: ErrorKind,
    pub(crate) column_value: ErrorKind,
    pub(crate) column_type: ErrorKind,
    pub(crate) column_resize: ErrorKind,
    pub(crate) index_not_found: ErrorKind,
    pub(crate) index_exists: ErrorKind,
    pub(crate) index_limit: ErrorKind,
    pub(crate) index_invalid: ErrorKind,
    pub(crate) row_not_found: ErrorKind,
    pub(crate) row_exists: ErrorKind,
    pub(crate) row_unique: ErrorKind,
    pub(crate) row_structure: ErrorKind,
    pub(crate) row_missing_data: ErrorKind,
    pub(crate) row_missing_payload: ErrorKind,
    pub(crate) row_conflict: ErrorKind,
    pub(crate) row_restricted: ErrorKind,
}

impl Vocabulary {
    /// Both, at the position that [`floe_gateway::Route::vocabulary`] gives them.
    pub(crate) const ALL: [Self; 2] = [Self::Tables, Self::Collections];

    /// The one that a call speaks.
    pub(crate) fn of(call: &Call) -> Self {
        Self::ALL.get(call.vocabulary).copied().unwrap_or(Self::Tables)
    }

    /// Its position in [`Vocabulary::ALL`].
    pub(crate) fn index(self) -> usize {
        self as usize
    }

    /// Its words.
    pub(crate) fn words(self) -> &'static Words {
        match self {
            Self::Tables => &TABLES,
            Self::Collections => &COLLECTIONS,
        }
    }

    /// Its errors.
    pub(crate) fn errors(self) -> &'static Errors {
        &self.words().errors
    }
}

static TABLES: Words = Words {
    database_type: "tablesdb",
    sdk: "tablesDB",
    tables: "tables",
    row_security: "rowSecurity",
    columns: "columns",
    column: "column",
    rows: "rows",
    row: "Row",
    table_id: "tableId",
    row_id: "rowId",
    related_table: "relatedTable",
    in_table: "$tableId",
    errors: Errors {
        table_not_found: ErrorKind::TableNotFound,
        table_exists: ErrorKind::TableAlreadyExists,
        column_not_found: ErrorKind::ColumnNotFound,
        column_exists: ErrorKind::ColumnAlreadyExists,
        column_unknown: ErrorKind::ColumnUnknown,
        column_not_available: ErrorKind::ColumnNotAvailable,
        column_limit: ErrorKind::ColumnLimitExceeded,
        column_default: ErrorKind::ColumnDefaultUnsupported,
        column_value: ErrorKind::ColumnValueInvalid,
        column_type: ErrorKind::ColumnTypeInvalid,
        column_resize: ErrorKind::ColumnInvalidResize,
        index_not_found: ErrorKind::ColumnIndexNotFound,
        index_exists: ErrorKind::ColumnIndexAlreadyExists,
        index_limit: ErrorKind::ColumnIndexLimitExceeded,
        index_invalid: ErrorKind::ColumnIndexInvalid,
        row_not_found: ErrorKind::RowNotFound,
        row_exists: ErrorKind::RowAlreadyExists,
        row_unique: ErrorKind::RowUniqueConstraintViolation,
        row_structure: ErrorKind::RowInvalidStructure,
        row_missing_data: ErrorKind::RowMissingData,
        row_missing_payload: ErrorKind::RowMissingPayload,
        row_conflict: ErrorKind::RowUpdateConflict,
        row_restricted: ErrorKind::RowDeleteRestricted,
    },
};

static COLLECTIONS: Words = Words {
    database_type: "legacy",
    sdk: "databases",
    tables: "collections",
    row_security: "documentSecurity",
    columns: "attributes",
    column: "attribute",
    rows: "documents",
    row: "Document",
    table_id: "collectionId",
    row_id: "documentId",
    related_table: "relatedCollection",
    in_table: "$collectionId",
    errors: Errors {
        table_not_found: ErrorKind::CollectionNotFound,
        table_exists: ErrorKind::CollectionAlreadyExists,
        column_not_found: ErrorKind::AttributeNotFound,
        column_exists: ErrorKind::AttributeAlreadyExists,
        column_unknown: ErrorKind::AttributeUnknown,
        column_not_available: ErrorKind::AttributeNotAvailable,
        column_limit: ErrorKind::AttributeLimitExceeded,
        column_default: ErrorKind::AttributeDefaultUnsupported,
        column_value: ErrorKind::AttributeValueInvalid,
        column_type: ErrorKind::AttributeTypeInvalid,
        column_resize: ErrorKind::AttributeInvalidResize,
        index_not_found: ErrorKind::IndexNotFound,
        index_exists: ErrorKind::IndexAlreadyExists,
        index_limit: ErrorKind::IndexLimitExceeded,
        index_invalid: ErrorKind::IndexInvalid,
        row_not_found: ErrorKind::DocumentNotFound,
        row_exists: ErrorKind::DocumentAlreadyExists,
        row_unique: ErrorKind::DocumentUniqueConstraintViolation,
        row_structure: ErrorKind::DocumentInvalidStructure,
        row_missing_data: ErrorKind::DocumentMissingData,
        row_missing_payload: ErrorKind::DocumentMissingPayload,
        row_conflict: ErrorKind::DocumentUpdateConflict,
        row_restricted: ErrorKind::DocumentDeleteRestricted,
    },
};
