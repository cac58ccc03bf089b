//! A request's way: from hop to hop, each resolved, checked, connected and asked anew.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use hyper::body::{Body as _, Incoming};
use hyper::header::{self, HeaderMap};
use tokio::time::{Instant, timeout, timeout_at};

use crate::body::{Body, too_large};
use crate::breaker::{Admitted, Circuit};
use crate::client::{Inner, Response};
use crate::error::{Error, ErrorKind};
use crate::exchange::Connection;
use crate::gates::{Place, Seat, Share};
use crate::network::Stream;
use crate::redirect;
use crate::request::{Overflow, Request};
use crate::target::Host;

/// How many addresses of a name are tried.
const ADDRESSES: usize = 6;

/// One request under way.
pub(crate) struct Journey {
    inner: Arc<Inner>,
    request: Request,
    begun: Instant,
    tried: Instant,
    deadline: Instant,
    sent: bool,
}

/// What an answer's body keeps for as long as it comes: the connection and the places at the gates.
pub(crate) struct Held {
    _connection: Connection,
    _places: Places,
}

/// Shared with a lookup, which can't be called off and counts until it ends.
#[derive(Clone)]
struct Places {
    _seat: Arc<Seat>,
    _place: Arc<Place>,
}

type Arrived = (hyper::Response<Incoming>, Held);

impl Journey {
    pub(crate) fn new(inner: Arc<Inner>, request: Request, begun: Instant) -> Self {
        let deadline = begun + request.policy.total;
        Self { inner, request, begun, tried: begun, deadline, sent: false }
    }

    /// The host that was tried last.
    pub(crate) fn authority(&self) -> String {
        self.request.target.authority()
    }

    /// The moment at which it was begun to be tried.
    pub(crate) fn tried(&self) -> Instant {
        self.tried
    }

    /// Whether a host may have got the request.
    pub(crate) fn was_sent(&self) -> bool {
        self.sent
    }

    pub(crate) async fn travel(&mut self) -> Result<Response, Error> {
        if self.request.hops.is_too_many() {
            return Err(Error::new(ErrorKind::Loop, format!("{} requests led to it", self.request.hops.count())));
        }
        let seat = Arc::new(self.inner.gates.seat(&self.request.owner, self.patience()).await?);
        let most = self.request.policy.redirects.hops;
        for left in (0..=most).rev() {
            let (response, held) = self.hop(&seat).await?;
            let location = redirect::location(response.status(), response.headers()).filter(|_| most > 0);
            match location.transpose()?.map(str::to_owned) {
                None => return self.arrive(response, held),
                Some(_) if left == 0 => break,
                Some(location) => redirect::follow(&mut self.request, response.status(), &location)?,
            }
        }
        Err(Error::new(ErrorKind::Redirect, format!("more than {most} redirects")))
    }

    fn patience(&self) -> Instant {
        self.deadline.min(Instant::now() + self.inner.wait)
    }

    /// One hop: whether it may be made at all, and how it went, for the circuits.
    async fn hop(&mut self, seat: &Arc<Seat>) -> Result<Arrived, Error> {
        let host: Arc<str> = Arc::from(self.authority());
        let owner = Some(Arc::clone(&self.request.owner));
        let reach = self.admit(&host, None)?;
        let exchange = self.admit(&host, owner)?;
        let place = self.inner.gates.place(Share::Host(host), self.patience()).await?;
        let places = Places { _seat: Arc::clone(seat), _place: Arc::new(place) };
        self.tried = Instant::now();
        let outcome = self.attempt(places).await;
        match &outcome {
            Ok(_) => {
                reach.succeeded();
                exchange.succeeded();
            }
            Err(error) if error.kind() == ErrorKind::Unreachable => reach.failed(),
            Err(_) => {
                reach.succeeded();
                exchange.failed();
            }
        }
        outcome
    }

    fn admit(&self, host: &Arc<str>, owner: Option<Arc<str>>) -> Result<Admitted, Error> {
        self.inner.breaker.admit(Circuit { host: Arc::clone(host), owner })
    }

    async fn attempt(&mut self, places: Places) -> Result<Arrived, Error> {
        let until = self.deadline.min(self.tried + self.request.policy.connect);
        let addresses = self.addresses(&places, until).await?;
        let stream = self.dial(&addresses, until).await?;
        let stream = self.encrypt(stream, until).await?;
        let mut connection = Connection::over(stream).await?;
        self.sent = true;
        let until = self.deadline.min(Instant::now() + self.request.policy.idle);
        let response = connection.ask(&self.request, until).await?;
        Ok((response, Held { _connection: connection, _places: places }))
    }

