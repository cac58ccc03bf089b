//! Jobs are there with their causes, and whoever starts knows of them.

use crate::support::{ALL, Home, Office, Unknown, count, done, letter, push, sql, until, wake_ups};
use floe_queue::{Enqueue as _, NewJob, Outcome};
use std::time::Duration;

on_both! {
    async fn a_job_is_there_with_its_cause_or_neither(home: &Home) {
        let stores = home.stores().await;
        let store = stores.create_project("one", 1).await.unwrap();
        let mut office = Office::open(home, &stores, done).await;
        let mut unit = store.begin().await.unwrap();
        unit.enqueue(letter("rolled back")).await.unwrap().unwrap();
        drop(unit);
        assert_eq!((count(&store, "jobs").await, wake_ups(&stores).await), (0, 0));
        let mut unit = store.begin().await.unwrap();
        unit.mark().await.unwrap();
        unit.enqueue(letter("undone")).await.unwrap().unwrap();
        unit.back_to_mark().await.unwrap();
        unit.enqueue(letter("kept")).await.unwrap().unwrap();
        unit.commit().await.unwrap();
        assert_eq!(office.next().await.text, "kept");
        until("it is removed", async || count(&store, "jobs").await == 0).await;
        office.asleep(home).await;
        assert_eq!(wake_ups(&stores).await, 0);
        office.nothing_more();
        stores.close().await;
    }
}

on_both! {
    async fn a_key_keeps_a_job_from_being_there_twice(home: &Home) {
        let stores = home.stores().await;
        let store = stores.create_project("one", 1).await.unwrap();
        let mut office = Office::held(&stores, home.clock.clone(), done).await;
        let number = push(&store, letter("first").key("k")).await;
        assert_eq!(office.next().await.text, "first");
        let mut unit = store.begin().await.unwrap();
        assert_eq!(unit.enqueue(letter("again").key("k")).await.unwrap(), None);
        assert!(unit.enqueue(letter("other").key("another")).await.unwrap().unwrap() > number);
        unit.commit().await.unwrap();
        assert_eq!(office.next().await.text, "other");
        office.may_end.add_permits(ALL);
        until("both are done", async || count(&store, "jobs").await == 0).await;
        push(&store, letter("later").key("k")).await;
        assert_eq!(office.next().await.text, "later");
        stores.close().await;
    }
}

on_both! {
    async fn a_job_waits_for_its_time(home: &Home) {
        let stores = home.stores().await;
        let store = stores.create_project("one", 1).await.unwrap();
        let mut office = Office::open(home, &stores, done).await;
        push(&store, letter("in an hour").after(Duration::from_secs(3600))).await;
        push(&store, letter("in a minute").at(home.now().plus_seconds(60))).await;
        push(&store, letter("now")).await;
        assert_eq!(office.next().await.text, "now");
        office.later(home, 30);
        until("the first is done", async || count(&store, "jobs").await == 2).await;
        office.nothing_more();
        office.later(home, 31);
        assert_eq!(office.next().await.text, "in a minute");
        // What is left wakes the project in time, also after it was settled.
        let late = "wake_ups WHERE due_at > 0";
        let platform = stores.platform().await.unwrap();
        until("it is noted when the next one is due", async || {
            office.later(home, 11);
            count(&platform, late).await == 1 && wake_ups(&stores).await == 1
        }).await;
        office.nothing_more();
        office.later(home, 3600);
        assert_eq!(office.next().await.text, "in an hour");
        office.asleep(home).await;
        assert_eq!(wake_ups(&stores).await, 0);
        stores.close().await;
    }
}

on_both! {
    async fn a_start_opens_only_projects_with_something_to_do(home: &Home) {
        let stores = home.stores().await;
        for n in 0..10 {
            let store = stores.create_project(&format!("p{n}"), n + 1).await.unwrap();
            if n == 3 {
                push(&store, letter("left")).await;
            }
            if n == 4 {
                push(&store, letter("much later").after(Duration::from_secs(3600))).await;
            }
        }
        stores.close().await;
        let stores = home.stores().await;
        let mut office = Office::open(home, &stores, done).await;
        let begun = office.next().await;
        assert_eq!((&*begun.project, &*begun.text), ("p3", "left"));
        assert_eq!(stores.open_count(), 2, "the platform's and one project's");
        office.nothing_more();
        stores.close().await;
    }
}

on_both! {
    /// Ten thousand projects that have nothing to do yet cost a timer each, and those that have nothing at all aren't known of.
    async fn who_has_nothing_to_do_yet_isnt_opened(home: &Home) {
        let stores = home.stores().await;
        let platform = stores.platform().await.unwrap();
        let due = home.now().plus_seconds(10_000_000).millis();
        let row = |n: &str| format!("'p' || {n}, {n}, 'queue', {due}");
        let rows = match platform.is_sqlite() {
            true => format!("WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10000) SELECT {} FROM n", row("i")),
            false => format!("SELECT {} FROM generate_series(1, 10000) AS n (i)", row("i")),
        };
        sql(&platform, &format!("INSERT INTO wake_ups (project_id, generation, kind, due_at) {rows}")).await;
        let mut office = Office::open(home, &stores, done).await;
        assert_eq!((office.queue.known_projects(), stores.open_count()), (10_000, 1));
        // One that has something to do is served as if they weren't there.
        let store = stores.create_project("one", 100_000).await.unwrap();
        push(&store, letter("now")).await;
        assert_eq!(office.next().await.text, "now");
        until("it is asleep", async || {
            office.later(home, 11);
            office.queue.known_projects() == 10_000
        }).await;
        assert_eq!(stores.open_count(), 2);
        stores.close().await;
    }
}

