//! `quids new`: what it writes is compiled and tested by cargo, as whoever asked for it would.

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

fn quids(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_quids"));
    command.current_dir(folder).args(arguments).output().unwrap()
}

/// What a command says of its failure.
#[track_caller]
fn refused(folder: &Path, arguments: &[&str]) -> String {
    let output = quids(folder, arguments);
    assert!(!output.status.success(), "{arguments:?}");
    String::from_utf8(output.stderr).unwrap()
}

/// Cargo as this build was run: offline, into the same target folder.
#[track_caller]
fn cargo(folder: &Path, arguments: &[&str]) -> String {
    let target = Path::new(env!("CARGO_BIN_EXE_quids")).ancestors().nth(2).unwrap();
    let mut command = Command::new(env!("CARGO"));
    command.current_dir(folder).env("CARGO_TARGET_DIR", target);
    let output = command.args(arguments).arg("--offline").output().unwrap();
    let text = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(output.status.success(), "cargo {arguments:?}:\n{text}");
    text
}

/// A workspace elsewhere, with this one's packages to depend on.
fn workspace(folder: &Path) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let manifest = fs::read_to_string(root.join("Cargo.toml")).unwrap();
    let (_, rest) = manifest.split_once("[workspace.package]").unwrap();
    let rest = rest.replace("path = \"", &format!("path = \"{}/", root.display()));
    let head = "[workspace]\nresolver = \"3\"\nmembers = [\"pallets/*\"]\n\n[workspace.package]";
    fs::write(folder.join("Cargo.toml"), format!("{head}{rest}")).unwrap();
    fs::copy(root.join("Cargo.lock"), folder.join("Cargo.lock")).unwrap();
}

#[test]
fn a_new_pallet_compiles_and_passes_its_tests() {
    let scratch = tempfile::tempdir().unwrap();
    workspace(scratch.path());
    let said = quids(scratch.path(), &["new", "pallet", "AssetRegistry"]);
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
    let said = String::from_utf8(said.stdout).unwrap();
    for expected in [
        "AssetRegistry: pallet_asset_registry",
        "cargo test -p pallet-asset-registry",
        "members = ",
    ] {
        assert!(said.contains(expected), "{said}");
    }
    let tested = cargo(scratch.path(), &["test", "-p", "pallet-asset-registry"]);
    assert!(tested.contains("test result: ok. 4 passed"), "{tested}");
    assert!(!tested.contains("warning"), "{tested}");
}

#[test]
fn what_is_there_is_left_alone() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path();
    fs::create_dir_all(folder.join("pallets/mine")).unwrap();
    fs::write(
        folder.join("Cargo.toml"),
        "[workspace.dependencies]\npallet-known = { path = \"x\" }\n",
    )
    .unwrap();
    for (arguments, reason) in [
        (&["new", "pallet", "mine"][..], "already exists"),
        (&["new", "pallet", "known"], "has a pallet-known already"),
        (&["new", "pallet", "balances"], "Balances is the name of something"),
        (&["new", "pallet", "a/b"], "'/' is neither a letter"),
        (&["new", "pallet", "fn"], "`fn` is a word of Rust"),
        (&["new", "pallet", "x", "--path", "Cargo.toml/x"], "cannot create"),
    ] {
        let error = refused(folder, arguments);
        assert!(error.contains(reason), "{arguments:?}: {error}");
    }
    let left: Vec<_> = fs::read_dir(folder.join("pallets")).unwrap().collect();
    assert_eq!(left.len(), 1, "{left:?}");
    assert_eq!(fs::read_dir(folder.join("pallets/mine")).unwrap().count(), 0);
}
