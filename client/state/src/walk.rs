//! The walk from the root to the closest node below a key, over encoded nodes that are shared, not copied.

use crate::{BackendError, trie::Address};
use quids_core::Hash;
use quids_trie::{
    EMPTY_ROOT, NodeCodec,
    trie_db::{
        NibbleSlice, NodeCodec as _,
        node::{NodeHandlePlan, NodePlan},
    },
};
use std::{ops::Range, sync::Arc};

/// The Merkle value of the closest node at or below `key`, branches without value included: the node itself if its
/// parent holds it inline, else its hash. `None` if nothing begins with `key`.
pub(crate) fn closest_merkle_value(
    root: Hash,
    key: &[u8],
    fetch: &impl Fn(&Address, &Hash) -> Result<Arc<[u8]>, BackendError>,
) -> Result<Option<Vec<u8>>, BackendError> {
    if root == EMPTY_ROOT {
        return Ok(None);
    }
    let mut rest = NibbleSlice::new(key);
    let mut hash = root;
    // The stored node, and the part of it that is the current node: all of it, or an inline child.
    let mut stored = fetch(&Address::default(), &hash)?;
    let mut current = 0..stored.len();
    // A step to a child uses at least one nibble of the key, so the walk ends.
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
                stored = fetch(&Address::of_prefix(rest.left()), &hash)?;
                current = 0..stored.len();
            }
        }
    }
}

fn hash_at(bytes: Option<&[u8]>) -> Option<Hash> {
    let bytes: [u8; 32] = bytes?.try_into().ok()?;
    Some(bytes.into())
}
