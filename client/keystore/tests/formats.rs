//! Export and import: the published vectors, every pair of secret and format, and strict parsing.

mod common;

use common::secrets;
use proptest::prelude::*;
use quids_crypto::SignatureScheme;
use quids_keystore::*;

/// RFC 9881 appendix C.1.3.1: the seed 00 01 … 1f.
const ML_DSA_87: &str = "-----BEGIN PRIVATE KEY-----
MDQCAQAwCwYJYIZIAWUDBAMTBCKAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZ
GhscHR4f
-----END PRIVATE KEY-----
";
/// draft-ietf-lamps-kyber-certificates appendix C.1: the seed 00 01 … 3f.
const ML_KEM_1024: &str = "-----BEGIN PRIVATE KEY-----
MFQCAQAwCwYJYIZIAWUDBAQDBEKAQAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZ
GhscHR4fICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8=
-----END PRIVATE KEY-----
";
/// Made with `openssl pkcs8 -topk8 -nocrypt` (OpenSSL 3.0.19) from the key 11 11 … 11.
const SECP256K1: &str = include_str!("fixtures/secp256k1.pem");

fn import(text: &str, format: Format, algorithm: Option<&str>) -> Result<Secret, KeyError> {
    import_secret(text, format, algorithm.map(|name| name.parse().unwrap()), 0)
}

#[test]
fn published_pem_files_are_read_and_written() {
    let counting: [u8; 64] = std::array::from_fn(|index| index as u8);
    let seed = Secret::from_seed(counting[..32].try_into().unwrap()).unwrap();
    let kem = Secret::Kem(KemKeyPair::from_seed(&counting));
    let ecdsa = Secret::Account(KeyPair::from_secp256k1_secret(&[0x11; 32]).unwrap());
    for (pem, secret) in [(ML_DSA_87, seed), (ML_KEM_1024, kem), (SECP256K1, ecdsa)] {
        assert_eq!(export_secret(&secret, Format::Pem).unwrap().as_str(), pem);
        let read = import(pem, Format::Pem, None).unwrap();
        assert_eq!(read.public_bytes(), secret.public_bytes());
        assert_eq!(read.kind(), secret.kind());
        let wrong = import(pem, Format::Pem, Some("falcon-512")).unwrap_err().to_string();
        assert!(wrong.contains("not of falcon-512"), "{wrong}");
    }
}

/// Which secrets exist in which formats; those that do come back.
#[test]
fn secrets_survive_the_formats_they_have() {
    for secret in secrets() {
        let seed_known = matches!(secret.kind(), Kind::Seed | Kind::Mnemonic | Kind::Kem);
        let scheme = match secret.algorithm() {
            Algorithm::Signature(scheme) => Some(scheme),
            Algorithm::MlKem1024 => None,
        };
        for (format, exists) in [
            (
                Format::Pem,
                match scheme {
                    Some(SignatureScheme::Secp256k1) | None => true,
                    Some(SignatureScheme::MlDsa87) => seed_known,
                    Some(_) => false,
                },
            ),
            (Format::Raw, true),
            (Format::Ethereum, scheme == Some(SignatureScheme::Secp256k1)),
            (Format::Mnemonic, secret.kind() == Kind::Mnemonic),
        ] {
            match export_secret(&secret, format) {
                Ok(text) => {
                    assert!(exists, "{secret:?} as {format}");
                    assert!(text.ends_with('\n'));
                    let index = secret.index().unwrap_or_default();
                    let read = import_secret(&text, format, Some(secret.algorithm()), index).unwrap();
                    assert_eq!(read.public_bytes(), secret.public_bytes(), "{secret:?} as {format}");
                }
                Err(error) => assert!(!exists && matches!(error, KeyError::NoSuchForm { .. }), "{error}"),
            }
        }
    }
}

#[test]
fn ethereum_keys_are_those_of_ethereum() {
    let secret = Secret::Account(dev_keypair("eth0").unwrap());
    let text = export_secret(&secret, Format::Ethereum).unwrap();
    // Published by Hardhat and Anvil.
    assert_eq!(
        text.trim(),
        "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"
    );
    for text in [text.trim(), &text.trim()[2..], &text.to_uppercase().replace("0X", "0x")] {
        let read = import(text, Format::Ethereum, None).unwrap();
        assert_eq!(read.account_id(), secret.account_id());
    }
}

