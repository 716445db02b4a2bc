//! What the client verifies on all cores before a block executes.

use alloc::vec::Vec;
use codec::{Decode, Encode};
use quids_core::Hash;
use scale_info::TypeInfo;

/// One signature to verify: exactly the arguments that the runtime will call `verify` with.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, TypeInfo)]
pub struct SignatureClaim {
    /// Tag of `quids_crypto::SignatureScheme`.
    pub scheme: u8,
    pub public_key: Vec<u8>,
    pub message: Vec<u8>,
    pub signature: Vec<u8>,
}

/// What `SignatureApi_collect` says of one extrinsic.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, TypeInfo)]
pub enum SignatureTask {
    /// Nothing to verify (inherents, malformed bytes), or not resolvable at the parent state: verified inline.
    Inline,
    Verify(SignatureClaim),
}

/// What a header says of the block's extrinsics.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Encode, Decode, TypeInfo)]
pub struct ExtrinsicsCommitment {
    /// Ordered trie root of the extrinsics with their post-quantum signatures emptied.
    pub root: Hash,
    /// BLAKE3 over those signatures, in order, each with its length: they can be dropped later without touching
    /// the root.
    pub signatures: Hash,
    /// Bytes of all extrinsics together, which the block's limits bound.
    pub length: u32,
}

/// Names the digest item (`DigestItem::Consensus`) that holds `ExtrinsicsCommitment::signatures`.
pub const SIGNATURES_DIGEST: quids_core::ConsensusEngineId = *b"qsig";
