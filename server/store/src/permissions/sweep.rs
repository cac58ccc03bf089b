//! Sets of permissions that nothing has any more are removed, some time after.
//!
//! Whoever writes a row takes the number of its set from memory, as likely as not, and no foreign key looks after it. So a set
//! goes in two steps (docs/decisions/0030):
//!
//! 1. It is *retired*: nobody finds it by its content from then on, in the table or (with the commit) in memory.
//! 2. A while later, when everybody who may have found it before is done, it is removed, if still nothing has it.
//!
//! What has a number of a set has it in a column [`PERMISSIONS`], whatever else it is: such tables are found by that.

use super::PERMISSION_SETS;
use super::schema::{permission_grants, permission_sets};
use crate::connection::{Connection, Number};
use crate::error::{Error, Result};
use crate::prelude::*;
use crate::stores::{BackgroundProject, BackgroundStore};
use crate::tables::PERMISSIONS;
use diesel::sql_types::Text;
use floe_kernel::effect::WorkerName;
use floe_kernel::permission::Permissions;
use floe_kernel::time::{Clock, Timestamp};
use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Who removes sets that nothing has. Woken when a set is made: where none is made, few are left behind.
pub(crate) const SWEEPER: WorkerName = WorkerName::new("store.permission_sets");

/// How long after that somebody looks, however many more are made until then.
const AFTER: Duration = Duration::from_secs(3600);

/// How long a set is retired at the least.
const RETIRED: Duration = Duration::from_secs(60);

/// For how long after a set was retired a unit of work of another process may begin that has found it before: what a unit
/// learns is kept for half a minute, and only where the unit was done in five seconds.
const BELATED: Duration = Duration::from_secs(40);

/// How many sets are looked at in one go, at the most, and how many looks into an index that may take.
const SLICE: usize = 100;
const LOOKS: usize = 2000;

/// How many tables one statement looks into.
const TABLES: usize = 100;

/// Which projects somebody will look into. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Sweeper {
    clock: Arc<dyn Clock>,
    expected: Arc<Mutex<HashSet<String>>>,
}

impl Sweeper {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, expected: Arc::default() }
    }

    /// Sees to it that somebody looks for sets that nothing has.
    pub(crate) fn wake(&self, store: &Store) {
        let project = store.project_id().to_string();
        if !self.expected().insert(project.clone()) {
            return;
        }
        let (sweeper, background) = (self.clone(), store.background());
        let tasks = background.tasks().clone();
        tasks.clone().spawn(async move {
            let goes_on = tasks.sleep(AFTER).await;
            // Whoever makes a set from now on is looked for the next time.
            sweeper.expected().remove(&project);
            if goes_on {
                sweeper.run(&background, &project).await;
            }
        });
    }

    async fn run(&self, project: &BackgroundProject, id: &str) {
        let swept = async {
            sweep(project, &*self.clock).await?;
            if project.tasks().sleep(RETIRED + BELATED).await {
                remove(project, &*self.clock).await?;
            }
            Ok::<_, Error>(())
        };
        match swept.await {
            Ok(()) | Err(Error::Closed | Error::ProjectNotFound) => {}
            Err(error) => {
                tracing::warn!(project = id, %error, "sets of permissions that nothing has are left for later");
            }
        }
    }

    fn expected(&self) -> MutexGuard<'_, HashSet<String>> {
        self.expected.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Removes the sets that were retired for long enough, and retires those that nothing has. How many of each.
pub(crate) async fn sweep(project: &BackgroundProject, clock: &dyn Clock) -> Result<(usize, usize)> {
    let removed = remove(project, clock).await?;
    let (mut retired, mut after) = (0, 0);
    while let Some(slice) = next(project, after).await? {
        after = slice.last;
        retired += retire(project, &slice.unused, clock.now()).await?;
    }
    Ok((removed, retired))
}

/// Some sets, in the order of their numbers.
struct Slice {
    last: i64,
    unused: Vec<i64>,
}

/// The next sets behind this number that aren't retired, and those of them that nothing has; none: there are no more. Looks
/// as a reader, who holds up nobody.
async fn next(project: &BackgroundProject, after: i64) -> Result<Option<Slice>> {
    let store = at_work(project).await?;
    let mut conn = store.read().await?;
    let tables = tables(&mut conn, store.schema().map(|schema| &**schema)).await?;
    let sets = permission_sets::table
        .filter(permission_sets::id.gt(after))
        .filter(permission_sets::retired.is_null())
        .order_by(permission_sets::id)
        .limit(i64::try_from(at_once(&tables)).unwrap_or(1))
        .select(permission_sets::id);
    let sets = on_conn!(conn, |c| sets.load::<i64>(c))?;
    let Some(last) = sets.last().copied() else { return Ok(None) };
    Ok(Some(Slice { last, unused: unused(&mut conn, &tables, sets).await? }))
}

/// Sees to it that these sets are found by nobody who looks for their content. How many there were.
async fn retire(project: &BackgroundProject, sets: &[i64], now: Timestamp) -> Result<usize> {
    if sets.is_empty() {
        return Ok(0);
    }
    let store = at_work(project).await?;
    let mut unit = store.begin_alone().await?;
    let mut retired = 0;
    for id in sets {
        let found = permission_sets::table.find(*id).filter(permission_sets::retired.is_null());
        // No set is looked for under such a digest.
        let changed = (permission_sets::digest.eq(format!("retired-{id}")), permission_sets::retired.eq(now.millis()));
        retired += on_conn!(unit, |c| diesel::update(found).set(changed).execute(c))?;
        unit.invalidate(PERMISSION_SETS, &id.to_string());
    }
    unit.commit().await?;
    Ok(retired)
}

