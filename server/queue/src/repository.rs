//! The tables of jobs.

use floe_store::prelude::*;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Duration;

mod schema {
    diesel::table! {
        jobs (number) {
            number -> BigInt,
            queue -> Text,
            kind -> Text,
            payload -> Text,
            key -> Nullable<Text>,
            due_at -> BigInt,
            worker -> Nullable<Text>,
            takes -> BigInt,
            failures -> BigInt,
            losses -> BigInt,
            history -> Text,
            created_at -> BigInt,
        }
    }
    diesel::table! {
        failed_jobs (number) {
            number -> BigInt,
            queue -> Text,
            kind -> Text,
            payload -> Text,
            key -> Nullable<Text>,
            takes -> BigInt,
            history -> Text,
            created_at -> BigInt,
            failed_at -> BigInt,
        }
    }
    diesel::table! {
        paused_queues (queue) {
            queue -> Text,
            paused_at -> BigInt,
        }
    }
}
use schema::{failed_jobs, jobs, paused_queues};

/// How many failed jobs a project keeps, and for how long.
const MOST_FAILED: i64 = 10_000;
const FAILED_FOR: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// How many entries of a job's history are kept, the last ones, and how much of a cause.
const MOST_HISTORY: usize = 20;
const MOST_CAUSE: usize = 2000;

#[derive(Insertable)]
#[diesel(table_name = jobs)]
pub(crate) struct NewRow<'r> {
    pub(crate) queue: &'r str,
    pub(crate) kind: &'r str,
    pub(crate) payload: &'r str,
    pub(crate) key: Option<&'r str>,
    pub(crate) due_at: i64,
    pub(crate) created_at: i64,
}

/// A job that is still to be done.
#[derive(Debug, Queryable, QueryableByName, Selectable)]
#[diesel(table_name = jobs)]
pub(crate) struct JobRow {
    pub(crate) number: i64,
    pub(crate) queue: String,
    pub(crate) kind: String,
    pub(crate) payload: String,
    pub(crate) due_at: i64,
    pub(crate) worker: Option<String>,
    pub(crate) takes: i64,
    pub(crate) failures: i64,
    pub(crate) losses: i64,
    pub(crate) history: String,
    pub(crate) created_at: i64,
}

/// One that failed for good.
#[derive(Debug, Queryable, Selectable)]
#[diesel(table_name = failed_jobs)]
pub(crate) struct FailedRow {
    pub(crate) number: i64,
    pub(crate) queue: String,
    pub(crate) kind: String,
    pub(crate) payload: String,
    pub(crate) history: String,
    pub(crate) created_at: i64,
    pub(crate) failed_at: i64,
}

/// A try that came to nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// When it ended: milliseconds since 1970.
    pub at: i64,
    /// Why.
    pub cause: String,
}

/// What is written of a job whose try has ended, and that is still to be done.
pub(crate) struct Again<'a> {
    pub(crate) due: i64,
    pub(crate) failures: i64,
    pub(crate) history: &'a str,
}

/// Of which kinds of a queue jobs may be taken, and how many.
#[derive(Debug, Clone)]
pub(crate) struct Wanted {
    pub(crate) queue: &'static str,
    /// As SQL wants them: `'a', 'b'`.
    pub(crate) kinds: Arc<str>,
    /// The numbers of those that this process is doing, as SQL wants them. They aren't taken again, even if their leases could
    /// not be renewed in time or the clock was set.
    pub(crate) under_way: Arc<str>,
    pub(crate) limit: usize,
}

#[derive(QueryableByName)]
struct DueRow {
    #[diesel(sql_type = diesel::sql_types::Text)]
    queue: String,
    #[diesel(sql_type = diesel::sql_types::BigInt)]
    due_at: i64,
}

#[derive(QueryableByName)]
struct Least {
    #[diesel(sql_type = diesel::sql_types::Nullable<diesel::sql_types::BigInt>)]
    least: Option<i64>,
}

#[derive(QueryableByName)]
struct FigureRow {
    #[diesel(sql_type = diesel::sql_types::Text)]
    queue: String,
    #[diesel(sql_type = diesel::sql_types::BigInt)]
    waiting: i64,
    #[diesel(sql_type = diesel::sql_types::BigInt)]
    delayed: i64,
    #[diesel(sql_type = diesel::sql_types::BigInt)]
    running: i64,
    #[diesel(sql_type = diesel::sql_types::Nullable<diesel::sql_types::BigInt>)]
    oldest: Option<i64>,
}