on_both! {
    async fn a_project_that_is_removed_takes_its_jobs_along(home: &Home) {
        let stores = home.stores().await;
        let store = stores.create_project("one", 1).await.unwrap();
        push(&store, letter("for nobody")).await;
        assert_eq!(wake_ups(&stores).await, 1);
        drop(store);
        stores.delete_project("one", 1).await.unwrap();
        assert_eq!(wake_ups(&stores).await, 0);
        // Another one of the same name has none of it, and is worked for.
        let store = stores.create_project("one", 2).await.unwrap();
        let mut office = Office::open(home, &stores, done).await;
        push(&store, letter("for the new one")).await;
        assert_eq!(office.next().await.key, "one-2-1");
        // Removed while it is known to have work.
        push(&store, letter("later").after(Duration::from_secs(60))).await;
        drop(store);
        stores.delete_project("one", 2).await.unwrap();
        office.later(home, 61);
        office.asleep(home).await;
        assert_eq!(wake_ups(&stores).await, 0);
        office.nothing_more();
        stores.close().await;
    }
}

on_both! {
    async fn a_wake_up_of_a_project_that_isnt_there_is_removed(home: &Home) {
        let stores = home.stores().await;
        let store = stores.create_project("one", 2).await.unwrap();
        let rows = "('gone', 1, 'queue', 0), ('one', 1, 'queue', 0)";
        let platform = stores.platform().await.unwrap();
        sql(&platform, &format!("INSERT INTO wake_ups (project_id, generation, kind, due_at) VALUES {rows}")).await;
        push(&store, letter("of the one that is there")).await;
        let mut office = Office::open(home, &stores, done).await;
        assert_eq!(office.next().await.text, "of the one that is there");
        until("nobody else is known", async || count(&platform, "wake_ups WHERE generation = 1").await == 0).await;
        office.asleep(home).await;
        assert_eq!(wake_ups(&stores).await, 0);
        stores.close().await;
    }
}

on_both! {
    async fn the_platform_has_jobs_of_its_own(home: &Home) {
        let stores = home.stores().await;
        let store = stores.platform().await.unwrap();
        push(&store, letter("left")).await;
        stores.close().await;
        let stores = home.stores().await;
        let store = stores.platform().await.unwrap();
        let mut office = Office::open(home, &stores, done).await;
        assert_eq!(office.next().await.project, "console");
        push(&store, letter("new")).await;
        assert_eq!(office.next().await.text, "new");
        office.asleep(home).await;
        assert_eq!(wake_ups(&stores).await, 0);
        stores.close().await;
    }
}

on_both! {
    /// As from a backup that was put in place: the platform knows nothing of it.
    async fn what_nobody_knows_of_is_found_when_its_store_is_opened(home: &Home) {
        let stores = home.stores().await;
        let store = stores.create_project("one", 1).await.unwrap();
        push(&store, letter("restored")).await;
        drop(store);
        sql(&stores.platform().await.unwrap(), "DELETE FROM wake_ups").await;
        stores.close().await;
        let stores = home.stores().await;
        let mut office = Office::open(home, &stores, done).await;
        assert_eq!(office.queue.known_projects(), 0);
        drop(stores.project("one", 1).await.unwrap());
        assert_eq!(office.next().await.text, "restored");
        stores.close().await;
    }
}

on_both! {
    async fn jobs_of_a_kind_that_nobody_handles_stay_untouched(home: &Home) {
        let stores = home.stores().await;
        let store = stores.create_project("one", 1).await.unwrap();
        let mut office = Office::open(home, &stores, done).await;
        push(&store, NewJob::of(&Unknown {})).await;
        push(&store, letter("known")).await;
        assert_eq!(office.next().await.text, "known");
        office.asleep(home).await;
        assert_eq!(count(&store, "jobs WHERE worker IS NULL AND takes = 0").await, 1);
        assert_eq!(wake_ups(&stores).await, 1, "whoever handles it finds it at the next start");
        stores.close().await;
    }
}

on_both! {
    /// Commits that leave work and the settling of the project, all at once: none is missed.
    async fn nothing_is_missed_between_a_commit_and_falling_asleep(home: &Home) {
        let stores = home.stores().await;
        let store = stores.create_project("one", 1).await.unwrap();
        let mut office = Office::open(home, &stores, |_, _| Outcome::Done).await;
        let (clock, queue) = (home.clock.clone(), office.queue.clone());
        let settling = tokio::spawn(async move {
            loop {
                clock.advance(11);
                queue.look();
                tokio::task::yield_now().await;
            }
        });
        let pushing = (0..4).map(|task| {
            let store = store.clone();
            tokio::spawn(async move {
                for n in 0..50 {
                    push(&store, letter(&format!("{task}.{n}"))).await;
                }
            })
        });
        for task in pushing.collect::<Vec<_>>() {
            task.await.unwrap();
        }
        let mut texts = office.texts(200).await;
        texts.sort();
        texts.dedup();
        assert_eq!(texts.len(), 200);
        settling.abort();
        office.asleep(home).await;
        assert_eq!((count(&store, "jobs").await, wake_ups(&stores).await), (0, 0));
        stores.close().await;
    }
}
