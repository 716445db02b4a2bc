//! `TrieBackend`: state as a hash-keyed trie that keeps all history. Nothing is ever removed, so every root that
//! was committed stays readable.

use crate::{BackendError, Commit, NodeStore, SharedCache, StateBackend, walk};
use parking_lot::Mutex;
use quids_core::Hash;
use quids_trie::{
    Blake3Hasher, DBValue, EMPTY_NODE, EMPTY_ROOT, HashDB, HashDBRef, Hasher, Prefix, ProofError, TrieDBBuilder,
    TrieDBKeyIterator, TrieError, TrieIterator, delta_root, generate_proof, hash_db::AsHashDB, trie_db,
};
use std::{collections::BTreeMap, sync::Arc};

/// New nodes up to this size enter the cache when they are committed; larger values (code, events) when read.
const CACHED_ON_COMMIT_BYTES_MAX: usize = 4096;

/// The state at one root of a hash-keyed trie. Cheap to clone and to make: a block, a query, a check each have one.
#[derive(Clone)]
pub struct TrieBackend {
    store: Arc<dyn NodeStore>,
    cache: Arc<SharedCache>,
    root: Hash,
}

impl TrieBackend {
    /// The state at `root` ([`EMPTY_ROOT`] for the empty one). Whether the root is stored shows at the first read.
    pub fn new(store: Arc<dyn NodeStore>, cache: Arc<SharedCache>, root: Hash) -> Self {
        Self { store, cache, root }
    }

    /// The state at another root of the same store.
    pub fn at(&self, root: Hash) -> Self {
        Self { root, ..self.clone() }
    }

    /// The Merkle value of the closest node at or below `key`: a hash, or the node itself where its parent holds it.
    /// `None` if no entry begins with `key`.
    pub fn closest_merkle_value(&self, key: &[u8]) -> Result<Option<Vec<u8>>, BackendError> {
        walk::closest_merkle_value(self.root, key, &|hash| self.fetch(hash))
    }

    fn fetch(&self, hash: &Hash) -> Result<Arc<[u8]>, BackendError> {
        if let Some(bytes) = self.cache.get(hash) {
            return Ok(bytes);
        }
        if *hash == EMPTY_ROOT {
            return Ok(EMPTY_NODE[..].into());
        }
        let bytes: Arc<[u8]> = self.store.node(hash)?.ok_or(BackendError::Missing(*hash))?.into();
        self.cache.insert(*hash, bytes.clone());
        Ok(bytes)
    }

    fn session(&self) -> Session<'_> {
        Session {
            backend: self,
            new: BTreeMap::new(),
            failure: Mutex::new(None),
        }
    }

    /// Walks keys in order from the first that is not less than `start`.
    fn for_keys(&self, start: &[u8], mut visit: impl FnMut(Vec<u8>) -> bool) -> Result<(), BackendError> {
        let session = self.session();
        let source: &dyn HashDBRef<Blake3Hasher, DBValue> = &session;
        let trie = TrieDBBuilder::new(source, &self.root).build();
        let mut keys = TrieDBKeyIterator::new(&trie).map_err(|error| session.explain(error))?;
        keys.seek(start).map_err(|error| session.explain(error))?;
        for key in keys {
            if !visit(key.map_err(|error| session.explain(error))?) {
                break;
            }
        }
        Ok(())
    }
}

impl std::fmt::Debug for TrieBackend {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "TrieBackend({:?})", self.root)
    }
}

impl StateBackend for TrieBackend {
    fn root(&self) -> Hash {
        self.root
    }

    fn get(&self, key: &[u8]) -> Result<Option<Arc<[u8]>>, BackendError> {
        walk::get(self.root, key, &|hash| self.fetch(hash))
    }

    fn next_key(&self, key: &[u8]) -> Result<Option<Vec<u8>>, BackendError> {
        let mut next = None;
        self.for_keys(key, |found| {
            let is_start = found == key;
            if !is_start {
                next = Some(found);
            }
            is_start
        })?;
        Ok(next)
    }

    fn commit(&self, changes: &mut dyn Iterator<Item = (&[u8], Option<&[u8]>)>) -> Result<Commit, BackendError> {
        let mut session = self.session();
        let root = match delta_root(&mut session, self.root, changes) {
            Ok(root) => root,
            Err(error) => return Err(session.explain(error)),
        };
        // A failed read of a node that trie-db could do without would show here and nowhere else.
        if let Some(failure) = session.failure.lock().take() {
            return Err(failure);
        }
        let nodes: Vec<_> = session.new.into_iter().collect();
        for (hash, node) in nodes
            .iter()
            .filter(|(_, node)| node.len() <= CACHED_ON_COMMIT_BYTES_MAX)
        {
            self.cache.insert(*hash, node.as_slice().into());
        }
        Ok(Commit { root, nodes })
    }

