//! How many requests there may be at the same time: in all, on behalf of one caller, to one host.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout_at};

use crate::error::{Error, ErrorKind};

/// Who has a share of its own.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Share {
    Owner(Arc<str>),
    Host(Arc<str>),
}

/// The gates. What is remembered of a share goes with the last one who has or awaits a place in it.
pub(crate) struct Gates {
    all: Arc<Semaphore>,
    shares: Mutex<HashMap<Share, Arc<Semaphore>>>,
    per_owner: usize,
    per_host: usize,
}

impl Gates {
    pub(crate) fn new(all: usize, per_owner: usize, per_host: usize) -> Arc<Self> {
        Arc::new(Self { all: Arc::new(Semaphore::new(all)), shares: Mutex::default(), per_owner, per_host })
    }

    /// A place in the share of an owner and in all. In this order: who waits for their own share keeps nobody else out.
    pub(crate) async fn seat(self: &Arc<Self>, owner: &Arc<str>, until: Instant) -> Result<Seat, Error> {
        let owner = self.place(Share::Owner(Arc::clone(owner)), until).await?;
        let all = timeout_at(until, Arc::clone(&self.all).acquire_owned()).await;
        match all {
            Ok(Ok(all)) => Ok(Seat { _all: all, _owner: owner }),
            _ => Err(Error::new(ErrorKind::Busy, "too many requests in all")),
        }
    }

    /// A place in one share.
    pub(crate) async fn place(self: &Arc<Self>, share: Share, until: Instant) -> Result<Place, Error> {
        let ticket = self.ticket(share);
        match timeout_at(until, Arc::clone(&ticket.semaphore).acquire_owned()).await {
            Ok(Ok(permit)) => Ok(Place { _permit: permit, _ticket: ticket }),
            _ => Err(Error::new(ErrorKind::Busy, format!("too many requests of {:?}", ticket.share))),
        }
    }

    fn ticket(self: &Arc<Self>, share: Share) -> Ticket {
        let most = if matches!(share, Share::Owner(_)) { self.per_owner } else { self.per_host };
        let mut shares = self.shares.lock().unwrap_or_else(PoisonError::into_inner);
        let semaphore = shares.entry(share.clone()).or_insert_with(|| Arc::new(Semaphore::new(most)));
        Ticket { semaphore: Arc::clone(semaphore), share, gates: Arc::clone(self) }
    }

    #[cfg(test)]
    fn remembered(&self) -> usize {
        self.shares.lock().unwrap().len()
    }
}

/// A place in all and in an owner's share, for as long as it isn't dropped.
pub(crate) struct Seat {
    _all: OwnedSemaphorePermit,
    _owner: Place,
}

/// A place in one share, for as long as it isn't dropped. The permit goes before the ticket.
pub(crate) struct Place {
    _permit: OwnedSemaphorePermit,
    _ticket: Ticket,
}

/// An interest in a share: whoever has or awaits a place.
struct Ticket {
    semaphore: Arc<Semaphore>,
    share: Share,
    gates: Arc<Gates>,
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let mut shares = self.gates.shares.lock().unwrap_or_else(PoisonError::into_inner);
        // The map's, and this one. Others are only made with the map locked.
        if Arc::strong_count(&self.semaphore) == 2 {
            shares.remove(&self.share);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(1)
    }

    #[tokio::test(start_paused = true)]
    async fn each_share_has_so_many_places_and_is_forgotten() {
        let gates = Gates::new(3, 2, 1);
        let (a, b): (Arc<str>, Arc<str>) = (Arc::from("a"), Arc::from("b"));
        let first = gates.seat(&a, soon()).await.unwrap();
        let _second = gates.seat(&a, soon()).await.unwrap();
        assert_eq!(gates.seat(&a, soon()).await.err().unwrap().kind(), ErrorKind::Busy);
        let _third = gates.seat(&b, soon()).await.unwrap();
        assert_eq!(gates.seat(&b, soon()).await.err().unwrap().kind(), ErrorKind::Busy);
        drop(first);
        let _fourth = gates.seat(&a, soon()).await.unwrap();
        let host = gates.place(Share::Host(Arc::from("a")), soon()).await.unwrap();
        assert!(gates.place(Share::Host(Arc::from("a")), soon()).await.is_err());
        assert_eq!(gates.remembered(), 3);
        drop((host, _second, _third, _fourth));
        assert_eq!(gates.remembered(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn who_gives_up_waiting_leaves_nothing() {
        let gates = Gates::new(1, 1, 1);
        let host = || Share::Host(Arc::from("h"));
        let place = gates.place(host(), soon()).await.unwrap();
        let mut waiting = Box::pin(gates.place(host(), soon()));
        assert!(timeout_at(Instant::now(), &mut waiting).await.is_err());
        drop(place);
        assert_eq!(gates.remembered(), 1);
        drop(waiting);
        assert_eq!(gates.remembered(), 0);
    }
}
