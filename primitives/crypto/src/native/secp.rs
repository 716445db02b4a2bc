//! ECDSA over secp256k1 with recovery, for legacy Ethereum accounts. Signs the Keccak-256 of the message.
use super::random::Expander;
use crate::{ethereum_address, keccak_256};
use quids_core::AccountId20;
use secp256k1::{
    Message, PublicKey, SECP256K1, SecretKey,
    ecdsa::{RecoverableSignature, RecoveryId},
};
use zeroize::Zeroizing;

pub const SECRET_LEN: usize = 32;

const KEYGEN_CONTEXT: &str = "quids 2026 secp256k1 keygen v1";

/// Half the group order, big-endian: the greatest `s` accepted (EIP-2, BIP-62).
const HALF_ORDER: [u8; 32] = [
    0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x5d, 0x57, 0x6e,
    0x73, 0x57, 0xa4, 0x50, 0x1d, 0xdf, 0xe9, 0x2f, 0x46, 0x68, 0x1b, 0x20, 0xa0,
];

/// `(pk, sk)` from a 32-byte seed: the first 32 bytes of the expanded stream that are a scalar in range. (The seed is
/// not itself the private key; for that there is [`crate::KeyPair::from_secp256k1_secret`].)
pub fn keypair_from_seed(seed: &[u8; 32]) -> (Vec<u8>, Zeroizing<Vec<u8>>) {
    let mut stream = Expander::new(KEYGEN_CONTEXT, &[seed]);
    loop {
        let candidate = stream.take::<32>();
        if let Some(public) = public_of(&*candidate) {
            return (public, Zeroizing::new(candidate.to_vec()));
        }
    }
}

/// The compressed public key of a private key; `None` for zero, a scalar not under the group order, or a wrong length.
pub fn public_of(secret: &[u8]) -> Option<Vec<u8>> {
    let mut secret = secret_key(secret)?;
    let public = PublicKey::from_secret_key(SECP256K1, &secret).serialize();
    secret.non_secure_erase();
    Some(public.to_vec())
}

fn secret_key(secret: &[u8]) -> Option<SecretKey> {
    SecretKey::from_byte_array(secret.try_into().ok()?).ok()
}

/// `r ‖ s ‖ v` with v in 0, 1, deterministic (RFC 6979), low s. `None` if the secret is no private key.
pub fn sign(secret: &[u8], message: &[u8]) -> Option<Vec<u8>> {
    let mut secret = secret_key(secret)?;
    let digest = Message::from_digest(keccak_256(message));
    let (recovery_id, compact) = SECP256K1.sign_ecdsa_recoverable(digest, &secret).serialize_compact();
    secret.non_secure_erase();
    let mut signature = compact.to_vec();
    signature.push(i32::from(recovery_id) as u8);
    Some(signature)
}

/// The key that signed `message_hash`: `x ‖ y`, 64 bytes. `None` for a high `s` (malleable), `r` or `s` of zero or not
/// under the group order, a `v` other than 0, 1, 27, 28, or no such point.
pub fn recover_public_key(message_hash: &[u8; 32], signature: &[u8; 65]) -> Option<[u8; 64]> {
    uncompressed(&recover_point(message_hash, signature)?)
}

/// The account that signed `message_hash`; `None` as in [`recover_public_key`].
pub fn recover(message_hash: &[u8; 32], signature: &[u8; 65]) -> Option<AccountId20> {
    recover_public_key(message_hash, signature).map(|point| ethereum_address(&point))
}

fn recover_point(message_hash: &[u8; 32], signature: &[u8; 65]) -> Option<PublicKey> {
    let recovery_id = match signature[64] {
        0 | 27 => RecoveryId::Zero,
        1 | 28 => RecoveryId::One,
        _ => return None,
    };
    if signature[32..64] > HALF_ORDER[..] {
        return None;
    }
    let signature = RecoverableSignature::from_compact(&signature[..64], recovery_id).ok()?;
    SECP256K1
        .recover_ecdsa(Message::from_digest(*message_hash), &signature)
        .ok()
}

/// `x ‖ y` of a compressed key; `None` if it is no point of the curve.
pub fn decompress(public_key: &[u8]) -> Option<[u8; 64]> {
    uncompressed(&PublicKey::from_byte_array_compressed(public_key.try_into().ok()?).ok()?)
}

fn uncompressed(point: &PublicKey) -> Option<[u8; 64]> {
    point.serialize_uncompressed()[1..].try_into().ok()
}

/// Verifies by recovery, so that `v` is checked too: a signature has no second form but `v + 27`.
pub fn verify(public_key: &[u8], message: &[u8], signature: &[u8]) -> bool {
    let Ok(signature) = signature.try_into() else {
        return false;
    };
    recover_point(&keccak_256(message), signature).is_some_and(|point| point.serialize()[..] == *public_key)
}
