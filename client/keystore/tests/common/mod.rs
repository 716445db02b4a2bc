//! What the tests share: cheap key derivation, and secrets of every kind.
#![allow(dead_code, reason = "not every test needs everything")]

use quids_keystore::*;
use zeroize::Zeroizing;

/// 8 KiB, one pass: as cheap as argon2id gets.
pub fn cheap() -> KdfParams {
    KdfParams::new(8, 1, 1).unwrap()
}

pub fn passphrase(text: &str) -> Passphrase {
    Passphrase::new(Zeroizing::new(text.to_owned())).unwrap()
}

/// One of every kind, and of every scheme where there are several.
pub fn secrets() -> Vec<Secret> {
    let accounts = ["alice", "alice-falcon", "alice-sphincs", "eth0"];
    let mut secrets: Vec<_> = accounts.map(|name| Secret::Account(dev_keypair(name).unwrap())).into();
    secrets.push(Secret::from_seed(&[7; 32]).unwrap());
    secrets.push(Secret::Kem(KemKeyPair::from_seed(&[9; 64])));
    for (scheme, index) in SignatureScheme::ALL.into_iter().zip(0..) {
        secrets.push(Secret::from_phrase(ETHEREUM_TEST_MNEMONIC, scheme, index).unwrap());
    }
    secrets
}

/// 16 bytes that are private in every scheme: an expanded ML-DSA-87 key begins with 32 public ones.
pub fn private_part(key: &KeyPair) -> &[u8] {
    let secret = key.secret_bytes();
    &secret[secret.len().min(48) - 16..][..16]
}

/// The bytes of a secret that must never be seen, in hexadecimal, and the words of a mnemonic.
pub fn marks(secret: &Secret) -> Vec<String> {
    match secret {
        Secret::Account(key) => vec![hex::encode(private_part(key))],
        Secret::Seed { seed, .. } => vec![hex::encode(&seed[..16])],
        Secret::Kem(key) => vec![hex::encode(&key.seed()[..16])],
        Secret::Mnemonic { .. } => vec!["test junk".into(), "test test".into()],
    }
}
