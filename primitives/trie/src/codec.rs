//! Nodes to bytes and back. The format is canonical: a node has one encoding, and decoding accepts
//! nothing else. Decoding is total on untrusted bytes and allocates nothing.

use alloc::vec::Vec;
use core::{borrow::Borrow, ops::Range};

use hash_db::Hasher;
use quids_core::Hash;
use trie_db::{
    ChildReference,
    nibble_ops::NIBBLE_LENGTH,
    node::{NibbleSlicePlan, NodeHandlePlan, NodePlan, Value, ValuePlan},
};

use crate::{
    hasher::Blake3Hasher,
    header::{Kind, read_count},
    layout::{EMPTY_NODE, EMPTY_ROOT, INLINE_VALUE_LEN_MAX},
};

/// Bytes of a hash, and the length byte that announces a child by hash.
pub(crate) const HASH_LEN: usize = Blake3Hasher::LENGTH;

/// Room for a leaf with a partial key of 32 bytes, and for a branch with 16 children.
const LEAF_BYTES_TYPICAL: usize = 72;
const BRANCH_BYTES_TYPICAL: usize = 608;

/// Why bytes are not a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CodecError {
    #[error("node ends early: {wanted} bytes wanted at offset {at} of {len}")]
    UnexpectedEnd { at: usize, wanted: usize, len: usize },
    #[error("reserved node header 0x{0:02x}")]
    ReservedHeader(u8),
    #[error("nibble count does not end or does not fit")]
    BadNibbleCount,
    #[error("padding nibble of an odd partial key is 0x{0:x}, not 0")]
    NonZeroPadding(u8),
    #[error("branch has {0} children; one with a value needs 1, one without needs 2")]
    TooFewChildren(u32),
    #[error("child {index} has length byte {len}; 1 to 32 allowed")]
    BadChildLength { index: usize, len: u8 },
    #[error("child {0} is an empty node")]
    EmptyChild(usize),
    #[error("inline value of {0} bytes; longer than 32 goes by hash")]
    InlineValueTooLong(usize),
    #[error("{0} bytes after the end of the node")]
    TrailingBytes(usize),
}

/// Our node format behind trie-db's `NodeCodec`; the byte table is in this folder's README.
#[derive(Clone, Copy, Debug, Default)]
pub struct NodeCodec;

impl trie_db::NodeCodec for NodeCodec {
    type Error = CodecError;
    type HashOut = Hash;

    fn hashed_null_node() -> Hash {
        EMPTY_ROOT
    }

    fn decode_plan(data: &[u8]) -> Result<NodePlan, CodecError> {
        if Self::is_empty_node(data) {
            return Ok(NodePlan::Empty);
        }
        let mut reader = Reader { data, at: 0 };
        let header = reader.byte()?;
        let kind = Kind::from_header(header).ok_or(CodecError::ReservedHeader(header))?;
        let partial = reader.partial(header)?;
        match kind {
            Kind::Leaf => {
                let value = reader.inline_value()?;
                Ok(NodePlan::Leaf { partial, value })
            }
            Kind::LeafHashed => {
                let value = reader.hashed_value()?;
                Ok(NodePlan::Leaf { partial, value })
            }
            Kind::Branch | Kind::BranchValue | Kind::BranchHashed => {
                let children = reader.children(kind)?;
                let value = match kind {
                    Kind::BranchValue => Some(reader.inline_value()?),
                    Kind::BranchHashed => Some(reader.hashed_value()?),
                    _ => {
                        reader.end()?;
                        None
                    }
                };
                Ok(NodePlan::NibbledBranch {
                    partial,
                    value,
                    children,
                })
            }
        }
    }

    fn is_empty_node(data: &[u8]) -> bool {
        data == EMPTY_NODE
    }

    fn empty_node() -> &'static [u8] {
        &EMPTY_NODE
    }

    fn leaf_node(partial: impl Iterator<Item = u8>, number_nibble: usize, value: Value<'_>) -> Vec<u8> {
        let (kind, value) = match value {
            Value::Inline(bytes) => (Kind::Leaf, bytes),
            Value::Node(hash) => (Kind::LeafHashed, hash),
        };
        let mut out = Vec::with_capacity(LEAF_BYTES_TYPICAL);
        start_node(&mut out, kind, number_nibble, partial);
        out.extend_from_slice(value);
        out
    }

    fn extension_node(
        _partial: impl Iterator<Item = u8>,
        _number_nibble: usize,
        _child: ChildReference<Hash>,
    ) -> Vec<u8> {
        unreachable!("trie-db makes extension nodes only where Layout::USE_EXTENSION is true")
    }

    fn branch_node(
        _children: impl Iterator<Item = impl Borrow<Option<ChildReference<Hash>>>>,
        _value: Option<Value<'_>>,
    ) -> Vec<u8> {
        unreachable!("trie-db makes bare branches only where Layout::USE_EXTENSION is true")
    }

    fn branch_node_nibbled(
        partial: impl Iterator<Item = u8>,
        number_nibble: usize,
        children: impl Iterator<Item = impl Borrow<Option<ChildReference<Hash>>>>,
        value: Option<Value<'_>>,
    ) -> Vec<u8> {
        let (kind, value): (Kind, &[u8]) = match value {
            None => (Kind::Branch, &[]),
            Some(Value::Inline(bytes)) => (Kind::BranchValue, bytes),
            Some(Value::Node(hash)) => (Kind::BranchHashed, hash),
        };
        let mut out = Vec::with_capacity(BRANCH_BYTES_TYPICAL);
        start_node(&mut out, kind, number_nibble, partial);
        let mut bitmap = 0u16;
        let at = out.len();
        out.extend_from_slice(&bitmap.to_le_bytes());
        for (index, child) in children.take(NIBBLE_LENGTH).enumerate() {
            match child.borrow() {
                None => continue,
                Some(ChildReference::Hash(hash)) => write_child_hash(hash, &mut out),
                Some(ChildReference::Inline(bytes, len)) => {
                    // Inline children are shorter than a hash, so `take` cuts nothing off.
                    out.push(*len as u8);
                    out.extend(bytes.as_bytes().iter().take(*len));
                }
            }
            bitmap |= 1 << index;
        }
        for (to, from) in out.iter_mut().skip(at).zip(bitmap.to_le_bytes()) {
            *to = from;
        }
        out.extend_from_slice(value);
        out
    }
}

