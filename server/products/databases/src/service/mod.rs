//! The decisions.

mod attempts;
mod bulk;
mod columns;
mod databases;
mod indexes;
mod links;
mod list_cache;
mod operations;
mod paths;
mod reader;
mod related;
mod relations;
mod replay;
mod resealing;
mod revocation;
mod rows;
mod schema_jobs;
mod shapes;
mod tables;
mod transactions;
mod writes;

pub(crate) use columns::{ColumnChange, DomainChange};
pub(crate) use list_cache::ListCache;
pub(crate) use operations::{Addition, Operation, RowInput, Which};
pub(crate) use relations::RelationChange;
pub(crate) use replay::Staging;
pub(crate) use rows::RowsWanted;
pub(crate) use schema_jobs::ShapeTables;
pub(crate) use tables::{NewTable, TableChange};

use self::schema_jobs::SchemaJobs;
use crate::keys::Keys;
use crate::model::{Database, Status, Table};
use crate::permission_sets::PermissionSets;
use crate::repository::SchemaRepository;
use crate::row::Speaker;
use crate::row_transaction::RowTransaction;
use crate::schema::TableSchema;
use crate::vocabulary::Vocabulary;
use floe_cache::Cache;
use floe_gateway::Call;
use floe_kernel::effect::CacheName;
use floe_kernel::{Error, ErrorKind, Result};
use floe_queue::Queue;
use floe_sealed::RootKeys;
use floe_store::permissions::PERMISSION_SETS;
use floe_store::{Connection, EffectHandlers, KeyRegister, Stores};
use std::sync::Arc;

/// How often something is tried that loses against changes of its table, or of its row.
const ATTEMPTS: usize = 3;

/// The cache of tables' schemas; its key is [`table_key`].
pub(crate) const SCHEMAS: CacheName = CacheName::new("databases.schemas");
/// The cache of lists of rows; its key is the database's id.
pub(crate) const LISTS: CacheName = CacheName::new("databases.lists");

/// How many tables are kept in memory, of all projects.
const KEPT_SCHEMAS: u64 = 10_000;

/// Everything that users keep in databases of their own.
pub struct Databases {
    pub(crate) schemas: Cache<String, Arc<TableSchema>>,
    pub(crate) sets: PermissionSets,
    pub(crate) lists: Arc<ListCache>,
    pub(crate) keys: Keys,
    register: KeyRegister,
}

/// Where a table is, as the path says.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct At {
    /// The id of its database.
    pub(crate) database: String,
    /// Its own id.
    pub(crate) table: String,
}

impl Databases {
    /// Knows nothing yet, has its jobs done by this queue, and forgets on these effects; what it needs to know it learns from each
    /// project's store. The values of encrypted columns are as secret as these keys, and lost with them.
    #[must_use]
    pub fn new(stores: &Stores, queue: &Queue, keys: &RootKeys) -> Self {
        let service = Self {
            schemas: Cache::new(KEPT_SCHEMAS),
            sets: PermissionSets::new(),
            lists: Arc::new(ListCache::new()),
            keys: Keys::new(keys),
            register: KeyRegister::new(stores.clone(), keys.id()),
        };
        service.register(stores.effects());
        queue.handle(SchemaJobs);
        service
    }

    /// Says how what changes of tables cause is done.
    fn register(&self, effects: &EffectHandlers) {
        let (schemas, lists) = (self.schemas.clone(), Arc::clone(&self.lists));
        effects.on_invalidate(SCHEMAS, move |gone| match &gone.key {
            Some(table) => schemas.invalidate(&format!("{}/{table}", gone.project)),
            None => schemas.clear(),
        });
        effects.on_invalidate(LISTS, move |gone| match &gone.key {
            Some(database) => lists.invalidate_table(&gone.project, database),
            None => lists.clear(),
        });
        let sets = self.sets.clone();
        effects.on_invalidate(PERMISSION_SETS, move |gone| match gone.key.as_deref().map(str::parse) {
            Some(Ok(number)) => sets.invalidate(&gone.project, number),
            _ => sets.clear(),
        });
        effects.on_revoke(|unit, gone| Box::pin(revocation::revoke(unit, gone)));
    }

    /// Forgets everything that is kept in memory. To be called when a project was deleted: one of the same id may come,
    /// whose numbers mean something else.
    pub fn forget(&self) {
        self.schemas.clear();
        self.sets.clear();
        self.lists.clear();
    }

    /// To be called before a unit of work that makes columns: whether one `is_encrypted`, so that the key is missed when it is
    /// lost.
    async fn note_key(&self, is_encrypted: bool) -> Result<()> {
        if is_encrypted {
            self.register.note().await?;
        }
        Ok(())
    }

