//! One project's store, and units of work on it.

use crate::connection::{Connection, Either};
use crate::effects::{EffectHandlers, Effects};
use crate::error::{Error, Result};
use crate::events::{All, Event, Subscribers, Subscriptions, interested};
use crate::gate::Gate;
use crate::postgres::{Claim, Use};
use crate::quota::{Growth, Usage};
use crate::stores::BackgroundProject;
use crate::wake_ups::Edges;
use crate::{postgres, sqlite};
use diesel::connection::SimpleConnection;
use floe_kernel::effect::{CacheName, WorkerName};
use floe_kernel::event::{Occurrence, Origin};
use floe_kernel::memory::Memory;
use floe_kernel::role::RoleHolder;
use floe_kernel::time::{Clock, Timestamp};
use futures_util::future::BoxFuture;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The database of one project. Cheap to clone; kept open by its clones, so don't keep one for long: ask
/// [`crate::Stores::project`] each time.
///
/// Beside what is open, it may know how long its reads may take ([`Store::within`]), who asks ([`Store::on_behalf_of`]),
/// what the rows of lists are counted against ([`Store::counting`]), and who brings about what happens ([`Store::changed_by`]).
#[derive(Clone)]
pub struct Store {
    pub(crate) open: Arc<Open>,
    pub(crate) reads: Reads,
    pub(crate) memory: Option<Arc<dyn Memory>>,
    pub(crate) origin: Option<Arc<Origin>>,
}

/// For whom something is read.
#[doc(hidden)]
#[derive(Debug, Clone, Copy, Default)]
pub struct Reads {
    /// How long a statement may take, if that is less than any may.
    pub(crate) limit: Option<Duration>,
    /// Who asks, as a number: what is scarce is shared out among them.
    pub(crate) caller: u64,
}

/// What clones of a store share.
pub(crate) struct Open {
    pub(crate) inner: Inner,
    /// Through which every connection comes.
    pub(crate) gate: Gate,
    pub(crate) background: BackgroundProject,
    pub(crate) project: Arc<str>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) usage: Arc<Usage>,
    pub(crate) handlers: Arc<EffectHandlers>,
    /// Who subscribes to its events.
    pub(crate) subscriptions: Subscriptions,
    /// What is known of its wake-ups. SQLite's.
    pub(crate) edges: Edges,
}

pub(crate) enum Inner {
    Sqlite(sqlite::File),
    Postgres(PgSchema),
}

/// Where connections to a schema come from.
#[doc(hidden)]
pub struct PgSchema {
    pub(crate) pool: postgres::Pool,
    pub(crate) schema: Arc<str>,
    /// That of the store.
    pub(crate) gate: Gate,
}

impl PgSchema {
    /// For what is short.
    pub(crate) fn read(&self, reads: Reads) -> BoxFuture<'_, Result<postgres::Lease>> {
        self.read_for(Use::Short, reads)
    }

    /// For what may be long. What `on_scan!` calls.
    ///
    /// # Errors
    /// [`Error::Busy`] when it isn't this caller's turn for long, [`Error::Unreachable`] when there is no connection.
    pub fn scan(&self, reads: Reads) -> BoxFuture<'_, Result<postgres::Lease>> {
        self.read_for(Use::Long, reads)
    }

    fn read_for(&self, wanted: Use, Reads { limit, caller }: Reads) -> BoxFuture<'_, Result<postgres::Lease>> {
        Box::pin(async move {
            let inside = self.gate.enter()?;
            let claim = Claim { caller, wanted };
            let lease = match limit {
                None => postgres::Lease::read(&self.pool, &self.schema, claim).await?,
                Some(limit) => postgres::Lease::read_within(&self.pool, &self.schema, claim, limit).await?,
            };
            Ok(lease.inside(inside))
        })
    }

    fn begin(&self, wanted: Use, caller: u64) -> BoxFuture<'_, Result<postgres::Lease>> {
        Box::pin(async move {
            let inside = self.gate.enter()?;
            let claim = Claim { caller, wanted };
            Ok(postgres::Lease::begin(&self.pool, &self.schema, claim).await?.inside(inside))
        })
    }
}

