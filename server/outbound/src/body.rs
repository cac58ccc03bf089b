//! An answer's body, piece by piece, within its limits.

use std::io::Write;
use std::time::Duration;

use bytes::Bytes;
use flate2::write::MultiGzDecoder;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use tokio::time::{Instant, timeout_at};

use crate::error::{Error, ErrorKind};
use crate::journey::Held;
use crate::request::{Overflow, Policy};

/// How much of a compressed body is expanded at a time, in bytes. gzip makes at most 1032 times as much of it, which is what
/// a bomb can have us hold.
const SLICE: usize = 1024;

/// The body of an answer, as it comes. It holds one piece at a time, and the connection until its end or until it is dropped.
pub struct Body {
    live: Option<(Incoming, Held)>,
    limits: Limits,
    gunzip: Option<MultiGzDecoder<Vec<u8>>>,
    pending: Bytes,
    received: u64,
    expanded: u64,
    cut: bool,
}

#[derive(Clone, Copy)]
struct Limits {
    begun: Instant,
    deadline: Instant,
    idle: Duration,
    most: u64,
    overflow: Overflow,
}

impl Body {
    pub(crate) fn new(incoming: Incoming, held: Held, gzip: bool, policy: &Policy, begun: Instant) -> Self {
        let deadline = begun + policy.total;
        let limits = Limits { begun, deadline, idle: policy.idle, most: policy.max_body, overflow: policy.overflow };
        let gunzip = gzip.then(|| MultiGzDecoder::new(Vec::new()));
        Self {
            live: Some((incoming, held)),
            limits,
            gunzip,
            pending: Bytes::new(),
            received: 0,
            expanded: 0,
            cut: false,
        }
    }

    /// The next piece, of at most about 1 MiB; none at the end. After an error there is none either.
    ///
    /// # Errors
    /// [`ErrorKind::TooLarge`], [`ErrorKind::TimedOut`] or [`ErrorKind::Broken`] (which includes a body that is shorter than
    /// was said, and one that is no gzip though it was said to be).
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, Error> {
        let outcome = self.step().await;
        if !matches!(outcome, Ok(Some(_))) {
            self.live = None;
            self.gunzip = None;
            self.pending.clear();
        }
        outcome.map_err(|error| error.after(self.limits.begun.elapsed(), true))
    }

    /// All that is left, as one.
    ///
    /// # Errors
    /// Those of [`chunk`](Self::chunk).
    pub async fn rest(&mut self) -> Result<Bytes, Error> {
        let Some(first) = self.chunk().await? else { return Ok(Bytes::new()) };
        let Some(second) = self.chunk().await? else { return Ok(first) };
        let mut all = Vec::from(first);
        all.extend_from_slice(&second);
        while let Some(piece) = self.chunk().await? {
            all.extend_from_slice(&piece);
        }
        Ok(all.into())
    }

    /// Whether it was longer than it may be, and ended at that length ([`Overflow::Cut`]).
    pub fn was_cut(&self) -> bool {
        self.cut
    }

    async fn step(&mut self) -> Result<Option<Bytes>, Error> {
        loop {
            tokio::task::coop::consume_budget().await;
            if let Some(piece) = self.expand()? {
                return Ok(Some(piece));
            }
            match self.receive().await? {
                Some(piece) => self.pending = piece,
                None => return self.finish(),
            }
        }
    }

    /// The next piece from the connection, none at its end or where the body is cut.
    async fn receive(&mut self) -> Result<Option<Bytes>, Error> {
        let until = self.limits.deadline.min(Instant::now() + self.limits.idle);
        loop {
            let Some((incoming, _)) = self.live.as_mut().filter(|_| !self.cut) else { return Ok(None) };
            let frame = timeout_at(until, incoming.frame()).await;
            let frame = frame.map_err(|_| Error::new(ErrorKind::TimedOut, "the body stopped coming"))?;
            let Some(frame) = frame else { return Ok(None) };
            let frame = frame.map_err(|error| Error::caused(ErrorKind::Broken, &error))?;
            // Trailers say nothing to us, and don't count as life.
            if let Ok(mut data) = frame.into_data()
                && !data.is_empty()
            {
                let before = self.received;
                self.received += data.len() as u64;
                let left = self.within(before, self.received)?;
                data.truncate(left.unwrap_or(data.len()));
                return Ok(Some(data));
            }
        }
    }

    /// The next piece of what was received.
    fn expand(&mut self) -> Result<Option<Bytes>, Error> {
        let Some(gunzip) = &mut self.gunzip else {
            return Ok(Some(std::mem::take(&mut self.pending)).filter(|piece| !piece.is_empty()));
        };
        while !self.pending.is_empty() {
            let slice = self.pending.split_to(self.pending.len().min(SLICE));
            gunzip.write_all(&slice).map_err(|error| not_gzip(&error))?;
            if !gunzip.get_ref().is_empty() {
                let piece = std::mem::take(gunzip.get_mut());
                return self.expanded(piece).map(Some);
            }
        }
        Ok(None)
    }

    /// What is still to be had at the end of a compressed body, which must be a whole one.
    fn finish(&mut self) -> Result<Option<Bytes>, Error> {
        match self.gunzip.take() {
            Some(gunzip) if self.received > 0 && !self.cut => {
                let piece = gunzip.finish().map_err(|error| not_gzip(&error))?;
                if piece.is_empty() { Ok(None) } else { self.expanded(piece).map(Some) }
            }
            _ => Ok(None),
        }
    }

    fn expanded(&mut self, mut piece: Vec<u8>) -> Result<Bytes, Error> {
        let before = self.expanded;
        self.expanded += piece.len() as u64;
        if let Some(left) = self.within(before, self.expanded)? {
            piece.truncate(left);
            self.pending.clear();
        }
        Ok(piece.into())
    }

    /// How many bytes of a piece may still be had if that isn't all of them.
    fn within(&mut self, before: u64, after: u64) -> Result<Option<usize>, Error> {
        if after <= self.limits.most {
            return Ok(None);
        }
        if self.limits.overflow == Overflow::Refuse {
            return Err(too_large(self.limits.most));
        }
        self.cut = true;
        Ok(Some(usize::try_from(self.limits.most - before).unwrap_or(usize::MAX)))
    }
}

pub(crate) fn too_large(most: u64) -> Error {
    Error::new(ErrorKind::TooLarge, format!("more than {most} bytes"))
}

fn not_gzip(error: &std::io::Error) -> Error {
    Error::caused(ErrorKind::Broken, error)
}
