//! What can be done to the rows of a table, as data: every door that changes rows (one row, many, a transaction) makes an
//! [`Operation`] and has it performed here.
//!
//! An operation goes through two stages. [`Operation::prepare`] checks it against the table and the caller, as far as
//! that needs no storage; so nobody holds the writer while reading JSON. [`Ready::perform`] does it, within a unit of
//! work that may hold others.

use super::bulk::{Answer, Matching};
use super::links::{Around, Wanted, not_in_bulk, relate, remove};
use super::writes::{
    Permitted, change, check_grants, find_to, insert, may_create, may_ever, permissions_of_new, upsert,
};
use super::{ATTEMPTS, At, Databases, capitalized, is_of_storage, speaker, was_overtaken};
use crate::changes::Changes;
use crate::events::{self, Event};
use crate::row::{Added, RowData, added};
use crate::schema::TableSchema;
use crate::vocabulary::Vocabulary;
use floe_gateway::Call;
use floe_kernel::permission::{Action, Permissions};
use floe_kernel::query::Queries;
use floe_kernel::{Error, Result};
use serde_json::{Map, Value as Json};

/// Something to be done to rows of one table.
#[derive(Debug)]
pub(crate) enum Operation {
    /// Makes a row.
    Create(RowInput),
    /// Changes a row. Values that aren't said stay.
    Update(RowInput),
    /// Makes a row or, where there is one, changes it.
    Upsert(RowInput),
    /// Removes the row of this id.
    Delete(String),
    /// Adds to a number of a row.
    Add(Addition),
    /// Makes rows, all or none.
    CreateMany(Vec<RowInput>),
    /// Makes or changes rows, all or none.
    UpsertMany(Vec<RowInput>),
    /// Gives all rows that the queries match the same values.
    UpdateMatching {
        /// Which rows.
        queries: Queries,
        /// The values.
        data: Map<String, Json>,
        /// Other permissions.
        permissions: Option<Permissions>,
    },
    /// Removes all rows that the queries match.
    DeleteMatching {
        /// Which rows.
        queries: Queries,
    },
}

/// What a request says of a row.
#[derive(Debug)]
pub(crate) struct RowInput {
    /// Its id.
    pub(crate) id: String,
    /// What it is to allow, where that is said.
    pub(crate) permissions: Option<Permissions>,
    /// Its values.
    pub(crate) data: Map<String, Json>,
}

/// A number to be added to a column of a row.
#[derive(Debug)]
pub(crate) struct Addition {
    /// The row's id.
    pub(crate) id: String,
    /// The column's key.
    pub(crate) column: String,
    /// The number; negative to subtract.
    pub(crate) by: f64,
    /// What the sum must not go beyond.
    pub(crate) limit: Option<f64>,
}

