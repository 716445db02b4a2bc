//! The libraries' own loops, with keys decoded ahead where a library knows such keys.

use super::{contest::Operation, signatures::Corpus};
use crate::Result;
use fn_dsa::{
    CryptoRng, DOMAIN_NONE, FN_DSA_LOGN_512, HASH_ID_ORIGINAL_FALCON, RngCore, RngError, SigningKey, SigningKey512,
    VerifyingKey, VerifyingKey512, signature_size,
};
use libcrux_ml_dsa::ml_dsa_87::{MLDSA87Signature, MLDSA87VerificationKey, verify as verify_ml_dsa};
use pqcrypto_mldsa::mldsa87;
use pqcrypto_sphincsplus::sphincsshake256fsimple as sphincs;
use pqcrypto_traits::sign::{DetachedSignature, PublicKey as _, SecretKey as _};
use quids_crypto::{SignatureScheme, keccak_256};
use secp256k1::{Message, SECP256K1, SecretKey, ecdsa};
use std::sync::{Mutex, PoisonError};

/// Ways to verify the corpus, the one that has the floor first and without a name.
pub fn verifiers(corpus: &Corpus) -> Result<Vec<(&'static str, Operation<'_>)>> {
    let key = corpus.key.public().as_bytes();
    Ok(match corpus.key.scheme() {
        SignatureScheme::MlDsa87 => {
            let key = MLDSA87VerificationKey::new(key.try_into()?);
            let signatures = each(corpus, |bytes| Ok(MLDSA87Signature::new(bytes.try_into()?)))?;
            let pqclean_key = mldsa87::PublicKey::from_bytes(corpus.key.public().as_bytes())?;
            let pqclean_signatures = each(corpus, |bytes| Ok(mldsa87::DetachedSignature::from_bytes(bytes)?))?;
            let pqclean = move |i| {
                let signature = pick(&pqclean_signatures, i);
                mldsa87::verify_detached_signature(signature, corpus.message(i), &pqclean_key).is_ok()
            };
            vec![
                (
                    "",
                    Box::new(move |i| verify_ml_dsa(&key, corpus.message(i), &[], pick(&signatures, i)).is_ok()),
                ),
                // Faster, and wrong on 50 Wycheproof vectors: see primitives/crypto/src/native/ml_dsa.rs.
                (" (raw: PQClean)", Box::new(pqclean)),
            ]
        }
        SignatureScheme::Falcon512 => {
            let decoded = VerifyingKey512::decode(key).ok_or("no Falcon key")?;
            let verify = |key: &VerifyingKey512, i| {
                key.verify(
                    corpus.signature(i),
                    &DOMAIN_NONE,
                    &HASH_ID_ORIGINAL_FALCON,
                    corpus.message(i),
                )
            };
            let decoding = move |i| VerifyingKey512::decode(key).is_some_and(|key| verify(&key, i));
            vec![
                ("", Box::new(move |i| verify(&decoded, i))),
                (" (raw decodes the key too)", Box::new(decoding)),
            ]
        }
        SignatureScheme::SphincsShake256f => {
            let key = sphincs::PublicKey::from_bytes(key)?;
            let signatures = each(corpus, |bytes| Ok(sphincs::DetachedSignature::from_bytes(bytes)?))?;
            vec![(
                "",
                Box::new(move |i| {
                    sphincs::verify_detached_signature(pick(&signatures, i), corpus.message(i), &key).is_ok()
                }),
            )]
        }
        SignatureScheme::Secp256k1 => {
            let key = secp256k1::PublicKey::from_slice(key)?;
            let digests: Vec<_> = corpus
                .messages
                .iter()
                .map(|message| Message::from_digest(keccak_256(message)))
                .collect();
            let recoverable = each(corpus, |bytes| {
                let id = ecdsa::RecoveryId::try_from(i32::from(bytes[64]))?;
                Ok(ecdsa::RecoverableSignature::from_compact(&bytes[..64], id)?)
            })?;
            let plain: Vec<_> = recoverable.iter().map(|signature| signature.to_standard()).collect();
            let messages = digests.clone();
            vec![
                (
                    "",
                    Box::new(move |i| {
                        SECP256K1
                            .recover_ecdsa(*pick(&messages, i), pick(&recoverable, i))
                            .is_ok_and(|by| by == key)
                    }),
                ),
                (
                    " (raw does not recover)",
                    Box::new(move |i| {
                        SECP256K1
                            .verify_ecdsa(*pick(&digests, i), pick(&plain, i), &key)
                            .is_ok()
                    }),
                ),
            ]
        }
    })
}

/// The library's signing.
pub fn signer(corpus: &Corpus) -> Result<Operation<'_>> {
    let secret = corpus.key.secret_bytes();
    Ok(match corpus.key.scheme() {
        SignatureScheme::MlDsa87 => {
            let key = mldsa87::SecretKey::from_bytes(secret)?;
            Box::new(move |i| !mldsa87::detached_sign(corpus.message(i), &key).as_bytes().is_empty())
        }
        SignatureScheme::SphincsShake256f => {
            let key = sphincs::SecretKey::from_bytes(secret)?;
            Box::new(move |i| !sphincs::detached_sign(corpus.message(i), &key).as_bytes().is_empty())
        }
        SignatureScheme::Falcon512 => {
            // Signing wants the key to itself; the lock costs the same on both sides.
            let key = Mutex::new(SigningKey512::decode(secret).ok_or("no Falcon key")?);
            Box::new(move |i| {
                let mut signature = vec![0; signature_size(FN_DSA_LOGN_512)];
                let mut key = key.lock().unwrap_or_else(PoisonError::into_inner);
                key.sign(
                    &mut System,
                    &DOMAIN_NONE,
                    &HASH_ID_ORIGINAL_FALCON,
                    corpus.message(i),
                    &mut signature,
                );
                true
            })
        }
        SignatureScheme::Secp256k1 => {
            let key = SecretKey::from_byte_array(secret.try_into()?)?;
            Box::new(move |i| {
                let digest = Message::from_digest(keccak_256(corpus.message(i)));
                SECP256K1
                    .sign_ecdsa_recoverable(digest, &key)
                    .serialize_compact()
                    .1
                    .len()
                    == 64
            })
        }
    })
}

fn each<T>(corpus: &Corpus, decode: impl Fn(&[u8]) -> Result<T>) -> Result<Vec<T>> {
    corpus.signatures.iter().map(|bytes| decode(bytes)).collect()
}

fn pick<T>(all: &[T], index: usize) -> &T {
    &all[index % all.len()]
}

/// The operating system's randomness.
struct System;

impl CryptoRng for System {}

impl RngCore for System {
    fn next_u32(&mut self) -> u32 {
        self.next_u64() as u32
    }

    fn next_u64(&mut self) -> u64 {
        let mut bytes = [0; 8];
        self.fill_bytes(&mut bytes);
        u64::from_le_bytes(bytes)
    }

    fn fill_bytes(&mut self, dest: &mut [u8]) {
        assert!(getrandom::fill(dest).is_ok(), "the system has randomness");
    }

    fn try_fill_bytes(&mut self, dest: &mut [u8]) -> core::result::Result<(), RngError> {
        self.fill_bytes(dest);
        Ok(())
    }
}
