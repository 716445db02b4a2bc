//! Key files: what is written comes back, what was changed does not, and what is hostile is refused at little cost.

mod common;

use common::{cheap, marks, passphrase, secrets};
use proptest::prelude::*;
use quids_crypto::{KEM_SEED_LEN, SignatureScheme};
use quids_keystore::*;
use serde_json::{Value, json};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

const PINNED: &str = include_str!("fixtures/v2_secp256k1.json");
const PINNED_V1: &str = include_str!("fixtures/v1_secp256k1.json");
/// Of the pinned files.
const PINNED_SECRET: [u8; 32] = [0x22; 32];

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn put(folder: &Path, name: &str, text: impl AsRef<[u8]>, mode: u32) -> PathBuf {
    let path = folder.join(name);
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    path
}

fn parse(text: &str) -> Result<KeyFile, KeyError> {
    KeyFile::parse(Path::new("test.json"), text.as_bytes())
}

/// Private parts and public ones.
fn assert_same(one: &Secret, two: &Secret) {
    assert_eq!(one.kind(), two.kind());
    assert_eq!(one.algorithm(), two.algorithm());
    assert_eq!(one.public_bytes(), two.public_bytes());
    assert_eq!(one.index(), two.index());
    match (one, two) {
        (Secret::Account(one), Secret::Account(two)) => assert_eq!(one.secret_bytes(), two.secret_bytes()),
        (Secret::Seed { seed: one, .. }, Secret::Seed { seed: two, .. }) => assert_eq!(one, two),
        (Secret::Kem(one), Secret::Kem(two)) => assert_eq!(one.seed(), two.seed()),
        (Secret::Mnemonic { phrase: one, .. }, Secret::Mnemonic { phrase: two, .. }) => assert_eq!(**one, **two),
        _ => panic!("of different kinds"),
    }
}

#[test]
fn every_secret_comes_back_with_its_passphrase_and_with_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let (right, wrong) = (passphrase("correct horse"), passphrase("correct hors"));
    for (number, secret) in secrets().iter().enumerate() {
        let path = folder.path().join(format!("{number}.json"));
        write_key_file(&path, secret, Protection::Passphrase(&right, cheap())).unwrap();
        assert_eq!(mode(&path), 0o600);
        let text = fs::read_to_string(&path).unwrap();
        for mark in marks(secret) {
            assert!(!text.contains(&mark), "{secret:?} is in the clear");
        }

        let file = read_key_file(&path).unwrap();
        assert!(file.is_encrypted());
        assert_eq!(file.info().public, secret.public_bytes());
        assert_eq!(file.info().account, secret.account_id());
        assert_same(&file.unlock(Some(&right)).unwrap(), secret);
        assert!(matches!(file.unlock(Some(&wrong)), Err(KeyError::WrongPassphrase(_))));
        assert!(matches!(file.unlock(None), Err(KeyError::Locked(_))));

        let again = write_key_file(&path, secret, Protection::Passphrase(&right, cheap()));
        assert!(matches!(again, Err(KeyError::Exists(_))));
        assert_eq!(fs::read_to_string(&path).unwrap(), text, "a key was overwritten");
    }
    let left = fs::read_dir(folder.path()).unwrap().count();
    assert_eq!(left, secrets().len(), "temporary files stay");
}

/// The real costs, once: 64 MiB, three passes.
#[test]
fn the_default_parameters_work() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key.json");
    let (secret, passphrase) = (Secret::from_seed(&[1; 32]).unwrap(), passphrase("correct horse"));
    write_key_file(&path, &secret, Protection::Passphrase(&passphrase, KdfParams::DEFAULT)).unwrap();
    let start = Instant::now();
    assert_same(
        &read_key_file(&path).unwrap().unlock(Some(&passphrase)).unwrap(),
        &secret,
    );
    println!("unlocking takes {:?}", start.elapsed());
    let content: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    assert_eq!(
        (
            &content["kdf"]["memory_kib"],
            &content["kdf"]["passes"],
            &content["kdf"]["lanes"]
        ),
        (&json!(65536), &json!(3), &json!(1))
    );
}

