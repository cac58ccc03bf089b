//! What databases, tables, columns and indexes are, and what the API shows of them. Rows: see [`crate::row`].

use crate::domain::{BESIDE, Domain};
use crate::relation::Relation;
use crate::vocabulary::Vocabulary;
use floe_kernel::Result;
use floe_kernel::permission::Permissions;
use floe_kernel::query::Direction;
use floe_kernel::time::Timestamp;
use floe_kernel::value::{Kind, Value};
use floe_store::tables::{CREATED, Column as StoredColumn, ID, UPDATED};
use serde_json::{Map, Value as Json, json};

/// A database.
#[derive(Debug, Clone)]
pub(crate) struct Database {
    /// Its number in this project, which never comes back.
    pub(crate) number: i64,
    /// Its id.
    pub(crate) id: String,
    /// Its name.
    pub(crate) name: String,
    /// With which words it was made: `legacy` or `tablesdb`.
    pub(crate) kind: String,
    /// Whether clients may see it.
    pub(crate) enabled: bool,
    /// When it was made.
    pub(crate) created: Timestamp,
    /// When it was changed last.
    pub(crate) updated: Timestamp,
}

/// A table, without its columns and indexes.
#[derive(Debug, Clone)]
pub(crate) struct Table {
    /// Its number in this project, which never comes back. Its rows are in `rows_<number>`.
    pub(crate) number: i64,
    /// Its id, unique in its database.
    pub(crate) id: String,
    /// Its name.
    pub(crate) name: String,
    /// Whether clients may see it.
    pub(crate) enabled: bool,
    /// Whether rows have permissions of their own beside the table's.
    pub(crate) row_security: bool,
    /// Who may do what with all of its rows.
    pub(crate) permissions: Permissions,
    /// Grows with every change of what [`crate::schema::TableSchema`] holds.
    pub(crate) version: i64,
    /// When it was made.
    pub(crate) created: Timestamp,
    /// When it was changed last.
    pub(crate) updated: Timestamp,
}

/// A table as the API shows it: with everything in it.
#[derive(Debug, Clone)]
pub(crate) struct WholeTable {
    /// The id of its database.
    pub(crate) database_id: String,
    /// Itself.
    pub(crate) table: Table,
    /// Its columns, in the order in which they were made.
    pub(crate) columns: Vec<Column>,
    /// Its relationships, in the order in which they were made.
    pub(crate) relations: Vec<Relation>,
    /// Relationships of other tables (or of itself) that lead here and have no column here, seen from here.
    pub(crate) incoming: Vec<Relation>,
    /// Its indexes, in the order in which they were made.
    pub(crate) indexes: Vec<Index>,
}

/// A column.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Column {
    /// Its number in this project, which never comes back. Its values are in `c<number>`.
    pub(crate) number: i64,
    /// Its name, unique in its table.
    pub(crate) key: String,
    /// What values it takes.
    pub(crate) domain: Domain,
    /// Whether every new row must have a value.
    pub(crate) required: bool,
    /// Whether it holds lists of such values.
    pub(crate) array: bool,
    /// Whether its values are kept encrypted.
    pub(crate) encrypted: bool,
    /// What rows get that don't say. As the wire has it.
    pub(crate) default: Option<Json>,
    /// What has become of it.
    pub(crate) status: Status,
    /// When it was made.
    pub(crate) created: Timestamp,
    /// When it was changed last.
    pub(crate) updated: Timestamp,
}

/// What stands in a table's list of columns.
#[derive(Debug, Clone)]
pub(crate) enum AnyColumn {
    /// A column with values of its own.
    Plain(Column),
    /// A relationship.
    Relation(Relation),
}

/// What a table's rows may hold, in the order in which it was made.
#[derive(Debug, Clone, Default)]
pub(crate) struct Columns {
    /// Its columns.
    pub(crate) plain: Vec<Column>,
    /// Its relationships.
    pub(crate) relations: Vec<Relation>,
    /// Relationships that lead here and have no column here, seen from here.
    pub(crate) incoming: Vec<Relation>,
}

/// What is to become a column.
#[derive(Debug, Clone)]
pub(crate) struct NewColumn {
    /// Its name.
    pub(crate) key: String,
    /// What values it takes.
    pub(crate) domain: Domain,
    /// Whether every new row must have a value.
    pub(crate) required: bool,
    /// Whether it holds lists.
    pub(crate) array: bool,
    /// Whether its values are kept encrypted.
    pub(crate) encrypted: bool,
    /// What rows get that don't say.
    pub(crate) default: Option<Json>,
}

/// An index.
#[derive(Debug, Clone)]
pub(crate) struct Index {
    /// Its number in this project, which never comes back.
    pub(crate) number: i64,
    /// Its name, unique in its table.
    pub(crate) key: String,
    /// What it is for.
    pub(crate) kind: IndexKind,
    /// The keys of what it is over.
    pub(crate) columns: Vec<String>,
    /// How many characters of each count; none: all.
    pub(crate) lengths: Vec<Option<i64>>,
    /// Which way each runs, as the caller said; shorter than `columns` where the caller didn't.
    pub(crate) orders: Vec<String>,
    /// What has become of it.
    pub(crate) status: Status,
    /// When it was made.
    pub(crate) created: Timestamp,
    /// When it was changed last.
    pub(crate) updated: Timestamp,
}

