//! How many requests there may be, and hosts that fail.

use std::sync::Arc;
use std::time::Duration;

use floe_outbound::{BreakerSettings, ErrorKind, Outbound, Settings};
use tokio::time::{advance, sleep};

use crate::fake::{Fake, PUBLIC, get};

const ENDLESS: &str = "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nx";
const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

fn crowded(fake: &Arc<Fake>) -> Outbound {
    for (name, address) in [("b.example", "93.184.216.35"), ("c.example", "93.184.216.36")] {
        fake.name(name, &[&[address]]);
        fake.say(&format!("{address}:80"), ENDLESS);
    }
    fake.client_with(Settings { most: 3, most_per_owner: 2, most_per_host: 1, ..Settings::default() })
}

async fn kind(client: &Outbound, url: &str, owner: &str) -> Option<ErrorKind> {
    client.send(get(url).on_behalf_of(owner)).await.err().map(|error| error.kind())
}

#[tokio::test(start_paused = true)]
async fn hosts_callers_and_all_have_so_many_places() {
    let fake = Fake::says(ENDLESS);
    let client = crowded(&fake);
    let first = client.send(get("http://a.example/").on_behalf_of("x")).await.unwrap();
    assert_eq!(kind(&client, "http://a.example/", "y").await, Some(ErrorKind::Busy));
    let second = client.send(get("http://b.example/").on_behalf_of("x")).await.unwrap();
    assert_eq!(kind(&client, "http://c.example/", "x").await, Some(ErrorKind::Busy));
    let third = client.send(get("http://c.example/").on_behalf_of("y")).await.unwrap();
    assert_eq!(kind(&client, "http://d.example/", "z").await, Some(ErrorKind::Busy));
    drop((first, second, third));
    for url in ["http://a.example/", "http://b.example/", "http://c.example/"] {
        assert_eq!(kind(&client, url, "x").await, None);
    }
}

#[tokio::test(start_paused = true)]
async fn who_waits_gets_the_next_place() {
    let fake = Fake::says(ENDLESS);
    let client = crowded(&fake);
    let first = client.send(get("http://a.example/")).await.unwrap();
    let next = tokio::spawn({
        let client = client.clone();
        async move { kind(&client, "http://a.example/", "y").await }
    });
    sleep(Duration::from_secs(1)).await;
    drop(first);
    assert_eq!(next.await.unwrap(), None);
}

/// The operating system's resolver can't be called off.
#[tokio::test(start_paused = true)]
async fn a_lookup_counts_until_it_ends() {
    let fake = Fake::says(OK);
    fake.name("stuck.example", &[]);
    let client = fake.client_with(Settings { most_per_owner: 1, ..Settings::default() });
    assert_eq!(kind(&client, "http://stuck.example/", "x").await, Some(ErrorKind::Unreachable));
    assert_eq!(kind(&client, "http://a.example/", "x").await, Some(ErrorKind::Busy));
    assert_eq!(kind(&client, "http://a.example/", "y").await, None);
}

#[tokio::test(start_paused = true)]
async fn a_host_that_is_down_is_left_alone_by_all() {
    let fake = Fake::new();
    let client = fake.client_with(Settings {
        breaker: BreakerSettings { failures: 3, ..BreakerSettings::default() },
        ..Settings::default()
    });
    for owner in ["x", "y", "z"] {
        assert_eq!(kind(&client, "http://a.example/", owner).await, Some(ErrorKind::Unreachable));
    }
    assert_eq!(kind(&client, "http://a.example/", "w").await, Some(ErrorKind::Paused));
    assert_eq!(fake.dialled().len(), 3);
    assert_eq!(kind(&client, "http://a.example:81/", "w").await, Some(ErrorKind::Unreachable));

    advance(Duration::from_secs(10)).await;
    fake.say(&format!("{PUBLIC}:80"), OK);
    for _ in 0..2 {
        assert_eq!(kind(&client, "http://a.example/", "w").await, None);
    }
}

#[tokio::test(start_paused = true)]
async fn answers_that_fail_pause_only_who_asked() {
    let fake = Fake::says("nonsense");
    let client = fake.client();
    for _ in 0..5 {
        assert_eq!(kind(&client, "http://a.example/", "x").await, Some(ErrorKind::Broken));
    }
    assert_eq!(kind(&client, "http://a.example/", "x").await, Some(ErrorKind::Paused));
    assert_eq!(kind(&client, "http://a.example/", "y").await, Some(ErrorKind::Broken));
}

#[tokio::test(start_paused = true)]
async fn a_bad_status_is_no_failure() {
    let fake = Fake::says("HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n");
    let client = fake.client();
    for _ in 0..9 {
        assert_eq!(kind(&client, "http://a.example/", "x").await, None);
    }
}
