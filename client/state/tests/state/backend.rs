//! Reading, proving and committing, and what a bad store does.

use crate::{Entries, commit_all, empty, fresh, next, with_entries};
use proptest::{collection::vec, prelude::*};
use quids_core::{Hash, Height};
use quids_state::{Address, BackendError, EMPTY_ROOT, StateBackend, StateView};
use quids_trie::{
    MemoryDB, Proof, Trie, TrieDBBuilder, TrieDBMutBuilder, TrieMut, state_root, trie_db::MerkleValue, verify_proof,
};
use std::sync::Arc;

fn sample() -> Entries {
    (0u16..500)
        .map(|i| (blake(i), vec![i as u8; usize::from(i % 80)]))
        .collect()
}

fn blake(index: u16) -> Vec<u8> {
    quids_crypto::blake3_256(&index.to_be_bytes()).to_vec()
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
struct Plain<'a>(&'a StateView);

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

/// Takes each branch away in turn, or damages it: no value changes or vanishes; what needs the trie fails, and names it.
#[test]
fn a_missing_or_damaged_branch_is_an_error_that_names_it() {
    let entries = sample();
    let (store, view) = with_entries(&entries);
    let branches = store.branches();
    assert!(branches.len() > 20);
    for (at, address) in branches.iter().enumerate() {
        let branch = store.tamper(address, None).unwrap();
        let hash = Hash::from(quids_crypto::blake3_256(&branch));
        if at % 2 == 0 {
            let mut bytes = branch.to_vec();
            bytes[at % branch.len()] ^= 1 << (at % 8);
            store.tamper(address, Some(bytes.into()));
        }
        let reader = fresh(&store, view.height(), view.root());
        let mut failures = 0;
        for (key, value) in &entries {
            assert_eq!(reader.get(key).unwrap().as_deref(), Some(value.as_slice()));
            for result in [
                reader.prove(&[key]).map(drop),
                reader
                    .commit(&mut [(key.as_slice(), Some(&b"new"[..]))].into_iter())
                    .map(drop),
            ] {
                match result {
                    Ok(()) => {}
                    Err(BackendError::Missing(missing)) => {
                        assert_eq!(missing, hash);
                        failures += 1;
                    }
                    Err(other) => panic!("{other}"),
                }
            }
        }
        assert!(failures > 0, "branch {address:?} is read by nobody");
        store.tamper(address, Some(branch));
    }
}

#[test]
fn malformed_branches_are_errors() {
    for node in [vec![], vec![0xff], vec![0x60, 3, 0, 1, 0x20, 1, 0x01], vec![0x60]] {
        let root = Hash::from(quids_crypto::blake3_256(&node));
        let (store, _) = empty();
        store.tamper(&Address::default(), Some(node.into()));
        let view = fresh(&store, Height(0), root);
        for result in [
            view.prove(&[&[0x10]]).map(drop),
            view.closest_merkle_value(&[0x10]).map(drop),
            view.commit(&mut [(&[0x10][..], Some(&[1][..]))].into_iter()).map(drop),
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
    let backend = next(&store, &backend, commit);
    assert!(store.branches().is_empty());
    assert_eq!(backend.next_key(&[]), Ok(None));
    assert_eq!(commit_all(&backend, &entries).root, state_root(&entries));
}
