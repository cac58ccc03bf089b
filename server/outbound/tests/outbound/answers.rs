//! SEC-006: answers that are slow, endless, too large or lies.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use floe_outbound::{ErrorKind, Overflow, Policy, header};
use tokio::io::{AsyncWriteExt, DuplexStream};
use tokio::time::{Instant, sleep};

use crate::fake::{Fake, PUBLIC, fetch, get, hear};

const SECOND: Duration = Duration::from_secs(1);

/// A server that says `first`, and then `again` for ever, so often. What it could write is counted.
fn endless(first: &'static [u8], again: &'static [u8], every: Duration) -> (Arc<Fake>, Arc<AtomicU64>) {
    let (fake, written) = (Fake::new(), Arc::new(AtomicU64::new(0)));
    let counter = Arc::clone(&written);
    fake.serve(&format!("{PUBLIC}:80"), move |mut stream: DuplexStream| {
        let counter = Arc::clone(&counter);
        async move {
            hear(&mut stream).await;
            let mut next = first;
            while stream.write_all(next).await.is_ok() {
                counter.fetch_add(next.len() as u64, Ordering::Relaxed);
                next = again;
                if !every.is_zero() {
                    sleep(every).await;
                }
            }
        }
    });
    (fake, written)
}

async fn fails(fake: &Arc<Fake>, policy: Policy) -> (ErrorKind, Duration) {
    let begun = Instant::now();
    (fetch(fake, policy).await.unwrap_err().kind(), begun.elapsed())
}

