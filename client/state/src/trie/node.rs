//! A node that is being changed, and the one way between it and its bytes: the codec of `quids_trie`.

use quids_core::Hash;
use quids_trie::{
    Blake3Hasher, Hasher, INLINE_VALUE_LEN_MAX, NodeCodec,
    trie_db::{
        ChildReference, NodeCodec as _,
        node::{NodeHandlePlan, NodePlan, Value as Plain, ValuePlan},
    },
};
use std::ops::Range;

const CHILDREN: usize = 16;
const HASH_LEN: usize = 32;

/// What a node says of its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Value {
    bytes: [u8; HASH_LEN],
    /// Bytes that count; `None` for a hash.
    inline: Option<u8>,
}

impl Value {
    /// Of a value: itself if it is short, else its hash.
    pub fn of(value: &[u8]) -> Self {
        match value.len() {
            ..=INLINE_VALUE_LEN_MAX => Self::inline(value),
            _ => Self {
                bytes: Blake3Hasher::hash(value).0,
                inline: None,
            },
        }
    }

    fn inline(value: &[u8]) -> Self {
        let mut bytes = [0; HASH_LEN];
        for (to, from) in bytes.iter_mut().zip(value) {
            *to = *from;
        }
        Self {
            bytes,
            inline: Some(value.len() as u8),
        }
    }

    pub fn plain(&self) -> Plain<'_> {
        match self.inline {
            Some(length) => Plain::Inline(self.bytes.get(..usize::from(length)).unwrap_or_default()),
            None => Plain::Node(&self.bytes),
        }
    }
}

/// How a node refers to a child.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Child {
    Hash(Hash),
    /// Its bytes, fewer than those of a hash.
    Inline([u8; HASH_LEN], u8),
}

impl Child {
    pub fn of(encoded: &[u8]) -> Self {
        match encoded.len() {
            length @ ..HASH_LEN => {
                let mut bytes = [0; HASH_LEN];
                for (to, from) in bytes.iter_mut().zip(encoded) {
                    *to = *from;
                }
                Self::Inline(bytes, length as u8)
            }
            _ => Self::Hash(Blake3Hasher::hash(encoded)),
        }
    }

    fn reference(&self) -> ChildReference<Hash> {
        match self {
            Self::Hash(hash) => ChildReference::Hash(*hash),
            Self::Inline(bytes, length) => ChildReference::Inline(Hash::from(*bytes), usize::from(*length)),
        }
    }
}

/// A branch; without a value it has two children at least.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Branch {
    pub partial: Vec<u8>,
    pub value: Option<Value>,
    pub children: [Option<Child>; CHILDREN],
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Node {
    Leaf { partial: Vec<u8>, value: Value },
    Branch(Box<Branch>),
}

impl Node {
    pub fn encode(&self) -> Vec<u8> {
        match self {
            Self::Leaf { partial, value } => NodeCodec::leaf_node(packed(partial), partial.len(), value.plain()),
            Self::Branch(branch) => {
                let Branch {
                    partial,
                    value,
                    children,
                } = &**branch;
                let children = children.iter().map(|child| child.as_ref().map(Child::reference));
                let value = value.as_ref().map(Value::plain);
                NodeCodec::branch_node_nibbled(packed(partial), partial.len(), children, value)
            }
        }
    }

    /// Why bytes are not a node below a root.
    pub fn decode(bytes: &[u8]) -> Result<Self, String> {
        let outside = || "a part lies outside the node".to_owned();
        let part = |range: Range<usize>| bytes.get(range).ok_or_else(outside);
        let hash =
            |range: Range<usize>| -> Result<[u8; HASH_LEN], String> { part(range)?.try_into().map_err(|_| outside()) };
        let value_of = |plan: ValuePlan| -> Result<Value, String> {
            Ok(match plan {
                ValuePlan::Inline(range) => Value::inline(part(range)?),
                ValuePlan::Node(range) => Value {
                    bytes: hash(range)?,
                    inline: None,
                },
            })
        };
        match NodeCodec::decode_plan(bytes).map_err(|error| error.to_string())? {
            NodePlan::Leaf { partial, value } => Ok(Self::Leaf {
                partial: partial.build(bytes).iter().collect(),
                value: value_of(value)?,
            }),
            NodePlan::NibbledBranch {
                partial,
                value,
                children,
            } => {
                let mut branch = Branch {
                    partial: partial.build(bytes).iter().collect(),
                    value: value.map(value_of).transpose()?,
                    children: [None; CHILDREN],
                };
                for (child, plan) in branch.children.iter_mut().zip(children) {
                    *child = match plan {
                        None => None,
                        Some(NodeHandlePlan::Hash(range)) => Some(Child::Hash(Hash::from(hash(range)?))),
                        Some(NodeHandlePlan::Inline(range)) => Some(Child::of(part(range)?)),
                    };
                }
                Ok(Self::Branch(Box::new(branch)))
            }
            NodePlan::Empty | NodePlan::Extension { .. } | NodePlan::Branch { .. } => {
                Err("a kind of node that does not occur below a root".into())
            }
        }
    }

    pub fn partial_mut(&mut self) -> &mut Vec<u8> {
        match self {
            Self::Leaf { partial, .. } => partial,
            Self::Branch(branch) => &mut branch.partial,
        }
    }
}

/// The codec's form of a partial key: an odd nibble first and alone, the rest in pairs.
pub fn packed(nibbles: &[u8]) -> impl Iterator<Item = u8> + '_ {
    let (odd, pairs) = nibbles.split_at(nibbles.len() % 2);
    let pairs = pairs.chunks_exact(2).map(|pair| match *pair {
        [high, low] => (high << 4) | low,
        _ => 0,
    });
    odd.iter().copied().chain(pairs)
}
