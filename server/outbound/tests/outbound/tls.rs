//! Certificates, verified and not.

use std::sync::{Arc, Mutex};

use floe_outbound::{ErrorKind, Outbound, Policy, Request, Settings, Trust};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::PrivatePkcs8KeyDer;
use tokio::io::{AsyncWriteExt, DuplexStream};
use tokio_rustls::TlsAcceptor;

use crate::fake::{Fake, PUBLIC, get, hear};

/// The names that clients asked for, as a server saw them.
type Names = Arc<Mutex<Vec<Option<String>>>>;

/// A server at the public address with a certificate for `a.example`, and that certificate.
fn secure() -> (Arc<Fake>, Vec<u8>, Names) {
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed([String::from("a.example")]).unwrap();
    let key = PrivatePkcs8KeyDer::from(signing_key.serialize_der());
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], key.into())
        .unwrap();
    let (acceptor, names) = (TlsAcceptor::from(Arc::new(config)), Names::default());
    let fake = Fake::new();
    fake.name("b.example", &[&[PUBLIC]]);
    let seen = Arc::clone(&names);
    fake.serve(&format!("{PUBLIC}:443"), move |stream: DuplexStream| {
        let (acceptor, seen) = (acceptor.clone(), Arc::clone(&seen));
        async move {
            let Ok(mut stream) = acceptor.accept(stream).await else { return };
            seen.lock().unwrap().push(stream.get_ref().1.server_name().map(str::to_owned));
            hear(&mut stream).await;
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await;
            let _ = stream.shutdown().await;
        }
    });
    (fake, cert.der().to_vec(), names)
}

fn trusting(fake: &Arc<Fake>, certificate: &[u8]) -> Outbound {
    fake.client_with(Settings { trust: Trust::Only(vec![certificate.to_vec()]), ..Settings::default() })
}

fn unverified(url: &str) -> Request {
    get(url).policy(Policy { verify_tls: false, ..Policy::default() })
}

async fn kind(client: &Outbound, request: Request) -> Option<ErrorKind> {
    client.fetch(request).await.err().map(|error| error.kind())
}

#[tokio::test]
async fn a_certificate_must_be_trusted_and_for_the_name() {
    let (fake, certificate, names) = secure();
    let client = trusting(&fake, &certificate);
    assert_eq!(kind(&client, get("https://a.example/")).await, None);
    assert_eq!(kind(&client, get("https://b.example/")).await, Some(ErrorKind::Tls));
    assert_eq!(kind(&client, get(&format!("https://{PUBLIC}/"))).await, Some(ErrorKind::Tls));
    assert_eq!(names.lock().unwrap()[0].as_deref(), Some("a.example"));

    let (_, other, _) = secure();
    assert_eq!(kind(&trusting(&fake, &other), get("https://a.example/")).await, Some(ErrorKind::Tls));
    assert_eq!(kind(&fake.client(), get("https://a.example/")).await, Some(ErrorKind::Tls));
}

#[tokio::test]
async fn any_certificate_will_do_if_asked() {
    let (fake, _, names) = secure();
    let client = fake.client();
    for url in ["https://a.example/", "https://b.example/", &format!("https://{PUBLIC}/")] {
        assert_eq!(kind(&client, unverified(url)).await, None, "{url}");
    }
    assert_eq!(names.lock().unwrap().clone(), [Some("a.example".to_owned()), Some("b.example".to_owned()), None]);
}

/// A session that was begun without verification isn't resumed as if it had been verified.
#[tokio::test]
async fn what_was_not_verified_stays_so() {
    let (fake, certificate, _) = secure();
    let client = trusting(&fake, &certificate);
    for _ in 0..3 {
        assert_eq!(kind(&client, unverified("https://b.example/")).await, None);
        assert_eq!(kind(&client, get("https://b.example/")).await, Some(ErrorKind::Tls));
        assert_eq!(kind(&client, get("https://a.example/")).await, None);
    }
}

#[tokio::test(start_paused = true)]
async fn what_speaks_no_tls_is_told_apart_from_nothing() {
    let fake = Fake::new();
    fake.serve(&format!("{PUBLIC}:443"), |mut stream: DuplexStream| async move {
        let _ = stream.write_all(b"220 mail ESMTP\r\n").await;
    });
    let error = fake.client().fetch(unverified("https://a.example/")).await.unwrap_err();
    assert_eq!((error.kind(), error.took().as_secs()), (ErrorKind::Tls, 0));
}

#[tokio::test(start_paused = true)]
async fn a_handshake_has_its_time() {
    let fake = Fake::new();
    fake.serve(&format!("{PUBLIC}:443"), |stream: DuplexStream| async move {
        std::future::pending::<()>().await;
        drop(stream);
    });
    let begun = tokio::time::Instant::now();
    assert_eq!(kind(&fake.client(), unverified("https://a.example/")).await, Some(ErrorKind::Tls));
    assert_eq!(begun.elapsed().as_secs(), 5);
}
