//! `pattern_found(pattern, text)` for SQLite: whether a regular expression is found in a text.
//!
//! In linear time, and never longer than the statement may take: the engine is fed byte by byte, with a look at the
//! clock now and then. What gives up says so by [`gave_up`], because a function of SQLite can't fail through Diesel.

use diesel::sql_types::{Nullable, Text};
use diesel::{QueryResult, SqliteConnection};
use floe_sqlite_watch as watch;
use regex_automata::hybrid::dfa::{Cache, DFA};
use regex_automata::util::start;
use std::cell::{Cell, RefCell};

diesel::define_sql_function! {
    /// Whether the pattern is found in the text; not in one that isn't there.
    fn pattern_found(pattern: Text, text: Nullable<Text>) -> Bool;
}

/// How many patterns a thread keeps ready.
const KEPT: usize = 8;

/// How many bytes of text are read between two looks at the clock.
const STRIDE: usize = 4096;

/// How many bytes a pattern's states may take, before they are forgotten and made anew.
const ROOM: usize = 1 << 20;

/// A pattern, ready to be looked for.
struct Ready {
    text: String,
    engine: DFA,
    cache: Cache,
}

thread_local! {
    /// The one that was used last comes first.
    static READY: RefCell<Vec<Ready>> = const { RefCell::new(Vec::new()) };
    static GAVE_UP: Cell<bool> = const { Cell::new(false) };
}

/// Makes the function known to a connection.
pub(super) fn register(connection: &mut SqliteConnection) -> QueryResult<()> {
    pattern_found_utils::register_impl(connection, |pattern: String, text: Option<String>| {
        text.is_some_and(|text| found(&pattern, &text))
    })
}

/// Whether a search of this thread has given up since the last call: then what its statement said is worth nothing.
pub(super) fn gave_up() -> bool {
    GAVE_UP.take()
}

fn found(pattern: &str, text: &str) -> bool {
    if watch::is_over() {
        GAVE_UP.set(true);
        return false;
    }
    READY.with_borrow_mut(|ready| {
        match ready.iter().position(|one| one.text == pattern) {
            Some(place) => ready[..=place].rotate_right(1),
            None => {
                let Some(new) = Ready::new(pattern) else {
                    GAVE_UP.set(true);
                    return false;
                };
                ready.truncate(KEPT - 1);
                ready.insert(0, new);
            }
        }
        let outcome = ready[0].is_in(text.as_bytes());
        GAVE_UP.set(GAVE_UP.get() || outcome.is_none());
        outcome.unwrap_or(false)
    })
}

impl Ready {
    /// `None` for what `floe_kernel::query::Pattern` never writes.
    fn new(pattern: &str) -> Option<Self> {
        let config = DFA::config().cache_capacity(ROOM).skip_cache_capacity_check(true);
        let engine = DFA::builder().configure(config).build(pattern).ok()?;
        Some(Self { text: pattern.to_owned(), cache: engine.create_cache(), engine })
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

    fn is_in(pattern: &str, text: &str) -> bool {
        found(Pattern::parse(pattern).unwrap().linear(), text)
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
            assert_eq!(is_in(pattern, text), expected, "{pattern:?} in {text:?}");
        }
        assert!(!gave_up());
    }

    /// SEC-063.
    #[test]
    fn takes_linear_time_and_no_more_than_it_may() {
        let started = Instant::now();
        for (pattern, text) in
            [("(a+)+$", "a".repeat(100_000) + "b"), ("(a|a)*b", "a".repeat(100_000)), ("(.*)*x", "a".repeat(100_000))]
        {
            assert!(!is_in(pattern, &text));
        }
        assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
        assert!(!gave_up());
        watch::within(Duration::from_millis(20), || assert!(!is_in("[ab]*a[ab]{200}c", &"ab".repeat(10_000_000))));
        assert!(gave_up() && !gave_up());
        assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
    }
}
