//! Transactions at work. What is staged is a list of operations, and replaying it is the one mechanism: to see what a
//! transaction would make of the rows, to see whether something more can be staged, and to commit. Each time everything
//! is checked again, for whoever asks now and for whoever staged it (docs/decisions/0013).

use super::links::RelatedSchemas;
use super::operations::{Operation, OperationOutcome};
use super::reader::RowReader;
use super::related::{Choice, RelatedTableFinder};
use super::rows::{RowPage, RowsWanted, choose_only, page, read_row, read_rows};
use super::transactions::must_be_payable;
use super::{ATTEMPTS, At, Databases, is_of_storage, visible, was_overtaken};
use crate::change_guard::RowVersions;
use crate::repository::transactions::{Entry, TransactionRepository};
use crate::row_transaction::RowTransaction;
use crate::schema::TableSchema;
use crate::transaction::{MAX_BYTES, MAX_OPERATIONS, StagedBy, Status, Transaction};
use crate::vocabulary::Vocabulary;
use floe_gateway::Call;
use floe_kernel::query::Queries;
use floe_kernel::time::Timestamp;
use floe_kernel::{Error, ErrorKind, Result};
use floe_sealed::Seal;
use floe_store::tables::{self, StoredTable};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

/// So many operations on single rows are replayed in no time.
const FEW: usize = 10;

/// Something to be staged.
#[derive(Debug)]
pub(crate) struct Staging {
    /// In which table.
    pub(crate) at: At,
    /// What is to be done there.
    pub(crate) operation: Operation,
}

/// What is wanted of a transaction.
pub(super) enum TransactionAction<'a> {
    /// To stage these too: all or none of them.
    Stage(&'a [Staging]),
    /// To read a row.
    Row {
        /// In which table.
        at: &'a At,
        /// Its id.
        id: &'a str,
        /// The columns.
        queries: &'a Queries,
    },
    /// To read a page of rows.
    Rows {
        /// Of which table.
        at: &'a At,
        /// Which of them.
        wanted: RowsWanted<'a>,
    },
    /// To make what is staged last.
    Commit,
}

impl TransactionAction<'_> {
    fn tables(&self) -> Vec<&At> {
        match self {
            Self::Stage(new) => new.iter().map(|staging| &staging.at).collect(),
            Self::Row { at, .. } | Self::Rows { at, .. } => vec![at],
            Self::Commit => Vec::new(),
        }
    }
}

/// A transaction as a request knows it: what is staged in it, and the tables that this needs.
pub(super) struct StagedTransaction {
    pub(super) transaction: Transaction,
    staged: Vec<Staged>,
    schemas: HashMap<At, Arc<TableSchema>>,
    /// Whether what is kept of other tables is doubted: something that they said was wrong.
    doubtful: bool,
}

/// Something that is staged.
struct Staged {
    staging: Staging,
    by: StagedBy,
    /// The rows that it was meant for, as they were then. Rows that somebody else has changed since are others.
    seen: Arc<RowVersions>,
}

/// What is stored of it, as JSON; beside the rows that it was meant for.
#[derive(Serialize, Deserialize)]
struct StoredStaging<O> {
    by: StagedBy,
    operation: O,
}

/// What must be known before anything is locked.
struct Prerequisites {
    /// The tables around what is staged, one by one.
    staged: Vec<RelatedSchemas>,
    /// Those around what is to be staged.
    new: Vec<RelatedSchemas>,
    /// What is to be read.
    read: Read,
}

/// What is to be read, as the table understands it.
enum Read {
    Nothing,
    Row(Choice),
    Rows(Box<RowPage>),
}

/// What came of it.
pub(super) struct TransactionOutcome {
    /// The transaction as it is now.
    pub(super) transaction: Transaction,
    /// The JSON of what was read or performed last; empty when that has no answer.
    pub(super) answer: Vec<u8>,
}

impl StagedTransaction {
    /// Takes in what is staged.
    fn read(&mut self, seal: &Seal, entries: Vec<Entry>) -> Result<()> {
        for entry in entries {
            let place = place(&self.transaction, entry.position);
            let (operation, seen) = entry.operation.split_once(BETWEEN).unwrap_or((&entry.operation, ""));
            let stored = seal.open(&place, operation)?;
            let stored: StoredStaging<Operation> = serde_json::from_str(&stored).map_err(Error::internal)?;
            let seen = seal.open(&place_of_seen(&place), seen)?;
            let seen = serde_json::from_str(&seen).map_err(Error::internal)?;
            let at = At { database: entry.database_id, table: entry.table_id };
            let staging = Staging { at, operation: stored.operation };
            self.staged.push(Staged { staging, by: stored.by, seen: Arc::new(seen) });
        }
        Ok(())
    }

