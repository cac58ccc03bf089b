//! The in-process cache: bounded, short-lived, and exact when something is invalidated.
//!
//! ```
//! # let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
//! # runtime.block_on(async {
//! let names: floe_cache::Cache<u64, String> = floe_cache::Cache::new(10_000);
//! let name = names.get_or_load(&7, async || Ok::<_, std::io::Error>(Some("seven".to_owned()))).await;
//! assert_eq!(name.unwrap().as_deref(), Some("seven"));
//! names.invalidate(&7); // after the unit of work that changed it is committed
//! # });
//! ```
//!
//! What is read from the database *before* an invalidation is never kept *after* it, however long the read takes:
//! each load remembers the generation of its key's shard, and its value is kept only if no invalidation of that shard
//! came in between. So after "commit, then invalidate" nobody sees the old value from here.

use std::borrow::Borrow;
use std::hash::{BuildHasher, Hash, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How long a value is kept at the most, should an invalidation get lost between nodes.
pub const TIME_TO_LIVE: Duration = Duration::from_secs(30);

/// Invalidating one key spoils the loads under way of its whole shard: they are answered, but not kept.
const SHARDS: usize = 64;

/// Values by key. Cheap to clone; clones share their content. Keep `V` cheap to clone too (an `Arc`).
pub struct Cache<K, V> {
    values: moka::sync::Cache<K, V>,
    generations: Arc<[Mutex<u64>; SHARDS]>,
    hasher: RandomState,
}

impl<K, V> Clone for Cache<K, V> {
    fn clone(&self) -> Self {
        Self { values: self.values.clone(), generations: self.generations.clone(), hasher: self.hasher.clone() }
    }
}

impl<K, V> Cache<K, V>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    /// Holds so many values at the most, each for [`TIME_TO_LIVE`].
    #[must_use]
    pub fn new(max_entries: u64) -> Self {
        Self::with_time_to_live(max_entries, TIME_TO_LIVE)
    }

    /// Holds so many values at the most, each for so long.
    #[must_use]
    pub fn with_time_to_live(max_entries: u64, time_to_live: Duration) -> Self {
        Self {
            values: moka::sync::Cache::builder().max_capacity(max_entries).time_to_live(time_to_live).build(),
            generations: Arc::new(std::array::from_fn(|_| Mutex::new(0))),
            hasher: RandomState::new(),
        }
    }

    /// Holds values of so many bytes at the most, as `weigh` tells them, each for so long.
    #[must_use]
    pub fn of_bytes(max_bytes: u64, time_to_live: Duration, weigh: fn(&K, &V) -> u32) -> Self {
        let values = moka::sync::Cache::builder().max_capacity(max_bytes).weigher(weigh).time_to_live(time_to_live);
        Self { values: values.build(), ..Self::new(0) }
    }

    /// Keeps a value, instead of the one that is here. For values that no change of data makes wrong under their key:
    /// for others see [`Cache::get_or_load`].
    pub fn put(&self, key: K, value: V) {
        self.values.insert(key, value);
    }

    /// The value if it is here.
    pub fn get<Q>(&self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        self.values.get(key)
    }

    /// The value from here, or from `load`, which is then kept. What doesn't exist (`None`) is not kept.
    ///
    /// Loads of the same key are not merged: they are point reads, and merging would let one caller's failure or
    /// cancellation reach another.
    ///
    /// # Errors
    /// Those of `load`.
    pub async fn get_or_load<Q, E>(
        &self,
        key: &Q,
        load: impl AsyncFnOnce() -> Result<Option<V>, E>,
    ) -> Result<Option<V>, E>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ToOwned<Owned = K> + ?Sized,
    {
        if let Some(value) = self.values.get(key) {
            return Ok(Some(value));
        }
        let before = *self.generation(key);
        // Boxed, because loading is rare: without it every hit would carry the room that a load needs, kilobytes of it.
        let Some(value) = Box::pin(load()).await? else { return Ok(None) };
        // Held while inserting, so that an invalidation comes either before (and is noticed) or after (and removes).
        let now = self.generation(key);
        if *now == before {
            self.values.insert(key.to_owned(), value.clone());
        }
        Ok(Some(value))
    }

    /// Forgets a value. To be called after the change is committed.
    pub fn invalidate<Q>(&self, key: &Q)
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let mut generation = self.generation(key);
        *generation = generation.wrapping_add(1);
        self.values.invalidate(key);
    }

    /// Forgets everything.
    pub fn clear(&self) {
        let mut all: Vec<_> = self.generations.iter().map(lock).collect();
        for generation in &mut all {
            **generation = generation.wrapping_add(1);
        }
        self.values.invalidate_all();
    }

    fn generation<Q: Hash + ?Sized>(&self, key: &Q) -> MutexGuard<'_, u64> {
        let shard = self.hasher.hash_one(key) as usize % SHARDS;
        lock(&self.generations[shard])
    }
}

