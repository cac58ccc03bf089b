//! Whether an address may be connected to.

use std::net::IpAddr;

use crate::address::special;
use crate::allowed::Allowed;
use crate::target::Host;

/// Ports that browsers don't connect to either, because what answers there is no web server and might take a request for
/// something else (mail, name service, remote shells, IRC).
const NOT_FOR_HTTP: &[u16] = &[
    0, 1, 7, 9, 11, 13, 15, 17, 19, 20, 21, 22, 23, 25, 37, 42, 43, 53, 69, 77, 79, 87, 95, 101, 102, 103, 104, 109,
    110, 111, 113, 115, 117, 119, 123, 135, 137, 139, 143, 161, 179, 389, 427, 465, 512, 513, 514, 515, 526, 530, 531,
    532, 540, 548, 554, 556, 563, 587, 601, 636, 989, 990, 993, 995, 1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060,
    5061, 6000, 6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697, 10080,
];

/// The rules of where a request may go.
#[derive(Debug)]
pub(crate) struct Guard {
    allowed: Allowed,
}

impl Guard {
    pub(crate) fn new(allowed: Allowed) -> Self {
        Self { allowed }
    }

    /// Whether the operator lets requests go there whatever it is.
    pub(crate) fn is_allowed(&self, host: Host<'_>, port: u16) -> bool {
        self.allowed.names(host, port)
    }

    /// Refuses ports that aren't for HTTP, unless the operator named that very port.
    pub(crate) fn check_port(&self, host: Host<'_>, port: u16) -> Result<(), String> {
        if NOT_FOR_HTTP.contains(&port) && !self.allowed.names_port(host, port) {
            return Err(format!("port {port} isn't for HTTP"));
        }
        Ok(())
    }

    /// Refuses addresses that aren't public, unless the operator lets them be reached.
    pub(crate) fn check(&self, host: Host<'_>, address: IpAddr, port: u16) -> Result<(), String> {
        match special(address) {
            Some(name) if !self.allowed.lets_reach(host, address, port) => Err(format!("{address} is {name}")),
            _ => Ok(()),
        }
    }

    /// Refuses a connection that ended at this machine itself, whose public address is `local`: behind it is also what a
    /// firewall keeps from everybody else. The two ports of web servers stay reachable, because others may reach them too.
    pub(crate) fn check_own(
        &self,
        host: Host<'_>,
        local: Option<IpAddr>,
        address: IpAddr,
        port: u16,
    ) -> Result<(), String> {
        if local == Some(address) && !matches!(port, 80 | 443) && !self.allowed.lets_reach(host, address, port) {
            return Err(format!("{address} is this machine"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAME: Host<'_> = Host::Name("example.com");

    fn guard(allowed: &str) -> Guard {
        Guard::new(allowed.parse().unwrap())
    }

    #[test]
    fn refuses_ports_of_other_protocols_unless_they_are_named() {
        for port in [0, 22, 25, 587, 6667] {
            assert!(guard("example.com").check_port(NAME, port).is_err(), "{port}");
        }
        assert!(guard("example.com:25").check_port(NAME, 25).is_ok());
        assert!([80, 443, 3000, 8080, 65535].iter().all(|port| guard("").check_port(NAME, *port).is_ok()));
    }

    #[test]
    fn refuses_this_machine_but_for_its_web_servers() {
        let own: IpAddr = "93.184.216.34".parse().unwrap();
        assert!(guard("").check_own(NAME, Some(own), own, 6379).is_err());
        assert!(guard("").check_own(NAME, Some(own), own, 443).is_ok());
        assert!(guard("example.com:6379").check_own(NAME, Some(own), own, 6379).is_ok());
        assert!(guard("").check_own(NAME, Some("10.0.0.1".parse().unwrap()), own, 6379).is_ok());
    }
}
