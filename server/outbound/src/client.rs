//! The client: what products hold.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hyper::StatusCode;
use hyper::header::HeaderMap;
use tokio::time::{Instant, sleep_until};

use crate::allowed::Allowed;
use crate::body::Body;
use crate::breaker::{Breaker, BreakerSettings};
use crate::error::{Error, ErrorKind};
use crate::gates::Gates;
use crate::guard::Guard;
use crate::journey::Journey;
use crate::network::{Network, SystemNetwork};
use crate::request::Request;
use crate::target::Target;
use crate::tls::{Tls, Trust};

/// What an [`Outbound`] is made with.
#[derive(Clone, Debug)]
pub struct Settings {
    /// What may be reached although it isn't public.
    pub allowed: Allowed,
    /// Whose certificates are trusted.
    pub trust: Trust,
    /// How many requests there are at most at the same time.
    pub most: usize,
    /// How many of them on behalf of one caller. Fewer than to one host, so that nobody has a host for themselves.
    pub most_per_owner: usize,
    /// How many of them to one host (name and port).
    pub most_per_host: usize,
    /// How long a request waits for a free place before it is [`ErrorKind::Busy`].
    pub wait: Duration,
    /// When it is told that a host can't be reached, whatever the reason: no sooner than so long after it was tried. Only a
    /// host with a public address takes longer.
    pub uniform_after: Duration,
    /// When hosts that fail are left alone.
    pub breaker: BreakerSettings,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            allowed: Allowed::default(),
            trust: Trust::System,
            most: 128,
            most_per_owner: 16,
            most_per_host: 32,
            wait: Duration::from_secs(5),
            uniform_after: Duration::from_secs(1),
            breaker: BreakerSettings::default(),
        }
    }
}

/// The client of all outgoing HTTP requests. Cheap to clone; all clones share the limits and what is known of hosts.
#[derive(Clone)]
pub struct Outbound {
    inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) network: Arc<dyn Network>,
    pub(crate) guard: Guard,
    pub(crate) tls: Tls,
    pub(crate) gates: Arc<Gates>,
    pub(crate) breaker: Arc<Breaker>,
    pub(crate) wait: Duration,
    uniform_after: Duration,
}

impl Outbound {
    /// A client over the system's resolver and network. It opens nothing yet.
    pub fn new(settings: Settings) -> Self {
        Self::over(settings, Arc::new(SystemNetwork))
    }

    /// A client over another network: for tests.
    pub fn over(settings: Settings, network: Arc<dyn Network>) -> Self {
        let inner = Inner {
            network,
            guard: Guard::new(settings.allowed),
            tls: Tls::new(settings.trust),
            gates: Gates::new(settings.most, settings.most_per_owner, settings.most_per_host),
            breaker: Breaker::new(settings.breaker),
            wait: settings.wait,
            uniform_after: settings.uniform_after,
        };
        Self { inner: Arc::new(inner) }
    }

    /// Whether the operator has named this host ([`Allowed`]), so that it may be reached although it isn't public. For who looks at
    /// a URL before anything is sent there; what is sent is checked anyhow.
    pub fn is_allowed(&self, target: &Target) -> bool {
        self.inner.guard.is_allowed(target.host(), target.port())
    }

    /// Sends a request, and answers as soon as the head of the answer is there. Whatever status it has, it is an answer.
    /// Nothing is tried twice. Dropping the future ends the request.
    ///
    /// # Errors
    /// All of [`ErrorKind`]; what they are about is logged.
    pub async fn send(&self, request: Request) -> Result<Response, Error> {
        let (method, owner) = (request.method.clone(), Arc::clone(&request.owner));
        let begun = Instant::now();
        let mut journey = Journey::new(Arc::clone(&self.inner), request, begun);
        let error = match journey.travel().await {
            Ok(response) => return Ok(response),
            Err(error) => error,
        };
        let (host, tried, was_sent) = (journey.authority(), journey.tried(), journey.was_sent());
        // Its places are free while it waits for the moment at which it may be told.
        drop(journey);
        tracing::info!(%method, %host, %owner, kind = ?error.kind(), cause = error.cause(), "an outgoing request failed");
        if error.kind() == ErrorKind::Unreachable {
            sleep_until(tried + self.inner.uniform_after).await;
        }
        Err(error.after(begun.elapsed(), was_sent))
    }

    /// Sends a request and takes its whole answer.
    ///
    /// # Errors
    /// Those of [`send`](Self::send) and of [`Body::chunk`].
    pub async fn fetch(&self, request: Request) -> Result<Answer, Error> {
        let begun = Instant::now();
        let mut response = self.send(request).await?;
        let body = response.body.rest().await?;
        Ok(Answer {
            status: response.status,
            headers: response.headers,
            body,
            was_cut: response.body.was_cut(),
            target: response.target,
            took: begun.elapsed(),
        })
    }
}

/// An answer whose body is still to come.
pub struct Response {
    /// The status, whatever it is.
    pub status: StatusCode,
    /// The headers, at most 100 with 64 KiB. Without those that were true of a compressed body only, if it is expanded here.
    pub headers: HeaderMap,
    /// Where the answer came from, after all redirects.
    pub target: Target,
    /// The body.
    pub body: Body,
}

/// An answer with its whole body.
#[derive(Debug)]
pub struct Answer {
    /// The status, whatever it is.
    pub status: StatusCode,
    /// The headers; see [`Response::headers`].
    pub headers: HeaderMap,
    /// The body, no longer than [`Policy::max_body`](crate::Policy::max_body).
    pub body: Bytes,
    /// Whether there was more of it.
    pub was_cut: bool,
    /// Where the answer came from, after all redirects.
    pub target: Target,
    /// How long it took, from the call on: with waiting for a free place, redirects and the body.
    pub took: Duration,
}