/// What is to be known of a queue.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Figures {
    /// How many jobs are due and wait to be taken.
    pub waiting: i64,
    /// How many are due later.
    pub delayed: i64,
    /// How many are being done.
    pub running: i64,
    /// How many failed for good and are kept.
    pub failed: i64,
    /// Since when the one waits that is due the longest; milliseconds since 1970.
    pub oldest: Option<i64>,
    /// Whether nobody takes jobs of it in this project.
    pub paused: bool,
}

/// The queries on jobs.
pub(crate) struct JobRepository<'c>(pub(crate) &'c mut Connection);

impl JobRepository<'_> {
    /// Gives its number; none when one with the same key is there.
    pub(crate) async fn add(&mut self, row: &NewRow<'_>) -> Result<Option<i64>, Error> {
        let insert = diesel::insert_into(jobs::table).values(row);
        if row.key.is_none() {
            return Ok(Some(on_conn!(self.0, |c| insert.returning(jobs::number).get_result::<i64>(c))?));
        }
        let insert = insert.on_conflict_do_nothing().returning(jobs::number);
        Ok(on_conn!(self.0, |c| insert.get_result::<i64>(c)).optional()?)
    }

    /// Takes what is due, the longest due first; it comes back at `lease`. Numbers and names are ours, so they may stand in the
    /// statement.
    pub(crate) async fn take(
        &mut self,
        wanted: &[Wanted],
        worker: &str,
        now: i64,
        lease: i64,
    ) -> Result<Vec<JobRow>, Error> {
        if wanted.is_empty() {
            return Ok(Vec::new());
        }
        // Several workers, on PostgreSQL: each passes by what another one is just taking.
        let lock = if self.0.is_sqlite() { "" } else { " FOR UPDATE SKIP LOCKED" };
        let due = |wanted: &Wanted| {
            let of = of_queue(wanted);
            let limit = wanted.limit;
            format!(
                "SELECT number FROM jobs WHERE {of} AND due_at <= {now} ORDER BY due_at, number LIMIT {limit}{lock}"
            )
        };
        let due = united(wanted, "number", due);
        let sql = format!(
            "WITH due AS MATERIALIZED ({due}) \
             UPDATE jobs SET worker = '{worker}', takes = takes + 1, due_at = {lease}, \
             losses = losses + CASE WHEN worker IS NULL THEN 0 ELSE 1 END \
             WHERE number IN (SELECT number FROM due) RETURNING number, queue, kind, payload, due_at, worker, takes, failures, losses, history, created_at"
        );
        let query = diesel::sql_query(sql);
        let mut taken = on_conn!(self.0, |c| query.load::<JobRow>(c))?;
        taken.sort_by_key(|row| row.number);
        Ok(taken)
    }

    /// When the next job of each of these queues is due.
    pub(crate) async fn next_due(&mut self, wanted: &[Wanted]) -> Result<Vec<(String, i64)>, Error> {
        if wanted.is_empty() {
            return Ok(Vec::new());
        }
        let next = |wanted: &Wanted| {
            format!("SELECT queue, due_at FROM jobs WHERE {} ORDER BY due_at, number LIMIT 1", of_queue(wanted))
        };
        let query = diesel::sql_query(united(wanted, "queue, due_at", next));
        let rows = on_conn!(self.0, |c| query.load::<DueRow>(c))?;
        Ok(rows.into_iter().map(|row| (row.queue, row.due_at)).collect())
    }

    /// When the first job of any queue is due, whether or not anybody here would take it.
    pub(crate) async fn least_due(&mut self) -> Result<Option<i64>, Error> {
        // From queue to queue through the index, instead of through all jobs.
        let query = diesel::sql_query(
            "WITH RECURSIVE each_queue (queue) AS (SELECT min(queue) FROM jobs UNION ALL \
             SELECT (SELECT min(jobs.queue) FROM jobs WHERE jobs.queue > each_queue.queue) FROM each_queue \
             WHERE each_queue.queue IS NOT NULL) \
             SELECT min((SELECT min(jobs.due_at) FROM jobs WHERE jobs.queue = each_queue.queue)) AS least FROM each_queue",
        );
        Ok(on_conn!(self.0, |c| query.get_result::<Least>(c))?.least)
    }

    /// Whether a job of this kind waits that isn't this one, and never failed.
    pub(crate) async fn another_waits(&mut self, number: i64, queue: &str, kind: &str) -> Result<bool, Error> {
        let others =
            jobs::table.filter(jobs::queue.eq(queue)).filter(jobs::kind.eq(kind)).filter(jobs::number.ne(number));
        let waiting = others.filter(jobs::worker.is_null()).filter(jobs::failures.eq(0)).select(jobs::number).limit(1);
        Ok(on_conn!(self.0, |c| waiting.first::<i64>(c)).optional()?.is_some())
    }

    /// What others have taken is due at once: they are dead.
    pub(crate) async fn take_over(&mut self, worker: &str, now: i64) -> Result<(), Error> {
        let theirs = jobs::table.filter(jobs::worker.ne(worker));
        on_conn!(self.0, |c| diesel::update(theirs).set(jobs::due_at.eq(now)).execute(c))?;
        Ok(())
    }

    /// Goes on having it. Whether whoever took it then still has it.
    pub(crate) async fn renew(&mut self, number: i64, takes: i64, lease: i64) -> Result<bool, Error> {
        let mine = jobs::table.find(number).filter(jobs::takes.eq(takes)).filter(jobs::worker.is_not_null());
        Ok(on_conn!(self.0, |c| diesel::update(mine).set(jobs::due_at.eq(lease)).execute(c))? > 0)
    }

    /// It is done. Whether whoever took it then still has it.
    pub(crate) async fn remove(&mut self, number: i64, takes: i64) -> Result<bool, Error> {
        let mine = jobs::table.find(number).filter(jobs::takes.eq(takes));
        Ok(on_conn!(self.0, |c| diesel::delete(mine).execute(c))? > 0)
    }

    /// It is to be done later. Whether whoever took it then still has it.
    pub(crate) async fn again(&mut self, number: i64, takes: i64, again: &Again<'_>) -> Result<bool, Error> {
        let mine = jobs::table.find(number).filter(jobs::takes.eq(takes));
        let set = (
            jobs::due_at.eq(again.due),
            jobs::worker.eq(None::<&str>),
            jobs::failures.eq(again.failures),
            jobs::losses.eq(0),
            jobs::history.eq(again.history),
        );
        Ok(on_conn!(self.0, |c| diesel::update(mine).set(set).execute(c))? > 0)
    }

    /// Gives it back as it was, because this process ends.
    pub(crate) async fn give_back(&mut self, number: i64, takes: i64, now: i64) -> Result<(), Error> {
        let mine = jobs::table.find(number).filter(jobs::takes.eq(takes));
        let set = (jobs::due_at.eq(now), jobs::worker.eq(None::<&str>));
        on_conn!(self.0, |c| diesel::update(mine).set(set).execute(c))?;
        Ok(())
    }

    /// It has failed for good. Whether whoever took it then still has it.
    pub(crate) async fn fail(&mut self, number: i64, takes: i64, history: &str, now: i64) -> Result<bool, Error> {
        let query = jobs::table.find(number).filter(jobs::takes.eq(takes)).select((
            jobs::queue,
            jobs::kind,
            jobs::payload,
            jobs::key,
            jobs::created_at,
        ));
        type Kept = (String, String, String, Option<String>, i64);
        let Some((queue, kind, payload, key, created)) = on_conn!(self.0, |c| query.first::<Kept>(c)).optional()?
        else {
            return Ok(false);
        };
        if !self.remove(number, takes).await? {
            return Ok(false);
        }
        let row = (
            failed_jobs::number.eq(number),
            failed_jobs::queue.eq(queue),
            failed_jobs::kind.eq(kind),
            failed_jobs::payload.eq(payload),
            failed_jobs::key.eq(key),
            failed_jobs::takes.eq(takes),
            failed_jobs::history.eq(history),
            failed_jobs::created_at.eq(created),
            failed_jobs::failed_at.eq(now),
        );
        on_conn!(self.0, |c| diesel::insert_into(failed_jobs::table).values(row).execute(c))?;
        self.forget_failed(now).await?;
        Ok(true)
    }

    async fn forget_failed(&mut self, now: i64) -> Result<(), Error> {
        let oldest = now - i64::try_from(FAILED_FOR.as_millis()).unwrap_or(i64::MAX);
        let too_many = failed_jobs::table.order(failed_jobs::failed_at.desc()).offset(MOST_FAILED).limit(1);
        let too_many = too_many.select(failed_jobs::failed_at);
        let too_many = on_conn!(self.0, |c| too_many.first::<i64>(c)).optional()?;
        let these = failed_jobs::table.filter(failed_jobs::failed_at.le(too_many.unwrap_or(oldest).max(oldest)));
        on_conn!(self.0, |c| diesel::delete(these).execute(c))?;
        Ok(())
    }

    /// A job that is still to be done.
    pub(crate) async fn job(&mut self, number: i64) -> Result<Option<JobRow>, Error> {
        let query = jobs::table.find(number);
        Ok(on_conn!(self.0, |c| query.select(JobRow::as_select()).first::<JobRow>(c)).optional()?)
    }

    /// One that failed for good.
    pub(crate) async fn failed(&mut self, number: i64) -> Result<Option<FailedRow>, Error> {
        let query = failed_jobs::table.find(number);
        Ok(on_conn!(self.0, |c| query.select(FailedRow::as_select()).first::<FailedRow>(c)).optional()?)
    }

    /// Puts those that failed, of this number or of this queue, back into the queue, as if never tried, without their keys (a
    /// job with the same may be there by now). How many.
    pub(crate) async fn retry(&mut self, which: Which<'_>, now: i64) -> Result<usize, Error> {
        let these = which.failed();
        let insert = format!(
            "INSERT INTO jobs (number, queue, kind, payload, due_at, takes, history, created_at) \
             SELECT number, queue, kind, payload, {now}, takes, history, created_at FROM failed_jobs WHERE {these}"
        );
        let remove = format!("DELETE FROM failed_jobs WHERE {these}");
        let queue = which.queue().to_owned();
        let insert = diesel::sql_query(insert).bind::<diesel::sql_types::Text, _>(queue.clone());
        on_conn!(self.0, |c| insert.execute(c))?;
        let remove = diesel::sql_query(remove).bind::<diesel::sql_types::Text, _>(queue);
        Ok(on_conn!(self.0, |c| remove.execute(c))?)
    }

    /// Removes one that failed, or one that nobody is doing at the moment. Whether it was there.
    pub(crate) async fn discard(&mut self, number: i64, now: i64) -> Result<bool, Error> {
        if on_conn!(self.0, |c| diesel::delete(failed_jobs::table.find(number)).execute(c))? > 0 {
            return Ok(true);
        }
        let waiting = jobs::table.find(number).filter(jobs::worker.is_null().or(jobs::due_at.le(now)));
        Ok(on_conn!(self.0, |c| diesel::delete(waiting).execute(c))? > 0)
    }

    /// Removes all of a queue that failed. How many.
    pub(crate) async fn discard_failed(&mut self, queue: &str) -> Result<usize, Error> {
        let these = failed_jobs::table.filter(failed_jobs::queue.eq(queue));
        Ok(on_conn!(self.0, |c| diesel::delete(these).execute(c))?)
    }

    pub(crate) async fn pause(&mut self, queue: &str, now: i64) -> Result<(), Error> {
        let row = (paused_queues::queue.eq(queue), paused_queues::paused_at.eq(now));
        let insert = diesel::insert_into(paused_queues::table).values(row).on_conflict_do_nothing();
        on_conn!(self.0, |c| insert.execute(c))?;
        Ok(())
    }

    pub(crate) async fn resume(&mut self, queue: &str) -> Result<bool, Error> {
        Ok(on_conn!(self.0, |c| diesel::delete(paused_queues::table.find(queue)).execute(c))? > 0)
    }

    pub(crate) async fn paused(&mut self) -> Result<Vec<String>, Error> {
        let query = paused_queues::table.order(paused_queues::queue).select(paused_queues::queue);
        Ok(on_conn!(self.0, |c| query.load::<String>(c))?)
    }
}

