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
    // That would close everybody's folder, as /tmp is.
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o777)).unwrap();
    check(&folder, Some("correct horse"), "choose a folder of your own");

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
}

/// A keystore with one key, the key's file, and what opening says once `change` was done to the file.
fn refusal(base: &Path, change: impl FnOnce(&Path)) -> String {
    let folder = base.join("keystore");
    let store = open(&folder, Some("correct horse")).unwrap();
    store.insert(GRAN, dev_keypair("eth0").unwrap()).unwrap();
    drop(open(&folder, Some("correct horse")).unwrap());
    let path = list_key_files(&folder).unwrap().remove(0).0;
    change(&path);
    let error = open(&folder, Some("correct horse")).unwrap_err().to_string();
    assert!(error.contains(path.to_str().unwrap()), "{error}");
    error
}

/// It has the same passphrase and the same key, but another salt.
#[test]
fn a_file_of_another_keystore_is_refused_at_opening() {
    let (base, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let error = refusal(base.path(), |path| {
        let store = open(&other.path().join("keystore"), Some("correct horse")).unwrap();
        store.insert(GRAN, dev_keypair("eth0").unwrap()).unwrap();
        fs::copy(store.folder().join(path.file_name().unwrap()), path).unwrap();
    });
    assert!(
        error.contains("it comes from another keystore, or was changed"),
        "{error}"
    );
}

#[test]
fn a_file_with_a_flipped_bit_is_refused_at_opening() {
    let base = tempfile::tempdir().unwrap();
    let error = refusal(base.path(), |path| {
        let text = fs::read_to_string(path).unwrap();
        let at = text.find("\"ciphertext\": \"0x").unwrap() + 20;
        let mut bytes = text.into_bytes();
        // Another digit of the same kind.
        bytes[at] = if bytes[at] == b'0' { b'1' } else { b'0' };
        fs::write(path, bytes).unwrap();
    });
    assert!(
        error.contains("it comes from another keystore, or was changed"),
        "{error}"
    );
}

#[test]
fn a_new_keystore_takes_no_short_passphrase() {
    let base = tempfile::tempdir().unwrap();
    let folder = base.path().join("keystore");
    let error = open(&folder, Some("x")).unwrap_err().to_string();
    assert!(
        error.contains("it has 1 characters; a new one has at least 8"),
        "{error}"
    );
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 0);
    // It was not made: another passphrase may still be chosen.
    open(&folder, Some("correct horse")).unwrap();
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
