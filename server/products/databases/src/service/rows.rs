//! Rows: read, listed, made, changed, removed, one at a time. (Many at once: [`super::bulk`].)
//!
//! Who may do what is decided by [`floe_kernel::access::Guarded`] alone, for every path here. Callers whom permissions
//! bind can't tell a row that isn't there from one that isn't for them:
//! - reading either is "not found";
//! - writing either is "not authorized", unless they may read or write every row anyway, and so know what there is.

use super::{ATTEMPTS, At, Databases, speaker};
use crate::changes::Changes;
use crate::events::{self, Event};
use crate::permission_sets::PermissionSet;
use crate::row::{Added, RowData, added};
use crate::schema::TableSchema;
use crate::vocabulary::Vocabulary;
use floe_gateway::Call;
use floe_kernel::access::Reach;
use floe_kernel::permission::{Action, Permissions};
use floe_kernel::query::{MAX_TOTAL, Queries, Selection};
use floe_kernel::{Error, ErrorKind, Result};
use floe_store::query::{self, Plan, Predicate};
use floe_store::tables::{self, ID, NewRow, PERMISSIONS, RowChange, StoredRow};
use serde_json::{Map, Value as Json};
use std::collections::HashMap;
use std::sync::Arc;

/// The most rows of a page for callers whom permissions bind.
const MAX_LIMIT: i64 = 5000;

/// After so many rows of a page, a tenth of a millisecond's work, others have their turn.
const AT_A_TIME: usize = 100;

/// What a list of rows is asked for.
#[derive(Debug)]
pub(crate) struct RowsWanted<'r> {
    /// Filters, order, page, columns.
    pub(crate) queries: &'r Queries,
    /// Whether a total is wanted.
    pub(crate) total: bool,
}

/// A number to be added to a column of a row.
#[derive(Debug)]
pub(crate) struct Addition<'a> {
    /// The column's key.
    pub(crate) column: &'a str,
    /// The number; negative to subtract.
    pub(crate) by: f64,
    /// What the sum must not go beyond.
    pub(crate) limit: Option<f64>,
}

/// A row and its permissions.
pub(super) struct Permitted {
    pub(super) row: StoredRow,
    pub(super) set: Arc<PermissionSet>,
}

impl Permitted {
    /// As the API shows it.
    pub(super) fn json(&self, schema: &TableSchema, vocabulary: Vocabulary) -> Vec<u8> {
        let mut out = Vec::with_capacity(256 + 32 * schema.columns.len());
        schema.write(&mut out, &self.row, &self.set, None, vocabulary);
        out
    }
}

impl Databases {
    /// A row, as JSON.
    ///
    /// # Errors
    /// `row_not_found`, also when the caller may not read it; those of finding the table.
    pub(crate) async fn row(&self, call: &Call, at: &At, id: &str, queries: &Queries) -> Result<Vec<u8>> {
        with_schema!(self, call, at, |schema| {
            let not_found = Vocabulary::of(call).errors().row_not_found;
            let chosen = choose_only(&schema, queries)?;
            let guarded = schema.guarded();
            if guarded.reach(&call.caller, Action::Read) == Reach::None {
                return Err(not_found.into());
            }
            let mut conn = call.store.read().await?;
            let row = tables::get(&mut conn, &schema.stored, chosen.as_deref(), id).await?.ok_or(not_found)?;
            let set = match self.sets.known(&schema.project, row.permissions) {
                Some(set) => set,
                None => self.sets.read(&schema.project, row.permissions, &mut conn).await?,
            };
            drop(conn);
            if !guarded.permits(&call.caller, Action::Read, &set.permissions) {
                return Err(not_found.into());
            }
            let mut out = Vec::with_capacity(256 + 32 * row.values.len());
            schema.write(&mut out, &row, &set, chosen.as_deref(), Vocabulary::of(call));
            Ok(out)
        })
    }

