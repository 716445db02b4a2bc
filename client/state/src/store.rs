//! Where trie nodes and hashed values come from: the port that `quids-db` implements, and one in memory.

use crate::BackendError;
use parking_lot::RwLock;
use quids_core::Hash;
use quids_trie::{Blake3Hasher, Hasher};
use std::collections::HashMap;

/// Bytes by their BLAKE3-256: trie nodes and values that the trie refers to by hash.
pub trait NodeStore: Send + Sync {
    /// The bytes whose hash is `hash`, `None` if they are not stored. The implementation checks the hash:
    /// other bytes are [`BackendError::Damaged`], never returned.
    fn node(&self, hash: &Hash) -> Result<Option<Vec<u8>>, BackendError>;
}

/// A store in memory, for tests and throw-away chains.
#[derive(Default, Debug)]
pub struct MemoryNodes(RwLock<HashMap<Hash, Vec<u8>>>);

impl MemoryNodes {
    pub fn insert(&self, nodes: impl IntoIterator<Item = (Hash, Vec<u8>)>) {
        self.0.write().extend(nodes);
    }

    /// Takes a node away; for tests of what happens then.
    pub fn remove(&self, hash: &Hash) -> Option<Vec<u8>> {
        self.0.write().remove(hash)
    }

    /// The hashes of all nodes.
    pub fn hashes(&self) -> Vec<Hash> {
        self.0.read().keys().copied().collect()
    }
}

impl NodeStore for MemoryNodes {
    fn node(&self, hash: &Hash) -> Result<Option<Vec<u8>>, BackendError> {
        let Some(node) = self.0.read().get(hash).cloned() else {
            return Ok(None);
        };
        let found = Blake3Hasher::hash(&node);
        if found != *hash {
            return Err(BackendError::Damaged {
                column: "memory",
                key: format!("{hash:x}"),
                reason: format!("its hash is {found:?}"),
            });
        }
        Ok(Some(node))
    }
}
