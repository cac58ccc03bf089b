//! Units of work: what is committed stays, what isn't never was; on both databases alike.

use crate::common::Home;
use floe_store::prelude::*;
use std::time::Duration;

diesel::table! { test_things (id) { id -> Text, email -> Text, size -> Nullable<BigInt>, } }

#[derive(Debug, Clone, PartialEq, Queryable, Selectable, Insertable)]
#[diesel(table_name = test_things)]
struct Thing {
    id: String,
    email: String,
    size: Option<i64>,
}

fn thing(id: &str) -> Thing {
    Thing { id: id.to_owned(), email: format!("{id}@example.org"), size: None }
}

#[derive(Debug, QueryableByName)]
struct Size {
    #[diesel(sql_type = diesel::sql_types::BigInt)]
    #[allow(dead_code, reason = "of statements that never end")]
    size: i64,
}

async fn make(store: &Store) {
    let mut unit = store.begin().await.unwrap();
    let sql = "CREATE TABLE test_things (id TEXT PRIMARY KEY NOT NULL, email TEXT NOT NULL UNIQUE, size BIGINT)";
    unit.execute_ddl(sql).await.unwrap();
    unit.commit().await.unwrap();
}

async fn add(conn: &mut Connection, thing: &Thing) -> Result<(), Error> {
    on_conn!(conn, |c| diesel::insert_into(test_things::table).values(thing).execute(c))?;
    Ok(())
}

async fn find(conn: &mut Connection, id: &str) -> Result<Option<Thing>, Error> {
    let query = test_things::table.find(id);
    Ok(on_conn!(conn, |c| query.select(Thing::as_select()).first::<Thing>(c)).optional()?)
}

async fn count(store: &Store) -> i64 {
    on_scan!(store, |c| test_things::table.count().get_result::<i64>(c)).unwrap()
}

on_both! {
    async fn what_is_committed_stays_and_the_rest_never_was(home: &Home) {
        let store = home.store().await;
        make(&store).await;

        let mut unit = store.begin().await.unwrap();
        add(&mut unit, &thing("a")).await.unwrap();
        assert_eq!(find(&mut unit, "a").await.unwrap(), Some(thing("a")), "a unit sees its own changes");
        assert_eq!(find(&mut store.read().await.unwrap(), "a").await.unwrap(), None, "others see what is committed");
        unit.commit().await.unwrap();
        assert_eq!(find(&mut store.read().await.unwrap(), "a").await.unwrap(), Some(thing("a")));

        let mut dropped = store.begin().await.unwrap();
        add(&mut dropped, &thing("b")).await.unwrap();
        drop(dropped);
        assert_eq!(count(&store).await, 1);

        home.stores().await.close().await;
    }
}

on_both! {
    async fn nothing_is_changed_outside_of_a_unit_of_work(home: &Home) {
        let store = home.store().await;
        make(&store).await;
        let mut reader = store.read().await.unwrap();
        assert!(reader.batch("DELETE FROM test_things").await.is_err());
        drop(reader);
        let mut unit = store.begin().await.unwrap();
        add(&mut unit, &thing("a")).await.unwrap();
        unit.commit().await.unwrap();
        assert_eq!(count(&store).await, 1);
    }
}

on_both! {
    async fn a_conflict_names_its_column(home: &Home) {
        let store = home.store().await;
        make(&store).await;
        let mut unit = store.begin().await.unwrap();
        add(&mut unit, &thing("a")).await.unwrap();
        unit.commit().await.unwrap();

        for (taken, column) in [
            (Thing { email: "new@example.org".into(), ..thing("a") }, "id"),
            (Thing { id: "new".into(), ..thing("a") }, "email"),
        ] {
            let mut unit = store.begin().await.unwrap();
            let error = add(&mut unit, &taken).await.unwrap_err();
            assert!(error.is_conflict() && error.conflicts_on(column), "{error:?}");
            assert!(!error.conflicts_on("size"));
        }
    }
}

on_both! {
    async fn a_unit_in_which_a_statement_failed_is_not_committed(home: &Home) {
        let store = home.store().await;
        make(&store).await;
        let mut unit = store.begin().await.unwrap();
        add(&mut unit, &thing("a")).await.unwrap();
        assert!(add(&mut unit, &thing("a")).await.unwrap_err().is_conflict());
        assert!(matches!(unit.commit().await, Err(Error::Unavailable(_))));
        assert_eq!(count(&store).await, 0);

        let mut unit = store.begin().await.unwrap();
        add(&mut unit, &thing("a")).await.unwrap();
        unit.mark().await.unwrap();
        add(&mut unit, &thing("b")).await.unwrap();
        assert!(add(&mut unit, &thing("a")).await.unwrap_err().is_conflict());
        unit.back_to_mark().await.unwrap();
        add(&mut unit, &thing("c")).await.unwrap();
        unit.commit().await.unwrap();
        let conn = &mut store.read().await.unwrap();
        assert_eq!(find(conn, "b").await.unwrap(), None);
        assert_eq!(find(conn, "c").await.unwrap(), Some(thing("c")));
    }
}

