//! `quids key` as its users run it: made, inspected, stored, moved between formats, signed with, verified.

use serde_json::Value;
use std::{
    fs,
    io::Write,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

fn quids(arguments: &[&str], stdin: &[u8]) -> Output {
    quids_with(&[], arguments, stdin)
}

/// With these environment variables.
fn quids_with(variables: &[(&str, &str)], arguments: &[&str], stdin: &[u8]) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_quids"))
        .args(arguments)
        .envs(variables.iter().copied())
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

/// A private file with this text.
fn put(folder: &Path, name: &str, text: &str) -> String {
    let path = folder.join(name);
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    path.into_os_string().into_string().unwrap()
}

/// Runs a command that must fail with exit code 1, and returns what it says.
fn refused(arguments: &[&str]) -> String {
    let output = quids(arguments, b"");
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{arguments:?}: {stderr}");
    assert!(output.stdout.is_empty(), "{arguments:?}");
    stderr
}

const PUBLIC: [&str; 3] = ["scheme", "address", "public_key"];

#[test]
fn a_new_key_comes_back_from_its_mnemonic_and_from_its_file() {
    let folder = tempfile::tempdir().unwrap();
    let pass = put(folder.path(), "pass", "correct horse\n");
    for (scheme, words) in [
        ("ml-dsa-87", "12"),
        ("falcon-512", "24"),
        ("sphincs-shake-256f", "24"),
        ("secp256k1", "12"),
    ] {
        let file = folder.path().join(scheme);
        let file = file.to_str().unwrap();
        let generate = [
            "key",
            "generate",
            "--scheme",
            scheme,
            "--words",
            words,
            "--out",
            file,
            "--passphrase-file",
            &pass,
        ];
        let made = json(&generate);
        let mnemonic = made["mnemonic"].as_str().unwrap();
        assert_eq!(
            (mnemonic.split(' ').count().to_string().as_str(), &made["encrypted"]),
            (words, &true.into())
        );
        let text = fs::read_to_string(file).unwrap();
        assert!(text.contains("argon2id") && !text.contains(mnemonic.split(' ').next().unwrap()));
        for found in [
            json(&["key", "inspect", mnemonic, "--scheme", scheme]),
            json(&["key", "inspect", file, "--passphrase-file", &pass]),
        ] {
            for field in PUBLIC {
                assert_eq!(found[field], made[field], "{scheme}: {field}");
            }
            assert!(found.get("mnemonic").is_none());
        }
        // A key is never overwritten.
        assert!(refused(&generate).contains("keys are never overwritten"));
    }
}

#[test]
fn passphrases_come_from_file_or_environment_and_their_absence_is_explained() {
    let folder = tempfile::tempdir().unwrap();
    let (pass, wrong) = (
        put(folder.path(), "pass", "correct horse\n"),
        put(folder.path(), "wrong", "correct hors\n"),
    );
    let file = folder.path().join("key.json");
    let file = file.to_str().unwrap();
    let inspect = ["key", "inspect", file];
    let three_ways = |text: &str| {
        for way in ["--passphrase-file FILE", "QUIDS_PASSPHRASE", "in a terminal"] {
            assert!(text.contains(way), "{text}");
        }
    };
    three_ways(&refused(&["key", "generate", "--out", file]));
    assert!(!Path::new(file).exists());
    let short = put(folder.path(), "short", "1234567");
    let said = refused(&["key", "generate", "--out", file, "--passphrase-file", &short]);
    assert!(
        said.contains("7 characters; a new one has at least 8") && !said.contains("1234567"),
        "{said}"
    );

    let made = quids_with(
        &[("QUIDS_PASSPHRASE", "correct horse")],
        &["key", "generate", "--out", file],
        b"",
    );
    assert!(made.status.success());
    three_ways(&refused(&inspect));
    for (variables, more, expected) in [
        (&[("QUIDS_PASSPHRASE", "correct horse")][..], &[][..], None),
        (&[], &["--passphrase-file", &pass], None),
        // The file comes first.
        (
            &[("QUIDS_PASSPHRASE", "wrong wrong")],
            &["--passphrase-file", &pass],
            None,
        ),
        (
            &[("QUIDS_PASSPHRASE", "wrong wrong")],
            &[],
            Some("wrong passphrase, or the file was changed"),
        ),
        (
            &[],
            &["--passphrase-file", &wrong],
            Some("wrong passphrase, or the file was changed"),
        ),
        (&[("QUIDS_PASSPHRASE", "")], &[], Some("cannot be used: it is empty")),
        (
            &[],
            &["--passphrase-file", "/nonexistent"],
            Some("/nonexistent: No such file"),
        ),
    ] {
        let output = quids_with(variables, &[&inspect[..], more].concat(), b"");
        let stderr = String::from_utf8(output.stderr).unwrap();
        match expected {
            None => assert!(output.status.success(), "{variables:?} {more:?}: {stderr}"),
            Some(expected) => assert!(stderr.contains(expected) && !stderr.contains("hors\""), "{stderr}"),
        }
    }
    fs::set_permissions(&pass, fs::Permissions::from_mode(0o644)).unwrap();
    let open = refused(&["key", "inspect", file, "--passphrase-file", &pass]);
    assert!(open.contains(&format!("chmod 600 {pass}")), "{open}");
}

#[test]
fn a_file_in_the_clear_is_made_on_request_warned_of_and_encrypted() {
    let folder = tempfile::tempdir().unwrap();
    let (old, new) = (
        put(folder.path(), "old", "correct horse\n"),
        put(folder.path(), "new", "battery staple\n"),
    );
    let file = folder.path().join("key.json");
    let file = file.to_str().unwrap();
    let made = json(&[
        "key",
        "generate",
        "--scheme",
        "secp256k1",
        "--out",
        file,
        "--no-encrypt",
    ]);
    assert_eq!(made["encrypted"], false);
    let warned = quids(&["key", "inspect", file], b"");
    let stderr = String::from_utf8(warned.stderr).unwrap();
    assert!(
        warned.status.success() && stderr.contains(&format!("quids key encrypt {file}")),
        "{stderr}"
    );
    let change = [
        "key",
        "change-passphrase",
        file,
        "--passphrase-file",
        &old,
        "--new-passphrase-file",
        &new,
    ];
    assert!(refused(&change).contains("has no passphrase to change"));

    let encrypt = ["key", "encrypt", file, "--passphrase-file", &old];
    assert_eq!(json(&encrypt)["address"], made["address"]);
    assert!(refused(&encrypt).contains("encrypted already"));
    assert_eq!(json(&change)["address"], made["address"]);
    assert!(refused(&["key", "inspect", file, "--passphrase-file", &old]).contains("wrong passphrase"));
    let found = json(&["key", "inspect", file, "--passphrase-file", &new]);
    assert_eq!(found["public_key"], made["public_key"]);
    let missing = refused(&["key", "change-passphrase", file, "--passphrase-file", &new]);
    assert!(
        missing.contains("--new-passphrase-file FILE") && missing.contains("QUIDS_NEW_PASSPHRASE"),
        "{missing}"
    );

    let listed = json(&["key", "list", folder.path().to_str().unwrap()]);
    let listed = listed["keys"].as_array().unwrap();
    assert_eq!(listed.len(), 1, "{listed:?}");
    assert_eq!(
        (&listed[0]["address"], &listed[0]["encrypted"], &listed[0]["file"]),
        (&made["address"], &true.into(), &"key.json".into())
    );
}

#[test]
fn keys_move_between_formats() {
    let folder = tempfile::tempdir().unwrap();
    let pass = put(folder.path(), "pass", "correct horse\n");
    let file = |name: &str| -> String { folder.path().join(name).into_os_string().into_string().unwrap() };
    for (scheme, kept) in [
        ("ml-dsa-87", true),
        ("secp256k1", true),
        ("falcon-512", false),
        ("ml-kem-1024", false),
    ] {
        let original = file(&format!("{scheme}.json"));
        let mut generate = vec![
            "key",
            "generate",
            "--scheme",
            scheme,
            "--out",
            &original,
            "--passphrase-file",
            &pass,
        ];
        if kept {
            generate.push("--store-mnemonic");
        }
        let made = json(&generate);
        for (format, possible) in [
            ("json", true),
            ("raw", true),
            ("pem", scheme != "falcon-512"),
            ("ethereum", scheme == "secp256k1"),
            ("mnemonic", kept),
        ] {
            let (exported, imported) = (
                file(&format!("{scheme}.{format}.out")),
                file(&format!("{scheme}.{format}.json")),
            );
            let export = [
                "key",
                "export",
                &original,
                "--format",
                format,
                "--passphrase-file",
                &pass,
                "--out",
                &exported,
            ];
            if !possible {
                let said = refused(&export);
                assert!(said.contains(scheme), "{scheme} as {format}: {said}");
                continue;
            }
            json(&export);
            assert_eq!(fs::metadata(&exported).unwrap().permissions().mode() & 0o777, 0o600);
            if format != "json" {
                let show = [
                    "key",
                    "export",
                    &original,
                    "--format",
                    format,
                    "--passphrase-file",
                    &pass,
                    "--show-secret",
                ];
                let secret = json(&show)["secret"].as_str().unwrap().to_owned();
                assert_eq!(secret, fs::read_to_string(&exported).unwrap().trim_end());
            }
            let import = [
                "key",
                "import",
                &exported,
                "--format",
                format,
                "--scheme",
                scheme,
                "--out",
                &imported,
                "--passphrase-file",
                &pass,
            ];
            let read = json(&import);
            let found = json(&["key", "inspect", &imported, "--passphrase-file", &pass]);
            for field in PUBLIC {
                assert_eq!(
                    (&read[field], &found[field]),
                    (&made[field], &made[field]),
                    "{scheme} as {format}: {field}"
                );
            }
        }
    }
    // Known to Ethereum's tools, through stdin, and from a development account.
    let secret = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";
    let shown = stdout(&["key", "export", "eth0", "--format", "ethereum", "--show-secret"]);
    assert_eq!(shown, format!("secret  {secret}\n"));
    let out = file("stdin.json");
    let import = [
        "key",
        "import",
        "-",
        "--format",
        "ethereum",
        "--out",
        &out,
        "--passphrase-file",
        &pass,
    ];
    let output = quids(&import, secret.as_bytes());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(!String::from_utf8(output.stdout).unwrap().contains("ac0974"));
    let open: PathBuf = put(folder.path(), "open", secret).into();
    fs::set_permissions(&open, fs::Permissions::from_mode(0o644)).unwrap();
    let (open, other) = (open.to_str().unwrap(), file("other.json"));
    let said = refused(&[
        "key",
        "import",
        open,
        "--format",
        "ethereum",
        "--out",
        &other,
        "--passphrase-file",
        &pass,
    ]);
    assert!(said.contains("chmod 600") && !said.contains("ac0974"), "{said}");
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
    let pass = put(folder.path(), "pass", "correct horse\n");
    let encrypted = folder.path().join("key.json");
    let encrypted = encrypted.to_str().unwrap();
    json(&["key", "generate", "--out", encrypted, "--passphrase-file", &pass]);
    for (name, scheme) in [
        (encrypted, "ml-dsa-87"),
        ("alice", "ml-dsa-87"),
        ("alice-falcon", "falcon-512"),
        ("alice-sphincs", "sphincs-shake-256f"),
        ("eth0", "secp256k1"),
    ] {
        let key = json(&["key", "inspect", name, "--passphrase-file", &pass])["public_key"]
            .as_str()
            .unwrap()
            .to_owned();
        let signature = stdout(&["key", "sign", "--key", name, "message", "--passphrase-file", &pass]);
        // SPHINCS+ signatures are long: from a file.
        let file = folder.path().join("signature");
        fs::write(&file, &signature).unwrap();
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
