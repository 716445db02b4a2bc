//! What a block's author brings into the block besides transactions.

use alloc::{collections::BTreeMap, string::String, vec::Vec};
use codec::{Decode, Encode};
use scale_info::TypeInfo;

/// Eight bytes that name an inherent.
pub type InherentIdentifier = [u8; 8];

/// Milliseconds since the Unix epoch as u64, for pallet timestamp.
pub const TIMESTAMP_INHERENT: InherentIdentifier = *b"timstap0";

/// Encoded values by identifier, from the author to the runtime.
#[derive(Clone, PartialEq, Eq, Debug, Default, Encode, Decode, TypeInfo)]
pub struct InherentData {
    pub data: BTreeMap<InherentIdentifier, Vec<u8>>,
}

impl InherentData {
    /// Adds or replaces a value.
    pub fn put(&mut self, identifier: InherentIdentifier, value: &impl Encode) {
        self.data.insert(identifier, value.encode());
    }

    /// The value, if there is one and it decodes.
    pub fn get<T: Decode>(&self, identifier: &InherentIdentifier) -> Option<T> {
        self.data
            .get(identifier)
            .and_then(|bytes| T::decode(&mut bytes.as_slice()).ok())
    }
}

/// A node's opinion of a block's inherents. Opinions (a clock too far ahead) decide a vote, never validity.
#[derive(Clone, PartialEq, Eq, Debug, Default, Encode, Decode, TypeInfo)]
pub struct CheckInherentsResult {
    /// Identifier and reason of each inherent this node disagrees with.
    pub errors: Vec<(InherentIdentifier, String)>,
}
