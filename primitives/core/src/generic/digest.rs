//! A header's digest, with Substrate's indices, at the path where clients look for it.

use alloc::vec::Vec;
use codec::{Decode, DecodeWithMemTracking, Encode};
use scale_info::TypeInfo;

/// Four bytes that name a consensus engine in a digest.
pub type ConsensusEngineId = [u8; 4];

/// Names the pre-runtime digest item that holds the block author's account (20 bytes), who gets the block's fees.
pub const AUTHOR_ENGINE_ID: ConsensusEngineId = *b"auth";

/// One entry of a header's digest.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, DecodeWithMemTracking, TypeInfo)]
#[scale_info(replace_segment("quids_core", "sp_runtime"))]
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
#[scale_info(replace_segment("quids_core", "sp_runtime"))]
pub struct Digest {
    pub logs: Vec<DigestItem>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_find_it_at_substrates_path() {
        let path = |ty: scale_info::Type| ty.path.segments.join("::");
        assert_eq!(path(DigestItem::type_info()), "sp_runtime::generic::digest::DigestItem");
        assert_eq!(path(Digest::type_info()), "sp_runtime::generic::digest::Digest");
    }
}
