//! Signature verification, key recovery and the operations of Ethereum's precompiles, done by the host. Secrets never
//! enter the runtime.

use quids_core::AccountId20;
pub use quids_crypto::{EthereumOperation, MODEXP_INPUT_MAX, MlDsaLevel};

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

/// Does one of Ethereum's operations; layouts: [`EthereumOperation`]. Writes the answer to the front of `out` and returns
/// how long it is. `None` if the operation refuses the input, or the answer does not fit.
pub fn ethereum(operation: EthereumOperation, input: &[u8], out: &mut [u8]) -> Option<usize> {
    #[cfg(target_arch = "wasm32")]
    return crate::guest::crypto_ethereum(operation, input, out);
    #[cfg(not(target_arch = "wasm32"))]
    {
        let answer = quids_crypto::ethereum_operation(operation, input)?;
        out.get_mut(..answer.len())?.copy_from_slice(&answer);
        Some(answer.len())
    }
}

/// Whether `signature` over `message` verifies under an ML-DSA key (FIPS 204, empty context). Wrong lengths are `false`.
pub fn ml_dsa_verify(level: MlDsaLevel, public_key: &[u8], message: &[u8], signature: &[u8]) -> bool {
    #[cfg(target_arch = "wasm32")]
    return crate::guest::crypto_ml_dsa_verify(level, public_key, message, signature);
    #[cfg(not(target_arch = "wasm32"))]
    quids_crypto::verify_ml_dsa(level, public_key, message, signature)
}