    /// A page of rows, as JSON: those that the caller may read.
    ///
    /// # Errors
    /// `general_query_invalid`, `general_cursor_not_found`; those of finding the table.
    pub(crate) async fn rows(&self, call: &Call, at: &At, wanted: RowsWanted<'_>) -> Result<Vec<u8>> {
        with_schema!(self, call, at, |schema| {
            let mut selection = wanted.queries.resolve(schema.fields())?;
            if !call.caller.privileged() {
                selection.limit = selection.limit.min(MAX_LIMIT);
            }
            let chosen = schema.choose(selection.select.as_deref())?;
            let plan = query::plan(&call.store, schema.stored.place(), &selection, visible(call, &schema)).await?;
            let rows = tables::list(&call.store, &schema.stored, chosen.as_deref(), &plan).await?;
            let total = if wanted.total { total(call, &schema, &selection, &plan, rows.len()).await? } else { 0 };
            self.page(call, &schema, &rows, chosen.as_deref(), total).await
        })
    }

    /// Writes a page.
    async fn page(
        &self,
        call: &Call,
        schema: &TableSchema,
        rows: &[StoredRow],
        chosen: Option<&[usize]>,
        total: i64,
    ) -> Result<Vec<u8>> {
        let sets = self.sets_of(call, schema, rows).await?;
        let vocabulary = Vocabulary::of(call);
        let mut out = begin_list(vocabulary, total, rows.len() * (256 + 32 * schema.columns.len()));
        for (n, row) in rows.iter().enumerate() {
            let set = sets.get(&row.permissions).ok_or_else(|| Error::internal("a row without permissions"))?;
            if n > 0 {
                out.push(b',');
            }
            if n % AT_A_TIME == AT_A_TIME - 1 {
                // Who asks for thousands doesn't keep those waiting who ask for one.
                tokio::task::yield_now().await;
            }
            schema.write(&mut out, row, set, chosen, vocabulary);
        }
        out.extend_from_slice(b"]}");
        Ok(out)
    }

    /// The sets of permissions of these rows, by number.
    async fn sets_of(
        &self,
        call: &Call,
        schema: &TableSchema,
        rows: &[StoredRow],
    ) -> Result<HashMap<i64, Arc<PermissionSet>>> {
        let mut sets = HashMap::new();
        let mut conn = None;
        let mut last = None;
        for number in rows.iter().map(|row| row.permissions) {
            // Neighbours often have the same.
            if last.replace(number) == Some(number) || sets.contains_key(&number) {
                continue;
            }
            let set = match self.sets.known(&schema.project, number) {
                Some(set) => set,
                None => {
                    if conn.is_none() {
                        conn = Some(call.store.read().await?);
                    }
                    let conn = conn.as_mut().ok_or_else(|| Error::internal("no connection"))?;
                    self.sets.read(&schema.project, number, conn).await?
                }
            };
            sets.insert(number, set);
        }
        Ok(sets)
    }

    /// Makes a row; gives its JSON.
    ///
    /// # Errors
    /// `user_unauthorized`, `row_invalid_structure`, `row_already_exists`; those of finding the table.
    pub(crate) async fn create_row(
        &self,
        call: &Call,
        at: &At,
        id: &str,
        data: &Map<String, Json>,
        permissions: Option<&Permissions>,
    ) -> Result<Vec<u8>> {
        with_schema!(self, call, at, |schema| {
            let permissions = permissions_of_new(call, permissions)?;
            may_create(call, &schema)?;
            let data = schema.whole(data, speaker(call))?;
            let mut changes = self.begin(call).await?;
            let made = insert(&mut changes, call, &schema, id, data, &permissions).await?;
            let json = made.json(&schema, Vocabulary::of(call));
            tell_json(&mut changes, events::ROW_CREATE, &schema, id, &json).await?;
            changes.commit().await?;
            Ok(json)
        })
    }

    /// Changes a row; gives its JSON.
    ///
    /// # Errors
    /// `row_not_found`, `user_unauthorized`, `row_invalid_structure`, `row_update_conflict`; those of finding the table.
    pub(crate) async fn update_row(
        &self,
        call: &Call,
        at: &At,
        id: &str,
        data: &Map<String, Json>,
        permissions: Option<&Permissions>,
    ) -> Result<Vec<u8>> {
        with_schema!(self, call, at, |schema| {
            may_ever(call, &schema, Action::Update)?;
            check_grants(call, permissions)?;
            let data = schema.part(data, speaker(call))?;
            let mut changes = self.begin(call).await?;
            let before = find_to(&mut changes, call, &schema, id, Action::Update).await?;
            let after = change(&mut changes, call, &schema, before, data, permissions).await?;
            let json = after.json(&schema, Vocabulary::of(call));
            tell_json(&mut changes, events::ROW_UPDATE, &schema, id, &json).await?;
            changes.commit().await?;
            Ok(json)
        })
    }

