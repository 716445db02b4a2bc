//! Block headers, with Substrate's shape.

use crate::{Digest, Hash, Height};
use codec::{Decode, DecodeWithMemTracking, Encode};
use scale_info::TypeInfo;

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
