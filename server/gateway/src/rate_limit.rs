//! How often somebody may call: counted in fixed windows.

use async_trait::async_trait;
use floe_kernel::time::Timestamp;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// What a limit says of one more call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verdict {
    /// How many calls a window has.
    pub limit: u32,
    /// How many are left of it.
    pub remaining: u32,
    /// When the next window begins, in seconds since 1970.
    pub reset: i64,
    /// Whether this call is one too many.
    pub exceeded: bool,
}

/// Counts calls. In memory for one node; where several nodes share the work they share the counts too.
#[async_trait]
pub trait RateLimiter: Send + Sync {
    /// Counts one more call under this key, with so many allowed in so many seconds.
    async fn hit(&self, key: &str, limit: u32, seconds: u32, now: Timestamp) -> Verdict;

    /// Starts the count of this key anew.
    async fn reset(&self, key: &str);
}

/// The counts of a single node, in memory.
#[derive(Default)]
pub struct InMemory(Mutex<Counts>);

#[derive(Default)]
struct Counts {
    windows: HashMap<String, Window>,
    /// How many there may be before those that have ended are thrown out.
    tidy_at: usize,
}

struct Window {
    ends: i64,
    calls: u32,
}

/// Below this many windows tidying up isn't worth it.
const TIDY_FROM: usize = 10_000;

#[async_trait]
impl RateLimiter for InMemory {
    async fn hit(&self, key: &str, limit: u32, seconds: u32, now: Timestamp) -> Verdict {
        let now = now.seconds();
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        counts.tidy(now);
        // Windows begin at multiples of their length, as in Appwrite.
        let ends = now - now.rem_euclid(i64::from(seconds)) + i64::from(seconds);
        let window = counts.windows.entry(key.to_owned()).or_insert(Window { ends, calls: 0 });
        if window.ends <= now {
            *window = Window { ends, calls: 0 };
        }
        let exceeded = window.calls >= limit;
        if !exceeded {
            window.calls += 1;
        }
        Verdict { limit, remaining: limit - window.calls, reset: window.ends, exceeded }
    }

    async fn reset(&self, key: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).windows.remove(key);
    }
}

impl Counts {
    /// Throws out the windows that have ended whenever their number has doubled: constant work a call on average, and
    /// no more memory than twice what is in use.
    fn tidy(&mut self, now: i64) {
        if self.windows.len() > self.tidy_at.max(TIDY_FROM) {
            self.windows.retain(|_, window| window.ends > now);
            self.tidy_at = self.windows.len() * 2;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1000)
    }

    #[tokio::test]
    async fn counts_down_refuses_and_starts_anew() {
        let limiter = InMemory::default();
        for remaining in [1, 0] {
            let verdict = limiter.hit("k", 2, 60, at(61)).await;
            assert_eq!((verdict.remaining, verdict.exceeded, verdict.reset), (remaining, false, 120));
        }
        assert!(limiter.hit("k", 2, 60, at(119)).await.exceeded);
        assert!(!limiter.hit("other", 2, 60, at(119)).await.exceeded);
        assert!(!limiter.hit("k", 2, 60, at(120)).await.exceeded);
        limiter.reset("k").await;
        assert_eq!(limiter.hit("k", 2, 60, at(121)).await.remaining, 1);
    }

    #[tokio::test]
    async fn forgets_windows_that_have_ended() {
        let limiter = InMemory::default();
        for n in 0..=TIDY_FROM {
            limiter.hit(&n.to_string(), 1, 60, at(0)).await;
        }
        limiter.hit("later", 1, 60, at(1000)).await;
        assert_eq!(limiter.0.lock().unwrap().windows.len(), 1);
    }
}