    /// Makes a row or, where there is one, gives it these values; gives its JSON. Values that aren't said stay.
    ///
    /// # Errors
    /// Those of making and of changing a row.
    pub(crate) async fn upsert_row(
        &self,
        call: &Call,
        at: &At,
        id: &str,
        data: &Map<String, Json>,
        permissions: Option<&Permissions>,
    ) -> Result<Vec<u8>> {
        with_schema!(self, call, at, |schema| {
            check_grants(call, permissions)?;
            let taken = Vocabulary::of(call).errors().row_exists;
            for _ in 1..ATTEMPTS {
                // Somebody made the row after we saw that there was none: now there is one to change.
                match self.try_upsert(call, &schema, id, data, permissions).await {
                    Err(error) if error.kind() == taken => {}
                    outcome => return outcome,
                }
            }
            self.try_upsert(call, &schema, id, data, permissions).await
        })
    }

    async fn try_upsert(
        &self,
        call: &Call,
        schema: &TableSchema,
        id: &str,
        data: &Map<String, Json>,
        permissions: Option<&Permissions>,
    ) -> Result<Vec<u8>> {
        let data = schema.whole(data, speaker(call))?;
        let mut changes = self.begin(call).await?;
        let done = upsert(&mut changes, call, schema, id, data, permissions).await?;
        let json = done.json(schema, Vocabulary::of(call));
        tell_json(&mut changes, events::ROW_UPSERT, schema, id, &json).await?;
        changes.commit().await?;
        Ok(json)
    }

    /// Removes a row.
    ///
    /// # Errors
    /// `row_not_found`, `user_unauthorized`, `row_update_conflict`; those of finding the table.
    pub(crate) async fn delete_row(&self, call: &Call, at: &At, id: &str) -> Result<()> {
        with_schema!(self, call, at, |schema| {
            may_ever(call, &schema, Action::Delete)?;
            let mut changes = self.begin(call).await?;
            let before = find_to(&mut changes, call, &schema, id, Action::Delete).await?;
            delete(&mut changes, call, &schema, &before).await?;
            changes.commit().await
        })
    }

    /// Adds to a number of a row; gives the row's JSON.
    ///
    /// # Errors
    /// `column_not_found`, `column_type_invalid`, `column_limit_exceeded`, and those of changing a row.
    pub(crate) async fn add_to_row(&self, call: &Call, at: &At, id: &str, addition: Addition<'_>) -> Result<Vec<u8>> {
        with_schema!(self, call, at, |schema| {
            may_ever(call, &schema, Action::Update)?;
            let vocabulary = Vocabulary::of(call);
            let position = schema.position(addition.column).ok_or(vocabulary.errors().column_not_found)?;
            let mut changes = self.begin(call).await?;
            let before = find_to(&mut changes, call, &schema, id, Action::Update).await?;
            let sum = added(&schema.columns[position], &before.row.values[position], addition.by, addition.limit);
            let sum = sum.map_err(|why| cant_add(why, &addition, vocabulary))?;
            let data = RowData { values: vec![(position, sum)], ..RowData::default() };
            let after = change(&mut changes, call, &schema, before, data, None).await?;
            let json = after.json(&schema, vocabulary);
            tell_json(&mut changes, events::ROW_UPDATE, &schema, id, &json).await?;
            changes.commit().await?;
            Ok(json)
        })
    }
}

/// Begins the JSON of a list of rows.
pub(super) fn begin_list(vocabulary: Vocabulary, total: i64, room: usize) -> Vec<u8> {
    let mut out = Vec::with_capacity(32 + room.min(1 << 20));
    out.extend_from_slice(format!("{{\"total\":{total},\"{}\":[", vocabulary.words().rows).as_bytes());
    out
}

