//! Transactions at work. What is staged is a list of operations, and replaying it is the one mechanism: to see what a
//! transaction would make of the rows, to see whether something more can be staged, and to commit. Each time everything
//! is checked again, for whoever asks now (docs/decisions/0013).

use super::links::RelatedSchemas;
use super::operations::{Operation, OperationOutcome};
use super::reader::RowReader;
use super::related::{Choice, RelatedTableFinder};
use super::rows::{RowPage, RowsWanted, choose_only, page, read_row, read_rows};
use super::{ATTEMPTS, At, Databases, is_of_storage, was_overtaken};
use crate::repository::transactions::{Entry, TransactionRepository};
use crate::row_transaction::RowTransaction;
use crate::schema::TableSchema;
use crate::transaction::{MAX_BYTES, MAX_OPERATIONS, Status, Transaction};
use crate::vocabulary::Vocabulary;
use floe_gateway::Call;
use floe_kernel::query::Queries;
use floe_kernel::time::Timestamp;
use floe_kernel::{Error, ErrorKind, Result};
use floe_sealed::Seal;
use std::collections::HashMap;
use std::sync::Arc;

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
    /// When it was staged. Rows that somebody else changed later aren't what it was meant for.
    moment: Timestamp,
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
            let clear = seal.open(&place(&self.transaction, entry.position), &entry.operation)?;
            let operation = serde_json::from_str(&clear).map_err(Error::internal)?;
            let at = At { database: entry.database_id, table: entry.table_id };
            let moment = Timestamp::from_millis(entry.created_at);
            self.staged.push(Staged { staging: Staging { at, operation }, moment });
        }
        Ok(())
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
        let transaction = transaction.ok_or(ErrorKind::TransactionNotFound)?;
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
                Err(error) => return Err(error),
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
        let mut tx = self.begin(call).await?.doubtful(script.doubtful);
        let locked = tx.transactions().lock(script.transaction.number).await?;
        script.transaction = locked.filter(|now| now.is_for(call)).ok_or(ErrorKind::TransactionNotFound)?;
        script.transaction.must_be_open(call.now)?;
        if script.transaction.operations > script.staged.len() {
            let more = tx.transactions().entries(script.transaction.number, script.staged.len()).await?;
            drop(tx);
            script.read(&self.seal(call), more)?;
            return Ok(None);
        }
        let (mut transaction, mut answer) = (script.transaction.clone(), Vec::new());
        match act {
            TransactionAction::Commit => {
                replay(&mut tx, call, script, &ground).await?;
                end(&mut tx, &mut transaction, Status::Committed, call.now).await?;
                tx.commit().await?;
            }
            TransactionAction::Stage(new) => {
                let entries = entries(call, &self.seal(call), &transaction, new)?;
                answer = stage(tx, call, script, &ground, (new, entries), &mut transaction).await?;
            }
            TransactionAction::Row { at, .. } | TransactionAction::Rows { at, .. } => {
                tx.rehearse().await?;
                replay(&mut tx, call, script, &ground).await?;
                answer = read(&mut tx, call, script.schema(at)?, act, &ground).await?;
            }
        }
        Ok(Some(TransactionOutcome { transaction, answer }))
    }

    /// Finds out what must be known of tables, before anything is locked.
    async fn survey(
        &self,
        call: &Call,
        script: &mut StagedTransaction,
        act: &TransactionAction<'_>,
    ) -> Result<Prerequisites> {
        let of_script = script.staged.iter().map(|staged| &staged.staging.at);
        for at in of_script.chain(act.tables()) {
            if !script.schemas.contains_key(at) {
                script.schemas.insert(at.clone(), self.schema(call, at).await?);
            }
        }
        let mut ground = Prerequisites { staged: Vec::new(), new: Vec::new(), read: Read::Nothing };
        let guide = RelatedTableFinder::new(self, call);
        let guide = if script.doubtful { guide.doubtful() } else { guide };
        for Staged { staging, .. } in &script.staged {
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
async fn replay(
    tx: &mut RowTransaction<'_>,
    call: &Call,
    script: &StagedTransaction,
    ground: &Prerequisites,
) -> Result<()> {
    for (Staged { staging, moment }, around) in script.staged.iter().zip(&ground.staged) {
        tx.require_unchanged_since(Some(*moment));
        perform(tx, call, script, staging, around).await.map_err(told_as_conflict)?;
    }
    tx.require_unchanged_since(call.request.unchanged_since);
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

/// Sees what comes of it when more is done after what is staged, and stages it then; gives the last one's answer.
async fn stage(
    mut tx: RowTransaction<'_>,
    call: &Call,
    script: &StagedTransaction,
    ground: &Prerequisites,
    (new, entries): (&[Staging], Vec<Entry>),
    transaction: &mut Transaction,
) -> Result<Vec<u8>> {
    tx.rehearse().await?;
    replay(&mut tx, call, script, ground).await?;
    let mut last = Vec::new();
    for (staging, around) in new.iter().zip(&ground.new) {
        let done = perform(&mut tx, call, script, staging, around).await?;
        let (reader, schema) = (&mut RowReader::Unit(&mut tx), script.schema(&staging.at)?);
        last = around.answer(reader, schema, done, Vocabulary::of(call)).await;
    }
    tx.undo_rehearsal().await?;
    for entry in &entries {
        tx.transactions().add_entry(entry).await?;
    }
    transaction.operations += entries.len();
    transaction.bytes += entries.iter().map(|entry| entry.operation.len()).sum::<usize>();
    transaction.updated = call.now;
    tx.transactions().save(transaction).await?;
    tx.commit().await?;
    Ok(last)
}

/// Where something is staged: what it is sealed for.
fn place(transaction: &Transaction, position: i64) -> String {
    format!("{}/{position}", transaction.number)
}

/// How these are stored, if there is room for them.
fn entries(call: &Call, seal: &Seal, transaction: &Transaction, new: &[Staging]) -> Result<Vec<Entry>> {
    let full = |message: String| Err(Error::new(ErrorKind::TransactionLimitExceeded).message(message));
    let there = transaction.operations;
    if there + new.len() > MAX_OPERATIONS {
        return full(format!(
            "Transaction already has {there} operations, adding {} would exceed the maximum of {MAX_OPERATIONS}",
            new.len()
        ));
    }
    let mut entries = Vec::with_capacity(new.len());
    let mut bytes = transaction.bytes;
    for (n, Staging { at, operation }) in new.iter().enumerate() {
        let clear = serde_json::to_string(operation).map_err(Error::internal)?;
        let position = i64::try_from(there + n).map_err(Error::internal)?;
        let operation = seal.seal(&place(transaction, position), &clear)?;
        bytes += operation.len();
        entries.push(Entry {
            transaction_number: transaction.number,
            position,
            database_id: at.database.clone(),
            table_id: at.table.clone(),
            operation,
            created_at: call.now.millis(),
        });
    }
    if bytes > MAX_BYTES {
        return full(format!("The operations of a transaction may take up to {MAX_BYTES} bytes"));
    }
    Ok(entries)
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
