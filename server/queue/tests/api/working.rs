//! What becomes of jobs: done, tried again, failed for good; and how many are done at once.

use crate::support::{ALL, Home, Letter, Office, count, done, letter, push, sql, until};
use floe_queue::admin::{self, State};
use floe_queue::{JobContext, JobHandler, JobNumber, Outcome, Queue, policy};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tokio::sync::mpsc::{self, UnboundedSender};

on_both! {
    async fn what_fails_is_tried_again_after_longer_and_longer_pauses_and_then_kept(home: &Home) {
        let stores = home.stores().await;
        let store = stores.create_project("one", 1).await.unwrap();
        let mut office = Office::open(home, &stores, |_, attempt| Outcome::Retry(format!("no {attempt}"))).await;
        let number = push(&store, letter("hopeless")).await;
        let mut keys = Vec::new();
        for (attempt, pause) in [(1, 0), (2, 12), (3, 23)] {
            if pause > 0 {
                // Not a moment earlier.
                office.later(home, pause / 2);
                until("it waits", async || count(&store, "jobs WHERE worker IS NULL").await == 1).await;
                office.nothing_more();
                office.later(home, pause - pause / 2);
            }
            let begun = office.next().await;
            assert_eq!(begun.attempt, attempt);
            keys.push(begun.key);
            until("that is noted", async || {
                let failures = admin::get(&store, number, home.now()).await.unwrap().unwrap().attempts.len();
                failures == attempt as usize
            }).await;
        }
        keys.dedup();
        assert_eq!(keys, ["one-1-1"], "whoever receives it can tell that it is the same");
        let view = admin::get(&store, number, home.now()).await.unwrap().unwrap();
        assert_eq!(view.state, State::Failed);
        let causes: Vec<_> = view.attempts.iter().map(|attempt| &*attempt.cause).collect();
        assert_eq!(causes, ["no 1", "no 2", "no 3"]);
        office.later(home, 3600);
        office.asleep(home).await;
        office.nothing_more();
        stores.close().await;
    }
}

on_both! {
    async fn outcomes_that_arent_to_be_repeated(home: &Home) {
        let stores = home.stores().await;
        let store = stores.create_project("one", 1).await.unwrap();
        let later = home.now().plus_seconds(100);
        let tries = Arc::new(AtomicU32::new(0));
        let counted = Arc::clone(&tries);
        let mut office = Office::open(home, &stores, move |text, _| match text {
            "wrong" => Outcome::Failed("never".to_owned()),
            "early" if counted.fetch_add(1, Ordering::SeqCst) < 5 => Outcome::Later(later),
            "panics" => panic!("oh"),
            _ => Outcome::Done,
        }).await;
        let wrong = push(&store, letter("wrong")).await;
        office.next().await;
        until("it has failed", async || admin::get(&store, wrong, home.now()).await.unwrap().unwrap().state == State::Failed).await;
        let early = push(&store, letter("early")).await;
        assert_eq!(office.next().await.attempt, 1);
        let view = async || admin::get(&store, early, home.now()).await.unwrap().unwrap();
        until("it waits", async || view().await.state == State::Delayed).await;
        assert_eq!((view().await.at, view().await.attempts.len()), (later.millis(), 0), "no failure");
        let panics = push(&store, letter("panics")).await;
        office.next().await;
        let view = async || admin::get(&store, panics, home.now()).await.unwrap().unwrap();
        until("it has failed once", async || view().await.attempts.len() == 1).await;
        assert_eq!((view().await.state, &*view().await.attempts[0].cause), (State::Delayed, "the handler panicked: oh"));
        stores.close().await;
    }
}

on_both! {
    async fn what_cant_be_read_is_kept(home: &Home) {
        let stores = home.stores().await;
        let store = stores.create_project("one", 1).await.unwrap();
        let number = push(&store, letter("x")).await;
        sql(&store, "UPDATE jobs SET payload = '{\"txt\": 1}'").await;
        let mut office = Office::open(home, &stores, done).await;
        until("it has failed", async || count(&store, "failed_jobs").await == 1).await;
        let view = admin::get(&store, number, home.now()).await.unwrap().unwrap();
        assert!(view.attempts[0].cause.contains("missing field `text`"), "{view:?}");
        office.nothing_more();
        stores.close().await;
    }
}

/// Writes what it does into the project's store, in the unit of work in which the job ends.
struct Bookkeeper;

impl JobHandler for Bookkeeper {
    type Job = Letter;

    async fn handle(&self, letter: Letter, context: &JobContext) -> Outcome {
        let written = async {
            let store = context.project().store().await?;
            let mut unit = store.begin().await?;
            unit.batch(&format!("INSERT INTO book VALUES ('{}')", letter.text)).await?;
            assert!(context.done_in(&mut unit).await?);
            unit.commit().await
        };
        written.await.into()
    }
}

