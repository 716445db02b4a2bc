//! Signature verification: total functions, a `bool` for any input.
use super::{falcon, ml_dsa, secp, sphincs};
use crate::{PublicKey, Signature, SignatureScheme};

/// Whether `signature` is `public_key`'s on `message`. `false` if the schemes differ or any length is wrong.
pub fn verify(public_key: &PublicKey, message: &[u8], signature: &Signature) -> bool {
    public_key.scheme() == signature.scheme()
        && verify_raw(
            public_key.scheme().tag(),
            public_key.as_bytes(),
            message,
            signature.as_bytes(),
        )
}

/// As [`verify`] on untagged bytes: what the host function calls. `false` for an unknown tag or any wrong length;
/// never panics. Nothing is copied or hashed beyond what the scheme itself does.
pub fn verify_raw(scheme_tag: u8, public_key: &[u8], message: &[u8], signature: &[u8]) -> bool {
    match SignatureScheme::from_tag(scheme_tag) {
        Some(SignatureScheme::MlDsa87) => ml_dsa::verify_with_context(public_key, message, &[], signature),
        Some(SignatureScheme::Falcon512) => falcon::verify(public_key, message, signature),
        Some(SignatureScheme::Secp256k1) => secp::verify(public_key, message, signature),
        Some(SignatureScheme::SphincsShake256f) => sphincs::verify(public_key, message, signature),
        None => false,
    }
}
