//! What of the state stays in memory: hot values, absent ones too, and recent diffs. Bounded in bytes.

use super::Diff;
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

#[derive(Clone)]
struct ByBytes;

impl Weighter<Vec<u8>, Option<Bytes>> for ByBytes {
    fn weight(&self, key: &Vec<u8>, value: &Option<Bytes>) -> u64 {
        ENTRY_OVERHEAD_BYTES + key.len() as u64 + value.as_ref().map_or(0, |value| value.len() as u64)
    }
}

impl Weighter<u32, Arc<Diff>> for ByBytes {
    fn weight(&self, _: &u32, diff: &Arc<Diff>) -> u64 {
        ENTRY_OVERHEAD_BYTES + diff.size() as u64
    }
}

type Random = foldhash::fast::RandomState;
type Values = Cache<Vec<u8>, Option<Bytes>, ByBytes, Random, DefaultLifecycle<Vec<u8>, Option<Bytes>>>;
type Diffs = Cache<u32, Arc<Diff>, ByBytes, Random, DefaultLifecycle<u32, Arc<Diff>>>;

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
    diffs: Diffs,
}

/// In one piece, so that the diff of a new runtime finds room: it has the code of the old one.
fn diffs_of(bytes: usize) -> Diffs {
    let entries = (bytes / DIFF_BYTES_TYPICAL).max(16);
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
            diffs: diffs_of(diffs),
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

    /// What a commit will change is no longer known.
    pub fn forget(&self, commit: &Commit) {
        for change in &commit.values {
            self.values.remove(&change.key[..]);
        }
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

    pub fn remember(&self, height: Height, diff: Arc<Diff>) {
        self.diffs.insert(height.0, diff);
    }

    /// Blocks were taken back: heights mean others.
    pub fn forget_diffs(&self) {
        self.diffs.clear();
    }

    pub fn figures(&self) -> CacheFigures {
        CacheFigures {
            hits: self.values.hits(),
            misses: self.values.misses(),
            bytes: self.values.weight().saturating_add(self.diffs.weight()),
        }
    }
}
