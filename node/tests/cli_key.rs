//! `quids key` as its users run it: made, inspected, signed with, verified.

use serde_json::Value;
use std::{
    io::Write,
    process::{Command, Output, Stdio},
};

fn quids(arguments: &[&str], stdin: &[u8]) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_quids"))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A command that does not read its stdin may have closed it.
    let _ = child.stdin.take().unwrap().write_all(stdin);
    child.wait_with_output().unwrap()
}

fn stdout(arguments: &[&str]) -> String {
    let output = quids(arguments, b"");
    assert!(
        output.status.success(),
        "{arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

fn json(arguments: &[&str]) -> Value {
    serde_json::from_str(&stdout(&[arguments, &["--json"]].concat())).unwrap()
}

#[test]
fn a_new_key_comes_back_from_its_mnemonic_and_from_its_file() {
    let folder = tempfile::tempdir().unwrap();
    for scheme in ["ml-dsa-87", "falcon-512", "sphincs-shake-256f", "secp256k1"] {
        let file = folder.path().join(scheme);
        let file = file.to_str().unwrap();
        let made = json(&["key", "generate", "--scheme", scheme, "--out", file]);
        let mnemonic = made["mnemonic"].as_str().unwrap();
        assert_eq!(mnemonic.split(' ').count(), 24);
        for found in [
            json(&["key", "inspect", mnemonic, "--scheme", scheme]),
            json(&["key", "inspect", file]),
        ] {
            for field in ["scheme", "address", "public_key"] {
                assert_eq!(found[field], made[field], "{scheme}: {field}");
            }
            assert!(found.get("mnemonic").is_none());
        }
        // A key is never overwritten.
        let again = quids(&["key", "generate", "--scheme", scheme, "--out", file], b"");
        assert_eq!(again.status.code(), Some(1));
    }
}

#[test]
fn the_text_form_has_a_line_for_each_thing() {
    let text = stdout(&["key", "inspect", "eth0"]);
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines[0], "scheme      secp256k1");
    assert_eq!(lines[1], "address     0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266");
    assert!(lines[2].starts_with("public key  0x02") || lines[2].starts_with("public key  0x03"));
    assert_eq!(lines.len(), 3);
}

#[test]
fn a_signature_verifies_for_its_message_and_key_only() {
    let folder = tempfile::tempdir().unwrap();
    for (name, scheme) in [
        ("alice", "ml-dsa-87"),
        ("alice-falcon", "falcon-512"),
        ("alice-sphincs", "sphincs-shake-256f"),
        ("eth0", "secp256k1"),
    ] {
        let key = json(&["key", "inspect", name])["public_key"]
            .as_str()
            .unwrap()
            .to_owned();
        let signature = stdout(&["key", "sign", "--key", name, "message"]);
        // SPHINCS+ signatures are long: from a file.
        let file = folder.path().join(name);
        std::fs::write(&file, &signature).unwrap();
        let file = format!("@{}", file.display());
        let verify = |message: &[&str], stdin: &[u8]| {
            let arguments = [
                "key",
                "verify",
                "--scheme",
                scheme,
                "--public-key",
                &key,
                "--signature",
                &file,
            ];
            let output = quids(&[&arguments, message].concat(), stdin);
            (output.status.code(), String::from_utf8(output.stdout).unwrap())
        };
        let valid = (Some(0), "valid\n".to_owned());
        assert_eq!(verify(&["message"], b""), valid, "{scheme}");
        assert_eq!(verify(&["--hex", "0x6d657373616765"], b""), valid, "{scheme}");
        assert_eq!(verify(&[], b"message"), valid, "{scheme}");
        assert_eq!(verify(&["massage"], b""), (Some(1), "invalid\n".to_owned()), "{scheme}");
        let (code, text) = verify(&["massage", "--json"], b"");
        assert_eq!(
            (code, serde_json::from_str::<Value>(&text).unwrap()["valid"].as_bool()),
            (Some(1), Some(false))
        );
    }
}
