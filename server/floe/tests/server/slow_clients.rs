//! Clients that keep the server waiting: with their body, or by taking no answer.

use floe_testkit::{Database, Project, TestServer, both_databases};
use serde_json::json;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

fn impatient<F: Future<Output = ()>>(scenario: impl FnOnce(TestServer) -> F) {
    TestServer::run_with(Database::Sqlite, |config| config.server.patience = Duration::from_secs(1), scenario);
}

async fn connect(floe: &TestServer, request: &str) -> TcpStream {
    let mut stream = TcpStream::connect(floe.client().base().trim_start_matches("http://")).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    stream
}

/// The head of the next answer; the connection is left open.
async fn head(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        answer.push(stream.read_u8().await.expect("an answer"));
    }
    String::from_utf8(answer).unwrap()
}

#[test]
fn who_is_refused_need_not_send_a_body() {
    impatient(async |floe| {
        let project = floe.project("shop").await;
        let post =
            "POST /v1/users HTTP/1.1\r\nHost: x\r\nX-Appwrite-Project: shop\r\nContent-Type: application/json\r\n";
        let mut guest = connect(&floe, &format!("{post}Content-Length: 12000000\r\n\r\n{{")).await;
        assert!(head(&mut guest).await.starts_with("HTTP/1.1 401 "));
        let key = format!("X-Appwrite-Key: {}\r\n", project.key);
        let mut long = connect(&floe, &format!("{post}{key}Content-Length: 12000000\r\n\r\n{{")).await;
        assert!(head(&mut long).await.starts_with("HTTP/1.1 413 "));
    });
}

#[test]
fn a_body_that_does_not_come_is_given_up() {
    impatient(async |floe| {
        floe.project("shop").await;
        let post =
            "POST /v1/account HTTP/1.1\r\nHost: x\r\nX-Appwrite-Project: shop\r\nContent-Type: application/json\r\n";
        let mut stream = connect(&floe, &format!("{post}Content-Length: 100\r\n\r\n{{")).await;
        let answer = head(&mut stream).await.to_lowercase();
        assert!(answer.starts_with("http/1.1 408 ") && answer.contains("connection: close"), "{answer}");
    });
}

#[test]
fn who_takes_no_answer_is_disconnected() {
    impatient(async |floe| {
        let get = "GET /v1/openapi.json HTTP/1.1\r\nHost: x\r\n\r\n";
        let mut stream = connect(&floe, get).await;
        let (server, client) = (stream.peer_addr().unwrap(), stream.local_addr().unwrap());
        // Many more answers than the buffers on both sides hold: the server can't get rid of them.
        stream.write_all(get.repeat(200).as_bytes()).await.unwrap();
        assert!(is_open(server, client), "the server's end is found");
        tokio::time::timeout(Duration::from_secs(20), async {
            while is_open(server, client) {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        })
        .await
        .expect("the server closes the connection");
        floe.client().get("/health/live").await.ok(200);
    });
}

#[test]
fn who_sends_without_waiting_for_answers_lets_others_have_theirs() {
    const MANY: usize = 20_000;
    const START: &[u8] = b"HTTP/1.1 ";
    impatient(async |floe| {
        let get = "GET /v1/health/version HTTP/1.1\r\nHost: x\r\n\r\n";
        let (mut answers, mut requests) = connect(&floe, "").await.into_split();
        let sending = tokio::spawn(async move {
            requests.write_all(get.repeat(MANY).as_bytes()).await.unwrap();
            requests
        });
        let answered = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&answered);
        let (first, begun) = tokio::sync::oneshot::channel();
        let taking = tokio::spawn(async move {
            let (mut first, mut text, mut piece) = (Some(first), Vec::new(), vec![0; 64 * 1024]);
            while counted.load(Ordering::SeqCst) < MANY {
                let taken = answers.read(&mut piece).await.unwrap();
                assert!(taken > 0, "the server hung up");
                text.extend_from_slice(&piece[..taken]);
                counted.fetch_add(text.windows(START.len()).filter(|text| *text == START).count(), Ordering::SeqCst);
                // One more may begin at the end.
                text.drain(..text.len().saturating_sub(START.len() - 1));
                first.take().map(|first| first.send(()));
            }
        });
        begun.await.unwrap();
        for _ in 0..5 {
            floe.client().get("/v1/health/version").await.ok(200);
        }
        let before = answered.load(Ordering::SeqCst);
        taking.await.unwrap();
        drop(sending.await.unwrap());
        assert!(before < MANY / 2, "five others waited for {before} answers");
    });
}

