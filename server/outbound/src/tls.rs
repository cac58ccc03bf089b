//! Encrypted connections, in two kinds that share nothing: with a certificate that is verified, and with any.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use tokio::sync::OnceCell;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::error::{Error, ErrorKind};
use crate::network::Stream;
use crate::target::Host;

/// Whose certificates are trusted.
#[derive(Clone, Debug, Default)]
pub enum Trust {
    /// Those of the system (`SSL_CERT_FILE` and `SSL_CERT_DIR` say where they are, if it isn't the usual place), and if it has
    /// none, Mozilla's, which are part of the binary.
    #[default]
    System,
    /// These certificates of authorities, in DER, and no others.
    Only(Vec<Vec<u8>>),
}

/// What makes encrypted connections. Certificates are loaded at the first of them. The kinds have a configuration each, and
/// with it a memory of sessions each: what was begun without verification is never resumed as verified.
pub(crate) struct Tls {
    trust: Trust,
    verified: OnceCell<TlsConnector>,
    unverified: OnceCell<TlsConnector>,
}

impl Tls {
    pub(crate) fn new(trust: Trust) -> Self {
        Self { trust, verified: OnceCell::new(), unverified: OnceCell::new() }
    }

    /// The handshake. Time is limited by who calls.
    pub(crate) async fn connect(
        &self,
        host: Host<'_>,
        stream: Box<dyn Stream>,
        verify: bool,
    ) -> Result<TlsStream<Box<dyn Stream>>, Error> {
        let name = match host {
            Host::Name(name) => ServerName::try_from(name.to_owned()).map_err(|error| failed(&error))?,
            Host::Address(address) => ServerName::from(address),
        };
        let connector = if verify {
            self.verified.get_or_try_init(|| verifying(self.trust.clone())).await?
        } else {
            self.unverified.get_or_try_init(async || unverifying()).await?
        };
        connector.connect(name, stream).await.map_err(|error| failed(&error))
    }
}

fn failed(error: &dyn std::error::Error) -> Error {
    Error::caused(ErrorKind::Tls, error)
}

async fn verifying(trust: Trust) -> Result<TlsConnector, Error> {
    let roots = tokio::task::spawn_blocking(|| roots(trust)).await.map_err(|error| failed(&error))?;
    let config = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(|error| failed(&error))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(connector(config))
}

fn unverifying() -> Result<TlsConnector, Error> {
    let config = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(|error| failed(&error))?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(AnyCertificate))
        .with_no_client_auth();
    Ok(connector(config))
}

fn connector(mut config: ClientConfig) -> TlsConnector {
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    TlsConnector::from(Arc::new(config))
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

fn roots(trust: Trust) -> RootCertStore {
    let mut roots = RootCertStore::empty();
    match trust {
        Trust::Only(certificates) => {
            roots.add_parsable_certificates(certificates.into_iter().map(CertificateDer::from));
        }
        Trust::System => {
            let found = rustls_native_certs::load_native_certs();
            for error in &found.errors {
                tracing::warn!(%error, "some of the system's certificates can't be read");
            }
            roots.add_parsable_certificates(found.certs);
            if roots.is_empty() {
                roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
            }
        }
    }
    roots
}

/// For who asked not to verify: the connection is encrypted, with whoever answers.
#[derive(Debug)]
struct AnyCertificate;

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        ring::default_provider().signature_verification_algorithms.supported_schemes()
    }
}