    /// Whether nothing that is staged can be seen in this table.
    pub(super) fn leaves_alone(&self, at: &At, schema: &TableSchema) -> bool {
        !schema.is_related() && self.staged.iter().all(|staged| staged.staging.at != *at)
    }

    /// Whether replaying it may take so long that only one such replay should wait for the writer at a time.
    fn is_long(&self, act: &TransactionAction<'_>) -> bool {
        let new = if let TransactionAction::Stage(new) = act { *new } else { &[] };
        let reads = matches!(act, TransactionAction::Rows { .. });
        let mut all = self.staged.iter().map(|staged| &staged.staging).chain(new);
        reads || self.staged.len() + new.len() > FEW || all.any(|staging| staging.operation.is_bulk())
    }

    fn schema(&self, at: &At) -> Result<&TableSchema> {
        self.schemas.get(at).map(Arc::as_ref).ok_or_else(|| Error::internal("a table that nobody looked up"))
    }
}

impl Databases {
    /// A transaction that can still be used, with what is staged in it.
    ///
    /// # Errors
    /// `transaction_not_found`, also for somebody else's; `transaction_not_ready`, `transaction_expired`.
    pub(super) async fn script(&self, call: &Call, id: &str) -> Result<StagedTransaction> {
        let mut conn = call.store.read().await?;
        let mut transactions = TransactionRepository(&mut conn);
        let transaction = transactions.find(id).await?.filter(|transaction| transaction.is_for(call));
        let transaction = transaction.ok_or_else(|| Error::about(ErrorKind::TransactionNotFound, id))?;
        transaction.must_be_open(call.now)?;
        let entries = transactions.entries(transaction.number, 0).await?;
        let mut script =
            StagedTransaction { transaction, staged: Vec::new(), schemas: HashMap::new(), doubtful: false };
        script.read(&self.seal(call), entries)?;
        Ok(script)
    }

    fn seal(&self, call: &Call) -> Seal {
        self.keys.of_transactions(&call.project.id)
    }

    /// Settles what is to be staged, see [`Operation::settle`].
    ///
    /// # Errors
    /// Those of finding the tables.
    pub(super) async fn settle(&self, call: &Call, new: &mut [Staging]) -> Result<()> {
        for Staging { at, operation } in new {
            let schema = self.schema(call, at).await?;
            let around = RelatedTableFinder::new(self, call).around(&schema, operation).await?;
            operation.settle(call, &schema, &around)?;
        }
        Ok(())
    }

    /// Replays what is staged, and does what is wanted then.
    ///
    /// # Errors
    /// Those of the act; `transaction_conflict` when what is staged can't be done any more because of what others have
    /// done since; those of an operation that is staged, when the caller may not do it, or its table has changed.
    pub(super) async fn play(
        &self,
        call: &Call,
        script: &mut StagedTransaction,
        act: &TransactionAction<'_>,
    ) -> Result<TransactionOutcome> {
        let mut left = ATTEMPTS;
        loop {
            match self.attempt_to_play(call, script, act).await {
                Ok(Some(done)) => return Ok(done),
                // Somebody else staged more in between. They can do so only as often as a transaction has room.
                Ok(None) => {}
                Err(error) if left > 1 && was_overtaken(&error) => left -= 1,
                Err(error) if left > 1 && is_of_storage(&error) => {
                    left -= 1;
                    self.renew(call, script, error).await?;
                }
                Err(error) => return Err(told_as_too_long(error)),
            }
        }
    }

