//! How much memory requests' bodies, or answers, may hold in the whole process.

use crate::by_address::{ByAddress, network};
use floe_kernel::Error;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What each may hold without being counted against its address: the size of most endpoints' bodies.
const UNCOUNTED: usize = 64 * 1024;

/// The bytes that bodies, or answers, may hold at a time, all together and those of one address.
#[derive(Debug)]
pub(crate) struct Budget {
    total: usize,
    held: AtomicUsize,
    by_address: ByAddress,
}

/// Bytes of the budget; given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Reservation {
    budget: Arc<Budget>,
    /// Whose share it counts against: the caller's address, unless they are a server or an admin.
    address: Option<IpAddr>,
    bytes: usize,
    /// What of it has been counted against the address.
    counted: usize,
}

impl Budget {
    pub(crate) fn new(total: usize) -> Arc<Self> {
        Arc::new(Self { total, held: AtomicUsize::new(0), by_address: ByAddress::default() })
    }

    pub(crate) fn reserve(self: &Arc<Self>, address: Option<IpAddr>) -> Reservation {
        Reservation { budget: Arc::clone(self), address: address.map(network), bytes: 0, counted: 0 }
    }
}

impl Reservation {
    /// Makes it this many bytes, if it was fewer.
    ///
    /// # Errors
    /// 503 when the process, or the address, holds as much as it may.
    pub(crate) fn grow_to(&mut self, bytes: usize) -> Result<(), Error> {
        let more = bytes.saturating_sub(self.bytes);
        if more == 0 {
            return Ok(());
        }
        let before = self.budget.held.fetch_add(more, Ordering::Relaxed);
        self.bytes += more;
        if before + more > self.budget.total || !self.count() {
            return Err(Error::unavailable(1));
        }
        Ok(())
    }

    /// How many bytes it is.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether it and the others are more than half of what there may be.
    pub(crate) fn is_of_many(&self) -> bool {
        self.budget.held.load(Ordering::Relaxed) > self.budget.total / 2
    }

    /// Gives back what is more than this many bytes.
    pub(crate) fn shrink_to(&mut self, bytes: usize) {
        let less = self.bytes.saturating_sub(bytes);
        self.budget.held.fetch_sub(less, Ordering::Relaxed);
        self.bytes -= less;
        let uncounted = self.counted.saturating_sub(self.bytes);
        if let Some(address) = self.address.filter(|_| uncounted > 0) {
            self.budget.by_address.give_back(address, uncounted);
            self.counted -= uncounted;
        }
    }

    /// Counts what has been added against the address: at most a quarter of the budget is one address's.
    fn count(&mut self) -> bool {
        let (Some(address), more) = (self.address, self.bytes - self.counted) else { return true };
        if self.bytes <= UNCOUNTED {
            return true;
        }
        self.counted += more;
        self.budget.by_address.take(address, more) <= self.budget.total / 4
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.budget.held.fetch_sub(self.bytes, Ordering::Relaxed);
        if let Some(address) = self.address.filter(|_| self.counted > 0) {
            self.budget.by_address.give_back(address, self.counted);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: usize = 1024 * 1024;

    fn address(text: &str) -> Option<IpAddr> {
        Some(text.parse().unwrap())
    }

    #[test]
    fn what_is_dropped_is_given_back() {
        let budget = Budget::new(4 * MIB);
        let mut first = budget.reserve(None);
        first.grow_to(3 * MIB).unwrap();
        first.grow_to(MIB).unwrap();
        let mut second = budget.reserve(None);
        assert_eq!(second.grow_to(2 * MIB).unwrap_err().retry_after(), Some(1));
        drop((first, second));
        assert_eq!(budget.held.load(Ordering::Relaxed), 0);
        let mut shrinking = budget.reserve(address("192.0.2.1"));
        shrinking.grow_to(MIB).unwrap();
        shrinking.shrink_to(MIB / 2);
        assert_eq!(budget.held.load(Ordering::Relaxed), MIB / 2);
        let mut same = budget.reserve(address("192.0.2.1"));
        assert!(!same.is_of_many() && same.grow_to(MIB / 2).is_ok() && same.grow_to(MIB).is_err());
        drop((shrinking, same));
        assert!(budget.by_address.is_empty());
        budget.reserve(None).grow_to(4 * MIB).unwrap();
    }

    #[test]
    fn an_address_has_a_quarter_and_a_network_is_one_address() {
        let budget = Budget::new(8 * MIB);
        let mut one = budget.reserve(address("2001:db8::1"));
        one.grow_to(MIB).unwrap();
        one.grow_to(2 * MIB).unwrap();
        let mut neighbour = budget.reserve(address("2001:db8::2"));
        neighbour.grow_to(UNCOUNTED).unwrap();
        assert!(neighbour.grow_to(MIB).is_err());
        budget.reserve(address("2001:db8:0:1::1")).grow_to(2 * MIB).unwrap();
        budget.reserve(address("::ffff:192.0.2.1")).grow_to(2 * MIB).unwrap();
        drop((one, neighbour));
        assert!(budget.by_address.is_empty());
    }
}
