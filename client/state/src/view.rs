//! `StateView`: the state after one block, whatever is committed meanwhile.
//!
//! Values come from the flat layer, where one lookup finds them. The trie is walked only to prove, to commit, and to list
//! keys of the past. A node is looked for where it must be: among the branches; among what later blocks replaced; and a
//! leaf, which is not stored, is made again from the one key that lies below its address.

use crate::{
    BackendError, Commit, KeyValue, SharedCache, StateBackend, ValueChange,
    store::{Bytes, StateStore, Tip},
    trie::{Address, Change, Node, OldNode, Source, Value, extend_nibbles, update},
    walk,
};
use parking_lot::Mutex;
use quids_core::{Hash, Height};
use quids_trie::{
    Blake3Hasher, DBValue, EMPTY_NODE, EMPTY_ROOT, HashDBRef, Hasher, NodeDB, Prefix, ProofError, TrieDBBuilder,
    TrieDBKeyIterator, TrieError, TrieIterator, generate_proof, trie_db,
};
use rayon::prelude::*;
use std::{ops::Bound, sync::Arc};

/// New branches up to this size enter the cache when they are committed.
const CACHED_ON_COMMIT_BYTES_MAX: usize = 4096;
/// Entries are looked at in pages of about so many bytes, or keys.
const PAGE_BYTES: usize = 256 * 1024;
const PAGE: usize = 1024;
/// Changes from which on their old values are read side by side.
const PARALLEL_MIN: usize = 256;

/// The state after one block. Cheap to clone and to make: a block, a query, a check each have one.
#[derive(Clone)]
pub struct StateView {
    store: Arc<dyn StateStore>,
    cache: Arc<SharedCache>,
    at: Tip,
    /// Whether its block was committed, as a whole, when the view was made.
    is_there: bool,
    root: Hash,
}

impl StateView {
    /// The state at `height`, whose root is `root` ([`EMPTY_ROOT`] for the empty one).
    pub fn new(store: Arc<dyn StateStore>, cache: Arc<SharedCache>, height: Height, root: Hash) -> Self {
        let tip = store.tip();
        Self {
            is_there: height < tip.height || (height == tip.height && !tip.is_settling),
            at: Tip {
                height,
                is_settling: false,
                ..tip
            },
            store,
            cache,
            root,
        }
    }

    pub(crate) fn store(&self) -> Arc<dyn StateStore> {
        self.store.clone()
    }

    pub(crate) fn cache(&self) -> Arc<SharedCache> {
        self.cache.clone()
    }

    /// The block's.
    pub fn height(&self) -> Height {
        self.at.height
    }

    /// The Merkle value of the closest node at or below `key`: a hash, or the node itself where its parent holds it.
    /// `None` if no entry begins with `key`.
    pub fn closest_merkle_value(&self, key: &[u8]) -> Result<Option<Vec<u8>>, BackendError> {
        walk::closest_merkle_value(self.root, key, &|prefix, hash| {
            self.node(&Address::of_prefix(prefix), hash)
        })
    }

    /// Whether what was just read as the latest is this state's. An error if this state is gone.
    fn is_latest(&self) -> Result<bool, BackendError> {
        let tip = self.store.tip();
        let oldest = self.store.oldest();
        let height = self.at.height;
        if !self.is_there {
            return Err(BackendError::NotYet(height));
        }
        if tip.epoch != self.at.epoch || tip.is_going_back() || tip.height < height {
            return Err(BackendError::TakenBack(height));
        }
        if height < oldest {
            return Err(BackendError::Pruned { height, oldest });
        }
        Ok(tip == self.at)
    }

    /// The bytes with this hash that belong to this address: of a node, or of the value of the key that ends there.
    fn bytes_at(&self, address: &Address, hash: &Hash) -> Result<Bytes, BackendError> {
        match self.find_node(address, hash)? {
            Some(node) => Ok(node),
            None => {
                let value = address.key().map(|key| self.get(&key)).transpose()?.flatten();
                value
                    .filter(|value| Blake3Hasher::hash(value) == *hash)
                    .ok_or(BackendError::Missing(*hash))
            }
        }
    }

