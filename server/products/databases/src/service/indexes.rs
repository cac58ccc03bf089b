//! Indexes: made, listed, removed.

use super::columns::open;
use super::schema_jobs::is_large;
use super::{At, Databases, bytes, find_table};
use crate::events;
use crate::model::{Column, INDEXABLE, Index, IndexKind, NewIndex, Status, Task, WholeTable};
use crate::repository::{self, Listed, Listing, SchemaRepository};
use crate::row_transaction::RowTransaction;
use crate::vocabulary::Vocabulary;
use floe_gateway::Call;
use floe_kernel::value::Kind;
use floe_kernel::{Error, ErrorKind, Result};
use floe_store::tables::{Ddl, ID, IndexColumn};
use floe_store::{Store, conflict_is};

/// The most indexes of a table.
const MAX_INDEXES: usize = 58;
/// The most characters that an index is over. (PostgreSQL's limit is 2704 bytes; Appwrite's, and so ours, is lower.)
const MAX_LENGTH: i64 = 768;
/// How many of them an id is counted as, as Appwrite does.
const SIZE_OF_ID: i64 = 255;

impl Databases {
    /// Makes an index; that of a large table later, see [`super::schema_jobs`]. When rows stand against it (two have the same
    /// values), it is there, but `failed`.
    ///
    /// # Errors
    /// `index_already_exists`, `index_limit_exceeded`, `index_invalid`, `column_unknown`, those of finding the table.
    pub(crate) async fn create_index(&self, call: &Call, at: &At, new: NewIndex) -> Result<Index> {
        let vocabulary = Vocabulary::of(call);
        let mut tx = self.begin(call).await?;
        let whole = open(&mut tx, at, vocabulary).await?;
        let mut index = self.make_index(&mut tx, call, &whole, new).await?;
        tx.emit(events::INDEX_CREATE, &[&at.database, &at.table, &index.key], || bytes(&index.to_json(vocabulary)))
            .await?;
        tx.commit().await?;
        index.status = Status::Processing;
        Ok(index)
    }

    /// The index of this key.
    ///
    /// # Errors
    /// `index_not_found`, and those of finding the table.
    pub(crate) async fn index(&self, call: &Call, at: &At, key: &str) -> Result<Index> {
        let vocabulary = Vocabulary::of(call);
        let mut conn = call.store.read().await?;
        let mut definitions = SchemaRepository(&mut conn);
        let (_, table) = find_table(&mut definitions, at, vocabulary).await?;
        find(definitions.indexes(table.number).await?, key, vocabulary)
    }

    /// The indexes of a table.
    ///
    /// # Errors
    /// Those of finding the table, and for queries that don't fit.
    pub(crate) async fn indexes(&self, call: &Call, at: &At, listing: &Listing<'_>) -> Result<Listed<Index>> {
        let table = self.known_table(call, at).await?;
        repository::list_indexes(&call.store, table.number, listing).await
    }

    /// Removes an index.
    ///
    /// # Errors
    /// `index_not_found`, and those of finding the table.
    pub(crate) async fn delete_index(&self, call: &Call, at: &At, key: &str) -> Result<()> {
        let vocabulary = Vocabulary::of(call);
        let mut tx = self.begin(call).await?;
        let whole = open(&mut tx, at, vocabulary).await?;
        let index = find(whole.indexes.clone(), key, vocabulary)?;
        self.remove_index(&mut tx, call, &whole, &index).await?;
        tx.emit(events::INDEX_UPDATE, &[&at.database, &at.table, key], || bytes(&index.to_json(vocabulary))).await?;
        tx.commit().await
    }

