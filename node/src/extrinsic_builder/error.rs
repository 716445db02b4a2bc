//! Why a transaction cannot be built, or an event not be read.

/// An error of this module. None of them is the chain's verdict: nothing was sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BuilderError {
    #[error("the metadata does not decode: {0}")]
    Metadata(String),
    #[error("metadata of version {0} is not supported, only 14 and 15")]
    MetadataVersion(u32),
    #[error("the runtime has extrinsics of version {0}, only 4 is supported")]
    ExtrinsicVersion(u8),
    #[error("the metadata names type {0}, which it does not describe")]
    UnknownType(u32),
    #[error("the runtime has no pallet {pallet}; it has {known}")]
    UnknownPallet { pallet: String, known: String },
    #[error("pallet {pallet} has no call {call}; it has {known}")]
    UnknownCall {
        pallet: String,
        call: String,
        known: String,
    },
    #[error("{pallet}.{call} takes ({expected}), not ({given})")]
    Fields {
        pallet: String,
        call: String,
        expected: String,
        given: String,
    },
    #[error("argument {field} of {pallet}.{call}: {reason}")]
    Argument {
        pallet: String,
        call: String,
        field: String,
        reason: String,
    },
    #[error("the runtime wants the transaction extension {0}, which this program does not know")]
    UnknownExtension(String),
    #[error("the runtime's extension {identifier} has another shape than this program knows: {reason}")]
    Extension { identifier: String, reason: String },
    #[error("events do not decode: {0}")]
    Events(String),
    #[error(transparent)]
    Crypto(#[from] quids_crypto::CryptoError),
    #[error(transparent)]
    Signer(#[from] quids_keystore::SignError),
}
