//! The phase of the chain: which signatures are accepted, and which contracts.

use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use scale_info::TypeInfo;

/// From everything that Ethereum knows to nothing that a quantum computer breaks. A chain only goes forward.
#[derive(
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Debug,
    Default,
    Encode,
    Decode,
    DecodeWithMemTracking,
    MaxEncodedLen,
    TypeInfo,
    serde::Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum ChainPhase {
    /// secp256k1 signatures are accepted, any contract may be deployed.
    #[default]
    Compatible,
    /// secp256k1 signatures are accepted; new contracts must not rest on cryptography that a quantum computer breaks.
    Hybrid,
    /// Only post-quantum signatures are accepted.
    QuantumOnly,
}

impl ChainPhase {
    /// Whether secp256k1 signatures are accepted.
    pub const fn admits_legacy(self) -> bool {
        !matches!(self, Self::QuantumOnly)
    }

    /// Whether new contracts must not rest on cryptography that a quantum computer breaks.
    pub const fn wants_quantum_codes(self) -> bool {
        !matches!(self, Self::Compatible)
    }
}
