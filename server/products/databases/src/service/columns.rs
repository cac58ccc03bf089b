//! Columns: made, listed, changed, removed. Each change is done when it is answered; clients that wait until a column is
//! `available` find it so at their next look.

use super::schema_jobs::is_large;
use super::tables::whole_table;
use super::{At, Databases, bytes, find_table};
use crate::domain::{Domain, Form, TextType};
use crate::events;
use crate::model::{AnyColumn, Column, NewColumn, Status, Task, WholeTable};
use crate::repository::{self, Listed, Listing, SchemaRepository};
use crate::row_transaction::RowTransaction;
use crate::vocabulary::Vocabulary;
use floe_gateway::Call;
use floe_kernel::time::Timestamp;
use floe_kernel::{Error, ErrorKind, Result};
use floe_sealed::Seal;
use floe_store::conflict_is;
use floe_store::tables::Ddl;
use serde_json::Value as Json;

/// The least size of a column whose values are kept encrypted.
const MIN_ENCRYPTED: i64 = 150;

/// What is to change of a column.
#[derive(Debug)]
pub(crate) struct ColumnChange {
    /// Of what type it must be, and what changes about that.
    pub(crate) domain: DomainChange,
    /// Whether every new row must have a value.
    pub(crate) required: bool,
    /// What rows get that don't say.
    pub(crate) default: Option<Json>,
    /// Another name.
    pub(crate) new_key: Option<String>,
}

/// A type, and what changes about it. `None`: nothing.
#[derive(Debug)]
#[allow(missing_docs, reason = "see Domain")]
pub(crate) enum DomainChange {
    Text { of: TextType, size: Option<i64> },
    Form(Form),
    Enum(Vec<String>),
    Integer { big: bool, min: Option<i64>, max: Option<i64> },
    Float { min: Option<f64>, max: Option<f64> },
    Boolean,
    Datetime,
    Shape(floe_geometry::Form),
}

impl DomainChange {
    /// The type as it is after the change; `None` when the column is of another one.
    fn of(self, old: &Domain) -> Option<Domain> {
        Some(match (self, old) {
            (Self::Text { of, size }, Domain::Text { of: old_of, size: old_size }) if of == *old_of => {
                Domain::Text { of, size: size.unwrap_or(*old_size) }
            }
            (Self::Form(form), Domain::Form(old)) if form == *old => Domain::Form(form),
            (Self::Enum(elements), Domain::Enum(_)) => Domain::Enum(elements),
            (Self::Integer { big, min, max }, Domain::Integer { big: old_big, min: old_min, max: old_max })
                if big == *old_big =>
            {
                Domain::Integer { big, min: min.unwrap_or(*old_min), max: max.unwrap_or(*old_max) }
            }
            (Self::Float { min, max }, Domain::Float { min: old_min, max: old_max }) => {
                Domain::Float { min: min.unwrap_or(*old_min), max: max.unwrap_or(*old_max) }
            }
            (Self::Boolean, Domain::Boolean) => Domain::Boolean,
            (Self::Datetime, Domain::Datetime) => Domain::Datetime,
            (Self::Shape(form), Domain::Shape(old)) if form == *old => Domain::Shape(form),
            _ => return None,
        })
    }
}

impl NewColumn {
    /// Refuses what makes no sense, before anything is changed.
    ///
    /// # Errors
    /// `column_default_unsupported`, `column_value_invalid`, `general_bad_request`.
    pub(crate) fn check(&self, vocabulary: Vocabulary) -> Result<()> {
        check_domain(&self.domain, vocabulary)?;
        check_encrypted(self.encrypted, &self.domain)?;
        if self.array && matches!(self.domain, Domain::Shape(_)) {
            let message = "Spatial attributes cannot be arrays";
            return Err(Error::new(vocabulary.errors().column_value).message(message).field("array"));
        }
        check_default(self.default.as_ref(), &self.domain, self.required, self.array, vocabulary)
    }

    /// The column that it becomes, as yet without a number.
    pub(super) fn made(self, now: Timestamp, status: Status) -> Column {
        Column {
            number: 0,
            key: self.key,
            domain: self.domain,
            required: self.required,
            array: self.array,
            encrypted: self.encrypted,
            default: self.default,
            status,
            created: now,
            updated: now,
        }
    }
}