    fn prove(&self, keys: &[&[u8]]) -> Result<Vec<Vec<u8>>, BackendError> {
        let session = self.session();
        let proof = generate_proof(&session, self.root, keys).map_err(|error| {
            session.failure.lock().take().unwrap_or_else(|| match error {
                ProofError::Missing(hash) => BackendError::Missing(hash),
                ProofError::BadNode { hash, error } => BackendError::Malformed {
                    hash,
                    reason: error.to_string(),
                },
                other => BackendError::Proof(other.to_string()),
            })
        })?;
        Ok(proof.0)
    }

    fn keys(&self, prefix: &[u8], after: Option<&[u8]>, limit: usize) -> Result<Vec<Vec<u8>>, BackendError> {
        let mut keys = Vec::new();
        if limit == 0 {
            return Ok(keys);
        }
        let start = after.filter(|after| *after >= prefix).unwrap_or(prefix);
        self.for_keys(start, |key| {
            if !key.starts_with(prefix) {
                return false;
            }
            if Some(key.as_slice()) != after {
                keys.push(key);
            }
            keys.len() < limit
        })?;
        Ok(keys)
    }
}

/// One use of trie-db over a backend. trie-db's database can only answer "not there", so the reason is kept aside;
/// what it inserts is collected, what it removes stays (other roots need it).
struct Session<'a> {
    backend: &'a TrieBackend,
    new: BTreeMap<Hash, Vec<u8>>,
    failure: Mutex<Option<BackendError>>,
}

impl Session<'_> {
    fn lookup(&self, hash: &Hash) -> Option<DBValue> {
        if let Some(node) = self.new.get(hash) {
            return Some(node.clone());
        }
        match self.backend.fetch(hash) {
            Ok(node) => Some(node.to_vec()),
            Err(failure) => {
                self.failure.lock().get_or_insert(failure);
                None
            }
        }
    }

    /// The failure of the store if there was one, else what trie-db says.
    fn explain(&self, error: TrieError) -> BackendError {
        if let Some(failure) = self.failure.lock().take() {
            return failure;
        }
        let reason = format!("{error:?}");
        match *error {
            trie_db::TrieError::InvalidStateRoot(hash) | trie_db::TrieError::IncompleteDatabase(hash) => {
                BackendError::Missing(hash)
            }
            trie_db::TrieError::DecoderError(hash, _) | trie_db::TrieError::InvalidHash(hash, _) => {
                BackendError::Malformed { hash, reason }
            }
            trie_db::TrieError::ValueAtIncompleteKey(..) => BackendError::Malformed {
                hash: self.backend.root,
                reason,
            },
        }
    }
}

impl HashDBRef<Blake3Hasher, DBValue> for Session<'_> {
    fn get(&self, key: &Hash, _: Prefix<'_>) -> Option<DBValue> {
        self.lookup(key)
    }
    fn contains(&self, key: &Hash, _: Prefix<'_>) -> bool {
        self.lookup(key).is_some()
    }
}

impl HashDB<Blake3Hasher, DBValue> for Session<'_> {
    fn get(&self, key: &Hash, _: Prefix<'_>) -> Option<DBValue> {
        self.lookup(key)
    }
    fn contains(&self, key: &Hash, _: Prefix<'_>) -> bool {
        self.lookup(key).is_some()
    }
    fn insert(&mut self, prefix: Prefix<'_>, value: &[u8]) -> Hash {
        let hash = Blake3Hasher::hash(value);
        self.emplace(hash, prefix, value.to_vec());
        hash
    }
    fn emplace(&mut self, key: Hash, _: Prefix<'_>, value: DBValue) {
        self.new.insert(key, value);
    }
    fn remove(&mut self, _: &Hash, _: Prefix<'_>) {}
}

impl AsHashDB<Blake3Hasher, DBValue> for Session<'_> {
    fn as_hash_db(&self) -> &dyn HashDB<Blake3Hasher, DBValue> {
        self
    }
    fn as_hash_db_mut<'b>(&'b mut self) -> &'b mut (dyn HashDB<Blake3Hasher, DBValue> + 'b) {
        self
    }
}