/// Which failed jobs are meant.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Which<'w> {
    One(i64),
    AllOf(&'w str),
}

impl Which<'_> {
    /// As SQL, with the queue as the one parameter.
    fn failed(&self) -> String {
        match self {
            Self::One(number) => format!("number = {number} AND $1 = ''"),
            Self::AllOf(_) => "queue = $1".to_owned(),
        }
    }

    fn queue(&self) -> &str {
        match self {
            Self::One(_) => "",
            Self::AllOf(queue) => queue,
        }
    }
}

/// What holds for the jobs of a queue that may be taken.
fn of_queue(wanted: &Wanted) -> String {
    let Wanted { queue, kinds, under_way, .. } = wanted;
    let not_ours = if under_way.is_empty() { String::new() } else { format!(" AND number NOT IN ({under_way})") };
    format!(
        "queue = '{queue}' AND kind IN ({kinds}){not_ours} \
         AND NOT EXISTS (SELECT 1 FROM paused_queues WHERE paused_queues.queue = '{queue}')"
    )
}

/// One query of several, each with an order and a limit of its own.
fn united(wanted: &[Wanted], columns: &str, each: impl Fn(&Wanted) -> String) -> String {
    let parts =
        wanted.iter().enumerate().map(|(n, wanted)| format!("SELECT {columns} FROM ({}) AS q{n}", each(wanted)));
    parts.collect::<Vec<_>>().join(" UNION ALL ")
}