fn check_domain(domain: &Domain, vocabulary: Vocabulary) -> Result<()> {
    let invalid = |message: &'static str| Err(Error::new(vocabulary.errors().column_value).message(message));
    match domain {
        Domain::Integer { min, max, .. } if min > max => invalid("Minimum value must be lesser than maximum value"),
        Domain::Float { min, max } if min > max => invalid("Minimum value must be lesser than maximum value"),
        Domain::Enum(elements) if elements.is_empty() => invalid("Enum elements must not be empty"),
        Domain::Enum(elements) if elements.iter().any(String::is_empty) => {
            invalid("Each enum element must not be empty")
        }
        _ => Ok(()),
    }
}

fn check_encrypted(encrypted: bool, domain: &Domain) -> Result<()> {
    if !encrypted || domain.size() >= MIN_ENCRYPTED {
        return Ok(());
    }
    let message = format!("Size too small. Encrypted strings require a minimum size of {MIN_ENCRYPTED} characters.");
    Err(Error::new(ErrorKind::GeneralBadRequest).message(message).field("size"))
}

fn check_default(
    default: Option<&Json>,
    domain: &Domain,
    required: bool,
    array: bool,
    vocabulary: Vocabulary,
) -> Result<()> {
    let Some(default) = default else { return Ok(()) };
    let (words, errors) = (vocabulary.words(), vocabulary.errors());
    if required {
        let message = format!("Cannot set default value for required {}", words.column);
        return Err(Error::new(errors.column_default).message(message).field("default"));
    }
    if array {
        let message = format!("Cannot set default value for array {}", words.columns);
        return Err(Error::new(errors.column_default).message(message).field("default"));
    }
    let broken = |rule: String| match domain {
        Domain::Enum(_) => Error::new(errors.column_value).message("Default value not found in elements"),
        _ => Error::new(errors.column_value).message(rule),
    };
    domain.accept(default).map(drop).map_err(|rule| broken(rule).field("default"))
}

impl Databases {
    /// Adds a column.
    ///
    /// # Errors
    /// `column_already_exists`, `column_limit_exceeded`, those of [`NewColumn::check`] and of finding the table.
    pub(crate) async fn create_column(&self, call: &Call, at: &At, new: NewColumn) -> Result<Column> {
        let vocabulary = Vocabulary::of(call);
        new.check(vocabulary)?;
        self.note_key(new.encrypted).await?;
        let mut tx = self.begin(call).await?;
        let mut whole = open(&mut tx, at, vocabulary).await?;
        let table = whole.table.number;
        // PostgreSQL would wait for the other change, and every reader of the table for us.
        let is_for_later = !call.store.is_sqlite() && tx.definitions().awaits_jobs(table).await?;
        let mut column = new.made(call.now, if is_for_later { Status::Processing } else { Status::Available });
        if whole.has(&column.key) {
            return Err(Error::about(vocabulary.errors().column_exists, &column.key));
        }
        whole.columns.push(column.clone());
        whole.check_limits(vocabulary)?;
        let added = tx.definitions().add_column(table, &column).await;
        column.number = added.map_err(conflict_is(Error::about(vocabulary.errors().column_exists, &column.key)))?;
        if is_for_later {
            tx.later(Task::AddColumn, table, column.number).await?;
        } else {
            let stored = call.store.table(table, whole.table.version, Vec::new());
            if !tx.try_shape(Ddl::AddColumn(stored, column.stored())).await? {
                tx.definitions().set_column_status(column.number, &Status::Processing).await?;
                tx.later(Task::AddColumn, table, column.number).await?;
            }
        }
        column.status = Status::Processing;
        let ids = [at.database.as_str(), &at.table, &column.key];
        tx.emit(events::COLUMN_CREATE, &ids, || bytes(&column.to_json())).await?;
        tx.commit().await?;
        Ok(column)
    }