#[test]
fn the_pinned_files_are_read() {
    let folder = tempfile::tempdir().unwrap();
    for (text, encrypted) in [(PINNED, true), (PINNED_V1, false)] {
        let path = put(folder.path(), "key.json", text, 0o600);
        let file = read_key_file(&path).unwrap();
        assert_eq!(file.is_encrypted(), encrypted);
        assert_eq!(file.info().created, 1_763_800_000);
        let key = file
            .unlock(Some(&passphrase("correct horse")))
            .unwrap()
            .into_signing()
            .unwrap();
        assert_eq!(key.secret_bytes(), PINNED_SECRET);
    }
}

/// Each bit of every byte: name, number, digit, white space.
#[test]
fn no_bit_of_a_file_can_be_flipped() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key.json");
    let right = passphrase("correct horse");
    let secret = Secret::from_phrase(ETHEREUM_TEST_MNEMONIC, SignatureScheme::Secp256k1, 3).unwrap();
    write_key_file(&path, &secret, Protection::Passphrase(&right, cheap())).unwrap();
    let text = fs::read(&path).unwrap();
    let (mut decoded, mut flipped) = (0, 0);
    for place in 0..text.len() {
        for bit in 0..8 {
            let mut changed = text.clone();
            changed[place] ^= 1 << bit;
            flipped += 1;
            // A changed number may still be well-formed: then only the tag tells. A larger cost is not tried here.
            let Ok(file) = KeyFile::parse(&path, &changed) else {
                continue;
            };
            if String::from_utf8_lossy(&changed).contains("\"memory_kib\": 8,") {
                decoded += 1;
                let opened = file.unlock(Some(&right));
                assert!(
                    matches!(opened, Err(KeyError::WrongPassphrase(_))),
                    "bit {bit} of byte {place}, {:?}: {opened:?}",
                    text[place] as char
                );
            }
        }
    }
    println!("{flipped} bits flipped, {decoded} of them found by the tag alone");
    assert!(decoded > 100, "hardly anything reached the tag: {decoded}");
}

#[test]
fn parts_of_two_files_do_not_mix() {
    let folder = tempfile::tempdir().unwrap();
    let right = passphrase("correct horse");
    let contents: Vec<Value> = [[1; 32], [2; 32]]
        .iter()
        .enumerate()
        .map(|(number, seed)| {
            let path = folder.path().join(number.to_string());
            let secret = Secret::from_seed(seed).unwrap();
            write_key_file(&path, &secret, Protection::Passphrase(&right, cheap())).unwrap();
            serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
        })
        .collect();
    let fields: &[&[&str]] = &[
        &["/cipher"],
        &["/kdf"],
        &["/kdf", "/cipher"],
        &["/public_key", "/address"],
        &["/public_key", "/address", "/kdf"],
    ];
    for fields in fields {
        let mut mixed = contents[0].clone();
        for field in *fields {
            *mixed.pointer_mut(field).unwrap() = contents[1].pointer(field).unwrap().clone();
        }
        let opened = parse(&mixed.to_string()).unwrap().unlock(Some(&right));
        assert!(
            matches!(opened, Err(KeyError::WrongPassphrase(_))),
            "{fields:?}: {opened:?}"
        );
    }
    // Addresses and keys that disagree are found without a passphrase.
    let mut mixed = contents[0].clone();
    mixed["address"] = contents[1]["address"].clone();
    assert!(
        parse(&mixed.to_string())
            .unwrap_err()
            .to_string()
            .contains("address is not that")
    );
}

