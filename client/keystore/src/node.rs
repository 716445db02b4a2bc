//! A node's keys: a folder of key files under one passphrase. The passphrase is stretched once, when the keystore is
//! opened; every file has the same salt, and a nonce of its own.

use crate::file::now;
use crate::format::{V2Cipher, V2Kdf, clear, from_json, seal, to_json};
use crate::kdf::{FileKey, Kdf, NONCE_LEN, random};
use crate::{
    KEY_FILE_BYTES_MAX, KdfParams, KeyError, KeyFile, KeyInfo, KeyType, Passphrase, Secret, hexadecimal,
    list_key_files, private,
};
use quids_crypto::{KeyPair, PublicKey, SignatureScheme};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use zeroize::Zeroizing;

/// A keystore with more keys is not opened, and a full one takes no other.
pub const KEYSTORE_KEYS_MAX: usize = 1024;
/// Says how the others are encrypted; hidden, since it is no key.
const DESCRIPTION: &str = ".keystore.json";
/// Associated data and plaintext of the description's proof that the passphrase is right.
const CHECK: (&[u8], &[u8]) = (b"quids keystore v1", b"the passphrase is right");

/// By key type and name, see [`index_name`].
type Index = BTreeMap<(KeyType, Vec<u8>), (PublicKey, PathBuf)>;

/// The keys of a node, by key type and public key. Safe to share between threads; two processes must not open one
/// folder at once, for which the node's lock on its database stands.
#[derive(Debug)]
pub struct NodeKeystore {
    folder: PathBuf,
    /// `None`: the keys are in the clear.
    key: Option<FileKey>,
    index: Mutex<Index>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Description<'a> {
    version: u32,
    encrypted: bool,
    #[serde(default, skip_serializing_if = "Option::is_none", borrow)]
    kdf: Option<V2Kdf<'a>>,
    #[serde(default, skip_serializing_if = "Option::is_none", borrow)]
    check: Option<V2Cipher<'a>>,
}

impl NodeKeystore {
    /// Opens a keystore, or makes one of mode 0700. Without a passphrase its keys are in the clear: for development
    /// chains only. A keystore stays as it was made: encrypted or not, under one passphrase.
    ///
    /// Every file is decrypted once, so that a foreign or damaged one is found now.
    ///
    /// [`KeyError::FolderPermissions`] if others may enter, [`KeyError::WrongPassphrase`], [`KeyError::Locked`],
    /// [`KeyError::NotEncrypted`], [`KeyError::BadPassphrase`] if that of a new keystore is too short.
    pub fn open(folder: &Path, passphrase: Option<Passphrase>) -> Result<Self, KeyError> {
        Self::open_with(folder, passphrase, KdfParams::DEFAULT)
    }

    /// As [`Self::open`], with other costs for a new keystore.
    pub fn open_with(folder: &Path, passphrase: Option<Passphrase>, params: KdfParams) -> Result<Self, KeyError> {
        private::folder(folder)?;
        let path = folder.join(DESCRIPTION);
        let exists = path.try_exists().map_err(|error| KeyError::io(&path, error))?;
        let files = list_key_files(folder)?;
        let key = if exists {
            describe::read(&path, passphrase.as_ref())?
        } else if files.is_empty() {
            describe::write(&path, passphrase.as_ref(), params)?
        } else {
            // A salt made now would not be theirs.
            return Err(KeyError::Keystore {
                path: folder.to_owned(),
                reason: format!("it holds files but no {DESCRIPTION}: it is no keystore, or was damaged"),
            });
        };
        let store = Self {
            folder: folder.to_owned(),
            key,
            index: Mutex::default(),
        };
        for (path, file) in files {
            store.add_file(path, &file?)?;
        }
        Ok(store)
    }

    /// Whether a passphrase protects the keys.
    pub const fn is_encrypted(&self) -> bool {
        self.key.is_some()
    }

