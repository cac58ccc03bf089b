//! What is heavy for one caller is not for the others: long values that are computed and looked into, changes that nobody
//! waits for any more.

use crate::support::{At, TABLES, ids, query};
use floe_testkit::{Client, TestServer, both_databases};
use serde_json::{Value as Json, json};
use std::time::{Duration, Instant};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

/// A table of rows `r0`, `r1`, ... with a list `k0`, `k1`, ... each.
async fn lists(server: &Client, permissions: &[&str], rows: usize, elements: usize) -> At {
    let columns = json!([{"key": "list", "type": "string", "size": 20, "array": true}]);
    let at = TABLES.make(server, permissions, false, &columns).await;
    let list: Vec<String> = (0..elements).map(|n| format!("k{n}")).collect();
    for n in 0..rows {
        at.create(server, &format!("r{n}"), &json!({"list": list})).await.ok(201);
    }
    at
}

fn operator(method: &str, values: &Json) -> String {
    json!({"method": method, "values": values}).to_string()
}

/// How long this takes, and the longest that somebody else waits meanwhile who asks for next to nothing.
async fn probed_during(floe: &TestServer, work: impl Future<Output = ()>) -> (Duration, Duration) {
    let (guest, begun, mut slowest) = (floe.client(), Instant::now(), Duration::ZERO);
    let mut work = std::pin::pin!(work);
    loop {
        let asked = Instant::now();
        tokio::select! {
            () = &mut work => return (begun.elapsed(), slowest),
            answer = guest.get("/health/live") => answer.ok(200),
        }
        slowest = slowest.max(asked.elapsed());
    }
}