on_both! {
    async fn what_a_job_does_in_its_store_is_noted_together_with_its_end(home: &Home) {
        let stores = home.stores().await;
        let store = stores.create_project("one", 1).await.unwrap();
        sql(&store, "CREATE TABLE book (line TEXT NOT NULL UNIQUE)").await;
        let queue = Queue::new(&stores, home.clock.clone());
        queue.handle(Bookkeeper);
        queue.start().await.unwrap();
        for n in 0..20 {
            push(&store, letter(&n.to_string())).await;
        }
        until("all are done", async || count(&store, "jobs").await == 0).await;
        assert_eq!((count(&store, "book").await, count(&store, "failed_jobs").await), (20, 0));
        stores.close().await;
    }
}

/// One of its jobs does all that there is to do, but not when it is taken for the first time.
struct Sweeper(UnboundedSender<(JobNumber, u32, i64)>);

impl JobHandler for Sweeper {
    type Job = Letter;

    async fn handle(&self, _: Letter, context: &JobContext) -> Outcome {
        if context.another_waits::<Letter>().await.unwrap() {
            return Outcome::Done;
        }
        self.0.send((context.number(), context.attempt(), context.takes())).unwrap();
        if context.takes() == 1 { Outcome::After(Duration::from_secs(60)) } else { Outcome::Done }
    }
}

on_both! {
    async fn what_is_put_off_stands_for_all_of_its_kind_that_come(home: &Home) {
        let stores = home.stores().await;
        let store = stores.create_project("one", 1).await.unwrap();
        let (sender, mut swept) = mpsc::unbounded_channel();
        let queue = Queue::new(&stores, home.clock.clone());
        queue.handle(Sweeper(sender));
        queue.start().await.unwrap();
        let first = push(&store, letter("first")).await;
        let view = async || admin::get(&store, first, home.now()).await.unwrap().unwrap();
        until("it is put off", async || view().await.state == State::Delayed).await;
        assert_eq!((view().await.at, view().await.attempts.len()), (home.now().plus_seconds(60).millis(), 0), "no failure");
        for _ in 0..3 {
            push(&store, letter("another")).await;
        }
        until("the others are done", async || count(&store, "jobs").await == 1).await;
        home.clock.advance(60);
        queue.look();
        until("it is done", async || count(&store, "jobs").await == 0).await;
        stores.close().await;
        drop(queue);
        let all: Vec<_> = std::iter::from_fn(|| swept.try_recv().ok()).collect();
        assert_eq!(all, [(first, 1, 1), (first, 1, 2)]);
    }
}

on_both! {
    async fn no_more_run_at_once_than_the_queue_allows(home: &Home) {
        let stores = home.stores().await;
        let [one, two, three] = [("one", 1), ("two", 2), ("three", 3)];
        let mut office = Office::held(&stores, home.clock.clone(), done).await;
        for (id, generation) in [one, two, three] {
            let store = stores.create_project(id, generation).await.unwrap();
            for n in 0..20 {
                push(&store, letter(&n.to_string())).await;
            }
        }
        let mut begun = Vec::new();
        for _ in 0..policy::EMAILS.at_once {
            begun.push(office.next().await.project);
        }
        office.queue.look();
        until("each has its share", async || office.queue.running("emails") == policy::EMAILS.at_once).await;
        office.nothing_more();
        for (id, _) in [one, two, three] {
            assert!(begun.iter().filter(|project| *project == id).count() <= policy::EMAILS.in_a_project);
        }
        // One for one.
        for _ in 0..10 {
            office.may_end.add_permits(1);
            begun.push(office.next().await.project);
            office.nothing_more();
        }
        office.may_end.add_permits(ALL);
        for _ in begun.len()..60 {
            begun.push(office.next().await.project);
        }
        for (id, _) in [one, two, three] {
            assert_eq!(begun.iter().filter(|project| *project == id).count(), 20, "{id}");
        }
        stores.close().await;
    }
}

on_both! {
    /// A server that is stopped gives its jobs back, so that the next one needn't wait for its lease, and it counts as no failure.
    async fn a_stop_gives_back_what_isnt_done(home: &Home) {
        let stores = home.stores().await;
        let store = stores.create_project("one", 1).await.unwrap();
        let mut office = Office::held(&stores, home.clock.clone(), done).await;
        push(&store, letter("slow")).await;
        office.next().await;
        drop(store);
        stores.close().await;
        let stores = home.stores().await;
        let mut office = Office::open(home, &stores, done).await;
        let again = office.next().await;
        assert_eq!((&*again.text, again.attempt), ("slow", 1));
        stores.close().await;
    }
}
