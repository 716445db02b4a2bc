//! Why there is no key.

use crate::dev_names;
use quids_crypto::CryptoError;
use std::path::PathBuf;

/// Why a key could not be found, read, made or written. No message holds anything secret.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// No development account, no file, no mnemonic.
    #[error(
        "no key: this is neither a file, nor a mnemonic of 12 or 24 words, nor a development account ({})",
        dev_names()
    )]
    Unknown,
    /// The phrase is no BIP-39 mnemonic; says why, and which word by its place.
    #[error("not a valid mnemonic: {0}")]
    Mnemonic(String),
    /// The file could not be read or written.
    #[error("key file {path}: {error}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        error: std::io::Error,
    },
    /// A key file is never overwritten.
    #[error("key file {0} already exists; keys are never overwritten")]
    Exists(PathBuf),
    /// Others than the owner may read the file, which holds a secret in the clear.
    #[error("key file {path} is open to others (mode {mode:03o}); run: chmod 600 {path}")]
    Permissions {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The file is no key file of a known version, or its parts contradict each other.
    #[error("key file {path}: {reason}")]
    Format {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// BIP-32 gave no key at this index (probability 2^-127).
    #[error("no key at index {0} of this mnemonic")]
    Derivation(u32),
    /// The scheme refused the key.
    #[error(transparent)]
    Crypto(#[from] CryptoError),
}