    /// Where the files are.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Stores a key, on disk when this returns; one that is there already stays as it is.
    pub fn insert(&self, key_type: KeyType, key: KeyPair) -> Result<(), KeyError> {
        let mut index = self.index();
        let (public, name) = (key.public().clone(), index_name(key.public()));
        if index.contains_key(&(key_type, name.clone())) {
            return Ok(());
        }
        if index.len() >= KEYSTORE_KEYS_MAX {
            return Err(self.full());
        }
        let path = self.folder.join(file_name(key_type, &public));
        let secret = Secret::Account(key);
        let text = match &self.key {
            Some(key) => Zeroizing::new(seal(&secret, &KeyInfo::of(&secret, now(), Some(key_type)), key)?),
            None => clear(&secret, now())?,
        };
        private::create(&path, &text)?;
        index.insert((key_type, name), (public, path));
        Ok(())
    }

    /// Makes and stores a key.
    pub fn generate(&self, key_type: KeyType, scheme: SignatureScheme) -> Result<PublicKey, KeyError> {
        let key = KeyPair::generate(scheme)?;
        let public = key.public().clone();
        self.insert(key_type, key)?;
        Ok(public)
    }

    /// Whether there is a key of this type with this public key (without a scheme's tag). Reads no file.
    pub fn has(&self, key_type: KeyType, public: &[u8]) -> bool {
        self.find(key_type, public).is_some()
    }

    /// The public keys of a type, in a stable order.
    pub fn keys(&self, key_type: KeyType) -> Vec<PublicKey> {
        let index = self.index();
        let of_type = index.iter().filter(|((found, _), _)| *found == key_type);
        of_type.map(|(_, (public, _))| public.clone()).collect()
    }

    /// The key of this type with this public key (without a scheme's tag), decrypted from its file each time;
    /// [`KeyError::Keystore`] if there is none.
    pub fn key(&self, key_type: KeyType, public: &[u8]) -> Result<KeyPair, KeyError> {
        let (public, path) = self.find(key_type, public).ok_or_else(|| KeyError::Keystore {
            path: self.folder.clone(),
            reason: format!(
                "no key of type {} with public key {}…",
                key_type_text(key_type),
                hexadecimal::encode(&public[..public.len().min(16)]).as_str()
            ),
        })?;
        let file = crate::read_key_file(&path)?;
        self.check_type(&file, key_type)?;
        let key = file.unlock_with(self.key.as_ref())?.into_signing()?;
        if *key.public() != public {
            return Err(KeyError::format(&path, "another key than when the keystore was opened"));
        }
        Ok(key)
    }

    fn find(&self, key_type: KeyType, public: &[u8]) -> Option<(PublicKey, PathBuf)> {
        let index = self.index();
        // Two schemes never have keys of one length.
        let scheme = SignatureScheme::ALL
            .into_iter()
            .find(|scheme| scheme.public_key_len() == public.len())?;
        let public = PublicKey::new(scheme, public).ok()?;
        index.get(&(key_type, index_name(&public))).cloned()
    }

    fn add_file(&self, path: PathBuf, file: &KeyFile) -> Result<(), KeyError> {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let key_type = name.get(..8).and_then(hexadecimal::decode_loose);
        let key_type: Option<KeyType> = key_type.and_then(|bytes| bytes.as_slice().try_into().ok());
        let public = file.info().public_key();
        let (Some(key_type), Some(public)) = (key_type, public) else {
            return Err(KeyError::format(
                &path,
                "no file of a node's keystore: its name has no key type",
            ));
        };
        if name != file_name(key_type, &public) {
            return Err(KeyError::format(
                &path,
                format!("its name should be {}", file_name(key_type, &public)),
            ));
        }
        self.check_type(file, key_type)?;
        file.unlock_with(self.key.as_ref()).map_err(|error| match error {
            // The passphrase is right: the description proved it.
            KeyError::WrongPassphrase(path) => KeyError::format(
                &path,
                "it comes from another keystore, or was changed: take it out of the folder",
            ),
            other => other,
        })?;
        let mut index = self.index();
        if index.len() >= KEYSTORE_KEYS_MAX {
            return Err(self.full());
        }
        index.insert((key_type, index_name(&public)), (public, path));
        Ok(())
    }

    /// The key type of an encrypted file is proven by its tag; of one in the clear, its name is all there is.
    fn check_type(&self, file: &KeyFile, key_type: KeyType) -> Result<(), KeyError> {
        if file.is_encrypted() != self.is_encrypted() {
            return Err(KeyError::format(file.path(), "encrypted otherwise than its keystore"));
        }
        if file.is_encrypted() && file.info().key_type != Some(key_type) {
            return Err(KeyError::format(
                file.path(),
                "its name has another key type than its content",
            ));
        }
        Ok(())
    }

