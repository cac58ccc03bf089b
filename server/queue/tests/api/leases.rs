//! What becomes of the jobs of a worker that dies, or is only thought to be dead.

use crate::support::{ALL, Home, Office, count, done, letter, push, until};
use floe_kernel::time::{Clock as _, FixedClock};
use floe_queue::admin::{self, State};
use std::sync::Arc;
use std::time::Duration;

const LEASE: Duration = Duration::from_secs(30);

/// Has a worker take a job, in a runtime of its own that ends without a word.
async fn die_with_a_job(home: &Home) {
    let (backend, clock) = (home.backend().clone(), home.clock.clone());
    let died = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().worker_threads(1).build().unwrap();
        runtime.block_on(async {
            let settings =
                floe_store::StoreSettings { clock: clock.clone(), ..floe_store::StoreSettings::new(backend) };
            let stores = floe_store::Stores::open(settings).await.unwrap();
            let store = stores.create_project("one", 1).await.unwrap();
            let mut office = Office::with_lease(&stores, clock, LEASE, done).await;
            push(&store, letter("taken")).await;
            office.next().await;
        });
        runtime.shutdown_timeout(Duration::from_secs(5));
    });
    tokio::task::spawn_blocking(move || died.join().unwrap()).await.unwrap();
}

on_both! {
    async fn the_jobs_of_a_dead_worker_come_back(home: &Home) {
        die_with_a_job(home).await;
        let stores = home.stores().await;
        let mut office = Office::open(home, &stores, done).await;
        let store = stores.project("one", 1).await.unwrap();
        if !store.is_sqlite() {
            // Another node may have it: nobody knows before the lease is over.
            office.later(home, 29);
            let view = admin::list(&store, None, State::Running, None, 10, home.now()).await.unwrap();
            assert_eq!(view.len(), 1);
            office.nothing_more();
            office.later(home, 2);
        }
        let again = office.next().await;
        assert_eq!((&*again.text, again.attempt), ("taken", 1));
        until("it is done", async || count(&store, "jobs").await == 0).await;
        stores.close().await;
    }
}

on_both! {
    async fn a_job_that_kills_its_workers_again_and_again_is_kept(home: &Home) {
        die_with_a_job(home).await;
        let stores = home.stores().await;
        let store = stores.project("one", 1).await.unwrap();
        crate::support::sql(&store, "UPDATE jobs SET losses = 3").await;
        let mut office = Office::open(home, &stores, done).await;
        office.later(home, 31);
        until("it has failed", async || count(&store, "failed_jobs").await == 1).await;
        office.nothing_more();
        let failed = admin::list(&store, None, State::Failed, None, 10, home.now()).await.unwrap();
        assert!(failed[0].attempts[0].cause.contains("never heard of"), "{failed:?}");
        stores.close().await;
    }
}

on_both! {
    /// Fencing: a worker whose lease ran out can't end the job that another one has by now.
    async fn who_lost_a_lease_has_no_say(home: &Home) {
        let stores = home.stores().await;
        let store = stores.create_project("one", 1).await.unwrap();
        let mut slow = Office::with_lease(&stores, home.clock.clone(), LEASE, done).await;
        let number = push(&store, letter("x")).await;
        slow.next().await;
        // Whose clock says that the lease is over.
        let clock = Arc::new(FixedClock::at(home.now().plus_seconds(31)));
        let mut quick = Office::with_lease(&stores, clock.clone(), LEASE, done).await;
        assert_eq!(quick.next().await.text, "x");
        slow.may_end.add_permits(ALL);
        until("the slow one is done", async || slow.queue.running("emails") == 0).await;
        let view = admin::get(&store, number, clock.now()).await.unwrap();
        assert_eq!(view.map(|view| view.state), Some(State::Running), "it is the quick one's");
        quick.may_end.add_permits(ALL);
        until("it is done", async || admin::get(&store, number, clock.now()).await.unwrap().is_none()).await;
        stores.close().await;
    }
}

on_both! {
    /// A clock that was set, or a writer that was held for long while an index was made: the lease is over, and its worker lives.
    async fn a_worker_doesnt_take_what_it_is_doing(home: &Home) {
        let stores = home.stores().await;
        let store = stores.create_project("one", 1).await.unwrap();
        let mut office = Office::with_lease(&stores, home.clock.clone(), LEASE, done).await;
        let slow = push(&store, letter("slow")).await;
        assert_eq!(office.next().await.text, "slow");
        office.later(home, 31);
        // Due after it, so that it would have been taken first.
        push(&store, letter("next")).await;
        assert_eq!(office.next().await.text, "next");
        office.may_end.add_permits(ALL);
        until("both are done", async || count(&store, "jobs").await == 0).await;
        office.nothing_more();
        assert!(admin::get(&store, slow, home.now()).await.unwrap().is_none());
        // When it is over, another one may have it: nothing of it is remembered.
        push(&store, letter("another")).await;
        assert_eq!(office.next().await.text, "another");
        stores.close().await;
    }
}
