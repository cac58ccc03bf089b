//! Which addresses belong to the public internet.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// A network in CIDR notation, of one of the two families. An IPv4 network holds no IPv6 address, mapped ones included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Block {
    base: IpAddr,
    prefix: u8,
}

/// A text that is no network in CIDR notation, or one whose address has bits behind its prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a network such as 10.0.0.0/8 or fd00::/8")]
pub struct InvalidBlock;

impl Block {
    const fn v4(base: [u8; 4], prefix: u8) -> Self {
        let [a, b, c, d] = base;
        Self { base: IpAddr::V4(Ipv4Addr::new(a, b, c, d)), prefix }
    }

    const fn v6(base: [u16; 8], prefix: u8) -> Self {
        let [a, b, c, d, e, f, g, h] = base;
        Self { base: IpAddr::V6(Ipv6Addr::new(a, b, c, d, e, f, g, h)), prefix }
    }

    /// The network of a single address.
    pub fn single(address: IpAddr) -> Self {
        Self { base: address, prefix: if address.is_ipv4() { 32 } else { 128 } }
    }

    /// Whether the address is one of this network.
    pub fn contains(&self, address: IpAddr) -> bool {
        let prefix = u32::from(self.prefix);
        match (self.base, address) {
            (IpAddr::V4(base), IpAddr::V4(address)) => {
                (base.to_bits() ^ address.to_bits()).checked_shr(32 - prefix).unwrap_or(0) == 0
            }
            (IpAddr::V6(base), IpAddr::V6(address)) => {
                (base.to_bits() ^ address.to_bits()).checked_shr(128 - prefix).unwrap_or(0) == 0
            }
            _ => false,
        }
    }

    /// Whether nothing is set behind the prefix.
    fn is_whole(&self) -> bool {
        let prefix = u32::from(self.prefix);
        match self.base {
            IpAddr::V4(base) => base.to_bits().checked_shl(prefix).unwrap_or(0) == 0,
            IpAddr::V6(base) => base.to_bits().checked_shl(prefix).unwrap_or(0) == 0,
        }
    }
}

impl FromStr for Block {
    type Err = InvalidBlock;

    fn from_str(text: &str) -> Result<Self, InvalidBlock> {
        let (base, prefix) = text.split_once('/').ok_or(InvalidBlock)?;
        let base: IpAddr = base.parse().map_err(|_| InvalidBlock)?;
        let digits = !prefix.is_empty() && prefix.len() <= 3 && prefix.bytes().all(|byte| byte.is_ascii_digit());
        let prefix = if digits { prefix.parse().map_err(|_| InvalidBlock)? } else { return Err(InvalidBlock) };
        let block = Self { base, prefix };
        let longest = if base.is_ipv4() { 32 } else { 128 };
        if prefix <= longest && block.is_whole() { Ok(block) } else { Err(InvalidBlock) }
    }
}

/// What kind of address it is if it isn't one of the public internet; none if it is.
///
/// Of IPv6 only what is given out as global unicast (`2000::/3`) can be public, so that the forms with an IPv4 address inside
/// (mapped, compatible, NAT64), unique local, link-local, site-local and multicast addresses are special without a rule each.
///
/// ```
/// # use floe_outbound::special;
/// assert_eq!(special("93.184.216.34".parse().unwrap()), None);
/// assert_eq!(special("169.254.169.254".parse().unwrap()), Some("link-local"));
/// ```
pub fn special(address: IpAddr) -> Option<&'static str> {
    let listed = SPECIAL.iter().find(|(block, _)| block.contains(address)).map(|(_, name)| *name);
    match address {
        IpAddr::V4(_) => listed,
        IpAddr::V6(v6) => listed
            .or_else(|| (!GLOBAL_UNICAST.contains(address)).then_some("not global unicast"))
            .or_else(|| is_isatap(v6).then_some("ISATAP")),
    }
}

/// An address whose second half says "the IPv4 address behind me".
fn is_isatap(address: Ipv6Addr) -> bool {
    let [.., high, low, _, _] = address.segments();
    matches!(high, 0 | 0x0200) && low == 0x5efe
}

const GLOBAL_UNICAST: Block = Block::v6([0x2000, 0, 0, 0, 0, 0, 0, 0], 3);

