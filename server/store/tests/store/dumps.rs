//! PostgreSQL's tables while somebody else has them for long, as a dump does.

use crate::common::Home;
use floe_store::{Error, Store};
use std::time::{Duration, Instant};

/// As a version before the newest migration left a project. (To be held against that migration when there is another one.)
const BEFORE_THE_LAST: &str = "DROP INDEX permission_sets_retired; ALTER TABLE permission_sets DROP COLUMN retired; \
    ALTER TABLE permission_grants ADD CONSTRAINT permission_grants_set_id_fkey FOREIGN KEY (set_id) REFERENCES permission_sets; \
    DELETE FROM __diesel_schema_migrations WHERE version LIKE '%000070'";

async fn run(store: &Store, sql: &str) {
    let mut unit = store.begin().await.unwrap();
    unit.execute_ddl(sql).await.unwrap();
    unit.commit().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_project_that_is_being_dumped_is_migrated_afterwards_and_holds_nobody_up() {
    let Some(home) = Home::postgres() else { return };
    let before = home.store().await;
    run(&before, BEFORE_THE_LAST).await;
    let mut dump = before.begin().await.unwrap();
    dump.batch("LOCK TABLE permission_sets IN ACCESS SHARE MODE").await.unwrap();
    let (asked, stores) = (Instant::now(), home.stores().await);
    let refused = stores.project(&home.id("one"), 1).await.err();
    assert!(matches!(refused, Some(Error::Busy)), "{refused:?}");
    assert!(asked.elapsed() < Duration::from_secs(8), "{:?}", asked.elapsed());
    before.read().await.unwrap().batch("SELECT * FROM permission_sets").await.unwrap();
    drop(dump);
    let after = stores.project(&home.id("one"), 1).await.unwrap();
    after.read().await.unwrap().batch("SELECT retired FROM permission_sets").await.unwrap();
    home.clean_up().await;
}