    /// None: there is more in the script now than there was.
    async fn attempt_to_play(
        &self,
        call: &Call,
        script: &mut StagedTransaction,
        act: &TransactionAction<'_>,
    ) -> Result<Option<TransactionOutcome>> {
        let ground = self.survey(call, script, act).await?;
        let sealed = self.seal_new(call, script, act)?;
        let begun = if script.is_long(act) { self.begin_slice(call).await? } else { self.begin(call).await? };
        let mut tx = begun.doubtful(script.doubtful);
        tx.keep_small();
        let locked = tx.transactions().lock(script.transaction.number).await?;
        script.transaction = locked.filter(|now| now.is_for(call)).ok_or(ErrorKind::TransactionNotFound)?;
        script.transaction.must_be_open(call.now)?;
        if script.transaction.operations > script.staged.len() {
            let more = tx.transactions().entries(script.transaction.number, script.staged.len()).await?;
            drop(tx);
            script.read(&self.seal(call), more)?;
            return Ok(None);
        }
        wait_in_order(&mut tx, script, act).await?;
        let (mut transaction, mut answer) = (script.transaction.clone(), Vec::new());
        match act {
            TransactionAction::Commit => {
                replay(&mut tx, call, script, &ground).await?;
                end(&mut tx, &mut transaction, Status::Committed, call.now).await?;
                tx.commit().await?;
            }
            TransactionAction::Stage(new) => {
                let new = New { new, sealed, seal: &self.seal(call) };
                answer = stage(tx, call, script, &ground, new, &mut transaction).await?;
            }
            TransactionAction::Row { at, .. } | TransactionAction::Rows { at, .. } => {
                tx.rehearse().await?;
                replay(&mut tx, call, script, &ground).await?;
                answer = read(&mut tx, call, script.schema(at)?, act, &ground).await?;
            }
        }
        Ok(Some(TransactionOutcome { transaction, answer }))
    }

    /// What is to be staged, as it is stored, if there is room for it. Sealed before anything is locked: it may be long.
    fn seal_new(&self, call: &Call, script: &StagedTransaction, act: &TransactionAction<'_>) -> Result<Vec<String>> {
        let TransactionAction::Stage(new) = act else { return Ok(Vec::new()) };
        let (transaction, there) = (&script.transaction, script.staged.len());
        must_have_room(there, new.len())?;
        let (seal, mut bytes, mut sealed) = (self.seal(call), transaction.bytes, Vec::with_capacity(new.len()));
        for (n, Staging { operation, .. }) in new.iter().enumerate() {
            let stored = StoredStaging { by: StagedBy::of(call), operation };
            let clear = serde_json::to_string(&stored).map_err(Error::internal)?;
            let position = i64::try_from(there + n).map_err(Error::internal)?;
            let text = seal.seal(&place(transaction, position), &clear)?;
            bytes += text.len();
            must_fit(bytes)?;
            sealed.push(text);
        }
        Ok(sealed)
    }

    /// Finds out what must be known of tables, before anything is locked.
    async fn survey(
        &self,
        call: &Call,
        script: &mut StagedTransaction,
        act: &TransactionAction<'_>,
    ) -> Result<Prerequisites> {
        let StagedTransaction { staged, schemas, .. } = script;
        for Staged { staging, by, .. } in staged {
            let found = self.schema_once(call, schemas, &staging.at).await?;
            visible(&by.bind(call), found)?;
        }
        for at in act.tables() {
            visible(call, self.schema_once(call, schemas, at).await?)?;
        }
        let mut ground = Prerequisites { staged: Vec::new(), new: Vec::new(), read: Read::Nothing };
        let guide = RelatedTableFinder::new(self, call);
        let guide = if script.doubtful { guide.doubtful() } else { guide };
        for Staged { staging, by, .. } in &script.staged {
            let call = by.bind(call);
            let guide = guide.on_behalf_of(&call);
            ground.staged.push(guide.around(script.schema(&staging.at)?, &staging.operation).await?);
        }
        match act {
            TransactionAction::Commit => {}
            TransactionAction::Stage(new) => {
                for staging in *new {
                    ground.new.push(guide.around(script.schema(&staging.at)?, &staging.operation).await?);
                }
            }
            TransactionAction::Row { at, queries, .. } => {
                ground.read = Read::Row(choose_only(guide, script.schema(at)?, queries).await?);
            }
            TransactionAction::Rows { at, wanted } => {
                ground.read = Read::Rows(Box::new(page(guide, script.schema(at)?, wanted).await?));
            }
        }
        Ok(ground)
    }

    /// The schema of a table, whether or not the caller may know of it, looked up once.
    async fn schema_once(
        &self,
        call: &Call,
        schemas: &mut HashMap<At, Arc<TableSchema>>,
        at: &At,
    ) -> Result<Arc<TableSchema>> {
        if let Some(known) = schemas.get(at) {
            return Ok(Arc::clone(known));
        }
        let found = self.any_schema(call, at, false).await?;
        schemas.insert(at.clone(), Arc::clone(&found));
        Ok(found)
    }

