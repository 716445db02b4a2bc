//! A node's keystore: what is put in is found again, after a restart too, and with the right passphrase only.

mod common;

use common::{cheap, passphrase, private_part};
use quids_keystore::*;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

const GRAN: KeyType = *b"gran";
const AURA: KeyType = *b"aura";

fn open(folder: &Path, words: Option<&str>) -> Result<NodeKeystore, KeyError> {
    NodeKeystore::open_with(folder, words.map(passphrase), cheap())
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn keys_are_found_by_type_and_public_key_and_survive_a_restart() {
    let base = tempfile::tempdir().unwrap();
    for words in [Some("correct horse"), None] {
        let folder = base.path().join(format!("chains/{}/keystore", words.is_some()));
        let store = open(&folder, words).unwrap();
        assert_eq!((mode(&folder), store.is_encrypted()), (0o700, words.is_some()));
        let alice = dev_keypair("alice").unwrap();
        store.insert(GRAN, alice.clone()).unwrap();
        store.insert(GRAN, alice.clone()).unwrap();
        let made = store.generate(AURA, SignatureScheme::Falcon512).unwrap();
        let other = store.generate(AURA, SignatureScheme::MlDsa87).unwrap();
        drop(store);

        for store in [open(&folder, words).unwrap(), open(&folder, words).unwrap()] {
            assert!(store.has(GRAN, alice.public().as_bytes()) && store.has(AURA, made.as_bytes()));
            assert!(!store.has(AURA, alice.public().as_bytes()) && !store.has(GRAN, made.as_bytes()));
            assert!(!store.has(GRAN, b"") && !store.has(GRAN, &[0; 33]));
            assert_eq!(store.keys(GRAN), [alice.public().clone()]);
            let found = store.keys(AURA);
            assert!(found.len() == 2 && found.contains(&made) && found.contains(&other));
            assert_eq!(store.keys(*b"none"), []);
            let key = store.key(GRAN, alice.public().as_bytes()).unwrap();
            assert_eq!(key.secret_bytes(), alice.secret_bytes());
            assert_eq!(store.key(AURA, made.as_bytes()).unwrap().public(), &made);
            let missing = store.key(AURA, alice.public().as_bytes()).unwrap_err().to_string();
            assert!(missing.contains("no key of type aura with public key 0x"), "{missing}");
        }
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            assert_eq!(mode(&path), 0o600, "{}", path.display());
            let text = fs::read_to_string(&path).unwrap();
            let clear = text.contains(&hex::encode(private_part(&alice)));
            assert!(!clear || words.is_none(), "{} is in the clear", path.display());
        }
    }
}

/// An encrypted key is an ordinary key file: the CLI opens it with the keystore's passphrase.
#[test]
fn its_files_are_key_files() {
    let base = tempfile::tempdir().unwrap();
    let folder = base.path().join("keystore");
    let store = open(&folder, Some("correct horse")).unwrap();
    let public = store.generate(GRAN, SignatureScheme::Secp256k1).unwrap();
    let files = list_key_files(&folder).unwrap();
    let [(_, Ok(file))] = files.as_slice() else {
        panic!("{files:?}")
    };
    assert_eq!(file.info().key_type, Some(GRAN));
    let secret = file.unlock(Some(&passphrase("correct horse"))).unwrap();
    assert_eq!(secret.public_bytes(), public.as_bytes());
}