    fn find_node(&self, address: &Address, hash: &Hash) -> Result<Option<Bytes>, BackendError> {
        if let Some(node) = self.cache.get(hash) {
            return Ok(Some(node));
        }
        if *hash == EMPTY_ROOT {
            return Ok(Some(EMPTY_NODE[..].into()));
        }
        // A commit may move it while it is looked for. One under each tip: who misses it twice under the same does not find it.
        loop {
            let tip = self.store.tip();
            for _ in 0..2 {
                if let Some(found) = self.look_for_node(address, hash)? {
                    return Ok(Some(found));
                }
            }
            if self.store.tip() == tip {
                return Ok(None);
            }
        }
    }

    fn look_for_node(&self, address: &Address, hash: &Hash) -> Result<Option<Bytes>, BackendError> {
        let is_it = |bytes: &Bytes| Blake3Hasher::hash(bytes) == *hash;
        let branch = self.store.latest_branch(address)?;
        let old = match &branch {
            Some(branch) if is_it(branch) => None,
            _ if self.is_latest()? => None,
            _ => self.store.node_before(address, self.at.height)?,
        };
        let key = match old {
            Some(OldNode::Branch(bytes)) => {
                if !is_it(&bytes) {
                    return Ok(None);
                }
                self.cache.insert(*hash, bytes.clone());
                return Ok(Some(bytes));
            }
            Some(OldNode::Leaf(key)) => Some(key),
            None => match branch {
                Some(bytes) if is_it(&bytes) => {
                    self.cache.insert(*hash, bytes.clone());
                    return Ok(Some(bytes));
                }
                _ => {
                    let from = address.first_key();
                    let keys = self.store.latest_keys(Bound::Included(&from), &[], 1)?;
                    keys.into_iter().next()
                }
            },
        };
        let Some(key) = key else { return Ok(None) };
        let (Some(partial), Some(value)) = (address.suffix_of(&key), self.get(&key)?) else {
            return Ok(None);
        };
        let value = Value::of(&value);
        let leaf: Bytes = Node::Leaf { partial, value }.encode().into();
        Ok(is_it(&leaf).then_some(leaf))
    }

    fn session(&self) -> Session<'_> {
        Session {
            view: self,
            failure: Mutex::new(None),
        }
    }

    /// Walks keys in order from the first that is not less than `start`, in the trie.
    fn for_keys(&self, start: &[u8], mut visit: impl FnMut(Vec<u8>) -> bool) -> Result<(), BackendError> {
        let session = self.session();
        let source: &NodeDB<'_> = &session;
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

    /// The first `limit` keys from `from` on that begin with `prefix`.
    pub(crate) fn keys_from(
        &self,
        from: Bound<&[u8]>,
        prefix: &[u8],
        limit: usize,
    ) -> Result<Vec<Vec<u8>>, BackendError> {
        if limit == 0 {
            return Ok(Vec::new());
        }
        if self.is_latest()? {
            let latest = self.store.latest_keys(from, prefix, limit)?;
            if self.is_latest()? {
                return Ok(latest);
            }
        }
        let (start, excluded) = match from {
            Bound::Included(start) => (start, None),
            Bound::Excluded(start) => (start, Some(start)),
            Bound::Unbounded => (&[][..], None),
        };
        let mut keys = Vec::new();
        self.for_keys(start.max(prefix), |key| {
            if !key.starts_with(prefix) {
                return key.as_slice() < prefix;
            }
            if Some(key.as_slice()) != excluded {
                keys.push(key);
            }
            keys.len() < limit
        })?;
        Ok(keys)
    }

    /// Some entries from `from` on that begin with `prefix`, without a gap; none if there are none.
    pub(crate) fn entries_from(&self, from: Bound<&[u8]>, prefix: &[u8]) -> Result<Vec<KeyValue>, BackendError> {
        if self.is_latest()? {
            let latest = self.store.latest_entries(from, prefix, PAGE_BYTES)?;
            if self.is_latest()? {
                return Ok(latest);
            }
        }
        let with_value = |key: Vec<u8>| {
            let value = self.get(&key)?.ok_or_else(|| BackendError::Malformed {
                hash: self.root,
                reason: format!("a key without a value: {key:02x?}"),
            })?;
            Ok((key, value.to_vec()))
        };
        let keys = self.keys_from(from, prefix, PAGE)?;
        keys.into_iter().map(with_value).collect()
    }

    /// Each change with the value that is there now; those that change nothing are left out.
    fn with_old_values(&self, changes: Vec<(&[u8], Option<&[u8]>)>) -> Result<Vec<ValueChange>, BackendError> {
        let with_old = |(key, new): (&[u8], Option<&[u8]>)| {
            let old = self.get(key)?;
            Ok((old.as_deref() != new).then(|| ValueChange {
                key: key.to_vec(),
                old,
                new: new.map(<[u8]>::to_vec),
            }))
        };
        let changes = changes.into_par_iter().with_min_len(PARALLEL_MIN);
        changes.map(with_old).filter_map(Result::transpose).collect()
    }

    /// [`StateBackend::commit`] with nodes from `source`, which has this state's.
    pub(crate) fn commit_from(
        &self,
        source: &impl Source,
        changes: Vec<(&[u8], Option<&[u8]>)>,
    ) -> Result<Commit, BackendError> {
        let values = self.with_old_values(changes)?;
        let mut nibbles = Vec::with_capacity(values.iter().map(|change| change.key.len() * 2).sum());
        for change in &values {
            extend_nibbles(&mut nibbles, &change.key);
        }
        let mut left = &nibbles[..];
        let mut by_path = Vec::with_capacity(values.len());
        for change in &values {
            let (key, rest) = left.split_at_checked(change.key.len() * 2).unwrap_or((left, &[]));
            left = rest;
            by_path.push(Change {
                key,
                old: change.old.clone(),
                new: change.new.as_deref(),
            });
        }
        let (root, nodes) = update(source, self.root, &by_path)?;
        nodes.par_iter().with_min_len(PARALLEL_MIN).for_each(|change| {
            let branch = change.new.as_ref();
            if let Some(branch) = branch.filter(|branch| branch.bytes.len() <= CACHED_ON_COMMIT_BYTES_MAX) {
                self.cache.insert(branch.hash, branch.bytes.clone());
            }
        });
        Ok(Commit { root, values, nodes })
    }
}