#[tokio::test(start_paused = true)]
async fn a_slow_drip_ends_with_the_time() {
    for (first, again) in [
        (&b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n"[..], &b"x"[..]),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
        (b"HTTP/1.1 200 OK\r\n", b"a: b\r\n"),
        (b"H", b""),
        (b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 100 Continue\r\n\r\n"),
    ] {
        let (fake, _) = endless(first, again, SECOND);
        assert_eq!(fails(&fake, Policy::default()).await, (ErrorKind::TimedOut, 15 * SECOND), "{first:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn silence_ends_sooner() {
    let policy = || Policy { total: 600 * SECOND, idle: 3 * SECOND, ..Policy::default() };
    let (fake, _) = endless(b"HTTP/1.1 200 OK\r\n\r\nx", b"x", 60 * SECOND);
    assert_eq!(fails(&fake, policy()).await, (ErrorKind::TimedOut, 3 * SECOND));
    let (fake, _) = endless(b"", b"", 60 * SECOND);
    assert_eq!(fails(&fake, policy()).await, (ErrorKind::TimedOut, 3 * SECOND));
}

#[tokio::test(start_paused = true)]
async fn an_endless_body_ends_at_its_limit() {
    let policy = |overflow| Policy { max_body: 100_000, overflow, ..Policy::default() };
    let piece = &[b'x'; 4096];
    for first in [&b"HTTP/1.1 200 OK\r\n\r\n"[..], b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n"] {
        let (fake, written) = endless(first, piece, Duration::ZERO);
        assert_eq!(fails(&fake, policy(Overflow::Refuse)).await.0, ErrorKind::TooLarge);
        assert!(written.load(Ordering::Relaxed) < 400_000, "{written:?}");

        let (fake, written) = endless(first, piece, Duration::ZERO);
        let answer = fetch(&fake, policy(Overflow::Cut)).await.unwrap();
        assert!(answer.was_cut && answer.body.len() == 100_000);
        assert!(written.load(Ordering::Relaxed) < 400_000, "{written:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_nobody_takes_is_not_read() {
    let (fake, written) = endless(b"HTTP/1.1 200 OK\r\n\r\n", &[b'x'; 4096], Duration::ZERO);
    let mut response = fake.client().send(get("http://a.example/")).await.unwrap();
    sleep(SECOND).await;
    assert!(written.load(Ordering::Relaxed) < 300_000, "{written:?}");
    assert!(response.body.chunk().await.unwrap().is_some());
}

#[tokio::test(start_paused = true)]
async fn a_body_of_the_limit_is_whole() {
    let fake = Fake::says("HTTP/1.1 200 OK\r\n\r\n12345");
    for overflow in [Overflow::Cut, Overflow::Refuse] {
        let answer = fetch(&fake, Policy { max_body: 5, overflow, ..Policy::default() }).await.unwrap();
        assert!(!answer.was_cut && answer.body == "12345");
    }
    let answer = fetch(&fake, Policy { max_body: 0, overflow: Overflow::Cut, ..Policy::default() }).await.unwrap();
    assert!(answer.was_cut && answer.body.is_empty());
}

#[tokio::test(start_paused = true)]
async fn lies_about_the_length_are_found_out() {
    let fake = Fake::says("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort");
    assert_eq!(fails(&fake, Policy::default()).await.0, ErrorKind::Broken);
    let fake = Fake::says("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nshort\r\n");
    assert_eq!(fails(&fake, Policy::default()).await.0, ErrorKind::Broken);
    let fake = Fake::says("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\n\r\nsmuggled");
    assert_eq!(fetch(&fake, Policy::default()).await.unwrap().body, "ok");
    for lengths in
        ["Content-Length: 2\r\nContent-Length: 3", "Content-Length: -1", "Content-Length: 99999999999999999999"]
    {
        let fake = Fake::says(format!("HTTP/1.1 200 OK\r\n{lengths}\r\n\r\nok!"));
        assert_eq!(fails(&fake, Policy::default()).await.0, ErrorKind::Broken, "{lengths}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_no_http_is_broken() {
    let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "a: b\r\n".repeat(200));
    let long = format!("HTTP/1.1 200 OK\r\na: {}\r\n\r\n", "x".repeat(70_000));
    for answer in
        ["SSH-2.0-OpenSSH_9.2\r\n", "220 mail ESMTP\r\n", "-ERR unknown command\r\n", "", "<html>", &many, &long]
    {
        let fake = Fake::says(answer);
        assert_eq!(fails(&fake, Policy::default()).await.0, ErrorKind::Broken, "{}", &answer[..answer.len().min(20)]);
    }
    let (fake, written) = endless(b"HTTP/1.1 200 OK\r\na: ", &[b'x'; 4096], Duration::ZERO);
    assert_eq!(fails(&fake, Policy::default()).await.0, ErrorKind::Broken);
    assert!(written.load(Ordering::Relaxed) < 300_000, "{written:?}");
}

fn gzipped(body: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(body).unwrap();
    encoder.finish().unwrap()
}

fn says_gzip(body: &[u8]) -> Arc<Fake> {
    let mut answer = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n".to_vec();
    answer.extend_from_slice(body);
    Fake::says(answer)
}

fn gzip(overflow: Overflow) -> Policy {
    Policy { gzip: true, max_body: 1_000_000, overflow, ..Policy::default() }
}

#[tokio::test(start_paused = true)]
async fn a_compressed_body_is_expanded_if_asked_for() {
    let text: Vec<u8> = (0..50_000u32).flat_map(u32::to_be_bytes).collect();
    let fake = says_gzip(&gzipped(&text));
    let answer = fetch(&fake, gzip(Overflow::Refuse)).await.unwrap();
    assert!(answer.body == text && !answer.headers.contains_key(header::CONTENT_ENCODING));
    assert!(fake.heard()[0].contains("accept-encoding: gzip\r\n"));

    let answer = fetch(&fake, Policy::default()).await.unwrap();
    assert!(answer.body == gzipped(&text) && answer.headers.contains_key(header::CONTENT_ENCODING));
    assert!(!fake.heard()[1].contains("accept-encoding"));
}

#[tokio::test(start_paused = true)]
async fn a_bomb_stops_at_the_limit() {
    let bomb = gzipped(&vec![0; 8_000_000]);
    assert!(bomb.len() < 20_000);
    let fake = says_gzip(&bomb);
    assert_eq!(fails(&fake, gzip(Overflow::Refuse)).await.0, ErrorKind::TooLarge);
    let answer = fetch(&fake, gzip(Overflow::Cut)).await.unwrap();
    assert!(answer.was_cut && answer.body.len() == 1_000_000);

    // Where more is allowed it comes in pieces, and who takes one holds no more of it.
    let policy = Policy { max_body: 8_000_000, ..gzip(Overflow::Refuse) };
    let mut response = fake.client().send(get("http://a.example/").policy(policy)).await.unwrap();
    let mut whole = 0;
    while let Some(piece) = response.body.chunk().await.unwrap() {
        assert!(piece.len() < 1_100_000, "{}", piece.len());
        whole += piece.len();
    }
    assert_eq!(whole, 8_000_000);
}

#[tokio::test(start_paused = true)]
async fn what_is_no_gzip_is_broken() {
    let whole = gzipped(b"some text that is long enough to be cut somewhere");
    let mut wrong = whole.clone();
    *wrong.last_mut().unwrap() ^= 1;
    for body in [&whole[..whole.len() - 4], &whole[..20], &wrong, b"no gzip at all"] {
        assert_eq!(fails(&says_gzip(body), gzip(Overflow::Refuse)).await.0, ErrorKind::Broken, "{body:?}");
    }
    assert_eq!(fetch(&says_gzip(b""), gzip(Overflow::Refuse)).await.unwrap().body, "");
    for encoding in ["br", "zstd", "gzip, gzip", "gzip\r\nContent-Encoding: gzip"] {
        let fake = Fake::says(format!("HTTP/1.1 200 OK\r\nContent-Encoding: {encoding}\r\n\r\nx"));
        assert_eq!(fails(&fake, gzip(Overflow::Refuse)).await.0, ErrorKind::Broken, "{encoding}");
    }
}
