//! What can be done to the rows of a table, as data: every door that changes rows (one row, many, a transaction) makes an
//! [`Operation`] and has it performed here.
//!
//! An operation goes through two stages. [`Operation::prepare`] checks it against the table and the caller, as far as
//! that needs no storage; so nobody holds the writer while reading JSON. [`Ready::perform`] does it, within a unit of
//! work that may hold others.

use super::bulk::{Answer, BulkProgress, Matching};
use super::links::{RelatedSchemas, Wanted, not_in_bulk, relate, remove, settle};
use super::reader::RowReader;
use super::related::RelatedTableFinder;
use super::rows::may_be_others;
use super::writes::{
    Permitted, change, check_grants, check_reading, find_to, find_to_upsert, insert, may_create, may_ever,
    permissions_of_new, upsert,
};
use super::{ATTEMPTS, At, Databases, speaker, was_overtaken};
use crate::events::{self, Event};
use crate::operator::{Added, added};
use crate::row::RowData;
use crate::row_transaction::RowTransaction;
use crate::schema::TableSchema;
use crate::vocabulary::Vocabulary;
use floe_gateway::Call;
use floe_kernel::access::Reach;
use floe_kernel::error::capitalized;
use floe_kernel::permission::{Action, Permissions};
use floe_kernel::query::Queries;
use floe_kernel::{Error, Result};
use floe_store::tables;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

/// How often an operation gives way to others that want the same rows.
const MOST_OVERTAKEN: usize = 5;

/// Something to be done to rows of one table. Its JSON is what is staged in transactions.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
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
        queries: Which,
        /// The values.
        data: Map<String, Json>,
        /// Other permissions.
        #[serde(deserialize_with = "stored::permissions")]
        permissions: Option<Permissions>,
    },
    /// Removes all rows that the queries match.
    DeleteMatching {
        /// Which rows.
        queries: Which,
    },
}

/// Queries, as they were written and as they are understood.
#[derive(Debug, Default)]
pub(crate) struct Which {
    /// As they were written.
    pub(crate) texts: Vec<String>,
    /// As they are understood.
    pub(crate) queries: Queries,
}

/// What a request says of a row.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct RowInput {
    /// Its id.
    pub(crate) id: String,
    /// What it is to allow, where that is said.
    #[serde(deserialize_with = "stored::permissions")]
    pub(crate) permissions: Option<Permissions>,
    /// Its values.
    pub(crate) data: Map<String, Json>,
}

/// A number to be added to a column of a row.
#[derive(Debug, Serialize, Deserialize)]
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
    Insert {
        id: &'o str,
        data: RowData,
        permissions: Permissions,
        wanted: Vec<Wanted<'o>>,
    },
    Change {
        id: &'o str,
        data: RowData,
        permissions: Option<&'o Permissions>,
        wanted: Vec<Wanted<'o>>,
    },
    Upsert {
        id: &'o str,
        data: RowData,
        permissions: Option<&'o Permissions>,
        wanted: Vec<Wanted<'o>>,
    },
    Delete {
        id: &'o str,
    },
    Add {
        position: usize,
        addition: &'o Addition,
    },
    /// Nothing: what was said of a row doesn't fit the table, which is told to those alone who may write the row.
    Unfit {
        id: &'o str,
        write: Write,
        error: Error,
    },
}

/// How a row was to be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Write {
    Update,
    Upsert,
}

/// What came of an operation.
pub(super) enum OperationOutcome {
    /// This row, as it is now.
    Row(Permitted),
    /// This row, as it would be: it is only staged, and not there yet.
    Provisional(Permitted),
    /// What this JSON shows: a list of rows, or nothing where a row was removed.
    Json(Vec<u8>),
}

impl OperationOutcome {
    /// The JSON of the answer, without what a row is related to.
    pub(super) fn json(self, schema: &TableSchema, vocabulary: Vocabulary) -> Vec<u8> {
        match self {
            Self::Row(row) => row.json(schema, vocabulary),
            Self::Provisional(row) => row.provisional().json(schema, vocabulary),
            Self::Json(json) => json,
        }
    }
}

impl Databases {
    /// Performs an operation in a unit of work of its own; gives the JSON of its answer: a row, a list of rows, or
    /// nothing where a row was removed. What is done to all rows that queries match is done in slices, see
    /// [`super::bulk`].
    ///
    /// # Errors
    /// Those of the operation, of which then nothing is done: `user_unauthorized`, `row_invalid_structure`,
    /// `row_not_found`, `row_already_exists`, `row_unique_constraint_violation`, `row_update_conflict`,
    /// `column_not_found`, `column_type_invalid`, `column_limit_exceeded`, `general_query_invalid`; those of finding
    /// the table.
    pub(crate) async fn perform(&self, call: &Call, at: &At, operation: &Operation) -> Result<Vec<u8>> {
        let mut progress = BulkProgress::default();
        let mut attempts = self.attempts(call, at).await?;
        loop {
            let outcome = self.perform_with(call, attempts.schema(), operation, &mut progress).await;
            if let Some(outcome) = attempts.settle(outcome).await {
                return outcome;
            }
        }
    }

