//! The text of a key file: version 2, encrypted, and version 1, in the clear. Pure: no file, no clock.

use crate::kdf::{FileKey, Kdf, KdfParams, NONCE_LEN, SALT_LEN, TAG_LEN, random};
use crate::{Algorithm, KeyError, Kind, Passphrase, Secret, hexadecimal};
use quids_core::AccountId20;
use quids_crypto::{KEM_PUBLIC_KEY_LEN, KemPublicKey, KeyPair, PublicKey, SignatureScheme, UnknownScheme, eip55};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// The format that this release writes. It reads version 1 too.
pub const KEY_FILE_VERSION: u32 = 2;
/// A larger file is no key file (the largest key takes 16 kB).
pub const KEY_FILE_BYTES_MAX: usize = 64 << 10;

const WARNING: &str = "the secret below is not encrypted: whoever reads this file owns the account";
/// Opens the associated data of version 2.
const DOMAIN: &[u8] = b"quids key file v2";
const KDF_NAME: &str = "argon2id";
/// 1.3, as RFC 9106 numbers it.
const KDF_VERSION: u32 = 0x13;
const CIPHER_NAME: &str = "xchacha20-poly1305";

/// Distinguishes the keys of a node: what they are used for, as Substrate's key types.
pub type KeyType = [u8; 4];

/// What a key file says in the clear. Proven by the tag when the file is unlocked, and only then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyInfo {
    /// The form of the secret.
    pub kind: Kind,
    /// What the key is for.
    pub algorithm: Algorithm,
    /// Which of a mnemonic's keys.
    pub index: Option<u32>,
    /// The key's account; `None` for ML-KEM.
    pub account: Option<AccountId20>,
    /// The public key, without a tag; of the algorithm's length.
    pub public: Vec<u8>,
    /// In a node's keystore.
    pub key_type: Option<KeyType>,
    /// Seconds since the Unix epoch.
    pub created: u64,
}

/// A key file that was read; [`Self::unlock`] gives the secret.
#[derive(Clone, Debug)]
pub struct KeyFile {
    path: PathBuf,
    info: KeyInfo,
    body: Body,
}

#[derive(Clone, Debug)]
enum Body {
    Clear(Secret),
    Sealed {
        kdf: Kdf,
        nonce: [u8; NONCE_LEN],
        ciphertext: Vec<u8>,
    },
}

#[derive(Deserialize)]
struct Probe {
    version: u32,
}

