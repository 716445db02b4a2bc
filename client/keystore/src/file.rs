//! Key files: one key as JSON, NOT encrypted, readable by its owner only. Written whole or not at all.

use crate::KeyError;
use quids_crypto::{KeyPair, SignatureScheme, eip55};
use serde::{Deserialize, Serialize};
use std::fs::{self, File, OpenOptions};
use std::io::{Error, ErrorKind, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};
use zeroize::Zeroizing;

/// The format that this release writes and reads.
pub const KEY_FILE_VERSION: u32 = 1;
/// A larger file is no key file (the largest key takes 16 kB).
pub const KEY_FILE_BYTES_MAX: usize = 64 << 10;

const WARNING: &str = "the secret below is not encrypted: whoever reads this file owns the account";

/// Borrowed when written and when read, so that no copy of the secret escapes wiping.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Content<'a> {
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

/// Writes a key to a new file of mode 0600, on disk when this returns. [`KeyError::Exists`] rather than overwrite.
pub fn write_key_file(path: &Path, key: &KeyPair) -> Result<(), KeyError> {
    let io = |error| KeyError::Io {
        path: path.to_owned(),
        error,
    };
    let secret = hex_of(key.secret_bytes());
    let content = Content {
        version: KEY_FILE_VERSION,
        encrypted: false,
        warning: WARNING,
        scheme: key.scheme().name(),
        address: &eip55(&key.account_id()),
        public_key: &hex_of(key.public().as_bytes()),
        secret: &secret,
        created: SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |elapsed| elapsed.as_secs()),
    };
    let mut text = Zeroizing::new(Vec::with_capacity(KEY_FILE_BYTES_MAX));
    serde_json::to_writer_pretty(&mut *text, &content).map_err(|error| io(error.into()))?;
    text.push(b'\n');
    create(path, &text).map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => KeyError::Exists(path.to_owned()),
        _ => io(error),
    })
}

/// Reads a key file. Refuses one that group or others may read or write, and one whose address or public key is not
/// that of its secret.
pub fn read_key_file(path: &Path) -> Result<KeyPair, KeyError> {
    let io = |error| KeyError::Io {
        path: path.to_owned(),
        error,
    };
    let format = |reason: String| KeyError::Format {
        path: path.to_owned(),
        reason,
    };
    let file = File::open(path).map_err(io)?;
    let metadata = file.metadata().map_err(io)?;
    if !metadata.is_file() {
        return Err(format("not a regular file".into()));
    }
    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(KeyError::Permissions {
            path: path.to_owned(),
            mode,
        });
    }
    let mut text = Zeroizing::new(Vec::with_capacity(KEY_FILE_BYTES_MAX + 1));
    let limit = KEY_FILE_BYTES_MAX as u64 + 1;
    file.take(limit).read_to_end(&mut text).map_err(io)?;
    if text.len() > KEY_FILE_BYTES_MAX {
        return Err(format(format!("larger than {KEY_FILE_BYTES_MAX} bytes")));
    }
    // The error's text is dropped: serde quotes what it found, which may be the secret.
    let content: Content = serde_json::from_slice(&text).map_err(|error| {
        format(format!(
            "no key file (line {}, column {})",
            error.line(),
            error.column()
        ))
    })?;
    if content.version != KEY_FILE_VERSION || content.encrypted {
        let version = content.version;
        return Err(format(format!(
            "version {version} or its encryption is not supported; this release reads version {KEY_FILE_VERSION}, unencrypted"
        )));
    }
    let scheme: SignatureScheme = content
        .scheme
        .parse()
        .map_err(|error: quids_crypto::UnknownScheme| format(error.to_string()))?;
    let secret = bytes_of(content.secret).ok_or_else(|| format("the secret is not hex".into()))?;
    let key = KeyPair::from_secret(scheme, &secret).map_err(|error| format(error.to_string()))?;
    if bytes_of(content.public_key).is_none_or(|public| *public != key.public().as_bytes()) {
        return Err(format("the public key is not that of the secret".into()));
    }
    if content.address.parse() != Ok(key.account_id()) {
        return Err(format("the address is not that of the key".into()));
    }
    Ok(key)
}

fn hex_of(bytes: &[u8]) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(2 + 2 * bytes.len()));
    text.push_str("0x");
    for byte in bytes {
        for digit in [byte >> 4, byte & 15] {
            // UNWRAP: a nibble is below 16.
            text.push(char::from_digit(u32::from(digit), 16).expect("a hex digit"));
        }
    }
    text
}

fn bytes_of(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    let digits = text.strip_prefix("0x")?;
    let mut bytes = Zeroizing::new(vec![0; digits.len() / 2]);
    hex::decode_to_slice(digits, &mut bytes).ok()?;
    Some(bytes)
}

/// Creates a file with this content, or leaves nothing behind. The name appears last, by a hard link, which unlike a
/// rename fails if it is taken.
fn create(path: &Path, content: &[u8]) -> Result<(), Error> {
    let name = path
        .file_name()
        .ok_or_else(|| Error::new(ErrorKind::InvalidInput, "the path has no file name"))?;
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let mut nonce = [0u8; 8];
    getrandom::fill(&mut nonce).map_err(|error| Error::other(error.to_string()))?;
    let name = format!(".{}.{:016x}", name.to_string_lossy(), u64::from_le_bytes(nonce));
    let temporary = folder.join(name);
    let written = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&temporary)
        .and_then(|mut file| {
            file.write_all(content)?;
            file.sync_all()
        })
        .and_then(|()| fs::hard_link(&temporary, path));
    let removed = fs::remove_file(&temporary);
    written?;
    removed?;
    File::open(folder)?.sync_all()
}
