//! ML-KEM-1024 (FIPS 203): keys from a seed by ml-kem, encapsulation and decapsulation by PQClean.
use super::{
    pqclean::{self, ML_KEM_CIPHERTEXT, ML_KEM_PUBLIC, ML_KEM_SECRET},
    random,
};
use crate::{CryptoError, KEM_CIPHERTEXT_LEN, KEM_PUBLIC_KEY_LEN, KemCiphertext, KemPublicKey, Result};
use core::fmt;
use ml_kem::{KeyExport, ml_kem_1024::DecapsulationKey};
use zeroize::Zeroizing;

/// Size of a key seed `d ‖ z`, bytes (FIPS 203 algorithm 16).
pub const KEM_SEED_LEN: usize = 64;
/// Size of an expanded decapsulation key, bytes (FIPS 203 table 3).
pub const KEM_SECRET_KEY_LEN: usize = ML_KEM_SECRET;

const _: () = assert!(ML_KEM_PUBLIC == KEM_PUBLIC_KEY_LEN && ML_KEM_CIPHERTEXT == KEM_CIPHERTEXT_LEN);

/// A decapsulation key and its encapsulation key. Secrets are wiped on drop; `Debug` shows the public key only.
#[derive(Clone)]
pub struct KemKeyPair {
    public: KemPublicKey,
    secret: Box<Zeroizing<[u8; ML_KEM_SECRET]>>,
    seed: Zeroizing<[u8; KEM_SEED_LEN]>,
}

impl KemKeyPair {
    /// The key of the 64-byte seed `d ‖ z`: ML-KEM.KeyGen_internal (FIPS 203 algorithm 16).
    pub fn from_seed(seed: &[u8; KEM_SEED_LEN]) -> Self {
        let key = DecapsulationKey::from_seed((*seed).into());
        #[expect(
            deprecated,
            reason = "PQClean takes the expanded key; ours is made here and never read from outside"
        )]
        let expanded = Zeroizing::new(<[u8; ML_KEM_SECRET]>::from(
            ml_kem::ExpandedKeyEncoding::to_expanded_bytes(&key),
        ));
        let public = key.encapsulation_key().to_bytes();
        Self {
            // UNWRAP: ml-kem's array type is of FIPS 203's length.
            public: KemPublicKey::new(&public).expect("an ML-KEM-1024 key is 1568 bytes"),
            secret: Box::new(expanded),
            seed: Zeroizing::new(*seed),
        }
    }

    /// A new key from system randomness; [`CryptoError::NoRandomness`] if there is none.
    pub fn generate() -> Result<Self> {
        Ok(Self::from_seed(&*random::os_random()?))
    }

    /// The encapsulation key.
    pub fn public(&self) -> &KemPublicKey {
        &self.public
    }

    /// The seed `d ‖ z`: the form to store.
    pub fn seed(&self) -> &[u8; KEM_SEED_LEN] {
        &self.seed
    }

    /// The expanded decapsulation key `dk` of FIPS 203, for libraries that want it.
    pub fn secret_bytes(&self) -> &[u8; ML_KEM_SECRET] {
        &self.secret
    }
}

impl fmt::Debug for KemKeyPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KemKeyPair")
            .field("public", &self.public)
            .finish_non_exhaustive()
    }
}

/// [`KemKeyPair::generate`], under the specification's name.
pub fn generate_kem_keypair() -> Result<KemKeyPair> {
    KemKeyPair::generate()
}

/// ML-KEM.Encaps (FIPS 203 algorithm 20): a ciphertext and the 32-byte secret it carries.
///
/// [`CryptoError::KemLength`] or [`CryptoError::KemUnreducedKey`] for a key that fails the checks of §7.2;
/// [`CryptoError::NoRandomness`].
pub fn encapsulate(public_key: &KemPublicKey) -> Result<(KemCiphertext, Zeroizing<[u8; 32]>)> {
    let bytes = public_key.as_bytes();
    let key: &[u8; ML_KEM_PUBLIC] = bytes.try_into().map_err(|_| CryptoError::KemLength {
        what: "public key",
        actual: bytes.len(),
        expected: ML_KEM_PUBLIC,
    })?;
    if !is_reduced(key) {
        return Err(CryptoError::KemUnreducedKey);
    }
    let mut ciphertext = [0; ML_KEM_CIPHERTEXT];
    let mut shared = Zeroizing::new([0; 32]);
    if !pqclean::ml_kem_encapsulate(key, &mut ciphertext, &mut shared) {
        return Err(CryptoError::NoRandomness);
    }
    Ok((KemCiphertext::new(&ciphertext)?, shared))
}

/// ML-KEM.Decaps (FIPS 203 algorithm 21). [`CryptoError::KemLength`] for a ciphertext of the wrong length; a forged
/// one of the right length gives a pseudorandom secret (implicit rejection).
pub fn decapsulate(key_pair: &KemKeyPair, ciphertext: &KemCiphertext) -> Result<Zeroizing<[u8; 32]>> {
    let bytes = ciphertext.as_bytes();
    let ciphertext = bytes.try_into().map_err(|_| CryptoError::KemLength {
        what: "ciphertext",
        actual: bytes.len(),
        expected: ML_KEM_CIPHERTEXT,
    })?;
    let mut shared = Zeroizing::new([0; 32]);
    let done = pqclean::ml_kem_decapsulate(&key_pair.secret, ciphertext, &mut shared);
    assert!(done, "crypto_kem_dec has no failing path");
    Ok(shared)
}

/// The modulus check of FIPS 203 §7.2: every 12-bit coefficient of the key's first 1536 bytes is under q = 3329.
fn is_reduced(key: &[u8; ML_KEM_PUBLIC]) -> bool {
    key[..ML_KEM_PUBLIC - 32].chunks_exact(3).all(|three| {
        let [a, b, c] = [u16::from(three[0]), u16::from(three[1]), u16::from(three[2])];
        (a | (b & 15) << 8) < 3329 && (b >> 4 | c << 4) < 3329
    })
}
