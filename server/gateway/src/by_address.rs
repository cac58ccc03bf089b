//! What each address holds of something that is scarce.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What counts as one address: of IPv6 the network, since who has one address of it has all.
pub(crate) fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6((u128::from(address) >> 64 << 64).into()),
        ipv4 => ipv4,
    }
}

/// How much is held, by [`network`]. Who holds nothing isn't in it.
#[derive(Debug, Default)]
pub(crate) struct ByAddress(Mutex<HashMap<IpAddr, usize>>);

impl ByAddress {
    /// Counts so much more for a network; gives how much it holds then.
    pub(crate) fn take(&self, network: IpAddr, more: usize) -> usize {
        let mut held = self.held();
        let held = held.entry(network).or_default();
        *held += more;
        *held
    }

    /// Takes back what was counted.
    pub(crate) fn give_back(&self, network: IpAddr, amount: usize) {
        let mut held = self.held();
        if let Some(of_network) = held.get_mut(&network) {
            *of_network -= amount;
            if *of_network == 0 {
                held.remove(&network);
            }
        }
    }

    #[cfg(test)]
    pub(crate) fn is_empty(&self) -> bool {
        self.held().is_empty()
    }

    fn held(&self) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