    /// Makes an index of a table, within a unit of work, or leaves it for later.
    pub(super) async fn make_index(
        &self,
        tx: &mut RowTransaction<'_>,
        call: &Call,
        whole: &WholeTable,
        new: NewIndex,
    ) -> Result<Index> {
        let vocabulary = Vocabulary::of(call);
        let mut index = check(new, whole, call, vocabulary)?;
        definition(&index, whole, &call.store, vocabulary)?;
        if whole.indexes.iter().any(|other| other.key.eq_ignore_ascii_case(&index.key)) {
            return Err(Error::about(vocabulary.errors().index_exists, &index.key));
        }
        let is_for_later = is_for_later(tx, call, whole).await?;
        if is_for_later {
            index.status = Status::Processing;
        }
        let added = tx.definitions().add_index(whole.table.number, &index).await;
        index.number = added.map_err(conflict_is(Error::about(vocabulary.errors().index_exists, &index.key)))?;
        if is_for_later {
            tx.later(Task::MakeIndex, whole.table.number, index.number).await?;
            return Ok(index);
        }
        tx.mark().await?;
        match tx.shape(definition(&index, whole, &call.store, vocabulary)?).await {
            Ok(()) => {}
            Err(error) if error.is_conflict() => {
                tx.back_to_mark().await?;
                index.status = Status::not_unique(vocabulary);
                tx.definitions().set_index_status(index.number, &index.status).await?;
            }
            // Somebody writes to the table for long.
            Err(floe_store::Error::Busy) => {
                tx.back_to_mark().await?;
                index.status = Status::Processing;
                tx.definitions().set_index_status(index.number, &index.status).await?;
                tx.later(Task::MakeIndex, whole.table.number, index.number).await?;
            }
            Err(error) => return Err(error.into()),
        }
        Ok(index)
    }

    /// Makes the indexes anew that count another number of characters of a column, now that it has another size.
    pub(super) async fn fit_indexes(
        &self,
        tx: &mut RowTransaction<'_>,
        call: &Call,
        before: &WholeTable,
        column: &Column,
    ) -> Result<()> {
        let vocabulary = Vocabulary::of(call);
        let after = before.with_changed(column);
        let table = before.table.number;
        let mut is_for_later = is_for_later(tx, call, before).await?;
        // A fulltext index is over all of a text, whatever its size.
        let sized = |index: &Index| matches!(index.kind, IndexKind::Key | IndexKind::Unique);
        let counts = |index: &&Index| !matches!(index.status, Status::Failed(_)) && sized(index);
        for index in before.indexes.iter().filter(counts).filter(|index| index.columns.contains(&column.key)) {
            let (old, new) = (stored_columns(index, before, vocabulary)?, stored_columns(index, &after, vocabulary)?);
            if old.iter().map(|of| of.length).eq(new.iter().map(|of| of.length)) {
                continue;
            }
            let stored = call.store.table(table, before.table.version, Vec::new());
            let old = Ddl::DropIndex { table: stored, number: index.number };
            is_for_later = is_for_later || !tx.try_shape(old).await?;
            if is_for_later {
                tx.definitions().set_index_status(index.number, &Status::Processing).await?;
                tx.later(Task::MakeIndex, table, index.number).await?;
                continue;
            }
            tx.shape(definition(index, &after, &call.store, vocabulary)?).await?;
        }
        Ok(())
    }

    /// Removes an index of a table, within a unit of work.
    pub(super) async fn remove_index(
        &self,
        tx: &mut RowTransaction<'_>,
        call: &Call,
        whole: &WholeTable,
        index: &Index,
    ) -> Result<()> {
        let (table, number) = (whole.table.number, index.number);
        match index.status {
            // One that failed isn't there. One that is being made is removed by whoever makes it.
            Status::Failed(_) | Status::Processing => {}
            // PostgreSQL would wait for the other change, and every reader of the table for us.
            Status::Available if !call.store.is_sqlite() && tx.definitions().awaits_jobs(table).await? => {
                tx.later(Task::DropIndex, table, number).await?;
            }
            Status::Available => {
                let stored = call.store.table(table, whole.table.version, Vec::new());
                if !tx.try_shape(Ddl::DropIndex { table: stored, number }).await? {
                    tx.later(Task::DropIndex, table, number).await?;
                }
            }
        }
        Ok(tx.definitions().remove_index(number).await?)
    }
}

/// Whether an index of this table must be made behind the API's back: the table is large, or something else is being
/// done about it there.
async fn is_for_later(tx: &mut RowTransaction<'_>, call: &Call, whole: &WholeTable) -> Result<bool> {
    if tx.definitions().awaits_jobs(whole.table.number).await? {
        return Ok(true);
    }
    is_large(tx, &call.store.table(whole.table.number, 0, Vec::new())).await
}

/// How the index is made. The only place that says so, whoever makes it.
///
/// # Errors
/// `column_unknown`, `index_invalid`.
pub(super) fn definition(index: &Index, whole: &WholeTable, store: &Store, vocabulary: Vocabulary) -> Result<Ddl> {
    let (table, number) = (store.table(whole.table.number, whole.table.version, Vec::new()), index.number);
    Ok(match index.kind {
        IndexKind::Fulltext => {
            Ddl::CreateFulltext { table, number, columns: searched_columns(index, whole, vocabulary)? }
        }
        IndexKind::Spatial => Ddl::CreateSpatial { table, number, column: shape_column(index, whole, vocabulary)? },
        IndexKind::Key | IndexKind::Unique => {
            let (unique, columns) = (index.kind == IndexKind::Unique, stored_columns(index, whole, vocabulary)?);
            Ddl::CreateIndex { table, number, unique, columns }
        }
    })
}

