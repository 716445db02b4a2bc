//! What a validator proves and promises before it may vote: that it holds its key, and the end of its hash chain.

use alloc::vec::Vec;
use codec::Encode;
use quids_core::{AccountId20, Hash};
use quids_crypto::{PublicKey, blake3_256};

/// Separates these messages from every other one that a key signs.
const DOMAIN: &[u8] = b"quids/validator/v1";

/// Separates the links of a hash chain from every other hash.
const CHAIN_DOMAIN: &[u8] = b"quids/beacon-chain/v1";

/// What a consensus key signs to prove that its owner wants to vote for `account` on this chain:
/// `"quids/validator/v1" ‖ genesis hash (32) ‖ account (20) ‖ SCALE(key)`.
pub fn registration_message(genesis: &Hash, account: &AccountId20, key: &PublicKey) -> Vec<u8> {
    let mut message = Vec::with_capacity(DOMAIN.len().saturating_add(32 + 20 + 2600));
    message.extend_from_slice(DOMAIN);
    message.extend_from_slice(genesis.as_bytes());
    message.extend_from_slice(account.as_ref());
    key.encode_to(&mut message);
    message
}

/// The next link of a hash chain: BLAKE3-256 of the domain and the link before. A validator commits to the last link of a
/// chain that it made from a secret, and reveals the links from the last one's predecessor backwards.
pub fn chain_hash(link: &Hash) -> Hash {
    blake3_256(&[CHAIN_DOMAIN, link.as_bytes()].concat()).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use quids_crypto::SignatureScheme;

    #[test]
    fn what_is_signed_is_pinned() {
        let key = PublicKey::new(SignatureScheme::Falcon512, &[7; 897]).unwrap();
        let message = registration_message(&Hash::repeat_byte(1), &AccountId20([2; 20]), &key);
        let expected = [&b"quids/validator/v1"[..], &[1; 32], &[2; 20], &[1, 5, 14], &[7; 897]].concat();
        assert_eq!(message, expected);
        let link = blake3_256(&[&b"quids/beacon-chain/v1"[..], &[3; 32]].concat());
        assert_eq!(chain_hash(&Hash::repeat_byte(3)), link.into());
    }
}