/// Else a connection could have the server hold any number of answers, which nobody takes.
#[test]
fn who_takes_no_answers_is_read_from_no_further() {
    TestServer::run(Database::Sqlite, async |floe: TestServer| {
        let requests = "GET /v1/health/version HTTP/1.1\r\nHost: x\r\n\r\n".repeat(1000);
        let mut stream = connect(&floe, "").await;
        let mut sent = 0;
        // The kernel's buffers of both sides hold some 10 MB.
        while sent < 32 << 20 {
            match tokio::time::timeout(Duration::from_secs(3), stream.write(requests.as_bytes())).await {
                Ok(written) => sent += written.unwrap(),
                Err(_) => return floe.client().get("/health/live").await.ok(200),
            }
        }
        panic!("{sent} bytes were read of a client that takes no answers");
    });
}

/// Whether this process has an established connection from `local` to `remote`, both of them of 127.0.0.1.
fn is_open(local: SocketAddr, remote: SocketAddr) -> bool {
    let end = |address: SocketAddr| format!("0100007F:{:04X}", address.port());
    let connection = format!("{} {} 01 ", end(local), end(remote));
    std::fs::read_to_string("/proc/self/net/tcp").unwrap().contains(&connection)
}

/// A table of long texts that everybody may read, a dozen megabytes; gives the path of its rows.
async fn long_rows(project: &Project) -> &'static str {
    let server = project.server();
    server.post("/v1/tablesdb", &json!({"databaseId": "d", "name": "d"})).await.ok(201);
    let column = json!([{"key": "t", "type": "string", "size": 2_000_000}]);
    let table = json!({"tableId": "t", "name": "t", "permissions": ["read(\"any\")"], "columns": column});
    server.post("/v1/tablesdb/d/tables", &table).await.ok(201);
    while server.get("/v1/tablesdb/d/tables/t/columns/t").await.expect(200)["status"] != "available" {
        tokio::task::yield_now().await;
    }
    for n in 0..8 {
        let row = json!({"rowId": format!("r{n}"), "data": {"t": "x".repeat(1_500_000)}});
        server.post("/v1/tablesdb/d/tables/t/rows", &row).await.ok(201);
    }
    "/v1/tablesdb/d/tables/t/rows"
}

both_databases! {
    /// One address has 16 MiB here, which is one such list at a time.
    async fn an_answer_that_nobody_takes_leaves_memory(floe: TestServer, |config| {
        config.server.patience = Duration::from_secs(2);
        config.server.answer_memory = 64 << 20;
    }) {
        let shop = floe.project("shop").await;
        let rows = long_rows(&shop).await;
        let get = format!("GET {rows} HTTP/1.1\r\nHost: x\r\nX-Appwrite-Project: shop\r\n\r\n");
        let mut slow = connect(&floe, &get).await;
        assert!(head(&mut slow).await.starts_with("HTTP/1.1 200 "));
        let refused = shop.guest().get(rows).await;
        refused.refused(503, "general_service_unavailable");
        assert!(refused.header("retry-after") == "1" && refused.body["rows"].is_null());
        let ids = json!({"method": "select", "values": ["$id"]});
        let small = shop.guest().list(rows, &[ids]).await.expect(200);
        assert_eq!(small["rows"].as_array().map(Vec::len), Some(8), "what is small is no burden");
        tokio::time::timeout(Duration::from_secs(20), async {
            while shop.guest().get(rows).await.status != 200 {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        })
        .await
        .expect("the memory is given back");
        // What comes of the answer that was given up is never mistaken for all of it.
        let mut rest = Vec::new();
        let end = tokio::time::timeout(Duration::from_secs(20), slow.read_to_end(&mut rest)).await;
        assert!(end.is_ok() && rest.len() < 12_000_000, "{end:?} {}", rest.len());
    }
}