#[test]
fn hostile_files_are_refused_before_they_cost_anything() {
    let pinned: Value = serde_json::from_str(PINNED).unwrap();
    let set = |pointer: &str, value: Value| {
        let mut changed = pinned.clone();
        match changed.pointer_mut(pointer) {
            Some(place) => *place = value,
            None => changed[&pointer[1..]] = value,
        }
        changed.to_string()
    };
    let without = |field: &str| {
        let mut changed = pinned.clone();
        changed.as_object_mut().unwrap().remove(field).unwrap();
        changed.to_string()
    };
    let deep = format!("{{\"version\":2,\"x\":{}{}}}", "[".repeat(20_000), "]".repeat(20_000));
    let cases = [
        (
            set("/kdf/memory_kib", json!(u32::MAX)),
            "memory_kib 4294967295 is outside 1 to 262144",
        ),
        (set("/kdf/memory_kib", json!(256 * 1024 + 1)), "memory_kib 262145"),
        (set("/kdf/memory_kib", json!(1u64 << 40)), "no key file"),
        (set("/kdf/memory_kib", json!(0)), "memory_kib 0 is outside"),
        (set("/kdf/memory_kib", json!(-1)), "no key file"),
        (set("/kdf/memory_kib", json!(7)), "below 8 for each of 1 lanes"),
        (set("/kdf/passes", json!(17)), "passes 17 is outside 1 to 16"),
        (set("/kdf/passes", json!(0)), "passes 0"),
        (set("/kdf/lanes", json!(5)), "lanes 5 is outside 1 to 4"),
        (set("/kdf/name", json!("argon2i")), "not argon2id of version 19"),
        (set("/kdf/version", json!(16)), "not argon2id of version 19"),
        (set("/kdf/salt", json!("0x11")), "salt is not 16 bytes"),
        (set("/cipher/name", json!("none")), "cipher is not xchacha20-poly1305"),
        (set("/cipher/nonce", json!("0x")), "nonce is not 24 bytes"),
        (
            set("/cipher/ciphertext", json!(format!("0x{}", "00".repeat(16)))),
            "only 16 bytes",
        ),
        (set("/cipher/ciphertext", json!("0xzz")), "ciphertext is not hex"),
        (set("/cipher/ciphertext", json!([])), "no key file"),
        (
            set("/version", json!(3)),
            "version 3 is not supported; this release reads 1 and 2",
        ),
        (set("/version", json!("2")), "no key file"),
        (set("/version", json!(1)), "no key file"),
        (set("/kind", json!("password")), "kind is none of"),
        (set("/scheme", json!("rsa")), "unknown algorithm"),
        (set("/scheme", json!("ecdsa")), "another of its names"),
        (set("/scheme", json!("ml-dsa-87")), "33 bytes, expected 2592"),
        (set("/scheme", json!("ml-kem-1024")), "not 1568 bytes"),
        (
            set("/public_key", json!(format!("0x{}", "ff".repeat(33)))),
            "public key is invalid",
        ),
        (set("/address", json!(null)), "address is not that"),
        (
            set("/address", json!(pinned["address"].as_str().unwrap().to_lowercase())),
            "address is not that",
        ),
        (set("/key_type", json!("0x6772")), "key type is not 4 bytes"),
        (set("/comment", json!("hello")), "no key file"),
        (without("kdf"), "no key file"),
        (without("version"), "no key file"),
        (PINNED.replace("\"kind\"", "\"version\": 2, \"kind\""), "no key file"),
        (
            PINNED.replace("secp256k1", "secp\\u0032\\u0035\\u00366k1"),
            "no key file",
        ),
        (format!("{PINNED}x"), "no key file"),
        (
            format!("{PINNED}{}", " ".repeat(KEY_FILE_BYTES_MAX)),
            "larger than 65536",
        ),
        (deep, "no key file"),
        ("[]".into(), "no key file"),
        (String::new(), "no key file"),
        ("\u{0}".into(), "no key file"),
    ];
    let start = Instant::now();
    for (text, expected) in &cases {
        let error = parse(text).unwrap_err().to_string();
        assert!(error.contains(expected), "{error} should say {expected}: {text:.200}");
    }
    assert!(start.elapsed() < Duration::from_secs(1), "{:?}", start.elapsed());

    // Well-formed, but no such secret: told apart only with the passphrase.
    for (kind, index) in [
        ("seed", None),
        ("mnemonic", Some(0)),
        ("mnemonic", None),
        ("kem", None),
        ("account", Some(1)),
    ] {
        let mut changed: Value = serde_json::from_str(&set("/kind", json!(kind))).unwrap();
        if let Some(index) = index {
            changed["index"] = json!(index);
        }
        let opened = parse(&changed.to_string())
            .unwrap()
            .unlock(Some(&passphrase("correct horse")));
        assert!(
            matches!(opened, Err(KeyError::WrongPassphrase(_))),
            "{kind}: {opened:?}"
        );
    }
}

