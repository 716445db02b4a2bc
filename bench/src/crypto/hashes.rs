//! Hashes and the KEM.

use super::contest::{Operation, Pair};
use crate::Result;
use pqcrypto_mlkem::mlkem1024;
use quids_crypto::{KemKeyPair, blake2b_128, blake3_256, decapsulate, encapsulate, hash_quantum_resistant, keccak_256};
use sha3::{Digest, Keccak256, Sha3_512};
use std::hint::black_box;

fn pair<'a>(name: &str, ours: Operation<'a>, raw: Operation<'a>) -> Pair<'a> {
    Pair {
        name: name.into(),
        ours,
        raw,
        scales: false,
        has_floor: false,
    }
}

/// An operation that hashes and cannot fail.
fn hash<'a, R>(data: &'a [u8], hash: impl Fn(&[u8]) -> R + Sync + 'a) -> Operation<'a> {
    Box::new(move |_| {
        black_box(hash(black_box(data)));
        true
    })
}

pub fn measure(measure: &mut dyn FnMut(Pair<'_>)) -> Result {
    let data: Vec<u8> = (0..512).map(|byte| byte as u8).collect();
    for length in [32, 512] {
        let data = &data[..length];
        measure(pair(
            &format!("blake3-256 of {length} bytes"),
            hash(data, blake3_256),
            hash(data, blake3::hash),
        ));
        let raw = hash(data, |data| Keccak256::digest(data));
        measure(pair(
            &format!("keccak-256 of {length} bytes"),
            hash(data, keccak_256),
            raw,
        ));
        // What it is made of; the raw loop is one SHA3-512, its slowest part.
        let ours = hash(data, |data| hash_quantum_resistant(b"bench", data));
        let raw = hash(data, |data| Sha3_512::digest(data));
        measure(pair(
            &format!("quantum-resistant of {length} (raw: SHA3-512)"),
            ours,
            raw,
        ));
    }
    let ours = hash(&data[..20], blake2b_128);
    let raw = hash(&data[..20], blake3::hash);
    measure(pair("blake2b-128 of 20 bytes (raw: blake3)", ours, raw));
    kem(measure)
}

fn kem(measure: &mut dyn FnMut(Pair<'_>)) -> Result {
    let key = KemKeyPair::generate()?;
    let (ciphertext, _) = encapsulate(key.public())?;
    let (raw_public, raw_secret) = mlkem1024::keypair();
    let (_, raw_ciphertext) = mlkem1024::encapsulate(&raw_public);
    let done = |value| {
        black_box(value);
        true
    };
    measure(pair(
        "ml-kem-1024 encapsulate",
        Box::new(|_| encapsulate(key.public()).is_ok()),
        Box::new(|_| done(mlkem1024::encapsulate(&raw_public).0)),
    ));
    measure(pair(
        "ml-kem-1024 decapsulate",
        Box::new(|_| decapsulate(&key, &ciphertext).is_ok()),
        Box::new(|_| done(mlkem1024::decapsulate(&raw_ciphertext, &raw_secret))),
    ));
    measure(pair(
        "ml-kem-1024 key generation",
        Box::new(|_| KemKeyPair::generate().is_ok()),
        Box::new(|_| {
            black_box(mlkem1024::keypair());
            true
        }),
    ));
    Ok(())
}