on_both! {
    async fn a_rehearsal_is_undone_with_the_marks_in_it(home: &Home) {
        let store = home.store().await;
        make(&store).await;
        let mut unit = store.begin().await.unwrap();
        unit.rehearse().await.unwrap();
        add(&mut unit, &thing("a")).await.unwrap();
        unit.mark().await.unwrap();
        add(&mut unit, &thing("b")).await.unwrap();
        assert!(add(&mut unit, &thing("a")).await.unwrap_err().is_conflict());
        unit.undo_rehearsal().await.unwrap();
        add(&mut unit, &thing("c")).await.unwrap();
        unit.commit().await.unwrap();
        assert_eq!(count(&store).await, 1);
    }
}

on_both! {
    async fn many_write_at_once(home: &Home) {
        let store = home.store().await;
        make(&store).await;
        let writers: Vec<_> = (0..64).map(|n| {
            let store = store.clone();
            tokio::spawn(async move {
                for round in 0..5 {
                    let mut unit = store.begin().await.unwrap();
                    add(&mut unit, &thing(&format!("{n}-{round}"))).await.unwrap();
                    // A fifth of them gives up, in between those who share a transaction.
                    if (n + round) % 5 == 0 { continue; }
                    unit.commit().await.unwrap();
                    let found = find(&mut store.read().await.unwrap(), &format!("{n}-{round}")).await.unwrap();
                    assert!(found.is_some(), "whoever commits reads it afterwards");
                }
            })
        }).collect();
        for writer in writers { writer.await.unwrap(); }
        assert_eq!(count(&store).await, 64 * 4);
    }
}

on_both! {
    async fn whoever_stops_waiting_leaves_nothing_half_done(home: &Home) {
        let store = home.store().await;
        make(&store).await;
        for n in 0..50_u64 {
            let (store, id) = (store.clone(), n.to_string());
            let attempt = tokio::spawn(async move {
                let mut unit = store.begin().await?;
                add(&mut unit, &thing(&id)).await?;
                tokio::task::yield_now().await;
                add(&mut unit, &thing(&format!("{id}-too"))).await?;
                unit.commit().await
            });
            tokio::time::sleep(Duration::from_micros(n * 40)).await;
            attempt.abort();
            let _ = attempt.await;
        }
        let mut unit = store.begin().await.unwrap();
        add(&mut unit, &thing("last")).await.unwrap();
        unit.commit().await.unwrap();
        assert_eq!(count(&store).await % 2, 1, "both of a unit or none, and the last one");
    }
}

