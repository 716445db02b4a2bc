//! What a key file protects: an account's key in one of three forms, or a key of ML-KEM-1024.

use crate::{KeyError, from_mnemonic, mnemonic};
use quids_core::AccountId20;
use quids_crypto::{KEM_SEED_LEN, KemKeyPair, KeyPair, SignatureScheme, UnknownScheme, eip55};
use std::fmt;
use std::str::FromStr;
use zeroize::Zeroizing;

/// What a key is for and how it works: a signature scheme, or key encapsulation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// Keys of accounts.
    Signature(SignatureScheme),
    /// ML-KEM-1024 (FIPS 203).
    MlKem1024,
}

impl Algorithm {
    /// The canonical name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Signature(scheme) => scheme.name(),
            Self::MlKem1024 => "ml-kem-1024",
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Neither a signature scheme nor ML-KEM-1024.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown algorithm; known are ml-dsa-87, falcon-512, secp256k1, sphincs-shake-256f, ml-kem-1024")]
pub struct UnknownAlgorithm;

impl FromStr for Algorithm {
    type Err = UnknownAlgorithm;

    fn from_str(name: &str) -> Result<Self, UnknownAlgorithm> {
        if name == Self::MlKem1024.name() {
            return Ok(Self::MlKem1024);
        }
        name.parse()
            .map(Self::Signature)
            .map_err(|_: UnknownScheme| UnknownAlgorithm)
    }
}

/// The form that a secret is kept in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The expanded key of a signature scheme, as [`KeyPair::secret_bytes`].
    Account,
    /// The 32-byte seed ξ of an ML-DSA-87 key (FIPS 204 algorithm 6).
    Seed,
    /// The 64-byte seed `d ‖ z` of an ML-KEM-1024 key (FIPS 203 algorithm 16).
    Kem,
    /// The words of a mnemonic, and which of its keys is meant.
    Mnemonic,
}

impl Kind {
    const ALL: [Self; 4] = [Self::Account, Self::Seed, Self::Kem, Self::Mnemonic];

    /// The name in key files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Account => "account",
            Self::Seed => "seed",
            Self::Kem => "kem",
            Self::Mnemonic => "mnemonic",
        }
    }

    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// A secret and the key that it gives. Wiped on drop; `Debug` shows what is public.
#[derive(Clone)]
pub enum Secret {
    /// [`Kind::Account`].
    Account(KeyPair),
    /// [`Kind::Seed`].
    Seed {
        /// ξ.
        seed: Zeroizing<[u8; 32]>,
        /// Its key.
        key: KeyPair,
    },
    /// [`Kind::Kem`].
    Kem(KemKeyPair),
    /// [`Kind::Mnemonic`].
    Mnemonic {
        /// Lowercase words, one space apart.
        phrase: Zeroizing<String>,
        /// Which of its keys.
        index: u32,
        /// That key.
        key: KeyPair,
    },
}

impl Secret {
    /// The ML-DSA-87 key of a seed.
    pub fn from_seed(seed: &[u8; 32]) -> Result<Self, KeyError> {
        Ok(Self::Seed {
            seed: Zeroizing::new(*seed),
            key: KeyPair::from_seed(SignatureScheme::MlDsa87, seed)?,
        })
    }

    /// A key of a mnemonic of 12 or 24 words.
    pub fn from_phrase(phrase: &str, scheme: SignatureScheme, index: u32) -> Result<Self, KeyError> {
        Ok(Self::Mnemonic {
            key: from_mnemonic(phrase, scheme, index)?,
            phrase: mnemonic::normalise(phrase),
            index,
        })
    }

    /// From raw bytes: a seed (ML-DSA-87, 32), a seed `d ‖ z` (ML-KEM-1024, 64), or an expanded key of the scheme.
    pub fn from_raw(algorithm: Algorithm, bytes: &[u8]) -> Result<Self, KeyError> {
        match (algorithm, bytes.len()) {
            (Algorithm::MlKem1024, _) => {
                let seed: &[u8; KEM_SEED_LEN] = bytes.try_into().map_err(|_| KeyError::Import {
                    format: "raw",
                    reason: format!("{} bytes, an ml-kem-1024 seed has {KEM_SEED_LEN}", bytes.len()),
                })?;
                Ok(Self::Kem(KemKeyPair::from_seed(seed)))
            }
            (Algorithm::Signature(SignatureScheme::MlDsa87), 32) => {
                let mut seed = Zeroizing::new([0; 32]);
                seed.copy_from_slice(bytes);
                Self::from_seed(&seed)
            }
            (Algorithm::Signature(scheme), _) => Ok(Self::Account(KeyPair::from_secret(scheme, bytes)?)),
        }
    }