/// What `on_scan!` sees of a store.
#[doc(hidden)]
pub enum Scans<'s> {
    Sqlite(&'s sqlite::File, Reads),
    Postgres(&'s PgSchema, Reads),
}

impl Store {
    /// The same, whose reads, lists and counts are interrupted after so long; but never later than any statement.
    /// Units of work aren't touched by it.
    #[must_use]
    pub fn within(self, limit: Duration) -> Self {
        Self { reads: Reads { limit: Some(limit), ..self.reads }, ..self }
    }

    /// The same, used for this caller: a number that is theirs, such as a hash of a user's id or of an address. Of what is
    /// scarce (threads for long lists, connections to PostgreSQL) each caller has a share, so that nobody's many keep out another's one.
    #[must_use]
    pub fn on_behalf_of(self, caller: u64) -> Self {
        Self { reads: Reads { caller, ..self.reads }, ..self }
    }

    /// The same, whose lists of rows are counted, while they are read, against this memory, if there is one: what it refuses
    /// isn't read further ([`crate::Error::Busy`]).
    #[must_use]
    pub fn counting(self, memory: Option<Arc<dyn Memory>>) -> Self {
        Self { memory, ..self }
    }

    /// The same, whose events are brought about by somebody.
    #[must_use]
    pub fn changed_by(self, origin: Arc<Origin>) -> Self {
        Self { origin: Some(origin), ..self }
    }

    /// A connection for reading: each statement sees what is committed when it starts.
    ///
    /// Don't ask for a second one, nor for a unit of work, while holding one.
    ///
    /// # Errors
    /// [`crate::Error::Busy`] when none is free for long, [`crate::Error::Unavailable`] when none can be opened.
    pub async fn read(&self) -> Result<Connection> {
        Ok(Connection(match &self.open.inner {
            Inner::Sqlite(file) => Either::Sqlite(file.read(self.reads).await?),
            Inner::Postgres(schema) => Either::Postgres(Box::new(schema.read(self.reads).await?)),
        }))
    }

    /// Begins a unit of work. On SQLite there is one at a time: inside, wait for nothing but the store. It may hold up
    /// others for [`crate::StoreSettings::unit_time`]; then its statements are refused ([`crate::Error::UnitTooLong`]),
    /// unless it changes the schema or says that it takes longer ([`UnitOfWork::lift_time_limit`]).
    ///
    /// # Errors
    /// [`crate::Error::Busy`] when too many wait already, or it waited too long; nothing was done.
    /// [`crate::Error::Unavailable`] when another process doesn't give SQLite's write lock back, or PostgreSQL has no
    /// connection for us.
    pub async fn begin(&self) -> Result<UnitOfWork> {
        let connection = Connection(match &self.open.inner {
            Inner::Sqlite(file) => Either::Sqlite(file.begin().await?),
            Inner::Postgres(schema) => Either::Postgres(Box::new(schema.begin(Use::Short, self.reads.caller).await?)),
        });
        Ok(self.unit(connection))
    }

    /// The same for one part of something long, such as a change of many rows: do as much as fits into it
    /// ([`UnitOfWork::is_slice_over`]), commit, and begin the next one. Only one such unit waits for SQLite's writer at a
    /// time, so that everybody else waits for one part at the most; and it is alone in its group, so that nobody who is
    /// done already waits for its end. On PostgreSQL it is counted among what is long, as lists are.
    ///
    /// # Errors
    /// As [`Store::begin`].
    pub async fn begin_alone(&self) -> Result<UnitOfWork> {
        let connection = Connection(match &self.open.inner {
            Inner::Sqlite(file) => Either::Sqlite(file.begin_alone().await?),
            Inner::Postgres(schema) => Either::Postgres(Box::new(schema.begin(Use::Long, self.reads.caller).await?)),
        });
        Ok(self.unit(connection))
    }

    fn unit(&self, connection: Connection) -> UnitOfWork {
        UnitOfWork { connection, effects: Effects::none(self), growth: Growth::default(), began: Instant::now() }
    }

    /// The id of its project; `console` for the platform's.
    #[must_use]
    pub fn project_id(&self) -> &Arc<str> {
        &self.open.project
    }

    /// How work in the background reaches this store, after whoever began it is done.
    #[must_use]
    pub fn background(&self) -> BackgroundProject {
        self.open.background.clone()
    }

    /// Whether this is SQLite, for the few queries that differ.
    #[must_use]
    pub fn is_sqlite(&self) -> bool {
        matches!(self.open.inner, Inner::Sqlite(_))
    }

    /// The PostgreSQL schema, for names that are to be qualified; none on SQLite.
    #[must_use]
    pub fn schema(&self) -> Option<&Arc<str>> {
        match &self.open.inner {
            Inner::Sqlite(_) => None,
            Inner::Postgres(schema) => Some(&schema.schema),
        }
    }

    #[doc(hidden)]
    #[must_use]
    pub fn scans(&self) -> Scans<'_> {
        match &self.open.inner {
            Inner::Sqlite(file) => Scans::Sqlite(file, self.reads),
            Inner::Postgres(schema) => Scans::Postgres(schema, self.reads),
        }
    }

    /// Refuses everything from now on for this reason, commits what waits, and returns once nobody is inside any more.
    pub(crate) async fn close(&self, why: Error) {
        match &self.open.inner {
            Inner::Sqlite(file) => file.close(why).await,
            Inner::Postgres(_) => {
                self.open.gate.shut(why);
                self.open.gate.empty().await;
            }
        }
    }

    /// As if the disk failed when the next change of this store is made to last: for tests. Nothing on PostgreSQL.
    #[doc(hidden)]
    pub fn fail_next_sync(&self) {
        if let Inner::Sqlite(file) = &self.open.inner {
            file.fail_next_sync();
        }
    }
}

