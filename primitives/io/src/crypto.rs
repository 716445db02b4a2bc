//! Signature verification and key recovery, done by the host. Secrets never enter the runtime.

use quids_core::AccountId20;

/// Whether `signature` over `message` verifies under `public_key`, for the scheme with this tag
/// (see `quids_crypto::SignatureScheme`). Wrong lengths and unknown tags are `false`.
pub fn verify(scheme: u8, public_key: &[u8], message: &[u8], signature: &[u8]) -> bool {
    #[cfg(target_arch = "wasm32")]
    return crate::guest::crypto_verify(scheme, public_key, message, signature);
    #[cfg(not(target_arch = "wasm32"))]
    crate::with_externalities(|e| e.verify_signature(scheme, public_key, message, signature))
}

/// The Ethereum address that made the recoverable secp256k1 signature (r ‖ s ‖ v) over a 32-byte hash.
/// `None` for anything invalid, high-s included.
pub fn secp256k1_recover(hash: &[u8; 32], signature: &[u8; 65]) -> Option<AccountId20> {
    #[cfg(target_arch = "wasm32")]
    return crate::guest::crypto_secp256k1_recover(hash, signature);
    #[cfg(not(target_arch = "wasm32"))]
    quids_crypto::recover_secp256k1(hash, signature)
}