    /// The same key without the mnemonic it came from: as a seed where the scheme has one, expanded otherwise.
    pub fn without_mnemonic(self) -> Result<Self, KeyError> {
        match self {
            Self::Mnemonic { phrase, index, key } => match key.scheme() {
                SignatureScheme::MlDsa87 => Self::from_seed(&*mnemonic::seed(&phrase, key.scheme(), index)?),
                _ => Ok(Self::Account(key)),
            },
            other => Ok(other),
        }
    }

    /// Its form.
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Account(_) => Kind::Account,
            Self::Seed { .. } => Kind::Seed,
            Self::Kem(_) => Kind::Kem,
            Self::Mnemonic { .. } => Kind::Mnemonic,
        }
    }

    /// What its key is for.
    pub fn algorithm(&self) -> Algorithm {
        self.signing()
            .map_or(Algorithm::MlKem1024, |key| Algorithm::Signature(key.scheme()))
    }

    /// The key that signs; `None` for ML-KEM.
    pub const fn signing(&self) -> Option<&KeyPair> {
        match self {
            Self::Account(key) | Self::Seed { key, .. } | Self::Mnemonic { key, .. } => Some(key),
            Self::Kem(_) => None,
        }
    }

    /// The key that signs, or [`KeyError::NoSuchForm`] for ML-KEM.
    pub fn into_signing(self) -> Result<KeyPair, KeyError> {
        match self {
            Self::Account(key) | Self::Seed { key, .. } | Self::Mnemonic { key, .. } => Ok(key),
            Self::Kem(_) => Err(self.lacks("cannot sign")),
        }
    }

    /// The public key, without a tag.
    pub fn public_bytes(&self) -> &[u8] {
        match self {
            Self::Account(key) | Self::Seed { key, .. } | Self::Mnemonic { key, .. } => key.public().as_bytes(),
            Self::Kem(key) => key.public().as_bytes(),
        }
    }

    /// The account of the key; `None` for ML-KEM.
    pub fn account_id(&self) -> Option<AccountId20> {
        self.signing().map(KeyPair::account_id)
    }

    /// Which of a mnemonic's keys.
    pub const fn index(&self) -> Option<u32> {
        match self {
            Self::Mnemonic { index, .. } => Some(*index),
            _ => None,
        }
    }

    pub(crate) fn lacks(&self, reason: &'static str) -> KeyError {
        KeyError::NoSuchForm {
            kind: self.kind().name(),
            algorithm: self.algorithm().name(),
            reason,
        }
    }

    /// What a key file encrypts.
    pub(crate) fn payload(&self) -> Zeroizing<Vec<u8>> {
        Zeroizing::new(match self {
            Self::Account(key) => key.secret_bytes().to_vec(),
            Self::Seed { seed, .. } => seed.to_vec(),
            Self::Kem(key) => key.seed().to_vec(),
            Self::Mnemonic { phrase, .. } => phrase.as_bytes().to_vec(),
        })
    }

    /// From what a key file encrypts. The reason never quotes it.
    pub(crate) fn from_payload(
        kind: Kind,
        algorithm: Algorithm,
        index: Option<u32>,
        payload: &[u8],
    ) -> Result<Self, String> {
        let made = match (kind, algorithm, index) {
            (Kind::Account, Algorithm::Signature(scheme), None) => KeyPair::from_secret(scheme, payload)
                .map(Self::Account)
                .map_err(Into::into),
            (Kind::Seed, Algorithm::Signature(SignatureScheme::MlDsa87), None) if payload.len() == 32 => {
                Self::from_raw(algorithm, payload)
            }
            (Kind::Kem, Algorithm::MlKem1024, None) => Self::from_raw(algorithm, payload),
            (Kind::Mnemonic, Algorithm::Signature(scheme), Some(index)) => std::str::from_utf8(payload)
                .map_err(|_| KeyError::Mnemonic("it is no UTF-8 text".into()))
                .and_then(|phrase| Self::from_phrase(phrase, scheme, index)),
            _ => return Err(format!("a {} does not go with {algorithm}", kind.name())),
        };
        made.map_err(|error| error.to_string())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Secret")
            .field("kind", &self.kind())
            .field("algorithm", &self.algorithm().name())
            .field("account", &self.account_id().as_ref().map(eip55))
            .finish_non_exhaustive()
    }
}
