//! Several nodes on one PostgreSQL.

use crate::support::{ALL, Home, Office, count, done, letter, push, until};
use std::collections::BTreeSet;

/// One node only takes requests; another one hears of the work, and does it.
#[tokio::test(flavor = "multi_thread")]
async fn another_node_hears_of_work() {
    let Some(home) = Home::postgres() else { return };
    let (web, work) = (home.stores().await, home.stores().await);
    let store = web.create_project("one", 1).await.unwrap();
    let mut office = Office::open(&home, &work, done).await;
    push(&store, letter("heard")).await;
    assert_eq!(office.next().await.text, "heard");
    until("it is done", async || count(&store, "jobs").await == 0).await;
    web.close().await;
    work.close().await;
    home.clean_up().await;
}

/// Two nodes work on the same project: each job is begun once.
#[tokio::test(flavor = "multi_thread")]
async fn two_nodes_share_the_jobs_of_a_project() {
    let Some(home) = Home::postgres() else { return };
    let (one, two) = (home.stores().await, home.stores().await);
    let store = one.create_project("one", 1).await.unwrap();
    for n in 0..200 {
        push(&store, letter(&n.to_string())).await;
    }
    let mut offices =
        [Office::held(&one, home.clock.clone(), done).await, Office::held(&two, home.clock.clone(), done).await];
    let mut texts = Vec::new();
    for office in &mut offices {
        texts.push(office.next().await.text);
        office.may_end.add_permits(ALL);
    }
    until("all are done", async || count(&store, "jobs").await == 0).await;
    for office in &mut offices {
        texts.extend(std::iter::from_fn(|| office.begun.try_recv().ok()).map(|begun| begun.text));
    }
    assert_eq!(texts.len(), 200);
    assert_eq!(texts.iter().collect::<BTreeSet<_>>().len(), 200, "none was begun twice");
    one.close().await;
    two.close().await;
    home.clean_up().await;
}
