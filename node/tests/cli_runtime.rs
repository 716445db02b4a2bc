//! `quids runtime` on the runtime that is built into the binary, and `quids upgrade check` on a database.

use quids_node::{
    chain::{Chain, ChainOptions},
    spec::ChainSpec,
};
use serde_json::Value;
use std::process::Command;

fn json(arguments: &[&str]) -> Value {
    let output = Command::new(env!("CARGO_BIN_EXE_quids"))
        .args(arguments)
        .arg("--json")
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn the_built_in_runtime_its_file_and_its_build_info_agree() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("runtime.wasm");
    let file = file.to_str().unwrap();
    let exported = Command::new(env!("CARGO_BIN_EXE_quids"))
        .args(["runtime", "export", "--out", file])
        .status();
    assert!(exported.unwrap().success());
    let (built_in, read, built) = (
        json(&["runtime", "info"]),
        json(&["runtime", "info", file]),
        json(&["runtime", "build-info"]),
    );
    let size = std::fs::metadata(file).unwrap().len();
    assert_eq!(
        (built_in["source"].as_str(), read["source"].as_str()),
        (Some("built-in"), Some(file))
    );
    for field in ["size", "blake3", "quantum_resistant"] {
        assert_eq!(built_in[field], read[field], "{field}");
        assert_eq!(built_in[field], built[field], "{field}");
    }
    assert_eq!(built_in["size"], size);
    assert!(built["build"].is_object());
    assert_eq!(built_in["metadata_versions"], serde_json::json!([14, 15]));
    let pallets = built_in["pallets"].as_array().unwrap();
    assert!(
        pallets
            .iter()
            .any(|pallet| pallet["name"] == "System" && pallet["index"] == 0),
        "{pallets:?}"
    );
    // Every API has a name: metadata and version tell of the same ones.
    for api in built_in["apis"].as_array().unwrap() {
        assert!(!api["name"].as_str().unwrap().starts_with("0x"), "{api}");
    }
}

#[test]
fn what_this_binary_cannot_run_is_told_ahead() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    std::fs::write(path("next"), quids_runtime_wasm::WASM_NEXT).unwrap();
    let answer = json(&["runtime", "compat", &path("next")]);
    assert_eq!(
        (answer["spec_version"].as_u64(), &answer["runs_here"]),
        (Some(2), &Value::Bool(true))
    );
    // A module that imports `env.odd`, and one that is cut off.
    let imports = *b"\0asm\x01\0\0\0\x01\x04\x01\x60\0\0\x02\x0b\x01\x03env\x03odd\0\0";
    let cut = &quids_runtime_wasm::WASM_NEXT[..1000];
    for (name, code, reason) in [("imports", &imports[..], "odd"), ("cut", cut, "valid")] {
        std::fs::write(path(name), code).unwrap();
        let output = Command::new(env!("CARGO_BIN_EXE_quids"))
            .args(["runtime", "compat", &path(name)])
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(
            output.status.code() == Some(1) && said.contains(reason),
            "{name}: {said}"
        );
    }
}

#[test]
fn a_check_of_an_upgrade_says_by_its_exit_code_whether_the_chain_would_take_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let spec = ChainSpec::dev();
    drop(
        Chain::open(
            &folder.path().join("chains").join(&spec.id),
            &spec,
            &ChainOptions::default(),
        )
        .unwrap(),
    );
    std::fs::write(path("same"), quids_runtime_wasm::WASM).unwrap();
    std::fs::write(path("next"), quids_runtime_wasm::WASM_NEXT).unwrap();
    let base = path("");
    for (file, more, code, words) in [
        ("next", None, 0, "breaking"),
        ("next", Some("--deny-breaking"), 1, "breaking"),
        ("same", None, 1, "its spec version 1 is not above"),
        ("absent", None, 1, "absent"),
    ] {
        let file = path(file);
        let check = [
            "upgrade",
            "check",
            &file,
            "--offline",
            "--base-path",
            &base,
            "--chain",
            "dev",
        ];
        let run = |json: Option<&str>| {
            let mut command = Command::new(env!("CARGO_BIN_EXE_quids"));
            command.args(check).args(more).args(json).output().unwrap()
        };
        let output = run(None);
        let said = [&output.stdout[..], &output.stderr[..]].concat();
        let said = String::from_utf8_lossy(&said);
        assert!(
            output.status.code() == Some(code) && said.contains(words),
            "{file} {more:?}: {:?} {said}",
            output.status
        );
        // A refusal is an answer too: JSON has it.
        let output = run(Some("--json"));
        assert_eq!(output.status.code(), Some(code), "{file} {more:?} as JSON");
        if words != "absent" {
            let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
            let refused = !answer["refusals"].as_array().unwrap().is_empty();
            assert_eq!(refused, file.ends_with("same"), "{answer}");
        }
    }
}