    /// Performs an operation with this schema of its table; again, where others were in the way.
    async fn perform_with(
        &self,
        call: &Call,
        schema: &TableSchema,
        operation: &Operation,
        progress: &mut BulkProgress,
    ) -> Result<Vec<u8>> {
        let mut guide = RelatedTableFinder::new(self, call);
        let (mut left, mut overtaken) = (ATTEMPTS, 0);
        loop {
            left -= 1;
            match self.attempt(guide, schema, operation, progress).await {
                Err(error) if overtaken < MOST_OVERTAKEN && was_overtaken(&error) => {
                    (left, overtaken) = (left + 1, overtaken + 1);
                }
                Err(error) if left > 0 && operation.finds_another(call, &error) => {}
                // It may be one of the tables around it that has changed.
                Err(error) if left > 0 && !guide.doubts() && may_be_others(schema, &error) => {
                    guide = guide.doubtful();
                }
                outcome => return outcome,
            }
        }
    }

    async fn attempt(
        &self,
        guide: RelatedTableFinder<'_>,
        schema: &TableSchema,
        operation: &Operation,
        progress: &mut BulkProgress,
    ) -> Result<Vec<u8>> {
        let call = guide.call();
        let around = guide.around(schema, operation).await?;
        let ready = match operation.prepare(call, schema, &around)? {
            Ready::Matching(matching) => return matching.perform_in_slices(self, call, schema, progress).await,
            ready => ready,
        };
        let mut tx = self.begin(call).await?.doubtful(guide.doubts()).single(ready.is_single());
        if matches!(ready, Ready::Many(_)) {
            tables::take_turn(&mut tx, [&schema.stored]).await?;
            tables::lock_rows(&mut tx, &schema.stored, &operation.ids().into_iter().collect()).await?;
        }
        let done = ready.perform(&mut tx, call, schema).await?;
        tx.commit().await?;
        Ok(around.answer(&mut RowReader::Store(self, call), schema, done, Vocabulary::of(call)).await)
    }
}

impl Operation {
    /// Decides what would be decided otherwise by when, and by whom, it is performed: the ids of related rows that are
    /// to be made, and what new rows allow. `around`: see [`RelatedTableFinder::around`].
    ///
    /// # Errors
    /// None that the caller can cause; what they may do is checked when it is performed.
    pub(super) fn settle(&mut self, call: &Call, schema: &TableSchema, around: &RelatedSchemas) -> Result<()> {
        let made = match self {
            Self::Create(row) => std::slice::from_mut(row),
            Self::CreateMany(rows) => rows.as_mut_slice(),
            _ => &mut [],
        };
        for row in made.iter_mut().filter(|row| row.permissions.is_none()) {
            row.permissions = Some(permissions_of_new(call, None)?);
        }
        match self {
            Self::Create(row) | Self::Update(row) | Self::Upsert(row) => settle(call, schema, around, &mut row.data, 1),
            _ => Ok(()),
        }
    }

    /// The ids of rows that it changes if they are there, as far as it names them.
    pub(super) fn ids(&self) -> Vec<&str> {
        match self {
            Self::Update(row) | Self::Upsert(row) => vec![&row.id],
            Self::Delete(id) => vec![id],
            Self::Add(addition) => vec![&addition.id],
            Self::UpsertMany(rows) => rows.iter().map(|row| row.id.as_str()).collect(),
            Self::Create(_) | Self::CreateMany(_) | Self::UpdateMatching { .. } | Self::DeleteMatching { .. } => {
                Vec::new()
            }
        }
    }

    /// Whether it adds to whatever is there, so that it doesn't matter what others have made of it.
    pub(super) fn is_addition(&self) -> bool {
        matches!(self, Self::Add(_))
    }

    /// Whether it may change many rows, or has to look for them.
    pub(super) fn is_bulk(&self) -> bool {
        use Operation::{CreateMany, DeleteMatching, UpdateMatching, UpsertMany};
        matches!(self, CreateMany(_) | UpsertMany(_) | UpdateMatching { .. } | DeleteMatching { .. })
    }

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