#[test]
fn what_others_may_touch_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    for text in [PINNED, PINNED_V1] {
        for (mode, allowed) in [
            (0o600, true),
            (0o400, true),
            (0o640, false),
            (0o604, false),
            (0o620, false),
            (0o610, false),
        ] {
            let path = put(folder.path(), "key.json", text, mode);
            match read_key_file(&path) {
                Ok(_) => assert!(allowed, "{mode:o}"),
                Err(error) => {
                    let text = error.to_string();
                    assert!(!allowed && text.contains(&format!("mode {mode:03o}")), "{text}");
                    assert!(text.contains("chmod 600"), "{text}");
                }
            }
            fs::remove_file(path).unwrap();
        }
    }
    let not_a_file = read_key_file(folder.path()).unwrap_err().to_string();
    assert!(not_a_file.contains("not a regular file"), "{not_a_file}");
    let large = put(folder.path(), "large", vec![b' '; KEY_FILE_BYTES_MAX + 1], 0o600);
    assert!(read_key_file(&large).unwrap_err().to_string().contains("larger than"));
    let missing = folder.path().join("no").join("key");
    let written = write_key_file(&missing, &secrets()[0], Protection::None);
    assert!(matches!(written, Err(KeyError::Io { .. })), "{written:?}");
    // A pipe in a file's place does not hang the reader.
    let pipe = folder.path().join("pipe");
    rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, rustix::fs::Mode::RUSR).unwrap();
    assert!(
        read_key_file(&pipe)
            .unwrap_err()
            .to_string()
            .contains("not a regular file")
    );
}

#[test]
fn version_1_is_read_and_written_on_request() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["alice", "alice-falcon", "alice-sphincs", "eth0"] {
        let (path, key) = (folder.path().join(name), dev_keypair(name).unwrap());
        write_key_file(&path, &Secret::Account(key.clone()), Protection::None).unwrap();
        assert_eq!(mode(&path), 0o600);
        let file = read_key_file(&path).unwrap();
        assert!(!file.is_encrypted());
        assert_eq!(
            file.unlock(None).unwrap().into_signing().unwrap().secret_bytes(),
            key.secret_bytes()
        );
    }
    let kem = write_key_file(
        &folder.path().join("kem"),
        &Secret::Kem(KemKeyPair::from_seed(&[1; KEM_SEED_LEN])),
        Protection::None,
    );
    assert!(matches!(kem, Err(KeyError::NoSuchForm { .. })), "{kem:?}");

    let secret = hex::encode(PINNED_SECRET);
    for (text, expected) in [
        (PINNED_V1.replace("false", "true"), "version 1 has no encryption"),
        (PINNED_V1.replace("secp256k1", "rsa"), "unknown signature scheme"),
        (PINNED_V1.replace("secp256k1", "ml-dsa-87"), "32 bytes, expected 4896"),
        (
            PINNED_V1.replace(&secret, &secret.replacen('2', "3", 1)),
            "public key is not that",
        ),
        (
            PINNED_V1.replace("\"address\": \"0x1", "\"address\": \"0x2"),
            "address is not that",
        ),
        (PINNED_V1.replace("created", "creted"), "no key file"),
        (PINNED_V1.replace(&format!("\"0x{secret}\""), "7"), "no key file"),
        (PINNED_V1.replace(&secret, "zz"), "not hex"),
    ] {
        assert_ne!(text, PINNED_V1, "{expected}: nothing was changed");
        let error = parse(&text).unwrap_err().to_string();
        assert!(error.contains(expected), "{error} should say {expected}");
        assert!(!error.contains("2222"), "{error}");
    }
}

#[test]
fn a_file_is_encrypted_anew_in_place() {
    let folder = tempfile::tempdir().unwrap();
    let (old, new) = (passphrase("correct horse"), passphrase("battery staple"));
    for text in [PINNED, PINNED_V1] {
        let path = put(folder.path(), "key.json", text, 0o600);
        let file = read_key_file(&path).unwrap();
        let secret = file.unlock(Some(&old)).unwrap();
        reencrypt_key_file(&file, &secret, &new, cheap()).unwrap();
        assert_eq!(mode(&path), 0o600);
        let file = read_key_file(&path).unwrap();
        assert_eq!(file.info().created, 1_763_800_000, "a new passphrase makes no new key");
        assert!(matches!(file.unlock(Some(&old)), Err(KeyError::WrongPassphrase(_))));
        assert_same(&file.unlock(Some(&new)).unwrap(), &secret);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "temporary files stay");
    }
}

