//! Transactions: made, looked at, ended; and what rows are asked for or told through one. How they work:
//! [`super::replay`].

use super::operations::Operation;
use super::replay::{Staging, TransactionAction, end};
use super::rows::RowsWanted;
use super::{At, Databases};
use crate::repository::Listed;
use crate::repository::transactions::{self, TransactionRepository};
use crate::row_transaction::RowTransaction;
use crate::transaction::{Budget, Owners, Status, Transaction};
use floe_gateway::Call;
use floe_kernel::query::Queries;
use floe_kernel::time::Timestamp;
use floe_kernel::{Error, ErrorKind, Result, id};

/// For how many seconds a transaction that nobody can use any more is still known, so that whoever comes late learns
/// what has become of it.
const REMEMBERED: i64 = 3600;

impl Databases {
    /// Makes a transaction, which can be used for so many seconds.
    ///
    /// # Errors
    /// `transaction_limit_exceeded` when the caller has too many; those of storage.
    pub(crate) async fn create_transaction(&self, call: &Call, seconds: i64) -> Result<Transaction> {
        let owner = call.caller.signed_in().map(|user| user.id.clone());
        let (id, expires) = (id::unique(call.now), later(call.now, seconds));
        let (number, created, updated) = (0, call.now, call.now);
        let status = Status::Pending;
        let transaction = Transaction { number, id, owner, status, operations: 0, bytes: 0, expires, created, updated };
        let mut tx = self.begin(call).await?;
        tx.transactions().remove_expired(later(call.now, -REMEMBERED)).await?;
        tx.transactions().clear_expired(call.now).await?;
        tx.transactions().add(&transaction).await?;
        must_be_payable(&mut tx, &transaction, call.now).await?;
        tx.commit().await?;
        Ok(transaction)
    }

    /// A transaction.
    ///
    /// # Errors
    /// `transaction_not_found`, also for somebody else's.
    pub(crate) async fn transaction(&self, call: &Call, id: &str) -> Result<Transaction> {
        let found = TransactionRepository(&mut call.store.read().await?).find(id).await?;
        let found = found.filter(|transaction| transaction.is_for(call));
        found.ok_or_else(|| Error::about(ErrorKind::TransactionNotFound, id))
    }

    /// The caller's transactions; to servers, all.
    ///
    /// # Errors
    /// For queries that don't fit.
    pub(crate) async fn transactions(&self, call: &Call, queries: &Queries) -> Result<Listed<Transaction>> {
        let owner = match call.caller.signed_in() {
            _ if call.caller.privileged() => None,
            Some(user) => Some(user.id.as_str()),
            None => return Err(ErrorKind::UserUnauthorized.into()),
        };
        transactions::list(&call.store, queries, owner).await
    }

    /// Removes a transaction with what is staged in it.
    ///
    /// # Errors
    /// `transaction_not_found`, also for somebody else's.
    pub(crate) async fn delete_transaction(&self, call: &Call, id: &str) -> Result<()> {
        let transaction = self.transaction(call, id).await?;
        let mut tx = self.begin(call).await?;
        tx.transactions().remove(transaction.number).await?;
        tx.commit().await
    }

    /// Stages operations in a transaction, all or none.
    ///
    /// # Errors
    /// Those of the operations, as if they were performed; those of the transaction, and
    /// `transaction_limit_exceeded`.
    pub(crate) async fn stage(&self, call: &Call, id: &str, new: Vec<Staging>) -> Result<Transaction> {
        Ok(self.stage_with_answer(call, id, new).await?.0)
    }

    async fn stage_with_answer(&self, call: &Call, id: &str, mut new: Vec<Staging>) -> Result<(Transaction, Vec<u8>)> {
        let removes =
            |staging: &Staging| matches!(staging.operation, Operation::Delete(_) | Operation::DeleteMatching { .. });
        if !new.iter().all(removes) {
            call.store.refuse_if_full()?;
        }
        let mut script = self.script(call, id).await?;
        self.settle(call, &mut new).await?;
        let done = self.play(call, &mut script, &TransactionAction::Stage(&new)).await?;
        Ok((done.transaction, done.answer))
    }