/// What is to become an index.
#[derive(Debug, Clone)]
pub(crate) struct NewIndex {
    /// Its name.
    pub(crate) key: String,
    /// What it is for, as the caller said.
    pub(crate) kind: String,
    /// The keys of what it is over.
    pub(crate) columns: Vec<String>,
    /// How many characters of each count.
    pub(crate) lengths: Vec<Option<i64>>,
    /// Which way each runs.
    pub(crate) orders: Vec<String>,
}

/// What an index is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum IndexKind {
    /// Finding and sorting rows.
    Key,
    /// No two rows have the same values.
    Unique,
    /// Finding words.
    Fulltext,
    /// Finding places.
    Spatial,
}

impl IndexKind {
    const ALL: [Self; 4] = [Self::Key, Self::Unique, Self::Fulltext, Self::Spatial];

    /// The type, as the API calls it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Key => "key",
            Self::Unique => "unique",
            Self::Fulltext => "fulltext",
            Self::Spatial => "spatial",
        }
    }

    /// The one that the API calls so.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// What has become of a column or an index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Status {
    /// It was asked for.
    Processing,
    /// It can be used.
    Available,
    /// It couldn't be made, because of this.
    Failed(String),
}

impl Status {
    /// Its name.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Processing => "processing",
            Self::Available => "available",
            Self::Failed(_) => "failed",
        }
    }

    /// Rows stand against an index that was to be unique.
    pub(crate) fn not_unique(vocabulary: Vocabulary) -> Self {
        let rows = vocabulary.words().rows;
        Self::Failed(format!("Some {rows} have the same values, so the index can't be unique."))
    }

    /// Why it couldn't be made.
    pub(crate) fn error(&self) -> &str {
        match self {
            Self::Failed(error) => error,
            Self::Processing | Self::Available => "",
        }
    }

    /// What was kept, read again.
    pub(crate) fn stored(name: &str, error: String) -> Self {
        match name {
            "processing" => Self::Processing,
            "failed" => Self::Failed(error),
            _ => Self::Available,
        }
    }
}

/// Something that is to be done about the shape of a table, behind the API's back.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SchemaJob {
    /// Its number: they are done in this order.
    pub(crate) number: i64,
    /// What is to be done.
    pub(crate) task: Task,
    /// The number of the table.
    pub(crate) table: i64,
    /// The number of the index or column; 0 where the whole table is meant.
    pub(crate) item: i64,
}

/// What is to be done. What is removed isn't defined any more: its number is all that is left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Task {
    /// An index is to be made, or made anew.
    MakeIndex,
    /// What was an index is to be removed.
    DropIndex,
    /// A column is to be added.
    AddColumn,
    /// What was a column is to be removed, or at least its values.
    DropColumn,
    /// What was a table is to be removed.
    DropTable,
    /// The links of a relationship are to be made. The table is its parent's, the item its column there.
    MakeLinks,
    /// What were the links of a relationship is to be removed. They belong to no table: 0.
    DropLinks,
}

impl Task {
    const ALL: [Self; 7] = [
        Self::MakeIndex,
        Self::DropIndex,
        Self::AddColumn,
        Self::DropColumn,
        Self::DropTable,
        Self::MakeLinks,
        Self::DropLinks,
    ];

    /// Its name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::MakeIndex => "make_index",
            Self::DropIndex => "drop_index",
            Self::AddColumn => "add_column",
            Self::DropColumn => "drop_column",
            Self::DropTable => "drop_table",
            Self::MakeLinks => "make_links",
            Self::DropLinks => "drop_links",
        }
    }

    /// The one of this name.
    pub(crate) fn stored(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|task| task.name() == name)
    }
}

impl Database {
    /// As the API shows it.
    pub(crate) fn to_json(&self) -> Json {
        json!({
            "$id": self.id,
            "name": self.name,
            "$createdAt": self.created,
            "$updatedAt": self.updated,
            "enabled": self.enabled,
            "type": self.kind,
            "status": "ready",
        })
    }
}

impl WholeTable {
    /// As the API shows it.
    pub(crate) fn to_json(&self, vocabulary: Vocabulary) -> Json {
        let (words, table) = (vocabulary.words(), &self.table);
        json!({
            "$id": table.id,
            "$createdAt": table.created,
            "$updatedAt": table.updated,
            "$permissions": table.permissions,
            "databaseId": self.database_id,
            "name": table.name,
            "enabled": table.enabled,
            words.row_security: table.row_security,
            words.columns: self.columns_json(vocabulary),
            "indexes": self.indexes.iter().map(|index| index.to_json(vocabulary)).collect::<Vec<_>>(),
            "bytesMax": MAX_WIDTH,
            "bytesUsed": self.width(),
        })
    }
}

/// How many bytes a row may have, as Appwrite counts: less than this.
const MAX_WIDTH: i64 = 65_535;

/// The most columns of a table, relationships included.
const MAX_COLUMNS: usize = 1017;