    fn full(&self) -> KeyError {
        KeyError::Keystore {
            path: self.folder.clone(),
            reason: format!("it has {KEYSTORE_KEYS_MAX} keys, the most there may be"),
        }
    }

    /// A panic while the lock is held leaves a whole index: it changes by one insertion.
    fn index(&self) -> MutexGuard<'_, Index> {
        self.index.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// 128 bits of BLAKE3 over `tag ‖ public key`, so that a name fits every file system.
fn index_name(public: &PublicKey) -> Vec<u8> {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&[public.scheme().tag()]).update(public.as_bytes());
    hasher.finalize().as_bytes()[..16].to_vec()
}

fn file_name(key_type: KeyType, public: &PublicKey) -> String {
    format!("{}-{}.json", hex::encode(key_type), hex::encode(index_name(public)))
}

/// `gran` rather than `6772616e` where it can be read.
fn key_type_text(key_type: KeyType) -> String {
    match std::str::from_utf8(&key_type) {
        Ok(text) if text.bytes().all(|b| b.is_ascii_graphic()) => text.to_owned(),
        _ => hexadecimal::encode(&key_type).to_string(),
    }
}

mod describe {
    //! The description file.

    use super::*;

    pub fn write(path: &Path, passphrase: Option<&Passphrase>, params: KdfParams) -> Result<Option<FileKey>, KeyError> {
        let Some(passphrase) = passphrase else {
            let plain = Description {
                version: 1,
                encrypted: false,
                kdf: None,
                check: None,
            };
            private::create(path, &to_json(&plain))?;
            return Ok(None);
        };
        let key = FileKey::new(&passphrase.clone().check_new()?, params)?;
        let nonce = random()?;
        let check = hexadecimal::encode(&key.seal(&header(&key.kdf), &nonce, CHECK.1)?);
        let (salt, nonce) = (hexadecimal::encode(&key.kdf.salt), hexadecimal::encode(&nonce));
        let description = Description {
            version: 1,
            encrypted: true,
            kdf: Some(V2Kdf::of(&key.kdf, &salt)),
            check: Some(V2Cipher::of(&nonce, &check)),
        };
        private::create(path, &to_json(&description))?;
        Ok(Some(key))
    }

    pub fn read(path: &Path, passphrase: Option<&Passphrase>) -> Result<Option<FileKey>, KeyError> {
        let bad = |reason: String| KeyError::format(path, reason);
        let text = private::read(path, KEY_FILE_BYTES_MAX)?;
        let description: Description<'_> = from_json(&text).map_err(bad)?;
        let (kdf, nonce, check): (Kdf, [u8; NONCE_LEN], Vec<u8>) = match &description {
            Description {
                version: 1,
                encrypted: false,
                kdf: None,
                check: None,
            } => {
                return match passphrase {
                    None => Ok(None),
                    Some(_) => Err(KeyError::NotEncrypted(path.to_owned())),
                };
            }
            Description {
                version: 1,
                encrypted: true,
                kdf: Some(kdf),
                check: Some(check),
            } => {
                let kdf = kdf.read().map_err(bad)?;
                let (nonce, check) = check.read().map_err(bad)?;
                (kdf, nonce, check)
            }
            _ => return Err(bad(format!("no description of version 1 but {}", description.version))),
        };
        let passphrase = passphrase.ok_or_else(|| KeyError::Locked(path.to_owned()))?;
        let key = FileKey::derive(passphrase, kdf)?;
        match key.open(&header(&kdf), &nonce, &check) {
            Some(text) if *text == CHECK.1 => Ok(Some(key)),
            _ => Err(KeyError::WrongPassphrase(path.to_owned())),
        }
    }

    fn header(kdf: &Kdf) -> Vec<u8> {
        let (memory_kib, passes, lanes) = kdf.params.get();
        let numbers = [memory_kib, passes, lanes].map(u32::to_le_bytes).concat();
        [CHECK.0, &numbers, &kdf.salt].concat()
    }
}