/// Borrowed when written and when read, so that no copy of the secret escapes wiping.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct V1<'a> {
    version: u32,
    encrypted: bool,
    warning: &'a str,
    scheme: &'a str,
    /// EIP-55.
    address: &'a str,
    /// Hex with 0x.
    public_key: &'a str,
    /// The expanded secret, hex with 0x.
    secret: &'a str,
    /// Seconds since the Unix epoch.
    created: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct V2<'a> {
    version: u32,
    kind: &'a str,
    scheme: &'a str,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    index: Option<u32>,
    /// EIP-55.
    #[serde(default, skip_serializing_if = "Option::is_none", borrow)]
    address: Option<&'a str>,
    public_key: &'a str,
    #[serde(default, skip_serializing_if = "Option::is_none", borrow)]
    key_type: Option<&'a str>,
    created: u64,
    #[serde(borrow)]
    kdf: V2Kdf<'a>,
    #[serde(borrow)]
    cipher: V2Cipher<'a>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct V2Kdf<'a> {
    name: &'a str,
    version: u32,
    memory_kib: u32,
    passes: u32,
    lanes: u32,
    salt: &'a str,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct V2Cipher<'a> {
    name: &'a str,
    nonce: &'a str,
    /// Ends with the tag.
    ciphertext: &'a str,
}

impl KeyFile {
    /// Reads the text of a key file; `path` is for messages. Refuses what is not exactly of version 1 or 2, a header
    /// that contradicts itself, and key derivation that costs more than [`KdfParams`] allows. Derives no key.
    pub fn parse(path: &Path, text: &[u8]) -> Result<Self, KeyError> {
        let bad = |reason: String| KeyError::format(path, reason);
        if text.len() > KEY_FILE_BYTES_MAX {
            return Err(bad(format!("larger than {KEY_FILE_BYTES_MAX} bytes")));
        }
        let probe: Probe = from_json(text).map_err(bad)?;
        let (info, body) = match probe.version {
            1 => parse_v1(text),
            2 => parse_v2(text),
            version => Err(format!(
                "version {version} is not supported; this release reads 1 and 2"
            )),
        }
        .map_err(bad)?;
        Ok(Self {
            path: path.to_owned(),
            info,
            body,
        })
    }

    /// What it says of its key.
    pub const fn info(&self) -> &KeyInfo {
        &self.info
    }

    /// Whether a passphrase protects the secret: version 2.
    pub const fn is_encrypted(&self) -> bool {
        matches!(self.body, Body::Sealed { .. })
    }

    /// Where it was read.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The secret, proven to belong to everything that [`Self::info`] says. A file in the clear needs no passphrase
    /// and ignores one. Takes a tenth of a second and 64 MiB with the default parameters.
    ///
    /// [`KeyError::Locked`] without a passphrase, [`KeyError::WrongPassphrase`] if it is wrong or the file was changed.
    pub fn unlock(&self, passphrase: Option<&Passphrase>) -> Result<Secret, KeyError> {
        match (&self.body, passphrase) {
            (Body::Clear(secret), _) => Ok(secret.clone()),
            (Body::Sealed { .. }, None) => Err(KeyError::Locked(self.path.clone())),
            (Body::Sealed { kdf, .. }, Some(passphrase)) => self.open(&FileKey::derive(passphrase, *kdf)?),
        }
    }

    /// As [`Self::unlock`], with a key that was derived before; another salt is a wrong key.
    pub(crate) fn unlock_with(&self, key: Option<&FileKey>) -> Result<Secret, KeyError> {
        match (&self.body, key) {
            (Body::Clear(secret), _) => Ok(secret.clone()),
            (Body::Sealed { .. }, None) => Err(KeyError::Locked(self.path.clone())),
            (Body::Sealed { .. }, Some(key)) => self.open(key),
        }
    }

    fn open(&self, key: &FileKey) -> Result<Secret, KeyError> {
        let wrong = || KeyError::WrongPassphrase(self.path.clone());
        let Body::Sealed { kdf, nonce, ciphertext } = &self.body else {
            return Err(wrong());
        };
        let header = self.info.header(kdf, nonce);
        if key.kdf != *kdf {
            return Err(wrong());
        }
        let payload = key.open(&header, nonce, ciphertext).ok_or_else(wrong)?;
        let info = &self.info;
        let bad = |reason: String| KeyError::format(&self.path, reason);
        let secret = Secret::from_payload(info.kind, info.algorithm, info.index, &payload).map_err(bad)?;
        if secret.public_bytes() != info.public {
            return Err(bad("the public key is not that of the secret".into()));
        }
        Ok(secret)
    }
}

impl KeyInfo {
    pub(crate) fn of(secret: &Secret, created: u64, key_type: Option<KeyType>) -> Self {
        Self {
            kind: secret.kind(),
            algorithm: secret.algorithm(),
            index: secret.index(),
            account: secret.account_id(),
            public: secret.public_bytes().to_vec(),
            key_type,
            created,
        }
    }

    /// The key with its scheme; `None` for ML-KEM.
    pub fn public_key(&self) -> Option<PublicKey> {
        match self.algorithm {
            Algorithm::Signature(scheme) => PublicKey::new(scheme, &self.public).ok(),
            Algorithm::MlKem1024 => None,
        }
    }

    /// The associated data: everything else that the file says, each part behind its length.
    fn header(&self, kdf: &Kdf, nonce: &[u8; NONCE_LEN]) -> Vec<u8> {
        let (memory_kib, passes, lanes) = kdf.params.get();
        let optional = |bytes: Option<&[u8]>| bytes.unwrap_or_default().to_vec();
        let parts: [&[u8]; 15] = [
            self.kind.name().as_bytes(),
            self.algorithm.name().as_bytes(),
            &optional(self.index.map(u32::to_le_bytes).as_ref().map(<[u8; 4]>::as_slice)),
            &optional(self.account.as_ref().map(AsRef::as_ref)),
            &self.public,
            &optional(self.key_type.as_ref().map(<[u8; 4]>::as_slice)),
            &self.created.to_le_bytes(),
            KDF_NAME.as_bytes(),
            &KDF_VERSION.to_le_bytes(),
            &memory_kib.to_le_bytes(),
            &passes.to_le_bytes(),
            &lanes.to_le_bytes(),
            &kdf.salt,
            CIPHER_NAME.as_bytes(),
            nonce,
        ];
        let mut header = DOMAIN.to_vec();
        for part in parts {
            // UNWRAP: the longest part is a public key.
            header.extend_from_slice(&u32::try_from(part.len()).expect("a short part").to_le_bytes());
            header.extend_from_slice(part);
        }
        header
    }
}

impl<'a> V2Kdf<'a> {
    pub(crate) fn of(kdf: &Kdf, salt: &'a str) -> Self {
        let (memory_kib, passes, lanes) = kdf.params.get();
        Self {
            name: KDF_NAME,
            version: KDF_VERSION,
            memory_kib,
            passes,
            lanes,
            salt,
        }
    }

    pub(crate) fn read(&self) -> Result<Kdf, String> {
        if self.name != KDF_NAME || self.version != KDF_VERSION {
            return Err(format!("key derivation is not {KDF_NAME} of version {KDF_VERSION}"));
        }
        Ok(Kdf {
            params: KdfParams::new(self.memory_kib, self.passes, self.lanes)?,
            salt: hexadecimal::decode_array(self.salt)
                .ok_or_else(|| format!("the salt is not {SALT_LEN} bytes of hex"))?,
        })
    }
}

impl<'a> V2Cipher<'a> {
    pub(crate) const fn of(nonce: &'a str, ciphertext: &'a str) -> Self {
        Self {
            name: CIPHER_NAME,
            nonce,
            ciphertext,
        }
    }

    pub(crate) fn read(&self) -> Result<([u8; NONCE_LEN], Vec<u8>), String> {
        if self.name != CIPHER_NAME {
            return Err(format!("the cipher is not {CIPHER_NAME}"));
        }
        let nonce = hexadecimal::decode_array(self.nonce);
        let nonce = nonce.ok_or_else(|| format!("the nonce is not {NONCE_LEN} bytes of hex"))?;
        let ciphertext = hexadecimal::decode(self.ciphertext).ok_or("the ciphertext is not hex")?;
        if ciphertext.len() <= TAG_LEN {
            return Err(format!("the ciphertext has only {} bytes", ciphertext.len()));
        }
        Ok((nonce, ciphertext.to_vec()))
    }
}

/// Encrypts a secret: the text of a key file of version 2.
pub(crate) fn seal(secret: &Secret, info: &KeyInfo, key: &FileKey) -> Result<Vec<u8>, KeyError> {
    seal_with_nonce(secret, info, key, random()?)
}

fn seal_with_nonce(
    secret: &Secret,
    info: &KeyInfo,
    key: &FileKey,
    nonce: [u8; NONCE_LEN],
) -> Result<Vec<u8>, KeyError> {
    let ciphertext = key.seal(&info.header(&key.kdf, &nonce), &nonce, &secret.payload())?;
    let ciphertext = hexadecimal::encode(&ciphertext);
    let (salt, nonce) = (hexadecimal::encode(&key.kdf.salt), hexadecimal::encode(&nonce));
    let address = info.account.as_ref().map(eip55);
    let key_type = info.key_type.map(|key_type| hexadecimal::encode(&key_type));
    let content = V2 {
        version: KEY_FILE_VERSION,
        kind: info.kind.name(),
        scheme: info.algorithm.name(),
        index: info.index,
        address: address.as_deref(),
        public_key: &hexadecimal::encode(&info.public),
        key_type: key_type.as_ref().map(|text| text.as_str()),
        created: info.created,
        kdf: V2Kdf::of(&key.kdf, &salt),
        cipher: V2Cipher::of(&nonce, &ciphertext),
    };
    Ok(to_json(&content).to_vec())
}

/// The text of a key file of version 1. [`KeyError::NoSuchForm`] but for an account's key, which it stores expanded.
pub(crate) fn clear(secret: &Secret, created: u64) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    let Some(key) = secret.signing() else {
        return Err(secret.lacks("has no unencrypted file"));
    };
    Ok(to_json(&V1 {
        version: 1,
        encrypted: false,
        warning: WARNING,
        scheme: key.scheme().name(),
        address: &eip55(&key.account_id()),
        public_key: &hexadecimal::encode(key.public().as_bytes()),
        secret: &hexadecimal::encode(key.secret_bytes()),
        created,
    }))
}

