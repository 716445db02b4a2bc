//! The walk from the root to the closest node below a key, over encoded nodes that are shared, not copied.

use crate::BackendError;
use quids_core::Hash;
use quids_trie::{
    EMPTY_PREFIX, EMPTY_ROOT, NodeCodec, Prefix,
    trie_db::{
        NibbleSlice, NodeCodec as _,
        node::{NodeHandlePlan, NodePlan, ValuePlan},
    },
};
use std::{ops::Range, sync::Arc};

/// The closest node at or below a key.
struct Closest {
    /// The nearest hash at or above it, and the node with that.
    hash: Hash,
    stored: Arc<[u8]>,
    /// The part of `stored` that is the node: all of it, or an inline child.
    part: Range<usize>,
    /// Its value, as a part of `part`, if the key is its own.
    value: Option<ValuePlan>,
}

/// A value, or its hash.
pub(crate) enum Found {
    Inline(Vec<u8>),
    Hash(Hash),
}

/// The Merkle value of the closest node at or below `key`, branches without value included: the node itself if its
/// parent holds it inline, else its hash. `None` if nothing begins with `key`.
pub(crate) fn closest_merkle_value(
    root: Hash,
    key: &[u8],
    fetch: &impl Fn(Prefix<'_>, &Hash) -> Result<Arc<[u8]>, BackendError>,
) -> Result<Option<Vec<u8>>, BackendError> {
    let closest = closest(root, key, fetch)?;
    Ok(
        closest.and_then(|closest| match closest.part.len() == closest.stored.len() {
            true => Some(closest.hash.as_bytes().to_vec()),
            false => closest.stored.get(closest.part).map(<[u8]>::to_vec),
        }),
    )
}

/// The value at `key`, `None` if it is absent.
pub(crate) fn value_at(
    root: Hash,
    key: &[u8],
    fetch: &impl Fn(Prefix<'_>, &Hash) -> Result<Arc<[u8]>, BackendError>,
) -> Result<Option<Found>, BackendError> {
    let Some(closest) = closest(root, key, fetch)? else {
        return Ok(None);
    };
    let node = closest.stored.get(closest.part).unwrap_or_default();
    Ok(closest.value.and_then(|value| match value {
        ValuePlan::Inline(range) => node.get(range).map(|bytes| Found::Inline(bytes.to_vec())),
        ValuePlan::Node(range) => hash_at(node.get(range)).map(Found::Hash),
    }))
}

fn closest(
    root: Hash,
    key: &[u8],
    fetch: &impl Fn(Prefix<'_>, &Hash) -> Result<Arc<[u8]>, BackendError>,
) -> Result<Option<Closest>, BackendError> {
    if root == EMPTY_ROOT {
        return Ok(None);
    }
    let mut rest = NibbleSlice::new(key);
    let mut hash = root;
    // The stored node, and the part of it that is the current node: all of it, or an inline child.
    let mut stored = fetch(EMPTY_PREFIX, &hash)?;
    let mut current = 0..stored.len();
    // A step to a child uses at least one nibble of the key, so the walk ends.
    loop {
        let malformed = |reason: String| BackendError::Malformed { hash, reason };
        let outside = || malformed("a part lies outside the node".into());
        let node = stored.get(current.clone()).ok_or_else(outside)?;
        let part = |range: Range<usize>| range.start + current.start..range.end + current.start;
        let plan = NodeCodec::decode_plan(node).map_err(|error| malformed(error.to_string()))?;
        let (partial, value, children) = match plan {
            NodePlan::Leaf { partial, value } => (partial, Some(value), None),
            NodePlan::NibbledBranch {
                partial,
                value,
                children,
            } => (partial, value, Some(children)),
            NodePlan::Empty | NodePlan::Extension { .. } | NodePlan::Branch { .. } => {
                return Err(malformed("a kind of node that does not occur below a root".into()));
            }
        };
        let partial = partial.build(node);
        if partial.starts_with(&rest) {
            let value = value.filter(|_| partial.len() == rest.len());
            return Ok(Some(Closest {
                hash,
                part: current,
                value,
                stored,
            }));
        }
        let Some(mut children) = children.filter(|_| rest.starts_with(&partial)) else {
            return Ok(None);
        };
        rest = rest.mid(partial.len());
        let child = children.get_mut(usize::from(rest.at(0))).and_then(Option::take);
        rest = rest.mid(1);
        match child {
            None => return Ok(None),
            Some(NodeHandlePlan::Inline(range)) => current = part(range),
            Some(NodeHandlePlan::Hash(range)) => {
                hash = hash_at(stored.get(part(range))).ok_or_else(outside)?;
                stored = fetch(rest.left(), &hash)?;
                current = 0..stored.len();
            }
        }
    }
}

fn hash_at(bytes: Option<&[u8]>) -> Option<Hash> {
    let bytes: [u8; 32] = bytes?.try_into().ok()?;
    Some(bytes.into())
}
