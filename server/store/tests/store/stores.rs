//! Stores: opened at first use, closed when idle, removed for good; isolated from each other.

use crate::common::Home;
use floe_store::{Backend, Error, Stores};
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

on_both! {
    async fn a_project_must_be_made_before_it_is_opened(home: &Home) {
        let stores = home.stores().await;
        let id = home.id("one");
        assert!(matches!(stores.project(&id, 1).await, Err(Error::ProjectNotFound)));
        stores.create_project(&id, 1).await.unwrap();
        stores.create_project(&id, 1).await.unwrap();
        stores.project(&id, 1).await.unwrap();
        stores.ping().await.unwrap();
    }
}

on_both! {
    async fn projects_see_nothing_of_each_other(home: &Home) {
        let stores = home.stores().await;
        let one = stores.create_project(&home.id("one"), 1).await.unwrap();
        let two = stores.create_project(&home.id("two"), 1).await.unwrap();
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
        let held = stores.create_project(&id, 1).await.unwrap();
        let mut unit = held.begin().await.unwrap();
        unit.execute_ddl("CREATE TABLE secret (id BIGINT)").await.unwrap();
        unit.commit().await.unwrap();
        stores.delete_project(&id, 1).await.unwrap();
        stores.delete_project(&id, 1).await.unwrap();
        assert!(matches!(stores.project(&id, 1).await, Err(Error::ProjectNotFound)));
        assert!(matches!(held.begin().await, Err(Error::ProjectNotFound)));
        assert!(matches!(held.read().await, Err(Error::ProjectNotFound)));
        let again = stores.create_project(&id, 2).await.unwrap();
        assert!(matches!(stores.project(&id, 1).await, Err(Error::ProjectNotFound)), "that one is gone for good");
        assert!(matches!(held.begin().await, Err(Error::ProjectNotFound)));
        stores.project(&id, 2).await.unwrap();
        // Whoever is late with removing the old one removes nothing.
        stores.delete_project(&id, 1).await.unwrap();
        stores.project(&id, 2).await.unwrap();
        assert!(again.read().await.unwrap().batch("SELECT id FROM secret").await.is_err());
        assert!(matches!(stores.delete_project("console", 1).await, Err(Error::ProjectNotFound)));
    }
}

on_both! {
    async fn many_may_ask_for_a_project_that_is_not_open(home: &Home) {
        home.stores().await.create_project(&home.id("one"), 1).await.unwrap();
        let stores = home.stores().await;
        let asking: Vec<_> = (0..32).map(|_| {
            let (stores, id) = (stores.clone(), home.id("one"));
            tokio::spawn(async move { stores.project(&id, 1).await.map(drop) })
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
                stores.create_project(&id, 1).await?.read().await?.batch("SELECT number FROM jobs").await
            })
        }).collect();
        for one in all { one.await.unwrap().unwrap(); }
    }
}

on_both! {
    async fn the_platform_has_tables_of_its_own(home: &Home) {
        let stores = home.stores().await;
        let project = stores.create_project(&home.id("one"), 1).await.unwrap();
        let query = "SELECT key, value FROM settings";
        stores.platform().await.unwrap().read().await.unwrap().batch(query).await.unwrap();
        stores.project("console", 1).await.unwrap().read().await.unwrap().batch("SELECT number FROM jobs").await.unwrap();
        assert!(project.read().await.unwrap().batch(query).await.is_err());
    }
}

