//! Key pairs of every scheme behind one type that wipes its secret and never prints it.
use super::{falcon, ml_dsa, random, secp, sphincs};
use crate::{CryptoError, PublicKey, Result, Signature, SignatureScheme};
use core::fmt;
use quids_core::AccountId20;
use zeroize::Zeroizing;

/// A signing key and its public key. The secret is wiped on drop; `Debug` shows scheme and account only.
pub struct KeyPair {
    public: PublicKey,
    account: AccountId20,
    /// The expanded secret, in the scheme's own encoding.
    secret: Zeroizing<Vec<u8>>,
    /// Falcon only: the decoded key.
    falcon: Option<falcon::Signer>,
}

impl KeyPair {
    /// A new key from system randomness; [`CryptoError::NoRandomness`] if there is none.
    pub fn generate(scheme: SignatureScheme) -> Result<Self> {
        Self::from_seed(scheme, &*random::os_random()?)
    }

    /// The key of a 32-byte seed, the same on every machine and in every release.
    ///
    /// ML-DSA-87: the seed is ξ of FIPS 204 algorithm 6. The others expand it with BLAKE3 in derive-key mode (contexts
    /// `quids 2026 <scheme> keygen v1`). Falcon keys from a seed belong to this implementation: keep
    /// [`Self::secret_bytes`]. The `Result` is for forms that may fail later; today every seed gives a key.
    pub fn from_seed(scheme: SignatureScheme, seed: &[u8; 32]) -> Result<Self> {
        let (public, secret) = match scheme {
            SignatureScheme::MlDsa87 => ml_dsa::keypair_from_seed(seed),
            SignatureScheme::Falcon512 => falcon::keypair_from_seed(seed),
            SignatureScheme::Secp256k1 => secp::keypair_from_seed(seed),
            SignatureScheme::SphincsShake256f => sphincs::keypair_from_seed(seed),
        };
        let falcon = match scheme {
            SignatureScheme::Falcon512 => Some(
                falcon::Signer::decode(&secret)
                    .ok_or(CryptoError::InvalidSecretKey(scheme))?
                    .0,
            ),
            _ => None,
        };
        Self::assemble(scheme, &public, secret, falcon)
    }

    /// The legacy account of a raw Ethereum private key; [`CryptoError::InvalidSecretKey`] if zero or out of range.
    pub fn from_secp256k1_secret(secret: &[u8; 32]) -> Result<Self> {
        Self::from_secret(SignatureScheme::Secp256k1, secret)
    }

    /// From the expanded form that [`Self::secret_bytes`] gives. The public key is recomputed from the secret and,
    /// where the encoding repeats public parts, compared with them.
    ///
    /// [`CryptoError::SecretKeyLength`] or [`CryptoError::InvalidSecretKey`].
    pub fn from_secret(scheme: SignatureScheme, secret: &[u8]) -> Result<Self> {
        let expected = Self::secret_len(scheme);
        if secret.len() != expected {
            return Err(CryptoError::SecretKeyLength {
                scheme,
                actual: secret.len(),
                expected,
            });
        }
        let invalid = CryptoError::InvalidSecretKey(scheme);
        let (public, falcon) = match scheme {
            SignatureScheme::MlDsa87 => (ml_dsa::public_of(secret).ok_or(invalid)?, None),
            SignatureScheme::Secp256k1 => (secp::public_of(secret).ok_or(invalid)?, None),
            SignatureScheme::SphincsShake256f => (sphincs::public_of(secret).ok_or(invalid)?, None),
            SignatureScheme::Falcon512 => {
                let (signer, public) = falcon::Signer::decode(secret).ok_or(invalid)?;
                (public, Some(signer))
            }
        };
        Self::assemble(scheme, &public, Zeroizing::new(secret.to_vec()), falcon)
    }

    fn assemble(
        scheme: SignatureScheme,
        public: &[u8],
        secret: Zeroizing<Vec<u8>>,
        falcon: Option<falcon::Signer>,
    ) -> Result<Self> {
        let public = PublicKey::new(scheme, public)?;
        let account = public.account_id().ok_or(CryptoError::InvalidSecretKey(scheme))?;
        Ok(Self {
            public,
            account,
            secret,
            falcon,
        })
    }

    /// Size of [`Self::secret_bytes`]: ML-DSA-87 4896 (FIPS 204 `skEncode`), Falcon-512 1281 (round 3 encoding),
    /// secp256k1 32, SPHINCS+ 128 (`SK.seed ‖ SK.prf ‖ PK.seed ‖ PK.root`).
    pub const fn secret_len(scheme: SignatureScheme) -> usize {
        match scheme {
            SignatureScheme::MlDsa87 => ml_dsa::SECRET_LEN,
            SignatureScheme::Falcon512 => falcon::SECRET_LEN,
            SignatureScheme::Secp256k1 => secp::SECRET_LEN,
            SignatureScheme::SphincsShake256f => sphincs::SECRET_LEN,
        }
    }

    /// The expanded secret, for the keystore to encrypt.
    pub fn secret_bytes(&self) -> &[u8] {
        &self.secret
    }

    /// The public key.
    pub fn public(&self) -> &PublicKey {
        &self.public
    }

    /// The scheme.
    pub fn scheme(&self) -> SignatureScheme {
        self.public.scheme()
    }

    /// The account that the key derives.
    pub fn account_id(&self) -> AccountId20 {
        self.account
    }

    /// Signs a message. ML-DSA: pure, hedged, empty context. Falcon and SPHINCS+: hedged. secp256k1: RFC 6979 on the
    /// Keccak-256 of the message.
    ///
    /// # Panics
    /// If the operating system has no randomness: a signer cannot do without it, and nothing remote can cause it.
    pub fn sign(&self, message: &[u8]) -> Signature {
        let bytes = match (self.scheme(), &self.falcon) {
            (SignatureScheme::MlDsa87, _) => ml_dsa::sign(&self.secret, message),
            (SignatureScheme::Secp256k1, _) => secp::sign(&self.secret, message),
            (SignatureScheme::SphincsShake256f, _) => sphincs::sign(&self.secret, message),
            (SignatureScheme::Falcon512, Some(signer)) => random::os_random()
                .ok()
                .map(|fresh| signer.sign(&self.secret, &fresh, message)),
            (SignatureScheme::Falcon512, None) => None,
        };
        // UNWRAP: the constructors checked the secret, and each scheme's signer gives its own exact length; what is
        // left is the missing randomness that the doc names.
        let bytes = bytes.expect("a checked key signs while the system has randomness");
        Signature::new(self.scheme(), &bytes).expect("a signer gives its scheme's length")
    }
}

impl Clone for KeyPair {
    fn clone(&self) -> Self {
        Self {
            public: self.public.clone(),
            account: self.account,
            secret: self.secret.clone(),
            // The same bytes decoded when `self` was made.
            falcon: self
                .falcon
                .as_ref()
                .and_then(|_| falcon::Signer::decode(&self.secret))
                .map(|(signer, _)| signer),
        }
    }
}

impl fmt::Debug for KeyPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyPair")
            .field("scheme", &self.scheme())
            .field("account", &crate::eip55(&self.account))
            .finish_non_exhaustive()
    }
}

/// [`KeyPair::generate`], under the specification's name.
pub fn generate_keypair(scheme: SignatureScheme) -> Result<KeyPair> {
    KeyPair::generate(scheme)
}

/// [`KeyPair::sign`], under the specification's name.
pub fn sign(key_pair: &KeyPair, message: &[u8]) -> Signature {
    key_pair.sign(message)
}