    /// Storage failed with this error. Looks whether that is because a table has changed, and takes it as it is now.
    ///
    /// # Errors
    /// The same error, when none has; those of finding a table.
    async fn renew(&self, call: &Call, script: &mut StagedTransaction, error: Error) -> Result<()> {
        let is_related = script.schemas.values().any(|schema| schema.is_related());
        // It may be one of the tables around these that has changed.
        let mut has_changed = is_related && !std::mem::replace(&mut script.doubtful, true);
        for (at, schema) in &mut script.schemas {
            if let Some(fresh) = self.fresh_schema(call, at, schema).await? {
                *schema = fresh;
                has_changed = true;
            }
        }
        if has_changed { Ok(()) } else { Err(error) }
    }
}

/// Reads what is wanted, as the unit of work sees it.
async fn read(
    tx: &mut RowTransaction<'_>,
    call: &Call,
    schema: &TableSchema,
    act: &TransactionAction<'_>,
    ground: &Prerequisites,
) -> Result<Vec<u8>> {
    let reader = &mut RowReader::Unit(tx);
    match (act, &ground.read) {
        (TransactionAction::Row { id, .. }, Read::Row(choice)) => read_row(reader, call, schema, id, choice).await,
        (TransactionAction::Rows { .. }, Read::Rows(page)) => read_rows(reader, call, schema, page).await,
        _ => Err(Error::internal("nothing to be read")),
    }
}

/// Does everything that is staged, in its order.
/// Waits for others who change several rows, in the order in which all do, so that no two wait for each other. Who only reads doesn't
/// wait for their turn, for reading may take long; but for the rows that are changed for it.
async fn wait_in_order(
    tx: &mut RowTransaction<'_>,
    script: &StagedTransaction,
    act: &TransactionAction<'_>,
) -> Result<()> {
    let new = if let TransactionAction::Stage(new) = act { *new } else { &[] };
    let all: Vec<_> = script.staged.iter().map(|staged| &staged.staging).chain(new).collect();
    if all.len() < 2 && !all.iter().any(|staging| staging.operation.is_bulk()) {
        return Ok(());
    }
    let mut ids = BTreeMap::<&str, (&StoredTable, BTreeSet<&str>)>::new();
    for staging in all {
        let table = &script.schema(&staging.at)?.stored;
        let (_, of_table) = ids.entry(table.name()).or_insert_with(|| (table, BTreeSet::new()));
        of_table.extend(staging.operation.ids());
    }
    if matches!(act, TransactionAction::Stage(_) | TransactionAction::Commit) {
        tables::take_turn(tx, ids.values().map(|(table, _)| *table)).await?;
    }
    for (table, ids) in ids.values() {
        tables::lock_rows(tx, table, ids).await?;
    }
    Ok(())
}

async fn replay(
    tx: &mut RowTransaction<'_>,
    call: &Call,
    script: &StagedTransaction,
    ground: &Prerequisites,
) -> Result<()> {
    for (Staged { staging, by, seen }, around) in script.staged.iter().zip(&ground.staged) {
        tx.expect_versions(seen, staging.operation.is_addition());
        perform(tx, &by.bind(call), script, staging, around).await.map_err(told_as_conflict)?;
    }
    Ok(())
}

async fn perform(
    tx: &mut RowTransaction<'_>,
    call: &Call,
    script: &StagedTransaction,
    staging: &Staging,
    around: &RelatedSchemas,
) -> Result<OperationOutcome> {
    let schema = script.schema(&staging.at)?;
    staging.operation.prepare(call, schema, around)?.perform(tx, call, schema).await
}

/// What is to be staged, and how it is stored.
struct New<'n> {
    new: &'n [Staging],
    /// Each, sealed.
    sealed: Vec<String>,
    /// Seals what is learned of them.
    seal: &'n Seal,
}