    /// Makes what is staged last, all of it or nothing. The transaction is over then, whatever comes of it; unless
    /// storage fails, which is nobody's fault: then it can be tried again.
    ///
    /// # Errors
    /// `transaction_conflict`; those of the operations, and of the transaction.
    pub(crate) async fn commit_transaction(&self, call: &Call, id: &str) -> Result<Transaction> {
        let mut script = self.script(call, id).await?;
        match self.play(call, &mut script, &TransactionAction::Commit).await {
            Ok(done) => Ok(done.transaction),
            Err(error) => {
                if is_final(&error) {
                    self.end_transaction(call, &script.transaction, Status::Failed).await?;
                }
                Err(error)
            }
        }
    }

    /// Gives up what is staged.
    ///
    /// # Errors
    /// Those of the transaction.
    pub(crate) async fn roll_back_transaction(&self, call: &Call, id: &str) -> Result<Transaction> {
        let transaction = self.transaction(call, id).await?;
        transaction.must_be_open(call.now)?;
        let ended = self.end_transaction(call, &transaction, Status::Failed).await?;
        ended.ok_or_else(|| ErrorKind::TransactionNotReady.into())
    }

    /// Ends a transaction; none when it has ended otherwise already.
    async fn end_transaction(
        &self,
        call: &Call,
        transaction: &Transaction,
        status: Status,
    ) -> Result<Option<Transaction>> {
        let mut tx = self.begin(call).await?;
        let locked = tx.transactions().lock(transaction.number).await?;
        let Some(mut transaction) = locked.filter(|now| now.status == Status::Pending) else { return Ok(None) };
        end(&mut tx, &mut transaction, status, call.now).await?;
        tx.commit().await?;
        Ok(Some(transaction))
    }

    /// Does something to rows; or, in a transaction, stages it. The answer is the same.
    ///
    /// # Errors
    /// As [`Databases::perform`], and those of the transaction.
    pub(crate) async fn write(
        &self,
        call: &Call,
        at: At,
        operation: Operation,
        transaction: Option<&str>,
    ) -> Result<Vec<u8>> {
        match transaction {
            None => self.perform(call, &at, &operation).await,
            Some(id) => Ok(self.stage_with_answer(call, id, vec![Staging { at, operation }]).await?.1),
        }
    }

    /// A row as a transaction would make it, as JSON.
    ///
    /// # Errors
    /// As [`Databases::row`], those of the transaction, and `transaction_conflict`.
    pub(crate) async fn row_within(
        &self,
        call: &Call,
        at: &At,
        id: &str,
        queries: &Queries,
        transaction: &str,
    ) -> Result<Vec<u8>> {
        let mut script = self.script(call, transaction).await?;
        if script.leaves_alone(at, &*self.schema(call, at).await?) {
            return self.row(call, at, id, queries).await;
        }
        let act = TransactionAction::Row { at, id, queries };
        Ok(self.play(call, &mut script, &act).await?.answer)
    }

    /// A page of rows as a transaction would make them, as JSON.
    ///
    /// # Errors
    /// As [`Databases::rows`], those of the transaction, and `transaction_conflict`.
    pub(crate) async fn rows_within(
        &self,
        call: &Call,
        at: &At,
        wanted: RowsWanted<'_>,
        transaction: &str,
    ) -> Result<Vec<u8>> {
        let mut script = self.script(call, transaction).await?;
        if script.leaves_alone(at, &*self.schema(call, at).await?) {
            return self.rows(call, at, wanted).await;
        }
        let act = TransactionAction::Rows { at, wanted };
        Ok(self.play(call, &mut script, &act).await?.answer)
    }
}

/// Refuses a transaction with which more is pending than its owner, or all owners of the kind, may have.
///
/// # Errors
/// `transaction_limit_exceeded`.
pub(super) async fn must_be_payable(
    tx: &mut RowTransaction<'_>,
    transaction: &Transaction,
    now: Timestamp,
) -> Result<()> {
    let Some(user) = &transaction.owner else {
        return Budget::OF_PROJECT.must_cover(tx.transactions().pending(Owners::Servers, now).await?);
    };
    let own = tx.transactions().pending(Owners::User(user), now).await?;
    Budget::OF_USER.must_cover(own)?;
    // Whoever makes many accounts, and has all that users may have together, keeps nobody else from small ones.
    if !Budget::OF_EACH_USER.exceeded_by(own) {
        return Ok(());
    }
    Budget::OF_PROJECT.must_cover(tx.transactions().pending(Owners::Users, now).await?)
}

