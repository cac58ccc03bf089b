//! How settings write a number of bytes.

use super::source::Setting;
use std::str::FromStr;

/// A number of bytes: `1048576`, `1MB`, `1 MiB`. Units are powers of 1024, in either spelling, as PostgreSQL has them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ByteSize(pub(super) u64);

/// By how many bits a unit moves the number.
const UNITS: [(&str, u32); 5] = [("", 0), ("k", 10), ("m", 20), ("g", 30), ("t", 40)];

/// A text that is no size.
#[derive(Debug)]
pub(super) struct NoSize;

impl Setting for ByteSize {
    const WHAT: &'static str = "a number of bytes, such as 1048576, 256MB or 2GB";
}

impl FromStr for ByteSize {
    type Err = NoSize;

    fn from_str(text: &str) -> Result<Self, NoSize> {
        let text = text.trim();
        let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
        let unit = unit.trim_start().to_ascii_lowercase();
        let unit = unit.strip_suffix("ib").or_else(|| unit.strip_suffix('b')).unwrap_or(&unit);
        let (_, bits) = UNITS.iter().find(|(name, _)| *name == unit).ok_or(NoSize)?;
        let number: u64 = number.parse().map_err(|_| NoSize)?;
        number.checked_mul(1 << bits).map(Self).ok_or(NoSize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_is_a_number_with_or_without_a_unit() {
        let read = |text: &str| text.parse::<ByteSize>().map(|size| size.0).ok();
        for text in ["268435456", "268435456B", "262144kB", "262144K", "256MB", "256 MiB", " 256m ", "256mib"] {
            assert_eq!(read(text), Some(256 << 20), "{text}");
        }
        assert_eq!((read("0"), read("2GB"), read("1TB")), (Some(0), Some(2 << 30), Some(1 << 40)));
        for text in ["", "MB", "-1", "1.5GB", "1PB", "256 MBs", "16777216TB", "1 2"] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
