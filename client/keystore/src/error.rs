//! Why there is no key.

use crate::{dev_names, private};
use quids_crypto::CryptoError;
use std::path::{Path, PathBuf};

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
    #[error("cannot use {path}: {error}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        error: std::io::Error,
    },
    /// A key file is never overwritten.
    #[error("key file {0} already exists; keys are never overwritten")]
    Exists(PathBuf),
    /// Others than the owner may read the file, which holds a secret.
    #[error("file {path} is open to others (mode {mode:03o}); run: chmod 600 {path}")]
    Permissions {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// Others than this user may enter the folder, or own it.
    #[error("folder {path} is open to others (mode {mode:03o}, owner {owner}); {}", folder_advice(path, *mode, *owner))]
    FolderPermissions {
        /// The folder.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
        /// The user that owns it.
        owner: u32,
    },
    /// The file is no key file of a known version, or its parts contradict each other.
    #[error("key file {path}: {reason}")]
    Format {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The file is encrypted, and nobody gave a passphrase.
    #[error("key file {0} is encrypted and there is no passphrase for it")]
    Locked(PathBuf),
    /// A passphrase was given for a node's keystore that was made without one.
    #[error("keystore {0} is not encrypted, and does not become so by a passphrase")]
    NotEncrypted(PathBuf),
    /// Decryption failed. The two cases cannot be told apart: that is what authenticated encryption means.
    #[error("key file {0}: wrong passphrase, or the file was changed")]
    WrongPassphrase(PathBuf),
    /// A passphrase that cannot be used; says why, never what it is.
    #[error("the passphrase cannot be used: {0}")]
    BadPassphrase(String),
    /// The key derivation could not be computed.
    #[error("argon2id failed: {0}")]
    Kdf(String),
    /// The key has no such form.
    #[error("a {kind} of {algorithm} {reason}")]
    NoSuchForm {
        /// What the file holds.
        kind: &'static str,
        /// The key's algorithm.
        algorithm: &'static str,
        /// What it lacks.
        reason: &'static str,
    },
    /// What should be imported is not in the format that it should be in.
    #[error("not a key in {format} format: {reason}")]
    Import {
        /// The format's name.
        format: &'static str,
        /// What is wrong.
        reason: String,
    },
    /// A node's keystore cannot be opened as asked, or is full.
    #[error("keystore {path}: {reason}")]
    Keystore {
        /// Its folder.
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

/// Nobody should close a folder that others use, be it theirs or, as `/tmp`, everybody's.
fn folder_advice(path: &Path, mode: u32, owner: u32) -> String {
    if owner == private::own_uid() && mode & 0o002 == 0 {
        format!("run: chmod 700 {}", path.display())
    } else {
        "choose a folder of your own".into()
    }
}

impl KeyError {
    pub(crate) fn io(path: &Path, error: std::io::Error) -> Self {
        Self::Io {
            path: path.to_owned(),
            error,
        }
    }

    pub(crate) fn format(path: &Path, reason: impl Into<String>) -> Self {
        Self::Format {
            path: path.to_owned(),
            reason: reason.into(),
        }
    }
}
