//! Lists that a caller is content to have as they were a while ago (`ttl`).
//!
//! A list is kept under everything that decides what it says: the table and the state of its shape and permissions, what
//! was asked for, in which words, and every role of who asked. So no caller ever gets what was made for another, and
//! whoever loses a role asks for another list from then on. Row writes don't end a list, as in Appwrite; these do, at once:
//! any change of a definition in the database, and another set of permissions for a row of it.

use super::{At, Databases, RowsWanted};
use crate::schema::TableSchema;
use crate::vocabulary::Vocabulary;
use floe_cache::Cache;
use floe_gateway::Call;
use floe_kernel::Result;
use floe_kernel::time::Timestamp;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// How many bytes of lists are kept, of all projects.
const MAX_BYTES: u64 = 32 << 20;
/// How many bytes a list may have that is kept.
const MAX_LIST: usize = 1 << 20;
/// The longest that anybody may be content with: a day.
const LONGEST: Duration = Duration::from_secs(86_400);
/// Databases share this many counters of changes. Sharing costs a list now and then, never a wrong one.
const COUNTERS: usize = 1024;

/// The lists that are kept, of all projects.
pub(crate) struct ListCache {
    lists: Cache<Arc<Key>, Arc<CachedList>>,
    tx: Box<[AtomicU64]>,
    hasher: RandomState,
}

/// Everything that decides what a list says.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Key {
    project: Arc<str>,
    database: String,
    /// The table's name in storage: another table of the same id has another one.
    table: String,
    /// The state of the table's shape and permissions.
    version: i64,
    /// How often something of the database had changed.
    tx: u64,
    /// Which words the answer uses.
    vocabulary: usize,
    /// Which response format the caller wants.
    format: Option<String>,
    /// Who asks: whether permissions bind them, and every role that they hold.
    privileged: bool,
    roles: Vec<String>,
    /// What they ask for. (Written out in full: two that differ anywhere read differently.)
    queries: String,
}

/// A list, and when it was made. Whoever asks for the total gets the same rows as who doesn't.
struct CachedList {
    made: Timestamp,
    /// How many there are in all, once somebody has asked.
    total: OnceLock<i64>,
    /// The JSON of the list, behind its total.
    rows: Vec<u8>,
}

impl CachedList {
    /// A list as [`Databases::rows`] gives it; `counted`: whether its total is one.
    fn new(list: &[u8], counted: bool, made: Timestamp) -> Option<Self> {
        let (total, rows) = list.split_at_checked(list.iter().position(|byte| *byte == b',')?)?;
        let total: i64 = std::str::from_utf8(total.strip_prefix(TOTAL)?).ok()?.parse().ok()?;
        Some(Self { made, total: if counted { OnceLock::from(total) } else { OnceLock::new() }, rows: rows.to_vec() })
    }

    /// The whole list again.
    fn json(&self, total: i64) -> Vec<u8> {
        let mut list = Vec::with_capacity(TOTAL.len() + 20 + self.rows.len());
        list.extend_from_slice(TOTAL);
        list.extend_from_slice(total.to_string().as_bytes());
        list.extend_from_slice(&self.rows);
        list
    }
}

/// How the JSON of a list begins.
const TOTAL: &[u8] = b"{\"total\":";

impl Key {
    /// Roughly how many bytes it has.
    fn size(&self) -> usize {
        let roles: usize = self.roles.iter().map(|role| role.len() + 24).sum();
        256 + self.queries.len() + self.format.as_ref().map_or(0, String::len) + roles
    }
}

impl ListCache {
    /// None yet.
    pub(crate) fn new() -> Self {
        let weigh =
            |key: &Arc<Key>, kept: &Arc<CachedList>| u32::try_from(key.size() + kept.rows.len()).unwrap_or(u32::MAX);
        Self {
            lists: Cache::of_bytes(MAX_BYTES, LONGEST, weigh),
            tx: (0..COUNTERS).map(|_| AtomicU64::new(0)).collect(),
            hasher: RandomState::new(),
        }
    }

    /// No list of this database that was kept so far is true any more. To be called once the change is committed.
    pub(crate) fn invalidate_table(&self, project: &str, database: &str) {
        self.counter(project, database).fetch_add(1, Ordering::AcqRel);
    }

    /// Forgets everything.
    pub(crate) fn clear(&self) {
        self.lists.clear();
        for counter in &self.tx {
            counter.fetch_add(1, Ordering::AcqRel);
        }
    }

    fn counter(&self, project: &str, database: &str) -> &AtomicU64 {
        let counter = self.hasher.hash_one((project, database)) as usize % COUNTERS;
        &self.tx[counter]
    }

    /// The list that was kept under a key, if it is no older than so many seconds.
    fn fresh(&self, key: &Arc<Key>, now: Timestamp, ttl: i64) -> Option<Arc<CachedList>> {
        self.lists.get(key).filter(|kept| now < kept.made.plus_seconds(ttl))
    }

    fn keep(&self, key: Arc<Key>, made: Timestamp, list: &[u8], counted: bool) {
        if let Some(kept) = CachedList::new(list, counted, made).filter(|_| list.len() <= MAX_LIST) {
            self.lists.put(key, Arc::new(kept));
        }
    }
}

impl Databases {
    /// A page of rows, as [`Databases::rows`] gives it, or gave it no more than `ttl` seconds ago; and whether it is that.
    ///
    /// # Errors
    /// As [`Databases::rows`].
    pub(crate) async fn kept_rows(
        &self,
        call: &Call,
        at: &At,
        wanted: RowsWanted<'_>,
        ttl: i64,
    ) -> Result<(Vec<u8>, bool)> {
        // Before anything is read: what changes in the meantime makes the list one that nobody will ask for.
        let tx = self.lists.counter(&call.project.id, &at.database).load(Ordering::Acquire);
        let schema = self.schema(call, at).await?;
        let key = Arc::new(key(call, &schema, &wanted, tx));
        if let Some(kept) = self.lists.fresh(&key, call.now, ttl) {
            let total = match (wanted.total, kept.total.get()) {
                (false, _) => 0,
                (true, Some(total)) => *total,
                (true, None) => {
                    let total = self.count_rows(call, at, &wanted).await?;
                    *kept.total.get_or_init(|| total)
                }
            };
            return Ok((kept.json(total), true));
        }
        let counted = wanted.total;
        let list = self.rows(call, at, wanted).await?;
        self.lists.keep(key, call.now, &list, counted);
        Ok((list, false))
    }
}

fn key(call: &Call, schema: &TableSchema, wanted: &RowsWanted<'_>, tx: u64) -> Key {
    let privileged = call.caller.privileged();
    let mut roles = Vec::new();
    if !privileged {
        roles.extend(call.caller.roles().iter().map(ToString::to_string));
        roles.sort_unstable();
    }
    Key {
        project: Arc::clone(&schema.project),
        database: schema.database_id.clone(),
        table: schema.stored.name().to_owned(),
        version: schema.version,
        tx,
        vocabulary: Vocabulary::of(call).index(),
        format: call.request.format.clone(),
        privileged,
        roles,
        queries: format!("{:?}", wanted.queries),
    }
}
