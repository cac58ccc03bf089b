//! Nobody holds up everybody. Turns are counted, not seconds, wherever they can be.

use crate::support::{ALL, Home, Office, done, letter, push, sql, until};
use floe_queue::policy::EMAILS;
use std::time::{Duration, Instant};

on_both! {
    async fn a_hundred_thousand_jobs_of_one_project_dont_delay_another(home: &Home) {
        let stores = home.stores().await;
        let many = stores.create_project("many", 1).await.unwrap();
        let few = stores.create_project("few", 2).await.unwrap();
        let columns = "queue, kind, payload, due_at, created_at";
        let row = r#"'emails', 'test.letter', '{"text": "many"}', 1, 1"#;
        let rows = match many.is_sqlite() {
            true => format!("WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 99999) SELECT {row} FROM n"),
            false => format!("SELECT {row} FROM generate_series(1, 99999)"),
        };
        sql(&many, &format!("INSERT INTO jobs ({columns}) {rows}")).await;
        let mut office = Office::held(&stores, home.clock.clone(), done).await;
        // Wakes the project.
        push(&many, letter("many")).await;
        // All places that it may have are taken, and it waits for more.
        for _ in 0..EMAILS.in_a_project {
            assert_eq!(office.next().await.project, "many");
        }
        push(&few, letter("few: the first")).await;
        assert_eq!(office.next().await.text, "few: the first", "the very next");
        // Also while the many go on as fast as they can: what is begun meanwhile are a few rounds of their places.
        for n in 0..20 {
            push(&few, letter(&format!("few {n}"))).await;
            office.may_end.add_permits(2);
            let mut between = 0;
            loop {
                let begun = office.next().await;
                if begun.project == "few" {
                    break;
                }
                between += 1;
                assert!(between <= 5 * EMAILS.at_once, "{between} of the others were begun first");
                office.may_end.add_permits(1);
            }
        }
        office.may_end.add_permits(ALL);
        stores.close().await;
    }
}

on_both! {
    /// Twenty projects with many jobs each: everybody gets their turn before anybody is far ahead.
    async fn projects_take_turns(home: &Home) {
        let stores = home.stores().await;
        let mut office = Office::held(&stores, home.clock.clone(), done).await;
        let mut projects = Vec::new();
        for n in 0..20 {
            let store = stores.create_project(&format!("p{n}"), n + 1).await.unwrap();
            for _ in 0..8 {
                push(&store, letter("x")).await;
            }
            projects.push(store);
        }
        until("all places are taken", async || office.queue.running("emails") == EMAILS.at_once).await;
        let mut counts = std::collections::BTreeMap::<String, usize>::new();
        for _ in 0..EMAILS.at_once {
            *counts.entry(office.next().await.project).or_default() += 1;
        }
        // One place becomes free at a time.
        for _ in 0..20 + EMAILS.in_a_project {
            office.may_end.add_permits(1);
            *counts.entry(office.next().await.project).or_default() += 1;
        }
        assert_eq!(counts.len(), 20, "everybody had a turn: {counts:?}");
        office.may_end.add_permits(ALL);
        stores.close().await;
    }
}

on_both! {
    /// More projects than are visited at a time have their writer held, as by the making of an index.
    async fn busy_projects_dont_hold_up_another(home: &Home) {
        let stores = home.stores().await;
        let mut office = Office::open(home, &stores, done).await;
        let (mut busy, mut held) = (Vec::new(), Vec::new());
        for n in 0..20 {
            let store = stores.create_project(&format!("busy{n}"), n + 1).await.unwrap();
            push(&store, letter("busy").after(Duration::from_secs(60))).await;
            busy.push(store);
        }
        let free = stores.create_project("free", 100).await.unwrap();
        for store in &busy {
            let mut unit = store.begin().await.unwrap();
            if store.is_sqlite() {
                unit.batch("UPDATE jobs SET failures = 0").await.unwrap();
                held.push(unit);
            }
        }
        office.later(home, 61);
        let began = Instant::now();
        push(&free, letter("free")).await;
        while office.next().await.text != "free" {}
        // Requests wait for a project's writer for ten seconds, if need be.
        assert!(began.elapsed() < Duration::from_secs(5), "it took {:?}", began.elapsed());
        drop(held);
        stores.close().await;
    }
}
