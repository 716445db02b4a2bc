//! The node's own keys, as RPC reaches them.

use crate::backend::KeyControl;
use quids_crypto::{PublicKey, SignatureScheme};
use quids_keystore::{KeyError, KeySource, KeyType, NodeKeystore, Passphrase};
use std::path::Path;

/// An open keystore.
pub struct NodeKeys(NodeKeystore);

impl NodeKeys {
    /// Opens the keystore in this folder, or makes one. Without a passphrase its keys lie in the clear.
    pub fn open(folder: &Path, passphrase: Option<Passphrase>) -> Result<Self, KeyError> {
        let store = NodeKeystore::open(folder, passphrase)?;
        if !store.is_encrypted() {
            tracing::debug!("the keys in {} are not encrypted", folder.display());
        }
        Ok(Self(store))
    }
}

fn parse(key_type: &str) -> Result<KeyType, String> {
    let bytes = key_type.as_bytes().try_into();
    bytes.map_err(|_| format!("the key type {key_type:?} has not four characters"))
}

fn said(error: KeyError) -> String {
    error.to_string()
}

impl KeyControl for NodeKeys {
    fn insert(&self, key_type: &str, suri: &str, public: &[u8]) -> Result<(), String> {
        let key = KeySource::parse(suri).map_err(said)?;
        if key.public().as_bytes() != public {
            return Err("the public key is not that of the secret".into());
        }
        self.0.insert(parse(key_type)?, key).map_err(said)
    }

    fn has(&self, key_type: &str, public: &[u8]) -> Result<bool, String> {
        Ok(self.0.has(parse(key_type)?, public))
    }

    fn generate(&self, key_type: &str, scheme: SignatureScheme) -> Result<PublicKey, String> {
        self.0.generate(parse(key_type)?, scheme).map_err(said)
    }
}