fn parse_v1(text: &[u8]) -> Result<(KeyInfo, Body), String> {
    let content: V1<'_> = from_json(text)?;
    if content.encrypted {
        return Err("version 1 has no encryption".into());
    }
    let scheme: SignatureScheme = content
        .scheme
        .parse()
        .map_err(|error: UnknownScheme| error.to_string())?;
    let bytes = |text: &str| text.strip_prefix("0x").and_then(hexadecimal::decode_loose);
    let secret = bytes(content.secret).ok_or("the secret is not hex")?;
    let key = KeyPair::from_secret(scheme, &secret).map_err(|error| error.to_string())?;
    if bytes(content.public_key).is_none_or(|public| *public != key.public().as_bytes()) {
        return Err("the public key is not that of the secret".into());
    }
    if content.address.parse() != Ok(key.account_id()) {
        return Err("the address is not that of the key".into());
    }
    let secret = Secret::Account(key);
    Ok((KeyInfo::of(&secret, content.created, None), Body::Clear(secret)))
}

fn parse_v2(text: &[u8]) -> Result<(KeyInfo, Body), String> {
    let content: V2<'_> = from_json(text)?;
    let kind = Kind::from_name(content.kind).ok_or("the kind is none of account, seed, kem, mnemonic")?;
    let algorithm: Algorithm = content
        .scheme
        .parse()
        .map_err(|_| crate::UnknownAlgorithm.to_string())?;
    if algorithm.name() != content.scheme {
        return Err(format!("scheme {algorithm} is written by another of its names"));
    }
    let public = hexadecimal::decode(content.public_key).ok_or("the public key is not hex")?;
    let account = match algorithm {
        Algorithm::Signature(scheme) => {
            let key = PublicKey::new(scheme, &public).map_err(|error| error.to_string())?;
            Some(key.account_id().ok_or("the public key is invalid")?)
        }
        Algorithm::MlKem1024 => {
            KemPublicKey::new(&public).map_err(|_| format!("the public key is not {KEM_PUBLIC_KEY_LEN} bytes"))?;
            None
        }
    };
    if content.address != account.as_ref().map(eip55).as_deref() {
        return Err("the address is not that of the public key".into());
    }
    let key_type = content.key_type.map(hexadecimal::decode_array);
    if key_type == Some(None) {
        return Err("the key type is not 4 bytes of hex".into());
    }
    let kdf = content.kdf.read()?;
    let (nonce, ciphertext) = content.cipher.read()?;
    let info = KeyInfo {
        kind,
        algorithm,
        index: content.index,
        account,
        public: public.to_vec(),
        key_type: key_type.flatten(),
        created: content.created,
    };
    Ok((info, Body::Sealed { kdf, nonce, ciphertext }))
}

