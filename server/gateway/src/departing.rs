//! Long answers on their way: given to the connection piece by piece, and given up when the client takes them too slowly.

use crate::budget::Reservation;
use crate::reply::ByteStream;
use actix_web::body::{BodySize, MessageBody};
use bytes::Bytes;
use std::cell::{Cell, RefCell};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

/// How many bytes of an answer are given to the connection at a time.
pub(crate) const PIECE: usize = 32 * 1024;

/// How many bytes a second a client must take once its time of grace is over.
const SLOWEST: u64 = 16 * 1024;

/// How long a client has, and how many bytes a second it must take then, while more than half of the memory of all
/// answers is held. What the connection's buffers take isn't what the client takes.
const PRESSED: Duration = Duration::from_secs(10);
const PRESSED_SLOWEST: u64 = 128 * 1024;
const BUFFERS: u64 = 4 << 20;

/// How often somebody looks after the memory of an answer: a client that takes nothing doesn't ask for the next piece.
const LOOK: Duration = Duration::from_secs(1);

/// How long a client may take.
pub(crate) struct Pace {
    begun: Instant,
    patience: Duration,
    sent: Cell<u64>,
}

impl Pace {
    fn new(patience: Duration) -> Self {
        Self { begun: Instant::now(), patience, sent: Cell::new(0) }
    }

    fn add(&self, piece: &Bytes) {
        self.sent.set(self.sent.get() + piece.len() as u64);
    }

    fn is_over(&self, pressed: bool) -> bool {
        let sent = self.sent.get();
        let time = if pressed {
            self.patience.min(PRESSED) + Duration::from_secs(sent.saturating_sub(BUFFERS) / PRESSED_SLOWEST)
        } else {
            self.patience + Duration::from_secs(sent / SLOWEST)
        };
        self.begun.elapsed() > time
    }
}

/// A body that is in memory. A client that takes nothing is the kernel's to disconnect (`TCP_USER_TIMEOUT`, see
/// [`crate::server`]); its answer leaves memory when the time is over, also if that is earlier.
pub(crate) struct Departing(Rc<Whole>);

struct Whole {
    pace: Pace,
    /// None once it was given up.
    rest: RefCell<Option<Rest>>,
}

struct Rest {
    bytes: Bytes,
    held: Option<Reservation>,
}

impl Departing {
    /// To be called where the server's connections are served.
    pub(crate) fn new(bytes: Bytes, held: Option<Reservation>, patience: Duration) -> Self {
        let is_counted = held.is_some();
        let whole = Rc::new(Whole { pace: Pace::new(patience), rest: RefCell::new(Some(Rest { bytes, held })) });
        if is_counted {
            let watched = Rc::downgrade(&whole);
            actix_web::rt::spawn(async move {
                loop {
                    actix_web::rt::time::sleep(LOOK).await;
                    let Some(whole) = watched.upgrade() else { return };
                    whole.give_up_if_late();
                }
            });
        }
        Self(whole)
    }
}

impl Whole {
    fn give_up_if_late(&self) {
        let mut rest = self.rest.borrow_mut();
        let pressed = rest.as_ref().and_then(|rest| rest.held.as_ref()).is_some_and(Reservation::is_of_many);
        // The last piece is the connection's already.
        if rest.as_ref().is_some_and(|rest| !rest.bytes.is_empty()) && self.pace.is_over(pressed) {
            *rest = None;
        }
    }
}

impl MessageBody for Departing {
    type Error = Box<dyn std::error::Error>;

    fn size(&self) -> BodySize {
        let rest = self.0.rest.borrow().as_ref().map_or(0, |rest| rest.bytes.len() as u64);
        BodySize::Sized(self.0.pace.sent.get() + rest)
    }

    fn poll_next(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Self::Error>>> {
        let whole = &self.0;
        whole.give_up_if_late();
        Poll::Ready(match whole.rest.borrow_mut().as_mut() {
            None => Some(Err("the client takes its answer too slowly".into())),
            Some(rest) if rest.bytes.is_empty() => None,
            Some(rest) => {
                let piece = rest.bytes.split_to(rest.bytes.len().min(PIECE));
                whole.pace.add(&piece);
                Some(Ok(piece))
            }
        })
    }
}

/// A body of which a few pieces are in memory.
pub(crate) struct Streaming {
    length: Option<u64>,
    stream: ByteStream,
}

impl Streaming {
    pub(crate) fn new(length: Option<u64>, stream: ByteStream) -> Self {
        Self { length, stream }
    }
}

impl MessageBody for Streaming {
    type Error = Box<dyn std::error::Error>;

    fn size(&self) -> BodySize {
        self.length.map_or(BodySize::Stream, BodySize::Sized)
    }

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Self::Error>>> {
        let piece = self.stream.as_mut().poll_next(cx);
        piece.map(|piece| piece.map(|piece| piece.map_err(|error| error.to_string().into())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::budget::Budget;

    const MIB: usize = 1024 * 1024;

    fn ago(time: Duration, sent: u64) -> Pace {
        let begun = Instant::now().checked_sub(time).unwrap();
        Pace { begun, patience: Duration::from_secs(30), sent: Cell::new(sent) }
    }

    #[test]
    fn a_client_has_less_time_when_memory_is_short() {
        let seconds = Duration::from_secs;
        assert!(!ago(seconds(29), 0).is_over(false) && ago(seconds(31), 0).is_over(false));
        assert!(!ago(seconds(40), 11 * SLOWEST).is_over(false));
        assert!(!ago(seconds(9), 0).is_over(true) && ago(seconds(11), BUFFERS).is_over(true));
        assert!(!ago(seconds(40), BUFFERS + 32 * PRESSED_SLOWEST).is_over(true));
    }

    #[test]
    fn what_nobody_takes_leaves_memory() {
        actix_web::rt::System::new().block_on(async {
            let budget = Budget::new(8 * MIB);
            let mut held = budget.reserve(None);
            held.grow_to(8 * MIB).unwrap();
            let bytes = Bytes::from(vec![0; MIB]);
            let body = Departing::new(bytes.clone(), Some(held), Duration::from_millis(10));
            assert!(budget.reserve(None).grow_to(MIB).is_err());
            while !bytes.is_unique() {
                actix_web::rt::time::sleep(Duration::from_millis(20)).await;
            }
            budget.reserve(None).grow_to(8 * MIB).unwrap();
            let end = std::future::poll_fn(|cx| Pin::new(&mut Departing(Rc::clone(&body.0))).poll_next(cx)).await;
            assert!(end.is_some_and(|piece| piece.is_err()), "what was given up is no whole answer");
        });
    }
}
