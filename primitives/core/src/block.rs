//! Blocks as the client sees them: a header and extrinsics it does not look into.

use crate::Header;
use alloc::vec::Vec;
use codec::{Decode, DecodeWithMemTracking, Encode};
use scale_info::{Type, TypeInfo};

/// An extrinsic's bytes, length-prefixed when encoded. Only the runtime knows what is inside.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, DecodeWithMemTracking)]
pub struct OpaqueExtrinsic(pub Vec<u8>);

impl TypeInfo for OpaqueExtrinsic {
    type Identity = Vec<u8>;
    fn type_info() -> Type {
        Vec::<u8>::type_info()
    }
}

/// A header with the extrinsics it commits to.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, DecodeWithMemTracking, TypeInfo)]
pub struct Block {
    pub header: Header,
    pub extrinsics: Vec<OpaqueExtrinsic>,
}
