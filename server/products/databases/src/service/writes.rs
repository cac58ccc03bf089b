//! One row made, changed or removed, within a unit of work. What is done here, every operation on rows is made of.
//!
//! Who may do what is decided by [`floe_kernel::access::AccessPolicy`] alone. Writing a row that isn't there, or isn't for the
//! caller, is "not authorized", unless they may read or write every row anyway, and so know what there is.

use super::speaker;
use crate::change_guard::moment_after;
use crate::permission_sets::PermissionSet;
use crate::row::{PROVISIONAL, RowData};
use crate::row_transaction::RowTransaction;
use crate::schema::TableSchema;
use crate::vocabulary::Vocabulary;
use floe_gateway::Call;
use floe_kernel::access::Reach;
use floe_kernel::permission::{Action, Permissions};
use floe_kernel::value::Value;
use floe_kernel::{Error, ErrorKind, Result};
use floe_store::tables::{self, ID, NewRow, RowChange, StoredRow};
use std::sync::Arc;

/// A row and its permissions.
#[derive(Debug)]
pub(super) struct Permitted {
    pub(super) row: StoredRow,
    pub(super) set: Arc<PermissionSet>,
}

impl Permitted {
    /// Whether the caller may do this to it.
    pub(super) fn allows(&self, call: &Call, schema: &TableSchema, action: Action) -> bool {
        schema.policy().permits(&call.caller, action, &self.set.permissions)
    }

    /// As it is shown as long as it is only staged: what is decided at the commit isn't there yet.
    pub(super) fn provisional(self) -> Self {
        Self { row: StoredRow { created: PROVISIONAL, ..self.row }, ..self }
    }

    /// As the API shows it.
    pub(super) fn json(&self, schema: &TableSchema, vocabulary: Vocabulary) -> Vec<u8> {
        let mut out = Vec::with_capacity(256 + 32 * schema.columns.len());
        schema.write(&mut out, &self.row, &self.set, None, vocabulary);
        out
    }

    /// Without the values of its columns, as the API shows it to who may write it but not read it.
    pub(super) fn json_unread(&self, schema: &TableSchema, vocabulary: Vocabulary) -> Vec<u8> {
        let mut out = Vec::with_capacity(256);
        schema.write(&mut out, &self.row, &self.set, Some(&[]), vocabulary);
        out
    }
}

/// What a new row is to allow: what its maker says, if they may give that; else everything to them alone.
pub(super) fn permissions_of_new(call: &Call, given: Option<&Permissions>) -> Result<Permissions> {
    check_grants(call, given)?;
    let own = || call.caller.signed_in().map_or(Permissions::NONE, |user| Permissions::owned_by(&user.id));
    Ok(given.cloned().unwrap_or_else(own))
}

pub(super) fn check_grants(call: &Call, given: Option<&Permissions>) -> Result<()> {
    given.map_or(Ok(()), |permissions| permissions.grantable_by(&call.caller))
}

pub(super) fn may_create(call: &Call, schema: &TableSchema) -> Result<()> {
    match schema.policy().reach(&call.caller, Action::Create) {
        Reach::All => Ok(()),
        Reach::Permitted | Reach::None => Err(ErrorKind::UserUnauthorized.into()),
    }
}

/// Refuses a caller who may do this to no row, whatever row it is.
pub(super) fn may_ever(call: &Call, schema: &TableSchema, action: Action) -> Result<()> {
    match schema.policy().reach(&call.caller, action) {
        Reach::All | Reach::Permitted => Ok(()),
        Reach::None => Err(ErrorKind::UserUnauthorized.into()),
    }
}

/// The row of this id, if the caller may do this to it and has seen its newest state.
pub(super) async fn find_to(
    tx: &mut RowTransaction<'_>,
    call: &Call,
    schema: &TableSchema,
    id: &str,
    action: Action,
) -> Result<Permitted> {
    let Some(row) = tables::get_for_update(tx, &schema.stored, id).await? else {
        let all = |action| schema.policy().reach(&call.caller, action) == Reach::All;
        let knows = all(action) || all(Action::Read);
        return Err(match knows {
            true => Error::about(Vocabulary::of(call).errors().row_not_found, id),
            false => ErrorKind::UserUnauthorized.into(),
        });
    };
    let set = tx.set(row.permissions).await?;
    let found = Permitted { row, set };
    check_change(tx, call, schema, &found, action)?;
    Ok(found)
}

/// Refuses a caller who may not do this to a row, or hasn't seen its newest state.
pub(super) fn check_change(
    tx: &mut RowTransaction<'_>,
    call: &Call,
    schema: &TableSchema,
    found: &Permitted,
    action: Action,
) -> Result<()> {
    if !found.allows(call, schema, action) {
        return Err(ErrorKind::UserUnauthorized.into());
    }
    tx.must_be_unchanged(&schema.stored, &found.row)
}

/// Refuses a caller who may not read a row whose values something is computed from: whether that comes out, or goes beyond
/// what a column may hold, would tell what is there.
pub(super) fn check_reading(call: &Call, schema: &TableSchema, found: &Permitted) -> Result<()> {
    match found.allows(call, schema, Action::Read) {
        true => Ok(()),
        false => Err(Error::new(ErrorKind::UserUnauthorized).message(
            "No permissions provided for action 'read': what is computed from a value takes both 'read' and 'update'.",
        )),
    }
}