/// The error's text is dropped: serde quotes what it found, which may be the secret.
pub(crate) fn from_json<'a, T: Deserialize<'a>>(text: &'a [u8]) -> Result<T, String> {
    serde_json::from_slice(text)
        .map_err(|error| format!("no key file (line {}, column {})", error.line(), error.column()))
}

pub(crate) fn to_json(content: &impl Serialize) -> Zeroizing<Vec<u8>> {
    let mut text = Zeroizing::new(Vec::with_capacity(KEY_FILE_BYTES_MAX));
    // UNWRAP: the types of this crate have string keys, and a vector takes every byte.
    serde_json::to_writer_pretty(&mut *text, content).expect("plain data is JSON");
    text.push(b'\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The file that is pinned in `tests/`: constant salt and nonce, so that its bytes are known.
    #[test]
    fn version_2_is_pinned_to_the_byte() {
        let passphrase = Passphrase::new(Zeroizing::new("correct horse".to_owned())).unwrap();
        let kdf = Kdf {
            params: KdfParams::new(64, 2, 1).unwrap(),
            salt: [0x11; SALT_LEN],
        };
        let secret = Secret::Account(KeyPair::from_secret(SignatureScheme::Secp256k1, &[0x22; 32]).unwrap());
        let info = KeyInfo::of(&secret, 1_763_800_000, None);
        let key = FileKey::derive(&passphrase, kdf).unwrap();
        let text = seal_with_nonce(&secret, &info, &key, [0x33; NONCE_LEN]).unwrap();
        assert_eq!(
            String::from_utf8(text).unwrap(),
            include_str!("../tests/fixtures/v2_secp256k1.json")
        );
    }
}
