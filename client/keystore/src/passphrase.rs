//! A passphrase, and where it comes from without a person: a file or the environment. Asking a person is the CLI's.

use crate::{KeyError, private};
use std::env;
use std::fmt;
use std::path::Path;
use zeroize::Zeroizing;

/// A longer one is no passphrase.
pub const PASSPHRASE_BYTES_MAX: usize = 1024;
/// A new passphrase has at least so many characters (NIST SP 800-63B §5.1.1).
pub const PASSPHRASE_CHARS_MIN: usize = 8;
/// Holds the passphrase of key files.
pub const PASSPHRASE_VARIABLE: &str = "QUIDS_PASSPHRASE";

/// UTF-8, compared byte by byte: no normalisation. Wiped on drop; `Debug` hides it.
#[derive(Clone, PartialEq, Eq)]
pub struct Passphrase(Zeroizing<String>);

impl Passphrase {
    /// Any text of 1 to [`PASSPHRASE_BYTES_MAX`] bytes.
    pub fn new(text: Zeroizing<String>) -> Result<Self, KeyError> {
        match text.len() {
            0 => Err(KeyError::BadPassphrase("it is empty".into())),
            1..=PASSPHRASE_BYTES_MAX => Ok(Self(text)),
            size => Err(KeyError::BadPassphrase(format!(
                "it has {size} bytes, at most {PASSPHRASE_BYTES_MAX} are allowed"
            ))),
        }
    }

    /// As [`Self::new`], for what is about to protect a new file: at least [`PASSPHRASE_CHARS_MIN`] characters.
    pub fn check_new(self) -> Result<Self, KeyError> {
        match self.0.chars().count() {
            count if count < PASSPHRASE_CHARS_MIN => Err(KeyError::BadPassphrase(format!(
                "it has {count} characters; a new one has at least {PASSPHRASE_CHARS_MIN}"
            ))),
            _ => Ok(self),
        }
    }

    /// The first and only line of a file that nobody else may read. One line end is taken off.
    pub fn from_file(path: &Path) -> Result<Self, KeyError> {
        let bytes = private::read(path, PASSPHRASE_BYTES_MAX + 2)?;
        let bad = |reason: &str| KeyError::BadPassphrase(format!("{} {reason}", path.display()));
        let text = std::str::from_utf8(&bytes).map_err(|_| bad("is no UTF-8 text"))?;
        let text = text.strip_suffix('\n').unwrap_or(text);
        let text = text.strip_suffix('\r').unwrap_or(text);
        if text.contains(['\n', '\r']) {
            return Err(bad("has more than one line"));
        }
        Self::new(Zeroizing::new(text.to_owned()))
    }

    /// Of an environment variable, if it is set. Every process of the same user can read it, and so can children.
    pub fn from_env(variable: &str) -> Result<Option<Self>, KeyError> {
        match env::var(variable) {
            Ok(text) => Self::new(Zeroizing::new(text)).map(Some),
            Err(env::VarError::NotPresent) => Ok(None),
            Err(env::VarError::NotUnicode(_)) => Err(KeyError::BadPassphrase(format!("{variable} is no UTF-8 text"))),
        }
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Passphrase(..)")
    }
}
