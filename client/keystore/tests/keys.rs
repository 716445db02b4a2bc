//! Development accounts, mnemonics, and what a person types to name a key.

use quids_crypto::{SignatureScheme, eip55, verify};
use quids_keystore::*;
use std::collections::BTreeSet;

#[test]
fn every_development_account_signs() {
    let mut accounts = BTreeSet::new();
    for account in DEV_ACCOUNTS {
        let key = dev_keypair(&account.name.to_uppercase()).unwrap();
        assert_eq!(key.scheme(), account.scheme);
        assert!(accounts.insert(key.account_id()), "{}", account.name);
        let signature = key.sign(b"message");
        assert!(verify(key.public(), b"message", &signature), "{}", account.name);
    }
    assert_eq!(accounts.len(), 18);
    assert!(dev_keypair("mallory").is_none());
    assert!(dev_keypair("eth10").is_none());
}

/// Published by Hardhat and Anvil for the same mnemonic.
#[test]
fn ethereum_accounts_are_the_well_known_ones() {
    for (name, address) in [
        ("eth0", "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"),
        ("eth1", "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"),
        ("eth2", "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC"),
        ("eth3", "0x90F79bf6EB2c4f870365E785982E1f101E93b906"),
        ("eth4", "0x15d34AAf54267DB7D7c367839AAf71A00a2C6A65"),
        ("eth5", "0x9965507D1a55bcC2695C58ba16FB37d819B0A4dc"),
        ("eth6", "0x976EA74026E726554dB657fA54763abd0C3a0aa9"),
        ("eth7", "0x14dC79964da2C08b23698B3D3cc7Ca32193d9955"),
        ("eth8", "0x23618e81E3f5cdF7f54C3d65f7FBc0aBf5B21E8f"),
        ("eth9", "0xa0Ee7A142d267C1f36714E4a8F75612F20a79720"),
    ] {
        assert_eq!(eip55(&dev_keypair(name).unwrap().account_id()), address);
    }
}

/// Changing one of these moves the accounts of every development chain.
#[test]
fn development_addresses_are_pinned() {
    let found: Vec<_> = DEV_ACCOUNTS[..8]
        .iter()
        .map(|account| format!("{} {}", account.name, eip55(&account.key_pair().account_id())))
        .collect();
    assert_eq!(found.join("\n"), include_str!("dev_addresses.txt").trim());
}

#[test]
fn mnemonics_give_keys_by_scheme_and_index() {
    let mut accounts = BTreeSet::new();
    for scheme in SignatureScheme::ALL {
        for index in [0, 1, u32::MAX >> 1] {
            let key = from_mnemonic(ETHEREUM_TEST_MNEMONIC, scheme, index).unwrap();
            assert!(accounts.insert(key.account_id()));
        }
    }
    let spaced = ETHEREUM_TEST_MNEMONIC.to_uppercase().replace(' ', "  \n");
    let key = from_mnemonic(&spaced, SignatureScheme::MlDsa87, 0).unwrap();
    assert!(accounts.contains(&key.account_id()));

    for words in [12, 24] {
        let (one, two) = (generate_mnemonic(words).unwrap(), generate_mnemonic(words).unwrap());
        assert_eq!(one.split(' ').count(), words);
        assert_ne!(*one, *two);
        from_mnemonic(&one, SignatureScheme::MlDsa87, 0).unwrap();
    }
    let error = generate_mnemonic(15).unwrap_err().to_string();
    assert!(error.contains("15 words, 12 or 24"), "{error}");
}

#[test]
fn bad_mnemonics_are_explained_without_their_words() {
    let check = |phrase: &str, expected: &str| {
        let error = from_mnemonic(phrase, SignatureScheme::MlDsa87, 0)
            .unwrap_err()
            .to_string();
        assert!(error.contains(expected), "{error}");
        assert!(!error.contains("junk") && !error.contains("xyzzy"), "{error}");
    };
    check("test junk junk", "3 words");
    check(&"test ".repeat(15), "15 words");
    check(&ETHEREUM_TEST_MNEMONIC.replacen("test", "xyzzy", 1), "word 1");
    check(&ETHEREUM_TEST_MNEMONIC.replace("junk", "test"), "checksum");
    let error = from_mnemonic(ETHEREUM_TEST_MNEMONIC, SignatureScheme::Secp256k1, 1 << 31);
    assert!(matches!(error, Err(KeyError::Derivation(_))));
}

#[test]
fn sources_are_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key.json");
    let bob = dev_keypair("bob").unwrap();
    write_key_file(&path, &Secret::Account(bob.clone()), Protection::None).unwrap();
    for (text, account) in [
        (" Bob ", bob.account_id()),
        (path.to_str().unwrap(), bob.account_id()),
        (
            ETHEREUM_TEST_MNEMONIC,
            from_mnemonic(ETHEREUM_TEST_MNEMONIC, SignatureScheme::MlDsa87, 0)
                .unwrap()
                .account_id(),
        ),
    ] {
        assert_eq!(KeySource::parse(text).unwrap().account_id(), account);
    }
    let source = KeySource::identify(ETHEREUM_TEST_MNEMONIC).unwrap();
    assert_eq!(format!("{source:?}"), "Mnemonic(..)");
    let key = source
        .load(SignatureScheme::Secp256k1, 3, |_| Ok::<_, KeyError>(None))
        .unwrap();
    assert_eq!(key.account_id(), dev_keypair("eth3").unwrap().account_id());
    let error = KeySource::parse("mallory").unwrap_err().to_string();
    assert!(error.contains("alice-falcon, alice-sphincs, eth0"), "{error}");
}
