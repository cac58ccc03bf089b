//! Conditions on long texts, as functions of SQL that end with their statement's time.
//!
//! SQLite looks at the clock between two steps, not within one: its own `instr` compares a long text with a long part for
//! seconds, and parsing a list of some megabytes takes a while too. These look themselves.

use super::{list, pattern};
use floe_sqlite_watch::{self as watch, Interrupted, TextTest};
use memchr::memmem;

/// What every connection knows beside SQLite's own.
pub(super) const FUNCTIONS: &[TextTest] = &[
    TextTest { name: c"text_contains", test: contains },
    TextTest { name: c"text_ends", test: |text, end| Ok(text.ends_with(end)) },
    TextTest { name: c"pattern_found", test: pattern::found },
    TextTest { name: c"list_has_any", test: list::has_any },
    TextTest { name: c"list_has_all", test: list::has_all },
];

/// How many bytes are searched between two looks at the clock: some tens of microseconds.
const WINDOW: usize = 65_536;

/// Whether a text has a part, in time that grows with the sum of their lengths.
fn contains(text: &[u8], part: &[u8]) -> Result<bool, Interrupted> {
    if text.len() <= WINDOW || text.len() <= part.len() {
        return Ok(memmem::find(text, part).is_some());
    }
    let finder = memmem::Finder::new(part);
    for start in (0..text.len()).step_by(WINDOW) {
        if watch::is_over() {
            return Err(Interrupted);
        }
        // What begins in this window may end in the next one.
        let end = start.saturating_add(WINDOW + part.len()).min(text.len());
        if finder.find(&text[start..end]).is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, Instant};

    #[test]
    fn finds_a_part_wherever_it_is() {
        for at in [0, 1, WINDOW - 3, WINDOW - 1, WINDOW, 2 * WINDOW - 2, 3 * WINDOW - 4] {
            let mut text = vec![b'a'; 3 * WINDOW];
            text[at..at + 4].copy_from_slice(b"here");
            assert_eq!(contains(&text, b"here"), Ok(true), "{at}");
            assert_eq!(contains(&text, b"hers"), Ok(false), "{at}");
        }
        assert_eq!(contains(b"", b""), Ok(true));
        assert_eq!(contains(b"a", b""), Ok(true));
        assert_eq!(contains(b"a", b"ab"), Ok(false));
        let long = vec![b'a'; 2 * WINDOW];
        assert_eq!(contains(&long, &long), Ok(true));
        assert_eq!(contains(&long[1..], &long), Ok(false));
    }

    #[test]
    fn takes_linear_time_and_no_more_than_it_may() {
        let (text, part) = (vec![b'a'; 20_000_000], [vec![b'a'; 4000], vec![b'b']].concat());
        let started = Instant::now();
        assert_eq!(contains(&text, &part), Ok(false));
        assert!(started.elapsed() < Duration::from_secs(2), "{:?}", started.elapsed());
        assert_eq!(watch::within(Duration::ZERO, || contains(&text, &part)), Err(Interrupted));
    }
}