/// Sees what comes of it when more is done after what is staged, and stages it then; gives the last one's answer.
async fn stage(
    mut tx: RowTransaction<'_>,
    call: &Call,
    script: &StagedTransaction,
    ground: &Prerequisites,
    New { new, sealed, seal }: New<'_>,
    transaction: &mut Transaction,
) -> Result<Vec<u8>> {
    let vocabulary = Vocabulary::of(call);
    let (mut last, mut seen) = (Vec::new(), Vec::with_capacity(new.len()));
    tx.rehearse().await?;
    replay(&mut tx, call, script, ground).await?;
    for (staging, around) in new.iter().zip(&ground.new) {
        tx.note_versions(call.request.unchanged_since);
        let done = perform(&mut tx, call, script, staging, around).await?;
        seen.push(tx.noted_versions());
        let (reader, schema) = (&mut RowReader::Unit(&mut tx), script.schema(&staging.at)?);
        last = around.answer(reader, schema, done, vocabulary).await;
    }
    tx.undo_rehearsal().await?;
    for ((Staging { at, .. }, operation), seen) in new.iter().zip(sealed).zip(seen) {
        let entry = entry(call, seal, transaction, at, (operation, &seen))?;
        transaction.operations += 1;
        transaction.bytes += entry.operation.len();
        tx.transactions().add_entry(&entry).await?;
    }
    must_fit(transaction.bytes)?;
    transaction.updated = call.now;
    tx.transactions().save(transaction).await?;
    must_be_payable(&mut tx, transaction, call.now).await?;
    tx.commit().await?;
    Ok(last)
}

/// What stands between a sealed operation and the rows that it was meant for. No sealed text has it.
const BETWEEN: char = ' ';

/// Where something is staged: what it is sealed for.
fn place(transaction: &Transaction, position: i64) -> String {
    format!("{}/{position}", transaction.number)
}

/// What the rows are sealed for that something there was meant for.
fn place_of_seen(place: &str) -> String {
    format!("{place}/seen")
}

/// How something is stored that comes next in a transaction.
fn entry(
    call: &Call,
    seal: &Seal,
    transaction: &Transaction,
    at: &At,
    (operation, seen): (String, &RowVersions),
) -> Result<Entry> {
    let position = i64::try_from(transaction.operations).map_err(Error::internal)?;
    let seen = serde_json::to_string(seen).map_err(Error::internal)?;
    let mut stored = operation;
    stored.push(BETWEEN);
    stored.push_str(&seal.seal(&place_of_seen(&place(transaction, position)), &seen)?);
    Ok(Entry {
        transaction_number: transaction.number,
        position,
        database_id: at.database.clone(),
        table_id: at.table.clone(),
        operation: stored,
        created_at: call.now.millis(),
    })
}

fn full(message: String) -> Error {
    Error::new(ErrorKind::TransactionLimitExceeded).message(message)
}

/// Refuses more operations than a transaction may have.
fn must_have_room(there: usize, new: usize) -> Result<()> {
    if there + new <= MAX_OPERATIONS {
        return Ok(());
    }
    Err(full(format!(
        "Transaction already has {there} operations, adding {new} would exceed the maximum of {MAX_OPERATIONS}"
    )))
}

/// Refuses operations that take more bytes than those of a transaction may.
fn must_fit(bytes: usize) -> Result<()> {
    if bytes <= MAX_BYTES {
        return Ok(());
    }
    Err(full(format!("The operations of a transaction may take up to {MAX_BYTES} bytes")))
}

/// Ends a transaction, in which nothing is staged any more then.
pub(super) async fn end(
    tx: &mut RowTransaction<'_>,
    transaction: &mut Transaction,
    status: Status,
    now: Timestamp,
) -> Result<()> {
    (transaction.status, transaction.updated) = (status, now);
    tx.transactions().save(transaction).await?;
    tx.transactions().clear(transaction.number).await?;
    Ok(())
}

/// What takes too long is told in words that help: it would hold up everybody else who writes.
fn told_as_too_long(error: Error) -> Error {
    let message = "This takes too long within a transaction: ask for fewer rows, or for what an index serves.";
    match error.kind() {
        ErrorKind::DatabaseTimeout => Error::new(ErrorKind::DatabaseTimeout).message(message).because(error),
        _ => error,
    }
}

/// What others have done in between is a conflict, whatever it would be called if it was done now.
fn told_as_conflict(error: Error) -> Error {
    use ErrorKind::*;
    match error.kind() {
        RowAlreadyExists
        | DocumentAlreadyExists
        | RowUniqueConstraintViolation
        | DocumentUniqueConstraintViolation
        | RowUpdateConflict
        | DocumentUpdateConflict => Error::new(TransactionConflict).because(error),
        _ => error,
    }
}