/// Changes that happen together or not at all, and what they cause: what to forget, whom to wake, what to tell. Derefs to
/// its [`Connection`]. Dropped without [`UnitOfWork::commit`]: rolled back.
///
/// A unit in which a statement failed can't be committed (PostgreSQL would roll it back silently; SQLite behaves the
/// same here), unless the failure lies behind a [`UnitOfWork::mark`] that was gone back to.
pub struct UnitOfWork {
    connection: Connection,
    effects: Effects,
    growth: Growth,
    began: Instant,
}

/// How much of something long is done at once: with a group's commit before and after it, others wait for 25 ms at most.
const SLICE: Duration = Duration::from_millis(10);

impl UnitOfWork {
    /// Makes the changes last, and then applies what they cause. They survive a loss of power once this returns `Ok`.
    ///
    /// Caches are invalidated before this returns, whatever the outcome: an answer that was lost on its way doesn't say
    /// that nothing happened. Workers are woken on success only.
    ///
    /// # Errors
    /// Nothing is saved, except when [`crate::Error::Unavailable`] means that the answer was lost on its way.
    pub async fn commit(self) -> Result<()> {
        let Self { connection, effects, growth, .. } = self;
        if effects.is_empty() {
            connection.commit().await?;
            effects.usage().grow(growth.rows());
            return Ok(());
        }
        effects.commit(connection, growth.rows()).await.map_err(Error::unavailable).flatten()
    }

    /// The same for a unit without effects.
    pub(crate) async fn commit_only(self) -> Result<()> {
        self.connection.commit().await
    }

    /// What a cache holds under this key isn't true any more once this is committed.
    pub fn invalidate(&mut self, cache: CacheName, key: &str) {
        self.effects.invalidate(cache, Some(key));
    }

    /// Nothing that a cache holds may be true any more once this is committed.
    pub fn invalidate_all(&mut self, cache: CacheName) {
        self.effects.invalidate(cache, None);
    }

    /// There is something to do in this project for this worker once this is committed.
    pub fn wake(&mut self, worker: WorkerName) {
        self.effects.wake(worker);
    }

    /// This unit leaves something to be done in this project by this worker, from `due` on, or at once. It isn't forgotten when
    /// the process dies: the platform knows of it ([`crate::Stores::wake_ups`]) before this is committed. The worker is woken
    /// after the commit, as by [`UnitOfWork::wake`]; also when its outcome isn't known.
    ///
    /// On SQLite the commit may begin a unit of the platform's: whoever has one open would wait for themselves.
    pub fn leave_work(&mut self, worker: WorkerName, due: Option<Timestamp>) {
        self.effects.leave_work(worker, due);
    }