fn start_node(out: &mut Vec<u8>, kind: Kind, nibbles: usize, partial: impl Iterator<Item = u8>) {
    kind.write_header(nibbles, out);
    out.extend(partial);
}

pub(crate) fn write_child_hash(hash: &Hash, out: &mut Vec<u8>) {
    out.push(HASH_LEN as u8);
    out.extend_from_slice(hash.as_bytes());
}

/// A cursor over one encoded node; everything it returns lies inside `data`.
struct Reader<'a> {
    data: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn take(&mut self, wanted: usize) -> Result<Range<usize>, CodecError> {
        let end = self.at.checked_add(wanted);
        match end.filter(|end| *end <= self.data.len()) {
            Some(end) => {
                let range = self.at..end;
                self.at = end;
                Ok(range)
            }
            None => Err(self.ends_early(wanted)),
        }
    }

    fn byte(&mut self) -> Result<u8, CodecError> {
        let byte = self.data.get(self.at).copied();
        let byte = byte.ok_or_else(|| self.ends_early(1))?;
        self.at = self.at.saturating_add(1);
        Ok(byte)
    }

    fn ends_early(&self, wanted: usize) -> CodecError {
        CodecError::UnexpectedEnd {
            at: self.at,
            wanted,
            len: self.data.len(),
        }
    }

    fn remaining(&self) -> usize {
        self.data.len().saturating_sub(self.at)
    }

    /// The partial key: its nibbles in pairs, an odd one first, alone in the low half of its byte.
    fn partial(&mut self, header: u8) -> Result<NibbleSlicePlan, CodecError> {
        let nibbles = read_count(header, || self.byte().ok()).ok_or(CodecError::BadNibbleCount)?;
        let bytes = self.take(nibbles.div_ceil(2))?;
        let odd = nibbles % 2;
        if let (1, Some(first)) = (odd, self.data.get(bytes.start)) {
            let padding = first >> 4;
            if padding != 0 {
                return Err(CodecError::NonZeroPadding(padding));
            }
        }
        Ok(NibbleSlicePlan::new(bytes, odd))
    }

    fn children(&mut self, kind: Kind) -> Result<[Option<NodeHandlePlan>; NIBBLE_LENGTH], CodecError> {
        let bitmap = u16::from_le_bytes([self.byte()?, self.byte()?]);
        let count = bitmap.count_ones();
        let needed = if kind == Kind::Branch { 2 } else { 1 };
        if count < needed {
            return Err(CodecError::TooFewChildren(count));
        }
        let mut children = [const { None }; NIBBLE_LENGTH];
        for (index, child) in children.iter_mut().enumerate() {
            if bitmap & (1 << index) != 0 {
                *child = Some(self.child(index)?);
            }
        }
        Ok(children)
    }

    fn child(&mut self, index: usize) -> Result<NodeHandlePlan, CodecError> {
        let len = self.byte()?;
        match usize::from(len) {
            HASH_LEN => Ok(NodeHandlePlan::Hash(self.take(HASH_LEN)?)),
            inline @ 1..HASH_LEN => {
                let range = self.take(inline)?;
                // An inline child is decoded when it is walked to; only its kind is seen here.
                if self.data.get(range.clone()) == Some(&EMPTY_NODE[..]) {
                    return Err(CodecError::EmptyChild(index));
                }
                Ok(NodeHandlePlan::Inline(range))
            }
            _ => Err(CodecError::BadChildLength { index, len }),
        }
    }

    fn inline_value(&mut self) -> Result<ValuePlan, CodecError> {
        let len = self.remaining();
        if len > INLINE_VALUE_LEN_MAX {
            return Err(CodecError::InlineValueTooLong(len));
        }
        Ok(ValuePlan::Inline(self.take(len)?))
    }

    fn hashed_value(&mut self) -> Result<ValuePlan, CodecError> {
        let range = self.take(HASH_LEN)?;
        self.end()?;
        Ok(ValuePlan::Node(range))
    }

    fn end(&self) -> Result<(), CodecError> {
        match self.remaining() {
            0 => Ok(()),
            extra => Err(CodecError::TrailingBytes(extra)),
        }
    }
}
