//! A unit of work of this product: what it changes, what it learns and what it makes stale, together.

use crate::change_guard::{ChangeGuard, RowVersions};
use crate::events::Event;
use crate::model::Task;
use crate::permission_sets::{self, Learned, PermissionSet, Since};
use crate::repository::SchemaRepository;
use crate::repository::transactions::TransactionRepository;
use crate::schema::TableSchema;
use crate::service::{At, Databases, LISTS, SCHEMAS, ShapeTables, table_key};
use crate::transaction::MAX_ROWS;
use crate::vocabulary::Vocabulary;
use floe_gateway::Call;
use floe_kernel::permission::Permissions;
use floe_kernel::time::Timestamp;
use floe_kernel::{Error, ErrorKind, Result};
use floe_queue::{Enqueue as _, NewJob};
use floe_store::UnitOfWork;
use floe_store::tables::{Ddl, StoredRow, StoredTable};
use std::collections::HashSet;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long a rehearsal may take: what it does is undone, and until then it holds the writer.
const LONGEST_REHEARSAL: Duration = Duration::from_secs(5);

/// A unit of work that took longer keeps nothing of what it has learned of sets: what other processes have in memory is
/// reckoned with for half a minute and a little more (docs/decisions/0030).
const LONGEST_KEPT: Duration = Duration::from_secs(5);

/// In a user's transaction a list may take one part in so many of the time that a unit of work may: 10 ms of a second. With the
/// replay before it that is meant to keep a single write beside it below 25 ms (docs/decisions/0018).
const SCAN_PARTS: u32 = 100;

/// Changes that happen together or not at all. Dropped without [`RowTransaction::commit`]: not at all.
pub(crate) struct RowTransaction<'s> {
    service: &'s Databases,
    vocabulary: Vocabulary,
    project: Arc<str>,
    unit: UnitOfWork,
    /// Sets of permissions that may be kept once this is committed.
    learned: Vec<Learned>,
    /// When this began.
    since: Since,
    /// Whether what is kept of tables is doubted: something that it said was wrong.
    doubtful: bool,
    /// What rows may not be changed, because others have changed them.
    guard: ChangeGuard,
    /// How many rows may still be changed; none: any number.
    rows_left: Option<usize>,
    rehearsal: Option<Rehearsal>,
    /// Whether this changes one row and nothing else.
    single: bool,
    /// Whether others were found to use a table for long: nothing more is waited for.
    in_use: bool,
}

/// Until when what is done is only done to be seen.
struct Rehearsal {
    /// How many sets of permissions were learned before.
    learned: usize,
    /// When there is no more time.
    end: Instant,
    /// The rows that were made in it, by table and id.
    made: HashSet<(String, String)>,
}

impl<'s> RowTransaction<'s> {
    /// Begins. What needs time (parsing, checking) is done before: whoever holds the writer holds everyone.
    pub(crate) async fn begin(service: &'s Databases, call: &Call) -> Result<Self> {
        Ok(Self::within(service, call, call.store.begin().await?))
    }

    /// The same for one part of something long, of which only one at a time waits for SQLite's writer.
    pub(crate) async fn begin_slice(service: &'s Databases, call: &Call) -> Result<Self> {
        Ok(Self::within(service, call, call.store.begin_alone().await?))
    }

    fn within(service: &'s Databases, call: &Call, unit: UnitOfWork) -> Self {
        Self {
            service,
            vocabulary: Vocabulary::of(call),
            project: call.project.id.as_str().into(),
            since: service.sets.now(),
            unit,
            learned: Vec::new(),
            doubtful: false,
            guard: ChangeGuard::since(call.request.unchanged_since),
            rows_left: None,
            rehearsal: None,
            single: false,
            in_use: false,
        }
    }

    /// Believes nothing that is kept of tables, but reads it anew.
    pub(crate) fn doubtful(self, doubtful: bool) -> Self {
        Self { doubtful, ..self }
    }

    /// Whether this changes one row and nothing else.
    pub(crate) fn single(self, single: bool) -> Self {
        Self { single, ..self }
    }