    /// The id of the project whose store it changes; `console` for the platform's.
    #[must_use]
    pub fn project_id(&self) -> &Arc<str> {
        self.effects.store().project_id()
    }

    /// What the clock says that the stores were given.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.effects.store().open.clock.now()
    }

    /// Whether this unit has done as much as one part of something long should: time to commit, and to begin the next one.
    #[must_use]
    pub fn is_slice_over(&self) -> bool {
        self.began.elapsed() >= SLICE
    }

    /// For how long it goes on already.
    #[must_use]
    pub fn age(&self) -> Duration {
        self.began.elapsed()
    }

    /// Refuses when the project holds as many bytes as it may; but nothing that is only rehearsed.
    ///
    /// # Errors
    /// [`crate::Error::QuotaUsed`].
    pub fn refuse_if_full(&self) -> Result<()> {
        if self.growth.is_rehearsed() { Ok(()) } else { self.effects.usage().refuse_bytes() }
    }

    /// Refuses another row when the project has as many as it may, or holds as many bytes; but nothing that is only rehearsed.
    pub(crate) fn refuse_row(&self) -> Result<()> {
        if self.growth.is_rehearsed() {
            return Ok(());
        }
        self.effects.usage().refuse_row(self.growth.rows())?;
        self.effects.usage().refuse_bytes()
    }

    /// Notes that this has made so many rows, or removed them.
    pub(crate) fn grow(&mut self, rows: i64) {
        self.growth.add(rows);
    }

    /// From when on statements are refused, because others have been held up for too long; none: never. On PostgreSQL, where
    /// a unit holds up only who wants the same rows, there is none.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        match &self.connection.0 {
            Either::Sqlite(lease) => lease.deadline(),
            Either::Postgres(_) => None,
        }
    }

    /// Lets this unit hold up others as long as it needs. For what an operator does, and changes of a table's shape; never
    /// for as much as a caller likes.
    pub fn lift_time_limit(&mut self) {
        if let Either::Sqlite(lease) = &mut self.connection.0 {
            lease.lift_time_limit();
        }
    }

    /// Lets lists and counts of this unit take only one part in so many of the time that it may hold up others. For units
    /// that read what a caller asks for. On PostgreSQL, where a unit that reads holds up nobody, nothing changes.
    pub fn limit_scans(&mut self, parts: u32) {
        if let Either::Sqlite(lease) = &mut self.connection.0 {
            lease.limit_scans(parts);
        }
    }

    /// Says that the next statement makes the last change of this unit, apart from what is told: whatever may still refuse
    /// has been asked. If it is the first change as well, SQLite then needs no savepoint. (Should the unit not be
    /// committed nevertheless, the whole group of commits that it is part of is lost, and told so.)
    pub fn last_change_follows(&mut self) {
        if let Either::Sqlite(lease) = &mut self.connection.0 {
            lease.last_change_follows();
        }
    }

    /// Takes away, everywhere in the project, what somebody was allowed who is gone with this unit: a user or team that is
    /// given the same id later has nothing of it.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn revoke(&mut self, gone: &RoleHolder) -> Result<()> {
        crate::permissions::revoke(self, gone).await?;
        let handlers = self.effects.handlers();
        handlers.revoke(self, gone).await
    }

    /// Tells what happens, as a part of the change itself: whoever subscribes to it learns of it if this is committed, and only
    /// then. Costs nothing when nobody does: `payload`, the JSON that subscribers get, isn't even made then.
    ///
    /// `pattern` is the event's name with its ids in brackets, `ids` what stands in them:
    /// `emit("users.[userId].create", &["abc"], ...)`. What happens in one vocabulary is known by its names in the other as well.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn emit(&mut self, pattern: &str, ids: &[&str], payload: impl FnOnce() -> String) -> Result<()> {
        let kinds = self.effects.handlers().subscribers();
        if kinds.is_empty() {
            return Ok(());
        }
        let all = match self.effects.subscriptions() {
            Ok(all) => all,
            Err(changes) => Box::pin(self.read_subscriptions(&kinds, changes)).await?,
        };
        if all.iter().all(Vec::is_empty) {
            return Ok(());
        }
        let occurrence = Occurrence::new(pattern, ids);
        let interested = kinds.iter().zip(&*all).map(|(kind, of_kind)| (kind, interested(of_kind, &occurrence)));
        let interested: Vec<_> = interested.filter(|(_, subscribers)| !subscribers.is_empty()).collect();
        if interested.is_empty() {
            return Ok(());
        }
        let (payload, origin) = (payload(), self.effects.store().origin.clone());
        let event = Event { pattern, ids, payload: &payload, origin: origin.as_deref(), at: self.now() };
        Box::pin(async move {
            for (kind, subscribers) in interested {
                kind.notify(self, event, subscribers).await?;
            }
            Ok(())
        })
        .await
    }

    /// `changes`: how many changes there had been; none: this unit makes one, so what it reads isn't true of others.
    async fn read_subscriptions(&mut self, kinds: &[Arc<dyn Subscribers>], changes: Option<u64>) -> Result<All> {
        let mut all = Vec::with_capacity(kinds.len());
        for kind in kinds {
            all.push(kind.subscriptions(&mut self.connection).await?);
        }
        let all = All::from(all);
        if let Some(changes) = changes {
            self.effects.store().open.subscriptions.learn(&all, changes);
        }
        Ok(all)
    }

    /// Once this is committed, others may subscribe to what happens in this project.
    pub fn subscriptions_change(&mut self) {
        self.effects.subscriptions_change();
    }

    /// Sets a mark, before something that may fail without failing the whole.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn mark(&mut self) -> Result<()> {
        match &mut self.connection.0 {
            Either::Sqlite(lease) => lease.run(|c| sqlite::Mark.run(c))?,
            Either::Postgres(lease) => lease.batch("SAVEPOINT mark").await?,
        }
        self.growth.mark();
        Ok(())
    }

    /// Undoes what was done since the last [`UnitOfWork::mark`], failures included.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn back_to_mark(&mut self) -> Result<()> {
        match &mut self.connection.0 {
            Either::Sqlite(lease) => {
                lease.run(|c| sqlite::BackToMark.run(c))?;
                lease.forgive();
            }
            Either::Postgres(lease) => {
                lease.batch("ROLLBACK TO SAVEPOINT mark").await?;
                lease.forgive();
            }
        }
        self.growth.back_to_mark();
        Ok(())
    }

    /// Begins a rehearsal: what follows is done to be seen, and then undone by [`UnitOfWork::undo_rehearsal`], with
    /// whatever marks are set in it. Unless it is undone it counts.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn rehearse(&mut self) -> Result<()> {
        match &mut self.connection.0 {
            Either::Sqlite(lease) => lease.run(|c| sqlite::Rehearse.run(c))?,
            Either::Postgres(lease) => lease.batch("SAVEPOINT rehearsal").await?,
        }
        self.growth.rehearse();
        Ok(())
    }

    /// Undoes what was done since [`UnitOfWork::rehearse`], failures included.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn undo_rehearsal(&mut self) -> Result<()> {
        match &mut self.connection.0 {
            Either::Sqlite(lease) => {
                lease.run(|c| sqlite::UndoRehearsal.run(c))?;
                lease.forgive();
            }
            Either::Postgres(lease) => {
                lease.batch("ROLLBACK TO SAVEPOINT rehearsal").await?;
                lease.forgive();
            }
        }
        self.growth.undo_rehearsal();
        Ok(())
    }

    /// Changes the schema, or does something else that may take long: on a thread of its own, without a time limit for it or
    /// for the unit.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn execute_ddl(&mut self, sql: &str) -> Result<()> {
        match &mut self.connection.0 {
            Either::Sqlite(lease) => {
                let sql = sql.to_owned();
                lease.change_schema_from_now_on();
                lease.run_on_thread(move |c| c.batch_execute(&sql)).await
            }
            Either::Postgres(lease) => Ok(lease.batch_without_limit(sql).await?),
        }
    }
}

impl Deref for UnitOfWork {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        &self.connection
    }
}

impl DerefMut for UnitOfWork {
    fn deref_mut(&mut self) -> &mut Connection {
        &mut self.connection
    }
}