fn check(new: NewIndex, whole: &WholeTable, call: &Call, vocabulary: Vocabulary) -> Result<Index> {
    let errors = vocabulary.errors();
    let invalid = |message: &str| Err(Error::new(errors.index_invalid).message(message.to_owned()));
    if whole.indexes.len() >= MAX_INDEXES {
        return Err(errors.index_limit.into());
    }
    if !matches!(new.kind.as_str(), "key" | "unique" | "fulltext" | "spatial") {
        return Err(Error::invalid("type", "Value must be one of (key, fulltext, unique, spatial)"));
    }
    if new.key.eq_ignore_ascii_case("primary") {
        return invalid("Index key name is reserved");
    }
    let kind = IndexKind::named(&new.kind).ok_or_else(|| {
        let message = format!("Indexes of type {} are not supported.", new.kind);
        Error::new(ErrorKind::GeneralFeatureUnsupported).message(message).field("type")
    })?;
    for key in new.columns.iter().filter(|key| INDEXABLE.iter().all(|(attribute, _)| attribute != key)) {
        if available(key, whole, vocabulary)?.array {
            // In these words and of this type whatever the vocabulary.
            let message = "Creating indexes on array attributes is not currently supported.";
            return Err(Error::new(ErrorKind::IndexInvalid).message(message));
        }
    }
    if new.columns.is_empty() {
        return invalid("No attributes provided for index");
    }
    if new.columns.iter().enumerate().any(|(n, key)| new.columns[..n].contains(key)) {
        return invalid("Duplicate attributes provided");
    }
    if new.lengths.len() > new.columns.len() {
        let rule = "Count of lengths must be equal or less than the number of attributes.";
        return invalid(&format!("Invalid index lengths. {rule}"));
    }
    if new.orders.len() > new.columns.len() {
        return invalid("There are more orders than columns");
    }
    // A length of 0 means the same as none.
    let lengths = (0..new.columns.len()).map(|n| new.lengths.get(n).copied().flatten().filter(|length| *length != 0));
    Ok(Index {
        number: 0,
        key: new.key,
        kind,
        lengths: lengths.collect(),
        columns: new.columns,
        orders: new.orders,
        status: Status::Available,
        created: call.now,
        updated: call.now,
    })
}

/// The column of this key, which an index may be over now.
///
/// # Errors
/// `column_unknown`, `column_type_invalid` for a relationship, `column_not_available`.
fn available<'w>(key: &str, whole: &'w WholeTable, vocabulary: Vocabulary) -> Result<&'w Column> {
    let errors = vocabulary.errors();
    if whole.relations.iter().any(|relation| relation.key == key) {
        let message = format!("Cannot create an index for a relationship {}: {key}", vocabulary.words().column);
        return Err(Error::new(errors.column_type).message(message));
    }
    let column = whole.columns.iter().find(|column| column.key == key);
    let column = column.ok_or_else(|| Error::about(errors.column_unknown, key))?;
    match column.status {
        Status::Available => Ok(column),
        Status::Processing | Status::Failed(_) => Err(Error::about(errors.column_not_available, key)),
    }
}

/// What the index is over in the database.
fn stored_columns(index: &Index, whole: &WholeTable, vocabulary: Vocabulary) -> Result<Vec<IndexColumn>> {
    let errors = vocabulary.errors();
    let mut length = 0_i64;
    let mut stored = Vec::with_capacity(index.columns.len());
    for (n, key) in index.columns.iter().enumerate() {
        let direction = index.direction(n);
        if let Some((_, name)) = INDEXABLE.iter().find(|(attribute, _)| attribute == key) {
            length += if *name == ID { SIZE_OF_ID } else { 1 };
            stored.push(IndexColumn { name: (*name).to_owned(), nullable: false, direction, length: None });
            continue;
        }
        let column = available(key, whole, vocabulary)?;
        refuse_shapes(index, column, vocabulary)?;
        let counted =
            counted(column, index.lengths[n]).map_err(|rule| Error::new(errors.index_invalid).message(rule))?;
        length = length.saturating_add(counted);
        let part = index.lengths[n].filter(|part| *part < column.domain.size());
        stored.push(IndexColumn { name: column.stored().name, nullable: true, direction, length: part });
    }
    if length > MAX_LENGTH {
        let message = format!("Index length is longer than the maximum: {MAX_LENGTH}");
        return Err(Error::new(errors.index_invalid).message(message));
    }
    Ok(stored)
}

