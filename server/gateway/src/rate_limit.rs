//! How often somebody may call: counted in fixed windows, in memory that has a bound.

use async_trait::async_trait;
use floe_kernel::time::Timestamp;
use std::sync::{Mutex, PoisonError};

/// What is counted: a keyed hash of all that the limit counts by. Nobody who doesn't know the instance's key can choose
/// what falls together with what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct CountKey(pub u128);

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

/// What the answer to a call makes of its count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settlement {
    /// The call counts no more.
    GiveBack,
    /// No call of the window counts any more.
    StartAnew,
}

/// Counts calls. In memory for one node; where several nodes share the work they share the counts too.
#[async_trait]
pub trait RateLimiter: Send + Sync {
    /// Counts one more call under this key, with so many allowed in so many seconds.
    async fn hit(&self, key: CountKey, limit: u32, seconds: u32, now: Timestamp) -> Verdict;

    /// Corrects the count of this key.
    async fn settle(&self, key: CountKey, settlement: Settlement);
}

/// Windows of a bucket: a key is looked for among so many, and makes room among so many.
const WAYS: usize = 16;
/// Buckets behind one lock.
const BUCKETS: usize = 64;
/// Locks. 262,144 windows in all, 8 MiB; a shard takes its 32 KiB when it is first used.
const SHARDS: usize = 256;

/// The counts of a single node, in memory: a table of fixed size. When its bucket is full, a new window takes the place
/// of one that has ended, or else of the one that is furthest from its limit. So whoever floods the table with windows
/// of one call drives out others like them, and not the count that is about to stop somebody.
pub struct InMemory {
    shards: Box<[Mutex<Vec<Window>>]>,
}

/// 32 bytes. The one that was never used has ended in 1970.
#[derive(Debug, Clone, Copy, Default)]
struct Window {
    key: u128,
    ends: i64,
    calls: u32,
    limit: u32,
}

impl Default for InMemory {
    fn default() -> Self {
        Self { shards: (0..SHARDS).map(|_| Mutex::default()).collect() }
    }
}

impl InMemory {
    /// Does something with the bucket of a key.
    fn bucket<T>(&self, CountKey(key): CountKey, work: impl FnOnce(&mut [Window]) -> T) -> T {
        // The hash is uniform, so that any of its bits are as good as any others.
        let at = (key >> 64) as usize;
        let mut shard = self.shards[at % SHARDS].lock().unwrap_or_else(PoisonError::into_inner);
        if shard.is_empty() {
            shard.resize(BUCKETS * WAYS, Window::default());
        }
        let first = at / SHARDS % BUCKETS * WAYS;
        work(&mut shard[first..first + WAYS])
    }
}

#[async_trait]
impl RateLimiter for InMemory {
    async fn hit(&self, key: CountKey, limit: u32, seconds: u32, now: Timestamp) -> Verdict {
        let now = now.seconds();
        // Windows begin at multiples of their length, as in Appwrite.
        let ends = now - now.rem_euclid(i64::from(seconds)) + i64::from(seconds);
        self.bucket(key, |bucket| {
            let window = place(bucket, key, now);
            if window.key != key.0 || window.ends <= now {
                *window = Window { key: key.0, ends, calls: 0, limit };
            }
            // It is further away when the clock was ahead for a while.
            window.ends = window.ends.min(ends);
            let exceeded = window.calls >= limit;
            window.calls += u32::from(!exceeded);
            Verdict { limit, remaining: limit.saturating_sub(window.calls), reset: window.ends, exceeded }
        })
    }

    async fn settle(&self, key: CountKey, settlement: Settlement) {
        self.bucket(key, |bucket| {
            let Some(window) = bucket.iter_mut().find(|window| window.key == key.0) else { return };
            window.calls = match settlement {
                Settlement::GiveBack => window.calls.saturating_sub(1),
                Settlement::StartAnew => 0,
            };
        });
    }
}