    /// What users have defined.
    pub(crate) fn definitions(&mut self) -> SchemaRepository<'_> {
        SchemaRepository(&mut self.unit)
    }

    /// Transactions, and what is staged in them.
    pub(crate) fn transactions(&mut self) -> TransactionRepository<'_> {
        TransactionRepository(&mut self.unit)
    }

    /// Makes it small, as everything is that belongs to a user's transaction: no more than [`MAX_ROWS`] rows are changed, and
    /// no list takes long.
    pub(crate) fn keep_small(&mut self) {
        self.rows_left = Some(MAX_ROWS);
        self.unit.limit_scans(SCAN_PARTS);
    }

    /// From now on only rows may be changed that are in these states, see [`ChangeGuard::expect`].
    pub(crate) fn expect_versions(&mut self, versions: &Arc<RowVersions>, lenient: bool) {
        self.guard.expect(Arc::clone(versions), lenient);
    }

    /// Begins to note the states of the rows that are changed, see [`ChangeGuard::note`].
    pub(crate) fn note_versions(&mut self, unchanged_since: Option<Timestamp>) {
        self.guard.note(unchanged_since);
    }

    /// The states that were noted.
    pub(crate) fn noted_versions(&mut self) -> RowVersions {
        self.guard.take_noted()
    }

    /// Whether it matters if a row was changed by somebody else.
    pub(crate) fn minds_changes(&self) -> bool {
        self.guard.minds_changes()
    }

    /// Refuses to change a row that somebody else has changed.
    ///
    /// # Errors
    /// `row_update_conflict`.
    pub(crate) fn must_be_unchanged(&mut self, table: &StoredTable, row: &StoredRow) -> Result<()> {
        if self.guard.admits(table, row) { Ok(()) } else { Err(self.vocabulary.errors().row_conflict.into()) }
    }

    /// To be called when there is nothing left to do for a row but to write it.
    pub(crate) fn about_to_write(&mut self) {
        if self.single {
            self.unit.last_change_follows();
        }
    }

    /// Notes that this changes a row.
    ///
    /// # Errors
    /// `database_timeout` when a rehearsal takes too long; `transaction_limit_exceeded` when more rows are changed than may.
    pub(crate) fn touch(&mut self, table: &StoredTable, id: &str) -> Result<()> {
        if self.rehearsal.as_ref().is_some_and(|rehearsal| Instant::now() > rehearsal.end) {
            return Err(ErrorKind::DatabaseTimeout.into());
        }
        if let Some(left) = &mut self.rows_left {
            *left = left.checked_sub(1).ok_or_else(too_many_rows)?;
        }
        self.guard.touch(table, id);
        Ok(())
    }

    /// Notes that this has made a row.
    pub(crate) fn made(&mut self, table: &StoredTable, id: &str) {
        if let Some(rehearsal) = &mut self.rehearsal {
            rehearsal.made.insert((table.name().to_owned(), id.to_owned()));
        }
    }

    /// Whether a row is only rehearsed: it has neither a sequence nor moments that last.
    pub(crate) fn is_provisional(&self, table: &StoredTable, id: &str) -> bool {
        self.rehearsal.as_ref().is_some_and(|rehearsal| {
            !rehearsal.made.is_empty() && rehearsal.made.contains(&(table.name().to_owned(), id.to_owned()))
        })
    }

    /// Begins a rehearsal: what follows is done to be seen, told to nobody, and undone by
    /// [`RowTransaction::undo_rehearsal`], or by dropping all of this.
    pub(crate) async fn rehearse(&mut self) -> Result<()> {
        self.unit.rehearse().await?;
        let (learned, end) = (self.learned.len(), Instant::now() + LONGEST_REHEARSAL);
        self.rehearsal = Some(Rehearsal { learned, end, made: HashSet::new() });
        Ok(())
    }

    /// Undoes what was done since [`RowTransaction::rehearse`], and forgets what was learned from it: the number of a set that
    /// was made in it will be given to another one.
    pub(crate) async fn undo_rehearsal(&mut self) -> Result<()> {
        self.unit.undo_rehearsal().await?;
        if let Some(rehearsal) = self.rehearsal.take() {
            self.learned.truncate(rehearsal.learned);
        }
        self.guard.forget();
        Ok(())
    }

    /// Changes the shape of a table.
    pub(crate) async fn shape(&mut self, ddl: Ddl) -> Result<(), floe_store::Error> {
        self.unit.change(&ddl).await
    }

    /// The same, unless others use the table for long (a dump does): then nothing was done, and it is to be left for later.
    /// Whether it was done. Of several tables only the first is waited for.
    pub(crate) async fn try_shape(&mut self, ddl: Ddl) -> Result<bool, floe_store::Error> {
        if self.unit.is_sqlite() {
            return self.shape(ddl).await.map(|()| true);
        }
        if self.in_use {
            return Ok(false);
        }
        self.unit.mark().await?;
        match self.shape(ddl).await {
            Err(floe_store::Error::Busy) => {
                self.in_use = true;
                self.unit.back_to_mark().await.map(|()| false)
            }
            done => done.map(|()| true),
        }
    }

    /// Leaves something about the shape of a table for later. `item`: the number of the index or column.
    pub(crate) async fn later(&mut self, task: Task, table: i64, item: i64) -> Result<()> {
        self.definitions().add_job(task, table, item).await?;
        self.unit.enqueue(NewJob::of(&ShapeTables {})).await?;
        Ok(())
    }

    /// The schema of this table is another one from now on.
    pub(crate) fn invalidate_table(&mut self, database_id: &str, table_id: &str) {
        self.unit.invalidate(SCHEMAS, &table_key(database_id, table_id));
        self.invalidate_lists(database_id);
    }

    /// Lists of rows of this database may not be for everyone any more who asked for them.
    pub(crate) fn invalidate_lists(&mut self, database_id: &str) {
        self.unit.invalidate(LISTS, database_id);
    }

    /// The schema of a table, whether or not the caller may know of it; none: there is none.
    pub(crate) async fn schema(&mut self, call: &Call, at: &At) -> Result<Option<Arc<TableSchema>>> {
        let key = crate::service::schema_key(&self.project, &at.database, &at.table);
        match self.service.schemas.get(key.as_str()).filter(|_| !self.doubtful) {
            Some(known) => Ok(Some(known)),
            // Not kept: it may be what this unit of work itself has changed.
            None => self.service.load_if_there(&mut self.unit, call, at).await,
        }
    }

    /// The set of permissions of this number.
    pub(crate) async fn set(&mut self, number: i64) -> Result<Arc<PermissionSet>> {
        let noted = || self.learned.iter().map(|learned| &learned.set).find(|set| set.number == number).cloned();
        if let Some(set) = self.service.sets.known(&self.project, number).or_else(noted) {
            return Ok(set);
        }
        let set = permission_sets::load(&mut self.unit, number).await?;
        self.learned.push(Learned { set: Arc::clone(&set), by_content: false });
        Ok(set)
    }

    /// The set of exactly these permissions, which is made if it is new.
    pub(crate) async fn intern(&mut self, permissions: &Permissions) -> Result<Arc<PermissionSet>> {
        let permissions = match self.service.sets.with(&self.project, permissions.clone()) {
            Ok(set) => return Ok(set),
            Err(permissions) => permissions,
        };
        let mut found = self.learned.iter().filter(|learned| learned.by_content).map(|learned| &learned.set);
        if let Some(set) = found.find(|set| set.permissions == permissions) {
            return Ok(Arc::clone(set));
        }
        let number = floe_store::permissions::intern(&mut self.unit, &permissions).await?;
        let set = Arc::new(PermissionSet::new(number, permissions));
        self.learned.push(Learned { set: Arc::clone(&set), by_content: true });
        Ok(set)
    }

    /// Tells what happened, to whoever wants to know it in either vocabulary. `payload` is JSON, and asked for only if
    /// somebody listens. In a rehearsal nothing has happened.
    pub(crate) async fn emit(&mut self, event: Event, ids: &[&str], payload: impl FnOnce() -> Vec<u8>) -> Result<()> {
        if self.rehearsal.is_some() {
            return Ok(());
        }
        let text = || String::from_utf8_lossy(&payload()).into_owned();
        Ok(self.unit.emit_as(event[self.vocabulary.index()], &event, ids, text).await?)
    }

    /// Makes it last, unless it is a rehearsal; then keeps what was learned.
    pub(crate) async fn commit(self) -> Result<()> {
        if self.rehearsal.is_some() {
            return Err(Error::internal("a rehearsal is not committed"));
        }
        let is_short = self.unit.age() < LONGEST_KEPT;
        self.unit.commit().await?;
        if is_short {
            self.service.sets.keep(&self.project, self.learned, self.since).await;
        }
        Ok(())
    }
}

fn too_many_rows() -> Error {
    let message = format!("The operations of a transaction may change up to {MAX_ROWS} rows in all");
    Error::new(ErrorKind::TransactionLimitExceeded).message(message)
}

impl Deref for RowTransaction<'_> {
    type Target = UnitOfWork;

    fn deref(&self) -> &UnitOfWork {
        &self.unit
    }
}

impl DerefMut for RowTransaction<'_> {
    fn deref_mut(&mut self) -> &mut UnitOfWork {
        &mut self.unit
    }
}
