//! The node's own keys, as RPC reaches them.

use crate::backend::KeyControl;
use quids_crypto::{KeyPair, PublicKey, SignatureScheme};
use quids_keystore::{KeyError, KeyType, NodeKeystore, Passphrase, dev_account, from_mnemonic};
use std::path::{Path, PathBuf};

/// The type of the keys that validators vote with.
pub const CONSENSUS_KEY: KeyType = *b"pobp";

/// An open keystore.
pub struct NodeKeys(NodeKeystore);

impl NodeKeys {
    /// Opens the keystore in this folder, or makes one. Without a passphrase its keys lie in the clear. Errors name the
    /// options of `quids run` that help.
    pub fn open(folder: &Path, passphrase: Option<Passphrase>) -> Result<Self, KeyError> {
        let store = NodeKeystore::open(folder, passphrase).map_err(|error| with_options(folder, error))?;
        if !store.is_encrypted() {
            tracing::debug!("the keys in {} are not encrypted", folder.display());
        }
        Ok(Self(store))
    }

    /// The keys that this node may vote with; the first start makes one.
    pub fn consensus_keys(&self) -> Result<Vec<KeyPair>, KeyError> {
        let keys = self.0.keys(CONSENSUS_KEY);
        if keys.is_empty() {
            let made = self.0.generate(CONSENSUS_KEY, SignatureScheme::Falcon512)?;
            tracing::info!(
                "a consensus key was made: {} 0x{}",
                made.scheme(),
                hex::encode(made.as_bytes())
            );
            return Ok(vec![self.0.key(CONSENSUS_KEY, made.as_bytes())?]);
        }
        keys.iter()
            .map(|key| self.0.key(CONSENSUS_KEY, key.as_bytes()))
            .collect()
    }

    /// The key with this raw public key: of a secret phrase, in the scheme whose keys are of that length, or of a development account where keys are in the clear: on a development chain.
    /// Never that of a file, since whoever asks would learn which files there are.
    fn named(&self, suri: &str, public: &[u8]) -> Result<KeyPair, String> {
        let key = match dev_account(suri.trim()) {
            Some(account) if !self.0.is_encrypted() => account.key_pair(),
            _ => {
                let scheme = SignatureScheme::ALL
                    .into_iter()
                    .find(|scheme| scheme.public_key_len() == public.len())
                    .ok_or_else(|| format!("no scheme has public keys of {} bytes", public.len()))?;
                from_mnemonic(suri, scheme, 0).map_err(said)?
            }
        };
        if key.public().as_bytes() != public {
            return Err("the public key is not that of the secret".into());
        }
        Ok(key)
    }
}

fn with_options(folder: &Path, error: KeyError) -> KeyError {
    let keystore = |reason: String| KeyError::Keystore {
        path: PathBuf::from(folder),
        reason,
    };
    match error {
        KeyError::Locked(_) => keystore(
            "it is encrypted and there is no passphrase for it: give --password-file FILE or set \
             QUIDS_KEYSTORE_PASSPHRASE, or name another folder with --keystore-path"
                .into(),
        ),
        KeyError::NotEncrypted(_) => keystore(
            "it is not encrypted, and does not become so by a passphrase: name another folder with --keystore-path, or \
             on a development chain leave out --password-file and QUIDS_KEYSTORE_PASSPHRASE"
                .into(),
        ),
        error @ KeyError::FolderPermissions { .. } => keystore(format!("{error} (--keystore-path names another)")),
        other => other,
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
        let key = self.named(suri, public)?;
        self.0.insert(parse(key_type)?, key).map_err(said)
    }

    fn has(&self, key_type: &str, public: &[u8]) -> Result<bool, String> {
        Ok(self.0.has(parse(key_type)?, public))
    }

    fn generate(&self, key_type: &str, scheme: SignatureScheme) -> Result<PublicKey, String> {
        self.0.generate(parse(key_type)?, scheme).map_err(said)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use quids_keystore::{ETHEREUM_TEST_MNEMONIC, KdfParams, Protection, Secret, dev_keypair, write_key_file};

    fn passphrase() -> Passphrase {
        Passphrase::new("correct horse".to_owned().into()).unwrap()
    }

    fn store(folder: &Path, encrypted: bool) -> NodeKeys {
        let cheap = KdfParams::new(8, 1, 1).unwrap();
        NodeKeys(NodeKeystore::open_with(folder, encrypted.then(passphrase), cheap).unwrap())
    }

    #[test]
    fn a_key_is_inserted_by_its_phrase_and_by_a_development_name_only_in_the_clear() {
        let base = tempfile::tempdir().unwrap();
        let file = base.path().join("file.json");
        let alice = dev_keypair("alice").unwrap();
        write_key_file(&file, &Secret::Account(alice.clone()), Protection::None).unwrap();
        let [phrase, falcon] = [SignatureScheme::MlDsa87, SignatureScheme::Falcon512]
            .map(|scheme| from_mnemonic(ETHEREUM_TEST_MNEMONIC, scheme, 0).unwrap());
        for encrypted in [true, false] {
            let keys = store(&base.path().join(encrypted.to_string()), encrypted);
            let insert = |suri: &str, key: &KeyPair| keys.insert("pobp", suri, key.public().as_bytes());
            insert(ETHEREUM_TEST_MNEMONIC, &phrase).unwrap();
            insert(ETHEREUM_TEST_MNEMONIC, &falcon).unwrap();
            assert!(
                insert(ETHEREUM_TEST_MNEMONIC, &alice)
                    .unwrap_err()
                    .contains("not that of the secret")
            );
            assert_eq!(insert("alice", &alice).is_err(), encrypted);
            // A file that is there and one that is not look alike.
            let there = insert(file.to_str().unwrap(), &alice).unwrap_err();
            let missing = insert("/nonexistent", &alice).unwrap_err();
            assert_eq!(there, missing);
            assert!(there.contains("not a valid mnemonic"), "{there}");
        }
    }

    #[test]
    fn what_keeps_a_keystore_closed_names_the_options() {
        let base = tempfile::tempdir().unwrap();
        let check = |made: bool, given: Option<Passphrase>| {
            let folder = base.path().join(made.to_string());
            drop(store(&folder, made));
            let error = NodeKeys::open(&folder, given).err().unwrap().to_string();
            for option in ["--password-file", "QUIDS_KEYSTORE_PASSPHRASE", "--keystore-path"] {
                assert!(error.contains(option), "{error}");
            }
        };
        check(true, None);
        check(false, Some(passphrase()));
    }
}
