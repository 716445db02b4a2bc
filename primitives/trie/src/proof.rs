//! Storage proofs: the nodes and hashed values on the way to some keys, as a plain list in the
//! order a reader needs them. For one root and one set of keys exactly one list is accepted.

use alloc::{borrow::ToOwned, collections::BTreeMap, vec::Vec};

use codec::{Compact, Decode, Encode, Input};
use hash_db::Hasher;
use quids_core::Hash;

use crate::{codec::CodecError, hasher::Blake3Hasher, layout::NodeDB, lookup::lookup};

/// Most nodes in a proof.
pub const PROOF_NODES_MAX: usize = 65_536;
/// Most bytes in a proof's nodes together: room for the runtime's code and a full block's reads.
pub const PROOF_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Encoded nodes and hashed values, each once, in the order in which reading the keys in ascending
/// order first needs them. Nothing is trusted about one that came from outside until
/// [`read_proof`] or [`verify_proof`] accepted it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode)]
pub struct Proof(pub Vec<Vec<u8>>);

impl Proof {
    /// Bytes of all nodes together.
    pub fn len_bytes(&self) -> usize {
        self.0.iter().fold(0, |sum, node| sum.saturating_add(node.len()))
    }

    fn check_bounds(&self) -> Result<(), ProofError> {
        check_bounds(self.0.len(), self.len_bytes())
    }
}

impl Decode for Proof {
    /// SCALE `Vec<Vec<u8>>`, refused as soon as it passes the bounds.
    fn decode<I: Input>(input: &mut I) -> Result<Self, codec::Error> {
        let count = Compact::<u32>::decode(input)?.0 as usize;
        let too_big = |_| codec::Error::from("proof exceeds its bounds");
        check_bounds(count, 0).map_err(too_big)?;
        let mut bytes = 0usize;
        let mut nodes = Vec::new();
        for _ in 0..count {
            let len = Compact::<u32>::decode(input)?.0 as usize;
            bytes = bytes.saturating_add(len);
            check_bounds(count, bytes).map_err(too_big)?;
            if input.remaining_len()?.is_some_and(|left| left < len) {
                return Err("proof ends early".into());
            }
            let mut node = alloc::vec![0u8; len];
            input.read(&mut node)?;
            nodes.push(node);
        }
        Ok(Proof(nodes))
    }
}

fn check_bounds(nodes: usize, bytes: usize) -> Result<(), ProofError> {
    if nodes > PROOF_NODES_MAX {
        return Err(ProofError::TooManyNodes(nodes));
    }
    if bytes > PROOF_BYTES_MAX {
        return Err(ProofError::TooManyBytes(bytes));
    }
    Ok(())
}

/// Why a proof cannot be made or is not accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    #[error("proof has {0} nodes, more than {PROOF_NODES_MAX}")]
    TooManyNodes(usize),
    #[error("proof has {0} bytes, more than {PROOF_BYTES_MAX}")]
    TooManyBytes(usize),
    /// The proof ends early, or the database lacks this node.
    #[error("node {0:?} is missing")]
    Missing(Hash),
    /// Altered, duplicate or out of place.
    #[error("node {index} of the proof does not hash to {expected:?}")]
    WrongNode { index: usize, expected: Hash },
    #[error("{0} nodes at the end of the proof are not needed")]
    Unused(usize),
    #[error("node {hash:?} is malformed: {error}")]
    BadNode { hash: Hash, error: CodecError },
    #[error("proven value of key {key:02x?} is not the expected one")]
    ValueMismatch { key: Vec<u8> },
}

/// Proves the values, or the absence, of `keys` in the trie at `root`. The order of `keys` does not
/// matter and repeated ones count once.
///
/// Errors: a node missing from `db`, or a proof beyond the bounds (ask for fewer keys).
pub fn generate_proof<K: AsRef<[u8]>>(
    db: &NodeDB<'_>,
    root: Hash,
    keys: impl IntoIterator<Item = K>,
) -> Result<Proof, ProofError> {
    let keys: Vec<K> = keys.into_iter().collect();
    let mut proof = Proof::default();
    let mut bytes = 0usize;
    let mut seen = BTreeMap::new();
    let mut fetch = |hash: Hash, prefix: hash_db::Prefix<'_>| {
        if let Some(node) = seen.get(&hash).and_then(|index: &usize| proof.0.get(*index)) {
            return Ok(node.clone());
        }
        let node = db.get(&hash, prefix).ok_or(ProofError::Missing(hash))?;
        bytes = bytes.saturating_add(node.len());
        check_bounds(proof.0.len().saturating_add(1), bytes)?;
        seen.insert(hash, proof.0.len());
        proof.0.push(node.clone());
        Ok(node)
    };
    for (key, _) in sorted(&keys) {
        lookup(root, key, &mut fetch)?;
    }
    Ok(proof)
}

/// The values of `keys` in the trie at `root`, in the order of `keys`, `None` for absent ones.
/// `proof` must be what [`generate_proof`] makes for this root and these keys, to the byte.
pub fn read_proof<K: AsRef<[u8]>>(
    root: Hash,
    proof: &Proof,
    keys: impl IntoIterator<Item = K>,
) -> Result<Vec<Option<Vec<u8>>>, ProofError> {
    proof.check_bounds()?;
    let keys: Vec<K> = keys.into_iter().collect();
    let mut values = alloc::vec![None; keys.len()];
    let mut used = 0usize;
    let mut seen: BTreeMap<Hash, &Vec<u8>> = BTreeMap::new();
    // A hash met before is not in the list again; a new one must be that of the next node.
    let mut fetch = |hash: Hash, _: hash_db::Prefix<'_>| {
        if let Some(node) = seen.get(&hash) {
            return Ok((*node).to_owned());
        }
        let node = proof.0.get(used).ok_or(ProofError::Missing(hash))?;
        if Blake3Hasher::hash(node) != hash {
            return Err(ProofError::WrongNode {
                index: used,
                expected: hash,
            });
        }
        used = used.saturating_add(1);
        seen.insert(hash, node);
        Ok(node.to_owned())
    };
    for (key, position) in sorted(&keys) {
        let value = lookup(root, key, &mut fetch)?;
        if let Some(slot) = values.get_mut(position) {
            *slot = value;
        }
    }
    match proof.0.len().saturating_sub(used) {
        0 => Ok(values),
        unused => Err(ProofError::Unused(unused)),
    }
}

/// Accepts `proof` only if it proves every item: the value of its key, or with `None` the absence.
pub fn verify_proof<K: AsRef<[u8]>, V: AsRef<[u8]>>(
    root: Hash,
    proof: &Proof,
    items: impl IntoIterator<Item = (K, Option<V>)>,
) -> Result<(), ProofError> {
    let (keys, expected): (Vec<K>, Vec<Option<V>>) = items.into_iter().unzip();
    let values = read_proof(root, proof, keys.iter())?;
    for ((key, expected), value) in keys.iter().zip(&expected).zip(&values) {
        if expected.as_ref().map(AsRef::as_ref) != value.as_deref() {
            return Err(ProofError::ValueMismatch {
                key: key.as_ref().to_vec(),
            });
        }
    }
    Ok(())
}

/// Keys in ascending order, each with its position in `keys`.
fn sorted<K: AsRef<[u8]>>(keys: &[K]) -> Vec<(&[u8], usize)> {
    let mut order: Vec<(&[u8], usize)> = keys
        .iter()
        .enumerate()
        .map(|(position, key)| (key.as_ref(), position))
        .collect();
    order.sort_unstable();
    order
}
