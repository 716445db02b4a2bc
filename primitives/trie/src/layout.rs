//! The trie the chain uses: layout, names for trie-db's types over it, and roots from entries.

use alloc::{boxed::Box, vec::Vec};

use codec::{Compact, Encode};
use quids_core::Hash;
use trie_db::{DBValue, TrieConfiguration, TrieLayout, TrieMut};

use crate::{codec::NodeCodec, hasher::Blake3Hasher, stream::NodeStream};

/// Encoding of the trie without entries.
pub const EMPTY_NODE: [u8; 1] = [0];

/// Root of the trie without entries: BLAKE3-256 of [`EMPTY_NODE`].
pub const EMPTY_ROOT: Hash = quids_core::H256([
    0x2d, 0x3a, 0xde, 0xdf, 0xf1, 0x1b, 0x61, 0xf1, 0x4c, 0x88, 0x6e, 0x35, 0xaf, 0xa0, 0x36, 0x73, 0x6d, 0xcd, 0x87,
    0xa7, 0x4d, 0x27, 0xb5, 0xc1, 0x51, 0x02, 0x25, 0xd0, 0xf5, 0x92, 0xe2, 0x13,
]);

/// Longest value, in bytes, that a node holds itself; longer ones are stored under their hash.
pub const INLINE_VALUE_LEN_MAX: usize = 32;

/// Base 16, no extension nodes, empty values are values, values of 33 bytes and more by hash.
#[derive(Clone, Copy, Debug, Default)]
pub struct Layout;

impl TrieLayout for Layout {
    const USE_EXTENSION: bool = false;
    const ALLOW_EMPTY: bool = true;
    /// trie-db's threshold is the first length that goes by hash.
    const MAX_INLINE_VALUE: Option<u32> = Some(33);
    type Hash = Blake3Hasher;
    type Codec = NodeCodec;
}

impl TrieConfiguration for Layout {
    fn trie_root<I, A, B>(input: I) -> Hash
    where
        I: IntoIterator<Item = (A, B)>,
        A: AsRef<[u8]> + Ord,
        B: AsRef<[u8]>,
    {
        trie_root::trie_root_no_extension::<Blake3Hasher, NodeStream, _, _, _>(input, Self::MAX_INLINE_VALUE)
    }

    fn trie_root_unhashed<I, A, B>(input: I) -> Vec<u8>
    where
        I: IntoIterator<Item = (A, B)>,
        A: AsRef<[u8]> + Ord,
        B: AsRef<[u8]>,
    {
        trie_root::unhashed_trie_no_extension::<Blake3Hasher, NodeStream, _, _, _>(input, Self::MAX_INLINE_VALUE)
    }

    fn encode_index(index: u32) -> Vec<u8> {
        Compact(index).encode()
    }
}

/// A store of nodes and values by hash, in memory, counting references.
pub type MemoryDB = memory_db::MemoryDB<Blake3Hasher, memory_db::HashKey<Blake3Hasher>, DBValue>;
/// Where nodes are read from. It must answer [`EMPTY_ROOT`] with [`EMPTY_NODE`].
pub type NodeDB<'a> = dyn hash_db::HashDBRef<Blake3Hasher, DBValue> + 'a;

/// Read view of a trie.
pub type TrieDB<'a, 'cache> = trie_db::TrieDB<'a, 'cache, Layout>;
/// Builds a [`TrieDB`]; takes a recorder and a cache.
pub type TrieDBBuilder<'a, 'cache> = trie_db::TrieDBBuilder<'a, 'cache, Layout>;
/// Entries in key order, optionally under a prefix and from a key on.
pub type TrieDBIterator<'a, 'cache> = trie_db::TrieDBIterator<'a, 'cache, Layout>;
/// Keys in key order, optionally under a prefix and from a key on.
pub type TrieDBKeyIterator<'a, 'cache> = trie_db::TrieDBKeyIterator<'a, 'cache, Layout>;
/// Write view of a trie; its changes reach the database on `commit` or drop.
pub type TrieDBMut<'a> = trie_db::TrieDBMut<'a, Layout>;
/// Builds a [`TrieDBMut`]; takes a recorder and a cache.
pub type TrieDBMutBuilder<'a> = trie_db::TrieDBMutBuilder<'a, Layout>;
/// Why a trie in a database cannot be read: a node is missing or is not one.
pub type TrieError = Box<trie_db::TrieError<Hash, crate::codec::CodecError>>;

/// Root of the trie with exactly these entries, in any order; of equal keys the last one counts.
pub fn state_root<K, V>(entries: impl IntoIterator<Item = (K, V)>) -> Hash
where
    K: AsRef<[u8]> + Ord,
    V: AsRef<[u8]>,
{
    Layout::trie_root(entries)
}

/// Root over a list: item `i` under the key SCALE `Compact(i as u32)`.
pub fn ordered_root<V: AsRef<[u8]>>(items: impl IntoIterator<Item = V>) -> Hash {
    Layout::ordered_trie_root(items)
}

/// Removes `key` from `trie`; without effect if it is absent.
///
/// Use this, never `TrieDBMut::remove` itself: given an absent key that ends where a branch with a
/// partial key begins, trie-db 0.32 removes the value of that branch, which is another key's.
pub fn remove_key(trie: &mut TrieDBMut<'_>, key: &[u8]) -> Result<(), TrieError> {
    if trie.contains(key)? {
        trie.remove(key)?;
    }
    Ok(())
}

/// Applies `changes` (`None` removes) to the trie at `root` and returns the new root; new nodes and
/// values go into `db`. On an error nothing is written.
pub fn delta_root<K, V>(
    db: &mut dyn hash_db::HashDB<Blake3Hasher, DBValue>,
    root: Hash,
    changes: impl IntoIterator<Item = (K, Option<V>)>,
) -> Result<Hash, TrieError>
where
    K: AsRef<[u8]>,
    V: AsRef<[u8]>,
{
    let mut root = root;
    let mut trie = TrieDBMutBuilder::from_existing(db, &mut root)
        .disable_commit_on_drop()
        .build();
    for (key, value) in changes {
        match value {
            Some(value) => {
                trie.insert(key.as_ref(), value.as_ref())?;
            }
            None => remove_key(&mut trie, key.as_ref())?,
        }
    }
    trie.commit();
    Ok(*trie.root())
}