    /// The column of this key.
    ///
    /// # Errors
    /// `column_not_found`, and those of finding the table.
    pub(crate) async fn column(&self, call: &Call, at: &At, key: &str) -> Result<AnyColumn> {
        let vocabulary = Vocabulary::of(call);
        let mut conn = call.store.read().await?;
        let mut definitions = SchemaRepository(&mut conn);
        let (_, table) = find_table(&mut definitions, at, vocabulary).await?;
        let columns = definitions.columns(table.number).await?;
        let relation = columns.relations.into_iter().find(|relation| relation.key == key).map(AnyColumn::Relation);
        let plain = columns.plain.into_iter().find(|column| column.key == key).map(AnyColumn::Plain);
        relation.or(plain).ok_or_else(|| Error::about(vocabulary.errors().column_not_found, key))
    }

    /// The columns of a table.
    ///
    /// # Errors
    /// Those of finding the table, and for queries that don't fit.
    pub(crate) async fn columns(&self, call: &Call, at: &At, listing: &Listing<'_>) -> Result<Listed<AnyColumn>> {
        let table = self.known_table(call, at).await?;
        repository::list_columns(&call.store, table.number, listing).await
    }

    /// Changes a column. What is stored already stays as it is.
    ///
    /// # Errors
    /// `column_not_found`, `column_type_invalid`, `column_invalid_resize`, `column_already_exists`, `index_invalid` when
    /// it gets too long for an index that it is in, those of [`NewColumn::check`] and of finding the table.
    pub(crate) async fn update_column(&self, call: &Call, at: &At, key: &str, change: ColumnChange) -> Result<Column> {
        let vocabulary = Vocabulary::of(call);
        if let DomainChange::Text { size: Some(size), .. } = change.domain {
            self.check_size(call, at, key, size).await?;
        }
        let mut tx = self.begin(call).await?;
        let whole = open(&mut tx, at, vocabulary).await?;
        let mut column = find(&whole, key, vocabulary)?;
        if column.status != Status::Available {
            return Err(Error::about(vocabulary.errors().column_not_available, key));
        }
        let old_size = column.domain.size();
        column.domain = change.domain.of(&column.domain).ok_or(vocabulary.errors().column_type)?;
        check_domain(&column.domain, vocabulary)?;
        check_encrypted(column.encrypted, &column.domain)?;
        check_default(change.default.as_ref(), &column.domain, change.required, column.array, vocabulary)?;
        let size = column.domain.size();
        if size > old_size {
            whole.with_changed(&column).check_limits(vocabulary)?;
        }
        let stored = call.store.table(whole.table.number, 0, Vec::new());
        if let Some(longest) = longest_stored(&column, old_size)
            // Of a large table it was looked at already; what was written since then stays, as an exception.
            && !is_large(&mut tx, &stored).await?
            && tx.definitions().holds_longer(whole.table.number, column.number, longest).await?
        {
            return Err(vocabulary.errors().column_resize.into());
        }
        if size != old_size {
            self.fit_indexes(&mut tx, call, &whole, &column).await?;
        }
        column.required = change.required;
        column.default = change.default;
        column.updated = call.now;
        if let Some(new_key) = change.new_key.filter(|new_key| *new_key != key) {
            if whole.has(&new_key) && !new_key.eq_ignore_ascii_case(key) {
                return Err(Error::about(vocabulary.errors().column_exists, &new_key));
            }
            rename_in_indexes(&mut tx, &whole, key, &new_key).await?;
            column.key = new_key;
        }
        let saved = tx.definitions().save_column(&column).await;
        saved.map_err(conflict_is(Error::about(vocabulary.errors().column_exists, &column.key)))?;
        tx.emit(events::COLUMN_UPDATE, &[&at.database, &at.table, key], || bytes(&column.to_json())).await?;
        tx.commit().await?;
        Ok(column)
    }

    /// Refuses a size for which rows hold texts that are too long, before anybody is held up by the search for them.
    async fn check_size(&self, call: &Call, at: &At, key: &str, size: i64) -> Result<()> {
        let vocabulary = Vocabulary::of(call);
        let mut conn = call.store.read().await?;
        let whole = whole_table(&mut SchemaRepository(&mut conn), at, vocabulary).await?;
        drop(conn);
        let mut column = find(&whole, key, vocabulary)?;
        let old_size = column.domain.size();
        if let Domain::Text { size: of, .. } = &mut column.domain {
            *of = size;
        }
        check_encrypted(column.encrypted, &column.domain)?;
        match longest_stored(&column, old_size) {
            Some(longest) if column.status == Status::Available => {
                let is_held = repository::holds_longer(&call.store, whole.table.number, column.number, longest).await?;
                if is_held { Err(vocabulary.errors().column_resize.into()) } else { Ok(()) }
            }
            _ => Ok(()),
        }
    }

