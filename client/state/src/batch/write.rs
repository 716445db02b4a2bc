//! From what an execution needs to the bytes of a proof: one walk, subtries side by side.

use super::{
    BATCH_PROOF_BYTES_MAX, BATCH_PROOF_NODES_MAX, BRANCH, BatchProof, INLINE, NO_VALUE, SHOWN, VALUE_BY_HASH,
    VALUE_INLINE, VALUE_SHIFT, VALUE_SHOWN, VALUE_UNREAD,
};
use crate::{
    BackendError, StateBackend, StateView,
    store::Bytes,
    trie::{Address, Child, Node, PARALLEL_MIN, Source, Value, expected_leaf, groups, packed},
};
use codec::{Compact, Encode};
use quids_core::Hash;
use quids_trie::{EMPTY_ROOT, trie_db::node::Value as Plain};
use rayon::prelude::*;
use std::{collections::HashMap, ops::Range};

/// All nodes on a way through the trie, as far as it goes.
#[derive(Debug)]
pub(super) struct Need<'a> {
    /// Nibbles: of a key, or the address of a node.
    pub path: &'a [u8],
    /// Its value too.
    pub is_read: bool,
    /// What is there, if it is known.
    pub value: Option<&'a Bytes>,
}

/// Where nodes come from.
pub(super) struct Nodes<'a> {
    pub view: &'a StateView,
    /// Those that were looked for already.
    pub loaded: &'a HashMap<Hash, Bytes, foldhash::fast::RandomState>,
}

impl Nodes<'_> {
    /// The node with this hash at the first `depth` nibbles of some needs.
    fn node(&self, hash: &Hash, depth: usize, needs: &[Need<'_>]) -> Result<Node, BackendError> {
        let at = needs
            .first()
            .and_then(|need| need.path.get(..depth))
            .unwrap_or_default();
        let bytes = match self.view.cached(hash).or_else(|| self.loaded.get(hash).cloned()) {
            Some(bytes) => bytes,
            None => {
                let known = needs.iter().filter_map(|need| Some((need.path, &**need.value?)));
                if let Some((_, leaf)) = expected_leaf(at, hash, known) {
                    return Ok(leaf);
                }
                self.view.node(&Address::new(at), hash)?
            }
        };
        Node::decode(&bytes).map_err(|reason| BackendError::Malformed { hash: *hash, reason })
    }
}

#[derive(Default)]
struct Out {
    bytes: Vec<u8>,
    nodes: usize,
}

struct Writer<'a> {
    nodes: &'a Nodes<'a>,
    by_hash: &'a (dyn Fn(&[u8], &[u8]) -> bool + Sync),
}

