//! From what is typed to a key or an account: names of development accounts, key files, mnemonics, addresses. The
//! only user of the keystore.

use super::CliError;
use quids_core::AccountId20;
use quids_crypto::{KeyPair, SignatureScheme, eip55};
use quids_keystore::{KeySource, dev_keypair};
use std::{fs, io::Read, str::FromStr};

/// The key that `text` names: a development account, a key file or a mnemonic. `scheme` and `index` choose among a
/// mnemonic's keys (ML-DSA-87 at 0 if not given); the other sources have one key, and another scheme is an error.
pub fn key(text: &str, scheme: Option<SignatureScheme>, index: u32) -> Result<KeyPair, CliError> {
    let key = KeySource::identify(text)?.load(scheme.unwrap_or(SignatureScheme::MlDsa87), index)?;
    match scheme {
        Some(scheme) if scheme != key.scheme() => Err(CliError::Scheme {
            actual: key.scheme(),
            wanted: scheme,
        }),
        _ => Ok(key),
    }
}

/// The account of a development account's name or of an address.
pub fn account(text: &str) -> Result<AccountId20, CliError> {
    dev_keypair(text).map_or_else(|| address(text), |key| Ok(key.account_id()))
}

/// The account of an address: with the checksum of EIP-55 if it has both cases, unchecked if it has one.
pub fn address(text: &str) -> Result<AccountId20, CliError> {
    let unreadable = |error: <AccountId20 as FromStr>::Err| CliError::Account(text.into(), error.to_string());
    let account: AccountId20 = text.parse().map_err(unreadable)?;
    let digits = text.strip_prefix("0x").unwrap_or(text);
    let mixed = digits.bytes().any(|b| b.is_ascii_uppercase()) && digits.bytes().any(|b| b.is_ascii_lowercase());
    let expected = eip55(&account);
    if mixed && expected.strip_prefix("0x") != Some(digits) {
        return Err(CliError::Checksum {
            given: text.into(),
            expected,
        });
    }
    Ok(account)
}

/// A message from the command line: text, hexadecimal, or all of stdin if neither is given.
pub fn message(text: Option<String>, hexadecimal: Option<String>) -> Result<Vec<u8>, CliError> {
    match (text, hexadecimal) {
        (Some(text), _) => Ok(text.into_bytes()),
        (None, Some(digits)) => bytes("the message", &digits),
        (None, None) => {
            let mut message = Vec::new();
            std::io::stdin()
                .read_to_end(&mut message)
                .map_err(|source| CliError::Io {
                    context: "cannot read the message from stdin",
                    source,
                })?;
            Ok(message)
        }
    }
}

/// Bytes in hexadecimal, with or without `0x`; `@FILE` takes the digits from a file.
pub fn bytes(what: &'static str, text: &str) -> Result<Vec<u8>, CliError> {
    let from_file = match text.strip_prefix('@') {
        Some(path) => Some(fs::read_to_string(path).map_err(CliError::file("read", path))?),
        None => None,
    };
    let text = from_file.as_deref().unwrap_or(text).trim();
    hex::decode(text.strip_prefix("0x").unwrap_or(text)).map_err(|source| CliError::Hex { what, source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_with_a_wrong_checksum_is_a_typing_error() {
        let good = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed";
        for text in [
            good,
            &good.to_lowercase(),
            &good[2..],
            "5AAEB6053F3E94C9B9A09F33669435E7EF1BEAED",
        ] {
            assert_eq!(eip55(&address(text).unwrap()), good, "{text}");
        }
        let typo = good.replace("aA", "aa");
        assert!(matches!(address(&typo), Err(CliError::Checksum { .. })));
        for text in ["", "0x", "0x1234", "zz", "bobby"] {
            assert!(matches!(address(text), Err(CliError::Account(..))), "{text}");
        }
    }

    #[test]
    fn keys_come_from_names_and_mnemonics() {
        let alice = key("alice", None, 0).unwrap();
        assert_eq!(
            (alice.scheme(), alice.account_id()),
            (SignatureScheme::MlDsa87, account("Alice").unwrap())
        );
        assert!(matches!(
            key("alice", Some(SignatureScheme::Falcon512), 0),
            Err(CliError::Scheme { .. })
        ));
        let phrase = quids_keystore::ETHEREUM_TEST_MNEMONIC;
        let eth1 = key(phrase, Some(SignatureScheme::Secp256k1), 1).unwrap();
        assert_eq!(eip55(&eth1.account_id()), "0x70997970C51812dc3A010C7d01b50e0d17dc79C8");
        assert_eq!(key(phrase, None, 0).unwrap().scheme(), SignatureScheme::MlDsa87);
        assert!(matches!(key("nobody", None, 0), Err(CliError::Key(_))));
    }

    #[test]
    fn bytes_are_hexadecimal_with_or_without_prefix() {
        assert_eq!(bytes("x", "0x00ff").unwrap(), [0, 255]);
        assert_eq!(bytes("x", " 00FF ").unwrap(), [0, 255]);
        for text in ["0x0", "0xzz", "@/nonexistent"] {
            assert!(bytes("x", text).is_err(), "{text}");
        }
        assert_eq!(message(Some("0x00".into()), None).unwrap(), b"0x00");
        assert_eq!(message(None, Some("0x00".into())).unwrap(), [0]);
    }
}
