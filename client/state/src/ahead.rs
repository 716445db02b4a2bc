//! A state that no store has yet: that of a block whose commit is under way, or waits.

use crate::{
    BackendError, Commit, KeyValue, StateView,
    store::{Bytes, StateStore, Tip},
    trie::{Address, OldNode},
};
use quids_core::Height;
use std::{
    collections::{BTreeMap, HashMap},
    ops::Bound,
    sync::Arc,
};

/// Keys that are listed at once.
const PAGE: usize = 256;

/// A store as it will be after a block. The store below may still be without it, have it, or be in between: what the block
/// changed is not looked for there.
struct Ahead {
    below: Arc<dyn StateStore>,
    height: Height,
    values: BTreeMap<Vec<u8>, Option<Bytes>>,
    branches: HashMap<Address, Option<Bytes>>,
}

impl StateView {
    /// The state after the next block, the one at `height`, of which this is the commit; its parent's has to be the store's latest by
    /// then, and no other block may follow that.
    pub fn after(&self, height: Height, commit: &Commit) -> Self {
        let values = commit.values.iter();
        let values = values.map(|change| (change.key.clone(), change.new.as_deref().map(Into::into)));
        let branches = commit.nodes.iter();
        let branches = branches.map(|change| {
            let branch = change.new.as_ref().map(|branch| branch.bytes.clone());
            (change.address.clone(), branch)
        });
        let store = Ahead {
            below: self.store(),
            height,
            values: values.collect(),
            branches: branches.collect(),
        };
        Self::new(Arc::new(store), self.cache(), height, commit.root)
    }
}

impl StateStore for Ahead {
    /// While blocks are taken back below, and afterwards, this is nobody's state.
    fn tip(&self) -> Tip {
        Tip {
            epoch: self.below.tip().epoch,
            height: self.height,
            is_settling: false,
        }
    }

    fn oldest(&self) -> Height {
        self.below.oldest()
    }

    fn latest(&self, key: &[u8]) -> Result<Option<Bytes>, BackendError> {
        match self.values.get(key) {
            Some(value) => Ok(value.clone()),
            None => self.below.latest(key),
        }
    }

    fn latest_keys(&self, from: Bound<&[u8]>, prefix: &[u8], limit: usize) -> Result<Vec<Vec<u8>>, BackendError> {
        let mut keys = Vec::new();
        let mut from = from.map(<[u8]>::to_vec);
        while keys.len() < limit {
            let start = from.as_ref().map(Vec::as_slice);
            let below = self.below.latest_keys(start, prefix, limit)?;
            // What lies beyond is listed with the next ones.
            let last = below.last().filter(|_| below.len() == limit).cloned();
            let end = last.as_deref().map_or(Bound::Unbounded, Bound::Included);
            let mut merged: BTreeMap<&[u8], bool> = below.iter().map(|key| (&key[..], true)).collect();
            let start = match start {
                Bound::Included(start) | Bound::Excluded(start) if start < prefix => Bound::Included(prefix),
                Bound::Unbounded => Bound::Included(prefix),
                start => start,
            };
            if is_range(start, end) {
                let own = self.values.range::<[u8], _>((start, end));
                let own = own.take_while(|(key, _)| key.starts_with(prefix));
                merged.extend(own.map(|(key, value)| (&key[..], value.is_some())));
            }
            let there = merged.into_iter().filter(|(_, is_there)| *is_there);
            keys.extend(there.map(|(key, _)| key.to_vec()));
            match last {
                Some(last) => from = Bound::Excluded(last),
                None => break,
            }
        }
        keys.truncate(limit);
        Ok(keys)
    }

    fn latest_entries(
        &self,
        from: Bound<&[u8]>,
        prefix: &[u8],
        bytes_max: usize,
    ) -> Result<Vec<KeyValue>, BackendError> {
        let mut left = bytes_max;
        let mut entries = Vec::new();
        for key in self.latest_keys(from, prefix, PAGE)? {
            let Some(value) = self.latest(&key)? else { continue };
            left = left.saturating_sub(key.len() + value.len());
            entries.push((key, value.to_vec()));
            if left == 0 {
                break;
            }
        }
        Ok(entries)
    }