/// A number can't be left half-changed, so a panic elsewhere is no reason to stop.
fn lock(generation: &Mutex<u64>) -> MutexGuard<'_, u64> {
    generation.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::convert::Infallible;

    async fn load(cache: &Cache<String, i32>, value: Option<i32>) -> Option<i32> {
        cache.get_or_load("key", async || Ok::<_, Infallible>(value)).await.unwrap()
    }

    #[tokio::test]
    async fn loads_once_and_again_after_an_invalidation() {
        let cache = Cache::new(100);
        assert_eq!(load(&cache, Some(1)).await, Some(1));
        assert_eq!(load(&cache, Some(2)).await, Some(1));
        cache.invalidate("key");
        assert_eq!(load(&cache, Some(3)).await, Some(3));
        cache.clear();
        assert_eq!(load(&cache, Some(4)).await, Some(4));
    }

    #[tokio::test]
    async fn keeps_neither_absence_nor_failure() {
        let cache = Cache::new(100);
        assert_eq!(load(&cache, None).await, None);
        assert_eq!(cache.get_or_load("key", async || Err("down")).await, Err("down"));
        assert_eq!(load(&cache, Some(1)).await, Some(1));
    }

    #[test]
    fn holds_no_more_bytes_than_it_may() {
        let cache: Cache<u32, Vec<u8>> =
            Cache::of_bytes(1000, TIME_TO_LIVE, |_, bytes| u32::try_from(bytes.len()).unwrap());
        for key in 0..100 {
            cache.put(key, vec![0; 100]);
        }
        cache.put(100, vec![0; 2000]);
        cache.values.run_pending_tasks();
        let kept = (0..=100).filter(|key| cache.get(key).is_some()).count();
        assert!((1..=10).contains(&kept), "{kept}");
        assert!(cache.get(&100).is_none());
    }

    #[tokio::test]
    async fn forgets_after_its_time() {
        let cache = Cache::with_time_to_live(100, Duration::from_millis(20));
        assert_eq!(load(&cache, Some(1)).await, Some(1));
        tokio::time::sleep(Duration::from_millis(40)).await;
        assert_eq!(load(&cache, Some(2)).await, Some(2));
    }

    /// Read the old value, change it, invalidate, and only then finish reading: the old value must not stay.
    #[tokio::test]
    async fn never_keeps_what_was_read_before_an_invalidation() {
        for forget in [(|cache: &Cache<_, _>| cache.invalidate("key")) as fn(&Cache<String, i32>), Cache::clear] {
            let cache = Cache::new(100);
            let (reading, read) = tokio::sync::oneshot::channel::<()>();
            let slow = cache.get_or_load("key", async || {
                read.await.unwrap();
                Ok::<_, Infallible>(Some(1))
            });
            let change = async {
                forget(&cache);
                reading.send(()).unwrap();
            };
            let (old, ()) = tokio::join!(slow, change);
            assert_eq!(old, Ok(Some(1)), "who asked before the change may see the old value");
            assert_eq!(load(&cache, Some(2)).await, Some(2));
        }
    }
}