/// Removes the sets that were retired for long enough. One that something has nevertheless stays, for what has it. How many
/// were removed.
async fn remove(project: &BackgroundProject, clock: &dyn Clock) -> Result<usize> {
    let (mut removed, mut after) = (0, 0);
    while let Some(slice) = remove_some(project, after, clock.now()).await? {
        after = slice.last;
        removed += slice.unused.len();
    }
    Ok(removed)
}

async fn remove_some(project: &BackgroundProject, after: i64, now: Timestamp) -> Result<Option<Slice>> {
    let store = at_work(project).await?;
    let mut unit = store.begin_alone().await?;
    let tables = tables(&mut unit, store.schema().map(|schema| &**schema)).await?;
    let until = now.millis() - millis(RETIRED.max(BELATED + longest_unit(&mut unit).await?));
    let sets = permission_sets::table
        .filter(permission_sets::retired.le(until))
        .filter(permission_sets::id.gt(after))
        .order_by(permission_sets::id)
        .limit(i64::try_from(at_once(&tables)).unwrap_or(1))
        .select(permission_sets::id);
    let sets = on_conn!(unit, |c| sets.load::<i64>(c))?;
    let Some(last) = sets.last().copied() else { return Ok(None) };
    let unused = unused(&mut unit, &tables, sets.clone()).await?;
    for id in &sets {
        if unused.contains(id) {
            remove_set(&mut unit, *id).await?;
            unit.invalidate(PERMISSION_SETS, &id.to_string());
        } else {
            let found = permission_sets::table.find(*id);
            let kept = permission_sets::retired.eq(None::<i64>);
            on_conn!(unit, |c| diesel::update(found).set(kept).execute(c))?;
        }
    }
    unit.commit().await?;
    Ok(Some(Slice { last, unused }))
}

/// Removes a set with its grants, which are found by what they say: no index has them by their set.
async fn remove_set(unit: &mut UnitOfWork, id: i64) -> Result<()> {
    let text = super::load(unit, id).await?;
    let set = Permissions::stored(&text).ok_or_else(|| Error::unavailable(format!("permissions {text}")))?;
    for permission in set.iter() {
        let grant = permission_grants::table.find((permission.action.name(), permission.role.to_string(), id));
        on_conn!(unit, |c| diesel::delete(grant).execute(c))?;
    }
    on_conn!(unit, |c| diesel::delete(permission_sets::table.find(id)).execute(c))?;
    Ok(())
}

/// A store for the next step, unless the process is about to end.
async fn at_work(project: &BackgroundProject) -> Result<BackgroundStore> {
    if project.tasks().is_stopping() {
        return Err(Error::Closed);
    }
    project.store().await
}

/// How many sets can be looked for at a time without that taking long.
fn at_once(tables: &[String]) -> usize {
    (LOOKS / tables.len().max(1)).clamp(1, SLICE)
}

#[derive(QueryableByName)]
struct Named {
    #[diesel(sql_type = Text)]
    name: String,
}

/// The tables whose rows have numbers of sets.
async fn tables(conn: &mut Connection, schema: Option<&str>) -> Result<Vec<String>> {
    let sql = match schema {
        None => format!(
            "SELECT t.name AS name FROM sqlite_master AS t, pragma_table_info(t.name) AS c \
             WHERE t.type = 'table' AND t.sql NOT LIKE 'CREATE VIRTUAL%' AND c.name = '{PERMISSIONS}'"
        ),
        Some(schema) => format!(
            "SELECT t.relname::text AS name FROM pg_attribute c JOIN pg_class t ON t.oid = c.attrelid \
             JOIN pg_namespace s ON s.oid = t.relnamespace WHERE s.nspname = '{schema}' AND t.relkind = 'r' \
             AND c.attname = '{PERMISSIONS}' AND NOT c.attisdropped"
        ),
    };
    let query = diesel::sql_query(sql);
    let found = on_conn!(conn, |c| query.load::<Named>(c))?;
    Ok(found.into_iter().map(|table| table.name).collect())
}

/// Those of these sets that no row has. Each is one look into an index of each table, until one has it.
async fn unused(conn: &mut Connection, tables: &[String], mut sets: Vec<i64>) -> Result<Vec<i64>> {
    for tables in tables.chunks(TABLES) {
        if sets.is_empty() {
            break;
        }
        let has = |table: &String| format!("EXISTS (SELECT 1 FROM \"{table}\" WHERE {PERMISSIONS} = s.id)");
        let has = tables.iter().map(has).collect::<Vec<_>>().join(" OR ");
        let of = sets.iter().map(i64::to_string).collect::<Vec<_>>().join(", ");
        let query = diesel::sql_query(format!(
            "SELECT s.id AS n FROM permission_sets AS s WHERE s.id IN ({of}) AND NOT ({has})"
        ));
        sets = on_conn!(conn, |c| query.load::<Number>(c))?.into_iter().map(|set| set.n).collect();
    }
    Ok(sets)
}

/// How long the longest unit of work of ours goes on already. On SQLite there is none beside this one.
async fn longest_unit(unit: &mut UnitOfWork) -> Result<Duration> {
    if unit.is_sqlite() {
        return Ok(Duration::ZERO);
    }
    let query = diesel::sql_query(
        "SELECT coalesce(max(extract(epoch FROM clock_timestamp() - xact_start) * 1000), 0)::bigint AS n \
         FROM pg_stat_activity WHERE datname = current_database() AND usename = current_user AND pid <> pg_backend_pid()",
    );
    let longest = on_conn!(unit, |c| query.get_result::<Number>(c))?;
    Ok(Duration::from_millis(longest.n.max(0).cast_unsigned()))
}

fn millis(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}