/// The registries of special purposes (RFC 6890 and what came after it), and one provider's metadata that looks public.
const SPECIAL: &[(Block, &str)] = &[
    (Block::v4([0, 0, 0, 0], 8), "this network"),
    (Block::v4([10, 0, 0, 0], 8), "private"),
    (Block::v4([100, 64, 0, 0], 10), "shared by carriers"),
    (Block::v4([127, 0, 0, 0], 8), "loopback"),
    (Block::v4([168, 63, 129, 16], 32), "Azure's host"),
    (Block::v4([169, 254, 0, 0], 16), "link-local"),
    (Block::v4([172, 16, 0, 0], 12), "private"),
    (Block::v4([192, 0, 0, 0], 24), "IETF protocols"),
    (Block::v4([192, 0, 2, 0], 24), "documentation"),
    (Block::v4([192, 31, 196, 0], 24), "AS112"),
    (Block::v4([192, 52, 193, 0], 24), "AMT"),
    (Block::v4([192, 88, 99, 0], 24), "6to4 relays"),
    (Block::v4([192, 168, 0, 0], 16), "private"),
    (Block::v4([192, 175, 48, 0], 24), "AS112"),
    (Block::v4([198, 18, 0, 0], 15), "benchmarks"),
    (Block::v4([198, 51, 100, 0], 24), "documentation"),
    (Block::v4([203, 0, 113, 0], 24), "documentation"),
    (Block::v4([224, 0, 0, 0], 4), "multicast"),
    (Block::v4([240, 0, 0, 0], 4), "reserved or broadcast"),
    (Block::v6([0, 0, 0, 0, 0, 0, 0, 0], 128), "unspecified"),
    (Block::v6([0, 0, 0, 0, 0, 0, 0, 1], 128), "loopback"),
    (Block::v6([0, 0, 0, 0, 0, 0, 0, 0], 96), "IPv4-compatible"),
    (Block::v6([0, 0, 0, 0, 0, 0xffff, 0, 0], 96), "IPv4-mapped"),
    (Block::v6([0x64, 0xff9b, 0, 0, 0, 0, 0, 0], 96), "NAT64"),
    (Block::v6([0x64, 0xff9b, 1, 0, 0, 0, 0, 0], 48), "local NAT64"),
    (Block::v6([0x2001, 0, 0, 0, 0, 0, 0, 0], 32), "Teredo"),
    (Block::v6([0x2001, 0, 0, 0, 0, 0, 0, 0], 23), "IETF protocols"),
    (Block::v6([0x2001, 0xdb8, 0, 0, 0, 0, 0, 0], 32), "documentation"),
    (Block::v6([0x2002, 0, 0, 0, 0, 0, 0, 0], 16), "6to4"),
    (Block::v6([0x2620, 0x4f, 0x8000, 0, 0, 0, 0, 0], 48), "AS112"),
    (Block::v6([0x3ffe, 0, 0, 0, 0, 0, 0, 0], 16), "6bone"),
    (Block::v6([0x3fff, 0, 0, 0, 0, 0, 0, 0], 20), "documentation"),
    (Block::v6([0xfc00, 0, 0, 0, 0, 0, 0, 0], 7), "unique local"),
    (Block::v6([0xfe80, 0, 0, 0, 0, 0, 0, 0], 10), "link-local"),
    (Block::v6([0xfec0, 0, 0, 0, 0, 0, 0, 0], 10), "site-local"),
    (Block::v6([0xff00, 0, 0, 0, 0, 0, 0, 0], 8), "multicast"),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn public_addresses_are_public() {
        for text in
            ["1.1.1.1", "93.184.216.34", "172.15.0.1", "172.32.0.1", "100.63.255.255", "100.128.0.0", "223.255.255.255"]
        {
            assert_eq!(special(ip(text)), None, "{text}");
        }
        for text in ["2606:4700:4700::1111", "2a00:1450:4001::1", "2001:4860:4860::8888", "2003::1"] {
            assert_eq!(special(ip(text)), None, "{text}");
        }
    }

    #[test]
    fn special_addresses_are_named() {
        for (text, name) in [
            ("0.0.0.0", "this network"),
            ("10.255.255.255", "private"),
            ("100.100.100.200", "shared by carriers"),
            ("127.255.0.1", "loopback"),
            ("169.254.169.254", "link-local"),
            ("172.31.255.255", "private"),
            ("192.168.0.0", "private"),
            ("198.19.255.255", "benchmarks"),
            ("239.0.0.1", "multicast"),
            ("255.255.255.255", "reserved or broadcast"),
            ("::", "unspecified"),
            ("::1", "loopback"),
            ("::127.0.0.1", "IPv4-compatible"),
            ("::ffff:127.0.0.1", "IPv4-mapped"),
            ("::ffff:8.8.8.8", "IPv4-mapped"),
            ("::ffff:0:7f00:1", "not global unicast"),
            ("64:ff9b::7f00:1", "NAT64"),
            ("64:ff9b:1::a00:1", "local NAT64"),
            ("100::1", "not global unicast"),
            ("2001::1", "Teredo"),
            ("2001:10::1", "IETF protocols"),
            ("2001:db8::1", "documentation"),
            ("2002:7f00:1::", "6to4"),
            ("2a00::200:5efe:7f00:1", "ISATAP"),
            ("2a00::5efe:7f00:1", "ISATAP"),
            ("5f00::1", "not global unicast"),
            ("fd00:ec2::254", "unique local"),
            ("fe80::1", "link-local"),
            ("fec0::1", "site-local"),
            ("ff02::1", "multicast"),
        ] {
            assert_eq!(special(ip(text)), Some(name), "{text}");
        }
    }

    #[test]
    fn networks_are_read_strictly() {
        for text in [
            "",
            "10.0.0.0",
            "10.0.0.1/8",
            "10.0.0.0/33",
            "10.0.0.0/",
            "10.0.0.0/+8",
            "10/8",
            "fd00::/129",
            "x/8",
            "::1/64",
        ] {
            assert_eq!(text.parse::<Block>(), Err(InvalidBlock), "{text}");
        }
        let all: Block = "0.0.0.0/0".parse().unwrap();
        assert!(all.contains(ip("1.2.3.4")) && !all.contains(ip("::1")));
        let net: Block = "fd00::/8".parse().unwrap();
        assert!(net.contains(ip("fdff::1")) && !net.contains(ip("fc00::1")));
        assert!(Block::single(ip("::1")).contains(ip("::1")));
    }
}
