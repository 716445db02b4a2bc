//! What the `quids` binary says, and which code it exits with, when it cannot do what it was told.

use std::{
    fs,
    process::{Command, Output},
};

fn quids(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_quids"))
        .args(arguments)
        .output()
        .unwrap()
}

/// Runs it and expects the exit code, nothing on stdout, and each of `said` on stderr.
fn check(arguments: &[&str], code: i32, said: &[&str]) {
    let output = quids(arguments);
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {stderr}");
    assert!(
        output.stdout.is_empty(),
        "{arguments:?}: {}",
        String::from_utf8_lossy(&output.stdout)
    );
    for said in said {
        assert!(stderr.contains(said), "{arguments:?}: {said:?} is not in {stderr:?}");
    }
}

#[test]
fn wrong_usage_exits_with_2() {
    check(
        &["run"],
        2,
        &["error: no chain is named: --dev runs the development chain, --chain FILE"],
    );
    check(
        &["run", "--dev", "--tmp", "--base-path", "/x"],
        2,
        &["'--tmp[=<BOOL>]'", "'--base-path <P>'"],
    );
    check(
        &["run", "--dev", "--sealing", "never"],
        2,
        &["never", "interval", "instant"],
    );
    check(&["run", "--dev", "--block-time", "0"], 2, &["--block-time"]);
    check(&["run", "--dev", "--rpc-port", "70000"], 2, &["70000"]);
    check(&["jump"], 2, &["jump"]);
    check(
        &["key", "generate", "--scheme", "rsa"],
        2,
        &["unknown algorithm; known are ml-dsa-87"],
    );
    check(
        &["tx", "call", "remark", "--from", "alice"],
        2,
        &["is no call: it is written Pallet.call"],
    );
    check(
        &["tx", "call", "System.remark", "remark", "--from", "alice"],
        2,
        &["is no NAME=VALUE"],
    );
}

#[test]
fn amounts_and_accounts_are_checked_before_anything_is_sent() {
    let transfer = |to, amount| ["tx", "transfer", "--from", "alice", "--to", to, "--amount", amount];
    check(
        &transfer("bob", "1.5.0"),
        2,
        &["an amount is a decimal number of the chain's token"],
    );
    check(&transfer("bob", "1.5plank"), 2, &["a plank cannot be divided"]);
    check(&transfer("bobby", "1"), 2, &["\"bobby\" is no account"]);
    check(
        &transfer("0x5aaeb6053F3E94C9b9A09f33669435E7Ef1BeAed", "1"),
        2,
        &["the checksum of address", "0x5aAeb6053"],
    );
}

#[test]
fn keys_that_are_not_there_are_named() {
    check(&["key", "inspect", "nobody"], 1, &["error: no key", "alice"]);
    check(
        &["key", "inspect", "alice", "--scheme", "falcon-512"],
        1,
        &["the key's scheme is ml-dsa-87, not falcon-512"],
    );
    check(&["key", "inspect", "test test test junk"], 1, &["not a valid mnemonic"]);
    check(
        &["key", "sign", "--key", "alice", "--hex", "0xzz"],
        1,
        &["error: the message is no hexadecimal text"],
    );
    let verify = |key, signature| {
        [
            "key",
            "verify",
            "--scheme",
            "secp256k1",
            "--public-key",
            key,
            "--signature",
            signature,
            "message",
        ]
    };
    check(&verify("0x00", "0x00"), 1, &["public key is 1 bytes, expected 33"]);
    check(
        &verify("@/nonexistent", "0x00"),
        1,
        &["cannot read /nonexistent", "caused by"],
    );
}

#[test]
fn a_node_that_is_not_there_is_an_error_with_its_cause() {
    let remark = |url| ["tx", "remark", "--from", "alice", "text", "--rpc", url];
    check(
        &remark("ws://127.0.0.1:1"),
        1,
        &["error: cannot connect to the node", "caused by", "127.0.0.1:1"],
    );
    check(&remark("ftp://127.0.0.1"), 2, &["is no URL of a node"]);
    check(
        &["tx", "upgrade", "/nonexistent.wasm", "--from", "alice"],
        1,
        &["cannot read /nonexistent.wasm"],
    );
}

#[test]
fn runtimes_that_are_none_are_refused() {
    check(
        &["runtime", "info", "/nonexistent.wasm"],
        1,
        &["cannot read /nonexistent.wasm"],
    );
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("not.wasm");
    fs::write(&file, b"not a runtime").unwrap();
    let file = file.to_str().unwrap();
    check(
        &["runtime", "info", file],
        1,
        &["cannot be run", "not valid webassembly"],
    );
    check(&["runtime", "export", "--out", file], 1, &["cannot create"]);
    assert_eq!(fs::read(file).unwrap(), b"not a runtime", "nothing is overwritten");
}

#[test]
fn benchmarks_are_another_binary() {
    // A copy alone in its folder has none beside it.
    let folder = tempfile::tempdir().unwrap();
    let lonely = folder.path().join("quids");
    fs::copy(env!("CARGO_BIN_EXE_quids"), &lonely).unwrap();
    let output = Command::new(&lonely).args(["bench", "crypto"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("quids-bench is not installed"));
    // With one, it gets the arguments as they are, and its exit code is ours.
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let bench = folder.path().join("quids-bench");
        fs::write(&bench, "#!/bin/sh\necho \"$@\"\nexit 7\n").unwrap();
        fs::set_permissions(&bench, fs::Permissions::from_mode(0o755)).unwrap();
        let output = Command::new(&lonely)
            .args(["bench", "crypto", "--help", "-n", "3"])
            .output()
            .unwrap();
        assert_eq!(
            (output.status.code(), output.stdout.as_slice()),
            (Some(7), &b"crypto --help -n 3\n"[..])
        );
    }
}
