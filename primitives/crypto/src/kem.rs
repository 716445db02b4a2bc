//! ML-KEM-1024 types (FIPS 203): what travels. The operations are native, in `native/kem.rs`.
use crate::{BoundedBytes, CryptoError, Result};
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use scale_info::TypeInfo;

/// Size of an encapsulation key, bytes (FIPS 203 table 3).
pub const KEM_PUBLIC_KEY_LEN: usize = 1568;
/// Size of a ciphertext, bytes (FIPS 203 table 3).
pub const KEM_CIPHERTEXT_LEN: usize = 1568;
/// Size of the shared secret, bytes.
pub const KEM_SHARED_SECRET_LEN: usize = 32;

/// An ML-KEM-1024 encapsulation key. Decoding bounds its length; exact length and modulus are checked at use.
#[derive(
    Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo,
)]
pub struct KemPublicKey(BoundedBytes<KEM_PUBLIC_KEY_LEN>);

/// An ML-KEM-1024 ciphertext. Decoding bounds its length; the exact length is checked at use.
#[derive(
    Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo,
)]
pub struct KemCiphertext(BoundedBytes<KEM_CIPHERTEXT_LEN>);

impl KemPublicKey {
    /// From exactly [`KEM_PUBLIC_KEY_LEN`] bytes, or [`CryptoError::KemLength`].
    pub fn new(bytes: &[u8]) -> Result<Self> {
        exact("public key", bytes).map(Self)
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl KemCiphertext {
    /// From exactly [`KEM_CIPHERTEXT_LEN`] bytes, or [`CryptoError::KemLength`].
    pub fn new(bytes: &[u8]) -> Result<Self> {
        exact("ciphertext", bytes).map(Self)
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

fn exact<const N: usize>(what: &'static str, bytes: &[u8]) -> Result<BoundedBytes<N>> {
    let error = CryptoError::KemLength {
        what,
        actual: bytes.len(),
        expected: N,
    };
    if bytes.len() != N {
        return Err(error);
    }
    bytes.try_into().map_err(|_| error)
}
