//! Receives the body of a request: in time, no longer than its route takes, and within the memory that bodies may hold.

use crate::arrival::IncomingBody;
use crate::budget::{Budget, Reservation};
use bytes::{Bytes, BytesMut};
use floe_kernel::{Error, ErrorKind, Result};
use futures_util::{FutureExt as _, Stream, StreamExt as _};
use std::fmt::Display;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};

/// How many bytes a second a client must send once its time of grace is over.
const SLOWEST: u64 = 16 * 1024;

/// By what a body is bounded.
pub(crate) struct Bounds {
    /// Its bytes.
    pub(crate) max: usize,
    /// How long it may take beside what [`SLOWEST`] gives it.
    pub(crate) grace: Duration,
    /// How many bytes the request has announced.
    pub(crate) announced: Option<usize>,
    /// Whose share of the budget it takes; `None` for servers and admins, who have all of it.
    pub(crate) address: Option<IpAddr>,
}

/// A body that has come.
pub(crate) struct Received {
    pub(crate) bytes: Bytes,
    /// What it holds of the budget.
    pub(crate) held: Reservation,
    /// Whether it had to be waited for, so that what was true at the request's beginning may not be any more.
    pub(crate) waited: bool,
}

/// Reads the whole body.
///
/// # Errors
/// 413 when it is too long, 408 when it doesn't come in time, 503 when bodies hold all the memory that they may.
pub(crate) async fn receive<S, E>(body: IncomingBody<S>, bounds: &Bounds, budget: &Arc<Budget>) -> Result<Received>
where
    S: Stream<Item = Result<Bytes, E>> + Unpin,
    E: Display,
{
    let mut held = budget.reserve(bounds.address);
    check_length(bounds.announced.unwrap_or(0), bounds)?;
    let (bytes, waited) = match body {
        IncomingBody::Nothing => (Bytes::new(), false),
        IncomingBody::Bytes(bytes) => {
            check_length(bytes.len(), bounds)?;
            held.grow_to(bytes.len())?;
            (bytes, false)
        }
        IncomingBody::Stream(stream) => {
            let mut pieces = Pieces::new(stream, bounds.grace);
            let bytes = collect(&mut pieces, bounds, &mut held).await?;
            (bytes, pieces.waited)
        }
    };
    Ok(Received { bytes, held, waited })
}

async fn collect<S, E>(pieces: &mut Pieces<S>, bounds: &Bounds, held: &mut Reservation) -> Result<Bytes>
where
    S: Stream<Item = Result<Bytes, E>> + Unpin,
    E: Display,
{
    let Some(first) = pieces.next().await.transpose()? else { return Ok(Bytes::new()) };
    check_length(first.len(), bounds)?;
    held.grow_to(first.len())?;
    let Some(second) = pieces.next().await.transpose()? else { return Ok(first) };
    let mut whole = BytesMut::from(first);
    let mut piece = Some(second);
    while let Some(bytes) = piece {
        check_length(whole.len() + bytes.len(), bounds)?;
        held.grow_to(whole.len() + bytes.len())?;
        whole.extend_from_slice(&bytes);
        piece = pieces.next().await.transpose()?;
    }
    Ok(whole.freeze())
}

fn check_length(length: usize, bounds: &Bounds) -> Result<()> {
    if length <= bounds.max {
        return Ok(());
    }
    let text =
        format!("The request body is larger than {} bytes, which is the most that this endpoint takes.", bounds.max);
    Err(Error::new(ErrorKind::GeneralPayloadTooLarge).message(text))
}

/// The pieces of a body, each in time.
struct Pieces<S> {
    stream: S,
    begun: Instant,
    grace: Duration,
    received: u64,
    waited: bool,
}

impl<S, E> Pieces<S>
where
    S: Stream<Item = Result<Bytes, E>> + Unpin,
    E: Display,
{
    fn new(stream: S, grace: Duration) -> Self {
        Self { stream, begun: Instant::now(), grace, received: 0, waited: false }
    }

    async fn next(&mut self) -> Option<Result<Bytes>> {
        let piece = match self.stream.next().now_or_never() {
            Some(piece) => piece,
            None => {
                self.waited = true;
                let time = self.grace + Duration::from_secs(self.received / SLOWEST);
                match timeout_at(self.begun + time, self.stream.next()).await {
                    Ok(piece) => piece,
                    Err(_) => return Some(Err(ErrorKind::GeneralRequestTimeout.into())),
                }
            }
        };
        let piece = piece?.map_err(|error| {
            let error = error.to_string();
            Error::new(ErrorKind::GeneralBadRequest).message("The request body could not be read.").because(error)
        });
        self.received += piece.as_ref().map_or(0, |piece| piece.len() as u64);
        Some(piece)
    }
}

/// A body that its handler reads piece by piece, while it comes. However long it is, a few pieces of it are in memory.
#[derive(Debug)]
pub struct BodyStream(mpsc::Receiver<Option<Result<Bytes>>>);

impl BodyStream {
    /// The next piece; `None` at the end.
    ///
    /// # Errors
    /// When the client goes away before the end, or doesn't send in time.
    pub async fn next(&mut self) -> Option<Result<Bytes>> {
        let ended_early = || Error::new(ErrorKind::GeneralBadRequest).message("The request body ended early.");
        self.0.recv().await.unwrap_or_else(|| Some(Err(ended_early())))
    }
}

/// A stream for a handler, and what carries the body into it: to be polled beside the handler. Carrying ends when
/// everything has come, or when the handler reads no further.
pub(crate) fn carry<S, E>(body: IncomingBody<S>, grace: Duration) -> (BodyStream, impl Future<Output = ()>)
where
    S: Stream<Item = Result<Bytes, E>> + Unpin,
    E: Display,
{
    let (into, from) = mpsc::channel(2);
    let carrying = async move {
        match body {
            IncomingBody::Nothing => {}
            IncomingBody::Bytes(bytes) => {
                let _ = into.send(Some(Ok(bytes))).await;
            }
            IncomingBody::Stream(stream) => {
                let mut pieces = Pieces::new(stream, grace);
                while let Some(piece) = pieces.next().await {
                    let failed = piece.is_err();
                    if into.send(Some(piece)).await.is_err() || failed {
                        return;
                    }
                }
            }
        }
        let _ = into.send(None).await;
    };
    (BodyStream(from), carrying)
}
