//! Rows whose shape passes a test: the same on both databases, by an index or without, for as long as a statement may.

use crate::common::Home;
use floe_kernel::value::{BoundingBox, Kind, Value};
use floe_store::query::Predicate;
use floe_store::tables::{self, Column, Ddl, NewRow, Shapes, StoredTable, Test};
use floe_store::{Error, Store, UnitOfWork};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A table of points `[n,n]`, and a last row without one.
async fn fill(store: &Store, points: i64) -> StoredTable {
    let table = store.table(1, 1, vec![Column::new(1, Kind::Shape)]);
    let mut unit = store.begin().await.unwrap();
    unit.change(&Ddl::CreateTable(table.clone())).await.unwrap();
    for n in 0..points {
        insert(&mut unit, &table, n, Value::Json(format!("[{n},{n}]"))).await;
    }
    insert(&mut unit, &table, points, Value::Null(Kind::Shape)).await;
    unit.commit().await.unwrap();
    table
}

async fn insert(unit: &mut UnitOfWork, table: &StoredTable, n: i64, shape: Value) {
    let row = NewRow { id: &format!("r{n}"), created: 1, updated: 1, permissions: 0, values: &[shape] };
    tables::insert(unit, table, row).await.unwrap();
}

fn all(table: &StoredTable) -> Shapes {
    Shapes { table: table.clone(), column: "c1".into(), within: None, also: Predicate::everything() }
}

on_both! {
    async fn an_index_leaves_only_what_is_in_the_frame_to_be_tested(home: &Home) {
        let store = home.store().await;
        let table = fill(&store, 1200).await;
        let odd: Test = Arc::new(|text| text.ends_with("1]"));
        assert_eq!(tables::matching(&store, all(&table), odd.clone()).await.unwrap().len(), 120);
        let mut unit = store.begin().await.unwrap();
        unit.change(&Ddl::CreateSpatial { table: table.clone(), number: 7, column: "c1".into() }).await.unwrap();
        unit.commit().await.unwrap();
        let bounding_box = BoundingBox { west: 10.0, south: -5.0, east: 30.0, north: 21.0 };
        let within = || Shapes { within: Some((7, bounding_box)), ..all(&table) };
        let found = tables::matching(&store, within(), odd.clone()).await.unwrap();
        assert_eq!(found, [12, 22], "sequences of [11,11] and [21,21]");
        let mut unit = store.begin().await.unwrap();
        insert(&mut unit, &table, 5000, Value::Json("[20.5,11]".into())).await;
        let any: Test = Arc::new(|_| true);
        assert_eq!(tables::matching_in(&mut unit, within(), any).await.unwrap().len(), 13);
        drop(unit);
        assert_eq!(tables::matching(&store, within(), odd).await.unwrap(), [12, 22]);
    }
}

on_both! {
    async fn tests_that_take_too_long_are_given_up(home: &Home) {
        let mut settings = home.settings.clone();
        settings.statement_timeout = Duration::from_millis(200);
        let stores = floe_store::Stores::open(settings).await.unwrap();
        let store = stores.create_project(&home.id("one"), 1).await.unwrap();
        let table = fill(&store, 100).await;
        let slow: Test = Arc::new(|_| {
            let until = Instant::now() + Duration::from_millis(20);
            while Instant::now() < until {
                std::hint::spin_loop();
            }
            true
        });
        let started = Instant::now();
        let found = tables::matching(&store, all(&table), slow.clone()).await;
        assert!(matches!(found, Err(Error::Timeout)), "{found:?}");
        let mut unit = store.begin().await.unwrap();
        let found = tables::matching_in(&mut unit, all(&table), slow).await;
        assert!(matches!(found, Err(Error::Timeout)), "{found:?}");
        drop(unit);
        assert!(started.elapsed() < Duration::from_secs(2), "100 of them take longer: {:?}", started.elapsed());
        let quick: Test = Arc::new(|_| true);
        assert_eq!(tables::matching(&store, all(&table), quick).await.unwrap().len(), 100);
        stores.close().await;
    }
}