/// The columns that a single row is asked for, where that is all that can be asked.
fn choose_only(schema: &TableSchema, queries: &Queries) -> Result<Option<Vec<usize>>> {
    let only_select = Queries { select: queries.select.clone(), ..Queries::default() };
    if *queries != only_select {
        let message = "Invalid query: only select can be used here";
        return Err(Error::new(ErrorKind::GeneralQueryInvalid).message(message).field("queries"));
    }
    schema.choose(queries.select.as_deref())
}

/// What the caller may see of the table; none: everything.
pub(super) fn visible(call: &Call, schema: &TableSchema) -> Option<Predicate> {
    match schema.guarded().reach(&call.caller, Action::Read) {
        Reach::All => None,
        Reach::Permitted => Some(Predicate::granted(PERMISSIONS, Action::Read, call.caller.roles())),
        Reach::None => Some(Predicate::any([])),
    }
}

/// How many rows there are in all. Counted only where the page itself doesn't tell.
async fn total(call: &Call, schema: &TableSchema, selection: &Selection, plan: &Plan, on_page: usize) -> Result<i64> {
    let on_page = i64::try_from(on_page).unwrap_or(i64::MAX);
    let is_last = on_page < selection.limit && (on_page > 0 || selection.offset == 0);
    if is_last && selection.cursor.is_none() {
        return Ok((selection.offset + on_page).min(MAX_TOTAL));
    }
    Ok(query::count(&call.store, schema.stored.place(), &plan.all, MAX_TOTAL).await?)
}

/// What a new row is to allow: what its maker says, if they may give that; else everything to them alone.
pub(super) fn permissions_of_new(call: &Call, given: Option<&Permissions>) -> Result<Permissions> {
    check_grants(call, given)?;
    let own = || call.caller.signed_in().map_or(Permissions::NONE, |user| Permissions::owned_by(&user.id));
    Ok(given.cloned().unwrap_or_else(own))
}

fn check_grants(call: &Call, given: Option<&Permissions>) -> Result<()> {
    given.map_or(Ok(()), |permissions| permissions.grantable_by(&call.caller))
}

pub(super) fn may_create(call: &Call, schema: &TableSchema) -> Result<()> {
    match schema.guarded().reach(&call.caller, Action::Create) {
        Reach::All => Ok(()),
        Reach::Permitted | Reach::None => Err(ErrorKind::UserUnauthorized.into()),
    }
}

/// Refuses a caller who may do this to no row, whatever row it is.
fn may_ever(call: &Call, schema: &TableSchema, action: Action) -> Result<()> {
    match schema.guarded().reach(&call.caller, action) {
        Reach::All | Reach::Permitted => Ok(()),
        Reach::None => Err(ErrorKind::UserUnauthorized.into()),
    }
}

/// The row of this id, if the caller may do this to it and has seen its newest state.
async fn find_to(
    changes: &mut Changes<'_>,
    call: &Call,
    schema: &TableSchema,
    id: &str,
    action: Action,
) -> Result<Permitted> {
    let Some(row) = tables::get_for_update(changes, &schema.stored, id).await? else {
        let all = |action| schema.guarded().reach(&call.caller, action) == Reach::All;
        let knows = all(action) || all(Action::Read);
        let kind = if knows { Vocabulary::of(call).errors().row_not_found } else { ErrorKind::UserUnauthorized };
        return Err(kind.into());
    };
    let set = changes.set(row.permissions).await?;
    let found = Permitted { row, set };
    check_change(call, schema, &found, action)?;
    Ok(found)
}

fn check_change(call: &Call, schema: &TableSchema, found: &Permitted, action: Action) -> Result<()> {
    if !schema.guarded().permits(&call.caller, action, &found.set.permissions) {
        return Err(ErrorKind::UserUnauthorized.into());
    }
    if call.request.unchanged_since.is_some_and(|seen| found.row.updated > seen.millis()) {
        return Err(Vocabulary::of(call).errors().row_conflict.into());
    }
    Ok(())
}

/// Writes a new row. Whether the caller may is decided already.
pub(super) async fn insert(
    changes: &mut Changes<'_>,
    call: &Call,
    schema: &TableSchema,
    id: &str,
    data: RowData,
    permissions: &Permissions,
) -> Result<Permitted> {
    let set = changes.intern(permissions).await?;
    let (created, updated) = (data.created.unwrap_or(call.now.millis()), data.updated.unwrap_or(call.now.millis()));
    let values = schema.filled(data);
    let new = NewRow { id, created, updated, permissions: set.number, values: &values };
    let inserted = tables::insert(changes, &schema.stored, new).await;
    let sequence = inserted.map_err(|error| taken(error, Vocabulary::of(call)))?;
    Ok(Permitted {
        row: StoredRow { sequence, id: id.to_owned(), created, updated, permissions: set.number, values },
        set,
    })
}