impl std::fmt::Debug for StateView {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "StateView({}, {:?})", self.at.height, self.root)
    }
}

impl StateBackend for StateView {
    fn root(&self) -> Hash {
        self.root
    }

    fn get(&self, key: &[u8]) -> Result<Option<Bytes>, BackendError> {
        let value = self.store.latest(key)?;
        if self.is_latest()? {
            return Ok(value);
        }
        let earlier = self.store.value_before(key, self.at.height)?;
        // Nothing was pruned or taken back under this read.
        self.is_latest()?;
        Ok(earlier.unwrap_or(value))
    }

    fn next_key(&self, key: &[u8]) -> Result<Option<Vec<u8>>, BackendError> {
        Ok(self.keys_from(Bound::Excluded(key), &[], 1)?.pop())
    }

    fn commit(&self, changes: &mut dyn Iterator<Item = (&[u8], Option<&[u8]>)>) -> Result<Commit, BackendError> {
        self.commit_from(self, changes.collect())
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
        let from = match after {
            Some(after) if after >= prefix => Bound::Excluded(after),
            _ => Bound::Included(prefix),
        };
        self.keys_from(from, prefix, limit)
    }
}

impl Source for StateView {
    fn cached(&self, hash: &Hash) -> Option<Bytes> {
        self.cache.get(hash)
    }

    fn node(&self, address: &Address, hash: &Hash) -> Result<Bytes, BackendError> {
        self.find_node(address, hash)?.ok_or(BackendError::Missing(*hash))
    }
}

/// One use of trie-db over a state. trie-db's database can only answer "not there", so the reason is kept aside.
struct Session<'a> {
    view: &'a StateView,
    failure: Mutex<Option<BackendError>>,
}

impl Session<'_> {
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
                hash: self.view.root,
                reason,
            },
        }
    }
}

impl HashDBRef<Blake3Hasher, DBValue> for Session<'_> {
    fn get(&self, key: &Hash, prefix: Prefix<'_>) -> Option<DBValue> {
        match self.view.bytes_at(&Address::of_prefix(prefix), key) {
            Ok(bytes) => Some(bytes.to_vec()),
            Err(failure) => {
                self.failure.lock().get_or_insert(failure);
                None
            }
        }
    }

    fn contains(&self, key: &Hash, prefix: Prefix<'_>) -> bool {
        self.get(key, prefix).is_some()
    }
}
