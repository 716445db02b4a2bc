//! From the bytes of a proof to nodes and their hashes, from below. Total on any bytes: what it allocates they have paid for.

use super::{
    BATCH_PROOF_BYTES_MAX, BATCH_PROOF_NODES_MAX, BRANCH, BadBatchProof, BatchProof, INLINE, NO_VALUE, SHOWN,
    VALUE_BY_HASH, VALUE_INLINE, VALUE_SHIFT, VALUE_SHOWN, VALUE_UNREAD,
};
use crate::store::Bytes;
use codec::{Compact, Decode};
use quids_core::Hash;
use quids_trie::{
    Blake3Hasher, EMPTY_NODE, Hasher, INLINE_VALUE_LEN_MAX, NodeCodec,
    trie_db::{ChildReference, NodeCodec as _, node::Value as Plain},
};
use std::collections::HashMap;

const HASH_LEN: usize = 32;

pub(super) type ByHash = HashMap<Hash, Bytes, foldhash::fast::RandomState>;

/// What a proof has. Nodes and values apart: a value may be the bytes of a node.
#[derive(Debug, Default)]
pub(super) struct Contents {
    /// Of a proof that is not empty.
    pub root: Option<Hash>,
    pub nodes: ByHash,
    pub values: ByHash,
    /// In the order of their keys.
    pub by_hash: Vec<Hash>,
}

/// A node in the form that is hashed, with room for the hashes of children that follow.
struct Open {
    bytes: Vec<u8>,
    /// Where those go that are still missing, the next one last.
    missing: Vec<usize>,
}

pub(super) fn read(proof: &BatchProof) -> Result<Contents, BadBatchProof> {
    let mut contents = Contents::default();
    if proof.0.len() > BATCH_PROOF_BYTES_MAX {
        return Err(BadBatchProof::TooManyBytes(proof.0.len()));
    }
    if proof.0.is_empty() {
        return Ok(contents);
    }
    let mut input = Input {
        bytes: &proof.0,
        length: proof.0.len(),
    };
    // A node is here as long as one below it is missing.
    let mut above: Vec<Open> = Vec::new();
    for _ in 0..BATCH_PROOF_NODES_MAX {
        let mut node = input.node(&mut contents)?;
        while node.missing.is_empty() {
            let hash = Blake3Hasher::hash(&node.bytes);
            let is_short = node.bytes.len() < HASH_LEN;
            contents.nodes.insert(hash, node.bytes.into());
            let Some(mut parent) = above.pop() else {
                contents.root = Some(hash);
                return match input.bytes.len() {
                    0 => Ok(contents),
                    unused => Err(BadBatchProof::Unused(unused)),
                };
            };
            if is_short {
                return Err(input.malformed("a child so short that its parent holds it"));
            }
            let at = parent.missing.pop().unwrap_or_default();
            for (to, from) in parent.bytes.iter_mut().skip(at).zip(hash.as_bytes()) {
                *to = *from;
            }
            node = parent;
        }
        node.bytes.shrink_to_fit();
        above.push(node);
    }
    Err(BadBatchProof::TooManyNodes)
}

struct Input<'a> {
    /// Not yet read.
    bytes: &'a [u8],
    /// Of all.
    length: usize,
}

impl<'a> Input<'a> {
    fn at(&self) -> usize {
        self.length.saturating_sub(self.bytes.len())
    }

    fn malformed(&self, reason: &'static str) -> BadBatchProof {
        BadBatchProof::Malformed { at: self.at(), reason }
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8], BadBatchProof> {
        let ends_early = BadBatchProof::EndsEarly(self.at());
        let (taken, rest) = self.bytes.split_at_checked(count).ok_or(ends_early)?;
        self.bytes = rest;
        Ok(taken)
    }

    fn byte(&mut self) -> Result<u8, BadBatchProof> {
        Ok(self.take(1)?.first().copied().unwrap_or_default())
    }

    fn bits(&mut self) -> Result<u16, BadBatchProof> {
        let bytes = self.take(2)?.try_into().unwrap_or_default();
        Ok(u16::from_le_bytes(bytes))
    }

    fn compact(&mut self) -> Result<usize, BadBatchProof> {
        let mut rest = self.bytes;
        let number = Compact::<u32>::decode(&mut rest).map_err(|_| self.malformed("a number that is none"))?;
        self.bytes = rest;
        Ok(number.0 as usize)
    }

