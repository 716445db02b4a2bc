//! What of the state stays in memory: hot values, absent ones too, and recent diffs, most of these packed (LZ4). Bounded in
//! bytes.

use super::Diff;
use codec::DecodeAll;
use quick_cache::{
    OptionsBuilder, Weighter,
    sync::{Cache, DefaultLifecycle},
};
use quids_core::Height;
use quids_state::{Bytes, Commit};
use std::sync::Arc;

/// What an entry takes besides its bytes.
const ENTRY_OVERHEAD_BYTES: u64 = 128;
/// A typical entry; sizes the table.
const ENTRY_BYTES_TYPICAL: usize = 256;
/// Larger values are read from the database each time.
const VALUE_BYTES_MAX: usize = 64 * 1024;
/// A typical block's diff.
const DIFF_BYTES_TYPICAL: usize = 64 * 1024;
/// A typical block's diff, packed.
const PACKED_BYTES_TYPICAL: usize = 16 * 1024;

#[derive(Clone)]
struct ByBytes;

impl Weighter<Vec<u8>, Option<Bytes>> for ByBytes {
    fn weight(&self, key: &Vec<u8>, value: &Option<Bytes>) -> u64 {
        ENTRY_OVERHEAD_BYTES + key.len() as u64 + value.as_ref().map_or(0, |value| value.len() as u64)
    }
}

impl Weighter<u32, Arc<[u8]>> for ByBytes {
    fn weight(&self, _: &u32, packed: &Arc<[u8]>) -> u64 {
        ENTRY_OVERHEAD_BYTES + packed.len() as u64
    }
}

impl Weighter<u32, Arc<Diff>> for ByBytes {
    fn weight(&self, _: &u32, diff: &Arc<Diff>) -> u64 {
        ENTRY_OVERHEAD_BYTES + diff.size() as u64
    }
}

type Random = foldhash::fast::RandomState;
type Values = Cache<Vec<u8>, Option<Bytes>, ByBytes, Random, DefaultLifecycle<Vec<u8>, Option<Bytes>>>;
type ByHeight<V> = Cache<u32, V, ByBytes, Random, DefaultLifecycle<u32, V>>;

/// A diff's SCALE, LZ4.
pub struct Packed(Arc<[u8]>);

impl Packed {
    pub fn of(encoded: &[u8]) -> Self {
        Self(lz4_flex::compress_prepend_size(encoded).into())
    }
}

/// How a cache does, since the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CacheFigures {
    /// Lookups that found what they looked for.
    pub hits: u64,
    pub misses: u64,
    /// Held now.
    pub bytes: u64,
}

/// The transient side of the state.
pub struct StateCache {
    values: Values,
    /// Those in use.
    diffs: ByHeight<Arc<Diff>>,
    /// [`Packed`]: of several times as many blocks.
    packed: ByHeight<Arc<[u8]>>,
}

/// In one piece, so that the diff of a new runtime finds room: it has the code of the old one.
fn by_height<V: Clone>(bytes: usize, typical: usize) -> ByHeight<V>
where
    ByBytes: Weighter<u32, V>,
{
    let entries = (bytes / typical).max(16);
    let mut options = OptionsBuilder::new();
    options
        .shards(1)
        .estimated_items_capacity(entries)
        .weight_capacity(bytes as u64);
    match options.build() {
        Ok(options) => Cache::with_options(options, ByBytes, Random::default(), DefaultLifecycle::default()),
        // The builder misses nothing.
        Err(_) => Cache::with(
            entries,
            bytes as u64,
            ByBytes,
            Random::default(),
            DefaultLifecycle::default(),
        ),
    }
}

impl StateCache {
    /// Of at most about `bytes` bytes, a quarter of them for diffs.
    pub fn new(bytes: usize) -> Self {
        let diffs = bytes / 4;
        let values = bytes.saturating_sub(diffs);
        Self {
            values: Cache::with(
                (values / ENTRY_BYTES_TYPICAL).max(16),
                values as u64,
                ByBytes,
                Random::default(),
                DefaultLifecycle::default(),
            ),
            diffs: by_height(diffs / 2, DIFF_BYTES_TYPICAL),
            packed: by_height(diffs / 2, PACKED_BYTES_TYPICAL),
        }
    }

    pub fn value(&self, key: &[u8]) -> Option<Option<Bytes>> {
        self.values.get(key)
    }

    pub fn put(&self, key: &[u8], value: Option<Bytes>) {
        if value.as_ref().is_none_or(|value| value.len() <= VALUE_BYTES_MAX) {
            self.values.insert(key.to_vec(), value);
        }
    }

    /// All of it was written past the cache.
    pub fn forget_values(&self) {
        self.values.clear();
    }

    /// What a commit changed is as it is now.
    pub fn follow(&self, commit: &Commit) {
        for change in &commit.values {
            match &change.new {
                Some(value) if value.len() > VALUE_BYTES_MAX => drop(self.values.remove(&change.key[..])),
                value => self.values.insert(change.key.clone(), value.as_deref().map(Into::into)),
            }
        }
    }

    pub fn diff(&self, height: Height) -> Option<Arc<Diff>> {
        self.diffs.get(&height.0)
    }

    /// One that is packed, to be remembered by who asks.
    pub fn packed(&self, height: Height) -> Option<(Arc<Diff>, Packed)> {
        let packed = self.packed.get(&height.0)?;
        let bytes = lz4_flex::decompress_size_prepended(&packed).ok()?;
        let diff = Diff::decode_all(&mut bytes.as_slice()).ok()?;
        Some((Arc::new(diff), Packed(packed)))
    }

    pub fn remember(&self, height: Height, diff: Arc<Diff>, packed: Packed) {
        self.packed.insert(height.0, packed.0);
        self.diffs.insert(height.0, diff);
    }

    /// Blocks were taken back: heights mean others.
    pub fn forget_diffs(&self) {
        self.diffs.clear();
        self.packed.clear();
    }

    pub fn figures(&self) -> CacheFigures {
        CacheFigures {
            hits: self.values.hits(),
            misses: self.values.misses(),
            bytes: [self.values.weight(), self.diffs.weight(), self.packed.weight()]
                .iter()
                .sum(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use codec::Encode;

    #[test]
    fn diffs_that_are_not_in_use_are_packed_and_come_back_as_they_were() {
        let diff = |height: u32| Diff {
            values: (0..50)
                .map(|key: u8| (vec![key; 20], Some(vec![height as u8; 500])))
                .collect(),
            nodes: Vec::new(),
        };
        let cache = StateCache::new(1 << 20);
        for height in 0..100 {
            let diff = diff(height);
            cache.remember(Height(height), Arc::new(diff.clone()), Packed::of(&diff.encode()));
        }
        let unpacked = (0..100).filter(|height| cache.diffs.get(height).is_some()).count();
        assert!((1..50).contains(&unpacked), "{unpacked}");
        for height in 0..100 {
            assert_eq!(*cache.packed(Height(height)).unwrap().0, diff(height), "{height}");
        }
        assert!(cache.figures().bytes <= 1 << 20);
        cache.forget_diffs();
        assert!(cache.diff(Height(99)).is_none() && cache.packed(Height(99)).is_none());
    }
}
