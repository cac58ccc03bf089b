//! A PostgreSQL that falls silent, goes away and comes back, and projects that would have all of it.

use crate::common::Home;
use floe_store::prelude::*;
use floe_store::{Backend, Store, Stores};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Network {
    Passes,
    /// What is sent is swallowed. Connections that were there then stay so for ever, as behind a firewall that forgot them.
    Swallows,
    /// All connections are closed, and new ones at once.
    Closes,
}

/// Stands between us and the server; gives the URL that leads through it.
async fn network_to(url: &str) -> (String, watch::Sender<Network>) {
    let (before, rest) = url.split_once('@').unwrap();
    let (address, after) = rest.split_once('/').unwrap();
    let (server, (sender, state)) = (address.to_owned(), watch::channel(Network::Passes));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let own = format!("{before}@{}/{after}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((ours, _)) = listener.accept().await {
            if *state.borrow() == Network::Closes {
                continue;
            }
            let theirs = TcpStream::connect(&server).await.unwrap();
            let ((from_us, to_us), (from_them, to_them)) = (ours.into_split(), theirs.into_split());
            let (mut there, mut back) = (state.clone(), state.clone());
            // What the network did before is nothing to a new connection.
            there.mark_unchanged();
            back.mark_unchanged();
            tokio::spawn(async move {
                tokio::join!(pass_on(from_us, to_them, &mut there), pass_on(from_them, to_us, &mut back));
            });
        }
    });
    (own, sender)
}

async fn pass_on(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, state: &mut watch::Receiver<Network>) {
    let (mut buffer, mut forgotten) = (vec![0; 64 * 1024], false);
    loop {
        tokio::select! {
            biased;
            changed = state.changed() => {
                changed.unwrap();
                if *state.borrow() == Network::Closes {
                    return;
                }
                // It may pass again before this looks, and yet has swallowed in between.
                forgotten = true;
            }
            length = from.read(&mut buffer) => {
                let Ok(length @ 1..) = length else { return };
                forgotten |= *state.borrow() == Network::Swallows;
                if !forgotten && to.write_all(&buffer[..length]).await.is_err() {
                    return;
                }
            }
        }
    }
}

async fn ask(store: &Store, sql: &str) -> Result<(), Error> {
    store.read().await?.batch(sql).await
}

/// So many at once, and what became of each.
async fn all_at_once(store: &Store, count: usize) -> Vec<Result<(), Error>> {
    futures_util::future::join_all((0..count).map(|_| ask(store, "SELECT 1"))).await
}

fn is_nobodys_bug(error: &Error) -> bool {
    matches!(error, Error::Busy | Error::Unreachable(_))
}

