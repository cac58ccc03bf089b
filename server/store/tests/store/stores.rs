//! Stores: opened at first use, closed when idle, removed for good; isolated from each other.

use crate::common::Home;
use floe_store::{Error, Stores};
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

on_both! {
    async fn a_project_must_be_made_before_it_is_opened(home: &Home) {
        let stores = home.stores().await;
        let id = home.id("one");
        assert!(matches!(stores.project(&id).await, Err(Error::NotFound)));
        stores.create_project(&id).await.unwrap();
        stores.create_project(&id).await.unwrap();
        stores.project(&id).await.unwrap();
        stores.ping().await.unwrap();
    }
}

on_both! {
    async fn projects_see_nothing_of_each_other(home: &Home) {
        let stores = home.stores().await;
        let one = stores.create_project(&home.id("one")).await.unwrap();
        let two = stores.create_project(&home.id("two")).await.unwrap();
        let mut unit = one.begin().await.unwrap();
        unit.execute_ddl("CREATE TABLE secret (id BIGINT)").await.unwrap();
        unit.commit().await.unwrap();
        for _ in 0..4 {
            one.read().await.unwrap().batch("SELECT id FROM secret").await.unwrap();
            assert!(two.read().await.unwrap().batch("SELECT id FROM secret").await.is_err());
            assert!(two.begin().await.unwrap().batch("SELECT id FROM secret").await.is_err());
        }
    }
}

on_both! {
    async fn a_deleted_project_is_gone_for_good(home: &Home) {
        let stores = home.stores().await;
        let id = home.id("one");
        let held = stores.create_project(&id).await.unwrap();
        let mut unit = held.begin().await.unwrap();
        unit.execute_ddl("CREATE TABLE secret (id BIGINT)").await.unwrap();
        unit.commit().await.unwrap();
        stores.delete_project(&id).await.unwrap();
        stores.delete_project(&id).await.unwrap();
        assert!(matches!(stores.project(&id).await, Err(Error::NotFound)));
        if held.is_sqlite() {
            assert!(matches!(held.begin().await, Err(Error::Unavailable(_))));
            assert!(matches!(held.read().await, Err(Error::Unavailable(_))));
        }
        let again = stores.create_project(&id).await.unwrap();
        assert!(again.read().await.unwrap().batch("SELECT id FROM secret").await.is_err());
        assert!(matches!(stores.delete_project("console").await, Err(Error::NotFound)));
    }
}

on_both! {
    async fn many_may_ask_for_a_project_that_is_not_open(home: &Home) {
        home.stores().await.create_project(&home.id("one")).await.unwrap();
        let stores = home.stores().await;
        let asking: Vec<_> = (0..32).map(|_| {
            let (stores, id) = (stores.clone(), home.id("one"));
            tokio::spawn(async move { stores.project(&id).await.map(drop) })
        }).collect();
        for one in asking { one.await.unwrap().unwrap(); }
        assert_eq!(stores.open_count(), 2, "the platform's and the project's");
    }
}

on_both! {
    async fn several_processes_may_migrate_at_once(home: &Home) {
        home.stores().await;
        let id = home.id("one");
        let all: Vec<_> = (0..6).map(|_| {
            let (settings, id) = (home.settings.clone(), id.clone());
            tokio::spawn(async move {
                let stores = Stores::open(settings).await?;
                stores.create_project(&id).await?.read().await?.batch("SELECT id FROM outbox").await
            })
        }).collect();
        for one in all { one.await.unwrap().unwrap(); }
    }
}

on_both! {
    async fn the_platform_has_tables_of_its_own(home: &Home) {
        let stores = home.stores().await;
        let project = stores.create_project(&home.id("one")).await.unwrap();
        let query = "SELECT key, value FROM settings";
        stores.platform().await.unwrap().read().await.unwrap().batch(query).await.unwrap();
        stores.project("console").await.unwrap().read().await.unwrap().batch("SELECT id FROM outbox").await.unwrap();
        assert!(project.read().await.unwrap().batch(query).await.is_err());
    }
}

