//! What a change causes once it is committed. Data, not closures: so that one place can apply it here and tell it to other
//! nodes.

use std::sync::Arc;

/// The name of a cache, the same on every node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct CacheName(&'static str);

impl CacheName {
    /// A cache of this name. Names are unique in the process.
    #[must_use]
    pub const fn new(name: &'static str) -> Self {
        Self(name)
    }

    /// The name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.0
    }
}

/// The name of something that works in the background, and sleeps while there is nothing to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct WorkerName(&'static str);

impl WorkerName {
    /// A worker of this name. Names are unique in the process.
    #[must_use]
    pub const fn new(name: &'static str) -> Self {
        Self(name)
    }

    /// The name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.0
    }
}

/// What is no longer true in a cache.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Invalidation {
    /// Which cache.
    pub cache: CacheName,
    /// The project in whose store the change happened; `console` for the platform's.
    pub project: Arc<str>,
    /// What its owner documents beside the cache's name; none: everything in it.
    pub key: Option<String>,
}
