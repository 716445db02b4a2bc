//! `ProofState`: a state of which a proof shows as much as a block needs.

use super::{
    BadBatchProof, BatchProof, Blobs,
    read::{ByHash, read},
};
use crate::{
    BackendError, Commit, StateBackend, ValueChange,
    store::Bytes,
    trie::{Address, Branch, Change, Child, Node, Source, extend_nibbles, nibbles_of, update},
    walk::{Found, value_at},
};
use parking_lot::Mutex;
use quids_core::Hash;
use quids_trie::{Blake3Hasher, EMPTY_ROOT, Hasher, Prefix};
use std::sync::Arc;

const NODE: &str = "node";
const VALUE: &str = "value";

/// The part of a state that a batch proof shows. Every answer is the state's, or an error: what the proof does not show, and
/// values by hash that are not at hand.
///
/// Who judges a block by it has to ask [`Self::failure`] first: whatever the runtime made of an error, after one there is no
/// verdict.
pub struct ProofState {
    root: Hash,
    pub(super) nodes: Arc<ByHash>,
    pub(super) values: Arc<ByHash>,
    by_hash: Arc<[Hash]>,
    blobs: Arc<dyn Blobs>,
    failure: Mutex<Option<BackendError>>,
}

impl ProofState {
    /// The state with this root, as far as the proof shows it. It may show less than is needed: that is seen when it is asked for.
    pub fn open(root: Hash, proof: &BatchProof, blobs: Arc<dyn Blobs>) -> Result<Self, BadBatchProof> {
        let contents = read(proof)?;
        if let Some(computed) = contents.root.filter(|computed| *computed != root) {
            return Err(BadBatchProof::Root { computed, stated: root });
        }
        Ok(Self {
            root,
            nodes: Arc::new(contents.nodes),
            values: Arc::new(contents.values),
            by_hash: contents.by_hash.into(),
            blobs,
            failure: Mutex::new(None),
        })
    }

    /// The same, without a failure so far: for what is tried beside the execution and may fail, like finding signatures early.
    pub fn afresh(&self) -> Self {
        Self {
            root: self.root,
            nodes: self.nodes.clone(),
            values: self.values.clone(),
            by_hash: self.by_hash.clone(),
            blobs: self.blobs.clone(),
            failure: Mutex::new(None),
        }
    }

    /// Hashes of values that, as the proof says, the block reads and that are not at hand: to fetch before it is executed.
    pub fn missing_blobs(&self) -> Vec<Hash> {
        let missing = |hash: &&Hash| self.blobs.get(hash).is_none();
        self.by_hash.iter().filter(missing).copied().collect()
    }

    /// The first thing that was asked for and could not be given, so far.
    pub fn failure(&self) -> Option<BackendError> {
        self.failure.lock().clone()
    }