    /// Checks everything that needs no storage. `around`: see [`RelatedTableFinder::around`].
    ///
    /// # Errors
    /// As [`Databases::perform`].
    pub(super) fn prepare<'o>(
        &'o self,
        call: &Call,
        schema: &'o TableSchema,
        around: &'o RelatedSchemas,
    ) -> Result<Ready<'o>> {
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
                let change = || {
                    let data = schema.part(&row.data, speaker(call))?;
                    let wanted = Wanted::read(call, schema, around, &row.data, true)?;
                    Ok(Step::Change { id: &row.id, data, permissions: row.permissions.as_ref(), wanted })
                };
                Ready::One(change().or_else(|error| Step::unfit(&row.id, Write::Update, call, schema, error))?)
            }
            Self::Upsert(row) => {
                may_create(call, schema).or_else(|_| may_ever(call, schema, Action::Update))?;
                check_grants(call, row.permissions.as_ref())?;
                let upsert = || {
                    let wanted = Wanted::read(call, schema, around, &row.data, false)?;
                    Step::upsert(row, call, schema, wanted)
                };
                Ready::One(upsert().or_else(|error| Step::unfit(&row.id, Write::Upsert, call, schema, error))?)
            }
            Self::Delete(id) => {
                may_ever(call, schema, Action::Delete)?;
                Ready::One(Step::Delete { id })
            }
            Self::Add(addition) => {
                may_ever(call, schema, Action::Update)?;
                let position = schema.position(&addition.column);
                let missing = || Error::about(Vocabulary::of(call).errors().column_not_found, &addition.column);
                Ready::One(match position {
                    Some(position) => Step::Add { position, addition },
                    None => Step::unfit(&addition.id, Write::Update, call, schema, missing())?,
                })
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
                Ready::Matching(Matching::update(call, schema, &queries.queries, data, permissions.as_ref())?)
            }
            Self::DeleteMatching { queries } => {
                not_in_bulk(call, schema, Action::Delete, "delete")?;
                Ready::Matching(Matching::delete(call, schema, &queries.queries)?)
            }
        })
    }
}

/// What of an operation has a form of its own in JSON.
mod stored {
    use super::Which;
    use floe_kernel::permission::{PermissionTarget, Permissions};
    use floe_kernel::query::Queries;
    use serde::de::Error as _;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    /// Reads permissions of a row.
    pub(super) fn permissions<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Permissions>, D::Error> {
        let texts = Option::<Vec<String>>::deserialize(from)?;
        texts.map(|texts| Permissions::parse(&texts, PermissionTarget::Item)).transpose().map_err(D::Error::custom)
    }

    impl Serialize for Which {
        fn serialize<S: Serializer>(&self, into: S) -> Result<S::Ok, S::Error> {
            self.texts.serialize(into)
        }
    }

    impl<'de> Deserialize<'de> for Which {
        fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
            let texts = Vec::<String>::deserialize(from)?;
            let queries = Queries::parse(&texts).map_err(D::Error::custom)?;
            Ok(Self { texts, queries })
        }
    }
}

