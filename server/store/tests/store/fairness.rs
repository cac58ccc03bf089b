//! Nobody holds up everybody: long values, long scans, long units of work, and readers of what has changed since.

use crate::common::Home;
use floe_kernel::query::{Filter, Operator, Selection};
use floe_kernel::value::{Kind, Value};
use floe_store::prelude::*;
use floe_store::query::{self, TableRef};
use floe_store::tables::{self, Column, Ddl, NewRow, StoredTable};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

diesel::table! { test_things (id) { id -> Text, text -> Text, } }

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = diesel::sql_types::BigInt)]
    count: i64,
}

/// Reads the table all the time, and never ends.
const ENDLESS: &str = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) \
                       SELECT count(*) AS count FROM n WHERE (SELECT count(*) FROM test_things) < 0";

async fn endless(store: &Store) -> Result<(), Error> {
    on_scan!(store, |c| diesel::sql_query(ENDLESS).get_result::<Count>(c)).map(drop)
}

async fn make(store: &Store) {
    let mut unit = store.begin().await.unwrap();
    unit.execute_ddl("CREATE TABLE test_things (id TEXT PRIMARY KEY NOT NULL, text TEXT NOT NULL)").await.unwrap();
    unit.commit().await.unwrap();
    add(store, "first", "x".to_owned()).await.unwrap();
}

async fn insert(unit: &mut UnitOfWork, id: &str, text: String) -> Result<(), Error> {
    let row = (test_things::id.eq(id), test_things::text.eq(text));
    on_conn!(unit, |c| diesel::insert_into(test_things::table).values(row).execute(c))?;
    Ok(())
}

async fn add(store: &Store, id: &str, text: String) -> Result<(), Error> {
    let mut unit = store.begin().await?;
    insert(&mut unit, id, text).await?;
    unit.commit().await
}

async fn text_of(store: &Store, id: &str) -> Result<String, Error> {
    let query = test_things::table.find(id.to_owned());
    let conn = &mut store.read().await?;
    Ok(on_conn!(conn, |c| query.select(test_things::text).first::<String>(c))?)
}

/// A text, a list and rows of many megabytes in all.
async fn fill_long(store: &Store, rows: usize, text: &str) -> StoredTable {
    let table = store.table(1, 1, vec![Column::new(1, Kind::Text), Column::new(2, Kind::Json)]);
    let mut unit = store.begin().await.unwrap();
    unit.change(&Ddl::CreateTable(table.clone())).await.unwrap();
    let list = format!("[{}1]", "\"abcdefgh\",".repeat(text.len() / 11));
    for n in 0..rows {
        let values = [Value::Text(text.to_owned()), Value::Json(list.clone())];
        let row = NewRow { id: &format!("r{n}"), created: 1, updated: 1, permissions: 0, values: &values };
        tables::insert(&mut unit, &table, row).await.unwrap();
    }
    unit.commit().await.unwrap();
    table
}

async fn list(store: &Store, table: &StoredTable, filter: Filter) -> Result<usize, Error> {
    let selection = Selection {
        filter,
        order: Vec::new(),
        random: true,
        limit: 25,
        offset: 0,
        cursor: None,
        select: None,
        count_up_to: 0,
    };
    let plan = query::plan(store, table.place(), &selection, None).await?;
    Ok(tables::list(store, table, Some(&[]), &plan).await?.len())
}

fn compare(column: &str, array: bool, operator: Operator, value: String) -> Filter {
    Filter::Compare { column: column.to_owned(), array, operator, values: vec![Value::Text(value)] }
}

/// The longest time for which this thread's event loop did nothing else while the work was done.
async fn longest_hold(work: impl Future<Output = ()>) -> Duration {
    let longest = Arc::new(AtomicU64::new(0));
    let ticks = tokio::spawn({
        let longest = Arc::clone(&longest);
        async move {
            loop {
                let before = Instant::now();
                tokio::time::sleep(Duration::from_millis(1)).await;
                longest.fetch_max(before.elapsed().as_millis() as u64, Ordering::Relaxed);
            }
        }
    });
    tokio::task::yield_now().await;
    work.await;
    tokio::time::sleep(Duration::from_millis(2)).await;
    ticks.abort();
    Duration::from_millis(longest.load(Ordering::Relaxed))
}

