//! The overlay and the trie backend against models.

mod backend;
mod model;
mod overlay;

use quids_state::{Commit, EMPTY_ROOT, MemoryNodes, SharedCache, StateBackend, TrieBackend};
use std::{collections::BTreeMap, sync::Arc};

type Entries = BTreeMap<Vec<u8>, Vec<u8>>;

/// A backend over an empty store.
fn empty() -> (Arc<MemoryNodes>, TrieBackend) {
    let store = Arc::new(MemoryNodes::default());
    let backend = TrieBackend::new(store.clone(), Arc::new(SharedCache::new(1 << 20)), EMPTY_ROOT);
    (store, backend)
}

/// `entries` as changes to an empty state.
fn commit_all(backend: &TrieBackend, entries: &Entries) -> Commit {
    let mut changes = entries
        .iter()
        .map(|(key, value)| (key.as_slice(), Some(value.as_slice())));
    backend.commit(&mut changes).unwrap()
}

/// A backend at the state with exactly `entries`.
fn with_entries(entries: &Entries) -> (Arc<MemoryNodes>, TrieBackend) {
    let (store, backend) = empty();
    let commit = commit_all(&backend, entries);
    store.insert(commit.nodes);
    (store, backend.at(commit.root))
}
