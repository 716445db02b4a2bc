//! One walk from the root to a key, over any source of nodes. Making a proof and checking one are
//! this same walk, so they agree on which nodes are touched and in which order.

use alloc::vec::Vec;

use hash_db::Prefix;
use quids_core::Hash;
use trie_db::{
    NibbleSlice, NodeCodec as _,
    node::{Node, NodeHandle, Value, decode_hash},
};

use crate::{
    codec::{CodecError, HASH_LEN, NodeCodec},
    hasher::Blake3Hasher,
    layout::EMPTY_ROOT,
    proof::ProofError,
};

/// The value under `key`, or `None` if the trie at `root` has none. `fetch` gives the bytes with a
/// hash, of a node or of a hashed value; it is trusted to return bytes with that hash.
pub(crate) fn lookup(
    root: Hash,
    key: &[u8],
    fetch: &mut impl FnMut(Hash, Prefix<'_>) -> Result<Vec<u8>, ProofError>,
) -> Result<Option<Vec<u8>>, ProofError> {
    if root == EMPTY_ROOT {
        return Ok(None);
    }
    // Where the walk is: nibbles of `key` used so far, the node there, and the nearest hash above.
    let mut rest = NibbleSlice::new(key);
    let mut hash = root;
    let mut node = fetch(root, rest.left())?;
    // Every step uses at least one nibble of the key, so the walk ends.
    loop {
        let bad_node = |error| ProofError::BadNode { hash, error };
        let (found, next) = match NodeCodec::decode(&node).map_err(bad_node)? {
            Node::Leaf(partial, value) => ((partial == rest).then_some(value), None),
            Node::NibbledBranch(partial, children, value) => {
                if !rest.starts_with(&partial) {
                    return Ok(None);
                }
                rest = rest.mid(partial.len());
                if rest.is_empty() {
                    (value, None)
                } else {
                    let child = children.get(usize::from(rest.at(0))).copied().flatten();
                    rest = rest.mid(1);
                    (None, child)
                }
            }
            // Only the empty trie has an empty node, and it was met above; the codec decodes to no
            // other kind.
            Node::Empty | Node::Extension(..) | Node::Branch(..) => {
                return Err(bad_node(CodecError::ReservedHeader(0)));
            }
        };
        let next_node = match (found, next) {
            (Some(Value::Inline(bytes)), _) => return Ok(Some(bytes.to_vec())),
            (Some(Value::Node(bytes)), _) => {
                return fetch(hash_of(bytes, hash)?, (key, None)).map(Some);
            }
            (None, None) => return Ok(None),
            (None, Some(NodeHandle::Inline(bytes))) => bytes.to_vec(),
            (None, Some(NodeHandle::Hash(bytes))) => {
                hash = hash_of(bytes, hash)?;
                fetch(hash, rest.left())?
            }
        };
        node = next_node;
    }
}

/// The hash in `bytes`, part of the node `within`; the codec only hands out 32 bytes here.
fn hash_of(bytes: &[u8], within: Hash) -> Result<Hash, ProofError> {
    decode_hash::<Blake3Hasher>(bytes).ok_or(ProofError::BadNode {
        hash: within,
        error: CodecError::UnexpectedEnd {
            at: 0,
            wanted: HASH_LEN,
            len: bytes.len(),
        },
    })
}
