//! State at one root, as the overlay sees it.

use crate::{BackendError, store::Bytes, trie::NodeChange};
use quids_core::Hash;
use std::sync::Arc;

/// What a commit does to one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValueChange {
    pub key: Vec<u8>,
    pub old: Option<Bytes>,
    /// `None`: removed.
    pub new: Option<Vec<u8>>,
}

/// What has to be stored for a new state, and what it replaces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commit {
    pub root: Hash,
    /// In ascending order of their keys, each once; none whose value stays.
    pub values: Vec<ValueChange>,
    /// Each address once.
    pub nodes: Vec<NodeChange>,
}

impl Commit {
    /// Of a block that changes nothing in the state with this root.
    pub const fn unchanged(root: Hash) -> Self {
        Self {
            root,
            values: Vec::new(),
            nodes: Vec::new(),
        }
    }
}

/// An immutable state: keys and values in byte order under one root.
pub trait StateBackend: Send + Sync {
    /// The root of this state.
    fn root(&self) -> Hash;

    /// The value at `key`.
    fn get(&self, key: &[u8]) -> Result<Option<Arc<[u8]>>, BackendError>;

    /// The smallest key greater than `key`.
    fn next_key(&self, key: &[u8]) -> Result<Option<Vec<u8>>, BackendError>;

    /// The state with `changes` (ascending, each key once, `None` removes). Stores nothing.
    fn commit(&self, changes: &mut dyn Iterator<Item = (&[u8], Option<&[u8]>)>) -> Result<Commit, BackendError>;

    /// Proves the values, or the absence, of `keys`: the nodes of a `quids_trie::Proof` under this root.
    fn prove(&self, keys: &[&[u8]]) -> Result<Vec<Vec<u8>>, BackendError>;

    /// At most `limit` keys that start with `prefix` and are greater than `after`, in order.
    fn keys(&self, prefix: &[u8], after: Option<&[u8]>, limit: usize) -> Result<Vec<Vec<u8>>, BackendError> {
        let mut keys = Vec::new();
        let mut next = match after {
            Some(after) if after >= prefix => self.next_key(after)?,
            _ if self.get(prefix)?.is_some() => Some(prefix.to_vec()),
            _ => self.next_key(prefix)?,
        };
        while let Some(key) = next.filter(|key| keys.len() < limit && key.starts_with(prefix)) {
            next = self.next_key(&key)?;
            keys.push(key);
        }
        Ok(keys)
    }
}

macro_rules! delegate {
    ($($pointer:ty),*) => {$(
        impl<B: StateBackend + ?Sized> StateBackend for $pointer {
            fn root(&self) -> Hash {
                (**self).root()
            }
            fn get(&self, key: &[u8]) -> Result<Option<Arc<[u8]>>, BackendError> {
                (**self).get(key)
            }
            fn next_key(&self, key: &[u8]) -> Result<Option<Vec<u8>>, BackendError> {
                (**self).next_key(key)
            }
            fn commit(
                &self,
                changes: &mut dyn Iterator<Item = (&[u8], Option<&[u8]>)>,
            ) -> Result<Commit, BackendError> {
                (**self).commit(changes)
            }
            fn prove(&self, keys: &[&[u8]]) -> Result<Vec<Vec<u8>>, BackendError> {
                (**self).prove(keys)
            }
            fn keys(&self, prefix: &[u8], after: Option<&[u8]>, limit: usize) -> Result<Vec<Vec<u8>>, BackendError> {
                (**self).keys(prefix, after, limit)
            }
        }
    )*};
}

delegate!(&B, Arc<B>, Box<B>);