    /// Removes a column with its values, and every index that it is in.
    ///
    /// # Errors
    /// `column_not_found`, and those of finding the table.
    pub(crate) async fn delete_column(&self, call: &Call, at: &At, key: &str) -> Result<()> {
        let vocabulary = Vocabulary::of(call);
        let mut tx = self.begin(call).await?;
        let before = whole_table(&mut tx.definitions(), at, vocabulary).await?;
        if before.relations.iter().any(|relation| relation.key == key) {
            return self.delete_relation(tx, call, at, key).await;
        }
        let whole = open(&mut tx, at, vocabulary).await?;
        let column = find(&whole, key, vocabulary)?;
        for index in whole.indexes.iter().filter(|index| index.columns.iter().any(|of| of == key)) {
            self.remove_index(&mut tx, call, &whole, index).await?;
        }
        self.drop_column(&mut tx, call, &whole, &column).await?;
        tx.definitions().remove_column(column.number).await?;
        tx.emit(events::COLUMN_UPDATE, &[&at.database, &at.table, key], || bytes(&column.to_json())).await?;
        tx.commit().await
    }

    /// Removes what there is of a column in the database, or leaves that for later.
    async fn drop_column(
        &self,
        tx: &mut RowTransaction<'_>,
        call: &Call,
        whole: &WholeTable,
        column: &Column,
    ) -> Result<()> {
        let number = whole.table.number;
        let never_made = match column.status {
            Status::Available => false,
            Status::Processing => tx.definitions().call_off(Task::AddColumn, number, column.number).await?,
            Status::Failed(_) => true,
        };
        if never_made {
            return Ok(());
        }
        let table = call.store.table(number, whole.table.version, Vec::new());
        // SQLite would write every row anew.
        let is_slow = call.store.is_sqlite() && is_large(tx, &table).await?;
        let is_for_later = is_slow || tx.definitions().awaits_jobs(number).await?;
        if !is_for_later && tx.try_shape(Ddl::DropColumn(table, column.stored().name)).await? {
            return Ok(());
        }
        tx.later(Task::DropColumn, number, column.number).await
    }
}

/// How many characters the longest of its texts may have in the database, if the column has become shorter.
fn longest_stored(column: &Column, old_size: i64) -> Option<i64> {
    let size = column.domain.size();
    // Of what is encrypted only the bytes can be counted: as many as characters, or more.
    let longest = if column.encrypted { Seal::length(size) } else { size };
    (size < old_size && !column.array).then_some(longest)
}

/// The table there, about to get another shape: others who want that too wait, and its schema is outdated.
pub(super) async fn open(tx: &mut RowTransaction<'_>, at: &At, vocabulary: Vocabulary) -> Result<WholeTable> {
    let (_, table) = find_table(&mut tx.definitions(), at, vocabulary).await?;
    let version = tx.definitions().next_version(table.number).await?;
    tx.invalidate_table(&at.database, &at.table);
    // Read behind the lock that counting up has taken.
    let mut whole = whole_table(&mut tx.definitions(), at, vocabulary).await?;
    whole.table.version = version;
    Ok(whole)
}

fn find(whole: &WholeTable, key: &str, vocabulary: Vocabulary) -> Result<Column> {
    let errors = vocabulary.errors();
    if whole.relations.iter().any(|relation| relation.key == key) {
        return Err(errors.column_type.into());
    }
    let found = whole.columns.iter().find(|column| column.key == key).cloned();
    found.ok_or_else(|| Error::about(errors.column_not_found, key))
}

async fn rename_in_indexes(tx: &mut RowTransaction<'_>, whole: &WholeTable, key: &str, new_key: &str) -> Result<()> {
    for index in whole.indexes.iter().filter(|index| index.columns.iter().any(|of| of == key)) {
        let mut index = index.clone();
        for of in index.columns.iter_mut().filter(|of| *of == key) {
            new_key.clone_into(of);
        }
        tx.definitions().save_index(&index).await?;
    }
    Ok(())
}