/// Issue 8, 1.12: on an event loop of one thread, as the server's are.
#[tokio::test]
async fn long_values_hold_up_no_event_loop() {
    let home = Home::sqlite();
    let store = home.store().await;
    let table = fill_long(&store, 12, &"a".repeat(4_000_000)).await;
    let needle = format!("{}b", "a".repeat(4000));
    for (what, filter) in [
        ("contains", compare("c1", false, Operator::Contains, needle.clone())),
        ("not contains", compare("c1", false, Operator::NotContains, "a".to_owned())),
        ("ends", compare("c1", false, Operator::EndsWith, needle.clone())),
        ("equal", compare("c1", false, Operator::Equal, needle.clone())),
        ("greater", compare("c1", false, Operator::Greater, needle.clone())),
        ("an element", compare("c2", true, Operator::Contains, needle)),
    ] {
        let held = longest_hold(async { assert_eq!(list(&store, &table, filter).await.unwrap(), 0, "{what}") }).await;
        // One row of this size takes some milliseconds to be read; all of them, ten times as long.
        assert!(held < Duration::from_millis(60), "{what}: {held:?}");
    }
}

/// A text that would take SQLite's own function minutes.
#[tokio::test(flavor = "multi_thread")]
async fn a_search_for_a_part_ends_in_time() {
    let home = Home::sqlite();
    let store = home.store().await;
    let table = fill_long(&store, 4, &"a".repeat(8_000_000)).await;
    let filter = || compare("c1", false, Operator::Contains, format!("{}b{0}", "a".repeat(2000)));
    let started = Instant::now();
    let result = list(&store.clone().within(Duration::from_millis(1)), &table, filter()).await;
    assert!(matches!(result, Err(Error::Timeout)), "{result:?}");
    assert!(started.elapsed() < Duration::from_secs(1), "{:?}", started.elapsed());
    assert_eq!(list(&store, &table, filter()).await.unwrap(), 0);
}

on_both! {
    async fn long_texts_are_found_wherever_the_part_is(home: &Home) {
        let store = home.store().await;
        let text = format!("start{}middle{}end", "é".repeat(70_000), "x".repeat(300_000));
        let table = fill_long(&store, 1, &text).await;
        for (operator, value, found) in [
            (Operator::Contains, "start", 1), (Operator::Contains, "émiddlex", 1), (Operator::Contains, "xend", 1),
            (Operator::Contains, "nowhere", 0), (Operator::NotContains, "nowhere", 1),
            (Operator::NotContains, "middle", 0), (Operator::EndsWith, "xend", 1), (Operator::EndsWith, "x", 0),
            (Operator::NotEndsWith, "x", 1), (Operator::NotEndsWith, "end", 0),
        ] {
            let filter = compare("c1", false, operator, value.to_owned());
            assert_eq!(list(&store, &table, filter).await.unwrap(), found, "{operator:?} {value}");
        }
        let filter = compare("c2", true, Operator::Contains, "abcdefgh".to_owned());
        assert_eq!(list(&store, &table, filter).await.unwrap(), 1);
    }
}

/// Issue 8, 1.12: before, 16 of them took all readers, and everybody else's reads failed.
#[tokio::test(flavor = "multi_thread")]
async fn one_callers_slow_lists_keep_nobody_else_out() {
    let mut home = Home::sqlite();
    home.settings.statement_timeout = Duration::from_secs(60);
    let store = home.store().await;
    make(&store).await;
    let greedy = store.clone().on_behalf_of(1);
    let mut lists = tokio::task::JoinSet::new();
    for _ in 0..64 {
        let store = greedy.clone();
        lists.spawn(async move { endless(&store).await });
    }
    // Their share runs, some wait, and the rest is told at once to come again.
    for _ in 0..64 - 4 - 16 {
        let refused = lists.join_next().await.unwrap().unwrap();
        assert!(matches!(refused, Err(Error::Busy)), "{refused:?}");
    }
    let other = store.clone().on_behalf_of(2);
    for _ in 0..100 {
        assert_eq!(text_of(&other, "first").await.unwrap(), "x");
        add(&other, "new", "y".to_owned()).await.unwrap();
        let mut unit = other.begin().await.unwrap();
        on_conn!(unit, |c| diesel::delete(test_things::table.find("new")).execute(c)).unwrap();
        unit.commit().await.unwrap();
    }
    // A list that needs a thread of its own finds one.
    let limited = other.within(Duration::from_millis(50));
    assert!(matches!(endless(&limited).await, Err(Error::Timeout)), "it ran, and for as long as it might");
    // Those whom nobody waits for end at once, and leave their place to whoever waits.
    lists.shutdown().await;
    let started = Instant::now();
    let waiting = greedy.within(Duration::from_millis(50));
    assert!(matches!(endless(&waiting).await, Err(Error::Timeout)));
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
}

