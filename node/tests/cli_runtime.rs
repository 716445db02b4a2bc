//! `quids runtime` on the runtime that is built into the binary.

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
