//! What a key signs to prove that its owner holds it, before an account is bound to it.
use crate::PublicKey;
use alloc::vec::Vec;
use codec::Encode;
use quids_core::{AccountId20, Hash};

/// Separates these messages from every other one that a key signs.
const DOMAIN: &[u8] = b"quids/pop/v1";

/// The message of a proof of possession: `"quids/pop/v1" ‖ genesis hash (32) ‖ account (20) ‖ SCALE(key)`.
/// Signed by `key` itself; valid for one account on one chain.
pub fn possession_message(genesis: &Hash, account: &AccountId20, key: &PublicKey) -> Vec<u8> {
    let mut message = Vec::with_capacity(DOMAIN.len() + 32 + 20 + key.encoded_size());
    message.extend_from_slice(DOMAIN);
    message.extend_from_slice(genesis.as_bytes());
    message.extend_from_slice(account.as_ref());
    key.encode_to(&mut message);
    message
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SignatureScheme;

    #[test]
    fn the_message_is_pinned() {
        let key = PublicKey::new(SignatureScheme::SphincsShake256f, &[7; 64]).unwrap();
        let message = possession_message(&Hash::repeat_byte(1), &AccountId20([2; 20]), &key);
        let expected = [&b"quids/pop/v1"[..], &[1; 32], &[2; 20], &[3, 1, 1], &[7; 64]].concat();
        assert_eq!(message, expected);
    }
}
