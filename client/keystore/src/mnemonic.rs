//! Keys from BIP-39 mnemonics (English, empty passphrase).

use crate::KeyError;
use bip32::{ChildNumber, DerivationPath, XPrv};
use bip39::{Error, Language, Mnemonic};
use quids_crypto::{CryptoError, KeyPair, SignatureScheme};
use zeroize::Zeroizing;

/// BLAKE3 key derivation context of post-quantum keys from a mnemonic.
const CONTEXT: &str = "quids mnemonic account v1";

/// A new mnemonic of 12 or 24 words (128 or 256 bits from the operating system).
pub fn generate_mnemonic(words: usize) -> Result<Zeroizing<String>, KeyError> {
    let bytes = match words {
        12 => 16,
        24 => 32,
        other => return Err(invalid(&Error::BadWordCount(other))),
    };
    let mut entropy = Zeroizing::new([0u8; 32]);
    getrandom::fill(&mut *entropy).map_err(|_| CryptoError::NoRandomness)?;
    let mnemonic = Mnemonic::from_entropy_in(Language::English, &entropy[..bytes]).map_err(|error| invalid(&error))?;
    let mnemonic = Zeroizing::new(mnemonic);
    // 24 words of at most 8 letters: the string is never moved while it grows.
    let mut phrase = Zeroizing::new(String::with_capacity(24 * 9));
    for word in mnemonic.words() {
        if !phrase.is_empty() {
            phrase.push(' ');
        }
        phrase.push_str(word);
    }
    Ok(phrase)
}

/// The key of a mnemonic of 12 or 24 words, at an index.
///
/// secp256k1: BIP-44 path `m/44'/60'/0'/0/index`, as Ethereum's wallets. Post-quantum: a 32-byte seed by BLAKE3 in
/// derive-key mode, context `quids mnemonic account v1`, over `BIP-39 seed (64 bytes) ‖ scheme tag ‖ index (u32 LE)`.
pub fn from_mnemonic(phrase: &str, scheme: SignatureScheme, index: u32) -> Result<KeyPair, KeyError> {
    if scheme == SignatureScheme::Secp256k1 {
        return ethereum_key(&*bip39_seed(phrase)?, index);
    }
    Ok(KeyPair::from_seed(scheme, &*seed(phrase, scheme, index)?)?)
}

/// The 32-byte seed of a post-quantum key.
pub(crate) fn seed(phrase: &str, scheme: SignatureScheme, index: u32) -> Result<Zeroizing<[u8; 32]>, KeyError> {
    let mut material = Zeroizing::new([0u8; 64 + 1 + 4]);
    material[..64].copy_from_slice(&*bip39_seed(phrase)?);
    material[64] = scheme.tag();
    material[65..].copy_from_slice(&index.to_le_bytes());
    Ok(Zeroizing::new(blake3::derive_key(CONTEXT, &*material)))
}

fn bip39_seed(phrase: &str) -> Result<Zeroizing<[u8; 64]>, KeyError> {
    let phrase = normalise(phrase);
    let count = phrase.split(' ').count();
    if count != 12 && count != 24 {
        return Err(invalid(&Error::BadWordCount(count)));
    }
    let mnemonic = Mnemonic::parse_in_normalized(Language::English, &phrase).map_err(|error| invalid(&error))?;
    let mnemonic = Zeroizing::new(mnemonic);
    Ok(Zeroizing::new(mnemonic.to_seed_normalized("")))
}

fn ethereum_key(seed: &[u8; 64], index: u32) -> Result<KeyPair, KeyError> {
    let no_key = |_| KeyError::Derivation(index);
    let mut path = DerivationPath::default();
    for (number, hardened) in [(44, true), (60, true), (0, true), (0, false), (index, false)] {
        path.push(ChildNumber::new(number, hardened).map_err(no_key)?);
    }
    let key = XPrv::derive_from_path(seed, &path).map_err(no_key)?;
    let secret = Zeroizing::new(key.to_bytes());
    Ok(KeyPair::from_secp256k1_secret(&secret)?)
}

/// Lowercase, words apart by one space.
pub(crate) fn normalise(phrase: &str) -> Zeroizing<String> {
    let mut out = Zeroizing::new(String::with_capacity(phrase.len() + 1));
    for word in phrase.split_whitespace() {
        if !out.is_empty() {
            out.push(' ');
        }
        word.chars().for_each(|c| out.push(c.to_ascii_lowercase()));
    }
    out
}

/// Names places, never words.
fn invalid(error: &Error) -> KeyError {
    KeyError::Mnemonic(match error {
        Error::BadWordCount(count) => format!("it has {count} words, 12 or 24 are needed"),
        Error::UnknownWord(place) => format!("word {} is not in the English list", place + 1),
        Error::InvalidChecksum => "the checksum is wrong: a word is mistyped or misplaced".into(),
        other => other.to_string(),
    })
}
