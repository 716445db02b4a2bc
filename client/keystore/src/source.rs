//! What a person types to name a key.

use crate::{DevAccount, KeyError, KeyFile, Passphrase, dev_account, from_mnemonic, read_key_file};
use quids_crypto::{KeyPair, SignatureScheme};
use std::fmt;
use std::path::PathBuf;
use zeroize::Zeroizing;

/// Where a key comes from. `Debug` shows no mnemonic.
pub enum KeySource {
    /// A development account.
    Dev(&'static DevAccount),
    /// A key file.
    File(PathBuf),
    /// A mnemonic: any scheme, any index.
    Mnemonic(Zeroizing<String>),
}

impl KeySource {
    /// The key that a text names: the first of development account (any case), existing file and mnemonic (several
    /// words). A mnemonic gives its ML-DSA-87 key at index 0, an encrypted file [`KeyError::Locked`]; for others see
    /// [`Self::identify`].
    pub fn parse(text: &str) -> Result<KeyPair, KeyError> {
        Self::identify(text)?.load(SignatureScheme::MlDsa87, 0, |_| Ok(None))
    }

    /// What a text names, without making the key. [`KeyError::Unknown`] lists the names.
    pub fn identify(text: &str) -> Result<Self, KeyError> {
        let text = text.trim();
        if let Some(account) = dev_account(text) {
            return Ok(Self::Dev(account));
        }
        let path = PathBuf::from(text);
        if path.is_file() {
            return Ok(Self::File(path));
        }
        if text.split_whitespace().nth(2).is_some() {
            return Ok(Self::Mnemonic(Zeroizing::new(text.to_owned())));
        }
        Err(KeyError::Unknown)
    }

    /// The key. Scheme and index choose among a mnemonic's keys; the other sources have one. `unlock` is asked for the
    /// passphrase of a file, in whatever version it is.
    pub fn load<E: From<KeyError>>(
        &self,
        scheme: SignatureScheme,
        index: u32,
        unlock: impl FnOnce(&KeyFile) -> Result<Option<Passphrase>, E>,
    ) -> Result<KeyPair, E> {
        match self {
            Self::Dev(account) => Ok(account.key_pair()),
            Self::File(path) => {
                let file = read_key_file(path)?;
                let passphrase = unlock(&file)?;
                Ok(file.unlock(passphrase.as_ref())?.into_signing()?)
            }
            Self::Mnemonic(phrase) => Ok(from_mnemonic(phrase, scheme, index)?),
        }
    }
}

impl fmt::Debug for KeySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dev(account) => f.debug_tuple("Dev").field(&account.name).finish(),
            Self::File(path) => f.debug_tuple("File").field(path).finish(),
            Self::Mnemonic(_) => f.write_str("Mnemonic(..)"),
        }
    }
}