/// The server went on for as long as a statement may, and whoever asked and left again and again had as many run as the server
/// has connections for everybody.
#[tokio::test(flavor = "multi_thread")]
async fn on_postgres_what_nobody_waits_for_ends_and_is_counted_until_then() {
    let Some(home) = Home::postgres() else { return };
    let store = home.store().await;
    make(&store).await;
    // The text of each is its own, so that nobody else's tests are counted.
    let mark = format!("left {}", std::process::id());
    let running = async || {
        let active = "SELECT count(*) AS count FROM pg_stat_activity WHERE state = 'active' AND query LIKE $1";
        let conn = &mut store.read().await.unwrap();
        let like = format!("%{mark}%");
        on_conn!(conn, |c| diesel::sql_query(active).bind::<diesel::sql_types::Text, _>(like).get_result::<Count>(c))
            .unwrap()
            .count
    };
    for _ in 0..5 {
        let (endless, store) = (format!("/* {mark} */ SELECT count(*) AS count FROM pg_sleep(60)"), store.clone());
        let list = tokio::spawn(async move {
            on_scan!(store, |c| diesel::sql_query(endless.as_str()).get_result::<Count>(c)).map(drop)
        });
        while running().await == 0 {
            tokio::task::yield_now().await;
        }
        list.abort();
        let _ = list.await;
    }
    let left = Instant::now();
    while running().await > 0 {
        tokio::task::yield_now().await;
    }
    assert!(left.elapsed() < Duration::from_secs(5), "{:?}", left.elapsed());
    home.clean_up().await;
}

/// Issue 8, 2.
#[tokio::test(flavor = "multi_thread")]
async fn a_unit_that_holds_up_others_for_too_long_is_refused() {
    let mut home = Home::sqlite();
    home.settings.unit_time = Duration::from_millis(50);
    let store = home.store().await;
    make(&store).await;
    let mut unit = store.begin().await.unwrap();
    let mut refused = None;
    for n in 0.. {
        if let Err(error) = insert(&mut unit, &format!("n{n}"), "x".to_owned()).await {
            refused = Some(error);
            break;
        }
    }
    assert!(matches!(refused, Some(Error::UnitTooLong)), "{refused:?}");
    assert!(matches!(endless_in(&mut unit).await, Err(Error::UnitTooLong)), "nor does it read any more");
    assert!(unit.commit().await.is_err());
    assert!(matches!(text_of(&store, "n0").await, Err(Error::NotFound)), "nothing of it is saved");

    // A list within a unit ends with the unit's time.
    let mut unit = store.begin().await.unwrap();
    let started = Instant::now();
    assert!(endless_in(&mut unit).await.is_err());
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
    drop(unit);

    // Whoever says so, and whoever changes a table's shape, has more.
    for lift in [true, false] {
        let mut unit = store.begin().await.unwrap();
        if lift {
            unit.lift_time_limit();
        } else {
            unit.execute_ddl("CREATE TABLE more (id TEXT)").await.unwrap();
        }
        assert_eq!(unit.deadline(), None);
        let until = Instant::now() + Duration::from_millis(60);
        while Instant::now() < until {
            on_conn!(unit, |c| test_things::table.count().get_result::<i64>(c)).unwrap();
        }
        insert(&mut unit, &format!("late{lift}"), "x".to_owned()).await.unwrap();
        unit.commit().await.unwrap();
    }
}

async fn endless_in(unit: &mut UnitOfWork) -> Result<(), Error> {
    let place = TableRef::fixed("test_things", "id");
    let everything = query::Predicate::everything();
    let mut counted = Ok(0);
    while counted.is_ok() {
        counted = query::count_in(unit, &place, &everything, i64::MAX).await;
    }
    counted.map(drop)
}

/// Statements of a unit run in place, and many of them one after the other: not without a break.
#[tokio::test]
async fn a_long_unit_holds_up_no_event_loop() {
    let home = Home::sqlite();
    let store = home.store().await;
    let table = fill_long(&store, 0, "").await;
    let held = longest_hold(async {
        let mut unit = store.begin().await.unwrap();
        unit.lift_time_limit();
        let until = Instant::now() + Duration::from_millis(400);
        let values = [Value::Text("x".to_owned()), Value::Null(Kind::Json)];
        for n in 0.. {
            if Instant::now() >= until {
                break;
            }
            let row = NewRow { id: &format!("n{n}"), created: 1, updated: 1, permissions: 0, values: &values };
            tables::insert(&mut unit, &table, row).await.unwrap();
            assert!(tables::get(&mut unit, &table, None, &format!("n{n}")).await.unwrap().is_some());
        }
        unit.commit().await.unwrap();
    });
    let held = held.await;
    assert!(held < Duration::from_millis(100), "{held:?}");
}

