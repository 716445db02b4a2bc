//! Falcon-512, round 3, padded: fn-dsa 0.3 with the original Falcon's hashing.
use super::random::Expander;
use fn_dsa::{
    DOMAIN_NONE, FN_DSA_LOGN_512, HASH_ID_ORIGINAL_FALCON, KeyPairGenerator, KeyPairGenerator512, SigningKey,
    SigningKey512, VerifyingKey, VerifyingKey512, sign_key_size, signature_size, vrfy_key_size,
};
use std::{
    cell::RefCell,
    sync::{Mutex, PoisonError},
};
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

/// Keys that a thread keeps decoded, each in the place that its bytes name.
const DECODED_MAX: usize = 64;

/// A public key's bytes and what they decode to.
type Decoded = (Vec<u8>, VerifyingKey512);

thread_local! {
    /// Decoding is a quarter of a verification, and who signs often (validators, busy accounts) signs again.
    static DECODED: RefCell<[Option<Box<Decoded>>; DECODED_MAX]> = const { RefCell::new([const { None }; DECODED_MAX]) };
}

/// Verifies a padded signature; `false` for any wrong length or encoding.
pub fn verify(public_key: &[u8], message: &[u8], signature: &[u8]) -> bool {
    if public_key.len() != PUBLIC_LEN || signature.len() != SIGNATURE_LEN {
        return false;
    }
    // Byte 0 is the same for all keys, those after it are as good as random.
    let place = usize::from(public_key[1] ^ public_key[PUBLIC_LEN / 2]) % DECODED_MAX;
    DECODED.with_borrow_mut(|decoded| {
        let slot = &mut decoded[place];
        if slot.as_ref().is_none_or(|known| known.0 != public_key) {
            let Some(key) = VerifyingKey512::decode(public_key) else {
                return false;
            };
            *slot = Some(Box::new((public_key.to_vec(), key)));
        }
        slot.as_ref().is_some_and(|known| {
            known
                .1
                .verify(signature, &DOMAIN_NONE, &HASH_ID_ORIGINAL_FALCON, message)
        })
    })
}