/// What a fulltext index is over in the database.
fn searched_columns(index: &Index, whole: &WholeTable, vocabulary: Vocabulary) -> Result<Vec<String>> {
    let errors = vocabulary.errors();
    let invalid = |message: String| Err(Error::new(errors.index_invalid).message(message));
    let no_text =
        |key: &str| invalid(format!("Attribute \"{key}\" cannot be part of a fulltext index, must be of type string"));
    let each = index.columns.iter().map(|key| match INDEXABLE.iter().find(|(attribute, _)| attribute == key) {
        Some((_, name)) if *name == ID => Ok((*name).to_owned()),
        Some(_) => no_text(key),
        None => {
            let column = available(key, whole, vocabulary)?;
            if column.encrypted {
                return invalid(format!("Attribute \"{key}\" is encrypted and can't be part of an index"));
            }
            refuse_shapes(index, column, vocabulary)?;
            if column.kind() == Kind::Text { Ok(column.stored().name) } else { no_text(key) }
        }
    });
    each.collect()
}

/// How many characters of a column count, in an index that is over so many of them; none: over all.
fn counted(column: &Column, part: Option<i64>) -> Result<i64, String> {
    let (key, size) = (&column.key, column.domain.size());
    if column.encrypted {
        return Err(format!("Attribute \"{key}\" is encrypted and can't be part of an index"));
    }
    match (column.kind(), part) {
        (Kind::Text, None) => Ok(size),
        (Kind::Text, Some(part)) if part < 0 => Err(format!("Negative index length provided for {key}")),
        (Kind::Text, Some(part)) if part > size => {
            Err(format!("Index length {part} is larger than the size for {key}: {size}\""))
        }
        (Kind::Text, Some(part)) => Ok(part),
        (_, Some(_)) => Err(format!("Cannot set a length on \"{}\" attributes", column.domain.type_name())),
        // In characters of four bytes.
        (Kind::Float, None) => Ok(2),
        (_, None) => Ok(1),
    }
}

/// Shapes have an index of their own kind only.
fn refuse_shapes(index: &Index, column: &Column, vocabulary: Vocabulary) -> Result<()> {
    if column.kind() != Kind::Shape {
        return Ok(());
    }
    let (kind, key) = (index.kind.name(), &column.key);
    let message = format!(
        "Cannot create {kind} index on spatial attribute \"{key}\". Spatial attributes require spatial indexes."
    );
    Err(Error::new(vocabulary.errors().index_invalid).message(message))
}

/// What a spatial index is over in the database. (Rows without a shape may be among them.)
fn shape_column(index: &Index, whole: &WholeTable, vocabulary: Vocabulary) -> Result<String> {
    let errors = vocabulary.errors();
    let invalid = |message: String| Err(Error::new(errors.index_invalid).message(message));
    let [key] = index.columns.as_slice() else {
        return invalid("Spatial index can be created on a single spatial attribute".into());
    };
    let no_shape = |of: &str| {
        invalid(format!(
            "Spatial index can only be created on spatial attributes (point, linestring, polygon). \
             Attribute \"{key}\" is of type \"{of}\""
        ))
    };
    if INDEXABLE.iter().any(|(attribute, _)| attribute == key) {
        return no_shape(if key == "$id" { "string" } else { "datetime" });
    }
    let column = available(key, whole, vocabulary)?;
    if column.kind() != Kind::Shape {
        return no_shape(column.domain.type_name());
    }
    if index.lengths.iter().any(Option::is_some) {
        return invalid(format!("Cannot set a length on \"{}\" attributes", column.domain.type_name()));
    }
    if !index.orders.is_empty() {
        let message = "Spatial indexes with explicit orders are not supported. Remove the orders to create this index.";
        return invalid(message.into());
    }
    Ok(column.stored().name)
}

fn find(indexes: Vec<Index>, key: &str, vocabulary: Vocabulary) -> Result<Index> {
    let found = indexes.into_iter().find(|index| index.key == key);
    found.ok_or_else(|| Error::about(vocabulary.errors().index_not_found, key))
}