/// Jobs that are still to be done, of one queue or all, by number.
pub(crate) async fn list_live(
    store: &Store,
    queue: Option<&str>,
    state: Live,
    now: i64,
    after: i64,
    limit: i64,
) -> Result<Vec<JobRow>, Error> {
    let queue = queue.map(str::to_owned);
    let is_any = queue.is_none();
    let of_queue = jobs::queue.eq(queue.unwrap_or_default());
    let waits = jobs::worker.is_null();
    let query =
        jobs::table.filter(jobs::number.gt(after)).filter(of_queue.or(is_any.into_sql::<diesel::sql_types::Bool>()));
    let query = query.order(jobs::number).limit(limit);
    match state {
        Live::Waiting => {
            let query = query.filter(jobs::due_at.le(now));
            on_scan!(store, |c| query.clone().select(JobRow::as_select()).load::<JobRow>(c))
        }
        Live::Delayed => {
            let query = query.filter(waits.and(jobs::due_at.gt(now)));
            on_scan!(store, |c| query.clone().select(JobRow::as_select()).load::<JobRow>(c))
        }
        Live::Running => {
            let query = query.filter(jobs::worker.is_not_null().and(jobs::due_at.gt(now)));
            on_scan!(store, |c| query.clone().select(JobRow::as_select()).load::<JobRow>(c))
        }
    }
}

