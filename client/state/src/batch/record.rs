//! `Recorder`: a view that notes what is asked of it, and makes a proof of that.

use super::{
    BatchProof,
    write::{Need, Nodes, write},
};
use crate::{
    BackendError, Commit, StateBackend, StateView,
    store::Bytes,
    trie::{Address, Source, nibbles_of},
};
use parking_lot::Mutex;
use quids_core::Hash;
use quids_trie::{Blake3Hasher, Hasher, INLINE_VALUE_LEN_MAX};
use std::collections::{BTreeMap, HashMap};

/// A state that remembers what an execution read of it, listed, and changed. Share it as an `Arc`: whatever executes on the
/// same state for the same block may note into one.
#[derive(Debug)]
pub struct Recorder {
    view: StateView,
    seen: Mutex<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    keys: Vec<Key>,
    /// Addresses of nodes that became one with their parents.
    lifted: Vec<Vec<u8>>,
    /// Nodes that had to be looked for.
    loaded: HashMap<Hash, Bytes, foldhash::fast::RandomState>,
}

#[derive(Debug)]
struct Key {
    key: Vec<u8>,
    is_read: bool,
    /// What is there, if it is known.
    value: Option<Bytes>,
}

impl Recorder {
    pub fn new(view: StateView) -> Self {
        Self {
            view,
            seen: Mutex::default(),
        }
    }

    pub fn view(&self) -> &StateView {
        &self.view
    }

    /// The proof of all that was asked of this state so far, one and the same for the same questions in any order. Values for
    /// which `by_hash` (key, value) holds go by their hash; it is asked about values that were read and are longer than 32 bytes.
    ///
    /// Errors: a state that cannot be read; [`BackendError::Proof`] if the proof exceeds its bounds.
    pub fn proof(&self, by_hash: &(dyn Fn(&[u8], &[u8]) -> bool + Sync)) -> Result<BatchProof, BackendError> {
        let seen = self.seen.lock();
        let keys = seen.keys.iter().map(|key| {
            let value = key.value.as_ref();
            (nibbles_of(&key.key), key.is_read, value)
        });
        let lifted = seen.lifted.iter().map(|at| (at.clone(), false, None));
        let mut all: Vec<_> = keys.chain(lifted).collect();
        all.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        let mut needs: Vec<Need<'_>> = Vec::with_capacity(all.len());
        for (path, is_read, value) in &all {
            match needs.last_mut().filter(|last| last.path == path) {
                Some(last) => {
                    last.is_read |= is_read;
                    last.value = last.value.or(*value);
                }
                None => needs.push(Need {
                    path,
                    is_read: *is_read,
                    value: *value,
                }),
            }
        }
        let nodes = Nodes {
            view: &self.view,
            loaded: &seen.loaded,
        };
        write(&nodes, by_hash, &needs)
    }

    /// The values that [`Self::proof`] has by hash only, for who asks for them.
    pub fn blobs(&self, by_hash: &(dyn Fn(&[u8], &[u8]) -> bool + Sync)) -> BTreeMap<Hash, Bytes> {
        let seen = self.seen.lock();
        let read = seen.keys.iter().filter(|key| key.is_read);
        let values = read.filter_map(|key| Some((&key.key, key.value.as_ref()?)));
        let by_hash = values.filter(|(key, value)| value.len() > INLINE_VALUE_LEN_MAX && by_hash(key, value));
        by_hash
            .map(|(_, value)| (Blake3Hasher::hash(value), value.clone()))
            .collect()
    }

    fn note(&self, key: &[u8], is_read: bool, value: Option<Bytes>) {
        let key = key.to_vec();
        self.seen.lock().keys.push(Key { key, is_read, value });
    }
}

impl StateBackend for Recorder {
    fn root(&self) -> Hash {
        self.view.root()
    }

    fn get(&self, key: &[u8]) -> Result<Option<Bytes>, BackendError> {
        let value = self.view.get(key)?;
        self.note(key, true, value.clone());
        Ok(value)
    }

    /// What is seen of the trie are the ways to both keys: whatever lay in between would hang on one of them.
    fn next_key(&self, key: &[u8]) -> Result<Option<Vec<u8>>, BackendError> {
        let next = self.view.next_key(key)?;
        self.note(key, false, None);
        if let Some(next) = &next {
            self.note(next, false, self.view.get(next)?);
        }
        Ok(next)
    }

    fn commit(&self, changes: &mut dyn Iterator<Item = (&[u8], Option<&[u8]>)>) -> Result<Commit, BackendError> {
        let changes: Vec<_> = changes.collect();
        // A proof does not tell which of them change nothing.
        changes.iter().for_each(|(key, _)| self.note(key, false, None));
        let commit = self.view.commit_from(self, changes)?;
        for change in &commit.values {
            self.note(&change.key, false, change.old.clone());
        }
        Ok(commit)
    }

    /// Not noted: it is no part of an execution.
    fn prove(&self, keys: &[&[u8]]) -> Result<Vec<Vec<u8>>, BackendError> {
        self.view.prove(keys)
    }
}

impl Source for Recorder {
    fn cached(&self, hash: &Hash) -> Option<Bytes> {
        self.view.cached(hash)
    }

    fn node(&self, address: &Address, hash: &Hash) -> Result<Bytes, BackendError> {
        let node = self.view.node(address, hash)?;
        self.seen.lock().loaded.insert(*hash, node.clone());
        Ok(node)
    }

    fn lifts(&self, at: &[u8]) {
        self.seen.lock().lifted.push(at.to_vec());
    }
}
