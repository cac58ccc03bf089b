//! One request over one connection.

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{self, HeaderName, HeaderValue};
use hyper_util::rt::TokioIo;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};

use crate::Hops;
use crate::error::{Error, ErrorKind};
use crate::network::Stream;
use crate::request::Request;

/// The longest head of an answer, in bytes, and the most that is read from a connection at once.
const HEAD: usize = 64 * 1024;
const USER_AGENT: &str = concat!("Floe/", env!("CARGO_PKG_VERSION"));

/// What belongs to the connection, and so to us: never sent as the request has it.
static OURS: [HeaderName; 12] = [
    header::CONNECTION,
    header::CONTENT_LENGTH,
    header::EXPECT,
    header::HOST,
    header::PROXY_AUTHORIZATION,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    HeaderName::from_static(Hops::HEADER),
];

/// A connection that speaks HTTP and serves one request. What drives it ends with this.
pub(crate) struct Connection {
    sender: SendRequest<Full<Bytes>>,
    driver: JoinHandle<()>,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

impl Connection {
    pub(crate) async fn over(stream: Box<dyn Stream>) -> Result<Self, Error> {
        let mut builder = http1::Builder::new();
        builder.max_buf_size(HEAD).max_header_size(HEAD);
        let (sender, connection) = builder.handshake(TokioIo::new(stream)).await.map_err(broken)?;
        let driver = tokio::spawn(async move {
            // What goes wrong is told to who waits for the answer.
            let _ = connection.await;
        });
        Ok(Self { sender, driver })
    }

    /// Sends the request and waits for the head of the answer.
    pub(crate) async fn ask(&mut self, request: &Request, until: Instant) -> Result<hyper::Response<Incoming>, Error> {
        let message = message(request)?;
        match timeout_at(until, self.sender.send_request(message)).await {
            Ok(response) => response.map_err(broken),
            Err(_) => Err(Error::new(ErrorKind::TimedOut, "no head of an answer in time")),
        }
    }
}

fn message(request: &Request) -> Result<hyper::Request<Full<Bytes>>, Error> {
    let unfit = |error: &dyn std::error::Error| Error::caused(ErrorKind::Broken, error);
    let mut message = hyper::Request::new(Full::new(request.body.clone()));
    *message.method_mut() = request.method.clone();
    *message.uri_mut() = request.target.path_and_query().parse().map_err(|error| unfit(&error))?;
    let headers = message.headers_mut();
    headers.insert(header::USER_AGENT, HeaderValue::from_static(USER_AGENT));
    headers.extend(request.headers.clone());
    for name in &OURS {
        headers.remove(name);
    }
    let host = HeaderValue::try_from(request.target.host_header()).map_err(|error| unfit(&error))?;
    headers.insert(header::HOST, host);
    headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    headers.insert(Hops::HEADER, HeaderValue::from(u16::from(request.hops.next().count())));
    if request.policy.gzip {
        headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
    }
    Ok(message)
}

#[expect(clippy::needless_pass_by_value, reason = "it is what map_err gives")]
fn broken(error: hyper::Error) -> Error {
    Error::caused(ErrorKind::Broken, &error)
}
