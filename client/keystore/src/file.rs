//! Key files on disk: written whole or not at all, never overwritten, read by their owner only.

use crate::format::{clear, seal};
use crate::kdf::FileKey;
use crate::{KEY_FILE_BYTES_MAX, KdfParams, KeyError, KeyFile, KeyInfo, Passphrase, Secret, private};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};
use zeroize::Zeroizing;

/// A folder with more entries is not listed.
pub const FOLDER_ENTRIES_MAX: usize = 4096;

/// A file of a folder, and what it holds if it is a key file.
pub type ListedFile = (PathBuf, Result<KeyFile, KeyError>);

/// How a new key file protects its secret.
#[derive(Clone, Copy, Debug)]
pub enum Protection<'a> {
    /// Format version 2: encrypted under a passphrase.
    Passphrase(&'a Passphrase, KdfParams),
    /// Format version 1: in the clear. For whoever asks for it in so many words.
    None,
}

/// Writes a secret to a new file of mode 0600, on disk when this returns. [`KeyError::Exists`] rather than overwrite;
/// [`KeyError::NoSuchForm`] for an ML-KEM key in the clear.
pub fn write_key_file(path: &Path, secret: &Secret, protection: Protection<'_>) -> Result<(), KeyError> {
    private::create(path, &encode(secret, now(), protection)?)
}

/// Reads a key file without unlocking it. Refuses one that group or others may read or write.
pub fn read_key_file(path: &Path) -> Result<KeyFile, KeyError> {
    KeyFile::parse(path, &private::read(path, KEY_FILE_BYTES_MAX)?)
}

/// Encrypts a key file anew, in place: another passphrase, other costs, or version 1 to 2. What replaces the file is
/// unlocked first, and the old one stays until the new one is on disk. What the old one's blocks hold is not wiped.
pub fn reencrypt_key_file(
    file: &KeyFile,
    secret: &Secret,
    passphrase: &Passphrase,
    params: KdfParams,
) -> Result<(), KeyError> {
    let text = encode(secret, file.info().created, Protection::Passphrase(passphrase, params))?;
    KeyFile::parse(file.path(), &text)?.unlock(Some(passphrase))?;
    private::replace(file.path(), &text)
}

/// The regular files of a folder, hidden ones excepted, in order of their names, and what each says of its key.
/// Nothing is unlocked, so nothing of it is proven.
pub fn list_key_files(folder: &Path) -> Result<Vec<ListedFile>, KeyError> {
    let io = |error| KeyError::io(folder, error);
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).map_err(io)? {
        let entry = entry.map_err(io)?;
        let hidden = entry.file_name().as_encoded_bytes().starts_with(b".");
        if hidden || !entry.file_type().map_err(io)?.is_file() {
            continue;
        }
        if paths.len() == FOLDER_ENTRIES_MAX {
            return Err(KeyError::format(
                folder,
                format!("more than {FOLDER_ENTRIES_MAX} files"),
            ));
        }
        paths.push(entry.path());
    }
    paths.sort();
    Ok(paths
        .into_iter()
        .map(|path| {
            let file = read_key_file(&path);
            (path, file)
        })
        .collect())
}

fn encode(secret: &Secret, created: u64, protection: Protection<'_>) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    match protection {
        Protection::None => clear(secret, created),
        Protection::Passphrase(passphrase, params) => {
            let key = FileKey::new(passphrase, params)?;
            seal(secret, &KeyInfo::of(secret, created, None), &key).map(Zeroizing::new)
        }
    }
}

/// Seconds since the Unix epoch.
pub(crate) fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |elapsed| elapsed.as_secs())
}