/// The window of a key, or the one whose place it takes.
fn place(bucket: &mut [Window], CountKey(key): CountKey, now: i64) -> &mut Window {
    let known = bucket.iter().position(|window| window.key == key);
    let at = known.or_else(|| (0..bucket.len()).min_by_key(|at| bucket[*at].weight(now))).unwrap_or_default();
    &mut bucket[at]
}

impl Window {
    /// How much is lost with it: nothing once it has ended, and the more the closer it is to its limit.
    fn weight(&self, now: i64) -> u64 {
        if self.ends <= now { 0 } else { 1 + (u64::from(self.calls) << 20) / u64::from(self.limit.max(1)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1000)
    }

    /// Key of the one bucket that tests fill.
    fn key(number: u128) -> CountKey {
        CountKey(number + 1)
    }

    #[tokio::test]
    async fn counts_down_refuses_and_starts_anew() {
        let limiter = InMemory::default();
        for remaining in [1, 0] {
            let verdict = limiter.hit(key(1), 2, 60, at(61)).await;
            assert_eq!((verdict.remaining, verdict.exceeded, verdict.reset), (remaining, false, 120));
        }
        assert!(limiter.hit(key(1), 2, 60, at(119)).await.exceeded);
        assert!(!limiter.hit(key(2), 2, 60, at(119)).await.exceeded);
        assert!(!limiter.hit(key(1), 2, 60, at(120)).await.exceeded);
        limiter.settle(key(1), Settlement::StartAnew).await;
        assert_eq!(limiter.hit(key(1), 2, 60, at(121)).await.remaining, 1);
    }

    #[tokio::test]
    async fn a_clock_that_was_ahead_keeps_nobody_waiting_longer_than_a_window() {
        let limiter = InMemory::default();
        for _ in 0..3 {
            limiter.hit(key(1), 2, 60, at(1_000_000)).await;
        }
        let verdict = limiter.hit(key(1), 2, 60, at(61)).await;
        assert_eq!((verdict.exceeded, verdict.reset), (true, 120));
        assert!(!limiter.hit(key(1), 2, 60, at(120)).await.exceeded);
    }

    #[tokio::test]
    async fn what_is_given_back_can_be_used_again_and_no_more_than_that() {
        let limiter = InMemory::default();
        limiter.settle(key(1), Settlement::GiveBack).await;
        assert_eq!(limiter.hit(key(1), 2, 60, at(1)).await.remaining, 1);
        for _ in 0..3 {
            limiter.settle(key(1), Settlement::GiveBack).await;
        }
        assert_eq!(limiter.hit(key(1), 2, 60, at(1)).await.remaining, 1);
    }

    #[tokio::test]
    async fn a_flood_drives_out_what_has_ended_and_what_is_far_from_its_limit() {
        let limiter = InMemory::default();
        for _ in 0..9 {
            limiter.hit(key(0), 10, 60, at(1)).await;
        }
        // Of short windows as of long ones.
        for number in 1..1000 {
            limiter.hit(key(number), [3, 1000][number as usize % 2], 60, at(2)).await;
        }
        assert_eq!(limiter.hit(key(0), 10, 60, at(3)).await.remaining, 0, "who was about to be stopped still is");
        assert!(limiter.hit(key(0), 10, 60, at(3)).await.exceeded);
        limiter.hit(key(2000), 10, 3600, at(61)).await;
        for number in 3000..3000 + WAYS as u128 - 1 {
            limiter.hit(key(number), 10, 60, at(62)).await;
        }
        assert_eq!(limiter.hit(key(2000), 10, 3600, at(62)).await.remaining, 8, "what has ended goes first");
    }

    #[tokio::test]
    async fn holds_no_more_than_it_may() {
        let limiter = InMemory::default();
        for number in 0..400_000_u128 {
            limiter.hit(CountKey(number.wrapping_mul(0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835)), 10, 60, at(1)).await;
        }
        let held: usize = limiter.shards.iter().map(|shard| shard.lock().unwrap().capacity()).sum();
        assert_eq!((held, size_of::<Window>()), (SHARDS * BUCKETS * WAYS, 32));
    }
}
