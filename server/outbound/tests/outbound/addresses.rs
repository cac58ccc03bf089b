//! SEC-001, SEC-002, SEC-004, SEC-010: where a connection goes to, and what is told of it.

use std::time::Duration;

use floe_outbound::{Error, ErrorKind, Settings, Target};
use tokio::time::Instant;

use crate::fake::{Fake, PUBLIC, get};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

#[tokio::test(start_paused = true)]
async fn refuses_what_is_not_public_without_a_connection() {
    let fake = Fake::new();
    let client = fake.client();
    let hosts = [
        "127.0.0.1",
        "127.8.8.8",
        "10.0.0.1",
        "172.16.0.1",
        "172.31.9.9",
        "192.168.1.1",
        "100.64.0.1",
        "169.254.169.254",
        "0.0.0.0",
        "192.0.0.192",
        "198.18.0.1",
        "203.0.113.9",
        "224.0.0.1",
        "255.255.255.255",
        "168.63.129.16",
        "[::1]",
        "[::]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[::127.0.0.1]",
        "[::FFFF:0:127.0.0.1]",
        "[64:ff9b::7f00:1]",
        "[2002:7f00:1::]",
        "[2001:0:7f00:1::]",
        "[fc00::1]",
        "[fd00:ec2::254]",
        "[fe80::1]",
        "[fec0::1]",
        "[ff02::1]",
        "[2001:db8::1]",
        "[0:0:0:0:0:0:0:1]",
    ];
    for host in hosts {
        for url in [format!("http://{host}/"), format!("https://{host}:8443/x")] {
            let error = client.fetch(get(&url)).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Unreachable, "{url}: {error:?}");
        }
    }
    assert!(fake.dialled().is_empty() && fake.asked().is_empty());
}

#[tokio::test(start_paused = true)]
async fn refuses_names_of_what_is_not_public() {
    let fake = Fake::new();
    fake.name("localhost", &[&["127.0.0.1", "::1"]]);
    fake.name("metadata.google.internal", &[&["169.254.169.254"]]);
    fake.name("mapped.example", &[&["::ffff:10.0.0.1"]]);
    for name in ["LOCALHOST", "ⓛocalhost", "metadata.google.internal", "mapped.example"] {
        let error = fake.client().fetch(get(&format!("http://{name}/"))).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unreachable, "{name}");
    }
    assert!(fake.dialled().is_empty());
}

#[test]
fn refuses_other_spellings_of_addresses() {
    for url in [
        "http://2130706433/",
        "http://0x7f000001/",
        "http://0X7F.1/",
        "http://017700000001/",
        "http://0177.0.0.1/",
        "http://127.1/",
        "http://127.0.0.1./",
        "http://１２７.０.０.１/",
        "http://127。0。0。1/",
        "http://%31%32%37.0.0.1/",
        "http://user@127.0.0.1@evil/",
        "http://evil#@127.0.0.1/",
        "http://evil\\@127.0.0.1/",
        "http://evil\\.com/",
        "http://a.example/\r\nHost: b",
        "http://a.example:80@127.0.0.1/",
        "http://[::1%25lo]/",
        "http:\\\\127.0.0.1/",
    ] {
        assert!(Target::parse(url).is_err(), "{url}");
    }
}

#[tokio::test(start_paused = true)]
async fn connects_only_to_addresses_that_were_checked() {
    let fake = Fake::new();
    fake.name("mixed.example", &[&["fd00::1", "10.0.0.1", PUBLIC, "::ffff:93.184.216.34"]]);
    fake.say(&format!("{PUBLIC}:80"), OK);
    fake.client().fetch(get("http://mixed.example/")).await.unwrap();
    assert_eq!(fake.dialled(), [format!("{PUBLIC}:80")]);

    // Nor does it fall back to the others when the one that was left doesn't answer.
    let fake = Fake::new();
    fake.name("mixed.example", &[&[PUBLIC, "127.0.0.1"]]);
    fake.say("127.0.0.1:80", OK);
    assert!(fake.client().fetch(get("http://mixed.example/")).await.is_err());
    assert_eq!(fake.dialled(), [format!("{PUBLIC}:80")]);
}