    /// The addresses that may be connected to.
    async fn addresses(&self, places: &Places, until: Instant) -> Result<Vec<IpAddr>, Error> {
        let (host, port) = (self.request.target.host(), self.request.target.port());
        self.inner.guard.check_port(host, port).map_err(unreachable)?;
        let found = match host {
            Host::Address(address) => vec![address],
            Host::Name(name) => self.lookup(name, places, until).await?,
        };
        let mut checked = Vec::new();
        let mut refused = String::from("no address");
        for address in found {
            match self.inner.guard.check(host, address, port) {
                Ok(()) if checked.len() < ADDRESSES && !checked.contains(&address) => checked.push(address),
                Ok(()) => {}
                Err(why) => refused = why,
            }
        }
        if checked.is_empty() { Err(unreachable(refused)) } else { Ok(checked) }
    }

    async fn lookup(&self, name: &str, places: &Places, until: Instant) -> Result<Vec<IpAddr>, Error> {
        let (network, name, places) = (Arc::clone(&self.inner.network), name.to_owned(), places.clone());
        let lookup = tokio::spawn(async move {
            let found = network.lookup(&name).await;
            drop(places);
            found
        });
        match timeout_at(until, lookup).await {
            Ok(Ok(Ok(found))) => Ok(found),
            Ok(Ok(Err(error))) => Err(unreachable(format!("not resolved: {error}"))),
            Ok(Err(error)) => Err(unreachable(format!("not resolved: {error}"))),
            Err(_) => Err(unreachable("not resolved in time")),
        }
    }

    /// A connection to the first of these that takes one. Each has its share of the time.
    async fn dial(&self, addresses: &[IpAddr], until: Instant) -> Result<Box<dyn Stream>, Error> {
        let (host, port) = (self.request.target.host(), self.request.target.port());
        let mut causes = Vec::new();
        for (tried, &address) in addresses.iter().enumerate() {
            let left = u32::try_from(addresses.len() - tried).unwrap_or(1);
            let share = until.saturating_duration_since(Instant::now()) / left;
            let dialled = timeout(share, self.inner.network.dial(SocketAddr::new(address, port))).await;
            let cause = match dialled {
                Ok(Ok(dialled)) => match self.inner.guard.check_own(host, dialled.local, address, port) {
                    Ok(()) => return Ok(dialled.stream),
                    Err(why) => why,
                },
                Ok(Err(error)) => format!("{address}: {error}"),
                Err(_) => format!("{address}: not connected in time"),
            };
            causes.push(cause);
        }
        Err(unreachable(causes.join(", ")))
    }

    async fn encrypt(&self, stream: Box<dyn Stream>, until: Instant) -> Result<Box<dyn Stream>, Error> {
        let target = &self.request.target;
        if !target.is_https() {
            return Ok(stream);
        }
        let handshake = self.inner.tls.connect(target.host(), stream, self.request.policy.verify_tls);
        match timeout_at(until, handshake).await {
            Ok(stream) => Ok(Box::new(stream?)),
            Err(_) => Err(Error::new(ErrorKind::Tls, "the handshake took too long")),
        }
    }

    fn arrive(&mut self, response: hyper::Response<Incoming>, held: Held) -> Result<Response, Error> {
        let policy = &self.request.policy;
        let (head, incoming) = response.into_parts();
        let mut headers = head.headers;
        if policy.overflow == Overflow::Refuse && incoming.size_hint().lower() > policy.max_body {
            return Err(too_large(policy.max_body));
        }
        let gzip = policy.gzip && !incoming.is_end_stream() && take_encoding(&mut headers)?;
        Ok(Response {
            status: head.status,
            headers,
            target: self.request.target.clone(),
            body: Body::new(incoming, held, gzip, policy, self.begun),
        })
    }
}

/// Whether the body is to be expanded; the headers won't say so then.
fn take_encoding(headers: &mut HeaderMap) -> Result<bool, Error> {
    let mut values = headers.get_all(header::CONTENT_ENCODING).iter().map(|value| value.to_str().unwrap_or("?").trim());
    match (values.next(), values.next()) {
        (None, _) => Ok(false),
        (Some(one), None) if one.is_empty() || one.eq_ignore_ascii_case("identity") => Ok(false),
        (Some(one), None) if one.eq_ignore_ascii_case("gzip") || one.eq_ignore_ascii_case("x-gzip") => {
            headers.remove(header::CONTENT_ENCODING);
            headers.remove(header::CONTENT_LENGTH);
            Ok(true)
        }
        _ => Err(Error::new(ErrorKind::Broken, "an encoding that wasn't asked for")),
    }
}

fn unreachable(cause: impl Into<String>) -> Error {
    Error::new(ErrorKind::Unreachable, cause)
}