/// An operation that fits the table and that the caller may try.
pub(super) enum Ready<'o> {
    One(Step<'o>),
    Many(Vec<Step<'o>>),
    Matching(Matching<'o>),
}

/// Something to be done to one row.
pub(super) enum Step<'o> {
    Insert { id: &'o str, data: RowData, permissions: Permissions, wanted: Vec<Wanted<'o>> },
    Change { id: &'o str, data: RowData, permissions: Option<&'o Permissions>, wanted: Vec<Wanted<'o>> },
    Upsert { id: &'o str, data: RowData, permissions: Option<&'o Permissions>, wanted: Vec<Wanted<'o>> },
    Delete { id: &'o str },
    Add { position: usize, addition: &'o Addition },
}

impl Databases {
    /// Performs an operation in a unit of work of its own; gives the JSON of its answer: a row, a list of rows, or
    /// nothing where a row was removed.
    ///
    /// # Errors
    /// Those of the operation, of which then nothing is done: `user_unauthorized`, `row_invalid_structure`,
    /// `row_not_found`, `row_already_exists`, `row_unique_constraint_violation`, `row_update_conflict`,
    /// `column_not_found`, `column_type_invalid`, `column_limit_exceeded`, `general_query_invalid`; those of finding
    /// the table.
    pub(crate) async fn perform(&self, call: &Call, at: &At, operation: &Operation) -> Result<Vec<u8>> {
        with_schema!(self, call, at, |schema| {
            let mut newly = false;
            for _ in 1..ATTEMPTS {
                match self.attempt(call, &schema, operation, newly).await {
                    Err(error) if was_overtaken(&error) || operation.finds_another(call, &error) => {}
                    // It may be one of the tables around it that has changed.
                    Err(error) if is_of_storage(&error) && schema.is_related() && !newly => newly = true,
                    outcome => return outcome,
                }
            }
            self.attempt(call, &schema, operation, newly).await
        })
    }

    async fn attempt(&self, call: &Call, schema: &TableSchema, operation: &Operation, newly: bool) -> Result<Vec<u8>> {
        let around = self.around(call, schema, operation, newly).await?;
        let ready = operation.prepare(call, schema, &around)?;
        let mut changes = self.begin(call).await?;
        let answer = ready.perform(&mut changes, call, schema).await?;
        changes.commit().await?;
        Ok(answer)
    }
}

impl Operation {
    /// Whether somebody made the row after we saw that there was none: now there is one to change.
    fn finds_another(&self, call: &Call, error: &Error) -> bool {
        matches!(self, Self::Upsert(_) | Self::UpsertMany(_))
            && error.kind() == Vocabulary::of(call).errors().row_exists
    }

    /// The values that may say what a row is related to.
    pub(super) fn related_data(&self) -> Option<&Map<String, Json>> {
        match self {
            Self::Create(row) | Self::Update(row) | Self::Upsert(row) => Some(&row.data),
            _ => None,
        }
    }

    /// Checks everything that needs no storage. `around`: see [`Databases::around`].
    ///
    /// # Errors
    /// As [`Databases::perform`].
    pub(super) fn prepare<'o>(&'o self, call: &Call, schema: &'o TableSchema, around: &'o Around) -> Result<Ready<'o>> {
        Ok(match self {
            Self::Create(row) => {
                let permissions = permissions_of_new(call, row.permissions.as_ref())?;
                may_create(call, schema)?;
                let wanted = Wanted::read(call, schema, around, &row.data, false)?;
                Ready::One(Step::insert(row, permissions, call, schema, wanted)?)
            }
            Self::Update(row) => {
                may_ever(call, schema, Action::Update)?;
                check_grants(call, row.permissions.as_ref())?;
                let data = schema.part(&row.data, speaker(call))?;
                let wanted = Wanted::read(call, schema, around, &row.data, true)?;
                Ready::One(Step::Change { id: &row.id, data, permissions: row.permissions.as_ref(), wanted })
            }
            Self::Upsert(row) => {
                let wanted = Wanted::read(call, schema, around, &row.data, false)?;
                Ready::One(Step::upsert(row, call, schema, wanted)?)
            }
            Self::Delete(id) => {
                may_ever(call, schema, Action::Delete)?;
                Ready::One(Step::Delete { id })
            }
            Self::Add(addition) => {
                may_ever(call, schema, Action::Update)?;
                let position = schema.position(&addition.column);
                let position = position.ok_or(Vocabulary::of(call).errors().column_not_found)?;
                Ready::One(Step::Add { position, addition })
            }
            Self::CreateMany(rows) => {
                may_create(call, schema)?;
                not_in_bulk(call, schema, Action::Create, "create")?;
                let step = |row: &'o RowInput| {
                    let permissions = permissions_of_new(call, row.permissions.as_ref())?;
                    Step::insert(row, permissions, call, schema, Vec::new())
                };
                Ready::Many(rows.iter().map(step).collect::<Result<_>>()?)
            }
            Self::UpsertMany(rows) => {
                not_in_bulk(call, schema, Action::Update, "upsert")?;
                let step = |row| Step::upsert(row, call, schema, Vec::new());
                Ready::Many(rows.iter().map(step).collect::<Result<_>>()?)
            }
            Self::UpdateMatching { queries, data, permissions } => {
                not_in_bulk(call, schema, Action::Update, "update")?;
                let data = schema.part(data, speaker(call))?;
                Ready::Matching(Matching::update(call, schema, queries, data, permissions.as_ref())?)
            }
            Self::DeleteMatching { queries } => {
                not_in_bulk(call, schema, Action::Delete, "delete")?;
                Ready::Matching(Matching::delete(call, schema, queries)?)
            }
        })
    }
}

impl Ready<'_> {
    /// Does it; gives the JSON of the answer.
    ///
    /// # Errors
    /// As [`Databases::perform`]. The unit of work can't be committed then.
    pub(super) async fn perform(self, changes: &mut Changes<'_>, call: &Call, schema: &TableSchema) -> Result<Vec<u8>> {
        let vocabulary = Vocabulary::of(call);
        match self {
            Self::One(step) => {
                let is_removal = matches!(step, Step::Delete { .. });
                let (event, row) = step.perform(changes, call, schema).await?;
                if is_removal {
                    tell(changes, event, schema, &row.row.id, || row.json(schema, vocabulary)).await?;
                    return Ok(Vec::new());
                }
                let json = row.json(schema, vocabulary);
                tell(changes, event, schema, &row.row.id, || json.clone()).await?;
                Ok(json)
            }
            Self::Many(steps) => {
                let mut answer = Answer::new(schema, vocabulary);
                for step in steps {
                    let (event, row) = step.perform(changes, call, schema).await?;
                    tell(changes, event, schema, &row.row.id, || row.json(schema, vocabulary)).await?;
                    answer.add(&row);
                }
                Ok(answer.json())
            }
            Self::Matching(matching) => matching.perform(changes, call, schema).await,
        }
    }
}

impl<'o> Step<'o> {
    fn insert(
        row: &'o RowInput,
        permissions: Permissions,
        call: &Call,
        schema: &TableSchema,
        wanted: Vec<Wanted<'o>>,
    ) -> Result<Self> {
        Ok(Self::Insert { id: &row.id, data: schema.whole(&row.data, speaker(call))?, permissions, wanted })
    }

    fn upsert(row: &'o RowInput, call: &Call, schema: &TableSchema, wanted: Vec<Wanted<'o>>) -> Result<Self> {
        check_grants(call, row.permissions.as_ref())?;
        let data = schema.whole(&row.data, speaker(call))?;
        Ok(Self::Upsert { id: &row.id, data, permissions: row.permissions.as_ref(), wanted })
    }

    /// Does it; gives the row (as it was, where it is removed), and what happened to it.
    async fn perform(self, changes: &mut Changes<'_>, call: &Call, schema: &TableSchema) -> Result<(Event, Permitted)> {
        Ok(match self {
            Self::Insert { id, data, permissions, wanted } => {
                let made = insert(changes, call, schema, id, data, &permissions).await?;
                relate(changes, call, schema, made.row.sequence, true, wanted).await?;
                (events::ROW_CREATE, made)
            }
            Self::Change { id, data, permissions, wanted } => {
                let before = find_to(changes, call, schema, id, Action::Update).await?;
                let row = change(changes, call, schema, before, data, permissions).await?;
                relate(changes, call, schema, row.row.sequence, false, wanted).await?;
                (events::ROW_UPDATE, row)
            }
            Self::Upsert { id, data, permissions, wanted } => {
                let row = upsert(changes, call, schema, id, data, permissions).await?;
                relate(changes, call, schema, row.row.sequence, false, wanted).await?;
                (events::ROW_UPSERT, row)
            }
            Self::Delete { id } => {
                let before = find_to(changes, call, schema, id, Action::Delete).await?;
                remove(changes, call, schema, &before).await?;
                (events::ROW_DELETE, before)
            }
            Self::Add { position, addition } => {
                let before = find_to(changes, call, schema, &addition.id, Action::Update).await?;
                let sum = added(&schema.columns[position], &before.row.values[position], addition.by, addition.limit);
                let sum = sum.map_err(|why| cant_add(why, addition, Vocabulary::of(call)))?;
                let data = RowData { values: vec![(position, sum)], ..RowData::default() };
                (events::ROW_UPDATE, change(changes, call, schema, before, data, None).await?)
            }
        })
    }
}

/// Tells what happened to a row.
pub(super) async fn tell(
    changes: &mut Changes<'_>,
    event: Event,
    schema: &TableSchema,
    id: &str,
    json: impl FnOnce() -> Vec<u8>,
) -> Result<()> {
    changes.tell(event, &[&schema.database_id, &schema.table_id, id], json).await
}

fn cant_add(why: Added, addition: &Addition, vocabulary: Vocabulary) -> Error {
    let (errors, key) = (vocabulary.errors(), &addition.column);
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