both_databases! {
    /// Before, a slice had 25 rows at the least, which for long rows is more than a unit of work may take: it could never be
    /// made.
    async fn rows_of_long_lists_are_changed_in_bulk(floe: TestServer, |config| {
        config.database.unit_time = Duration::from_millis(1500);
    }) {
        let project = floe.project("p").await;
        let server = project.server();
        let at = lists(&server, &[], 24, 20_000).await;
        let twice = operator("arrayAppend", &json!(["k1", "k2"]));
        let changed = server.patch(&at.rows, &json!({"data": {"list": twice}})).await.expect(200);
        assert_eq!(changed["total"], 24);
        let unique = operator("arrayUnique", &json!([]));
        server.patch(&at.rows, &json!({"data": {"list": unique}})).await.ok(200);
        for n in 0..24 {
            let row = server.get(&at.row(&format!("r{n}"))).await.expect(200);
            let list = row["list"].as_array().unwrap();
            assert_eq!((list.len(), &list[1], &list[19_999]), (20_000, &json!("k1"), &json!("k19999")), "r{n}");
        }
    }

    /// On a single event loop, which had to do nothing else meanwhile.
    async fn computing_from_a_long_list_holds_up_nobody(floe: TestServer, |config| config.server.workers = 1) {
        let project = floe.project("p").await;
        let server = project.server();
        let at = lists(&server, &[], 1, 200_000).await;
        let data = json!({"data": {"list": operator("arrayUnique", &json!([]))}});
        let change = async { server.patch(&at.row("r0"), &data).await.ok(200) };
        let (took, slowest) = probed_during(&floe, change).await;
        assert!(slowest < took / 2, "{slowest:?} of {took:?}");
    }

    /// The same of a body with many values: they are counted, parsed, checked, written and answered.
    async fn a_body_of_many_values_holds_up_nobody(floe: TestServer, |config| config.server.workers = 1) {
        let project = floe.project("p").await;
        let server = project.server();
        let at = lists(&server, &[], 0, 0).await;
        let list: Vec<String> = (0..450_000).map(|n| format!("k{n}")).collect();
        let good = json!({"rowId": "good", "data": {"list": list}});
        let mut bad = good.clone();
        bad["data"]["list"][449_999] = json!("longer than it may be");
        for (row, status) in [(&good, 201), (&bad, 400)] {
            let create = async { server.post(&at.rows, row).await.ok(status) };
            let (took, slowest) = probed_during(&floe, create).await;
            assert!(slowest < took / 2, "{status}: {slowest:?} of {took:?}");
        }
    }

    async fn elements_are_found_in_long_lists(floe: TestServer) {
        let project = floe.project("p").await;
        let server = project.server();
        let at = lists(&server, &["read(\"any\")"], 2, 100_000).await;
        at.create(&server, "short", &json!({"list": ["k1", "k2", "\"é\\"]})).await.ok(201);
        let all: Vec<String> = (0..100).map(|n| format!("k{}", n * 1000)).collect();
        let none: Vec<String> = (0..100).map(|n| format!("z{n}")).collect();
        let before = peak();
        for (queries, found) in [
            (vec![query("containsAll", "list", &json!(all)); 10], &["r0", "r1"][..]),
            (vec![query("contains", "list", &json!(none))], &[]),
            (vec![query("notContains", "list", &json!(none)); 10], &["r0", "r1", "short"]),
            (vec![query("containsAny", "list", &json!([&none[..], &all[1..]].concat()))], &["r0", "r1"]),
            (vec![query("containsAll", "list", &json!(["\"é\\", "k2"]))], &["short"]),
            (vec![query("containsAll", "list", &json!(["k2", "k2", "z"]))], &[]),
        ] {
            let select = json!({"method": "select", "values": ["$id"]});
            let list = project.guest().list(&at.rows, &[queries.clone(), vec![select]].concat()).await.expect(200);
            assert_eq!(ids(&list["rows"]), found, "{queries:?}");
        }
        // A copy of each list for each element would be more than a gigabyte.
        let grown = peak() - before;
        assert!(grown < 300 << 10, "{grown} KiB");
    }

    /// On PostgreSQL each condition took the list apart for itself, and kept that until the row was done: 80 took 800 MB and
    /// more time than a statement may.
    async fn many_conditions_look_at_a_long_list_together(floe: TestServer) {
        let project = floe.project("p").await;
        let is_sqlite = floe.store("p").await.is_sqlite();
        // (SQLite looks at it once for each condition, and without optimisation slowly.)
        let long = if is_sqlite { 10_000 } else { 100_000 };
        let at = lists(&project.server(), &["read(\"any\")"], 2, long).await;
        let select = json!({"method": "select", "values": ["$id"]});
        let find = async |queries: Vec<Json>| {
            let started = Instant::now();
            let list = project.guest().list(&at.rows, &[queries, vec![select.clone()]].concat()).await.expect(200);
            (ids(&list["rows"]), started.elapsed())
        };
        let one = |n: usize| query("contains", "list", &json!([format!("k{n}")]));
        let (found, alone) = find(vec![one(0)]).await;
        assert_eq!(found, ["r0", "r1"]);
        let (found, together) = find((0..80).map(|n| one(n * long / 100)).collect()).await;
        assert_eq!(found, ["r0", "r1"]);
        let (found, _) = find((0..80).map(|n| one(long - 70 + n)).collect()).await;
        assert_eq!(found, [""; 0], "it has 70 of them");
        if !is_sqlite {
            assert!(together < alone * 20 + Duration::from_secs(1), "{together:?}, one alone {alone:?}");
        }
    }

    async fn a_change_of_many_rows_ends_when_its_caller_is_gone(floe: TestServer) {
        const MANY: usize = 6000;
        let project = floe.project("p").await;
        let server = project.server();
        let columns = json!([{"key": "n", "type": "integer"}, {"key": "state", "type": "string", "size": 10}]);
        let at = TABLES.make(&server, &[], false, &columns).await;
        for start in (0..MANY).step_by(100) {
            let rows: Vec<_> = (start..start + 100).map(|n| json!({"n": n, "state": "old"})).collect();
            server.post(&at.rows, &json!({"rows": rows})).await.ok(201);
        }
        let changed = async || {
            let state = query("equal", "state", &json!(["new"]));
            let at_most = json!({"method": "limit", "values": [1]});
            at.list(&server, &[state, at_most]).await["total"].as_u64().unwrap()
        };
        let body = json!({"data": {"state": "new"}}).to_string();
        let request = format!(
            "PATCH {} HTTP/1.1\r\nHost: x\r\nX-Appwrite-Project: p\r\nX-Appwrite-Key: {}\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n{body}",
            at.rows, project.key, body.len()
        );
        let mut stream = TcpStream::connect(floe.client().base().trim_start_matches("http://")).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        while changed().await == 0 {}
        drop(stream);
        let mut last = changed().await;
        loop {
            tokio::time::sleep(Duration::from_millis(300)).await;
            match changed().await {
                now if now == last => break,
                now => last = now,
            }
        }
        assert!(last > 0 && last < 5000, "{last} of {MANY} (counted up to 5000)");
    }
}

/// The most memory that this process has had, in KiB.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}
