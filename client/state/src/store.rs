//! Where states come from: the port that `quids-db` implements, and one in memory.

use crate::{
    BackendError, Commit, KeyValue,
    trie::{Address, OldNode},
};
use parking_lot::RwLock;
use quids_core::Height;
use std::{collections::BTreeMap, ops::Bound, sync::Arc};

/// Bytes that are shared, not copied.
pub type Bytes = Arc<[u8]>;

/// Which state a store has in its latest layer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tip {
    /// Rises when blocks are taken back: heights of another epoch are other blocks'. Odd while that goes on.
    pub epoch: u32,
    pub height: Height,
    /// Its commit is under way: what is read as the latest may be of the block before.
    pub is_settling: bool,
}

impl Tip {
    /// Whether blocks are being taken back: nothing that is read now is any block's.
    pub fn is_going_back(self) -> bool {
        !self.epoch.is_multiple_of(2)
    }
}

/// The latest state, and what it was made from: before each block, the values that it changed and the nodes that it
/// replaced.
///
/// A commit goes on while others read. The tip rises before anything of it can be seen; what it wrote and what it replaced can
/// be read from one moment on, and nothing from before is remembered then. So who reads first the latest and then the tip knows
/// whether it is his, and finds the earlier one if not. Each rise of the tip is one such moment.
pub trait StateStore: Send + Sync {
    /// What [`Self::latest`] and its like are about.
    fn tip(&self) -> Tip;

    /// The lowest height whose state can still be read.
    fn oldest(&self) -> Height;

    /// The latest value at `key`.
    fn latest(&self, key: &[u8]) -> Result<Option<Bytes>, BackendError>;

    /// The first `limit` keys of the latest state from `from` on that begin with `prefix`.
    fn latest_keys(&self, from: Bound<&[u8]>, prefix: &[u8], limit: usize) -> Result<Vec<Vec<u8>>, BackendError>;

    /// Entries of the latest state from `from` on that begin with `prefix`, without a gap: one at least if there is one, and no
    /// more than `bytes_max` takes besides.
    fn latest_entries(
        &self,
        from: Bound<&[u8]>,
        prefix: &[u8],
        bytes_max: usize,
    ) -> Result<Vec<KeyValue>, BackendError>;

    /// The branch at `address` in the latest state's trie, unless its parent holds it.
    fn latest_branch(&self, address: &Address) -> Result<Option<Bytes>, BackendError>;

    /// The value at `key` that the first block above `height` replaced; `None` if none did.
    fn value_before(&self, key: &[u8], height: Height) -> Result<Option<Option<Bytes>>, BackendError>;

    /// The node at `address` that the first block above `height` replaced; `None` if none did.
    fn node_before(&self, address: &Address, height: Height) -> Result<Option<OldNode>, BackendError>;
}

/// A store in memory with all its past, for tests and throw-away chains.
#[derive(Default)]
pub struct MemoryState(RwLock<Memory>);

#[derive(Default)]
struct Memory {
    tip: Tip,
    values: BTreeMap<Vec<u8>, Bytes>,
    branches: BTreeMap<Address, Bytes>,
    old_values: BTreeMap<Vec<u8>, BTreeMap<Height, Option<Bytes>>>,
    old_nodes: BTreeMap<Address, BTreeMap<Height, OldNode>>,
}

impl Memory {
    fn from(&self, from: Bound<&[u8]>, prefix: &[u8]) -> impl Iterator<Item = (&Vec<u8>, &Bytes)> {
        let entries = self.values.range::<[u8], _>((from, Bound::Unbounded));
        let entries = entries.skip_while(move |(key, _)| ***key < *prefix);
        entries.take_while(move |(key, _)| key.starts_with(prefix))
    }
}

impl MemoryState {
    /// Makes the commit of the block at `height`, which follows the latest, the latest state.
    pub fn apply(&self, height: Height, commit: Commit) {
        let mut memory = self.0.write();
        memory.tip.height = height;
        for change in commit.values {
            let before = memory.old_values.entry(change.key.clone()).or_default();
            before.insert(height, change.old);
            match change.new {
                Some(value) => memory.values.insert(change.key, value.into()),
                None => memory.values.remove(&change.key),
            };
        }
        for change in commit.nodes {
            if let Some(old) = change.old {
                let before = memory.old_nodes.entry(change.address.clone()).or_default();
                before.insert(height, old);
            }
            match change.new {
                Some(branch) => memory.branches.insert(change.address, branch.bytes),
                None => memory.branches.remove(&change.address),
            };
        }
    }

    /// Its stored branches, for tests that damage them.
    pub fn branches(&self) -> Vec<Address> {
        self.0.read().branches.keys().cloned().collect()
    }

    /// Replaces a stored branch, or takes it away; what was there.
    pub fn tamper(&self, address: &Address, bytes: Option<Bytes>) -> Option<Bytes> {
        let mut memory = self.0.write();
        match bytes {
            Some(bytes) => memory.branches.insert(address.clone(), bytes),
            None => memory.branches.remove(address),
        }
    }
}

impl StateStore for MemoryState {
    fn tip(&self) -> Tip {
        self.0.read().tip
    }

    fn oldest(&self) -> Height {
        Height::ZERO
    }

    fn latest(&self, key: &[u8]) -> Result<Option<Bytes>, BackendError> {
        Ok(self.0.read().values.get(key).cloned())
    }

    fn latest_keys(&self, from: Bound<&[u8]>, prefix: &[u8], limit: usize) -> Result<Vec<Vec<u8>>, BackendError> {
        let memory = self.0.read();
        let entries = memory.from(from, prefix);
        Ok(entries.take(limit).map(|(key, _)| key.clone()).collect())
    }

    fn latest_entries(
        &self,
        from: Bound<&[u8]>,
        prefix: &[u8],
        bytes_max: usize,
    ) -> Result<Vec<KeyValue>, BackendError> {
        let memory = self.0.read();
        let mut left = bytes_max;
        let mut entries = Vec::new();
        for (key, value) in memory.from(from, prefix) {
            entries.push((key.clone(), value.to_vec()));
            left = left.saturating_sub(key.len() + value.len());
            if left == 0 {
                break;
            }
        }
        Ok(entries)
    }

    fn latest_branch(&self, address: &Address) -> Result<Option<Bytes>, BackendError> {
        Ok(self.0.read().branches.get(address).cloned())
    }

    fn value_before(&self, key: &[u8], height: Height) -> Result<Option<Option<Bytes>>, BackendError> {
        Ok(first_above(&self.0.read().old_values, key, height))
    }

    fn node_before(&self, address: &Address, height: Height) -> Result<Option<OldNode>, BackendError> {
        Ok(first_above(&self.0.read().old_nodes, address, height))
    }
}

fn first_above<K, Q, V>(past: &BTreeMap<K, BTreeMap<Height, V>>, key: &Q, height: Height) -> Option<V>
where
    K: Ord + std::borrow::Borrow<Q>,
    Q: Ord + ?Sized,
    V: Clone,
{
    let mut above = past.get(key)?.range((Bound::Excluded(height), Bound::Unbounded));
    above.next().map(|(_, value)| value.clone())
}
