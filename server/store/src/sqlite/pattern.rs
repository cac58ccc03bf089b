//! `pattern_found(text, pattern)` for SQLite: whether a regular expression is found in a text.
//!
//! In linear time, and never longer than the statement may take: the engine is fed byte by byte, with a look at the
//! clock now and then.

use floe_sqlite_watch::{self as watch, Interrupted};
use regex_automata::hybrid::dfa::{Cache, DFA};
use regex_automata::util::start;
use std::cell::RefCell;

/// How many patterns a thread keeps ready.
const KEPT: usize = 8;

/// How many bytes of text are read between two looks at the clock.
const STRIDE: usize = 4096;

/// How many bytes a pattern's states may take, before they are forgotten and made anew.
const ROOM: usize = 1 << 20;

/// A pattern, ready to be looked for.
struct Ready {
    pattern: Vec<u8>,
    engine: DFA,
    cache: Cache,
}

thread_local! {
    /// The one that was used last comes first.
    static READY: RefCell<Vec<Ready>> = const { RefCell::new(Vec::new()) };
}

/// Whether the pattern is found in the text.
///
/// # Errors
/// When the time is over before that is clear.
pub(super) fn found(text: &[u8], pattern: &[u8]) -> Result<bool, Interrupted> {
    READY.with_borrow_mut(|ready| {
        match ready.iter().position(|one| one.pattern == pattern) {
            Some(place) => ready[..=place].rotate_right(1),
            None => {
                let new = Ready::new(pattern).ok_or(Interrupted)?;
                ready.truncate(KEPT - 1);
                ready.insert(0, new);
            }
        }
        ready[0].is_in(text).ok_or(Interrupted)
    })
}

impl Ready {
    /// `None` for what `floe_kernel::query::Pattern` never writes.
    fn new(pattern: &[u8]) -> Option<Self> {
        let config = DFA::config().cache_capacity(ROOM).skip_cache_capacity_check(true);
        let engine = DFA::builder().configure(config).build(std::str::from_utf8(pattern).ok()?).ok()?;
        Some(Self { pattern: pattern.to_owned(), cache: engine.create_cache(), engine })
    }

    /// `None`: the time was over before that was clear.
    fn is_in(&mut self, text: &[u8]) -> Option<bool> {
        let (engine, cache) = (&self.engine, &mut self.cache);
        let mut state = engine.start_state(cache, &start::Config::new()).ok()?;
        for part in text.chunks(STRIDE) {
            for byte in part {
                state = engine.next_state(cache, state, *byte).ok()?;
                if state.is_tagged() {
                    if state.is_match() {
                        return Some(true);
                    }
                    if state.is_dead() {
                        return Some(false);
                    }
                    if state.is_quit() {
                        return None;
                    }
                }
            }
            if watch::is_over() {
                return None;
            }
        }
        Some(engine.next_eoi_state(cache, state).ok()?.is_match())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use floe_kernel::query::Pattern;
    use std::time::{Duration, Instant};

    fn is_in(pattern: &str, text: &str) -> Result<bool, Interrupted> {
        found(text.as_bytes(), Pattern::parse(pattern).unwrap().linear().as_bytes())
    }

    #[test]
    fn finds_what_is_there() {
        for (pattern, text, expected) in [
            ("", "", true),
            ("^$", "", true),
            ("^a.c$", "abc", true),
            ("^a.c$", "abcd", false),
            ("a$", "ba", true),
            (r"\bfoo\b", "a foo.", true),
            (r"\bfoo\b", "afoo", false),
            ("(?i)straße", "STRAßE", true),
            ("(?m)^b$", "a\nb\nc", true),
            ("^b$", "a\nb\nc", false),
            (r"\w", "é", false),
            (r"\p{L}", "é", true),
            (".", "\n", false),
            ("(?s).", "\n", true),
        ] {
            assert_eq!(is_in(pattern, text), Ok(expected), "{pattern:?} in {text:?}");
        }
    }

    /// SEC-063.
    #[test]
    fn takes_linear_time_and_no_more_than_it_may() {
        let started = Instant::now();
        for (pattern, text) in
            [("(a+)+$", "a".repeat(100_000) + "b"), ("(a|a)*b", "a".repeat(100_000)), ("(.*)*x", "a".repeat(100_000))]
        {
            assert_eq!(is_in(pattern, &text), Ok(false));
        }
        assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
        let text = "ab".repeat(10_000_000);
        assert_eq!(watch::within(Duration::from_millis(20), || is_in("[ab]*a[ab]{200}c", &text)), Err(Interrupted));
        assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
    }
}