    fn latest_branch(&self, address: &Address) -> Result<Option<Bytes>, BackendError> {
        match self.branches.get(address) {
            Some(branch) => Ok(branch.clone()),
            None => self.below.latest_branch(address),
        }
    }

    /// It is the latest state alone.
    fn value_before(&self, _: &[u8], _: Height) -> Result<Option<Option<Bytes>>, BackendError> {
        Ok(None)
    }

    fn node_before(&self, _: &Address, _: Height) -> Result<Option<OldNode>, BackendError> {
        Ok(None)
    }
}

/// `BTreeMap::range` panics on any other.
fn is_range(start: Bound<&[u8]>, end: Bound<&[u8]>) -> bool {
    match (start, end) {
        (Bound::Included(start), Bound::Included(end)) => start <= end,
        (Bound::Excluded(start), Bound::Included(end)) => start < end,
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{EMPTY_ROOT, MemoryState, SharedCache, StateBackend};
    use proptest::prelude::*;

    type Changes = BTreeMap<Vec<u8>, Option<Vec<u8>>>;

    fn commit(view: &StateView, changes: &Changes) -> Commit {
        let mut changes = changes.iter().map(|(key, value)| (&key[..], value.as_deref()));
        view.commit(&mut changes).unwrap()
    }

    fn view(store: &Arc<MemoryState>, height: u32, root: quids_core::Hash) -> StateView {
        let cache = Arc::new(SharedCache::new(1 << 20));
        StateView::new(store.clone(), cache, Height(height), root)
    }

    /// A few keys that lie in each other's way, and values large enough to be hashed.
    fn changes() -> impl Strategy<Value = Changes> {
        let key = proptest::collection::vec(prop_oneof![Just(0u8), Just(1), Just(0x10), Just(0xff)], 0..4);
        let value = proptest::option::of(proptest::collection::vec(any::<u8>(), 0..40));
        proptest::collection::btree_map(key, value, 0..24)
    }

    proptest! {
        /// What is read, listed, proven and committed ahead of the store is what the store gives afterwards, and stays so.
        #[test]
        fn a_state_is_the_same_ahead_of_its_store(
            first in changes(), second in changes(), third in changes(), probe in changes(), limit in 1usize..6,
        ) {
            let store = Arc::new(MemoryState::default());
            let genesis = commit(&view(&store, 0, EMPTY_ROOT), &first);
            let root = genesis.root;
            store.apply(Height(0), genesis);
            let block = commit(&view(&store, 0, root), &second);
            let ahead = view(&store, 0, root).after(Height(1), &block);
            let keys: Vec<&[u8]> = probe.keys().chain(first.keys()).chain(second.keys()).map(|key| &key[..]).collect();
            let next = commit(&ahead, &third);
            let before: Vec<_> = keys.iter().map(|key| ahead.get(key).unwrap()).collect();
            let proof = ahead.prove(&keys).unwrap();
            let listed = |of: &StateView| -> Vec<Vec<Vec<u8>>> {
                let after = |key: &[u8]| of.keys(key.get(..1).unwrap_or(b""), Some(key), limit).unwrap();
                let from = |key: &[u8]| of.keys(key, None, limit).unwrap();
                keys.iter().flat_map(|key| [after(key), from(key)]).collect()
            };
            let lists = listed(&ahead);
            let there = block.root;
            store.apply(Height(1), block);
            let stored = view(&store, 1, there);
            prop_assert_eq!(ahead.root(), stored.root());
            for of in [&stored, &ahead] {
                let values: Vec<_> = keys.iter().map(|key| of.get(key).unwrap()).collect();
                prop_assert_eq!(&before, &values);
                prop_assert_eq!(&of.prove(&keys).unwrap(), &proof);
                prop_assert_eq!(&listed(of), &lists);
                let again = commit(of, &third);
                prop_assert_eq!(&again.values, &next.values);
                prop_assert_eq!((again.root, again.nodes), (next.root, next.nodes.clone()));
            }
            // And two blocks ahead.
            let second = ahead.after(Height(2), &next);
            let values: Vec<_> = keys.iter().map(|key| second.get(key).unwrap()).collect();
            store.apply(Height(2), next.clone());
            let stored = view(&store, 2, next.root);
            let expected: Vec<_> = keys.iter().map(|key| stored.get(key).unwrap()).collect();
            prop_assert_eq!(values, expected);
        }
    }
}
