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

/// Runs a command that does what it is asked; what it says.
#[track_caller]
fn done(folder: &Path, arguments: &[&str]) -> String {
    let output = quids(folder, arguments);
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {error}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn a_new_pallet_in_a_new_chain_compiles_and_passes_its_tests() {
    let scratch = tempfile::tempdir().unwrap();
    let said = done(scratch.path(), &["new", "chain", "AssetHub", "--pallet", "coin-rack"]);
    assert!(!said.contains("cargo update"), "{said}");
    let chain = scratch.path().join("asset-hub");
    // The lockfile is settled. The runtime is compiled and run by the guide of pallets/README.md: it takes minutes.
    let tree = cargo(
        &chain,
        &["tree", "--locked", "--edges", "normal", "-p", "asset-hub-runtime"],
    );
    for package in ["pallet-coin-rack", "quids-standard", "revm"] {
        assert!(tree.contains(&format!("{package} v")), "{tree}");
    }
    // Sums of Quids' crates are checked there as they are here, where they are no dependencies.
    let manifest = fs::read_to_string(chain.join("Cargo.toml")).unwrap();
    for package in ["quids-support", "quids-standard", "pallet-balances"] {
        for profile in ["dev", "runtime"] {
            let checked = format!("[profile.{profile}.package.{package}]\noverflow-checks = true\n");
            assert!(manifest.contains(&checked), "{checked} is not in\n{manifest}");
        }
    }
    assert!(
        manifest.contains("quids-support = { path = \"quids/runtime/support\" }"),
        "{manifest}"
    );
    let spec: serde_json::Value = serde_json::from_slice(&fs::read(chain.join("chain.json")).unwrap()).unwrap();
    assert_eq!(spec["properties"]["tokenSymbol"], "ASSE");

    let said = done(&chain, &["new", "pallet", "AssetRegistry"]);
    for expected in [
        "AssetRegistry: pallet_asset_registry",
        "cargo test -p pallet-asset-registry",
        "members = ",
    ] {
        assert!(said.contains(expected), "{said}");
    }
    let tested = cargo(&chain, &["test", "-p", "pallet-asset-registry"]);
    assert!(tested.contains("test result: ok. 5 passed"), "{tested}");
    assert!(!tested.contains("warning"), "{tested}");
    // The target folder is everybody's, and this crate's path nobody else's.
    cargo(&chain, &["clean", "-p", "pallet-asset-registry"]);
}

#[test]
fn what_is_there_is_left_alone() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path();
    let outside = refused(folder, &["new", "pallet", "mine"]);
    assert!(
        outside.contains("there is no Cargo.toml above pallets/mine"),
        "{outside}"
    );
    assert_eq!(fs::read_dir(folder).unwrap().count(), 0);
    fs::create_dir_all(folder.join("pallets/mine")).unwrap();
    fs::create_dir(folder.join("pallets/begun.part")).unwrap();
    fs::write(
        folder.join("Cargo.toml"),
        "[workspace.dependencies]\npallet-known = { path = \"x\" }\n",
    )
    .unwrap();
    for (arguments, reason) in [
        (&["new", "pallet", "mine"][..], "already exists"),
        (&["new", "pallet", "known"], "has a pallet-known already"),
        (&["new", "pallet", "begun"], "begun.part is there: another"),
        (&["new", "pallet", "balances"], "Balances is the name of something"),
        (&["new", "pallet", "a/b"], "'/' is neither a letter"),
        (&["new", "pallet", "fn"], "`fn` is a word of Rust"),
        (&["new", "pallet", "x", "--path", "Cargo.toml/x"], "cannot create"),
        (&["new", "chain", "pallets"], "already exists"),
        (&["new", "chain", "starter"], "are both called starter"),
        (
            &["new", "chain", "x", "--pallet", "system"],
            "System is the name of something",
        ),
        (&["new", "chain", "x", "--symbol", "A B"], "a symbol has 1 to 12"),
        (&["new", "chain", "x", "--decimals", "39"], "39 is not in 0..=38"),
        (
            &["new", "chain", "x", "--quids", "pallets"],
            "there is no Quids in pallets",
        ),
        (
            &["runtime", "build", "--package", "x", "--out", "x.bin"],
            "ends with .wasm",
        ),
        (
            &["testnet", "--out", "net", "--chain", "none.json"],
            "cannot read chain spec none.json",
        ),
    ] {
        let error = refused(folder, arguments);
        assert!(error.contains(reason), "{arguments:?}: {error}");
    }
    let left: Vec<_> = fs::read_dir(folder.join("pallets")).unwrap().collect();
    assert_eq!(left.len(), 2, "{left:?}");
    assert_eq!(fs::read_dir(folder.join("pallets/mine")).unwrap().count(), 0);
}
