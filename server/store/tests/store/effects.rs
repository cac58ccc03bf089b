//! After the commit: caches forget whatever became of it, workers wake when it succeeded.

use crate::common::Home;
use floe_kernel::effect::{CacheName, Invalidation, WorkerName};
use floe_store::prelude::*;
use floe_store::{Recorder, Stores};
use std::future::Future as _;
use std::sync::Arc;
use std::task::Poll;
use tokio::sync::mpsc::{self, UnboundedReceiver};

const NAMES: CacheName = CacheName::new("names");
const OTHERS: CacheName = CacheName::new("others");
const POST: WorkerName = WorkerName::new("post");

#[derive(Debug, PartialEq, Eq)]
enum Seen {
    Forgotten(Invalidation),
    Woken(String),
}

/// A project's store, and what effects it sees.
async fn watched(home: &Home) -> (Stores, Store, UnboundedReceiver<Seen>) {
    let (sender, seen) = mpsc::unbounded_channel();
    let stores = Stores::open(home.settings.clone()).await.unwrap();
    stores.effects().on_event(Arc::new(Recorder));
    let (forgotten, woken) = (sender.clone(), sender);
    stores.effects().on_invalidate(NAMES, move |gone| forgotten.send(Seen::Forgotten(gone.clone())).unwrap());
    stores.effects().on_wake(POST, move |store| woken.send(Seen::Woken(store.project_id().to_string())).unwrap());
    let store = stores.create_project(&home.id("one"), 1).await.unwrap();
    (stores, store, seen)
}

fn forgotten(store: &Store, key: Option<&str>) -> Seen {
    let project = Arc::clone(store.project_id());
    Seen::Forgotten(Invalidation { cache: NAMES, project, key: key.map(str::to_owned) })
}

fn all(seen: &mut UnboundedReceiver<Seen>) -> Vec<Seen> {
    std::iter::from_fn(|| seen.try_recv().ok()).collect()
}

/// A unit of work that changes something and causes one of each.
async fn unit(store: &Store) -> UnitOfWork {
    let mut unit = store.begin().await.unwrap();
    unit.invalidate(NAMES, "ada");
    unit.invalidate(OTHERS, "nobody owns this cache");
    unit.wake(POST);
    unit.emit("users.[userId].create", &["ada"], || "{}".to_owned()).await.unwrap();
    unit
}

on_both! {
    async fn they_are_applied_once_when_the_unit_is_committed(home: &Home) {
        let (_stores, store, mut seen) = watched(home).await;
        let mut unit = unit(&store).await;
        for _ in 0..3 {
            unit.invalidate(NAMES, "ada");
            unit.wake(POST);
            unit.emit("users.[userId].delete", &["ada"], || "{}".to_owned()).await.unwrap();
        }
        unit.invalidate_all(NAMES);
        assert_eq!(all(&mut seen), [], "nothing happens before the commit");
        unit.commit().await.unwrap();
        let id = store.project_id().to_string();
        let expected = [forgotten(&store, Some("ada")), forgotten(&store, None), Seen::Woken(id)];
        assert_eq!(all(&mut seen), expected);
    }
}

on_both! {
    async fn what_is_rolled_back_causes_nothing(home: &Home) {
        let (_stores, store, mut seen) = watched(home).await;
        drop(unit(&store).await);
        store.begin().await.unwrap().commit().await.unwrap();
        assert_eq!(all(&mut seen), []);
    }
}

on_both! {
    async fn a_commit_that_fails_forgets_and_wakes_nobody(home: &Home) {
        let (_stores, store, mut seen) = watched(home).await;
        let mut unit = unit(&store).await;
        assert!(unit.batch("INSERT INTO there_is_no_such_table VALUES (1)").await.is_err());
        assert!(unit.commit().await.is_err());
        assert_eq!(all(&mut seen), [forgotten(&store, Some("ada"))]);
        assert_eq!(Recorder::take(&store).await.unwrap(), []);
    }
}

on_both! {
    /// The caller hangs up while the disk is busy: when the cache is told to forget, the new value can be read.
    async fn a_commit_that_nobody_waits_for_forgets_when_it_is_done(home: &Home) {
        let (_stores, store, mut seen) = watched(home).await;
        let unit = unit(&store).await;
        {
            let mut commit = std::pin::pin!(unit.commit());
            // Nearly always it is under way then. Where the disk is memory it may be done already.
            let _done = std::future::poll_fn(|context| Poll::Ready(commit.as_mut().poll(context).is_ready())).await;
        }
        assert_eq!(seen.recv().await, Some(forgotten(&store, Some("ada"))));
        assert_eq!(Recorder::take(&store).await.unwrap().len(), 1);
        assert_eq!(seen.recv().await, Some(Seen::Woken(store.project_id().to_string())));
    }
}

#[derive(QueryableByName)]
struct Backend {
    #[diesel(sql_type = diesel::sql_types::Integer)]
    pid: i32,
}

/// The connection dies under the commit: nobody knows what became of it, so what it may have changed is forgotten.
#[tokio::test(flavor = "multi_thread")]
async fn a_commit_whose_outcome_is_unknown_forgets() {
    let Some(home) = Home::postgres() else { return };
    let (_stores, store, mut seen) = watched(&home).await;
    let mut unit = unit(&store).await;
    let query = diesel::sql_query("SELECT pg_backend_pid() AS pid");
    let Backend { pid } = on_conn!(unit, |c| query.get_result::<Backend>(c)).unwrap();
    store.read().await.unwrap().batch(&format!("SELECT pg_terminate_backend({pid}, 5000)")).await.unwrap();
    assert!(matches!(unit.commit().await, Err(Error::Unreachable(_))));
    assert_eq!(all(&mut seen), [forgotten(&store, Some("ada"))]);
    home.clean_up().await;
}
