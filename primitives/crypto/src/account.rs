//! From a public key to its 20-byte account, and the checksummed way to write one.
use crate::{SignatureScheme, keccak_256};
use alloc::string::String;
use quids_core::AccountId20;

/// BLAKE3 key derivation context of post-quantum accounts. Changing it changes every address.
const ACCOUNT_CONTEXT: &str = "quids 2026 account v1";

/// The account that a public key derives.
///
/// - Post-quantum: the first 20 bytes of BLAKE3 in derive-key mode (context `quids 2026 account v1`) over `tag ‖ key`.
/// - secp256k1: the Ethereum address of the key, which needs its decompression and so is **native only**; on wasm32
///   it is `None` (the runtime gets the address from the host's recovery instead).
///
/// `None` also for a key of the wrong length, and for a secp256k1 key that is no point of the curve.
pub fn derive_account(scheme: SignatureScheme, public_key: &[u8]) -> Option<AccountId20> {
    if public_key.len() != scheme.public_key_len() {
        return None;
    }
    if scheme == SignatureScheme::Secp256k1 {
        #[cfg(target_arch = "wasm32")]
        return None;
        #[cfg(not(target_arch = "wasm32"))]
        return crate::native::secp::decompress(public_key).map(|point| ethereum_address(&point));
    }
    let mut hasher = blake3::Hasher::new_derive_key(ACCOUNT_CONTEXT);
    hasher.update(&[scheme.tag()]).update(public_key);
    let mut account = [0; 20];
    account.copy_from_slice(&hasher.finalize().as_bytes()[..20]);
    Some(AccountId20(account))
}

/// The Ethereum address of an uncompressed secp256k1 key without its `0x04` prefix (64 bytes, `x ‖ y`):
/// the last 20 bytes of its Keccak-256 (Ethereum yellow paper, appendix F).
pub fn ethereum_address(point: &[u8; 64]) -> AccountId20 {
    let mut account = [0; 20];
    account.copy_from_slice(&keccak_256(point)[12..]);
    AccountId20(account)
}

/// `0x` and 40 hexadecimal digits with the mixed-case checksum of EIP-55.
pub fn eip55(account: &AccountId20) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = [0u8; 40];
    for (pair, byte) in text.chunks_exact_mut(2).zip(account.0) {
        pair[0] = DIGITS[usize::from(byte >> 4)];
        pair[1] = DIGITS[usize::from(byte & 15)];
    }
    let checksum = keccak_256(&text);
    let mut out = String::with_capacity(42);
    out.push_str("0x");
    for (i, digit) in text.into_iter().enumerate() {
        let nibble = checksum[i / 2] >> (4 * (1 - i % 2)) & 15;
        out.push(char::from(if nibble >= 8 { digit.to_ascii_uppercase() } else { digit }));
    }
    out
}