on_both! {
    async fn a_statement_that_takes_too_long_is_interrupted(home: &Home) {
        let mut settings = home.settings.clone();
        settings.statement_timeout = Duration::from_millis(150);
        let stores = floe_store::Stores::open(settings).await.unwrap();
        let store = stores.create_project(&home.id("one"), 1).await.unwrap();
        make(&store).await;
        let endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) AS size FROM n";
        let started = std::time::Instant::now();

        let scan = on_scan!(store, |c| diesel::sql_query(endless).load::<Size>(c));
        assert!(matches!(scan, Err(Error::Timeout)), "{scan:?}");

        let conn = &mut store.read().await.unwrap();
        let read = on_conn!(conn, |c| diesel::sql_query(endless).load::<Size>(c)).map_err(Error::from);
        assert!(matches!(read, Err(Error::Timeout)), "{read:?}");
        find(conn, "a").await.unwrap();

        let mut unit = store.begin().await.unwrap();
        add(&mut unit, &thing("a")).await.unwrap();
        let write = format!("INSERT INTO test_things SELECT '', '', size FROM ({endless}) AS n");
        let write = on_conn!(unit, |c| diesel::sql_query(&write).execute(c)).map_err(Error::from);
        assert!(matches!(write, Err(Error::Timeout)), "{write:?}");
        // SQLite has ended the transaction: what comes now must not commit itself.
        assert!(add(&mut unit, &thing("b")).await.is_err());
        assert!(unit.commit().await.is_err());
        assert!(started.elapsed() < Duration::from_secs(3), "{:?}", started.elapsed());

        let mut unit = store.begin().await.unwrap();
        add(&mut unit, &thing("c")).await.unwrap();
        unit.commit().await.unwrap();
        assert_eq!(count(&store).await, 1);
        // The platform's statement timeout belongs to the pool; close it, so that no other test meets it.
        stores.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_is_told_when_one_of_it_brings_down_the_transaction() {
    let mut home = Home::sqlite();
    home.settings.statement_timeout = Duration::from_millis(50);
    let store = home.store().await;
    make(&store).await;
    let mut lost = 0;
    // `first` hands its unit over; `second` takes the writer before the group is committed, and is interrupted.
    for _ in 0..20 {
        let mut first = store.begin().await.unwrap();
        let waiting = tokio::spawn({
            let store = store.clone();
            async move {
                let mut second = store.begin().await.unwrap();
                let endless = "INSERT INTO test_things WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)
                    SELECT i, i, i FROM n";
                on_conn!(second, |c| diesel::sql_query(endless).execute(c)).unwrap_err();
            }
        });
        tokio::time::sleep(Duration::from_millis(1)).await;
        add(&mut first, &thing("first")).await.unwrap();
        let told = first.commit().await;
        waiting.await.unwrap();
        assert_eq!(count(&store).await, i64::from(told.is_ok()), "{told:?}");
        lost += i32::from(told.is_err());
        let mut clean = store.begin().await.unwrap();
        on_conn!(clean, |c| diesel::delete(test_things::table).execute(c)).unwrap();
        clean.commit().await.unwrap();
    }
    assert!(lost > 0, "the case never came up");
}

on_both! {
    async fn the_only_change_of_a_unit_is_as_whole_as_any(home: &Home) {
        let store = home.store().await;
        make(&store).await;
        let writers: Vec<_> = (0..64).map(|n| {
            let store = store.clone();
            tokio::spawn(async move {
                for round in 0..5 {
                    let mut unit = store.begin().await.unwrap();
                    unit.last_change_follows();
                    // Half of the time somebody else has had this id or will have it: one of two gets it.
                    let added = add(&mut unit, &thing(&format!("{}-{round}", n / 2))).await;
                    let committed = unit.commit().await;
                    assert_eq!(committed.is_ok(), added.is_ok());
                }
            })
        }).collect();
        for writer in writers { writer.await.unwrap(); }
        assert_eq!(count(&store).await, 32 * 5);

        let mut dropped = store.begin().await.unwrap();
        dropped.last_change_follows();
        add(&mut dropped, &thing("dropped")).await.unwrap();
        drop(dropped);
        assert_eq!(count(&store).await, 32 * 5, "what isn't committed never was");

        let mut unit = store.begin().await.unwrap();
        add(&mut unit, &thing("first")).await.unwrap();
        unit.last_change_follows();
        assert!(add(&mut unit, &thing("first")).await.unwrap_err().is_conflict());
        drop(unit);
        assert_eq!(count(&store).await, 32 * 5, "what came before it neither");
    }
}

/// The case that those who say `last_change_follows` promise to avoid.
#[tokio::test(flavor = "current_thread")]
async fn an_only_change_that_is_not_committed_takes_its_group_with_it_and_tells() {
    let home = Home::sqlite();
    let store = home.store().await;
    make(&store).await;
    let first = async {
        let mut unit = store.begin().await?;
        add(&mut unit, &thing("first")).await?;
        unit.commit().await
    };
    let second = async {
        let mut unit = store.begin().await.unwrap();
        unit.last_change_follows();
        add(&mut unit, &thing("second")).await.unwrap();
    };
    let third = async {
        let mut unit = store.begin().await?;
        add(&mut unit, &thing("third")).await?;
        unit.commit().await
    };
    // Polled in this order, on one thread: the second is in the group of the first, and the third comes after it.
    let (told, (), third) = tokio::join!(biased; first, second, third);
    assert!(matches!(told, Err(Error::Unavailable(_))), "{told:?}");
    third.unwrap();
    assert_eq!(count(&store).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_is_begun_anew_while_it_is_being_written() {
    const ROWS: usize = 320;
    let home = Home::sqlite();
    let stores = home.stores().await;
    let store = stores.create_project(&home.id("one"), 1).await.unwrap();
    make(&store).await;
    // Half a megabyte each: 160 MB in all, five times what the log is to hold.
    let writers: Vec<_> = (0..4)
        .map(|n| {
            let store = store.clone();
            tokio::spawn(async move {
                for row in 0..ROWS / 4 {
                    let mut unit = store.begin().await.unwrap();
                    let email = format!("{n}-{row}-{}", "x".repeat(1 << 19));
                    add(&mut unit, &Thing { email, ..thing(&format!("{n}-{row}")) }).await.unwrap();
                    unit.commit().await.unwrap();
                }
            })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
    let path = home.folder.as_ref().unwrap().path().join("data/projects/pone.db");
    let log = std::fs::metadata(path.with_extension("db-wal")).unwrap().len();
    assert!(log < 100 << 20, "{log} bytes");
    assert_eq!(count(&store).await, i64::try_from(ROWS).unwrap());
    drop(store);
    stores.close().await;
    // The last connection removes it, maybe a little later.
    let rest = std::fs::metadata(path.with_extension("db-wal")).map_or(0, |log| log.len());
    assert_eq!(rest, 0, "all of it is in the file");
    let store = home.stores().await.project(&home.id("one"), 1).await.unwrap();
    assert_eq!(count(&store).await, i64::try_from(ROWS).unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_is_moved_into_the_file_in_a_quiet_moment() {
    #[derive(QueryableByName)]
    struct Log {
        #[diesel(sql_type = diesel::sql_types::Integer, column_name = log)]
        written: i32,
        #[diesel(sql_type = diesel::sql_types::Integer, column_name = checkpointed)]
        moved: i32,
    }
    let home = Home::sqlite();
    let store = home.store().await;
    make(&store).await;
    let path = home.folder.as_ref().unwrap().path().join("data/projects/pone.db");
    let mut other = <diesel::SqliteConnection as diesel::Connection>::establish(path.to_str().unwrap()).unwrap();
    let mut look = || {
        let query = diesel::sql_query("PRAGMA wal_checkpoint(NOOP)");
        diesel::RunQueryDsl::get_result::<Log>(query, &mut other).unwrap()
    };
    assert!(look().written > look().moved, "it wasn't yet");
    let patience = std::time::Instant::now() + Duration::from_secs(20);
    while look().moved < look().written {
        assert!(std::time::Instant::now() < patience, "it never was");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_unit_that_is_rolled_back_gives_the_write_lock_back() {
    let home = Home::sqlite();
    let store = home.store().await;
    make(&store).await;
    let mut unit = store.begin().await.unwrap();
    add(&mut unit, &thing("a")).await.unwrap();
    drop(unit);
    let path = home.folder.as_ref().unwrap().path().join("data/projects/pone.db");
    let mut other = <diesel::SqliteConnection as diesel::Connection>::establish(path.to_str().unwrap()).unwrap();
    diesel::connection::SimpleConnection::batch_execute(&mut other, "BEGIN IMMEDIATE").unwrap();

    // And the other way round: while another process writes, we wait, and hold up nobody who reads.
    let waiting = tokio::spawn({
        let store = store.clone();
        async move {
            let mut unit = store.begin().await?;
            add(&mut unit, &thing("b")).await?;
            unit.commit().await
        }
    });
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(count(&store).await, 0);
    diesel::connection::SimpleConnection::batch_execute(&mut other, "COMMIT").unwrap();
    waiting.await.unwrap().unwrap();
    assert_eq!(count(&store).await, 1);
}

/// Handlers run on actix's current-thread workers.
#[tokio::test(flavor = "current_thread")]
async fn works_on_a_single_thread() {
    let home = Home::sqlite();
    let store = home.store().await;
    make(&store).await;
    let write = async |id: &str| {
        let mut unit = store.begin().await?;
        add(&mut unit, &thing(id)).await?;
        unit.commit().await
    };
    let (a, b, c) = tokio::join!(write("a"), write("b"), write("c"));
    a.and(b).and(c).unwrap();
    assert_eq!(count(&store).await, 3);
}

#[test]
fn futures_may_move_between_threads() {
    fn is_send(_: impl Send) {}
    fn check(store: &'static Store, unit: &'static mut UnitOfWork) {
        is_send(add(&mut *unit, Box::leak(Box::new(thing("a")))));
        is_send(store.begin());
        is_send(async move { on_scan!(store, |c| test_things::table.count().get_result::<i64>(c)) });
    }
    let _ = check;
}

/// Diesel wraps rows of which some may be left out in a transaction of its own; it must not become part of ours by halves.
#[tokio::test(flavor = "multi_thread")]
async fn rows_by_the_vec_are_refused_or_whole() {
    let home = Home::sqlite();
    let store = home.store().await;
    make(&store).await;
    let mut unit = store.begin().await.unwrap();
    let rows = vec![thing("a"), thing("b")];
    let inserted = on_conn!(unit, |c| diesel::insert_into(test_things::table).values(&rows).execute(c));
    println!("{inserted:?}");
    let committed = unit.commit().await;
    assert_eq!(committed.is_ok(), inserted.is_ok());
    assert_eq!(count(&store).await, if committed.is_ok() { 2 } else { 0 });
}
