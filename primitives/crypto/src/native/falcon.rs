//! Falcon-512, round 3, padded: fn-dsa 0.3 with the original Falcon's hashing.
use super::random::Expander;
use fn_dsa::{
    DOMAIN_NONE, FN_DSA_LOGN_512, HASH_ID_ORIGINAL_FALCON, KeyPairGenerator, KeyPairGenerator512, SigningKey,
    SigningKey512, VerifyingKey, VerifyingKey512, sign_key_size, signature_size, vrfy_key_size,
};
use std::sync::{Mutex, PoisonError};
use zeroize::Zeroizing;

pub const SECRET_LEN: usize = sign_key_size(FN_DSA_LOGN_512);
const PUBLIC_LEN: usize = vrfy_key_size(FN_DSA_LOGN_512);
const SIGNATURE_LEN: usize = signature_size(FN_DSA_LOGN_512);

const KEYGEN_CONTEXT: &str = "quids 2026 falcon-512 keygen v1";
const SIGN_CONTEXT: &str = "quids 2026 falcon-512 sign v1";

/// `(pk, sk)` from a 32-byte seed. Key generation is integer arithmetic only, so the result is the same everywhere;
/// another library derives another key from the same seed.
pub fn keypair_from_seed(seed: &[u8; 32]) -> (Vec<u8>, Zeroizing<Vec<u8>>) {
    let mut public = vec![0; PUBLIC_LEN];
    let mut secret = Zeroizing::new(vec![0; SECRET_LEN]);
    KeyPairGenerator512::default().keygen(
        FN_DSA_LOGN_512,
        &mut Expander::new(KEYGEN_CONTEXT, &[seed]),
        &mut secret,
        &mut public,
    );
    (public, secret)
}

/// A decoded signing key: decoding recomputes the lattice basis, which costs a good part of a signature.
pub struct Signer(Mutex<Box<SigningKey512>>);

impl Signer {
    /// The key and its public part; `None` if the bytes are no Falcon-512 secret key.
    pub fn decode(secret: &[u8]) -> Option<(Self, Vec<u8>)> {
        let key = Box::new(SigningKey512::decode(secret)?);
        let mut public = vec![0; PUBLIC_LEN];
        key.to_verifying_key(&mut public);
        Some((Self(Mutex::new(key)), public))
    }

    /// Signs. The nonce and the sampler's seed come from the secret key, the message and 32 fresh bytes of system
    /// randomness together, so a weak system generator alone gives nothing away.
    pub fn sign(&self, secret: &[u8], fresh: &[u8; 32], message: &[u8]) -> Vec<u8> {
        let mut rng = Expander::new(SIGN_CONTEXT, &[fresh, secret, message]);
        let mut signature = vec![0; SIGNATURE_LEN];
        let mut key = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        key.sign(
            &mut rng,
            &DOMAIN_NONE,
            &HASH_ID_ORIGINAL_FALCON,
            message,
            &mut signature,
        );
        signature
    }
}

/// Verifies a padded signature; `false` for any wrong length or encoding. Decoding the key is part of it.
pub fn verify(public_key: &[u8], message: &[u8], signature: &[u8]) -> bool {
    public_key.len() == PUBLIC_LEN
        && signature.len() == SIGNATURE_LEN
        && VerifyingKey512::decode(public_key)
            .is_some_and(|key| key.verify(signature, &DOMAIN_NONE, &HASH_ID_ORIGINAL_FALCON, message))
}
