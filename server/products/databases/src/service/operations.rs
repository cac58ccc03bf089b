//! What can be done to the rows of a table, as data: every door that changes rows (one row, many, a transaction) makes an
//! [`Operation`] and has it performed here.
//!
//! An operation goes through two stages. [`Operation::prepare`] checks it against the table and the caller, as far as
//! that needs no storage; so nobody holds the writer while reading JSON. [`Ready::perform`] does it, within a unit of
//! work that may hold others.

use super::bulk::{Answer, Matching};
use super::writes::{
    Permitted, change, check_grants, delete, find_to, insert, may_create, may_ever, permissions_of_new, upsert,
};
use super::{ATTEMPTS, At, Databases, capitalized, speaker};
use crate::changes::Changes;
use crate::events::{self, Event};
use crate::operator::{Added, added};
use crate::row::RowData;
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
    Insert { id: &'o str, data: RowData, permissions: Permissions },
    Change { id: &'o str, data: RowData, permissions: Option<&'o Permissions> },
    Upsert { id: &'o str, data: RowData, permissions: Option<&'o Permissions> },
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
        let taken = Vocabulary::of(call).errors().row_exists;
        with_schema!(self, call, at, |schema| {
            for _ in 1..ATTEMPTS {
                match self.attempt(call, &schema, operation).await {
                    // Somebody made the row after we saw that there was none: now there is one to change.
                    Err(error) if operation.is_upsert() && error.kind() == taken => {}
                    outcome => return outcome,
                }
            }
            self.attempt(call, &schema, operation).await
        })
    }

    async fn attempt(&self, call: &Call, schema: &TableSchema, operation: &Operation) -> Result<Vec<u8>> {
        let ready = operation.prepare(call, schema)?;
        let mut changes = self.begin(call).await?;
        let answer = ready.perform(&mut changes, call, schema).await?;
        changes.commit().await?;
        Ok(answer)
    }
}

impl Operation {
    fn is_upsert(&self) -> bool {
        matches!(self, Self::Upsert(_) | Self::UpsertMany(_))
    }

    /// Checks everything that needs no storage.
    ///
    /// # Errors
    /// As [`Databases::perform`].
    pub(super) fn prepare<'o>(&'o self, call: &Call, schema: &TableSchema) -> Result<Ready<'o>> {
        Ok(match self {
            Self::Create(row) => {
                let permissions = permissions_of_new(call, row.permissions.as_ref())?;
                may_create(call, schema)?;
                Ready::One(Step::insert(row, permissions, call, schema)?)
            }
            Self::Update(row) => {
                may_ever(call, schema, Action::Update)?;
                check_grants(call, row.permissions.as_ref())?;
                let data = schema.part(&row.data, speaker(call))?;
                Ready::One(Step::Change { id: &row.id, data, permissions: row.permissions.as_ref() })
            }
            Self::Upsert(row) => Ready::One(Step::upsert(row, call, schema)?),
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
                let step = |row| Step::insert(row, permissions_of_new(call, row.permissions.as_ref())?, call, schema);
                Ready::Many(rows.iter().map(step).collect::<Result<_>>()?)
            }
            Self::UpsertMany(rows) => {
                Ready::Many(rows.iter().map(|row| Step::upsert(row, call, schema)).collect::<Result<_>>()?)
            }
            Self::UpdateMatching { queries, data, permissions } => {
                let data = schema.part(data, speaker(call))?;
                Ready::Matching(Matching::update(call, schema, queries, data, permissions.as_ref())?)
            }
            Self::DeleteMatching { queries } => Ready::Matching(Matching::delete(call, schema, queries)?),
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
    fn insert(row: &'o RowInput, permissions: Permissions, call: &Call, schema: &TableSchema) -> Result<Self> {
        Ok(Self::Insert { id: &row.id, data: schema.whole(&row.data, speaker(call).of_new())?, permissions })
    }

    fn upsert(row: &'o RowInput, call: &Call, schema: &TableSchema) -> Result<Self> {
        check_grants(call, row.permissions.as_ref())?;
        let data = schema.whole(&row.data, speaker(call))?;
        Ok(Self::Upsert { id: &row.id, data, permissions: row.permissions.as_ref() })
    }

    /// Does it; gives the row (as it was, where it is removed), and what happened to it.
    async fn perform(self, changes: &mut Changes<'_>, call: &Call, schema: &TableSchema) -> Result<(Event, Permitted)> {
        Ok(match self {
            Self::Insert { id, data, permissions } => {
                (events::ROW_CREATE, insert(changes, call, schema, id, data, &permissions).await?)
            }
            Self::Change { id, data, permissions } => {
                let before = find_to(changes, call, schema, id, Action::Update).await?;
                (events::ROW_UPDATE, change(changes, call, schema, before, data, permissions).await?)
            }
            Self::Upsert { id, data, permissions } => {
                (events::ROW_UPSERT, upsert(changes, call, schema, id, data, permissions).await?)
            }
            Self::Delete { id } => {
                let before = find_to(changes, call, schema, id, Action::Delete).await?;
                delete(changes, schema, &before).await?;
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
