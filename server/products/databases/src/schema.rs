//! A table as requests for its rows need to know it: everything in one place, put together once and kept in memory.

use crate::keys::Keys;
use crate::model::{Column, Columns, Database, INDEXABLE, Index, IndexKind, Status, Table};
use crate::relation::Relation;
use crate::vocabulary::Vocabulary;
use floe_kernel::Caller;
use floe_kernel::access::AccessPolicy;
use floe_kernel::permission::Permissions;
use floe_kernel::query::{Field, Fields};
use floe_kernel::value::{Kind, Value};
use floe_kernel::{Error, ErrorKind, Result};
use floe_store::Store;
use floe_store::tables::{CREATED, Column as StoredColumn, ID, SEQUENCE, StoredTable, UPDATED};
use std::collections::HashMap;
use std::sync::Arc;

/// Everything about a table that a request for its rows needs. Never changed: a change of the table makes a new one.
#[derive(Debug)]
pub(crate) struct TableSchema {
    /// The project's id.
    pub(crate) project: Arc<str>,
    /// The database's id.
    pub(crate) database_id: String,
    /// The table's id.
    pub(crate) table_id: String,
    /// Whether clients may see the database.
    pub(crate) database_enabled: bool,
    /// Whether clients may see the table.
    pub(crate) table_enabled: bool,
    /// Which state of the table this is.
    pub(crate) version: i64,
    /// The columns, in the order in which they were made.
    pub(crate) columns: Vec<SchemaColumn>,
    /// The relationships that have a column here, in the order in which they were made.
    pub(crate) relations: Vec<Relation>,
    /// Those that lead here without a column here, seen from here.
    pub(crate) incoming: Vec<Relation>,
    /// The table in the database. Its columns are those above, in the same order.
    pub(crate) stored: StoredTable,
    permissions: Permissions,
    row_security: bool,
    by_key: HashMap<String, usize>,
    fields: Vec<Field>,
    unique: Vec<UniqueIndex>,
    /// What stands between a row's sequence and its moments, for either vocabulary.
    heads: [Vec<u8>; 2],
}

/// An index that lets no two rows have the same values.
#[derive(Debug)]
struct UniqueIndex {
    /// Its name in the database.
    name: String,
    /// Its columns' names in the database.
    columns: Vec<String>,
    /// Its columns' keys.
    keys: Vec<String>,
}

/// A column, ready to read and write.
#[derive(Debug, Clone)]
pub(crate) struct SchemaColumn {
    /// The column.
    pub(crate) column: Column,
    /// What it is in the database.
    pub(crate) kind: Kind,
    /// What rows get that don't say.
    pub(crate) default: Value,
    /// How its part of a row's JSON begins: `,"key":`.
    pub(crate) head: Vec<u8>,
    /// The number of the spatial index over it, where there is one.
    pub(crate) spatial_index: Option<i64>,
}

impl TableSchema {
    /// Puts it together.
    pub(crate) fn new(
        project: &str,
        store: &Store,
        keys: &Keys,
        database: &Database,
        table: Table,
        columns: Columns,
        indexes: &[Index],
    ) -> Self {
        let Columns { plain: columns, relations, incoming } = columns;
        let sealed = columns.iter().map(|column| StoredColumn {
            seal: column.encrypted.then(|| keys.seal(project, column.number)),
            ..column.stored()
        });
        let stored = store.table(table.number, table.version, sealed.collect());
        let heads = Vocabulary::ALL.map(|vocabulary| head(vocabulary, &database.id, &table.id));
        Self {
            project: project.into(),
            database_id: database.id.clone(),
            table_id: table.id,
            database_enabled: database.enabled,
            table_enabled: table.enabled,
            version: table.version,
            by_key: columns.iter().enumerate().map(|(n, column)| (column.key.clone(), n)).collect(),
            fields: fields(&columns, indexes, &stored),
            unique: unique(&columns, indexes, &stored),
            columns: columns.into_iter().map(|column| SchemaColumn::new(column, indexes)).collect(),
            relations,
            incoming,
            stored,
            permissions: table.permissions,
            row_security: table.row_security,
            heads,
        }
    }

    /// Whether it is there for this caller: what is switched off isn't, but for servers and admins.
    pub(crate) fn is_open(&self, caller: &Caller) -> bool {
        caller.privileged() || (self.database_enabled && self.table_enabled)
    }

