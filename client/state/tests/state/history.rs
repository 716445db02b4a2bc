//! Random histories: the batch committer against trie-db, and every state of the past against what it was.

use crate::{Entries, empty, fresh, next};
use proptest::{collection::vec, prelude::*};
use quids_state::{EMPTY_ROOT, MemoryState, StateBackend, StateView};
use quids_trie::{MemoryDB, Proof, TrieDBBuilder, delta_root, generate_proof, state_root, trie_db, verify_proof};
use std::sync::Arc;

type Block = Vec<(Vec<u8>, Option<Vec<u8>>)>;

/// Few keys, prefixes of each other among them, so that branches come and go; and long ones.
fn any_key() -> impl Strategy<Value = Vec<u8>> {
    let nibbles = prop::sample::select(&[0u8, 1, 0x10, 0x11, 0xff][..]);
    prop_oneof![
        vec(nibbles.clone(), 0..5),
        (vec(nibbles, 0..3), 0u8..4).prop_map(|(start, end)| [&start[..], &[7; 20], &[end]].concat()),
    ]
}

/// Around the lengths where values and nodes go by hash.
fn any_value() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![vec(any::<u8>(), 0..3), vec(any::<u8>(), 25..36)]
}

fn any_block() -> impl Strategy<Value = Block> {
    prop::collection::btree_map(any_key(), prop::option::weighted(0.6, any_value()), 0..14)
        .prop_map(|block| block.into_iter().collect())
}

/// What was, block by block.
struct Model {
    store: Arc<MemoryState>,
    /// With trie-db's nodes.
    states: Vec<(StateView, Entries, MemoryDB)>,
}

impl Model {
    fn new() -> Self {
        let (store, view) = empty();
        Self {
            store,
            states: vec![(view, Entries::new(), MemoryDB::default())],
        }
    }

    fn block(&mut self, block: &Block) {
        let (view, mut entries, mut nodes) = self.states.last().unwrap().clone();
        for (key, value) in block {
            match value {
                Some(value) => drop(entries.insert(key.clone(), value.clone())),
                None => drop(entries.remove(key)),
            }
        }
        let changes = block.iter().map(|(key, value)| (key.as_slice(), value.as_deref()));
        let commit = view.commit(&mut changes.clone()).unwrap();
        let theirs = delta_root(&mut nodes, view.root(), changes).unwrap();
        assert_eq!((commit.root, theirs), (state_root(&entries), state_root(&entries)));
        let view = next(&self.store, &view, commit);
        self.states.push((view, entries, nodes));
    }

    /// Every state as it was, with cold and with warm caches, proofs to the byte.
    fn check(&self, keys: &[Vec<u8>]) {
        for (view, entries, nodes) in &self.states {
            let cold = fresh(&self.store, view.height(), view.root());
            for view in [view, &cold] {
                let all = view.keys(&[], None, usize::MAX).unwrap();
                assert!(all.iter().eq(entries.keys()), "{all:?}");
                for key in keys {
                    assert_eq!(view.get(key).unwrap().as_deref(), entries.get(key).map(Vec::as_slice));
                    let next = entries.keys().find(|other| *other > key);
                    assert_eq!(view.next_key(key).unwrap().as_ref(), next);
                    let below = entries.keys().filter(|other| other.starts_with(key));
                    assert!(view.keys(key, None, usize::MAX).unwrap().iter().eq(below));
                    let closest = view.closest_merkle_value(key).unwrap();
                    assert_eq!(closest.is_some(), entries.keys().any(|other| other.starts_with(key)));
                }
                let asked: Vec<&[u8]> = keys.iter().map(Vec::as_slice).collect();
                let proof = Proof(view.prove(&asked).unwrap());
                if view.root() != EMPTY_ROOT {
                    assert_eq!(proof, generate_proof(nodes, view.root(), &asked).unwrap());
                }
                let items = keys.iter().map(|key| (key, entries.get(key)));
                assert_eq!(verify_proof(view.root(), &proof, items), Ok(()));
            }
        }
        self.check_stored();
    }

    /// The store has the branches of the latest trie that go by hash, and no others.
    fn check_stored(&self) {
        let (view, _, nodes) = self.states.last().unwrap();
        let mut expected = 0;
        let root = view.root();
        if root != EMPTY_ROOT {
            let trie = TrieDBBuilder::new(nodes, &root).build();
            let nodes = trie_db::TrieDBNodeIterator::new(&trie).unwrap().map(Result::unwrap);
            let is_branch = |node: trie_db::node::Node<'_>| matches!(node, trie_db::node::Node::NibbledBranch(..));
            expected = nodes
                .filter(|(_, hash, node)| hash.is_some() && is_branch(node.node()))
                .count();
        }
        assert_eq!(self.store.branches().len(), expected);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn commits_are_those_of_trie_db_and_the_past_stays(
        blocks in vec(any_block(), 1..12),
        keys in vec(any_key(), 1..8),
    ) {
        let mut model = Model::new();
        blocks.iter().for_each(|block| model.block(block));
        model.check(&keys);
    }
}

/// So many that subtries are worked on side by side.
#[test]
fn large_batches_are_committed_in_parallel() {
    let key = |index: u32| quids_crypto::blake3_256(&index.to_be_bytes()).to_vec();
    let mut model = Model::new();
    let grown: Block = (0..5000)
        .map(|index| (key(index), Some(vec![index as u8; (index % 70) as usize])))
        .collect();
    let changed = (0..5000).filter(|index| index % 3 == 0);
    let changed: Block = changed
        .map(|index| (key(index), (index % 2 == 0).then(|| vec![1; 40])))
        .collect();
    let shrunk: Block = (0..4990).map(|index| (key(index), None)).collect();
    for mut block in [grown, changed, shrunk] {
        block.sort();
        model.block(&block);
    }
    model.check(&[key(3), key(4999), vec![]]);
}