/// How a job stands that is still to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Live {
    Waiting,
    Delayed,
    Running,
}

/// Jobs that failed, of one queue or all, by number.
pub(crate) async fn list_failed(
    store: &Store,
    queue: Option<&str>,
    after: i64,
    limit: i64,
) -> Result<Vec<FailedRow>, Error> {
    let queue = queue.map(str::to_owned);
    let is_any = queue.is_none();
    let of_queue = failed_jobs::queue.eq(queue.unwrap_or_default());
    let query = failed_jobs::table
        .filter(failed_jobs::number.gt(after))
        .filter(of_queue.or(is_any.into_sql::<diesel::sql_types::Bool>()))
        .order(failed_jobs::number)
        .limit(limit);
    on_scan!(store, |c| query.clone().select(FailedRow::as_select()).load::<FailedRow>(c))
}

/// What is to be known of each queue that has jobs, or is paused.
pub(crate) async fn figures(store: &Store, now: i64) -> Result<Vec<(String, Figures)>, Error> {
    let sql = format!(
        "SELECT queue, CAST(sum(CASE WHEN due_at <= {now} THEN 1 ELSE 0 END) AS BIGINT) AS waiting, \
         CAST(sum(CASE WHEN due_at > {now} AND worker IS NULL THEN 1 ELSE 0 END) AS BIGINT) AS delayed, \
         CAST(sum(CASE WHEN due_at > {now} AND worker IS NOT NULL THEN 1 ELSE 0 END) AS BIGINT) AS running, \
         min(CASE WHEN due_at <= {now} THEN due_at END) AS oldest FROM jobs GROUP BY queue ORDER BY queue"
    );
    let live = on_scan!(store, |c| diesel::sql_query(&sql).load::<FigureRow>(c))?;
    let failed =
        failed_jobs::table.group_by(failed_jobs::queue).select((failed_jobs::queue, diesel::dsl::count_star()));
    let failed = on_scan!(store, |c| failed.load::<(String, i64)>(c))?;
    let paused = JobRepository(&mut store.read().await?).paused().await?;
    let mut all = std::collections::BTreeMap::<String, Figures>::new();
    for row in live {
        let FigureRow { queue, waiting, delayed, running, oldest } = row;
        all.insert(queue, Figures { waiting, delayed, running, oldest, ..Figures::default() });
    }
    for (queue, failed) in failed {
        all.entry(queue).or_default().failed = failed;
    }
    for queue in paused {
        all.entry(queue).or_default().paused = true;
    }
    Ok(all.into_iter().collect())
}

/// A history with one more entry.
pub(crate) fn with_attempt(history: &str, at: i64, cause: &str) -> String {
    let mut all = attempts(history);
    let end = cause.char_indices().nth(MOST_CAUSE).map_or(cause.len(), |(end, _)| end);
    all.push(Attempt { at, cause: cause[..end].to_owned() });
    let from = all.len().saturating_sub(MOST_HISTORY);
    serde_json::to_string(&all[from..]).unwrap_or_else(|_| "[]".to_owned())
}

/// What a history says.
pub(crate) fn attempts(history: &str) -> Vec<Attempt> {
    // Ours, so it can be read; and a job must not be lost for it.
    serde_json::from_str(history).unwrap_or_default()
}