    /// Where permissions stand.
    pub(crate) fn policy(&self) -> AccessPolicy<'_> {
        AccessPolicy { container: &self.permissions, item_security: self.row_security }
    }

    /// What rows may be filtered and sorted by.
    pub(crate) fn fields(&self) -> Fields<'_> {
        Fields { fields: &self.fields, sequence: SEQUENCE }
    }

    /// The keys of the columns whose values another row has already, where storage said which these are.
    pub(crate) fn violated(&self, error: &floe_store::Error) -> Option<&[String]> {
        let floe_store::Error::Conflict { columns, .. } = error else { return None };
        let found = self
            .unique
            .iter()
            .find(|unique| error.conflicts_on(&unique.name) || (!columns.is_empty() && *columns == unique.columns));
        found.map(|unique| unique.keys.as_slice())
    }

    /// The position of the column of this key.
    pub(crate) fn position(&self, key: &str) -> Option<usize> {
        self.by_key.get(key).copied()
    }

    /// The relationship of this key.
    pub(crate) fn relation(&self, key: &str) -> Option<&Relation> {
        self.relations.iter().find(|relation| relation.key == key)
    }

    /// The relationship that a path begins with, and the rest of the path, where there is one; none for what begins with a column. A key may
    /// hold a period itself: a whole name counts before a part of it, and a longer part before a shorter one.
    pub(crate) fn step<'p>(&self, path: &'p str) -> Option<(&Relation, Option<&'p str>)> {
        if self.relations.is_empty() || self.position(path).is_some() {
            return None;
        }
        if let Some(relation) = self.relation(path) {
            return Some((relation, None));
        }
        let mut periods = path.rmatch_indices('.').map(|(at, _)| at);
        periods.find_map(|at| self.relation(&path[..at]).map(|relation| (relation, Some(&path[at + 1..]))))
    }

    /// Whether its rows may be related to others, or others to them.
    pub(crate) fn is_related(&self) -> bool {
        !self.relations.is_empty() || !self.incoming.is_empty()
    }

    /// What stands between a row's sequence and its moments.
    pub(crate) fn head(&self, vocabulary: Vocabulary) -> &[u8] {
        &self.heads[vocabulary.index()]
    }

    /// The positions of the columns that a caller asked for; `None`: all of them.
    ///
    /// # Errors
    /// [`ErrorKind::GeneralQueryInvalid`] for what isn't there.
    pub(crate) fn choose(&self, select: Option<&[String]>) -> Result<Option<Vec<usize>>> {
        let Some(select) = select.filter(|select| !select.iter().any(|name| name == "*")) else { return Ok(None) };
        let mut chosen = Vec::with_capacity(select.len());
        for name in select {
            match self.position(name) {
                Some(position) if chosen.contains(&position) => {}
                Some(position) => chosen.push(position),
                // What every row has is always answered.
                None if is_of_every_row(name) => {}
                None => {
                    let message = format!("Invalid query: Attribute not found in schema: {name}");
                    return Err(Error::new(ErrorKind::GeneralQueryInvalid).message(message).field("queries"));
                }
            }
        }
        chosen.sort_unstable();
        Ok(Some(chosen))
    }
}

impl SchemaColumn {
    fn new(column: Column, indexes: &[Index]) -> Self {
        let mut head = vec![b','];
        head.extend(serde_json::Value::from(column.key.as_str()).to_string().into_bytes());
        head.push(b':');
        let is_over = |index: &&Index| {
            index.kind == IndexKind::Spatial
                && index.status == Status::Available
                && index.columns == [column.key.as_str()]
        };
        let spatial_index = indexes.iter().find(is_over).map(|index| index.number);
        Self { kind: column.kind(), default: column.default_value(), head, spatial_index, column }
    }
}

/// Whether this names what every row has, in either vocabulary.
fn is_of_every_row(name: &str) -> bool {
    matches!(
        name,
        "$id"
            | "$sequence"
            | "$createdAt"
            | "$updatedAt"
            | "$permissions"
            | "$databaseId"
            | "$tableId"
            | "$collectionId"
    )
}

fn head(vocabulary: Vocabulary, database_id: &str, table_id: &str) -> Vec<u8> {
    // Ids need no escapes.
    let in_table = vocabulary.words().in_table;
    format!(r#"","{in_table}":"{table_id}","$databaseId":"{database_id}","$createdAt":""#).into_bytes()
}

fn unique(columns: &[Column], indexes: &[Index], stored: &StoredTable) -> Vec<UniqueIndex> {
    let name_of = |key: &String| match INDEXABLE.iter().find(|(attribute, _)| attribute == key) {
        Some((_, name)) => Some((*name).to_owned()),
        None => columns.iter().find(|column| column.key == *key).map(|column| column.stored().name),
    };
    let unique = indexes.iter().filter(|index| index.kind == IndexKind::Unique);
    let each = unique.map(|index| UniqueIndex {
        name: stored.index_name(index.number),
        columns: index.columns.iter().filter_map(name_of).collect(),
        keys: index.columns.clone(),
    });
    each.collect()
}

fn fields(columns: &[Column], indexes: &[Index], stored: &StoredTable) -> Vec<Field> {
    let fulltext = |key: &str| {
        let serves = |index: &&Index| {
            index.kind == IndexKind::Fulltext && index.status == Status::Available && index.columns == [key]
        };
        indexes.iter().find(serves).map(|index| stored.index_name(index.number))
    };
    let of_every_row = [
        Field { fulltext: fulltext("$id"), ..Field::required("$id", ID, Kind::Text) },
        Field::required("$sequence", SEQUENCE, Kind::Integer),
        Field::required("$createdAt", CREATED, Kind::Datetime),
        Field::required("$updatedAt", UPDATED, Kind::Datetime),
    ];
    let own = columns.iter().map(|column| match column.encrypted {
        true => Field::sealed(column.key.clone()),
        false => Field {
            attribute: column.key.clone().into(),
            column: column.stored().name.into(),
            kind: column.domain.kind(),
            // Also where a value is required: rows that were there before the column have none.
            nullable: true,
            array: column.array,
            fulltext: fulltext(&column.key),
        },
    });
    of_every_row.into_iter().chain(own).collect()
}
