//! What can go wrong with keys and signatures, apart from a signature that does not verify (that is a `false`).
use crate::SignatureScheme;

/// The result of this crate's fallible functions.
pub(crate) type Result<T> = core::result::Result<T, CryptoError>;

/// A key, a signature or a ciphertext that cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CryptoError {
    /// A public key of the wrong size, bytes.
    #[error("{scheme} public key is {actual} bytes, expected {expected}")]
    PublicKeyLength {
        /// Scheme asked for.
        scheme: SignatureScheme,
        /// Bytes given.
        actual: usize,
        /// Bytes needed.
        expected: usize,
    },
    /// A signature of the wrong size, bytes.
    #[error("{scheme} signature is {actual} bytes, expected {expected}")]
    SignatureLength {
        /// Scheme asked for.
        scheme: SignatureScheme,
        /// Bytes given.
        actual: usize,
        /// Bytes needed.
        expected: usize,
    },
    /// An expanded secret key of the wrong size, bytes.
    #[error("{scheme} secret key is {actual} bytes, expected {expected}")]
    SecretKeyLength {
        /// Scheme asked for.
        scheme: SignatureScheme,
        /// Bytes given.
        actual: usize,
        /// Bytes needed.
        expected: usize,
    },
    /// The bytes are no secret key of this scheme (out of range, or inconsistent with its own public part).
    #[error("invalid {0} secret key")]
    InvalidSecretKey(SignatureScheme),
    /// Two parts of one signature name different schemes.
    #[error("public key is {public_key}, signature is {signature}")]
    SchemeMismatch {
        /// Scheme of the key.
        public_key: SignatureScheme,
        /// Scheme of the signature.
        signature: SignatureScheme,
    },
    /// An ML-KEM encapsulation key or ciphertext of the wrong size, bytes.
    #[error("ml-kem-1024 {what} is {actual} bytes, expected {expected}")]
    KemLength {
        /// `"public key"` or `"ciphertext"`.
        what: &'static str,
        /// Bytes given.
        actual: usize,
        /// Bytes needed.
        expected: usize,
    },
    /// The encapsulation key fails the modulus check of FIPS 203 §7.2.
    #[error("ml-kem-1024 public key has a coefficient not reduced modulo 3329")]
    KemUnreducedKey,
    /// The operating system gave no randomness.
    #[error("operating system randomness is unavailable")]
    NoRandomness,
}
