//! The chain's authenticated map: a base-16 Merkle-Patricia trie over BLAKE3, its node format, its
//! roots, and storage proofs that a client without the state can check. Builds for WASM.
#![cfg_attr(target_arch = "wasm32", no_std)]
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects
    )
)]

extern crate alloc;

mod codec;
mod hasher;
mod header;
mod layout;
mod lookup;
mod proof;
mod stream;

pub use codec::{CodecError, NodeCodec};
pub use hasher::{Blake3Hasher, KeyHasher};
pub use layout::{
    EMPTY_NODE, EMPTY_ROOT, INLINE_VALUE_LEN_MAX, Layout, MemoryDB, NodeDB, TrieDB, TrieDBBuilder, TrieDBIterator,
    TrieDBKeyIterator, TrieDBMut, TrieDBMutBuilder, TrieError, delta_root, ordered_root, remove_key, state_root,
};
pub use proof::{PROOF_BYTES_MAX, PROOF_NODES_MAX, Proof, ProofError, generate_proof, read_proof, verify_proof};
pub use stream::NodeStream;

pub use hash_db::{self, EMPTY_PREFIX, HashDB, HashDBRef, Hasher, Prefix};
pub use quids_core::Hash;
pub use trie_db::{self, DBValue, Trie, TrieConfiguration, TrieIterator, TrieLayout, TrieMut};
