//! How many connections an address may have.

use crate::by_address::{ByAddress, network};
use std::net::IpAddr;
use std::sync::Arc;

/// Counts open connections by address; of IPv6 by /64.
#[derive(Debug)]
pub(crate) struct Connections {
    most: usize,
    open: ByAddress,
}

/// A connection that is counted, until it is dropped.
#[derive(Debug)]
pub(crate) struct Connection {
    all: Arc<Connections>,
    address: IpAddr,
}

impl Connections {
    pub(crate) fn new(most: usize) -> Arc<Self> {
        Arc::new(Self { most, open: ByAddress::default() })
    }

    /// Counts one more connection of this address; `None` when it has as many as it may.
    pub(crate) fn open(self: &Arc<Self>, address: IpAddr) -> Option<Connection> {
        // Dropped, and so given back, when it is one too many.
        let connection = Connection { all: Arc::clone(self), address: network(address) };
        let is_one_of_them = self.open.take(connection.address, 1) <= self.most;
        is_one_of_them.then_some(connection)
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.all.open.give_back(self.address, 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_so_many_and_gets_them_back() {
        let connections = Connections::new(2);
        let open = |address: &str| connections.open(address.parse().unwrap());
        let first = open("2001:db8::1");
        let second = open("2001:db8::2");
        assert!(first.is_some() && second.is_some() && open("2001:db8::3").is_none());
        assert!(open("2001:db8:1::1").is_some());
        drop(first);
        assert!(open("2001:db8::3").is_some());
        drop(second);
        assert!(connections.open.is_empty());
    }
}
