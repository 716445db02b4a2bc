//! What must never be seen: every `Debug` and every error of the crate is searched for secrets.

mod common;

use common::{cheap, marks, passphrase, secrets};
use quids_keystore::*;
use std::fmt::Debug;

#[test]
fn debug_shows_no_secret() {
    let folder = tempfile::tempdir().unwrap();
    let words = passphrase("correct horse");
    let store = NodeKeystore::open_with(&folder.path().join("keystore"), Some(words.clone()), cheap()).unwrap();
    let mut seen: Vec<String> = vec![format!("{words:?}"), format!("{words:#?}")];
    let mut show = |thing: &dyn Debug| seen.push(format!("{thing:?} {thing:#?}"));
    for (number, secret) in secrets().into_iter().enumerate() {
        show(&secret);
        let path = folder.path().join(number.to_string());
        write_key_file(&path, &secret, Protection::Passphrase(&words, cheap())).unwrap();
        show(&read_key_file(&path).unwrap());
        show(&read_key_file(&path).unwrap().unlock(Some(&passphrase("wrong wrong"))));
        show(&read_key_file(&path).unwrap().unlock(Some(&words)));
        if secret.algorithm() != Algorithm::MlKem1024 {
            let path = folder.path().join(format!("{number} clear"));
            write_key_file(&path, &secret, Protection::None).unwrap();
            show(&read_key_file(&path).unwrap());
            show(&KeySource::identify(path.to_str().unwrap()));
        }
        if let Some(key) = secret.signing() {
            show(key);
            store.insert(*b"test", key.clone()).unwrap();
        }
        for format in ["pem", "raw", "ethereum", "mnemonic"] {
            let format: Format = format.parse().unwrap();
            if let Ok(text) = export_secret(&secret, format) {
                // Broken in the middle: the errors quote nothing.
                let half = text.trim_end().len() / 2;
                let broken = format!("{}?{}", &text[..half], &text[half..]);
                show(&import_secret(&broken, format, Some(secret.algorithm()), 0));
            }
        }
    }
    show(&store);
    show(&Protection::Passphrase(&words, cheap()));
    show(&KeySource::identify(ETHEREUM_TEST_MNEMONIC));
    show(&Passphrase::new("x".repeat(2000).into()));

    let seen = seen.join("\n");
    assert!(
        seen.contains("0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"),
        "the search looks at nothing"
    );
    for mark in secrets().iter().flat_map(marks).chain(["horse".into(), "xxxx".into()]) {
        assert!(!seen.contains(&mark), "{mark} is shown");
        // As a list of numbers, as Debug shows bytes.
        if let Ok(bytes) = hex::decode(&mark) {
            let list = format!("{:?}", &bytes[..4]);
            assert!(!seen.contains(list.trim_matches(['[', ']'])), "{list} is shown");
        }
    }
}
