//! Block headers and their digest, with Substrate's shapes and digest indices.

use crate::{Hash, Height};
use alloc::vec::Vec;
use codec::{Decode, DecodeWithMemTracking, Encode};
use scale_info::TypeInfo;

/// Four bytes that name a consensus engine in a digest.
pub type ConsensusEngineId = [u8; 4];

/// Names the pre-runtime digest item that holds the block author's account (20 bytes), who gets the block's fees.
pub const AUTHOR_ENGINE_ID: ConsensusEngineId = *b"auth";

/// One entry of a header's digest.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, DecodeWithMemTracking, TypeInfo)]
#[scale_info(replace_segment("quids_core", "sp_runtime"), replace_segment("header", "digest"))]
pub enum DigestItem {
    /// Text for people; ignored by consensus.
    #[codec(index = 0)]
    Other(Vec<u8>),
    /// From the runtime to the consensus engine.
    #[codec(index = 4)]
    Consensus(ConsensusEngineId, Vec<u8>),
    /// Put on by the author after execution.
    #[codec(index = 5)]
    Seal(ConsensusEngineId, Vec<u8>),
    /// From the author to the runtime, before execution.
    #[codec(index = 6)]
    PreRuntime(ConsensusEngineId, Vec<u8>),
    /// The runtime's code changes with this block: its child runs the new code.
    #[codec(index = 8)]
    RuntimeEnvironmentUpdated,
}

/// The entries of a header that are neither parent, number nor root.
#[derive(Clone, PartialEq, Eq, Debug, Default, Encode, Decode, DecodeWithMemTracking, TypeInfo)]
#[scale_info(replace_segment("quids_core", "sp_runtime"), replace_segment("header", "digest"))]
pub struct Digest {
    pub logs: Vec<DigestItem>,
}

/// A block's header. Its hash is BLAKE3-256 of its SCALE encoding.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, DecodeWithMemTracking, TypeInfo)]
pub struct Header {
    pub parent_hash: Hash,
    #[codec(compact)]
    pub number: Height,
    /// Root of the state after this block.
    pub state_root: Hash,
    /// Root over the extrinsics with post-quantum signature bytes blanked.
    pub extrinsics_root: Hash,
    pub digest: Digest,
}

impl Header {
    /// BLAKE3-256 of the SCALE encoding: the block's hash.
    pub fn hash(&self) -> Hash {
        (*blake3::hash(&self.encode()).as_bytes()).into()
    }
}