#[tokio::test(start_paused = true)]
async fn a_name_is_resolved_once_and_anew_for_each_request() {
    let fake = Fake::new();
    fake.name("rebind.example", &[&[PUBLIC], &["127.0.0.1"]]);
    fake.say(&format!("{PUBLIC}:80"), OK);
    fake.say("127.0.0.1:80", OK);
    let client = fake.client();
    client.fetch(get("http://rebind.example/")).await.unwrap();
    assert_eq!(fake.asked().len(), 1);
    client.fetch(get("http://rebind.example/")).await.unwrap_err();
    assert_eq!((fake.asked().len(), fake.dialled()), (2, vec![format!("{PUBLIC}:80")]));
}

#[tokio::test(start_paused = true)]
async fn tries_the_next_address_of_a_name() {
    let fake = Fake::new();
    fake.name("two.example", &[&["1.1.1.1", "1.1.1.2", PUBLIC]]);
    fake.silent("1.1.1.1");
    fake.say(&format!("{PUBLIC}:80"), OK);
    fake.client().fetch(get("http://two.example/")).await.unwrap();
    assert_eq!(fake.dialled().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn what_the_operator_allows_is_reached() {
    let fake = Fake::new();
    fake.name("hooks.internal", &[&["10.0.0.9"]]);
    fake.name("other.internal", &[&["10.0.0.9"]]);
    for at in ["10.0.0.9:80", "10.0.0.9:25", "192.168.7.7:80"] {
        fake.say(at, OK);
    }
    let settings = || Settings {
        allowed: "hooks.internal, hooks.internal:25, 192.168.7.0/24".parse().unwrap(),
        ..Settings::default()
    };
    for (url, reached) in [
        ("http://hooks.internal/", true),
        ("http://hooks.internal:25/", true),
        ("http://192.168.7.7/", true),
        ("http://other.internal/", false),
        ("http://10.0.0.9/", false),
        ("http://192.168.7.7:25/", false),
    ] {
        assert_eq!(fake.client_with(settings()).fetch(get(url)).await.is_ok(), reached, "{url}");
    }
}

/// What there is in the server's networks can be told neither by what is said nor by when.
#[tokio::test(start_paused = true)]
async fn refused_and_unreachable_look_alike() {
    let fake = Fake::new();
    fake.name("private.example", &[&["10.0.0.1"]]);
    fake.name("nothing.example", &[&[PUBLIC]]);
    fake.name("empty.example", &[&[]]);
    let mut causes = Vec::new();
    for url in [
        "http://10.0.0.1/",
        "http://private.example/",
        "http://nowhere.example/",
        "http://nothing.example:81/",
        "http://empty.example/",
        "https://a.example:25/",
    ] {
        let (error, took) = timed(fake.client().fetch(get(url))).await;
        assert_eq!(
            (error.kind(), error.to_string().as_str()),
            (ErrorKind::Unreachable, "The host can't be reached."),
            "{url}"
        );
        assert_eq!(took, Duration::from_secs(1), "{url}");
        causes.push(error.cause().to_owned());
    }
    assert_eq!(causes[1], "10.0.0.1 is private");
    assert!(
        causes[2].contains("no such name") && causes[3].contains("refused") && causes[5].contains("port 25"),
        "{causes:?}"
    );
}

/// Also the circuit breaker makes no difference between them.
#[tokio::test(start_paused = true)]
async fn refused_and_unreachable_are_paused_alike() {
    let fake = Fake::new();
    fake.name("private.example", &[&["10.0.0.1"]]);
    let client = fake.client();
    for url in ["http://private.example/", "http://nowhere.example/", "http://10.0.0.1/"] {
        let mut kinds = Vec::new();
        for _ in 0..6 {
            kinds.push(client.fetch(get(url)).await.unwrap_err().kind());
        }
        assert_eq!(kinds[4..], [ErrorKind::Unreachable, ErrorKind::Paused], "{url}");
    }
}

#[tokio::test(start_paused = true)]
async fn connecting_has_its_own_time() {
    let fake = Fake::new();
    fake.silent(PUBLIC);
    fake.name("stuck.example", &[]);
    for url in ["http://a.example/", "http://stuck.example/"] {
        let (error, took) = timed(fake.client().fetch(get(url))).await;
        assert_eq!((error.kind(), took), (ErrorKind::Unreachable, Duration::from_secs(5)), "{url}");
    }
}

async fn timed<T: std::fmt::Debug>(request: impl Future<Output = Result<T, Error>>) -> (Error, Duration) {
    let begun = Instant::now();
    (request.await.unwrap_err(), begun.elapsed())
}
