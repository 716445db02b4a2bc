//! From what is typed to a key or an account: names of development accounts, key files, mnemonics, remote signers,
//! addresses.

use super::{CliError, PassphraseArgs};
use quids_core::AccountId20;
use quids_crypto::{KeyPair, SignatureScheme, eip55};
use quids_keystore::{KeySource, Passphrase, RemoteSigner, Secret, Signer, dev_keypair, read_key_file};
use std::{fs, io::Read, path::Path, str::FromStr, sync::Arc};

/// Names a key in another process.
const REMOTE: &str = "remote:";

/// The key that `text` names: a development account, a key file or a mnemonic. `scheme` and `index` choose among a
/// mnemonic's keys (ML-DSA-87 at 0 if not given); the other sources have one key, and another scheme is an error.
pub fn key(
    text: &str,
    scheme: Option<SignatureScheme>,
    index: u32,
    passphrase: &PassphraseArgs,
) -> Result<KeyPair, CliError> {
    Ok(secret(text, scheme, index, passphrase)?.into_signing()?)
}

/// As [`key`], or a key in a signer's process: `remote:SOCKET`, or `remote:SOCKET#ADDRESS` if it has several.
pub fn signer(
    text: &str,
    scheme: Option<SignatureScheme>,
    index: u32,
    passphrase: &PassphraseArgs,
) -> Result<Arc<dyn Signer>, CliError> {
    let Some(remote) = text.strip_prefix(REMOTE) else {
        return Ok(Arc::new(key(text, scheme, index, passphrase)?));
    };
    let (socket, account) = match remote.rsplit_once('#') {
        Some((socket, account)) => (socket, Some(address(account)?)),
        None => (remote, None),
    };
    let signer = RemoteSigner::connect(Path::new(socket), account)?;
    match scheme {
        Some(wanted) if wanted != signer.scheme() => Err(CliError::Scheme {
            actual: signer.scheme(),
            wanted,
        }),
        _ => Ok(Arc::new(signer)),
    }
}

/// As [`key`], in the form that it is kept in, which may be no signing key.
pub fn secret(
    text: &str,
    scheme: Option<SignatureScheme>,
    index: u32,
    passphrase: &PassphraseArgs,
) -> Result<Secret, CliError> {
    secret_and_passphrase(text, scheme, index, passphrase).map(|(secret, _)| secret)
}

/// As [`secret`], with the passphrase that unlocked it, if one did.
pub fn secret_and_passphrase(
    text: &str,
    scheme: Option<SignatureScheme>,
    index: u32,
    passphrase: &PassphraseArgs,
) -> Result<(Secret, Option<Passphrase>), CliError> {
    let (secret, used) = match KeySource::identify(text)? {
        KeySource::Dev(account) => (Secret::Account(account.key_pair()), None),
        KeySource::Mnemonic(phrase) => {
            let scheme = scheme.unwrap_or(SignatureScheme::MlDsa87);
            (Secret::from_phrase(&phrase, scheme, index)?, None)
        }
        KeySource::File(path) => {
            let file = read_key_file(&path)?;
            let used = passphrase.unlock(&file)?;
            (file.unlock(used.as_ref())?, used)
        }
    };
    match (scheme, secret.signing()) {
        (Some(wanted), Some(key)) if wanted != key.scheme() => Err(CliError::Scheme {
            actual: key.scheme(),
            wanted,
        }),
        (Some(wanted), None) => Err(CliError::WrongKey(format!(
            "the key is one of {}, not of {wanted}",
            secret.algorithm()
        ))),
        _ => Ok((secret, used)),
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
        let key = |text, scheme, index| key(text, scheme, index, &PassphraseArgs::default());
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
