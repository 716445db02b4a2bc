//! The batch proof: what executing a block needs of its parent's state, so that whoever has no state can execute it too and
//! comes to the same root.
//!
//! It is the trie from the root down as far as the block went, each node before what is below it, its children in order. A
//! child that follows is not referred to: its hash is that of its bytes. Values come with their nodes, large ones by hash.
//!
//! | part of a node | bytes | content |
//! |---|---|---|
//! | tag | 1 | what follows, see [`BRANCH`] and its neighbours |
//! | nibbles | SCALE compact | how many its partial key has |
//! | partial key | half of them, rounded up | as in a node of the trie: an odd nibble first, alone |
//! | children | 2, branches | little-endian, bit i: there is one at nibble i |
//! | shown | 2, if so tagged | those that follow; not none |
//! | inline | 2, if so tagged | those that the branch holds itself; not none |
//! | value | as tagged | length byte and bytes; hash; or SCALE compact length and bytes |
//! | children not shown | the rest | ascending: 32 bytes of a hash; inline ones their length byte and bytes |

mod read;
mod record;
mod state;
#[cfg(test)]
mod tests;
mod write;

pub use record::Recorder;
pub use state::ProofState;

use crate::store::Bytes;
use codec::{Compact, Decode, DecodeWithMemTracking, Encode, Input};
use quids_core::Hash;
use std::{
    collections::{BTreeMap, HashMap},
    hash::BuildHasher,
    sync::Arc,
};

/// Most bytes of a batch proof, values that go by hash not among them.
pub const BATCH_PROOF_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Most nodes of a batch proof: those of about 50 000 keys. Bounds what reading one takes besides its own bytes.
pub const BATCH_PROOF_NODES_MAX: usize = 131_072;

/// Tag of a branch; else it is a leaf.
const BRANCH: u8 = 0x01;
/// Tag of a branch some of whose children follow.
const SHOWN: u8 = 0x02;
/// Tag of a branch that holds some children itself.
const INLINE: u8 = 0x04;
/// Where the rest of the tag begins, which says what there is of the value.
const VALUE_SHIFT: u32 = 3;

const NO_VALUE: u8 = 0;
/// Up to 32 bytes: the node holds it.
const VALUE_INLINE: u8 = 1;
/// Its hash; the block did not read it.
const VALUE_UNREAD: u8 = 2;
/// Longer than 32 bytes, all of it.
const VALUE_SHOWN: u8 = 3;
/// Its hash; the block read it, and its bytes are to be had elsewhere.
const VALUE_BY_HASH: u8 = 4;

/// A batch proof as it travels. Nothing is known about it before [`ProofState::open`] took it.
#[derive(Clone, Default, PartialEq, Eq, Encode)]
pub struct BatchProof(Vec<u8>);

impl BatchProof {
    pub fn len_bytes(&self) -> usize {
        self.0.len()
    }
}

impl std::fmt::Debug for BatchProof {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "BatchProof({} bytes)", self.0.len())
    }
}

impl Decode for BatchProof {
    /// SCALE bytes, refused before anything is allocated if they are too many.
    fn decode<I: Input>(input: &mut I) -> Result<Self, codec::Error> {
        let length = Compact::<u32>::decode(input)?.0 as usize;
        if length > BATCH_PROOF_BYTES_MAX {
            return Err("batch proof exceeds its bounds".into());
        }
        if input.remaining_len()?.is_some_and(|left| left < length) {
            return Err("batch proof ends early".into());
        }
        input.on_before_alloc_mem(length)?;
        let mut bytes = vec![0; length];
        input.read(&mut bytes)?;
        Ok(Self(bytes))
    }
}

impl DecodeWithMemTracking for BatchProof {}

/// Why a batch proof is none of a state. It says nothing about the block that it came with.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadBatchProof {
    #[error("it has {0} bytes, more than {BATCH_PROOF_BYTES_MAX}")]
    TooManyBytes(usize),
    #[error("it has more than {BATCH_PROOF_NODES_MAX} nodes")]
    TooManyNodes,
    #[error("it ends early, at byte {0}")]
    EndsEarly(usize),
    #[error("node before byte {at}: {reason}")]
    Malformed { at: usize, reason: &'static str },
    #[error("{0} bytes follow its last node")]
    Unused(usize),
    #[error("it is of the state with root {computed:?}, not {stated:?}")]
    Root { computed: Hash, stated: Hash },
}

/// Values that batch proofs have by hash only: the runtime's code, contracts' code. What it gives is checked.
pub trait Blobs: Send + Sync {
    /// The bytes with this BLAKE3-256 hash.
    fn get(&self, hash: &Hash) -> Option<Arc<[u8]>>;
}

/// None at all.
impl Blobs for () {
    fn get(&self, _: &Hash) -> Option<Bytes> {
        None
    }
}

impl<S: BuildHasher + Send + Sync> Blobs for HashMap<Hash, Bytes, S> {
    fn get(&self, hash: &Hash) -> Option<Bytes> {
        HashMap::get(self, hash).cloned()
    }
}

impl Blobs for BTreeMap<Hash, Bytes> {
    fn get(&self, hash: &Hash) -> Option<Bytes> {
        BTreeMap::get(self, hash).cloned()
    }
}
