//! What an admin sees of a queue, and does about it.

use crate::support::{ALL, Home, Office, Unknown, done, letter, push, until};
use floe_queue::admin::{self, State};
use floe_queue::{Figures, JobNumber, NewJob, Outcome};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

on_both! {
    async fn jobs_are_listed_by_queue_and_state(home: &Home) {
        let stores = home.stores().await;
        let store = stores.create_project("one", 1).await.unwrap();
        let mut office = Office::held(&stores, home.clock.clone(), |text, _| match text {
            "fails" => Outcome::Failed("why".to_owned()),
            _ => Outcome::Done,
        }).await;
        let fails = push(&store, letter("fails")).await;
        office.next().await;
        office.may_end.add_permits(1);
        until("it has failed", async || admin::get(&store, fails, home.now()).await.unwrap().unwrap().state == State::Failed).await;
        let running = push(&store, letter("running")).await;
        office.next().await;
        let delayed = push(&store, letter("delayed").after(Duration::from_secs(60))).await;
        let mut waiting = Vec::new();
        for _ in 0..3 {
            waiting.push(push(&store, NewJob::of(&Unknown {})).await);
        }
        let list = async |queue: Option<&str>, state, after, limit| {
            let views = admin::list(&store, queue, state, after, limit, home.now()).await.unwrap();
            assert!(views.iter().all(|view| view.state == state));
            views.into_iter().map(|view| view.number).collect::<Vec<JobNumber>>()
        };
        assert_eq!(list(None, State::Failed, None, 10).await, [fails]);
        assert_eq!(list(Some("emails"), State::Running, None, 10).await, [running]);
        assert_eq!(list(Some("emails"), State::Delayed, None, 10).await, [delayed]);
        assert_eq!(list(None, State::Waiting, None, 2).await, waiting[..2]);
        assert_eq!(list(Some("emails"), State::Waiting, Some(waiting[1]), 2).await, waiting[2..]);
        for state in [State::Failed, State::Running, State::Delayed, State::Waiting] {
            assert_eq!(list(Some("reports"), state, None, 10).await, []);
        }
        let view = admin::get(&store, fails, home.now()).await.unwrap().unwrap();
        assert_eq!((&*view.kind, &*view.attempts[0].cause, view.attempts[0].at), ("test.letter", "why", home.now().millis()));
        let oldest = Some(home.now().millis());
        home.clock.advance(5);
        let expected = Figures { waiting: 3, delayed: 1, running: 1, failed: 1, oldest, paused: false };
        assert_eq!(admin::figures(&store, home.now()).await.unwrap(), [("emails".to_owned(), expected)]);
        office.may_end.add_permits(ALL);
        stores.close().await;
    }
}

on_both! {
    async fn what_failed_is_tried_again_or_discarded(home: &Home) {
        let stores = home.stores().await;
        let store = stores.create_project("one", 1).await.unwrap();
        let broken = Arc::new(AtomicBool::new(true));
        let is_broken = Arc::clone(&broken);
        let mut office = Office::open(home, &stores, move |_, _| {
            if is_broken.load(Ordering::SeqCst) { Outcome::Failed("broken".to_owned()) } else { Outcome::Done }
        }).await;
        let mut numbers = Vec::new();
        for n in 0..4 {
            numbers.push(push(&store, letter(&n.to_string()).key("the same")).await);
            office.next().await;
            let number = numbers[n];
            until("it has failed", async || admin::get(&store, number, home.now()).await.unwrap().unwrap().state == State::Failed).await;
        }
        assert!(admin::discard(&store, numbers[3], home.now()).await.unwrap());
        assert!(!admin::discard(&store, numbers[3], home.now()).await.unwrap());
        assert!(!admin::retry(&store, numbers[3], home.now()).await.unwrap());
        assert!(admin::retry(&store, numbers[0], home.now()).await.unwrap());
        let again = office.next().await;
        assert_eq!((&*again.text, again.attempt, again.key), ("0", 1, format!("one-1-{}", numbers[0].0)));
        until("it has failed again", async || {
            admin::get(&store, numbers[0], home.now()).await.unwrap().unwrap().attempts.len() == 2
        }).await;
        until("that is noted", async || {
            admin::get(&store, numbers[0], home.now()).await.unwrap().unwrap().state == State::Failed
        }).await;
        broken.store(false, Ordering::SeqCst);
        assert_eq!(admin::retry_all(&store, "reports", home.now()).await.unwrap(), 0);
        assert_eq!(admin::retry_all(&store, "emails", home.now()).await.unwrap(), 3);
        let mut texts = office.texts(3).await;
        texts.sort();
        assert_eq!(texts, ["0", "1", "2"]);
        until("all are done", async || admin::figures(&store, home.now()).await.unwrap().is_empty()).await;
        stores.close().await;
    }
}

on_both! {
    async fn what_waits_can_be_discarded_and_what_runs_cant(home: &Home) {
        let stores = home.stores().await;
        let store = stores.create_project("one", 1).await.unwrap();
        let mut office = Office::held(&stores, home.clock.clone(), done).await;
        let running = push(&store, letter("running")).await;
        office.next().await;
        let waiting = push(&store, letter("waiting").after(Duration::from_secs(5))).await;
        assert!(!admin::discard(&store, running, home.now()).await.unwrap());
        assert!(admin::discard(&store, waiting, home.now()).await.unwrap());
        office.may_end.add_permits(ALL);
        office.later(home, 6);
        office.asleep(home).await;
        office.nothing_more();
        stores.close().await;
    }
}

on_both! {
    async fn a_paused_queue_stays_so_until_it_is_resumed(home: &Home) {
        let stores = home.stores().await;
        let store = stores.create_project("one", 1).await.unwrap();
        let other = stores.create_project("two", 2).await.unwrap();
        let mut office = Office::open(home, &stores, done).await;
        admin::pause(&store, "emails", home.now()).await.unwrap();
        admin::pause(&store, "emails", home.now()).await.unwrap();
        push(&store, letter("waits")).await;
        push(&other, letter("goes on")).await;
        assert_eq!(office.next().await.text, "goes on");
        office.asleep(home).await;
        assert!(admin::figures(&store, home.now()).await.unwrap()[0].1.paused);
        drop((store, other));
        stores.close().await;
        // Also by a new server.
        let stores = home.stores().await;
        let mut office = Office::open(home, &stores, done).await;
        let store = stores.project("one", 1).await.unwrap();
        office.asleep(home).await;
        office.nothing_more();
        admin::resume(&store, "emails").await.unwrap();
        assert_eq!(office.next().await.text, "waits");
        stores.close().await;
    }
}

on_both! {
    async fn a_queue_that_is_paused_everywhere(home: &Home) {
        let stores = home.stores().await;
        let store = stores.create_project("one", 1).await.unwrap();
        let office = Office::open(home, &stores, done).await;
        office.queue.pause_everywhere("emails").await.unwrap();
        drop(office);
        push(&store, letter("waits")).await;
        drop(store);
        stores.close().await;
        let stores = home.stores().await;
        let mut office = Office::open(home, &stores, done).await;
        office.asleep(home).await;
        office.nothing_more();
        office.queue.resume_everywhere("emails").await.unwrap();
        assert_eq!(office.next().await.text, "waits");
        stores.close().await;
    }
}
