//! How often PostgreSQL is waited for: counted between us and the server, where nothing can be overlooked.

use crate::common::Home;
use floe_kernel::permission::{PermissionTarget, Permissions};
use floe_kernel::value::{Kind, Value};
use floe_store::tables::{self, Column, Ddl, NewRow, StoredTable};
use floe_store::{Backend, Store, Stores, permissions};
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// Counts how often we have begun to speak after the server did.
#[derive(Default)]
struct Trips {
    we_spoke_last: bool,
    count: usize,
}

impl Trips {
    fn heard(&mut self, us: bool) {
        self.count += usize::from(us && !self.we_spoke_last);
        self.we_spoke_last = us;
    }
}

/// Stands between us and the server; gives the URL that leads through it.
async fn listen_in(url: &str) -> (String, Arc<Mutex<Trips>>) {
    let (before, rest) = url.split_once('@').unwrap();
    let (address, after) = rest.split_once('/').unwrap();
    let (server, trips) = (address.to_owned(), Arc::new(Mutex::new(Trips::default())));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let own = format!("{before}@{}/{after}", listener.local_addr().unwrap());
    let counted = Arc::clone(&trips);
    tokio::spawn(async move {
        while let Ok((ours, _)) = listener.accept().await {
            let theirs = TcpStream::connect(&server).await.unwrap();
            let ((from_us, to_us), (from_them, to_them)) = (ours.into_split(), theirs.into_split());
            tokio::spawn(pass_on(from_us, to_them, Arc::clone(&counted), true));
            tokio::spawn(pass_on(from_them, to_us, Arc::clone(&counted), false));
        }
    });
    (own, trips)
}

async fn pass_on(
    mut from: tokio::net::tcp::OwnedReadHalf,
    mut to: tokio::net::tcp::OwnedWriteHalf,
    trips: Arc<Mutex<Trips>>,
    us: bool,
) {
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(length @ 1..) = from.read(&mut buffer).await {
        trips.lock().unwrap().heard(us);
        if to.write_all(&buffer[..length]).await.is_err() {
            return;
        }
    }
}

/// What this costs in round trips.
async fn cost(trips: &Mutex<Trips>, work: impl Future<Output = ()>) -> usize {
    let before = trips.lock().unwrap().count;
    work.await;
    trips.lock().unwrap().count - before
}

async fn create(store: &Store, table: &StoredTable, id: &str, set: i64) {
    let mut unit = store.begin().await.unwrap();
    let values = vec![Value::Text("hello".into()); table.columns().len()];
    let row = NewRow { id, created: 1, updated: 1, permissions: set, values: &values };
    tables::insert(&mut unit, table, row).await.unwrap();
    unit.commit().await.unwrap();
}

async fn get(store: &Store, table: &StoredTable, id: &str) {
    let mut conn = store.read().await.unwrap();
    let row = tables::get(&mut conn, table, None, id).await.unwrap().unwrap();
    assert_eq!(row.values.len(), table.columns().len());
}

/// A table in a store of its own, with a row `first`, and everything prepared.
async fn make(stores: &Stores, home: &Home, name: &str) -> (Store, StoredTable, i64) {
    let store = stores.create_project(&home.id(name), 1).await.unwrap();
    let table = store.table(1, 1, vec![Column::new(1, Kind::Text)]);
    let mut unit = store.begin().await.unwrap();
    unit.change(&Ddl::CreateTable(table.clone())).await.unwrap();
    let set = Permissions::parse(&["read(\"any\")"], PermissionTarget::Item).unwrap();
    let set = permissions::intern(&mut unit, &set).await.unwrap();
    unit.commit().await.unwrap();
    create(&store, &table, "first", set).await;
    get(&store, &table, "first").await;
    (store, table, set)
}

#[tokio::test]
async fn a_read_is_one_round_trip_and_a_write_is_two() {
    let Some(mut home) = Home::postgres() else { return };
    let Backend::Postgres { url, pool_size, .. } = &mut home.settings.backend else { return };
    let trips;
    (*url, trips) = listen_in(url).await;
    // One connection for all, so that it always is elsewhere when somebody comes.
    *pool_size = 1;
    let stores = home.stores().await;
    let (store, table, set) = make(&stores, &home, "one").await;
    let (other, others, _) = make(&stores, &home, "two").await;

    get(&store, &table, "first").await;
    assert_eq!(cost(&trips, get(&store, &table, "first")).await, 1);
    assert_eq!(cost(&trips, create(&store, &table, "second", set)).await, 2);
    assert_eq!(cost(&trips, get(&other, &others, "first")).await, 1, "in another schema than the last time");
    assert_eq!(cost(&trips, create(&store, &table, "third", set)).await, 2, "in another schema than the last time");
    assert_eq!(cost(&trips, async { drop(store.begin().await.unwrap()) }).await, 0, "nothing was asked for");
    assert_eq!(cost(&trips, async { store.begin().await.unwrap().commit().await.unwrap() }).await, 0);

    home.clean_up().await;
}

#[tokio::test]
async fn no_kept_statement_outlives_a_change_of_its_table() {
    let Some(mut home) = Home::postgres() else { return };
    let Backend::Postgres { pool_size, .. } = &mut home.settings.backend else { return };
    *pool_size = 1;
    let stores = home.stores().await;
    let (store, table, set) = make(&stores, &home, "one").await;
    let mut columns = table.columns().to_vec();
    for version in 2..6 {
        let column = Column::new(version, Kind::Text);
        let before = store.table(1, version - 1, columns.clone());
        let mut unit = store.begin().await.unwrap();
        unit.change(&Ddl::AddColumn(before, column.clone())).await.unwrap();
        unit.commit().await.unwrap();
        columns.push(column);
        let table = store.table(1, version, columns.clone());
        for round in 0..3 {
            create(&store, &table, &format!("row-{version}-{round}"), set).await;
            get(&store, &table, "first").await;
        }
    }
    home.clean_up().await;
}