/// Writes a new row. Whether the caller may is decided already.
pub(super) async fn insert(
    tx: &mut RowTransaction<'_>,
    call: &Call,
    schema: &TableSchema,
    id: &str,
    data: RowData,
    permissions: &Permissions,
) -> Result<Permitted> {
    tx.touch(&schema.stored, id)?;
    let set = tx.intern(permissions).await?;
    let data = data.computed(schema, |position| &schema.columns[position].default, call.now, speaker(call)).await?;
    let (created, updated) = (data.created.unwrap_or(call.now.millis()), data.updated.unwrap_or(call.now.millis()));
    let values = schema.filled(data);
    let new = NewRow { id, created, updated, permissions: set.number, values: &values };
    tx.about_to_write();
    let sequence = match tables::insert(tx, &schema.stored, new).await {
        Ok(sequence) => sequence,
        // Of two that are taken SQLite names any; the id is what matters more, and what PostgreSQL finds first.
        Err(error) if error.is_conflict() && tx.is_sqlite() => {
            let there = tables::get(tx, &schema.stored, Some(&[]), id).await?.is_some();
            return Err(match there {
                true => Error::about(Vocabulary::of(call).errors().row_exists, id).because(error),
                false => taken(error, schema, id, Vocabulary::of(call)),
            });
        }
        Err(error) => return Err(taken(error, schema, id, Vocabulary::of(call))),
    };
    tx.made(&schema.stored, id);
    Ok(Permitted {
        row: StoredRow { sequence, id: id.to_owned(), created, updated, permissions: set.number, values },
        set,
    })
}

/// Writes what changes of a row; gives the row as it is then. Whether the caller may is decided already.
pub(super) async fn change(
    tx: &mut RowTransaction<'_>,
    call: &Call,
    schema: &TableSchema,
    before: Permitted,
    data: RowData,
    permissions: Option<&Permissions>,
) -> Result<Permitted> {
    if data.looks_at_row() {
        check_reading(call, schema, &before)?;
    }
    let Permitted { mut row, mut set } = before;
    tx.touch(&schema.stored, &row.id)?;
    let data = data.computed(schema, |position| &row.values[position], call.now, speaker(call)).await?;
    if let Err(full) = tx.refuse_if_full()
        && (is_larger(&data.values, &row.values) || permissions.is_some_and(|new| !set.has_room_for(new)))
    {
        return Err(full.into());
    }
    if let Some(permissions) = permissions {
        set = tx.intern(permissions).await?;
        if set.number != row.permissions {
            tx.invalidate_lists(&schema.database_id);
        }
    }
    row.updated = data.updated.unwrap_or_else(|| moment_after(row.updated, call.now));
    row.created = data.created.unwrap_or(row.created);
    let written = RowChange {
        updated: row.updated,
        created: data.created,
        permissions: permissions.map(|_| set.number),
        values: &data.values,
    };
    tx.about_to_write();
    let done = tables::update(tx, &schema.stored, &row.id, written).await;
    done.map_err(|error| taken(error, schema, &row.id, Vocabulary::of(call)))?;
    row.permissions = set.number;
    for (position, value) in data.values {
        row.values[position] = value;
    }
    Ok(Permitted { row, set })
}

/// Whether these values, by their columns' position, take more room than those that they replace.
fn is_larger(new: &[(usize, Value)], old: &[Value]) -> bool {
    let replaced = new.iter().filter_map(|(position, _)| old.get(*position));
    new.iter().map(|(_, value)| value.bytes()).sum::<usize>() > replaced.map(Value::bytes).sum::<usize>()
}

/// The row of this id, if the caller may change it; none: there is none, and they may make it.
pub(super) async fn find_to_upsert(
    tx: &mut RowTransaction<'_>,
    call: &Call,
    schema: &TableSchema,
    id: &str,
) -> Result<Option<Permitted>> {
    let Some(row) = tables::get_for_update(tx, &schema.stored, id).await? else {
        may_create(call, schema)?;
        return Ok(None);
    };
    let set = tx.set(row.permissions).await?;
    let before = Permitted { row, set };
    check_change(tx, call, schema, &before, Action::Update)?;
    Ok(Some(before))
}

/// Makes a row or changes the one that is there, whichever the caller may.
pub(super) async fn upsert(
    tx: &mut RowTransaction<'_>,
    call: &Call,
    schema: &TableSchema,
    id: &str,
    data: RowData,
    permissions: Option<&Permissions>,
) -> Result<Permitted> {
    match find_to_upsert(tx, call, schema, id).await? {
        Some(before) => change(tx, call, schema, before, data, permissions).await,
        None => {
            let permissions = permissions_of_new(call, permissions)?;
            insert(tx, call, schema, id, data, &permissions).await
        }
    }
}

/// What it means that something unique is taken, of the row of this id.
fn taken(error: floe_store::Error, schema: &TableSchema, id: &str, vocabulary: Vocabulary) -> Error {
    let errors = vocabulary.errors();
    if error.conflicts_on(ID) {
        return Error::about(errors.row_exists, id).because(error);
    }
    if !error.is_conflict() {
        return error.into();
    }
    let unique = Error::new(errors.row_unique);
    let Some(keys) = schema.violated(&error) else { return unique.because(error) };
    let (words, named) = (vocabulary.words(), keys.join("\", \""));
    let (value, column) = if keys.len() == 1 { ("value", words.column) } else { ("values", words.columns) };
    let (row, other) = (words.row, words.row.to_lowercase());
    let message = format!(
        "{row} violates a unique constraint. Another {other} with the same {value} of the unique {column} \"{named}\" already exists."
    );
    unique.message(message).because(error)
}
