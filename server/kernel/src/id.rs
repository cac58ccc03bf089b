//! Ids: what callers may choose, and what we make when they ask for a unique one.

use crate::time::Timestamp;
use rand::RngExt as _;

/// The most characters of an id.
pub const MAX_LENGTH: usize = 36;

/// The word with which callers ask for an id of our making.
pub const UNIQUE: &str = "unique()";

/// Whether this may be an id: 1 to 36 of `A-Z a-z 0-9 . _ -`, and no special character first.
#[must_use]
pub fn is_valid(id: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric();
    id.len() <= MAX_LENGTH
        && id.bytes().next().is_some_and(plain)
        && id.bytes().all(|byte| plain(byte) || matches!(byte, b'.' | b'_' | b'-'))
}

/// Whether this may be the id of a project, which becomes the name of a file or a schema: an id without capitals.
#[must_use]
pub fn is_valid_project(id: &str) -> bool {
    is_valid(id) && id.bytes().all(|byte| !byte.is_ascii_uppercase())
}

/// Whether a new project may have this id. The second cookie of a project `x` is called `a_session_x_legacy`, which would
/// be the first one of a project `x_legacy`: no browser could keep both.
#[must_use]
pub fn is_free_for_project(id: &str) -> bool {
    is_valid_project(id) && !id.ends_with("_legacy")
}

/// A new id: 20 hexadecimal digits, the first 13 of them the time in microseconds, so that ids made in sequence sort in
/// sequence and an index grows at its end. The rest is random. An id is no secret.
#[must_use]
pub fn unique(now: Timestamp) -> String {
    // The clock gives milliseconds; what is missing to microseconds is random too.
    let micros = u64::try_from(now.millis()).unwrap_or(0) * 1000 + rand::rng().random_range(0..1000);
    let random = rand::rng().random_range(0..1_u32 << 28);
    format!("{micros:013x}{random:07x}")
}

/// How many of a generation's bits are random, the lowest.
const RANDOM_BITS: u32 = 21;

/// A number for a project that is made now, see [`crate::directory::Project::generation`]: its upper 42 bits are milliseconds
/// (until the year 2109), so that a later one is greater; the rest is random, so that nobody makes the same one again: neither
/// an instance whose platform was restored from a backup, nor another instance.
#[must_use]
pub fn generation(now: Timestamp) -> i64 {
    now.millis().max(0) << RANDOM_BITS | rand::rng().random_range(0..1_i64 << RANDOM_BITS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_what_appwrite_accepts() {
        for id in ["a", "A-b_c.d", "0", &"x".repeat(36)] {
            assert!(is_valid(id), "{id}");
        }
        for id in ["", "_a", ".a", "-a", "a b", "a/b", "ä", "a\0", "unique()", &"x".repeat(37)] {
            assert!(!is_valid(id), "{id}");
        }
        assert!(is_valid_project("my-shop") && !is_valid_project("My-shop"));
        assert!(is_free_for_project("my-shop") && !is_free_for_project("my_legacy") && !is_free_for_project("My"));
    }

    #[test]
    fn a_later_generation_is_greater_and_none_is_made_twice() {
        let at = |millis| generation(Timestamp::from_millis(millis));
        let now = 1_795_000_000_000;
        let made: std::collections::BTreeSet<_> = (0..100).map(|_| at(now)).collect();
        assert!(made.len() > 90, "random within a millisecond");
        assert!(at(now - 1) < *made.first().unwrap() && *made.last().unwrap() < at(now + 1));
        assert!(at(4_300_000_000_000) > 0, "until 2106 at least");
    }

    #[test]
    fn made_ids_are_valid_and_differ() {
        let now = Timestamp::from_millis(1_795_000_000_000);
        let ids: std::collections::HashSet<_> = (0..10_000).map(|_| unique(now)).collect();
        assert_eq!(ids.len(), 10_000);
        assert!(ids.iter().all(|id| is_valid(id) && id.len() == 20));
    }
}