on_both! {
    async fn refuses_ids_that_could_leave_their_place(home: &Home) {
        let stores = home.stores().await;
        for id in ["", ".", "..", "../platform", "a/b", "a\\b", "A", "ä", "a\0b", "a\"b", "-a", "_a", &"a".repeat(37)] {
            assert!(matches!(stores.create_project(id, 1).await, Err(Error::ProjectNotFound)), "{id:?}");
            assert!(matches!(stores.project(id, 1).await, Err(Error::ProjectNotFound)), "{id:?}");
            assert!(matches!(stores.delete_project(id, 1).await, Err(Error::ProjectNotFound)), "{id:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn closes_what_is_idle_but_not_what_is_in_use() {
    let home = Home::sqlite().idle_time(Duration::from_millis(100));
    let stores = home.stores().await;
    let held = stores.create_project("held", 1).await.unwrap();
    stores.create_project("idle", 1).await.unwrap();
    assert_eq!(stores.open_count(), 3);
    tokio::time::sleep(Duration::from_millis(250)).await;
    assert_eq!(stores.open_count(), 2, "the platform's, and the one that is held");
    held.read().await.unwrap().batch("SELECT number FROM jobs").await.unwrap();
    drop(held);
    tokio::time::sleep(Duration::from_millis(250)).await;
    assert_eq!(stores.open_count(), 1);
    let data = home.folder.as_ref().unwrap().path().join("data/projects");
    assert!(!data.join("idle.db-wal").exists(), "the log is written into the file");
    stores.project("idle", 1).await.unwrap();
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
        stores.create_project(id, 1).await.unwrap();
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    assert_eq!(stores.open_count(), 3);
    let (_a, _b) = (stores.project("a", 1).await.unwrap(), stores.project("b", 1).await.unwrap());
    let _c = stores.project("c", 1).await.unwrap();
    assert_eq!(stores.open_count(), 4, "what is in use stays open, whatever the limit");
}

#[tokio::test(flavor = "multi_thread")]
async fn closing_leaves_files_that_need_no_recovery() {
    let home = Home::sqlite();
    let stores = home.stores().await;
    let store = stores.create_project("one", 1).await.unwrap();
    let mut unit = store.begin().await.unwrap();
    unit.batch("INSERT INTO jobs (queue, kind, payload, due_at, created_at) VALUES ('a', 'a', '{}', 1, 1)")
        .await
        .unwrap();
    unit.commit().await.unwrap();
    stores.close().await;
    assert!(matches!(store.begin().await, Err(Error::Closed)));
    let log = home.folder.as_ref().unwrap().path().join("data/projects/one.db-wal");
    assert_eq!(log.metadata().map_or(0, |log| log.len()), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn files_are_for_their_owner_alone() {
    let home = Home::sqlite();
    let stores = home.stores().await;
    let store = stores.create_project("one", 1).await.unwrap();
    store.begin().await.unwrap().batch("DELETE FROM jobs").await.unwrap();
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
    stores
        .create_project("one", 1)
        .await
        .unwrap()
        .read()
        .await
        .unwrap()
        .batch("SELECT number FROM jobs")
        .await
        .unwrap();
}

on_both! {
    async fn data_of_another_generation_is_given_to_nobody(home: &Home) {
        let id = home.id("one");
        home.stores().await.create_project(&id, 7).await.unwrap();
        let stores = home.stores().await;
        for other in [6, 8] {
            assert!(matches!(stores.project(&id, other).await, Err(Error::ProjectNotFound)), "{other}");
        }
        let store = stores.project(&id, 7).await.unwrap();
        assert!(matches!(stores.project(&id, 6).await, Err(Error::ProjectNotFound)), "an old one, while it is open");
        // One that is open here and was made anew elsewhere.
        assert!(matches!(stores.project(&id, 8).await, Err(Error::ProjectNotFound)));
        assert!(matches!(store.read().await, Err(Error::Closed)));
        stores.project(&id, 7).await.unwrap();
        stores.delete_project(&id, 7).await.unwrap();
    }
}

on_both! {
    async fn work_in_the_background_is_no_use_of_a_project(home: &Home) {
        let id = home.id("one");
        let stores = home.stores().await;
        stores.create_project(&id, 1).await.unwrap();
        stores.close_idle_now().await;
        let held = stores.project_in_background(&id, 1).await.unwrap();
        held.read().await.unwrap().batch("SELECT number FROM jobs").await.unwrap();
        assert_eq!(stores.open_count(), 2);
        let more: Vec<_> = {
            let mut more = Vec::new();
            for _ in 0..23 {
                more.push(stores.project_in_background(&id, 1).await.unwrap());
            }
            more
        };
        let one_too_many = stores.project_in_background(&id, 1);
        assert!(tokio::time::timeout(Duration::from_millis(50), one_too_many).await.is_err(), "so many are held at a time");
        stores.project(&id, 1).await.unwrap();
        drop((held, more));
        // It doesn't keep the project from being deleted.
        let held = stores.project_in_background(&id, 1).await.unwrap();
        stores.delete_project(&id, 1).await.unwrap();
        assert!(matches!(held.begin().await, Err(Error::ProjectNotFound)));
    }
}

on_both! {
    async fn work_in_the_background_ends_before_the_stores_are_closed(home: &Home) {
        let stores = home.stores().await;
        let store = stores.create_project(&home.id("one"), 1).await.unwrap();
        let (tasks, ended) = (stores.tasks().clone(), std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false)));
        let (seen, stopping) = (ended.clone(), tasks.clone());
        tasks.spawn(async move {
            stopping.stopping().await;
            let wrote = async {
                let mut unit = store.begin().await?;
                unit.batch("DELETE FROM jobs").await?;
                unit.commit().await
            };
            seen.store(wrote.await.is_ok(), std::sync::atomic::Ordering::SeqCst);
        });
        stores.close().await;
        assert!(ended.load(std::sync::atomic::Ordering::SeqCst), "it could still write");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn files_that_no_project_has_are_put_aside_and_those_that_one_has_stay() {
    let home = Home::sqlite();
    let stores = home.stores().await;
    for id in ["kept", "lost"] {
        stores.create_project(id, 1).await.unwrap();
    }
    stores.close_idle_now().await;
    let _lock = stores.hold_lifecycle_alone().await.unwrap();
    stores.set_aside_unclaimed(&[("kept".to_owned(), 1)].into()).await.unwrap();
    let data = home.folder.as_ref().unwrap().path().join("data");
    assert!(data.join("projects/kept.db").exists() && !data.join("projects/lost.db").exists());
    assert_eq!(std::fs::read_dir(data.join("unclaimed")).unwrap().count(), 1, "nothing is lost");
    stores.project("kept", 1).await.unwrap();
    // Nor does a new project get what another one of its id has left.
    std::fs::copy(data.join("projects/kept.db"), data.join("projects/new.db")).unwrap();
    let new = stores.create_project("new", 9).await.unwrap();
    new.read().await.unwrap().batch("SELECT number FROM jobs").await.unwrap();
    assert_eq!(std::fs::read_dir(data.join("unclaimed")).unwrap().count(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_damaged_is_told_and_opened_again_once_it_is_restored() {
    let home = Home::sqlite();
    let stores = home.stores().await;
    stores.create_project("one", 1).await.unwrap();
    stores.create_project("two", 1).await.unwrap();
    stores.close_idle_now().await;
    let file = home.folder.as_ref().unwrap().path().join("data/projects/one.db");
    let whole = std::fs::read(&file).unwrap();
    let mut torn = whole.clone();
    torn[100..4096].fill(0xff);
    for damaged in [Vec::new(), b"not a database at all".to_vec(), torn] {
        std::fs::write(&file, damaged).unwrap();
        let refused = stores.project("one", 1).await.err();
        assert!(matches!(&refused, Some(Error::Damaged(what)) if what.contains("\"one\"")), "{refused:?}");
        assert_eq!(stores.ailing(), [("one".to_owned(), floe_store::Ailment::Damaged)]);
        stores.project("two", 1).await.unwrap();
    }
    std::fs::write(&file, whole).unwrap();
    stores.project("one", 1).await.unwrap();
    assert_eq!(stores.ailing(), []);
}

/// What a newer program has written into its register of migrations.
const NEWER: &str = "INSERT INTO __diesel_schema_migrations (version) VALUES ('90000101000000')";

async fn written_by_a_newer_one(store: &floe_store::Store) {
    let mut unit = store.begin().await.unwrap();
    unit.batch(NEWER).await.unwrap();
    unit.commit().await.unwrap();
}

on_both! {
    async fn a_project_that_a_newer_program_has_migrated_is_refused(home: &Home) {
        let stores = home.stores().await;
        let (one, two) = (home.id("one"), home.id("two"));
        written_by_a_newer_one(&stores.create_project(&one, 1).await.unwrap()).await;
        stores.create_project(&two, 1).await.unwrap();
        stores.close_idle_now().await;
        let refused = stores.project(&one, 1).await.err();
        let says_so = |what: &str| what.contains(&one) && what.contains("newer version of Floe") && what.contains("90000101000000");
        assert!(matches!(&refused, Some(Error::Damaged(what)) if says_so(what) && !what.contains("damaged")), "{refused:?}");
        assert_eq!(stores.ailing(), [(one.clone(), floe_store::Ailment::Damaged)]);
        stores.project(&two, 1).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_platform_that_a_newer_program_has_migrated_is_not_opened() {
    let home = Home::sqlite();
    let stores = home.stores().await;
    written_by_a_newer_one(&stores.platform().await.unwrap()).await;
    stores.close().await;
    let refused = floe_store::Stores::open(home.settings.clone()).await.err();
    let says_so = |what: &str| what.contains("the platform") && what.contains("newer version of Floe");
    assert!(matches!(&refused, Some(Error::Damaged(what)) if says_so(what)), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn many_idle_stores_close_a_few_at_a_time() {
    let home = Home::sqlite().idle_time(Duration::from_millis(1500));
    let stores = home.stores().await;
    for n in 0..40 {
        stores.create_project(&format!("p{n}"), 1).await.unwrap();
    }
    let threads = || std::fs::read_dir("/proc/self/task").unwrap().count();
    let before = threads();
    let mut most = before;
    while stores.open_count() > 1 {
        most = most.max(threads());
        tokio::task::yield_now().await;
    }
    assert!(most <= before + 8, "{before} threads became {most}");
    let logs = home.folder.as_ref().unwrap().path().join("data/projects");
    stores.close().await;
    let is_log = |file: &std::path::Path| file.extension().is_some_and(|end| end != "db");
    assert!(!std::fs::read_dir(logs).unwrap().any(|file| is_log(&file.unwrap().path())), "each log is in its file");
}

/// Else whoever comes first would be the first owner of all of them.
#[tokio::test(flavor = "multi_thread")]
async fn schemas_of_projects_without_their_platform_are_nobodys() {
    let Some(mut home) = Home::postgres() else { return };
    let Backend::Postgres { schema_prefix, .. } = &mut home.settings.backend else { unreachable!() };
    *schema_prefix = format!("alone_{}", std::process::id());
    let stores = home.stores().await;
    let platform = stores.platform().await.unwrap().schema().unwrap().to_string();
    let project = stores.create_project("one", 1).await.unwrap().schema().unwrap().to_string();
    let mut unit = stores.platform().await.unwrap().begin().await.unwrap();
    unit.batch(&format!("DROP SCHEMA \"{platform}\" CASCADE")).await.unwrap();
    unit.commit().await.unwrap();
    stores.close().await;
    let refused = Stores::open(home.settings.clone()).await.err().unwrap();
    assert!(matches!(&refused, Error::Damaged(what) if what.contains(&platform)), "{refused}");

    let other = Home::postgres().unwrap().stores().await;
    let mut unit = other.platform().await.unwrap().begin().await.unwrap();
    unit.batch(&format!("DROP SCHEMA \"{project}\" CASCADE")).await.unwrap();
    unit.commit().await.unwrap();
    home.stores().await;
    let mut unit = other.platform().await.unwrap().begin().await.unwrap();
    unit.batch(&format!("DROP SCHEMA \"{platform}\" CASCADE")).await.unwrap();
    unit.commit().await.unwrap();
}