    /// The hash of the value at `key`, whose bytes the proof need not show.
    pub fn value_hash(&self, key: &[u8]) -> Result<Option<Hash>, BackendError> {
        let found = self.noting(value_at(self.root, key, &|_: Prefix<'_>, hash| self.node_of(hash)))?;
        Ok(found.map(|found| match found {
            Found::Inline(bytes) => Blake3Hasher::hash(&bytes),
            Found::Hash(hash) => hash,
        }))
    }

    fn noting<T>(&self, result: Result<T, BackendError>) -> Result<T, BackendError> {
        result.inspect_err(|error| {
            self.failure.lock().get_or_insert_with(|| error.clone());
        })
    }

    fn node_of(&self, hash: &Hash) -> Result<Bytes, BackendError> {
        let node = self.nodes.get(hash).cloned();
        node.ok_or(BackendError::NotInProof {
            what: NODE,
            hash: *hash,
        })
    }

    fn value(&self, key: &[u8]) -> Result<Option<Bytes>, BackendError> {
        let hash = match value_at(self.root, key, &|_: Prefix<'_>, hash| self.node_of(hash))? {
            None => return Ok(None),
            Some(Found::Inline(bytes)) => return Ok(Some(bytes.into())),
            Some(Found::Hash(hash)) => hash,
        };
        if let Some(value) = self.values.get(&hash) {
            return Ok(Some(value.clone()));
        }
        let blob = self.blobs.get(&hash).filter(|blob| Blake3Hasher::hash(blob) == hash);
        match blob {
            Some(blob) => Ok(Some(blob)),
            None if self.by_hash.contains(&hash) => Err(BackendError::NoBlob(hash)),
            None => Err(BackendError::NotInProof { what: VALUE, hash }),
        }
    }

    fn decoded(&self, child: &Child) -> Result<Node, BackendError> {
        let malformed = |hash| move |reason| BackendError::Malformed { hash, reason };
        match child {
            Child::Hash(hash) => Node::decode(&self.node_of(hash)?).map_err(malformed(*hash)),
            Child::Inline(bytes, length) => {
                let bytes = bytes.get(..usize::from(*length)).unwrap_or_default();
                Node::decode(bytes).map_err(malformed(Blake3Hasher::hash(bytes)))
            }
        }
    }

    /// The smallest key greater than `key`, as nibbles: down its path as far as there are nodes, then to the next one.
    fn next(&self, key: &[u8]) -> Result<Option<Vec<u8>>, BackendError> {
        if self.root == EMPTY_ROOT {
            return Ok(None);
        }
        let key = nibbles_of(key);
        // Branches on the way, each with the nibbles to its children and the first child that is beyond the key.
        let mut above: Vec<(Box<Branch>, usize, usize)> = Vec::new();
        let (mut at, mut child) = (Vec::new(), Child::Hash(self.root));
        loop {
            let node = self.decoded(&child)?;
            let rest = key.get(at.len()..).unwrap_or_default();
            let partial = match &node {
                Node::Leaf { partial, .. } => partial,
                Node::Branch(branch) => &branch.partial,
            };
            // Nodes in the order of their keys: is this one, with all below it, before the key, beyond it, or on its way?
            if !rest.starts_with(partial) {
                if rest < &partial[..] {
                    return self.first(at, node).map(Some);
                }
                break;
            }
            at.extend(partial);
            let Node::Branch(branch) = node else { break };
            let Some(nibble) = key.get(at.len()).copied() else {
                above.push((branch, at.len(), 0));
                break;
            };
            let next = branch.children.get(usize::from(nibble)).copied().flatten();
            above.push((branch, at.len(), usize::from(nibble) + 1));
            let Some(next) = next else { break };
            at.push(nibble);
            child = next;
        }
        for (branch, depth, from) in above.into_iter().rev() {
            let next = branch.children.iter().enumerate().skip(from);
            let next = next
                .filter_map(|(nibble, child)| Some((nibble, child.as_ref()?)))
                .next();
            if let Some((nibble, child)) = next {
                at.truncate(depth);
                at.push(nibble as u8);
                return self.first(at, self.decoded(child)?).map(Some);
            }
        }
        Ok(None)
    }

    /// The first key at or below a node.
    fn first(&self, mut at: Vec<u8>, mut node: Node) -> Result<Vec<u8>, BackendError> {
        loop {
            match node {
                Node::Leaf { partial, .. } => {
                    at.extend(partial);
                    return Ok(at);
                }
                Node::Branch(branch) => {
                    at.extend(&branch.partial);
                    let children = branch.children.iter().enumerate();
                    let mut children = children.filter_map(|(nibble, child)| Some((nibble, child.as_ref()?)));
                    let Some((nibble, child)) = children.next().filter(|_| branch.value.is_none()) else {
                        return Ok(at);
                    };
                    at.push(nibble as u8);
                    node = self.decoded(child)?;
                }
            }
        }
    }

    fn new_root(&self, changes: &[(&[u8], Option<&[u8]>)]) -> Result<Hash, BackendError> {
        let mut nibbles = Vec::with_capacity(changes.iter().map(|(key, _)| key.len() * 2).sum());
        changes.iter().for_each(|(key, _)| extend_nibbles(&mut nibbles, key));
        let mut left = &nibbles[..];
        let mut by_path = Vec::with_capacity(changes.len());
        for (key, new) in changes {
            let (key, rest) = left.split_at_checked(key.len() * 2).unwrap_or((left, &[]));
            left = rest;
            by_path.push(Change {
                key,
                old: None,
                new: *new,
            });
        }
        Ok(update(self, self.root, &by_path)?.0)
    }
}

impl std::fmt::Debug for ProofState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ProofState({} nodes of {:?})", self.nodes.len(), self.root)
    }
}

impl StateBackend for ProofState {
    fn root(&self) -> Hash {
        self.root
    }

    fn get(&self, key: &[u8]) -> Result<Option<Bytes>, BackendError> {
        self.noting(self.value(key))
    }

    fn next_key(&self, key: &[u8]) -> Result<Option<Vec<u8>>, BackendError> {
        let Some(next) = self.noting(self.next(key))? else {
            return Ok(None);
        };
        let key = Address::new(next).key();
        let half = || BackendError::Malformed {
            hash: self.root,
            reason: "a key that ends within a byte".into(),
        };
        self.noting(key.ok_or_else(half)).map(Some)
    }

    /// The new root and values. It is not for storing: it has no nodes, what was there before is not told (`old` is `None`), and
    /// changes that change nothing are among them.
    fn commit(&self, changes: &mut dyn Iterator<Item = (&[u8], Option<&[u8]>)>) -> Result<Commit, BackendError> {
        let changes: Vec<_> = changes.collect();
        let root = self.noting(self.new_root(&changes))?;
        let values = changes.into_iter().map(|(key, new)| ValueChange {
            key: key.to_vec(),
            old: None,
            new: new.map(<[u8]>::to_vec),
        });
        Ok(Commit {
            root,
            values: values.collect(),
            nodes: Vec::new(),
        })
    }

    fn prove(&self, _: &[&[u8]]) -> Result<Vec<Vec<u8>>, BackendError> {
        Err(BackendError::Proof("a state that a proof shows proves nothing".into()))
    }
}

impl Source for ProofState {
    fn cached(&self, hash: &Hash) -> Option<Bytes> {
        self.nodes.get(hash).cloned()
    }

    fn node(&self, _: &Address, hash: &Hash) -> Result<Bytes, BackendError> {
        self.node_of(hash)
    }
}
