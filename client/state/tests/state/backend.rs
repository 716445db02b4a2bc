//! Reading, proving and committing through the trie, and what a bad store does.

use crate::{Entries, commit_all, empty, with_entries};
use proptest::{collection::vec, prelude::*};
use quids_core::Hash;
use quids_io::{ExtError, Externalities};
use quids_state::{BackendError, EMPTY_ROOT, MemoryNodes, NodeStore, Overlay, SharedCache, StateBackend, TrieBackend};
use quids_trie::{
    MemoryDB, Proof, Trie, TrieDBBuilder, TrieDBMutBuilder, TrieMut, state_root, trie_db::MerkleValue, verify_proof,
};
use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

fn sample() -> Entries {
    (0u16..500)
        .map(|i| (blake(i), vec![i as u8; usize::from(i % 80)]))
        .collect()
}

fn blake(index: u16) -> Vec<u8> {
    quids_crypto::blake3_256(&index.to_be_bytes()).to_vec()
}

fn fresh(store: &Arc<MemoryNodes>, root: Hash) -> TrieBackend {
    TrieBackend::new(store.clone(), Arc::new(SharedCache::new(1 << 20)), root)
}

fn any_key() -> impl Strategy<Value = Vec<u8>> {
    vec(prop::sample::select(&[0u8, 1, 0x10, 0x11, 0xff][..]), 0..5)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn reads_like_a_map(
        entries in prop::collection::btree_map(any_key(), vec(any::<u8>(), 0..40), 0..30),
        keys in vec(any_key(), 1..20),
        limit in 0usize..6,
    ) {
        let (_, backend) = with_entries(&entries);
        prop_assert_eq!(backend.root(), state_root(&entries));
        for key in &keys {
            let value = backend.get(key).unwrap();
            prop_assert_eq!(value.as_deref(), entries.get(key).map(Vec::as_slice));
            let next = entries.keys().find(|other| *other > key).cloned();
            prop_assert_eq!(backend.next_key(key).unwrap(), next);
            for after in [None, keys.first()] {
                let expected = entries.keys().filter(|other| other.starts_with(key) && after.is_none_or(|a| *other > a));
                let expected: Vec<_> = expected.take(limit).cloned().collect();
                prop_assert_eq!(&backend.keys(key, after.map(Vec::as_slice), limit).unwrap(), &expected);
                // The trait's own way gives the same.
                prop_assert_eq!(&Plain(&backend).keys(key, after.map(Vec::as_slice), limit).unwrap(), &expected);
            }
        }
    }

    #[test]
    fn proofs_verify(
        entries in prop::collection::btree_map(any_key(), vec(any::<u8>(), 0..40), 0..30),
        keys in vec(any_key(), 0..8),
    ) {
        let (_, backend) = with_entries(&entries);
        let asked: Vec<_> = keys.iter().map(Vec::as_slice).collect();
        let proof = Proof(backend.prove(&asked).unwrap());
        let items = keys.iter().map(|key| (key, entries.get(key)));
        prop_assert_eq!(verify_proof(backend.root(), &proof, items), Ok(()));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn the_closest_merkle_value_is_the_specifications(
        entries in prop::collection::btree_map(any_key(), vec(any::<u8>(), 0..40), 0..30),
        keys in vec(any_key(), 1..20),
    ) {
        let (_, backend) = with_entries(&entries);
        let (mut nodes, mut root) = (MemoryDB::default(), EMPTY_ROOT);
        {
            let mut trie = TrieDBMutBuilder::new(&mut nodes, &mut root).build();
            for (key, value) in &entries {
                trie.insert(key, value).unwrap();
            }
        }
        prop_assert_eq!(root, backend.root());
        for key in &keys {
            let ours = backend.closest_merkle_value(key).unwrap();
            prop_assert_eq!(ours.is_some(), entries.keys().any(|other| other.starts_with(key)), "{:?}", key);
            if !entries.is_empty() {
                let theirs = TrieDBBuilder::new(&nodes, &root).build().lookup_first_descendant(key).unwrap();
                match theirs {
                    None => prop_assert_eq!(ours, None, "{:?}", key),
                    Some(MerkleValue::Hash(hash)) => prop_assert_eq!(ours.unwrap(), hash.as_bytes(), "{:?}", key),
                    // Of an inline node trie-db gives the stored node that holds it, the specification wants itself.
                    Some(MerkleValue::Node(node)) => {
                        let ours = ours.unwrap();
                        prop_assert!(ours.len() < 32 && node.len() > ours.len(), "{:?}", key);
                        prop_assert!(node.windows(ours.len()).any(|part| part == ours), "{:?}", key);
                    }
                }
            }
        }
    }
}

/// A backend with only what a backend must have.
struct Plain<'a>(&'a TrieBackend);

impl StateBackend for Plain<'_> {
    fn root(&self) -> Hash {
        self.0.root()
    }
    fn get(&self, key: &[u8]) -> Result<Option<Arc<[u8]>>, BackendError> {
        self.0.get(key)
    }
    fn next_key(&self, key: &[u8]) -> Result<Option<Vec<u8>>, BackendError> {
        self.0.next_key(key)
    }
    fn commit(
        &self,
        changes: &mut dyn Iterator<Item = (&[u8], Option<&[u8]>)>,
    ) -> Result<quids_state::Commit, BackendError> {
        self.0.commit(changes)
    }
    fn prove(&self, keys: &[&[u8]]) -> Result<Vec<Vec<u8>>, BackendError> {
        self.0.prove(keys)
    }
}