#[test]
fn a_folder_is_listed_without_a_passphrase() {
    let folder = tempfile::tempdir().unwrap();
    put(folder.path(), "b.json", PINNED, 0o600);
    put(folder.path(), "a.json", PINNED_V1, 0o600);
    put(folder.path(), "c.json", PINNED, 0o644);
    put(folder.path(), "notes.txt", "hello", 0o600);
    put(folder.path(), ".hidden", PINNED, 0o600);
    fs::create_dir(folder.path().join("d.json")).unwrap();
    let found: Vec<_> = list_key_files(folder.path())
        .unwrap()
        .into_iter()
        .map(|(path, file)| {
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            (
                name,
                file.map(|file| file.is_encrypted()).map_err(|error| error.to_string()),
            )
        })
        .collect();
    assert_eq!(
        (&found[0], &found[1]),
        (&("a.json".into(), Ok(false)), &("b.json".into(), Ok(true)))
    );
    assert!(found[2].1.as_ref().unwrap_err().contains("mode 644"));
    assert!(found[3].1.as_ref().unwrap_err().contains("no key file"));
    assert_eq!(found.len(), 4);
}

#[test]
fn passphrases_come_from_private_files_of_one_line() {
    let folder = tempfile::tempdir().unwrap();
    for (text, expected) in [
        (&b"correct horse\n"[..], "correct horse"),
        (b"correct horse", "correct horse"),
        (b"correct horse\r\n", "correct horse"),
        (b" spaces stay \n", " spaces stay "),
    ] {
        let path = put(folder.path(), "pass", text, 0o600);
        assert_eq!(Passphrase::from_file(&path).unwrap(), passphrase(expected));
    }
    let long = vec![b'x'; PASSPHRASE_BYTES_MAX + 1];
    for (text, mode, expected) in [
        (&b"correct horse\n"[..], 0o640, "chmod 600"),
        (b"", 0o600, "empty"),
        (b"\n", 0o600, "empty"),
        (b"one\ntwo\n", 0o600, "more than one line"),
        (b"\xff\xfe", 0o600, "no UTF-8"),
        (&long, 0o600, "at most 1024"),
    ] {
        let path = put(folder.path(), "pass", text, mode);
        let error = Passphrase::from_file(&path).unwrap_err().to_string();
        assert!(error.contains(expected), "{error} should say {expected}");
        assert!(!error.contains("horse"), "{error}");
    }
    let short = passphrase("tröster").check_new().unwrap_err().to_string();
    assert!(short.contains("7 characters") && !short.contains("tröster"), "{short}");
    assert!(passphrase("Schlüsse").check_new().is_ok());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Any passphrase, any key: out and in again. A byte changed anywhere leaves an error, never another secret.
    #[test]
    fn random_secrets_round_trip(
        seed: [u8; 32],
        words in "\\PC{1,40}",
        index in 0u32..1 << 31,
        form in 0u8..4,
        place: prop::sample::Index,
        byte: u8,
    ) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key.json");
        let right = passphrase(&words);
        let secret = match form {
            0 => Secret::from_seed(&seed).unwrap(),
            1 => Secret::Account(KeyPair::from_seed(SignatureScheme::Secp256k1, &seed).unwrap()),
            2 => Secret::Kem(KemKeyPair::from_seed(&[seed, seed].concat().try_into().unwrap())),
            _ => Secret::from_phrase(ETHEREUM_TEST_MNEMONIC, SignatureScheme::Falcon512, index).unwrap(),
        };
        write_key_file(&path, &secret, Protection::Passphrase(&right, cheap())).unwrap();
        assert_same(&read_key_file(&path).unwrap().unlock(Some(&right)).unwrap(), &secret);

        let mut text = fs::read(&path).unwrap();
        let place = place.index(text.len());
        let same = text[place] == byte || (text[place].is_ascii_whitespace() && byte.is_ascii_whitespace());
        text[place] = byte;
        if !same && let Ok(file) = KeyFile::parse(&path, &text) {
            let cost: Value = serde_json::from_slice(&text).unwrap();
            if cost["kdf"]["memory_kib"].as_u64() < Some(1024) {
                prop_assert!(file.unlock(Some(&right)).is_err(), "byte {} became {:?}", place, byte as char);
            }
        }
    }

    /// Any bytes: an error, or a file that says so, but no panic.
    #[test]
    fn any_text_is_judged(text: Vec<u8>) {
        let _ = KeyFile::parse(Path::new("x"), &text);
    }
}