impl Ready<'_> {
    /// Whether it changes one row and nothing else.
    fn is_single(&self) -> bool {
        match self {
            Self::One(Step::Insert { wanted, .. } | Step::Change { wanted, .. } | Step::Upsert { wanted, .. }) => {
                wanted.is_empty()
            }
            Self::One(Step::Add { .. }) => true,
            // What a removed row is related to may change as well.
            Self::One(Step::Delete { .. } | Step::Unfit { .. }) | Self::Many(_) | Self::Matching(_) => false,
        }
    }

    /// Does it.
    ///
    /// # Errors
    /// As [`Databases::perform`]. The unit of work can't be committed then.
    pub(super) async fn perform(
        self,
        tx: &mut RowTransaction<'_>,
        call: &Call,
        schema: &TableSchema,
    ) -> Result<OperationOutcome> {
        let vocabulary = Vocabulary::of(call);
        match self {
            Self::One(step) => {
                let is_removal = matches!(step, Step::Delete { .. });
                let is_new = matches!(step, Step::Insert { .. });
                let (event, row) = step.perform(tx, call, schema).await?;
                emit(tx, event, schema, &row.row.id, || row.json(schema, vocabulary)).await?;
                // Who makes a row knows what is in it. Who changes one learns no more of it than they may read.
                let may_see = is_new || row.allows(call, schema, Action::Read);
                Ok(match row {
                    _ if is_removal => OperationOutcome::Json(Vec::new()),
                    row if !may_see => OperationOutcome::Json(row.json_unread(schema, vocabulary)),
                    row if tx.is_provisional(&schema.stored, &row.row.id) => OperationOutcome::Provisional(row),
                    row => OperationOutcome::Row(row),
                })
            }
            Self::Many(steps) => {
                let mut answer = Answer::default();
                for step in steps {
                    let (event, row) = step.perform(tx, call, schema).await?;
                    emit(tx, event, schema, &row.row.id, || row.json(schema, vocabulary)).await?;
                    let is_provisional = tx.is_provisional(&schema.stored, &row.row.id);
                    let row = if is_provisional { row.provisional() } else { row };
                    answer.add(&row, schema, vocabulary);
                }
                Ok(OperationOutcome::Json(answer.json(vocabulary)))
            }
            Self::Matching(matching) => Ok(OperationOutcome::Json(matching.perform(tx, call, schema).await?)),
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
        Ok(Self::Insert { id: &row.id, data: schema.whole(&row.data, speaker(call).of_new())?, permissions, wanted })
    }

    fn upsert(row: &'o RowInput, call: &Call, schema: &TableSchema, wanted: Vec<Wanted<'o>>) -> Result<Self> {
        check_grants(call, row.permissions.as_ref())?;
        let data = schema.whole(&row.data, speaker(call))?.defaulted(schema);
        Ok(Self::Upsert { id: &row.id, data, permissions: row.permissions.as_ref(), wanted })
    }

    /// What is said of a row doesn't fit the table, for this reason. Who may write every row is told at once; whoever else once
    /// it is known that they may write this one: what columns there are is nobody else's business.
    fn unfit(id: &'o str, write: Write, call: &Call, schema: &TableSchema, error: Error) -> Result<Self> {
        let knows = schema.policy().reach(&call.caller, Action::Update) == Reach::All;
        if knows { Err(error) } else { Ok(Self::Unfit { id, write, error }) }
    }

    /// Does it; gives the row (as it was, where it is removed), and what happened to it.
    async fn perform(
        self,
        tx: &mut RowTransaction<'_>,
        call: &Call,
        schema: &TableSchema,
    ) -> Result<(Event, Permitted)> {
        Ok(match self {
            Self::Insert { id, data, permissions, wanted } => {
                let made = insert(tx, call, schema, id, data, &permissions).await?;
                relate(tx, call, schema, made.row.sequence, true, wanted).await?;
                (events::ROW_CREATE, made)
            }
            Self::Change { id, data, permissions, wanted } => {
                let before = find_to(tx, call, schema, id, Action::Update).await?;
                let row = change(tx, call, schema, before, data, permissions).await?;
                relate(tx, call, schema, row.row.sequence, false, wanted).await?;
                (events::ROW_UPDATE, row)
            }
            Self::Upsert { id, data, permissions, wanted } => {
                let row = upsert(tx, call, schema, id, data, permissions).await?;
                relate(tx, call, schema, row.row.sequence, false, wanted).await?;
                (events::ROW_UPSERT, row)
            }
            Self::Delete { id } => {
                let before = find_to(tx, call, schema, id, Action::Delete).await?;
                remove(tx, call, schema, &before).await?;
                (events::ROW_DELETE, before)
            }
            Self::Add { position, addition } => {
                let before = find_to(tx, call, schema, &addition.id, Action::Update).await?;
                check_reading(call, schema, &before)?;
                let sum = added(&schema.columns[position], &before.row.values[position], addition.by, addition.limit);
                let sum = sum.map_err(|why| cant_add(why, addition, Vocabulary::of(call)))?;
                let data = RowData { values: vec![(position, sum)], ..RowData::default() };
                (events::ROW_UPDATE, change(tx, call, schema, before, data, None).await?)
            }
            Self::Unfit { id, write, error } => {
                match write {
                    Write::Update => drop(find_to(tx, call, schema, id, Action::Update).await?),
                    Write::Upsert => drop(find_to_upsert(tx, call, schema, id).await?),
                }
                return Err(error);
            }
        })
    }
}

/// Tells what happened to a row.
pub(super) async fn emit(
    tx: &mut RowTransaction<'_>,
    event: Event,
    schema: &TableSchema,
    id: &str,
    json: impl FnOnce() -> Vec<u8>,
) -> Result<()> {
    tx.emit(event, &[&schema.database_id, &schema.table_id, id], json).await
}

fn cant_add(why: Added, addition: &Addition, vocabulary: Vocabulary) -> Error {
    let (errors, key) = (vocabulary.errors(), &addition.column);
    let word = capitalized(vocabulary.words().column);
    match why {
        Added::NoNumber => Error::new(errors.column_type).message(format!("{word} \"{key}\" is not a number")),
        Added::NoInteger => Error::new(errors.column_type)
            .message(format!("{word} \"{key}\" is an integer: it can't be changed by {}", addition.by)),
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
