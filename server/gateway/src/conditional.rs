//! Conditional requests and ranges (RFC 9110, sections 13 and 14).

use std::ops::Range;

/// The weak tag of content with this hash: answers may be compressed on their way, so no tag of ours stands for bytes.
#[must_use]
pub fn weak_tag(hash: &str) -> String {
    format!("W/\"{}\"", hash.get(..32).unwrap_or(hash))
}

/// Whether a client that sent this `If-None-Match` has what the tag stands for. Compared weakly, as the header wants.
#[must_use]
pub fn has_already(if_none_match: &str, tag: &str) -> bool {
    let opaque = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
    if_none_match.trim() == "*" || if_none_match.split(',').any(|known| opaque(known) == opaque(tag))
}

/// What a `Range` header asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ranged {
    /// All of it: there is no such header, or one that we may ignore (several ranges, another unit, no sense).
    Whole,
    /// These bytes.
    Part(Range<u64>),
    /// Nothing that there is: 416.
    Nowhere,
}

/// What this `Range` header means for so many bytes.
#[must_use]
pub fn ranged(header: Option<&str>, length: u64) -> Ranged {
    let spec = header.and_then(|header| header.trim().strip_prefix("bytes=")).map(str::trim);
    let Some((from, to)) = spec.filter(|spec| !spec.contains(',')).and_then(|spec| spec.split_once('-')) else {
        return Ranged::Whole;
    };
    let number = |text: &str| match text {
        "" => Some(None),
        _ if text.bytes().all(|byte| byte.is_ascii_digit()) => Some(Some(text.parse().unwrap_or(u64::MAX))),
        _ => None,
    };
    let range = match (number(from), number(to)) {
        (Some(Some(from)), Some(Some(to))) if from <= to => from..to.saturating_add(1).min(length),
        (Some(Some(from)), Some(None)) => from..length,
        (Some(None), Some(Some(last))) => length - last.min(length)..length,
        _ => return Ranged::Whole,
    };
    if range.start < range.end { Ranged::Part(range) } else { Ranged::Nowhere }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_compared_weakly() {
        for known in ["\"a\"", "W/\"a\"", "\"b\", W/\"a\"", "*", " \"b\",\"a\" "] {
            assert!(has_already(known, "W/\"a\""), "{known}");
        }
        for unknown in ["", "a", "\"b\"", "\"a", "W/\"aa\""] {
            assert!(!has_already(unknown, "W/\"a\""), "{unknown}");
        }
    }

    #[test]
    fn one_range_is_a_part_and_what_makes_no_sense_is_the_whole() {
        for (header, range) in [
            ("bytes=0-0", 0..1),
            ("bytes=2-5", 2..6),
            ("bytes=2-", 2..10),
            ("bytes=-3", 7..10),
            ("bytes=-99", 0..10),
            ("bytes=5-99999999999999999999999", 5..10),
        ] {
            assert_eq!(ranged(Some(header), 10), Ranged::Part(range), "{header}");
        }
        for header in ["bytes=10-", "bytes=10-20", "bytes=-0"] {
            assert_eq!(ranged(Some(header), 10), Ranged::Nowhere, "{header}");
        }
        for header in
            ["bytes=5-2", "bytes=0-1,3-4", "rows=0-1", "bytes=a-b", "bytes=--1", "bytes=", "bytes=-", "bytes=+1-2"]
        {
            assert_eq!(ranged(Some(header), 10), Ranged::Whole, "{header}");
        }
        assert_eq!(ranged(None, 10), Ranged::Whole);
        assert_eq!(ranged(Some("bytes=-5"), 0), Ranged::Nowhere);
    }
}
