//! What was acknowledged is still there: after `kill -9`, and when clients hang up in the middle.

use crate::binary::{Caller, Instance, ROWS, Running};
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

/// How often the server is killed.
const KILLS: usize = 20;
/// How many clients write at a time.
const WRITERS: usize = 16;
/// How many more rows are acknowledged before each kill.
const ROWS_A_ROUND: usize = 150;

type Acknowledged = Arc<Mutex<BTreeMap<String, i64>>>;

#[tokio::test(flavor = "multi_thread")]
async fn every_acknowledged_row_survives_kill_9() {
    let instance = Instance::new();
    let mut running = instance.serve();
    let caller = Caller::of(&instance, &running);
    caller.make_table().await;
    let acknowledged = Acknowledged::default();
    for round in 0..KILLS {
        write_until_killed(&caller.at(&running), &mut running, &acknowledged, round).await;
        running = instance.serve();
        let caller = caller.at(&running);
        let stored = everything(&caller).await;
        for (id, number) in acknowledged.lock().unwrap().iter() {
            assert_eq!(stored.get(id), Some(number), "round {round}: {id} was acknowledged");
        }
    }
}

/// Writes from many clients until so many rows are acknowledged, then kills the server while they go on.
async fn write_until_killed(caller: &Caller, running: &mut Running, acknowledged: &Acknowledged, round: usize) {
    let (enough, mut wait) = tokio::sync::mpsc::channel(1);
    let goal = acknowledged.lock().unwrap().len() + ROWS_A_ROUND;
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let (caller, acknowledged, enough) = (caller.clone(), Arc::clone(acknowledged), enough.clone());
            tokio::spawn(async move {
                for n in 0.. {
                    let (id, number) = (format!("r{round}w{writer}n{n}"), i64::from(n));
                    let body = json!({"rowId": id, "data": {"text": "x".repeat(200), "number": number}});
                    match caller.post(ROWS, &body).await {
                        Ok(answer) if answer.status() == 201 => {
                            let mut acknowledged = acknowledged.lock().unwrap();
                            acknowledged.insert(id, number);
                            if acknowledged.len() >= goal {
                                let _ = enough.try_send(());
                            }
                        }
                        Ok(answer) => panic!("{}", answer.text().await.unwrap()),
                        // The server is gone: that is what this is about.
                        Err(_) => return,
                    }
                }
            })
        })
        .collect();
    wait.recv().await.unwrap();
    running.kill();
    for writer in writers {
        writer.await.unwrap();
    }
}

/// Every row that there is, page by page.
async fn everything(caller: &Caller) -> BTreeMap<String, i64> {
    let mut rows = BTreeMap::new();
    let mut after = None;
    loop {
        let mut queries = vec![json!({"method": "limit", "values": [1000]})];
        queries.extend(after.as_ref().map(|id: &String| json!({"method": "cursorAfter", "values": [id]})));
        let query: Vec<_> = queries.iter().map(|query| format!("queries[]={}", encode(&query.to_string()))).collect();
        let answer = caller.get(&format!("{ROWS}?{}", query.join("&"))).await.unwrap();
        let page: Json = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
        let page = page["rows"].as_array().unwrap().clone();
        let Some(last) = page.last() else { return rows };
        after = Some(last["$id"].as_str().unwrap().to_owned());
        for row in &page {
            assert_eq!(row["text"].as_str().map(str::len), Some(200), "half a row: {row}");
            rows.insert(row["$id"].as_str().unwrap().to_owned(), row["number"].as_i64().unwrap());
        }
    }
}

fn encode(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_that_hang_up_lose_nothing_and_break_nothing() {
    let instance = Instance::new();
    let running = instance.serve();
    let caller = Caller::of(&instance, &running);
    caller.make_table().await;
    for n in 0..200 {
        hang_up_in_the_middle(&caller, n).await;
    }
    // Later requests are answered, and every row that is there is whole.
    let answer =
        caller.post(ROWS, &json!({"rowId": "last", "data": {"text": "x".repeat(200), "number": 1}})).await.unwrap();
    assert_eq!(answer.status(), 201);
    let stored = everything(&caller).await;
    assert_eq!(stored.get("last"), Some(&1));
    let log = running.log();
    assert!(!log.contains("panicked"), "{log}");
    assert!(!log.contains("\"status\":500"), "{log}");
}

/// Sends a write, whole or in part, and resets the connection at once or a moment later.
async fn hang_up_in_the_middle(caller: &Caller, n: usize) {
    let body = json!({"rowId": format!("h{n}"), "data": {"text": "x".repeat(200), "number": n}}).to_string();
    let request = format!(
        "POST {ROWS} HTTP/1.1\r\nHost: x\r\nX-Appwrite-Project: {}\r\nX-Appwrite-Key: {}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        crate::binary::PROJECT,
        caller.key,
        body.len(),
    );
    let mut stream = TcpStream::connect(caller.base.trim_start_matches("http://")).await.unwrap();
    stream.set_zero_linger().unwrap();
    // Some never send the end; of the rest some are gone before the server has read, some while it writes.
    let sent = if n.is_multiple_of(3) { &request[..request.len() - 1 - n % 100] } else { &request };
    stream.write_all(sent.as_bytes()).await.unwrap();
    for _ in 0..n % 7 {
        tokio::task::yield_now().await;
    }
    drop(stream);
}
