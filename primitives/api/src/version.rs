//! The version a runtime states about itself.

use alloc::{string::String, vec::Vec};
use codec::{Decode, Encode};
use quids_core::Weight;
use scale_info::TypeInfo;

/// Substrate's `RuntimeVersion`, field for field.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, TypeInfo)]
#[scale_info(replace_segment("quids_api", "sp_version"))]
pub struct RuntimeVersion {
    pub spec_name: String,
    pub impl_name: String,
    pub authoring_version: u32,
    /// Grows with every change of the state transition.
    pub spec_version: u32,
    pub impl_version: u32,
    /// `(api_id(trait name), version)` of the runtime APIs.
    pub apis: Vec<([u8; 8], u32)>,
    /// Grows when the encoding of extrinsics changes.
    pub transaction_version: u32,
    /// 1: the state trie hashes values of 33 bytes and more.
    pub state_version: u8,
}

/// What the host's check of a new runtime found (`ext_runtime_check_v1`).
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, TypeInfo)]
pub struct CheckedRuntime {
    pub version: RuntimeVersion,
    /// What its migrations used in the trial run: the first block of the code has to hold them.
    pub migrations: Weight,
}

/// The identifier of a runtime API: BLAKE2b, 8 bytes, of the trait's name, as in Substrate.
pub fn api_id(name: &str) -> [u8; 8] {
    let mut id = [0u8; 8];
    id.copy_from_slice(
        blake2b_simd::Params::new()
            .hash_length(8)
            .hash(name.as_bytes())
            .as_bytes(),
    );
    id
}
