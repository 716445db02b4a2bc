//! The trie of a whole state, from its entries in order: each branch comes out once, when all below it is known. Holds no more
//! than the way to the last key.

use super::{
    Address,
    address::nibbles_of,
    node::{Branch, Child, Node, Value},
};
use quids_core::Hash;
use quids_trie::{Blake3Hasher, EMPTY_ROOT, Hasher};

/// Takes entries in ascending order; gives the branches that a store keeps, and the root.
///
/// What it gives is what commits that lead to the same state leave ([`crate::Commit`]).
#[derive(Debug, Default)]
pub struct TrieBuilder {
    /// Nibbles with which all keys begin, if it builds what is below that address.
    base: usize,
    /// Branches whose children are not all known, from the root down.
    open: Vec<Open>,
    /// The last entry: what it becomes depends on the next.
    last: Option<(Vec<u8>, Value)>,
}

/// A branch on the way to the last key.
#[derive(Debug)]
struct Open {
    /// Nibbles on the way to its children.
    depth: usize,
    branch: Box<Branch>,
}

impl Open {
    fn new(depth: usize, value: Option<Value>) -> Self {
        let branch = Branch {
            partial: Vec::new(),
            value,
            children: [None; 16],
        };
        Self {
            depth,
            branch: Box::new(branch),
        }
    }
}

/// Keys came out of order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a key that is not above the one before")]
pub struct OutOfOrder;

/// What is above all others.
struct Top {
    address: Address,
    bytes: Vec<u8>,
    is_branch: bool,
}

impl TrieBuilder {
    /// Of what is below an address of so many nibbles, with which all keys begin; [`Self::finish_child`] ends it.
    pub(crate) fn below(nibbles: usize) -> Self {
        Self {
            base: nibbles,
            ..Self::default()
        }
    }

    /// The next entry. `sink` gets the address and bytes of each branch that is known now.
    pub fn push(
        &mut self,
        key: &[u8],
        value: &[u8],
        sink: &mut impl FnMut(Address, Vec<u8>),
    ) -> Result<(), OutOfOrder> {
        let key = nibbles_of(key);
        if let Some((last, _)) = &self.last {
            if *last >= key {
                return Err(OutOfOrder);
            }
            let shared = last.iter().zip(&key).take_while(|(a, b)| a == b).count();
            self.close(Some(shared), sink);
        }
        self.last = Some((key, Value::of(value)));
        Ok(())
    }

    /// The root, and the rest of the branches.
    pub fn finish(mut self, sink: &mut impl FnMut(Address, Vec<u8>)) -> Hash {
        let Some(top) = self.close(None, sink) else {
            return EMPTY_ROOT;
        };
        // A root goes by its hash, however short it is.
        let root = Blake3Hasher::hash(&top.bytes);
        if top.is_branch {
            sink(top.address, top.bytes);
        }
        root
    }

    /// As [`Self::finish`], what the branch above has of it; `None` without entries.
    pub(crate) fn finish_child(mut self, sink: &mut impl FnMut(Address, Vec<u8>)) -> Option<Child> {
        let top = self.close(None, sink)?;
        let child = Child::of(&top.bytes);
        if top.is_branch && matches!(child, Child::Hash(_)) {
            sink(top.address, top.bytes);
        }
        Some(child)
    }

