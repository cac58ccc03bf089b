//! Many rows at once, each in the same way as one alone: one unit of work, all or nothing. For servers and admins only.

use super::rows::{Permitted, begin_list, change, delete, insert, may_create, permissions_of_new, upsert, visible};
use super::{At, Databases, speaker};
use crate::changes::Changes;
use crate::events::{self, Event};
use crate::schema::TableSchema;
use crate::vocabulary::Vocabulary;
use floe_gateway::Call;
use floe_kernel::access::Reach;
use floe_kernel::permission::{Action, Permissions};
use floe_kernel::query::{Queries, Selection};
use floe_kernel::{Error, ErrorKind, Result, id};
use floe_store::query::{self, Predicate};
use floe_store::tables::{self, SEQUENCE, StoredRow};
use serde_json::{Map, Value as Json};

/// How many rows are changed between two looks for more, and how many of the changed ones are answered.
const BATCH: i64 = 100;
/// The most rows that are changed in an order, or from somewhere in the middle.
const MAX_ORDERED: i64 = 5000;

/// A row of a list of rows.
#[derive(Debug)]
pub(crate) struct BulkRow {
    /// Its id.
    pub(crate) id: String,
    /// What it allows, where that is said.
    pub(crate) permissions: Option<Permissions>,
    /// Its values.
    pub(crate) data: Map<String, Json>,
}

/// What is done to each row that queries match.
enum Work<'w> {
    Update { data: &'w Map<String, Json>, permissions: Option<&'w Permissions> },
    Delete,
}

/// The JSON of a list, as it grows: no more than a page of it is answered.
struct Answer<'a> {
    schema: &'a TableSchema,
    vocabulary: Vocabulary,
    rows: Vec<Vec<u8>>,
    total: i64,
}

impl<'a> Answer<'a> {
    fn new(schema: &'a TableSchema, call: &Call) -> Self {
        Self { schema, vocabulary: Vocabulary::of(call), rows: Vec::new(), total: 0 }
    }

    fn add(&mut self, row: &Permitted) {
        self.total += 1;
        if self.total <= BATCH {
            self.rows.push(row.json(self.schema, self.vocabulary));
        }
    }

    fn json(self) -> Vec<u8> {
        let mut out = begin_list(self.vocabulary, self.total, self.rows.iter().map(|row| row.len() + 1).sum());
        out.extend_from_slice(&self.rows.join(&b','));
        out.extend_from_slice(b"]}");
        out
    }
}

impl Databases {
    /// Makes rows; gives the JSON of their list.
    ///
    /// # Errors
    /// Those of making a row; then none of them is made.
    pub(crate) async fn create_rows(&self, call: &Call, at: &At, rows: &[BulkRow]) -> Result<Vec<u8>> {
        with_schema!(self, call, at, |schema| {
            may_create(call, &schema)?;
            let mut read = Vec::with_capacity(rows.len());
            for row in rows {
                read.push((
                    permissions_of_new(call, row.permissions.as_ref())?,
                    schema.whole(&row.data, speaker(call))?,
                ));
            }
            let mut changes = self.begin(call).await?;
            let mut answer = Answer::new(&schema, call);
            for (row, (permissions, data)) in rows.iter().zip(read) {
                let made = insert(&mut changes, call, &schema, &row.id, data, &permissions).await?;
                tell(&mut changes, events::ROW_CREATE, call, &schema, &made).await?;
                answer.add(&made);
            }
            changes.commit().await?;
            Ok(answer.json())
        })
    }

    /// Makes rows or changes those that are there; gives the JSON of their list.
    ///
    /// # Errors
    /// Those of making and of changing a row; then nothing is changed.
    pub(crate) async fn upsert_rows(&self, call: &Call, at: &At, rows: &[BulkRow]) -> Result<Vec<u8>> {
        with_schema!(self, call, at, |schema| {
            let mut read = Vec::with_capacity(rows.len());
            for row in rows {
                read.push(schema.whole(&row.data, speaker(call))?);
            }
            let mut changes = self.begin(call).await?;
            let mut answer = Answer::new(&schema, call);
            for (row, data) in rows.iter().zip(read) {
                let done = upsert(&mut changes, call, &schema, &row.id, data, row.permissions.as_ref()).await?;
                tell(&mut changes, events::ROW_UPSERT, call, &schema, &done).await?;
                answer.add(&done);
            }
            changes.commit().await?;
            Ok(answer.json())
        })
    }

    /// Gives all rows that the queries match the same values; gives the JSON of their list.
    ///
    /// # Errors
    /// Those of changing a row; then nothing is changed.
    pub(crate) async fn update_rows(
        &self,
        call: &Call,
        at: &At,
        queries: &Queries,
        data: &Map<String, Json>,
        permissions: Option<&Permissions>,
    ) -> Result<Vec<u8>> {
        self.each_match(call, at, queries, Work::Update { data, permissions }).await
    }

    /// Removes all rows that the queries match; gives the JSON of their list.
    ///
    /// # Errors
    /// Those of removing a row; then nothing is removed.
    pub(crate) async fn delete_rows(&self, call: &Call, at: &At, queries: &Queries) -> Result<Vec<u8>> {
        self.each_match(call, at, queries, Work::Delete).await
    }