#[test]
fn a_missing_root_is_an_error_everywhere() {
    let unknown = Hash::repeat_byte(7);
    let missing = BackendError::Missing(unknown);
    let backend = empty().1.at(unknown);
    assert_eq!(backend.get(b"a").unwrap_err(), missing);
    assert_eq!(backend.next_key(b"a").unwrap_err(), missing);
    assert_eq!(backend.keys(b"", None, 9).unwrap_err(), missing);
    assert_eq!(backend.prove(&[b"a"]).unwrap_err(), missing);
    assert_eq!(backend.closest_merkle_value(b"a").unwrap_err(), missing);
    assert_eq!(
        backend.commit(&mut [(&b"a"[..], None)].into_iter()).unwrap_err(),
        missing
    );
    let mut overlay = Overlay::new(backend);
    assert!(matches!(overlay.get(b"a"), Err(ExtError::Backend(text)) if text.contains("0x0707")));
}

/// Takes each node away in turn, or damages it: reading everything fails and names it; no value changes or vanishes.
#[test]
fn a_missing_or_damaged_node_is_an_error_that_names_it() {
    let entries = sample();
    let (store, backend) = with_entries(&entries);
    let hashes = store.hashes();
    assert!(hashes.len() > 300);
    for (at, hash) in hashes.iter().enumerate() {
        let node = store.remove(hash).unwrap();
        let damaged = at % 2 == 0;
        if damaged {
            let mut bytes = node.clone();
            bytes[at % node.len()] ^= 1 << (at % 8);
            store.insert([(*hash, bytes)]);
        }
        let reader = fresh(&store, backend.root());
        let mut failures = 0;
        for (key, value) in &entries {
            match reader.get(key) {
                Ok(read) => assert_eq!(read.as_deref(), Some(value.as_slice())),
                Err(BackendError::Missing(missing)) => assert_eq!((missing, damaged), (*hash, false)),
                Err(BackendError::Damaged { key, .. }) => assert_eq!((key, damaged), (format!("{hash:x}"), true)),
                Err(other) => panic!("{other}"),
            }
            failures += usize::from(reader.get(key).is_err());
        }
        assert!(failures > 0, "node {hash:?} is read by nobody");
        store.insert([(*hash, node)]);
    }
}

#[test]
fn a_commit_over_a_missing_node_fails() {
    let (store, backend) = with_entries(&sample());
    let hashes = store.hashes();
    store.remove(&backend.root());
    let reader = fresh(&store, backend.root());
    for change in [None, Some(&b"new"[..])] {
        let result = reader.commit(&mut [(blake(3).as_slice(), change)].into_iter());
        assert_eq!(result.unwrap_err(), BackendError::Missing(backend.root()));
    }
    assert!(hashes.contains(&backend.root()));
}

#[test]
fn malformed_nodes_are_errors() {
    for node in [vec![], vec![0xff], vec![0x60, 3, 0, 1, 0x20, 1, 0x01], vec![0x60]] {
        let root = Hash::from(quids_crypto::blake3_256(&node));
        let store = Arc::new(MemoryNodes::default());
        store.insert([(root, node)]);
        let backend = fresh(&store, root);
        for result in [
            backend.get(&[0x10]).map(drop),
            backend.next_key(&[]).map(drop),
            backend.prove(&[&[0x10]]).map(drop),
            backend
                .commit(&mut [(&[0x10][..], Some(&[1][..]))].into_iter())
                .map(drop),
        ] {
            assert!(matches!(result, Err(BackendError::Malformed { .. })), "{result:?}");
        }
    }
}

#[test]
fn emptying_the_state_gives_the_empty_root() {
    let entries = sample();
    let (store, backend) = with_entries(&entries);
    let commit = backend
        .commit(&mut entries.keys().map(|key| (key.as_slice(), None)))
        .unwrap();
    assert_eq!(commit.root, EMPTY_ROOT);
    store.insert(commit.nodes);
    let backend = backend.at(commit.root);
    assert_eq!(backend.next_key(&[]), Ok(None));
    assert_eq!(commit_all(&backend, &entries).root, state_root(&entries));
}

/// Counts what reaches the store.
struct Counting(Arc<MemoryNodes>, AtomicUsize);

impl NodeStore for Counting {
    fn node(&self, hash: &Hash) -> Result<Option<Vec<u8>>, BackendError> {
        self.1.fetch_add(1, Ordering::Relaxed);
        self.0.node(hash)
    }
}

#[test]
fn the_cache_serves_second_reads_and_keeps_its_bound() {
    let entries = sample();
    let (store, backend) = with_entries(&entries);
    let check = |cache_bytes: usize, second_reads: bool| {
        let counting = Arc::new(Counting(store.clone(), AtomicUsize::new(0)));
        let cache = Arc::new(SharedCache::new(cache_bytes));
        let reader = TrieBackend::new(counting.clone(), cache.clone(), backend.root());
        let mut reads = [0; 2];
        for round in &mut reads {
            for (key, value) in &entries {
                assert_eq!(reader.get(key).unwrap().as_deref(), Some(value.as_slice()));
            }
            *round = counting.1.swap(0, Ordering::Relaxed);
        }
        assert!(reads[0] > 100);
        assert_eq!(reads[1] > 0, second_reads);
        assert!(cache.len_bytes() <= cache_bytes as u64);
    };
    check(1 << 20, false);
    check(1 << 13, true);
}