/// Whether it is the fault of what is staged, which won't be better the next time.
fn is_final(error: &Error) -> bool {
    use ErrorKind::*;
    error.kind().status() < 500
        && !matches!(
            error.kind(),
            // Who removes something first has room for it.
            GeneralResourceLimitExceeded
                | DatabaseTimeout
                | TransactionNotFound
                | TransactionNotReady
                | TransactionExpired
        )
}

/// So many seconds later.
fn later(moment: Timestamp, seconds: i64) -> Timestamp {
    Timestamp::from_millis(moment.millis().saturating_add(seconds.saturating_mul(1000)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::service::{NewTable, RowInput};
    use floe_kernel::Caller;
    use floe_kernel::directory::{Project, ProjectSettings as Policies};
    use floe_kernel::permission::Permissions;
    use floe_kernel::scope::PROJECT;
    use floe_kernel::secret::Secret;
    use floe_sealed::RootKeys;
    use floe_store::{Backend, Recorder, StoreSettings, Stores};
    use serde_json::Map;
    use std::sync::Arc;

    /// A server's call to a project.
    async fn call(folder: &std::path::Path) -> (Call, Stores) {
        let settings = StoreSettings::new(Backend::Sqlite { folder: folder.join("data") });
        let stores = Stores::open(settings).await.unwrap();
        stores.effects().on_event(Arc::new(Recorder));
        let store = stores.create_project("shop", 1).await.unwrap();
        let (id, settings) = ("shop".to_owned(), Policies::default());
        let project = Project {
            name: id.clone(),
            id,
            generation: 1,
            team_id: String::new(),
            keys: Vec::new(),
            web_hosts: Vec::new(),
            settings,
        };
        let (project, now) = (Arc::new(project), Timestamp::from_millis(0));
        let caller = Caller::key("k".into(), "K".into(), PROJECT);
        let (interest, memory) = (floe_gateway::Interest::default(), floe_gateway::AnswerMemory::default());
        (Call { caller, project, store, request: Arc::default(), now, vocabulary: 0, interest, memory }, stores)
    }

    async fn told(call: &Call) -> Vec<String> {
        let told = Recorder::take(&call.store).await.unwrap();
        told.into_iter().map(|told| told.name).filter(|event| event.contains("rows")).collect()
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn who_listens_learns_what_was_committed_once_and_nothing_of_what_was_not() {
        let folder = tempfile::tempdir().unwrap();
        let (call, stores) = call(folder.path()).await;
        let keys = RootKeys::new(Secret::new("a key of some length"), Vec::new());
        let queue = floe_queue::Queue::new(&stores, Arc::new(floe_kernel::time::SystemClock));
        let service = Databases::new(&stores, &queue, &keys);
        service.create_database(&call, "d".into(), "D".into(), true).await.unwrap();
        let (columns, indexes, permissions) = (Vec::new(), Vec::new(), Permissions::NONE);
        let (id, name) = ("t".to_owned(), "T".to_owned());
        let table = NewTable { id, name, permissions, row_security: false, enabled: true, columns, indexes };
        service.create_table(&call, "d", table).await.unwrap();
        let at = At { database: "d".into(), table: "t".into() };
        let create = |id: &str| Operation::Create(RowInput { id: id.to_owned(), permissions: None, data: Map::new() });

        for (rows, commits) in [(["a", "b"], true), (["c", "d"], false)] {
            let transaction = service.create_transaction(&call, 60).await.unwrap().id;
            for id in rows {
                service.write(&call, at.clone(), create(id), Some(&transaction)).await.unwrap();
            }
            let wanted = RowsWanted { queries: &Queries::default(), total: true };
            service.rows_within(&call, &at, wanted, &transaction).await.unwrap();
            if commits {
                assert!(told(&call).await.is_empty());
                service.commit_transaction(&call, &transaction).await.unwrap();
            } else {
                service.roll_back_transaction(&call, &transaction).await.unwrap();
            }
        }
        let made = |id| format!("databases.d.tables.t.rows.{id}.create");
        assert_eq!(told(&call).await, [made("a"), made("b")]);
    }
}