    async fn each_match(&self, call: &Call, at: &At, queries: &Queries, work: Work<'_>) -> Result<Vec<u8>> {
        with_schema!(self, call, at, |schema| {
            let action = if matches!(work, Work::Delete) { Action::Delete } else { Action::Update };
            if schema.guarded().reach(&call.caller, action) != Reach::All {
                return Err(ErrorKind::UserUnauthorized.into());
            }
            let mut selection = bounded(queries.resolve(schema.fields())?, queries)?;
            let in_order =
                !queries.orders.is_empty() || selection.offset > 0 || selection.cursor.is_some() || selection.random;
            let mut changes = self.begin(call).await?;
            let mut answer = Answer::new(&schema, call);
            let mut behind = 0;
            while selection.limit > 0 {
                let page = if in_order { selection.limit } else { selection.limit.min(BATCH) };
                let rows = matches(&mut changes, call, &schema, &selection, page, behind).await?;
                let found = i64::try_from(rows.len()).unwrap_or(i64::MAX);
                behind = rows.last().map_or(behind, |row| row.sequence);
                for row in &rows {
                    apply(&mut changes, call, &schema, row, &work, &mut answer).await?;
                }
                selection.limit = if in_order || found < page { 0 } else { selection.limit - found };
            }
            changes.commit().await?;
            Ok(answer.json())
        })
    }
}

/// Without a limit, all that match; but in an order only so many, because they are looked up at once.
fn bounded(mut selection: Selection, queries: &Queries) -> Result<Selection> {
    let plain = queries.offset.is_none() && queries.cursor.is_none() && !queries.random && queries.orders.is_empty();
    selection.limit = match queries.limit {
        None if plain => i64::MAX,
        None => MAX_ORDERED,
        Some(limit) if plain || limit <= MAX_ORDERED => limit,
        Some(_) => {
            let message = format!("Invalid query: at most {MAX_ORDERED} rows can be changed in an order");
            return Err(Error::new(ErrorKind::GeneralQueryInvalid).message(message).field("queries"));
        }
    };
    Ok(selection)
}

/// The next rows that match, without their values.
async fn matches(
    changes: &mut Changes<'_>,
    call: &Call,
    schema: &TableSchema,
    selection: &Selection,
    page: i64,
    behind: i64,
) -> Result<Vec<StoredRow>> {
    let mut plan = query::plan_in(changes, schema.stored.place(), selection, visible(call, schema)).await?;
    plan.limit = page;
    if behind > 0 {
        // What was changed may still match, or match no longer: the sequence tells what was seen.
        plan.predicate = plan.predicate.and(Predicate::from(&floe_kernel::query::Filter::Compare {
            column: SEQUENCE.to_owned(),
            array: false,
            operator: floe_kernel::query::Operator::Greater,
            values: vec![floe_kernel::value::Value::Integer(behind)],
        }));
    }
    Ok(tables::list_in(changes, &schema.stored, Some(&[]), &plan).await?)
}

/// Does the work on one row that matched.
async fn apply(
    changes: &mut Changes<'_>,
    call: &Call,
    schema: &TableSchema,
    row: &StoredRow,
    work: &Work<'_>,
    answer: &mut Answer<'_>,
) -> Result<()> {
    // As it is now: on PostgreSQL somebody else may have changed it since it was found, or removed it.
    let Some(row) = tables::get_for_update(changes, &schema.stored, &row.id).await? else { return Ok(()) };
    let set = changes.set(row.permissions).await?;
    let found = Permitted { row, set };
    if call.request.unchanged_since.is_some_and(|seen| found.row.updated > seen.millis()) {
        return Err(Vocabulary::of(call).errors().row_conflict.into());
    }
    match work {
        Work::Delete => {
            delete(changes, call, schema, &found).await?;
            answer.add(&found);
        }
        Work::Update { data, permissions } => {
            let data = schema.part(data, speaker(call))?;
            let after = change(changes, call, schema, found, data, *permissions).await?;
            tell(changes, events::ROW_UPDATE, call, schema, &after).await?;
            answer.add(&after);
        }
    }
    Ok(())
}

async fn tell(
    changes: &mut Changes<'_>,
    event: Event,
    call: &Call,
    schema: &TableSchema,
    row: &Permitted,
) -> Result<()> {
    let ids = [schema.database_id.as_str(), &schema.table_id, &row.row.id];
    changes.tell(event, &ids, || row.json(schema, Vocabulary::of(call))).await
}

impl BulkRow {
    /// Reads a row of a list: what it says of its id and its permissions stands among its values.
    ///
    /// # Errors
    /// For an id or permissions that can't be.
    pub(crate) fn read(mut data: Map<String, Json>, call: &Call) -> Result<Self> {
        let invalid = |rule: &str| Error::invalid(Vocabulary::of(call).words().rows, rule);
        let id = match data.remove("$id") {
            None | Some(Json::Null) => id::unique(call.now),
            Some(Json::String(id)) if id == id::UNIQUE => id::unique(call.now),
            Some(Json::String(id)) if id::is_valid(&id) => id,
            Some(_) => {
                return Err(invalid(
                    "$id must contain at most 36 chars. Valid chars are a-z, A-Z, 0-9, period, hyphen, and underscore. Can't start with a special char",
                ));
            }
        };
        let texts = match data.remove("$permissions") {
            None | Some(Json::Null) => None,
            Some(list) => Some(
                serde_json::from_value::<Vec<String>>(list)
                    .map_err(|_| invalid("$permissions must be a list of texts"))?,
            ),
        };
        let permissions =
            texts.map(|texts| Permissions::parse(&texts, floe_kernel::permission::Scope::Item)).transpose()?;
        Ok(Self { id, permissions, data })
    }
}
