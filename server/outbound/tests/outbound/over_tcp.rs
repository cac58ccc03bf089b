//! Over the system's resolver and TCP, on the loopback interface.

use std::io;
use std::time::Duration;

use floe_outbound::{ErrorKind, Outbound, Settings};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;

use crate::fake::{get, hear};

async fn listener() -> (TcpListener, u16) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, port)
}

fn client(allowed: &str) -> Outbound {
    Outbound::new(Settings { allowed: allowed.parse().unwrap(), uniform_after: Duration::ZERO, ..Settings::default() })
}

#[tokio::test]
async fn nothing_arrives_at_what_is_not_allowed() {
    let (listener, port) = listener().await;
    for host in ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]"] {
        let error = client("").fetch(get(&format!("http://{host}:{port}/"))).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unreachable, "{host}");
    }
    let listener = listener.into_std().unwrap();
    assert_eq!(listener.accept().unwrap_err().kind(), io::ErrorKind::WouldBlock);
}

#[tokio::test]
async fn what_is_allowed_answers() {
    let (listener, port) = listener().await;
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            hear(&mut stream).await;
            stream.write_all(b"HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\nok").await.unwrap();
        }
    });
    for (allowed, host) in [("127.0.0.0/8", "127.0.0.1"), ("127.0.0.0/8", "localhost"), ("localhost", "localhost")] {
        let answer = client(allowed).fetch(get(&format!("http://{host}:{port}/"))).await.unwrap();
        assert_eq!((answer.status.as_u16(), &answer.body[..]), (201, &b"ok"[..]));
    }
    let error = client("127.0.0.1:1").fetch(get(&format!("http://127.0.0.1:{port}/"))).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unreachable);
}
