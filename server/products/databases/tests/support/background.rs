//! Tables that count as large, and waiting for what is done about them behind the API's back.

use floe_store::prelude::*;
use floe_testkit::House;
use std::time::{Duration, Instant};

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = diesel::sql_types::BigInt)]
    n: i64,
}

/// Runs statements on a project's own database.
pub async fn sql(house: &House, project: &str, sql: &str) {
    let mut unit = house.floe.stores.project(project).await.unwrap().begin().await.unwrap();
    unit.batch(sql).await.unwrap();
    unit.commit().await.unwrap();
}

/// What `SELECT count(*) AS n …` gives; `None` when there is no such table or column.
pub async fn count(house: &House, project: &str, of: &str) -> Option<i64> {
    let mut conn = house.floe.stores.project(project).await.unwrap().read().await.unwrap();
    let query = format!("SELECT count(*) AS n FROM {of}");
    on_conn!(conn, |c| diesel::sql_query(&query).get_result::<Count>(c)).ok().map(|count| count.n)
}

/// Makes the first table of a project one that counts as large, although it has few rows: the last one gets a number as
/// if there were many before it.
pub async fn enlarge(house: &House, project: &str) {
    let last = "(SELECT max(_sequence) FROM rows_1)";
    sql(house, project, &format!("UPDATE rows_1 SET _sequence = 5000000 WHERE _sequence = {last}")).await;
}

/// Waits until this holds.
pub async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !holds().await {
        assert!(Instant::now() < deadline, "{what} within a minute");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Waits until nothing is left to be done in a project.
pub async fn until_done(house: &House, project: &str) {
    until("all chores are done", async || count(house, project, "chores").await == Some(0)).await;
}
