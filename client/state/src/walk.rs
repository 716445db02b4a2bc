//! The walk from the root to a key, over encoded nodes that are shared, not copied.

use crate::BackendError;
use quids_core::Hash;
use quids_trie::{
    EMPTY_ROOT, NodeCodec,
    trie_db::{
        NibbleSlice, NodeCodec as _,
        node::{NodeHandlePlan, NodePlan, ValuePlan},
    },
};
use std::{ops::Range, sync::Arc};

/// Where a value lies in the node that was reached.
enum Found {
    Absent,
    Value(ValuePlan),
    Child(NodeHandlePlan),
}

/// The value at `key` in the trie at `root`. `fetch` gives the node or value with a hash.
pub(crate) fn get(
    root: Hash,
    key: &[u8],
    fetch: &impl Fn(&Hash) -> Result<Arc<[u8]>, BackendError>,
) -> Result<Option<Arc<[u8]>>, BackendError> {
    if root == EMPTY_ROOT {
        return Ok(None);
    }
    let mut rest = NibbleSlice::new(key);
    let mut hash = root;
    // The stored node, and the part of it that is the current node: all of it, or an inline child.
    let mut stored = fetch(&hash)?;
    let mut current = 0..stored.len();
    // A step to a child uses at least one nibble of the key, so the walk ends.
    loop {
        let malformed = |reason: String| BackendError::Malformed { hash, reason };
        let outside = || malformed("a part lies outside the node".into());
        let node = stored.get(current.clone()).ok_or_else(outside)?;
        let part = |range: Range<usize>| range.start + current.start..range.end + current.start;
        match step(node, &mut rest).map_err(malformed)? {
            Found::Absent => return Ok(None),
            Found::Value(ValuePlan::Inline(range)) => {
                return Ok(Some(stored.get(part(range)).ok_or_else(outside)?.into()));
            }
            Found::Value(ValuePlan::Node(range)) => {
                return fetch(&hash_at(stored.get(part(range))).ok_or_else(outside)?).map(Some);
            }
            Found::Child(NodeHandlePlan::Inline(range)) => current = part(range),
            Found::Child(NodeHandlePlan::Hash(range)) => {
                hash = hash_at(stored.get(part(range))).ok_or_else(outside)?;
                stored = fetch(&hash)?;
                current = 0..stored.len();
            }
        }
    }
}

/// The Merkle value of the closest node at or below `key`, branches without value included: the node itself if its
/// parent holds it inline, else its hash. `None` if nothing begins with `key`.
pub(crate) fn closest_merkle_value(
    root: Hash,
    key: &[u8],
    fetch: &impl Fn(&Hash) -> Result<Arc<[u8]>, BackendError>,
) -> Result<Option<Vec<u8>>, BackendError> {
    if root == EMPTY_ROOT {
        return Ok(None);
    }
    let mut rest = NibbleSlice::new(key);
    let mut hash = root;
    let mut stored = fetch(&hash)?;
    let mut current = 0..stored.len();
    // As in `get`, each step uses a nibble.
    loop {
        let malformed = |reason: String| BackendError::Malformed { hash, reason };
        let outside = || malformed("a part lies outside the node".into());
        let node = stored.get(current.clone()).ok_or_else(outside)?;
        let part = |range: Range<usize>| range.start + current.start..range.end + current.start;
        let plan = NodeCodec::decode_plan(node).map_err(|error| malformed(error.to_string()))?;
        let (partial, children) = match plan {
            NodePlan::Leaf { partial, .. } => (partial, None),
            NodePlan::NibbledBranch { partial, children, .. } => (partial, Some(children)),
            NodePlan::Empty | NodePlan::Extension { .. } | NodePlan::Branch { .. } => {
                return Err(malformed("a kind of node that does not occur below a root".into()));
            }
        };
        let partial = partial.build(node);
        if partial.starts_with(&rest) {
            let is_inline = node.len() != stored.len();
            return Ok(Some(if is_inline {
                node.to_vec()
            } else {
                hash.as_bytes().to_vec()
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
                stored = fetch(&hash)?;
                current = 0..stored.len();
            }
        }
    }
}

/// One node: what `rest` of the key leads to from it. Takes off `rest` what the node covers.
fn step(node: &[u8], rest: &mut NibbleSlice<'_>) -> Result<Found, String> {
    match NodeCodec::decode_plan(node).map_err(|error| error.to_string())? {
        NodePlan::Leaf { partial, value } => Ok(if partial.build(node) == *rest {
            Found::Value(value)
        } else {
            Found::Absent
        }),
        NodePlan::NibbledBranch {
            partial,
            value,
            mut children,
        } => {
            if !rest.starts_with(&partial.build(node)) {
                return Ok(Found::Absent);
            }
            *rest = rest.mid(partial.len());
            if rest.is_empty() {
                return Ok(value.map_or(Found::Absent, Found::Value));
            }
            let child = children.get_mut(usize::from(rest.at(0))).and_then(Option::take);
            *rest = rest.mid(1);
            Ok(child.map_or(Found::Absent, Found::Child))
        }
        NodePlan::Empty | NodePlan::Extension { .. } | NodePlan::Branch { .. } => {
            Err("a kind of node that does not occur below a root".into())
        }
    }
}

fn hash_at(bytes: Option<&[u8]>) -> Option<Hash> {
    let bytes: [u8; 32] = bytes?.try_into().ok()?;
    Some(bytes.into())
}