/// What every row has, in bytes, as Appwrite counts.
const WIDTH_OF_EVERY_ROW: i64 = 1067;

/// What a relationship adds.
const WIDTH_OF_RELATION: i64 = 1021;

impl WholeTable {
    /// Its columns and relationships as the API shows them, in the order in which they were made.
    fn columns_json(&self, vocabulary: Vocabulary) -> Vec<Json> {
        let plain = self.columns.iter().map(|column| (column.number, column.to_json()));
        let relations = self.relations.iter().map(|relation| (relation.number, relation.to_json(vocabulary)));
        let mut all: Vec<_> = plain.chain(relations).collect();
        all.sort_unstable_by_key(|(number, _)| *number);
        all.into_iter().map(|(_, json)| json).collect()
    }

    /// Whether one of its columns or relationships has this name, or one that differs in case alone.
    pub(crate) fn has(&self, key: &str) -> bool {
        let (columns, relations) = (self.columns.iter(), self.relations.iter());
        let mut keys = columns.map(|column| &column.key).chain(relations.map(|relation| &relation.key));
        keys.any(|taken| taken.eq_ignore_ascii_case(key))
    }

    /// It, with this column in the place of what it was before.
    pub(crate) fn with_changed(&self, column: &Column) -> Self {
        let mut with = self.clone();
        with.columns.iter_mut().filter(|old| old.number == column.number).for_each(|old| old.clone_from(column));
        with
    }

    /// It, with one relationship more.
    pub(crate) fn with_relation(&self, relation: Relation) -> Self {
        let mut with = self.clone();
        with.relations.push(relation);
        with
    }

    /// How many bytes a row of it has, as Appwrite counts.
    fn width(&self) -> i64 {
        let columns: i64 = self.columns.iter().map(Column::width).sum();
        WIDTH_OF_EVERY_ROW + columns + WIDTH_OF_RELATION * self.relations.len() as i64
    }

    /// Refuses more, or wider, columns than a table may have.
    ///
    /// # Errors
    /// `column_limit_exceeded`.
    pub(crate) fn check_limits(&self, vocabulary: Vocabulary) -> Result<()> {
        let fits = self.columns.len() + self.relations.len() <= MAX_COLUMNS && self.width() < MAX_WIDTH;
        if fits { Ok(()) } else { Err(vocabulary.errors().column_limit.into()) }
    }
}

impl AnyColumn {
    /// As the API shows it.
    pub(crate) fn to_json(&self, vocabulary: Vocabulary) -> Json {
        match self {
            Self::Plain(column) => column.to_json(),
            Self::Relation(relation) => relation.to_json(vocabulary),
        }
    }
}

impl Column {
    fn width(&self) -> i64 {
        if self.array { BESIDE } else { self.domain.width() }
    }

    /// As the API shows it.
    pub(crate) fn to_json(&self) -> Json {
        let mut model = Map::new();
        model.insert("key".into(), self.key.as_str().into());
        model.insert("type".into(), self.domain.type_name().into());
        model.insert("status".into(), self.status.name().into());
        model.insert("error".into(), self.status.error().into());
        model.insert("required".into(), self.required.into());
        model.insert("array".into(), self.array.into());
        model.insert("$createdAt".into(), self.created.to_string().into());
        model.insert("$updatedAt".into(), self.updated.to_string().into());
        self.domain.describe(&mut model);
        if let Some(encrypt) = model.get_mut("encrypt") {
            *encrypt = self.encrypted.into();
        }
        model.insert("default".into(), self.default.clone().unwrap_or_default());
        model.into()
    }

    /// What it is in the database.
    pub(crate) fn kind(&self) -> Kind {
        if self.array { Kind::Json } else { self.domain.kind() }
    }

    /// It in the database.
    pub(crate) fn stored(&self) -> StoredColumn {
        StoredColumn::new(self.number, self.kind())
    }

    /// What rows get that don't say.
    pub(crate) fn default_value(&self) -> Value {
        let default = self.default.as_ref().and_then(|default| self.domain.accept(default).ok());
        default.unwrap_or(Value::Null(self.kind()))
    }
}

impl Index {
    /// As the API shows it.
    pub(crate) fn to_json(&self, vocabulary: Vocabulary) -> Json {
        json!({
            "$id": self.key,
            "$createdAt": self.created,
            "$updatedAt": self.updated,
            "key": self.key,
            "type": self.kind.name(),
            "status": self.status.name(),
            "error": self.status.error(),
            vocabulary.words().columns: self.columns,
            "lengths": self.lengths,
            "orders": self.orders,
        })
    }

    /// Which way the column at this position runs.
    pub(crate) fn direction(&self, position: usize) -> Direction {
        let descending = self.orders.get(position).is_some_and(|order| order.eq_ignore_ascii_case("desc"));
        if descending { Direction::Descending } else { Direction::Ascending }
    }
}

/// What every row has that an index may be over: the name on the wire, and in the database.
pub(crate) const INDEXABLE: [(&str, &str); 3] = [("$id", ID), ("$createdAt", CREATED), ("$updatedAt", UPDATED)];
