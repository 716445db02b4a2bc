//! Why bytes are no transaction.

use crate::{AUTHORIZATIONS_MAX, PAYLOAD_BYTES_MAX, TRANSACTION_BYTES_MAX};
use quids_api::evm::EvmErrorKind;
use quids_crypto::SignatureScheme;

/// Why bytes are no transaction. Where go-ethereum has words for it, they are these.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum DecodeError {
    /// No bytes at all.
    #[error("transaction is empty")]
    Empty,
    /// More bytes than any transaction may have.
    #[error("oversized data: transaction size {0}, limit {TRANSACTION_BYTES_MAX}")]
    TooLarge(usize),
    /// More bytes without a post-quantum key and signature than a transaction may have.
    #[error("oversized data: transaction size {0} without key and signature, limit {PAYLOAD_BYTES_MAX}")]
    PayloadTooLarge(usize),
    /// A type byte that stands for no transaction here.
    #[error("transaction type not supported: 0x{0:02x}")]
    UnknownType(u8),
    /// EIP-4844.
    #[error("blob transactions are not supported on this chain")]
    Blob,
    /// The bytes are not RLP of the right shape.
    #[error("rlp: {0}")]
    Rlp(alloy_rlp::Error),
    /// Bytes after the transaction's end.
    #[error("rlp: {0} bytes after the transaction")]
    TrailingBytes(usize),
    /// Another encoding of the same transaction is the canonical one.
    #[error("rlp: the encoding is not canonical")]
    NotCanonical,
    /// `r` or `s` is no scalar of the curve, or `s` lies in its upper half (EIP-2).
    #[error("invalid transaction v, r, s values")]
    Signature,
    /// A tag that is no signature scheme, or one that is not post-quantum.
    #[error("signature scheme not supported: {0}")]
    Scheme(u8),
    /// A public key of another length than its scheme has.
    #[error("{scheme} public key is {actual} bytes, expected {expected} or none", expected = .scheme.public_key_len())]
    KeyLength {
        /// Which scheme.
        scheme: SignatureScheme,
        /// Bytes given.
        actual: usize,
    },
    /// A signature of another length than its scheme has.
    #[error("{scheme} signature is {actual} bytes, expected {expected}", expected = .scheme.signature_len())]
    SignatureLength {
        /// Which scheme.
        scheme: SignatureScheme,
        /// Bytes given.
        actual: usize,
    },
    /// More authorisations than a transaction may have (EIP-7702).
    #[error("{0} authorizations, limit {AUTHORIZATIONS_MAX}")]
    TooManyAuthorizations(usize),
}

impl DecodeError {
    /// Its class in the runtime API.
    #[must_use]
    pub const fn kind(&self) -> EvmErrorKind {
        match self {
            Self::TooLarge(_) | Self::PayloadTooLarge(_) | Self::TooManyAuthorizations(_) => EvmErrorKind::Oversized,
            Self::UnknownType(_) => EvmErrorKind::UnknownType,
            Self::Blob => EvmErrorKind::Blob,
            Self::Scheme(_) => EvmErrorKind::SchemeRefused,
            Self::Signature | Self::SignatureLength { .. } => EvmErrorKind::BadSignature,
            Self::Empty | Self::Rlp(_) | Self::TrailingBytes(_) | Self::NotCanonical | Self::KeyLength { .. } => {
                EvmErrorKind::Malformed
            }
        }
    }
}

impl From<alloy_rlp::Error> for DecodeError {
    fn from(error: alloy_rlp::Error) -> Self {
        Self::Rlp(error)
    }
}
