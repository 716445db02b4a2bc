//! The same node format for trie-root, which builds a root bottom-up from sorted entries without a
//! database.

use alloc::vec::Vec;

use hash_db::Hasher;
use quids_core::Hash;
use trie_root::{TrieStream, Value};

use crate::{
    codec::{HASH_LEN, write_child_hash},
    header::Kind,
    layout::EMPTY_NODE,
};

/// One node under construction; its children are appended already encoded.
#[derive(Debug, Default)]
pub struct NodeStream(Vec<u8>);

impl NodeStream {
    /// Header and partial key; `nibbles` holds one nibble per byte.
    fn start(&mut self, kind: Kind, nibbles: &[u8]) {
        kind.write_header(nibbles.len(), &mut self.0);
        let (odd, pairs) = nibbles.split_at(nibbles.len() % 2);
        self.0.extend_from_slice(odd);
        for pair in pairs.chunks_exact(2) {
            if let [high, low] = pair {
                self.0.push((high << 4) | low);
            }
        }
    }

    fn value(&mut self, value: Value<'_>) {
        match value {
            Value::Inline(bytes) => self.0.extend_from_slice(bytes),
            Value::Node(hash) => self.0.extend_from_slice(&hash),
        }
    }
}

impl TrieStream for NodeStream {
    fn new() -> Self {
        Self::default()
    }

    fn append_empty_data(&mut self) {
        self.0.extend_from_slice(&EMPTY_NODE);
    }

    fn begin_branch(
        &mut self,
        maybe_key: Option<&[u8]>,
        maybe_value: Option<Value<'_>>,
        has_children: impl Iterator<Item = bool>,
    ) {
        let kind = match maybe_value {
            None => Kind::Branch,
            Some(Value::Inline(_)) => Kind::BranchValue,
            Some(Value::Node(_)) => Kind::BranchHashed,
        };
        self.start(kind, maybe_key.unwrap_or(&[]));
        let bitmap = has_children
            .take(16)
            .enumerate()
            .filter(|(_, has_child)| *has_child)
            .fold(0u16, |bitmap, (index, _)| bitmap | (1 << index));
        self.0.extend_from_slice(&bitmap.to_le_bytes());
    }

    fn end_branch(&mut self, value: Option<Value<'_>>) {
        if let Some(value) = value {
            self.value(value);
        }
    }

    fn append_leaf(&mut self, key: &[u8], value: Value<'_>) {
        let kind = match value {
            Value::Inline(_) => Kind::Leaf,
            Value::Node(_) => Kind::LeafHashed,
        };
        self.start(kind, key);
        self.value(value);
    }

    fn append_extension(&mut self, _key: &[u8]) {
        unreachable!("trie_root_no_extension makes no extension nodes")
    }

    fn append_substream<H: Hasher>(&mut self, child: Self) {
        let child = child.out();
        if child.len() < HASH_LEN {
            self.0.push(child.len() as u8);
            self.0.extend_from_slice(&child);
        } else {
            write_child_hash(&Hash::from_slice(H::hash(&child).as_ref()), &mut self.0);
        }
    }

    fn out(self) -> Vec<u8> {
        self.0
    }
}
