//! Nobody holds up everybody: on SQLite, where all of a project share a file's readers and its writer.

use crate::support::{TABLES, query, user};
use floe_testkit::{Database, TestServer};
use serde_json::json;
use std::time::{Duration, Instant};

/// Issue 8, 1.12: 16 slow lists of a guest took all readers, and everybody else's reads ended in 500.
#[test]
fn slow_lists_of_a_guest_keep_nobody_else_out() {
    TestServer::run_with(
        Database::Sqlite,
        |config| config.database.statement_timeout = Duration::from_secs(3),
        |floe| async move {
            let project = floe.project("p").await;
            let server = project.server();
            let columns = json!([{"key": "text", "type": "longtext"}]);
            let at = TABLES.make(&server, &["read(\"any\")"], false, &columns).await;
            let text = "lorem ipsum dolor ".repeat(5_000);
            for part in 0..4 {
                let rows: Vec<_> = (0..25).map(|n| json!({"$id": format!("r{part}-{n}"), "text": text})).collect();
                server.post(&at.rows, &json!({"rows": rows})).await.ok(201);
            }
            // Each text is searched for each of these; they take seconds. No two lists are the same.
            let none = |part: usize| (0..400).map(|n| format!("i{part}{n}")).collect::<Vec<_>>();
            let slow = |n: usize| {
                let mut queries: Vec<_> = (0..6).map(|part| query("notContains", "text", &json!(none(part)))).collect();
                queries.push(json!({"method": "offset", "values": [1_000_000 + n]}));
                queries
            };
            let mut lists = tokio::task::JoinSet::new();
            for n in 0..48 {
                let (guest, rows, slow) = (project.guest(), at.rows.clone(), slow(n));
                lists.spawn(async move { guest.list(&rows, &slow).await });
            }
            let reader = user(&project, "u").await;
            let (mut reads, mut slowest) = (0, Duration::ZERO);
            let mut refused = 0;
            while let Some(answer) = {
                let started = Instant::now();
                reader.get(&at.row("r0-0")).await.ok(200);
                slowest = slowest.max(started.elapsed());
                reads += 1;
                lists.join_next().await
            } {
                let answer = answer.unwrap();
                if answer.status == 503 {
                    answer.refused(503, "general_service_unavailable");
                    assert_eq!(answer.header("retry-after"), "1");
                    refused += 1;
                } else if answer.status != 200 {
                    answer.refused(408, "database_timeout");
                }
            }
            assert!(reads > 40, "{reads} reads meanwhile");
            assert!(slowest < Duration::from_secs(2), "{slowest:?}: a read waited for lists");
            assert!(refused >= 48 - 4 - 16, "{refused} of 48 were told to come again");
        },
    );
}