    /// Gives the last entry its place, now that the next key is known to share this many nibbles with it, or that there is
    /// none: then what is above all.
    fn close(&mut self, shared: Option<usize>, sink: &mut impl FnMut(Address, Vec<u8>)) -> Option<Top> {
        let (key, value) = self.last.take()?;
        if shared == Some(key.len()) {
            self.open.push(Open::new(key.len(), Some(value)));
            return None;
        }
        let mut depth = key.len();
        let mut node = Node::Leaf {
            partial: Vec::new(),
            value,
        };
        loop {
            // The parent is an open branch, or a new one where the next key parts.
            let above = self.open.last().map(|open| open.depth);
            let parent = match (above, shared) {
                (Some(above), Some(shared)) => above.max(shared),
                (Some(only), None) | (None, Some(only)) => only,
                (None, None) => {
                    *node.partial_mut() = key.get(self.base..depth)?.to_vec();
                    return Some(Top {
                        address: Address::new(key.get(..self.base)?),
                        bytes: node.encode(),
                        is_branch: matches!(node, Node::Branch(_)),
                    });
                }
            };
            *node.partial_mut() = key.get(parent + 1..depth)?.to_vec();
            let bytes = node.encode();
            let child = Child::of(&bytes);
            if matches!((&node, &child), (Node::Branch(_), Child::Hash(_))) {
                sink(Address::new(key.get(..=parent)?), bytes);
            }
            if above != Some(parent) {
                self.open.push(Open::new(parent, None));
            }
            let slot = self
                .open
                .last_mut()?
                .branch
                .children
                .get_mut(usize::from(*key.get(parent)?))?;
            *slot = Some(child);
            if Some(parent) == shared {
                return None;
            }
            let closed = self.open.pop()?;
            (node, depth) = (Node::Branch(closed.branch), closed.depth);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{MemoryState, SharedCache, StateBackend, StateStore, StateView};
    use proptest::{collection::btree_map, prelude::*};
    use quids_core::Height;
    use std::{collections::BTreeMap, sync::Arc};

    fn built(entries: &BTreeMap<Vec<u8>, Vec<u8>>) -> (Hash, BTreeMap<Address, Vec<u8>>) {
        let mut branches = BTreeMap::new();
        let mut sink = |address: Address, bytes| assert_eq!(branches.insert(address, bytes), None);
        let mut builder = TrieBuilder::default();
        for (key, value) in entries {
            builder.push(key, value, &mut sink).unwrap();
        }
        let root = builder.finish(&mut sink);
        (root, branches)
    }

    proptest! {
        #[test]
        fn it_builds_what_commits_leave(
            entries in btree_map(
                prop::collection::vec(prop::sample::select(&[0u8, 1, 0x10, 0x11, 0xff][..]), 0..5),
                prop_oneof![prop::collection::vec(any::<u8>(), 0..3), prop::collection::vec(any::<u8>(), 30..40)],
                0..40,
            )
        ) {
            let (root, branches) = built(&entries);
            prop_assert_eq!(root, quids_trie::state_root(&entries));
            let store = Arc::new(MemoryState::default());
            let view = StateView::new(store.clone(), Arc::new(SharedCache::new(1 << 20)), Height(0), EMPTY_ROOT);
            let mut changes = entries.iter().map(|(key, value)| (key.as_slice(), Some(value.as_slice())));
            let commit = view.commit(&mut changes).unwrap();
            prop_assert_eq!(commit.root, root);
            store.apply(Height(0), commit);
            let stored: BTreeMap<Address, Vec<u8>> = store
                .branches()
                .into_iter()
                .map(|address| {
                    let bytes = store.latest_branch(&address).unwrap().unwrap().to_vec();
                    (address, bytes)
                })
                .collect();
            prop_assert_eq!(branches, stored);
        }
    }

    #[test]
    fn keys_come_in_order() {
        let mut builder = TrieBuilder::default();
        let mut sink = |_, _| {};
        builder.push(&[1, 2], b"a", &mut sink).unwrap();
        assert_eq!(builder.push(&[1, 2], b"b", &mut sink), Err(OutOfOrder));
        assert_eq!(builder.push(&[1], b"b", &mut sink), Err(OutOfOrder));
        builder.push(&[2], b"b", &mut sink).unwrap();
        let entries = BTreeMap::from([(vec![1, 2], b"a".to_vec()), (vec![2], b"b".to_vec())]);
        assert_eq!(builder.finish(&mut sink), quids_trie::state_root(&entries));
    }
}
