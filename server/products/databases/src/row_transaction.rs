//! A unit of work of this product: what it changes, what it learns and what it makes stale, together.

use crate::events::Event;
use crate::model::Task;
use crate::permission_sets::{self, PermissionSet};
use crate::repository::SchemaRepository;
use crate::repository::transactions::TransactionRepository;
use crate::schema::TableSchema;
use crate::service::{At, Databases, LISTS, SCHEMA_JOBS, SCHEMAS, table_key};
use crate::vocabulary::Vocabulary;
use floe_gateway::Call;
use floe_kernel::permission::Permissions;
use floe_kernel::time::Timestamp;
use floe_kernel::{Error, ErrorKind, Result};
use floe_store::UnitOfWork;
use floe_store::tables::{Ddl, StoredRow, StoredTable};
use std::collections::HashSet;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long a rehearsal may take: what it does is undone, and until then it holds the writer.
const LONGEST_REHEARSAL: Duration = Duration::from_secs(5);

/// Changes that happen together or not at all. Dropped without [`RowTransaction::commit`]: not at all.
pub(crate) struct RowTransaction<'s> {
    service: &'s Databases,
    vocabulary: Vocabulary,
    project: Arc<str>,
    unit: UnitOfWork,
    /// Sets of permissions that may be kept once this is committed.
    learned: Vec<Arc<PermissionSet>>,
    /// Whether what is kept of tables is doubted: something that it said was wrong.
    doubtful: bool,
    /// Rows that don't count as changed by others: those that this has changed, by table and id.
    touched: HashSet<(String, String)>,
    /// The newest state of a row that may be changed; none: any.
    unchanged_since: Option<Timestamp>,
    rehearsal: Option<Rehearsal>,
    /// Whether this changes one row and nothing else.
    single: bool,
}

/// Until when what is done is only done to be seen.
struct Rehearsal {
    /// How many sets of permissions were learned before.
    learned: usize,
    /// When there is no more time.
    end: Instant,
}

impl<'s> RowTransaction<'s> {
    /// Begins. What needs time (parsing, checking) is done before: whoever holds the writer holds everyone.
    pub(crate) async fn begin(service: &'s Databases, call: &Call) -> Result<Self> {
        let project = call.project.id.as_str().into();
        let (vocabulary, unit) = (Vocabulary::of(call), call.store.begin().await?);
        Ok(Self {
            service,
            vocabulary,
            project,
            unit,
            learned: Vec::new(),
            doubtful: false,
            touched: HashSet::new(),
            unchanged_since: call.request.unchanged_since,
            rehearsal: None,
            single: false,
        })
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

    /// From now on only rows may be changed that nobody else has changed since this moment; none: all.
    pub(crate) fn require_unchanged_since(&mut self, moment: Option<Timestamp>) {
        self.unchanged_since = moment;
    }

    /// Whether it matters if a row was changed by somebody else.
    pub(crate) fn minds_changes(&self) -> bool {
        self.unchanged_since.is_some()
    }

    /// Refuses to change a row that somebody else has changed since the moment that counts.
    ///
    /// # Errors
    /// `row_update_conflict`.
    pub(crate) fn must_be_unchanged(&self, table: &StoredTable, row: &StoredRow) -> Result<()> {
        let newer = self.unchanged_since.is_some_and(|seen| row.updated > seen.millis());
        if newer && !self.touched.contains(&(table.name().to_owned(), row.id.clone())) {
            return Err(self.vocabulary.errors().row_conflict.into());
        }
        Ok(())
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
    /// `database_timeout` when a rehearsal takes too long.
    pub(crate) fn touch(&mut self, table: &StoredTable, id: &str) -> Result<()> {
        if self.rehearsal.as_ref().is_some_and(|rehearsal| Instant::now() > rehearsal.end) {
            return Err(ErrorKind::DatabaseTimeout.into());
        }
        if self.minds_changes() {
            self.touched.insert((table.name().to_owned(), id.to_owned()));
        }
        Ok(())
    }

    /// Begins a rehearsal: what follows is done to be seen, told to nobody, and undone by
    /// [`RowTransaction::undo_rehearsal`], or by dropping all of this.
    pub(crate) async fn rehearse(&mut self) -> Result<()> {
        self.unit.rehearse().await?;
        self.rehearsal = Some(Rehearsal { learned: self.learned.len(), end: Instant::now() + LONGEST_REHEARSAL });
        Ok(())
    }

    /// Undoes what was done since [`RowTransaction::rehearse`], and forgets what was learned from it: the number of a set that
    /// was made in it will be given to another one.
    pub(crate) async fn undo_rehearsal(&mut self) -> Result<()> {
        self.unit.undo_rehearsal().await?;
        if let Some(rehearsal) = self.rehearsal.take() {
            self.learned.truncate(rehearsal.learned);
        }
        self.touched.clear();
        Ok(())
    }

    /// Changes the shape of a table.
    pub(crate) async fn shape(&mut self, ddl: Ddl) -> Result<(), floe_store::Error> {
        self.unit.change(&ddl).await
    }

    /// Leaves something about the shape of a table for later. `item`: the number of the index or column.
    pub(crate) async fn later(&mut self, task: Task, table: i64, item: i64) -> Result<()> {
        self.definitions().add_job(task, table, item).await?;
        self.unit.wake(SCHEMA_JOBS);
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
        let noted = || self.learned.iter().find(|set| set.number == number).cloned();
        if let Some(set) = self.service.sets.known(&self.project, number).or_else(noted) {
            return Ok(set);
        }
        let set = permission_sets::load(&mut self.unit, number).await?;
        self.learned.push(Arc::clone(&set));
        Ok(set)
    }

    /// The set of exactly these permissions, which is made if it is new.
    pub(crate) async fn intern(&mut self, permissions: &Permissions) -> Result<Arc<PermissionSet>> {
        let permissions = match self.service.sets.with(&self.project, permissions.clone()) {
            Ok(set) => return Ok(set),
            Err(permissions) => permissions,
        };
        if let Some(set) = self.learned.iter().find(|set| set.permissions == permissions) {
            return Ok(Arc::clone(set));
        }
        let number = floe_store::permissions::intern(&mut self.unit, &permissions).await?;
        let set = Arc::new(PermissionSet::new(number, permissions));
        self.learned.push(Arc::clone(&set));
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
        self.unit.commit().await?;
        self.service.sets.keep(&self.project, self.learned).await;
        Ok(())
    }
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