#[test]
fn doubtful_imports_are_refused_without_being_quoted() {
    let body = |pem: &str| pem.lines().nth(1).unwrap().to_owned();
    let digits = "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";
    let cases: Vec<(String, Format, Option<&str>, &str)> = vec![
        (
            ML_DSA_87.replace("PRIVATE", "ENCRYPTED PRIVATE"),
            Format::Pem,
            None,
            "first line",
        ),
        (format!("hello\n{ML_DSA_87}"), Format::Pem, None, "first line"),
        (
            format!("{ML_DSA_87}{ML_DSA_87}"),
            Format::Pem,
            None,
            "more after the last line",
        ),
        (
            ML_DSA_87.replace("-----END PRIVATE KEY-----", ""),
            Format::Pem,
            None,
            "END PRIVATE KEY----- is missing",
        ),
        (ML_DSA_87.replace("GhscHR4f", "GhscHR4"), Format::Pem, None, "no base64"),
        (
            ML_DSA_87.replace("GhscHR4f", "GhscHR4f\nAAAA"),
            Format::Pem,
            None,
            "more after the key",
        ),
        (ML_DSA_87.replace("GhscHR4f", "GhscHR4"), Format::Pem, None, "no base64"),
        (ML_DSA_87.replace("GhscHR4f\n", ""), Format::Pem, None, "ends too early"),
        (
            ML_DSA_87.replace("BAMTBC", "BAMRBC"),
            Format::Pem,
            None,
            "algorithm is none of",
        ),
        (
            ML_DSA_87.replace("MDQCAQAw", "MDQCAQEw"),
            Format::Pem,
            None,
            "version other than 0",
        ),
        // An expanded key: tag 04 where 80 stands.
        (
            ML_DSA_87.replace("BCKAIA", "BCIEIA"),
            Format::Pem,
            None,
            "only the seed form",
        ),
        (body(SECP256K1), Format::Pem, None, "first line"),
        ("x".repeat(5000), Format::Pem, None, "larger than 4096"),
        (String::new(), Format::Pem, None, "first line"),
        (digits[1..].into(), Format::Ethereum, None, "not hexadecimal"),
        (digits[2..].into(), Format::Ethereum, None, "31 bytes, expected 32"),
        ("00".repeat(32), Format::Ethereum, None, "invalid secp256k1 secret key"),
        ("ff".repeat(32), Format::Ethereum, None, "invalid secp256k1 secret key"),
        (digits.into(), Format::Raw, None, "does not say its scheme"),
        (
            digits.into(),
            Format::Raw,
            Some("ml-kem-1024"),
            "32 bytes, an ml-kem-1024 seed has 64",
        ),
        (
            digits.into(),
            Format::Raw,
            Some("falcon-512"),
            "32 bytes, expected 1281",
        ),
        (
            ETHEREUM_TEST_MNEMONIC.into(),
            Format::Mnemonic,
            None,
            "does not say its scheme",
        ),
        (
            ETHEREUM_TEST_MNEMONIC.into(),
            Format::Mnemonic,
            Some("ml-kem-1024"),
            "do not come from mnemonics",
        ),
        ("test junk".into(), Format::Mnemonic, Some("ml-dsa-87"), "2 words"),
    ];
    for (text, format, algorithm, expected) in cases {
        let error = import(&text, format, algorithm).unwrap_err().to_string();
        assert!(error.contains(expected), "{error} should say {expected}");
        assert!(
            !error.contains("ac09") && !error.contains("junk") && !error.contains("GhscHR"),
            "{error}"
        );
    }
}

proptest! {
    /// A changed bit of the DER is an error, or lies in the seed and gives another key: nothing is ignored.
    #[test]
    fn no_part_of_a_pem_is_ignored(place in 0usize..54 * 8, vector in 0usize..2) {
        use base64ct::{Base64, Encoding};
        let pem = [ML_DSA_87, SECP256K1][vector];
        let digits: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
        let mut buffer = [0; 256];
        let mut der = Base64::decode(&digits, &mut buffer).unwrap().to_vec();
        let original = import(pem, Format::Pem, None).unwrap();
        der[place / 8] ^= 1 << (place % 8);
        let mut buffer = [0; 512];
        let text = Base64::encode(&der, &mut buffer).unwrap();
        let text = format!("-----BEGIN PRIVATE KEY-----\n{text}\n-----END PRIVATE KEY-----\n");
        if let Ok(read) = import(&text, Format::Pem, None) {
            prop_assert_ne!(read.public_bytes(), original.public_bytes());
        }
    }

    /// Any text is judged without a panic.
    #[test]
    fn any_text_is_judged(text in "\\PC*", bytes: Vec<u8>) {
        use base64ct::{Base64, Encoding};
        let _ = import(&text, Format::Pem, None);
        let mut buffer = vec![0; bytes.len() * 2 + 4];
        let digits = Base64::encode(&bytes, &mut buffer).unwrap();
        let _ = import(&format!("-----BEGIN PRIVATE KEY-----\n{digits}\n-----END PRIVATE KEY-----"), Format::Pem, None);
    }
}