/// The proof of `needs`, ascending, each path once.
pub(super) fn write(
    nodes: &Nodes<'_>,
    by_hash: &(dyn Fn(&[u8], &[u8]) -> bool + Sync),
    needs: &[Need<'_>],
) -> Result<BatchProof, BackendError> {
    let mut out = Out::default();
    let root = nodes.view.root();
    if root != EMPTY_ROOT && !needs.is_empty() {
        Writer { nodes, by_hash }.node(&root, 0, needs, &mut out)?;
    }
    if out.nodes > BATCH_PROOF_NODES_MAX || out.bytes.len() > BATCH_PROOF_BYTES_MAX {
        let (nodes, bytes) = (out.nodes, out.bytes.len());
        let reason = format!(
            "it would have {nodes} nodes of {BATCH_PROOF_NODES_MAX} and {bytes} bytes of {BATCH_PROOF_BYTES_MAX}"
        );
        return Err(BackendError::Proof(reason));
    }
    Ok(BatchProof(out.bytes))
}

impl Writer<'_> {
    /// The node with this hash, where all of `needs` lead, and what is below it.
    fn node(&self, hash: &Hash, depth: usize, needs: &[Need<'_>], out: &mut Out) -> Result<(), BackendError> {
        let node = self.nodes.node(hash, depth, needs)?;
        out.nodes = out.nodes.saturating_add(1);
        let (partial, value, children) = match &node {
            Node::Leaf { partial, value } => (partial, Some(value), None),
            Node::Branch(branch) => (&branch.partial, branch.value.as_ref(), Some(&branch.children)),
        };
        let end = depth.saturating_add(partial.len());
        let rest = |need: &Need<'_>| need.path.get(depth..end).is_some_and(|path| path == partial);
        let start = needs.iter().position(rest).unwrap_or(needs.len());
        let mut below = needs.get(start..).unwrap_or_default();
        let count = below.iter().take_while(|need| rest(need)).count();
        below = below.get(..count).unwrap_or_default();
        let own = below.first().filter(|need| need.path.len() == end);
        below = below.get(usize::from(own.is_some())..).unwrap_or_default();

        let (value_kind, value) = self.value(value, own)?;
        let mut tag = value_kind << VALUE_SHIFT;
        let Some(children) = children else {
            start_node(tag, partial, out);
            out.bytes.extend(value);
            return Ok(());
        };
        let child = |nibble: u8| children.get(usize::from(nibble)).and_then(Option::as_ref);
        let mut shown = groups(below, end, |need| need.path);
        shown.retain(|(nibble, _)| matches!(child(*nibble), Some(Child::Hash(_))));
        let shown_bits = bits(shown.iter().map(|(nibble, _)| *nibble));
        let there = (0..16u8).filter_map(|nibble| Some((nibble, child(nibble)?)));
        let inline = there.clone().filter(|(_, child)| matches!(child, Child::Inline(..)));
        let inline_bits = bits(inline.map(|(nibble, _)| nibble));
        tag |= BRANCH;
        tag |= if shown_bits == 0 { 0 } else { SHOWN };
        tag |= if inline_bits == 0 { 0 } else { INLINE };
        start_node(tag, partial, out);
        let there_bits = bits(there.clone().map(|(nibble, _)| nibble));
        out.bytes.extend(there_bits.to_le_bytes());
        for optional in [shown_bits, inline_bits].into_iter().filter(|bits| *bits != 0) {
            out.bytes.extend(optional.to_le_bytes());
        }
        out.bytes.extend(value);
        for (nibble, child) in there {
            match child {
                Child::Hash(_) if shown_bits & (1 << nibble) != 0 => {}
                Child::Hash(hash) => out.bytes.extend(hash.as_bytes()),
                Child::Inline(bytes, length) => {
                    out.bytes.push(*length);
                    out.bytes.extend(bytes.iter().take(usize::from(*length)));
                }
            }
        }
        let one = |(nibble, range): &(u8, Range<usize>), out: &mut Out| match child(*nibble) {
            Some(Child::Hash(hash)) => {
                let needs = below.get(range.clone()).unwrap_or_default();
                self.node(hash, end.saturating_add(1), needs, out)
            }
            _ => Ok(()),
        };
        if below.len() < PARALLEL_MIN || shown.len() < 2 {
            return shown.iter().try_for_each(|group| one(group, out));
        }
        let parts = shown.par_iter().map(|group| {
            let mut out = Out::default();
            one(group, &mut out).map(|()| out)
        });
        for part in parts.collect::<Result<Vec<Out>, BackendError>>()? {
            out.bytes.extend(part.bytes);
            out.nodes = out.nodes.saturating_add(part.nodes);
        }
        Ok(())
    }

    /// What there is of a node's value, and how it is tagged.
    fn value(&self, value: Option<&Value>, own: Option<&Need<'_>>) -> Result<(u8, Vec<u8>), BackendError> {
        let hash = match value.map(Value::plain) {
            None => return Ok((NO_VALUE, Vec::new())),
            Some(Plain::Inline(bytes)) => {
                let length = u8::try_from(bytes.len()).unwrap_or(u8::MAX);
                return Ok((VALUE_INLINE, [&[length], bytes].concat()));
            }
            Some(Plain::Node(hash)) => hash.to_vec(),
        };
        let Some(need) = own.filter(|need| need.is_read) else {
            return Ok((VALUE_UNREAD, hash));
        };
        let missing = || BackendError::Missing(Hash::from_slice(&hash));
        let value = need.value.ok_or_else(missing)?;
        let key = Address::new(need.path).key().ok_or_else(missing)?;
        Ok(match (self.by_hash)(&key, value) {
            true => (VALUE_BY_HASH, hash),
            false => (VALUE_SHOWN, value.encode()),
        })
    }
}

fn start_node(tag: u8, partial: &[u8], out: &mut Out) {
    out.bytes.push(tag);
    Compact(u32::try_from(partial.len()).unwrap_or(u32::MAX)).encode_to(&mut out.bytes);
    out.bytes.extend(packed(partial));
}

fn bits(nibbles: impl Iterator<Item = u8>) -> u16 {
    nibbles.fold(0, |bits, nibble| bits | 1 << nibble)
}