/// Writes what changes of a row; gives the row as it is then. Whether the caller may is decided already.
pub(super) async fn change(
    changes: &mut Changes<'_>,
    call: &Call,
    schema: &TableSchema,
    before: Permitted,
    data: RowData,
    permissions: Option<&Permissions>,
) -> Result<Permitted> {
    let Permitted { mut row, mut set } = before;
    if let Some(permissions) = permissions {
        set = changes.intern(permissions).await?;
    }
    row.updated = data.updated.unwrap_or(call.now.millis());
    row.created = data.created.unwrap_or(row.created);
    let written = RowChange {
        updated: row.updated,
        created: data.created,
        permissions: permissions.map(|_| set.number),
        values: &data.values,
    };
    let done = tables::update(changes, &schema.stored, &row.id, written).await;
    done.map_err(|error| taken(error, Vocabulary::of(call)))?;
    row.permissions = set.number;
    for (position, value) in data.values {
        row.values[position] = value;
    }
    Ok(Permitted { row, set })
}

/// Makes a row or changes the one that is there, whichever the caller may.
pub(super) async fn upsert(
    changes: &mut Changes<'_>,
    call: &Call,
    schema: &TableSchema,
    id: &str,
    data: RowData,
    permissions: Option<&Permissions>,
) -> Result<Permitted> {
    let Some(row) = tables::get_for_update(changes, &schema.stored, id).await? else {
        may_create(call, schema)?;
        let permissions = permissions_of_new(call, permissions)?;
        return insert(changes, call, schema, id, data, &permissions).await;
    };
    let set = changes.set(row.permissions).await?;
    let before = Permitted { row, set };
    check_change(call, schema, &before, Action::Update)?;
    change(changes, call, schema, before, data, permissions).await
}

/// Removes a row. Whether the caller may is decided already.
pub(super) async fn delete(
    changes: &mut Changes<'_>,
    call: &Call,
    schema: &TableSchema,
    before: &Permitted,
) -> Result<()> {
    tables::delete(changes, &schema.stored, &before.row.id).await?;
    let ids = [schema.database_id.as_str(), &schema.table_id, &before.row.id];
    changes.tell(events::ROW_DELETE, &ids, || before.json(schema, Vocabulary::of(call))).await
}

/// Tells of a row whose JSON is written already.
async fn tell_json(changes: &mut Changes<'_>, event: Event, schema: &TableSchema, id: &str, json: &[u8]) -> Result<()> {
    changes.tell(event, &[&schema.database_id, &schema.table_id, id], || json.to_vec()).await
}

/// What it means that something unique is taken.
fn taken(error: floe_store::Error, vocabulary: Vocabulary) -> Error {
    let errors = vocabulary.errors();
    match error {
        error if error.conflicts_on(ID) => Error::new(errors.row_exists).because(error),
        error if error.is_conflict() => Error::new(errors.row_unique).because(error),
        error => error.into(),
    }
}

fn cant_add(why: Added, addition: &Addition<'_>, vocabulary: Vocabulary) -> Error {
    let (errors, key) = (vocabulary.errors(), addition.column);
    let word = capitalized(vocabulary.words().column);
    match why {
        Added::NoNumber => Error::new(errors.column_type).message(format!("{word} \"{key}\" is not a number")),
        Added::BeyondLimit => {
            let end = if addition.by > 0.0 { "maximum" } else { "minimum" };
            let limit = addition.limit.map(|limit| format!(" of {limit}")).unwrap_or_default();
            Error::new(errors.column_limit).message(format!("{word} \"{key}\" has reached the {end} value{limit}"))
        }
        Added::BeyondRange(rule) => {
            Error::new(errors.row_structure).message(format!("Invalid document structure: {rule}"))
        }
    }
}

fn capitalized(word: &str) -> String {
    let mut chars = word.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}