/// What is long goes part by part, and others between the parts.
#[tokio::test(flavor = "multi_thread")]
async fn others_come_between_the_parts_of_something_long() {
    let home = Home::sqlite();
    let store = home.store().await;
    make(&store).await;
    let done = Arc::new(AtomicBool::new(false));
    let long: Vec<_> = (0..8)
        .map(|task| {
            let (store, done) = (store.clone(), Arc::clone(&done));
            tokio::spawn(async move {
                let mut n = 0;
                while !done.load(Ordering::Relaxed) {
                    let mut unit = store.begin_alone().await.unwrap();
                    while !unit.is_slice_over() {
                        n += 1;
                        insert(&mut unit, &format!("t{task}n{n}"), "x".to_owned()).await.unwrap();
                    }
                    unit.commit().await.unwrap();
                }
                n
            })
        })
        .collect();
    let mut waits = Vec::new();
    for n in 0..50 {
        let started = Instant::now();
        add(&store, &format!("single{n}"), "x".to_owned()).await.unwrap();
        waits.push(started.elapsed());
    }
    done.store(true, Ordering::Relaxed);
    for task in long {
        assert!(task.await.unwrap() > 0, "everybody's parts were done");
    }
    waits.sort();
    // One part, and not eight; with room for a machine that does other things.
    assert!(waits[25] < Duration::from_millis(60), "{waits:?}");
}

/// Issue 8, 2: SQLite reads all definitions anew when one has changed, and gave up when they changed again meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn reads_go_on_while_shapes_change() {
    let home = Home::sqlite();
    let store = home.store().await;
    make(&store).await;
    let mut unit = store.begin().await.unwrap();
    let many: Vec<_> = (0..1500).map(|n| format!("CREATE TABLE many_{n} (a, b, c, d, e, f, g, h)")).collect();
    unit.execute_ddl(&many.join(";")).await.unwrap();
    unit.commit().await.unwrap();
    let changes = Arc::new(AtomicU64::new(0));
    let readers: Vec<_> = (0..4)
        .map(|_| {
            let (store, changes) = (store.clone(), Arc::clone(&changes));
            tokio::spawn(async move {
                while changes.load(Ordering::Relaxed) < 100 {
                    assert_eq!(text_of(&store, "first").await.unwrap(), "x");
                    on_scan!(store, |c| test_things::table.count().get_result::<i64>(c)).unwrap();
                }
            })
        })
        .collect();
    for n in 0..100 {
        let mut unit = store.begin().await.unwrap();
        unit.execute_ddl(&format!("CREATE TABLE changing_{n} (a)")).await.unwrap();
        unit.commit().await.unwrap();
        changes.fetch_add(1, Ordering::Relaxed);
    }
    for reader in readers {
        reader.await.unwrap();
    }
}

/// Issue 8, 2: four readers that overlap never let go of the log between them.
#[tokio::test(flavor = "multi_thread")]
async fn the_log_has_an_end_while_readers_overlap() {
    const MOST: u64 = 256 << 20;
    let home = Home::sqlite();
    let stores = home.stores().await;
    let store = stores.create_project("one", 1).await.unwrap();
    make(&store).await;
    let done = Arc::new(AtomicBool::new(false));
    let readers: Vec<_> = (0..4)
        .map(|n| {
            let store = store.clone().on_behalf_of(n).within(Duration::from_millis(900 + 77 * n));
            let done = Arc::clone(&done);
            tokio::spawn(async move {
                while !done.load(Ordering::Relaxed) {
                    let ended = endless(&store).await;
                    assert!(matches!(ended, Err(Error::Timeout)), "{ended:?}");
                }
            })
        })
        .collect();
    let mut longest = 0;
    for n in 0..160_u8 {
        let text = char::from(b'a' + n % 26).to_string().repeat(2 << 20);
        let mut unit = store.begin().await.unwrap();
        let change = diesel::update(test_things::table.find("first")).set(test_things::text.eq(text));
        on_conn!(unit, |c| change.execute(c)).unwrap();
        unit.commit().await.unwrap();
        longest = longest.max(stores.wal_bytes());
        assert!(longest < MOST, "after {n} changes: {longest}");
    }
    assert!(longest > 64 << 20, "the readers did hold it: {longest}");
    done.store(true, Ordering::Relaxed);
    for reader in readers {
        reader.await.unwrap();
    }
    // And it is given back when nothing is written.
    let started = Instant::now();
    while stores.wal_bytes() > 64 << 20 {
        assert!(started.elapsed() < Duration::from_secs(20), "{}", stores.wal_bytes());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(text_of(&store, "first").await.unwrap().len(), 2 << 20);
}