async fn behind_a_network(pool_size: usize) -> Option<(Home, watch::Sender<Network>)> {
    let mut home = Home::postgres()?;
    let Backend::Postgres { url, pool_size: size, .. } = &mut home.settings.backend else { return None };
    let network;
    (*url, network) = network_to(url).await;
    *size = pool_size;
    Some((home, network))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_server_is_given_up_and_found_again() {
    let Some((home, network)) = behind_a_network(4).await else { return };
    let stores = home.stores().await;
    let store = stores.create_project(&home.id("one"), 1).await.unwrap();
    all_at_once(&store, 16).await.into_iter().for_each(|one| one.unwrap());
    ask(&store, "SELECT pg_sleep(3)").await.expect("slow isn't silent");

    let begun = Instant::now();
    let in_flight = tokio::spawn({
        let store = store.clone();
        async move { ask(&store, "SELECT pg_sleep(9)").await }
    });
    tokio::time::timeout(Duration::from_millis(300), std::future::pending::<()>()).await.unwrap_err();
    network.send_replace(Network::Swallows);
    for one in all_at_once(&store, 16).await {
        assert!(is_nobodys_bug(&one.unwrap_err()));
    }
    assert!(is_nobodys_bug(&stores.ping().await.unwrap_err()));
    assert!(is_nobodys_bug(&in_flight.await.unwrap().unwrap_err()));
    assert!(begun.elapsed() < Duration::from_secs(20), "given up after {:?}", begun.elapsed());

    network.send_replace(Network::Passes);
    let back = Instant::now();
    while ask(&store, "SELECT 1").await.is_err() {
        assert!(back.elapsed() < Duration::from_secs(5), "not found again");
    }
    all_at_once(&store, 16).await.into_iter().for_each(|one| one.unwrap());
    assert!(back.elapsed() < Duration::from_secs(5), "found again after {:?}", back.elapsed());
    home.clean_up().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_forgotten_under_way_are_given_up_while_the_server_answers() {
    let Some((home, network)) = behind_a_network(4).await else { return };
    let store = home.stores().await.create_project(&home.id("one"), 1).await.unwrap();
    let asked = tokio::spawn({
        let store = store.clone();
        async move { ask(&store, "SELECT pg_sleep(1.7)").await }
    });
    tokio::time::timeout(Duration::from_millis(300), std::future::pending::<()>()).await.unwrap_err();
    let begun = Instant::now();
    network.send_replace(Network::Swallows);
    network.send_replace(Network::Passes);
    assert!(is_nobodys_bug(&asked.await.unwrap().unwrap_err()));
    assert!(begun.elapsed() < Duration::from_secs(5), "long before a statement's limit: {:?}", begun.elapsed());
    all_at_once(&store, 16).await.into_iter().for_each(|one| one.unwrap());
    home.clean_up().await;
}

/// What a machine that vanished in the middle of a unit of work had locked is free again soon: not after the two hours of
/// the system's keepalives.
#[tokio::test(flavor = "multi_thread")]
async fn locks_of_a_machine_that_vanished_are_freed() {
    let Some(mut home) = Home::postgres() else { return };
    let Backend::Postgres { url, .. } = &mut home.settings.backend else { return };
    let direct = url.clone();
    let network;
    (*url, network) = network_to(&direct).await;
    home.settings.statement_timeout = Duration::from_secs(1);
    let vanishing = home.stores().await.create_project(&home.id("one"), 1).await.unwrap();
    let mut unit = vanishing.begin().await.unwrap();
    unit.batch("CREATE TABLE counted (n BIGINT); INSERT INTO counted VALUES (0)").await.unwrap();
    unit.commit().await.unwrap();
    let mut unit = vanishing.begin().await.unwrap();
    unit.batch("UPDATE counted SET n = 1").await.unwrap();
    network.send_replace(Network::Swallows);

    let Backend::Postgres { url, .. } = &mut home.settings.backend else { return };
    *url = direct;
    let store = home.stores().await.project(&home.id("one"), 1).await.unwrap();
    let vanished = Instant::now();
    loop {
        let mut unit = store.begin().await.unwrap();
        match unit.batch("UPDATE counted SET n = n + 10").await {
            Ok(()) => break unit.commit().await.unwrap(),
            Err(error) => assert!(matches!(error, Error::Timeout), "{error:?}"),
        }
        assert!(vanished.elapsed() < Duration::from_secs(20), "still locked");
    }
    let counted = on_scan!(store, |c| diesel::sql_query("SELECT n FROM counted").get_result::<Counted>(c)).unwrap();
    assert_eq!(counted.n, 10, "of the unit that was cut off there is nothing");
    network.send_replace(Network::Passes);
    unit.commit().await.unwrap_err();
    home.clean_up().await;
}

#[derive(QueryableByName)]
struct Setting {
    #[diesel(sql_type = diesel::sql_types::Text)]
    name: String,
    #[diesel(sql_type = diesel::sql_types::Text)]
    setting: String,
}

#[tokio::test(flavor = "multi_thread")]
async fn the_server_is_told_to_notice_that_we_are_gone() {
    let Some(home) = Home::postgres() else { return };
    let store = home.store().await;
    let sql = "SELECT name::text, setting FROM pg_settings \
               WHERE name ~ '^tcp_|^client_connection_check|^idle_in_transaction_session' ORDER BY name";
    let set = on_scan!(store, |c| diesel::sql_query(sql).load::<Setting>(c)).unwrap();
    let set: Vec<_> = set.iter().map(|one| (one.name.as_str(), one.setting.as_str())).collect();
    let expected = [
        ("client_connection_check_interval", "5000"),
        ("idle_in_transaction_session_timeout", "15000"),
        ("tcp_keepalives_count", "3"),
        ("tcp_keepalives_idle", "10"),
        ("tcp_keepalives_interval", "2"),
        ("tcp_user_timeout", "15000"),
    ];
    assert_eq!(set, expected);
    home.clean_up().await;
}

/// Counts and adds rows, in one unit each, until told to stop. Gives what was acknowledged and what may have happened.
async fn add_rows(store: Store, worker: usize, stop: Arc<AtomicBool>) -> (BTreeSet<String>, BTreeSet<String>) {
    let (mut done, mut unknown) = (BTreeSet::new(), BTreeSet::new());
    for number in 0.. {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let id = format!("{worker}-{number}");
        match add_row(&store, &id).await {
            Ok(()) => drop(done.insert(id)),
            Err((error, committing)) => {
                assert!(is_nobodys_bug(&error) || matches!(error, Error::Deadlock), "{error:?}");
                if committing {
                    unknown.insert(id);
                }
            }
        }
    }
    (done, unknown)
}

async fn add_row(store: &Store, id: &str) -> Result<(), (Error, bool)> {
    let before = |error| (error, false);
    let mut unit = store.begin().await.map_err(before)?;
    unit.batch(&format!("INSERT INTO added VALUES ('{id}')")).await.map_err(before)?;
    unit.batch("UPDATE counted SET n = n + 1").await.map_err(before)?;
    unit.commit().await.map_err(|error| (error, true))
}

#[derive(QueryableByName)]
struct Added {
    #[diesel(sql_type = diesel::sql_types::Text)]
    id: String,
}

#[derive(QueryableByName)]
struct Counted {
    #[diesel(sql_type = diesel::sql_types::BigInt)]
    n: i64,
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_goes_and_comes_loses_nothing_and_doubles_nothing() {
    let Some((home, network)) = behind_a_network(5).await else { return };
    let stores = home.stores().await;
    let store = stores.create_project(&home.id("one"), 1).await.unwrap();
    let mut unit = store.begin().await.unwrap();
    unit.batch("CREATE TABLE added (id TEXT); CREATE TABLE counted (n BIGINT); INSERT INTO counted VALUES (0)")
        .await
        .unwrap();
    unit.commit().await.unwrap();

    let stop = Arc::new(AtomicBool::new(false));
    let workers: Vec<_> =
        (0..8).map(|worker| tokio::spawn(add_rows(store.clone(), worker, Arc::clone(&stop)))).collect();
    for round in 0..6 {
        wait_for_more_rows(&store).await;
        if round % 2 == 0 {
            terminate_all(&store).await;
        } else {
            network.send_replace(Network::Closes);
            let away = ask(&store, "SELECT 1").await;
            assert!(is_nobodys_bug(&away.unwrap_err()));
            network.send_replace(Network::Passes);
        }
    }
    wait_for_more_rows(&store).await;
    stop.store(true, Ordering::Relaxed);
    let (mut done, mut unknown) = (BTreeSet::new(), BTreeSet::new());
    for worker in workers {
        let (its, perhaps) = worker.await.unwrap();
        done.extend(its);
        unknown.extend(perhaps);
    }

    let added = on_scan!(store, |c| diesel::sql_query("SELECT id FROM added").load::<Added>(c)).unwrap();
    let ids: BTreeSet<_> = added.iter().map(|row| row.id.clone()).collect();
    assert_eq!(ids.len(), added.len(), "none twice");
    assert!(ids.is_superset(&done), "lost: {:?}", done.difference(&ids).collect::<Vec<_>>());
    let strange: Vec<_> = ids.iter().filter(|id| !done.contains(*id) && !unknown.contains(*id)).collect();
    assert!(strange.is_empty(), "refused, and there nevertheless: {strange:?}");
    let counted = on_scan!(store, |c| diesel::sql_query("SELECT n FROM counted").get_result::<Counted>(c)).unwrap();
    assert_eq!(usize::try_from(counted.n).unwrap(), ids.len(), "each unit as a whole");
    home.clean_up().await;
}

/// Waits until rows are added (again).
async fn wait_for_more_rows(store: &Store) {
    let begun = Instant::now();
    let (mut first, mut count) = (None, None);
    while first.is_none() || count <= first.map(|first: i64| first + 20) {
        assert!(begun.elapsed() < Duration::from_secs(20), "nothing is added any more");
        let rows = on_scan!(store, |c| diesel::sql_query("SELECT n FROM counted").get_result::<Counted>(c));
        count = rows.ok().map(|row| row.n).or(count);
        first = first.or(count);
    }
}

/// Ends all the server's processes that serve whoever works in this schema (other tests go on).
async fn terminate_all(store: &Store) {
    let sql = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() \
               AND (query LIKE '%counted SET n%' OR query LIKE '%INTO added%')";
    drop(ask(store, sql).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_project_whose_table_is_locked_does_not_take_the_others_connections() {
    let Some(mut home) = Home::postgres() else { return };
    let Backend::Postgres { pool_size, .. } = &mut home.settings.backend else { return };
    *pool_size = 6;
    home.settings.statement_timeout = Duration::from_secs(4);
    let stores = home.stores().await;
    let locked = stores.create_project(&home.id("one"), 1).await.unwrap();
    let other = stores.create_project(&home.id("two"), 1).await.unwrap();
    let mut unit = locked.begin().await.unwrap();
    unit.batch("CREATE TABLE mine (id TEXT)").await.unwrap();
    unit.commit().await.unwrap();
    let mut unit = locked.begin().await.unwrap();
    unit.batch("LOCK TABLE mine").await.unwrap();

    let waiting: Vec<_> = (0..60)
        .map(|_| {
            let store = locked.clone();
            tokio::spawn(async move { ask(&store, "SELECT id FROM mine").await })
        })
        .collect();
    wait_until_somebody_waits_for_a_lock(&other, &stores).await;
    for _ in 0..20 {
        let begun = Instant::now();
        ask(&other, "SELECT 1").await.expect("another project is served");
        stores.ping().await.expect("and so is the platform");
        assert!(begun.elapsed() < Duration::from_secs(1), "at once: {:?}", begun.elapsed());
    }
    for one in waiting {
        let error = one.await.unwrap().unwrap_err();
        assert!(matches!(error, Error::Busy | Error::Timeout), "{error:?}");
    }
    drop(unit);
    ask(&locked, "SELECT id FROM mine").await.unwrap();
    home.clean_up().await;
}

async fn wait_until_somebody_waits_for_a_lock(store: &Store, stores: &Stores) {
    let sql = "SELECT count(*) AS n FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%FROM mine'";
    loop {
        stores.ping().await.unwrap();
        let waiting = on_scan!(store, |c| diesel::sql_query(sql).get_result::<Counted>(c)).unwrap();
        if waiting.n > 0 {
            return;
        }
    }
}

/// As with a role's, or a server's, limit below the pool's size.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_gives_fewer_connections_than_the_pool_has_is_shared_all_the_same() {
    let Some(mut home) = Home::postgres() else { return };
    let everybody = home.stores().await.platform().await.unwrap();
    let role = format!("few_{}", std::process::id());
    let Backend::Postgres { url, pool_size, schema_prefix } = &mut home.settings.backend else { return };
    let (_, server) = url.split_once('@').unwrap();
    let (_, database) = url.rsplit_once('/').unwrap();
    let mut unit = everybody.begin().await.unwrap();
    unit.batch(&format!(
        "CREATE ROLE {role} LOGIN PASSWORD 'few' CONNECTION LIMIT 6; GRANT CREATE ON DATABASE \"{database}\" TO {role}"
    ))
    .await
    .unwrap();
    unit.commit().await.unwrap();
    (*url, *pool_size, *schema_prefix) = (format!("postgres://{role}:few@{server}"), 20, role.clone());

    let stores = home.stores().await;
    let store = stores.create_project("one", 1).await.unwrap();
    let asking = (1..=40).map(|caller| {
        let store = store.clone().on_behalf_of(caller);
        tokio::spawn(async move { ask(&store, "SELECT pg_sleep(0.1)").await })
    });
    for asked in asking.collect::<Vec<_>>() {
        stores.ping().await.expect("so is the platform");
        asked.await.unwrap().expect("who waits is served");
    }
    stores.close().await;
    let mut unit = everybody.begin().await.unwrap();
    unit.batch(&format!("DROP OWNED BY {role} CASCADE; DROP ROLE {role}")).await.unwrap();
    unit.commit().await.unwrap();
}
