//! Tables that count as large, and waiting for what is done about them behind the API's back.

use floe_store::prelude::*;
use floe_testkit::{TestServer, until};

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = diesel::sql_types::BigInt)]
    n: i64,
}

/// Runs statements on a project's own database.
pub(crate) async fn sql(floe: &TestServer, project: &str, sql: &str) {
    let mut unit = floe.store(project).await.begin().await.unwrap();
    unit.batch(sql).await.unwrap();
    unit.commit().await.unwrap();
}

/// What `SELECT count(*) AS n …` gives; `None` when there is no such table or column.
pub(crate) async fn count(floe: &TestServer, project: &str, of: &str) -> Option<i64> {
    let mut conn = floe.store(project).await.read().await.unwrap();
    let query = format!("SELECT count(*) AS n FROM {of}");
    on_conn!(conn, |c| diesel::sql_query(&query).get_result::<Count>(c)).ok().map(|count| count.n)
}

/// Makes the first table of a project one that counts as large, although it has few rows: the last one gets a number as
/// if there were many before it.
pub(crate) async fn enlarge(floe: &TestServer, project: &str) {
    let last = "(SELECT max(_sequence) FROM rows_1)";
    sql(floe, project, &format!("UPDATE rows_1 SET _sequence = 5000000 WHERE _sequence = {last}")).await;
}

/// Waits until nothing is left to be done in a project, also what was put off.
pub(crate) async fn until_done(floe: &TestServer, project: &str) {
    let is_done = async || {
        floe.later(1);
        count(floe, project, "schema_jobs").await == Some(0)
    };
    until("all jobs are done", is_done).await;
}
