//! What the operator lets requests reach although it isn't public: `FLOE_OUTBOUND_ALLOW`.

use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use crate::address::Block;
use crate::target::{Host, is_name};

/// Hosts and networks that requests may reach although they aren't public. None by default.
///
/// Read from a list with commas: names (`hooks.internal`; `*.internal` for all names below it), addresses (`10.0.0.7`, `::1`),
/// both with a port if they stand for that one alone (`hooks.internal:8080`, `[::1]:8080`), and networks (`10.1.0.0/16`).
/// A name is what a URL calls it, whatever it resolves to; an address is what is connected to, whatever it was called.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Allowed {
    entries: Vec<Entry>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry {
    what: What,
    port: Option<u16>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum What {
    Name(String),
    NamesBelow(String),
    Network(Block),
}

/// An entry of the list that is none of the known kinds.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is neither a host (with or without a port) nor a network such as 10.0.0.0/8")]
pub struct InvalidAllowed(String);

impl Allowed {
    /// Whether there is an entry for this address, at this port, reached under this host.
    pub(crate) fn lets_reach(&self, host: Host<'_>, address: IpAddr, port: u16) -> bool {
        self.entries
            .iter()
            .any(|entry| entry.port.is_none_or(|only| only == port) && entry.what.fits(host, Some(address)))
    }

    /// Whether there is an entry for this host and port as a URL has them: for the name, or for the address that stands there.
    pub(crate) fn names(&self, host: Host<'_>, port: u16) -> bool {
        let address = if let Host::Address(address) = host { Some(address) } else { None };
        self.entries.iter().any(|entry| entry.port.is_none_or(|only| only == port) && entry.what.fits(host, address))
    }

    /// Whether there is an entry that names this very port; an entry for all ports doesn't.
    pub(crate) fn names_port(&self, host: Host<'_>, port: u16) -> bool {
        let address = if let Host::Address(address) = host { Some(address) } else { None };
        self.entries.iter().any(|entry| entry.port == Some(port) && entry.what.fits(host, address))
    }
}

impl What {
    fn fits(&self, host: Host<'_>, address: Option<IpAddr>) -> bool {
        match (self, host) {
            (Self::Name(name), Host::Name(asked)) => name == asked,
            (Self::NamesBelow(suffix), Host::Name(asked)) => {
                asked.strip_suffix(suffix.as_str()).is_some_and(|rest| rest.len() > 1 && rest.ends_with('.'))
            }
            (Self::Network(block), _) => address.is_some_and(|address| block.contains(address)),
            _ => false,
        }
    }
}

impl FromStr for Allowed {
    type Err = InvalidAllowed;

    fn from_str(text: &str) -> Result<Self, InvalidAllowed> {
        let entries = text.split(',').map(str::trim).filter(|entry| !entry.is_empty()).map(str::parse);
        Ok(Self { entries: entries.collect::<Result<_, _>>()? })
    }
}

impl FromStr for Entry {
    type Err = InvalidAllowed;

    fn from_str(text: &str) -> Result<Self, InvalidAllowed> {
        if let Ok(block) = text.parse() {
            return Ok(Self { what: What::Network(block), port: None });
        }
        if let Ok(address) = text.parse() {
            return Ok(Self { what: What::Network(Block::single(address)), port: None });
        }
        if let Ok(at) = text.parse::<SocketAddr>()
            && at.port() != 0
        {
            return Ok(Self { what: What::Network(Block::single(at.ip())), port: Some(at.port()) });
        }
        let invalid = || InvalidAllowed(text.to_owned());
        let (name, port) = match text.split_once(':') {
            Some((name, port)) => (name, Some(port_from(port).ok_or_else(invalid)?)),
            None => (text, None),
        };
        let name = name.to_ascii_lowercase();
        let what = match name.strip_prefix("*.") {
            Some(suffix) => is_name(suffix).then(|| What::NamesBelow(suffix.to_owned())),
            None => is_name(&name).then_some(What::Name(name)),
        };
        what.map(|what| Self { what, port }).ok_or_else(invalid)
    }
}

/// A port that something can listen at, in digits alone.
fn port_from(text: &str) -> Option<u16> {
    text.parse().ok().filter(|port| *port != 0 && text.bytes().all(|byte| byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(text: &str) -> Allowed {
        text.parse().unwrap()
    }

    fn lets(text: &str, name: &str, address: &str, port: u16) -> bool {
        allowed(text).lets_reach(Host::Name(name), address.parse().unwrap(), port)
    }

    #[test]
    fn nothing_is_allowed_by_default() {
        assert_eq!(allowed(" , "), Allowed::default());
        assert!(!lets("", "localhost", "127.0.0.1", 80));
    }

    #[test]
    fn hosts_networks_and_ports_are_told_apart() {
        let list = "Hooks.Internal:8080, db, *.svc.local, 10.1.0.0/16, 127.0.0.1:9000, [::1]:9001, fd00::7";
        for (name, address, port, expected) in [
            ("hooks.internal", "10.9.9.9", 8080, true),
            ("hooks.internal", "10.9.9.9", 8081, false),
            ("nothooks.internal", "10.9.9.9", 8080, false),
            ("db", "192.168.0.1", 1, true),
            ("a.svc.local", "192.168.0.1", 443, true),
            ("svc.local", "192.168.0.1", 443, false),
            ("evilsvc.local", "192.168.0.1", 443, false),
            ("anything", "10.1.255.1", 443, true),
            ("anything", "10.2.0.1", 443, false),
            ("anything", "127.0.0.1", 9000, true),
            ("anything", "127.0.0.1", 9001, false),
            ("anything", "::1", 9001, true),
            ("anything", "fd00::7", 1, true),
            ("anything", "fd00::8", 1, false),
            ("anything", "::ffff:10.1.0.1", 443, false),
        ] {
            assert_eq!(lets(list, name, address, port), expected, "{name} {address} {port}");
        }
    }

    #[test]
    fn what_is_no_entry_is_named() {
        for text in [
            "10.0.0.1/8",
            "http://x",
            "a b",
            "x:",
            "x:99999",
            "x:0",
            "x:+80",
            "x:80:80",
            "127.0.0.1:0",
            "db redis",
            "127.1",
            "0x7f.1",
            "*",
            "*.",
            "a..b",
            "-",
            "x.",
            "[::1]",
            "é",
        ] {
            assert_eq!(format!("db, {text}").parse::<Allowed>(), Err(InvalidAllowed(text.to_owned())), "{text}");
        }
    }

    #[test]
    fn a_port_counts_as_named_only_if_it_is() {
        let list = allowed("mail:25, 10.0.0.0/8, 127.0.0.1:25");
        assert!(list.names_port(Host::Name("mail"), 25));
        assert!(list.names_port(Host::Address("127.0.0.1".parse().unwrap()), 25));
        assert!(!list.names_port(Host::Address("10.0.0.1".parse().unwrap()), 25));
    }
}
