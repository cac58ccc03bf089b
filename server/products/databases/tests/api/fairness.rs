//! Nobody holds up everybody: all of a project share a SQLite file's readers and its writer, or some connections to
//! PostgreSQL.

use crate::support::{At, TABLES, query, user};
use floe_testkit::{Answer, Client, Database, Project, TestServer};
use serde_json::{Value as Json, json};
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

/// How long a statement may take. A slow list takes as long.
const STATEMENT: Duration = Duration::from_secs(3);

/// How long somebody else's short request takes at the most, however slow the machine is: less than a slow list.
const SOON: Duration = Duration::from_secs(2);

/// A table of long texts that everybody may read and users may change.
async fn long_texts(project: &Project) -> At {
    let server = project.server();
    let columns = json!([{"key": "text", "type": "longtext"}, {"key": "n", "type": "integer"}]);
    let at = TABLES.make(&server, &["read(\"any\")", "update(\"users\")"], false, &columns).await;
    let text = "lorem ipsum dolor ".repeat(5_000);
    for part in 0..4 {
        let rows: Vec<_> = (0..25).map(|n| json!({"$id": format!("r{part}-{n}"), "text": text})).collect();
        server.post(&at.rows, &json!({"rows": rows})).await.ok(201);
    }
    at
}

/// Each text is searched for each of these; it takes seconds. No two lists are the same.
fn slow(n: usize) -> Vec<Json> {
    let none = |part: usize| (0..400).map(|n| format!("i{part}{n}")).collect::<Vec<_>>();
    let mut queries: Vec<_> = (0..6).map(|part| query("notContains", "text", &json!(none(part)))).collect();
    queries.push(json!({"method": "offset", "values": [1_000_000 + n]}));
    queries
}

/// So many requests at once.
fn flood<F: Future<Output = Answer> + Send + 'static>(count: usize, request: impl Fn(usize) -> F) -> JoinSet<Answer> {
    (0..count).map(request).collect()
}

/// Reads and changes rows until all of the flood is answered: each of it soon. Gives the answers of the flood, and how often.
async fn others_are_served_during(mut flood: JoinSet<Answer>, at: &At, other: &Client) -> (Vec<Answer>, usize) {
    let (mut answers, mut rounds, mut slowest) = (Vec::new(), 0, Duration::ZERO);
    loop {
        for changes in [false, true] {
            let started = Instant::now();
            match changes {
                false => other.get(&at.row("r0-0")).await.ok(200),
                true => other.patch(&at.row("r0-1"), &json!({"data": {"n": rounds}})).await.ok(200),
            }
            slowest = slowest.max(started.elapsed());
        }
        rounds += 1;
        while let Some(answer) = flood.try_join_next() {
            answers.push(answer.unwrap());
        }
        if flood.is_empty() {
            break;
        }
    }
    assert!(slowest < SOON, "{slowest:?}: somebody else waited");
    (answers, rounds)
}

/// How many were told to come again; the others were answered, or took too long.
fn refused(answers: &[Answer]) -> usize {
    let is_refused = |answer: &&Answer| {
        match answer.status {
            503 => {
                answer.refused(503, "general_service_unavailable");
                assert_eq!(answer.header("retry-after"), "1");
            }
            200 => {}
            _ => answer.refused(408, "database_timeout"),
        }
        answer.status == 503
    };
    answers.iter().filter(is_refused).count()
}

async fn slow_lists_of_a_guest(floe: TestServer) {
    let project = floe.project("p").await;
    let at = long_texts(&project).await;
    let lists = flood(48, |n| {
        let (guest, rows) = (project.guest(), at.rows.clone());
        async move { guest.list(&rows, &slow(n)).await }
    });
    let (answers, rounds) = others_are_served_during(lists, &at, &user(&project, "u").await).await;
    assert!(rounds > 20, "{rounds} reads and changes meanwhile");
    let refused = refused(&answers);
    assert!(refused >= 48 - 4 - 16, "{refused} of 48 were told to come again");
}

floe_testkit::both_databases! {
    /// Issue 8, 1.12: 16 slow lists of a guest took all readers, and everybody else's reads ended in 500.
    async fn slow_lists_of_a_guest_keep_nobody_else_out(floe: TestServer, |config| config.database.statement_timeout = STATEMENT) {
        slow_lists_of_a_guest(floe).await;
    }
}

/// Where a project has but one connection, and one of what is free for something short.
#[test]
fn slow_lists_keep_nobody_out_of_a_small_pool() {
    TestServer::run_with(
        Database::Postgres,
        |config| {
            config.database.statement_timeout = STATEMENT;
            if let Some(postgres) = &mut config.database.postgres {
                postgres.pool_size = 3;
            }
        },
        slow_lists_of_a_guest,
    );
}