#[test]
fn a_keystore_that_is_not_as_it_was_made_is_refused() {
    let base = tempfile::tempdir().unwrap();
    let make = |name: &str, words: Option<&str>| {
        let folder = base.path().join(name);
        let store = open(&folder, words).unwrap();
        store.insert(GRAN, dev_keypair("eth0").unwrap()).unwrap();
        folder
    };
    let check = |folder: &Path, words: Option<&str>, expected: &str| {
        let error = open(folder, words).unwrap_err().to_string();
        assert!(error.contains(expected), "{error} should say {expected}");
        assert!(!error.contains("horse"), "{error}");
    };
    let key_file = |folder: &Path| list_key_files(folder).unwrap().remove(0).0;

    let folder = make("passphrases", Some("correct horse"));
    check(
        &folder,
        Some("correct hors"),
        "wrong passphrase, or the file was changed",
    );
    check(&folder, None, "encrypted and there is no passphrase");
    check(&make("clear", None), Some("correct horse"), "not encrypted");

    let folder = make("open", Some("correct horse"));
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o750)).unwrap();
    check(&folder, Some("correct horse"), "chmod 700");

    let folder = make("renamed type", Some("correct horse"));
    let path = key_file(&folder);
    let name = path
        .file_name()
        .unwrap()
        .to_str()
        .unwrap()
        .replace("6772616e", "61757261");
    fs::rename(&path, folder.join(name)).unwrap();
    check(&folder, Some("correct horse"), "another key type");

    let folder = make("renamed key", Some("correct horse"));
    let path = key_file(&folder);
    fs::rename(&path, folder.join(format!("6772616e-{}.json", "0".repeat(32)))).unwrap();
    check(&folder, Some("correct horse"), "its name should be");

    let folder = make("stranger", Some("correct horse"));
    fs::copy(key_file(&folder), folder.join("extra.json")).unwrap();
    check(&folder, Some("correct horse"), "its name has no key type");

    let folder = make("mixed", Some("correct horse"));
    let path = key_file(&make("other", None));
    fs::remove_file(key_file(&folder)).unwrap();
    fs::copy(&path, folder.join(path.file_name().unwrap())).unwrap();
    check(&folder, Some("correct horse"), "encrypted otherwise");

    let folder = make("description", Some("correct horse"));
    let description = folder.join(".keystore.json");
    let text = fs::read_to_string(&description).unwrap();
    fs::write(
        &description,
        text.replace("\"memory_kib\": 8", "\"memory_kib\": 4194304"),
    )
    .unwrap();
    check(&folder, Some("correct horse"), "memory_kib 4194304 is outside");
    fs::remove_file(&description).unwrap();
    check(&folder, Some("correct horse"), "it is no keystore");

    // A key of another keystore, with the same passphrase but another salt, opens but does not unlock.
    let (one, two) = (make("one", Some("correct horse")), make("two", Some("correct horse")));
    let path = key_file(&two);
    fs::copy(key_file(&one), &path).unwrap();
    let store = open(&two, Some("correct horse")).unwrap();
    let key = store.key(GRAN, dev_keypair("eth0").unwrap().public().as_bytes());
    assert!(matches!(key, Err(KeyError::WrongPassphrase(_))), "{key:?}");
}

/// One stretch of the passphrase when it is opened, none for a key.
#[test]
fn reading_a_key_costs_no_key_derivation() {
    let base = tempfile::tempdir().unwrap();
    let costly = KdfParams::new(32 << 10, 2, 1).unwrap();
    let open = || NodeKeystore::open_with(&base.path().join("keystore"), Some(passphrase("correct horse")), costly);
    let start = std::time::Instant::now();
    let store = open().unwrap();
    let opening = start.elapsed();
    let public = store.generate(GRAN, SignatureScheme::Secp256k1).unwrap();
    let start = std::time::Instant::now();
    let count = 20;
    for _ in 0..count {
        store.key(GRAN, public.as_bytes()).unwrap();
    }
    let reading = start.elapsed() / count;
    println!("opening {opening:?}, a key {reading:?}");
    assert!(reading * 3 < opening, "opening {opening:?}, a key {reading:?}");
}

#[test]
fn the_number_of_keys_is_bounded() {
    let base = tempfile::tempdir().unwrap();
    let folder = base.path().join("keystore");
    let store = open(&folder, Some("correct horse")).unwrap();
    for number in 0..KEYSTORE_KEYS_MAX {
        let mut secret = [1; 32];
        secret[..8].copy_from_slice(&(number as u64).to_le_bytes());
        store
            .insert(GRAN, KeyPair::from_secp256k1_secret(&secret).unwrap())
            .unwrap();
    }
    let error = store
        .generate(AURA, SignatureScheme::Secp256k1)
        .unwrap_err()
        .to_string();
    assert!(error.contains("it has 1024 keys"), "{error}");
    assert_eq!(store.keys(GRAN).len(), KEYSTORE_KEYS_MAX);
    drop(store);
    assert_eq!(
        open(&folder, Some("correct horse")).unwrap().keys(GRAN).len(),
        KEYSTORE_KEYS_MAX
    );
}
