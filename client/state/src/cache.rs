//! Branches of the trie by hash, bounded in bytes, shared by every backend of a chain. An entry never goes stale.

use quick_cache::{
    Weighter,
    sync::{Cache, DefaultLifecycle},
};
use quids_core::Hash;
use std::sync::Arc;

type Bytes = Arc<[u8]>;

/// What an entry takes besides its bytes: the hash, the pointer, the counters and the table's slot.
const ENTRY_OVERHEAD_BYTES: u64 = 96;
/// A typical node; sizes the cache's table.
const NODE_BYTES_TYPICAL: usize = 256;

#[derive(Clone)]
struct ByBytes;

impl Weighter<Hash, Bytes> for ByBytes {
    fn weight(&self, _: &Hash, bytes: &Bytes) -> u64 {
        ENTRY_OVERHEAD_BYTES.saturating_add(bytes.len() as u64)
    }
}

type Inner = Cache<Hash, Bytes, ByBytes, foldhash::fast::RandomState, DefaultLifecycle<Hash, Bytes>>;

/// A bounded cache of encoded branches. What does not fit replaces what was used least.
pub struct SharedCache(Inner);

impl SharedCache {
    /// A cache of at most about `bytes` bytes, overhead included.
    pub fn new(bytes: usize) -> Self {
        let entries = (bytes / NODE_BYTES_TYPICAL).max(16);
        let hasher = foldhash::fast::RandomState::default();
        Self(Cache::with(
            entries,
            bytes as u64,
            ByBytes,
            hasher,
            DefaultLifecycle::default(),
        ))
    }

    pub(crate) fn get(&self, hash: &Hash) -> Option<Bytes> {
        self.0.get(hash)
    }

    pub(crate) fn insert(&self, hash: Hash, bytes: Bytes) {
        self.0.insert(hash, bytes);
    }

    /// Lookups that found their bytes, since the start.
    pub fn hits(&self) -> u64 {
        self.0.hits()
    }

    /// Lookups that did not.
    pub fn misses(&self) -> u64 {
        self.0.misses()
    }

    /// Bytes held now, overhead included.
    pub fn len_bytes(&self) -> u64 {
        self.0.weight()
    }
}

impl std::fmt::Debug for SharedCache {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SharedCache({} of {} bytes)", self.0.weight(), self.0.capacity())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lookups_are_counted_as_hits_or_misses() {
        let cache = SharedCache::new(1 << 20);
        let hash = Hash::repeat_byte(1);
        assert!(cache.get(&hash).is_none());
        cache.insert(hash, [1, 2, 3][..].into());
        assert_eq!(cache.get(&hash).as_deref(), Some(&[1, 2, 3][..]));
        assert!(cache.get(&Hash::repeat_byte(2)).is_none());
        assert_eq!((cache.hits(), cache.misses()), (1, 2));
        assert_eq!(SharedCache::new(1 << 20).hits(), 0);
    }
}