    /// Children that are marked among those that are there, if the tag says that some are.
    fn some_of(&mut self, is_tagged: bool, there: u16) -> Result<u16, BadBatchProof> {
        if !is_tagged {
            return Ok(0);
        }
        match self.bits()? {
            bits if bits != 0 && bits & !there == 0 => Ok(bits),
            _ => Err(self.malformed("marks of no children, or of children that are not there")),
        }
    }

    /// The bytes of an inline value, or the hash of another.
    fn value(&mut self, kind: u8, contents: &mut Contents) -> Result<Option<(bool, Vec<u8>)>, BadBatchProof> {
        let value = match kind {
            NO_VALUE => return Ok(None),
            VALUE_INLINE => {
                let length = usize::from(self.byte()?);
                if length > INLINE_VALUE_LEN_MAX {
                    return Err(self.malformed("an inline value of more than 32 bytes"));
                }
                (true, self.take(length)?.to_vec())
            }
            VALUE_UNREAD => (false, self.take(HASH_LEN)?.to_vec()),
            VALUE_BY_HASH => {
                let hash = self.take(HASH_LEN)?;
                contents.by_hash.push(Hash::from_slice(hash));
                (false, hash.to_vec())
            }
            VALUE_SHOWN => {
                let length = self.compact()?;
                let value = self.take(length)?;
                if length <= INLINE_VALUE_LEN_MAX {
                    return Err(self.malformed("a value of up to 32 bytes that is not inline"));
                }
                let hash = Blake3Hasher::hash(value);
                contents.values.insert(hash, value.into());
                (false, hash.as_bytes().to_vec())
            }
            _ => return Err(self.malformed("a kind of value that there is not")),
        };
        Ok(Some(value))
    }

    fn node(&mut self, contents: &mut Contents) -> Result<Open, BadBatchProof> {
        let tag = self.byte()?;
        let is_branch = tag & BRANCH != 0;
        let nibbles = self.compact()?;
        let partial = self.take(nibbles.div_ceil(2))?.iter().copied();
        let (mut there, mut shown, mut inline) = (0, 0, 0);
        if is_branch {
            there = self.bits()?;
            shown = self.some_of(tag & SHOWN != 0, there)?;
            inline = self.some_of(tag & INLINE != 0, there & !shown)?;
        }
        let value = self.value(tag >> VALUE_SHIFT, contents)?;
        let plain = value.as_ref().map(|(is_inline, bytes)| match is_inline {
            true => Plain::Inline(bytes),
            false => Plain::Node(bytes),
        });
        if !is_branch {
            let plain = plain.filter(|_| tag & (SHOWN | INLINE) == 0);
            let value = plain.ok_or_else(|| self.malformed("a leaf without a value, or with children"))?;
            return Ok(Open {
                bytes: NodeCodec::leaf_node(partial, nibbles, value),
                missing: Vec::new(),
            });
        }
        let (mut children, mut length, mut missing) = ([const { None }; 16], 0usize, Vec::new());
        for (nibble, child) in children.iter_mut().enumerate() {
            let bit = 1u16 << nibble;
            // In a node, a byte of length comes first.
            length = length.saturating_add(usize::from(there & bit != 0));
            *child = if there & bit == 0 {
                None
            } else if shown & bit != 0 {
                missing.push(length);
                length = length.saturating_add(HASH_LEN);
                Some(ChildReference::Hash(Hash::zero()))
            } else if inline & bit != 0 {
                let bytes = self.inline_child()?;
                length = length.saturating_add(bytes.len());
                let mut padded = [0; HASH_LEN];
                for (to, from) in padded.iter_mut().zip(bytes) {
                    *to = *from;
                }
                Some(ChildReference::Inline(Hash::from(padded), bytes.len()))
            } else {
                length = length.saturating_add(HASH_LEN);
                Some(ChildReference::Hash(Hash::from_slice(self.take(HASH_LEN)?)))
            };
        }
        let value_length = value.as_ref().map_or(0, |(_, bytes)| bytes.len());
        let bytes = NodeCodec::branch_node_nibbled(partial, nibbles, children.into_iter(), plain);
        let start = bytes.len().saturating_sub(value_length).saturating_sub(length);
        missing.reverse();
        missing.iter_mut().for_each(|at| *at = at.saturating_add(start));
        Ok(Open { bytes, missing })
    }

    fn inline_child(&mut self) -> Result<&'a [u8], BadBatchProof> {
        let length = usize::from(self.byte()?);
        let bytes = self.take(length)?;
        if !(1..HASH_LEN).contains(&length) || bytes == EMPTY_NODE {
            return Err(self.malformed("an inline child that is none"));
        }
        Ok(bytes)
    }
}