on_both! {
    async fn refuses_ids_that_could_leave_their_place(home: &Home) {
        let stores = home.stores().await;
        for id in ["", ".", "..", "../platform", "a/b", "a\\b", "A", "ä", "a\0b", "a\"b", "-a", "_a", &"a".repeat(37)] {
            assert!(matches!(stores.create_project(id).await, Err(Error::NotFound)), "{id:?}");
            assert!(matches!(stores.project(id).await, Err(Error::NotFound)), "{id:?}");
            assert!(matches!(stores.delete_project(id).await, Err(Error::NotFound)), "{id:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn closes_what_is_idle_but_not_what_is_in_use() {
    let home = Home::sqlite().idle_time(Duration::from_millis(100));
    let stores = home.stores().await;
    let held = stores.create_project("held").await.unwrap();
    stores.create_project("idle").await.unwrap();
    assert_eq!(stores.open_count(), 3);
    tokio::time::sleep(Duration::from_millis(250)).await;
    assert_eq!(stores.open_count(), 2, "the platform's, and the one that is held");
    held.read().await.unwrap().batch("SELECT id FROM outbox").await.unwrap();
    drop(held);
    tokio::time::sleep(Duration::from_millis(250)).await;
    assert_eq!(stores.open_count(), 1);
    let data = home.folder.as_ref().unwrap().path().join("data/projects");
    assert!(!data.join("idle.db-wal").exists(), "the log is written into the file");
    stores.project("idle").await.unwrap();
    assert_eq!(stores.open_count(), 2);
    tokio::time::sleep(Duration::from_millis(250)).await;
    assert_eq!(stores.open_count(), 1, "it is looked after again");
}

#[tokio::test(flavor = "multi_thread")]
async fn closes_the_least_recently_used_when_there_are_too_many() {
    let mut home = Home::sqlite();
    home.settings.max_open = 3;
    let stores = home.stores().await;
    for id in ["a", "b", "c", "d"] {
        stores.create_project(id).await.unwrap();
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    assert_eq!(stores.open_count(), 3);
    let (_a, _b) = (stores.project("a").await.unwrap(), stores.project("b").await.unwrap());
    let _c = stores.project("c").await.unwrap();
    assert_eq!(stores.open_count(), 4, "what is in use stays open, whatever the limit");
}

#[tokio::test(flavor = "multi_thread")]
async fn closing_leaves_files_that_need_no_recovery() {
    let home = Home::sqlite();
    let stores = home.stores().await;
    let store = stores.create_project("one").await.unwrap();
    let mut unit = store.begin().await.unwrap();
    unit.batch("INSERT INTO outbox (event, payload, created_at) VALUES ('a', '{}', 1)").await.unwrap();
    unit.commit().await.unwrap();
    stores.close().await;
    assert!(matches!(store.begin().await, Err(Error::Unavailable(_))));
    let log = home.folder.as_ref().unwrap().path().join("data/projects/one.db-wal");
    assert_eq!(log.metadata().map_or(0, |log| log.len()), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn files_are_for_their_owner_alone() {
    let home = Home::sqlite();
    let stores = home.stores().await;
    let store = stores.create_project("one").await.unwrap();
    store.begin().await.unwrap().batch("DELETE FROM outbox").await.unwrap();
    let data = home.folder.as_ref().unwrap().path().join("data");
    let mode = |path: &str| data.join(path).metadata().unwrap().permissions().mode() & 0o777;
    for folder in ["", "projects"] {
        assert_eq!(mode(folder), 0o700, "{folder}");
    }
    for file in ["platform.db", "projects/one.db", "projects/one.db-wal", "projects/one.db-shm"] {
        assert_eq!(mode(file), 0o600, "{file}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_project_inherits_nothing_from_the_log_of_a_dead_one() {
    let home = Home::sqlite();
    let stores = home.stores().await;
    let projects = home.folder.as_ref().unwrap().path().join("data/projects");
    std::fs::write(projects.join("one.db-wal"), b"left behind").unwrap();
    stores.create_project("one").await.unwrap().read().await.unwrap().batch("SELECT id FROM outbox").await.unwrap();
}
