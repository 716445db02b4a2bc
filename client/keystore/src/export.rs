//! Secrets in the formats of other programs, in both directions. All of them are in the clear.

use crate::pkcs8::{self, PEM_BYTES_MAX};
use crate::{Algorithm, KeyError, Secret, hexadecimal, private};
use quids_crypto::SignatureScheme;
use std::fmt;
use std::path::Path;
use std::str::FromStr;
use zeroize::Zeroizing;

/// A form that a secret can be given away in, besides a key file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// PKCS#8 in PEM: ML-DSA-87 and ML-KEM-1024 by their seeds, secp256k1.
    Pem,
    /// `0x` and hexadecimal: the seed where there is one, the expanded key otherwise.
    Raw,
    /// `0x` and 64 digits: a secp256k1 key as Ethereum's tools take it.
    Ethereum,
    /// The words.
    Mnemonic,
}

/// No format of this name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown format; known are pem, raw, ethereum, mnemonic")]
pub struct UnknownFormat;

impl Format {
    const ALL: [Self; 4] = [Self::Pem, Self::Raw, Self::Ethereum, Self::Mnemonic];

    /// The name on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pem => "pem",
            Self::Raw => "raw",
            Self::Ethereum => "ethereum",
            Self::Mnemonic => "mnemonic",
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Format {
    type Err = UnknownFormat;

    fn from_str(name: &str) -> Result<Self, UnknownFormat> {
        Self::ALL
            .into_iter()
            .find(|format| format.name() == name)
            .ok_or(UnknownFormat)
    }
}

/// The secret as text with a line end. [`KeyError::NoSuchForm`] if it does not exist in this format.
pub fn export_secret(secret: &Secret, format: Format) -> Result<Zeroizing<String>, KeyError> {
    let mut text = match format {
        Format::Pem => return pkcs8::encode(secret),
        Format::Raw => hexadecimal::encode(&secret.clone().without_mnemonic()?.payload()),
        Format::Ethereum => match secret.signing() {
            Some(key) if key.scheme() == SignatureScheme::Secp256k1 => hexadecimal::encode(key.secret_bytes()),
            _ => return Err(secret.lacks("is no Ethereum key: only secp256k1 is")),
        },
        Format::Mnemonic => match secret {
            Secret::Mnemonic { phrase, .. } => {
                let mut text = Zeroizing::new(String::with_capacity(phrase.len() + 1));
                text.push_str(phrase);
                text
            }
            _ => return Err(secret.lacks("was not stored with its mnemonic")),
        },
    };
    // Not in place: growing would leave a copy behind.
    let mut line = Zeroizing::new(String::with_capacity(text.len() + 1));
    line.push_str(&text);
    line.push('\n');
    std::mem::swap(&mut text, &mut line);
    Ok(text)
}

/// The secret of a text in a format. Raw bytes and mnemonics do not say what they are for: `algorithm` does, and
/// `index` chooses among a mnemonic's keys. In the other formats a given algorithm must be the right one.
pub fn import_secret(text: &str, format: Format, algorithm: Option<Algorithm>, index: u32) -> Result<Secret, KeyError> {
    let bad = |reason: String| KeyError::Import {
        format: format.name(),
        reason,
    };
    let bytes = || hexadecimal::decode_loose(text.trim()).ok_or_else(|| bad("it is not hexadecimal".into()));
    let chosen = || algorithm.ok_or_else(|| bad("it does not say its scheme, which must be given".into()));
    let secret = match format {
        Format::Pem => pkcs8::decode(text)?,
        Format::Raw => Secret::from_raw(chosen()?, &bytes()?)?,
        Format::Ethereum => Secret::from_raw(Algorithm::Signature(SignatureScheme::Secp256k1), &bytes()?)?,
        Format::Mnemonic => match chosen()? {
            Algorithm::Signature(scheme) => Secret::from_phrase(text, scheme, index)?,
            Algorithm::MlKem1024 => return Err(bad("ml-kem-1024 keys do not come from mnemonics".into())),
        },
    };
    match algorithm {
        Some(wanted) if wanted != secret.algorithm() => {
            Err(bad(format!("it is a key of {}, not of {wanted}", secret.algorithm())))
        }
        _ => Ok(secret),
    }
}

/// Writes an exported secret to a new file of mode 0600. [`KeyError::Exists`] rather than overwrite.
pub fn write_private_file(path: &Path, text: &str) -> Result<(), KeyError> {
    private::create(path, text.as_bytes())
}

/// The text of a file that nobody else may read, for [`import_secret`].
pub fn read_private_file(path: &Path) -> Result<Zeroizing<String>, KeyError> {
    // An expanded ML-DSA-87 key in hexadecimal is the longest.
    let bytes = private::read(path, PEM_BYTES_MAX * 4)?;
    let text = std::str::from_utf8(&bytes).map_err(|_| KeyError::format(path, "no UTF-8 text"))?;
    Ok(Zeroizing::new(text.to_owned()))
}