    /// Begins a unit of work.
    async fn begin(&self, call: &Call) -> Result<RowTransaction<'_>> {
        RowTransaction::begin(self, call).await
    }

    /// Begins one that is a part of something long.
    async fn begin_slice(&self, call: &Call) -> Result<RowTransaction<'_>> {
        RowTransaction::begin_slice(self, call).await
    }

    /// The schema of a table, if the caller may know that the table exists.
    ///
    /// # Errors
    /// `database_not_found`, `table_not_found`.
    async fn schema(&self, call: &Call, at: &At) -> Result<Arc<TableSchema>> {
        visible(call, self.any_schema(call, at, false).await?)
    }

    /// The schema of a table, also of one that the caller may not know of; `anew` when what is kept may be wrong.
    ///
    /// # Errors
    /// `database_not_found`, `table_not_found`.
    async fn any_schema(&self, call: &Call, at: &At, anew: bool) -> Result<Arc<TableSchema>> {
        let key = schema_key(&call.project.id, &at.database, &at.table);
        if anew {
            self.schemas.invalidate(key.as_str());
        }
        let load = async || {
            let mut conn = call.store.read().await?;
            self.load(&mut conn, call, at).await.map(Some)
        };
        let schema = self.schemas.get_or_load(key.as_str(), load).await?;
        schema.ok_or_else(|| Error::about(Vocabulary::of(call).errors().table_not_found, &at.table))
    }

    /// The schema of a table that was not `old` any more when storage failed with this error.
    ///
    /// # Errors
    /// The same error, when `old` is still the truth; those of finding the table.
    async fn newer_schema(&self, call: &Call, at: &At, old: &TableSchema, error: Error) -> Result<Arc<TableSchema>> {
        self.fresh_schema(call, at, old).await?.ok_or(error)
    }

    /// The schema of a table; none when it is still `old`.
    ///
    /// # Errors
    /// Those of finding the table.
    async fn fresh_schema(&self, call: &Call, at: &At, old: &TableSchema) -> Result<Option<Arc<TableSchema>>> {
        self.schemas.invalidate(schema_key(&call.project.id, &at.database, &at.table).as_str());
        // Within a unit of work, because on SQLite the change may be one of the group that isn't committed yet. It is committed
        // with that group: only then do readers see the table as it is known from here on.
        let mut unit = call.store.begin().await?;
        let fresh = visible(call, self.load(&mut unit, call, at).await?)?;
        unit.commit().await?;
        let same = fresh.version == old.version && fresh.stored.name() == old.stored.name();
        Ok((!same).then_some(fresh))
    }

    async fn load(&self, conn: &mut Connection, call: &Call, at: &At) -> Result<Arc<TableSchema>> {
        let mut definitions = SchemaRepository(conn);
        let (database, table) = find_table(&mut definitions, at, Vocabulary::of(call)).await?;
        let mut columns = definitions.columns(table.number).await?;
        // The others aren't there yet.
        columns.plain.retain(|column| column.status == Status::Available);
        columns.relations.retain(|relation| relation.status == Status::Available);
        columns.incoming.retain(|relation| relation.status == Status::Available);
        let indexes = definitions.indexes(table.number).await?;
        let project = &call.project.id;
        Ok(Arc::new(TableSchema::new(project, &call.store, &self.keys, &database, table, columns, &indexes)))
    }

    /// The same; none: there is no such table.
    pub(crate) async fn load_if_there(
        &self,
        conn: &mut Connection,
        call: &Call,
        at: &At,
    ) -> Result<Option<Arc<TableSchema>>> {
        match self.load(conn, call, at).await {
            Ok(schema) => Ok(Some(schema)),
            Err(error) if error.kind() == ErrorKind::DatabaseNotFound => Ok(None),
            Err(error) if error.kind() == Vocabulary::of(call).errors().table_not_found => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// Under which key of its project a schema is kept.
pub(crate) fn table_key(database: &str, table: &str) -> String {
    format!("{database}/{table}")
}

/// Under which key a schema is kept: the project's id, a slash and [`table_key`]. (No id has a slash.)
pub(crate) fn schema_key(project: &str, database: &str, table: &str) -> String {
    let mut key = String::with_capacity(project.len() + database.len() + table.len() + 2);
    for (n, part) in [project, database, table].into_iter().enumerate() {
        if n > 0 {
            key.push('/');
        }
        key.push_str(part);
    }
    key
}

/// A table's schema, if the caller may know that the table exists.
fn visible(call: &Call, schema: Arc<TableSchema>) -> Result<Arc<TableSchema>> {
    if schema.is_open(&call.caller) {
        return Ok(schema);
    }
    let table_not_found = Vocabulary::of(call).errors().table_not_found;
    Err(match schema.database_enabled {
        true => Error::about(table_not_found, &schema.table_id),
        false => Error::about(ErrorKind::DatabaseNotFound, &schema.database_id),
    })
}

/// Whether storage failed in a way that a table which has changed in between explains.
fn is_of_storage(error: &Error) -> bool {
    let source = std::error::Error::source(error).and_then(|source| source.downcast_ref::<floe_store::Error>());
    matches!(source, Some(floe_store::Error::Unavailable(_)))
}

/// Whether a unit of work failed because another one was in its way, so that doing it again may help: they waited for each
/// other, or a row was linked or removed that was free, or there, a moment ago.
fn was_overtaken(error: &Error) -> bool {
    let source = std::error::Error::source(error).and_then(|source| source.downcast_ref::<floe_store::Error>());
    match source {
        Some(floe_store::Error::Deadlock) => true,
        // Other conflicts mean something to the caller, and are told by a name of their own.
        Some(floe_store::Error::Conflict { .. }) => error.kind() == ErrorKind::GeneralServerError,
        _ => false,
    }
}

/// The database of this id.
async fn find_database(definitions: &mut SchemaRepository<'_>, id: &str) -> Result<Database> {
    definitions.database(id).await?.ok_or_else(|| Error::about(ErrorKind::DatabaseNotFound, id))
}

/// The table there, and its database.
async fn find_table(
    definitions: &mut SchemaRepository<'_>,
    at: &At,
    vocabulary: Vocabulary,
) -> Result<(Database, Table)> {
    let database = find_database(definitions, &at.database).await?;
    let table = definitions.table(database.number, &at.table).await?;
    Ok((database, table.ok_or_else(|| Error::about(vocabulary.errors().table_not_found, &at.table))?))
}

/// Who says what a row is to hold.
fn speaker(call: &Call) -> Speaker {
    Speaker { vocabulary: Vocabulary::of(call), privileged: call.caller.privileged(), operators: true }
}

/// A JSON model as bytes, for events.
fn bytes(model: &serde_json::Value) -> Vec<u8> {
    model.to_string().into_bytes()
}
