//! `quids chain-spec`, and nodes that run from its files.

use quids_node::{
    TestNode,
    spec::{ChainSpec, Genesis, GenesisCheck},
};
use serde_json::Value;
use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

fn quids(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_quids"))
        .args(arguments)
        .output()
        .unwrap()
}

fn done(arguments: &[&str]) -> String {
    let output = quids(arguments);
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {error}");
    String::from_utf8(output.stdout).unwrap()
}

fn refused(arguments: &[&str]) -> String {
    let output = quids(arguments);
    assert!(!output.status.success(), "{arguments:?}");
    String::from_utf8(output.stderr).unwrap()
}

fn show(chain: &str) -> Value {
    serde_json::from_str(&done(&["chain-spec", "show", chain, "--json"])).unwrap()
}

fn file(folder: &Path, name: &str) -> String {
    folder.join(name).to_str().unwrap().to_owned()
}

#[test]
fn plain_raw_and_built_in_forms_have_one_genesis() {
    let folder = tempfile::tempdir().unwrap();
    let (plain, raw, again, code) = (
        file(folder.path(), "plain.json"),
        file(folder.path(), "raw.json"),
        file(folder.path(), "again.json"),
        file(folder.path(), "code.wasm"),
    );
    let built: Value = serde_json::from_str(&done(&["chain-spec", "build", "--out", &plain, "--json"])).unwrap();
    done(&["chain-spec", "raw", &plain, "--out", &raw]);
    fs::write(&again, done(&["chain-spec", "build", "--chain", "dev", "--raw"])).unwrap();
    let dev = show("dev");
    assert_eq!(built["genesis"], dev["genesis"]);
    for path in [&plain, &raw, &again] {
        let shown = show(path);
        for field in [
            "genesis",
            "state_root",
            "keys",
            "code_blake3",
            "root",
            "accounts",
            "issuance",
            "author",
        ] {
            assert_eq!(shown[field], dev[field], "{path}: {field}");
        }
    }
    assert_eq!(fs::read(&raw).unwrap(), fs::read(&again).unwrap());
    assert_eq!(
        dev["accounts"].as_array().map(Vec::len),
        Some(27),
        "18 people and the 9 precompiles of our own"
    );
    assert_eq!(dev["issuance"], "18000000000000000000000000");
    assert_eq!(dev["author"], dev["root"]);
    let people = done(&["chain-spec", "show"]);
    assert!(
        people.contains("name          Quids Development") && people.contains("1000000 QDS"),
        "{people}"
    );

    // Other accounts are another chain, and so is other code; the raw form follows.
    let mut json: Value = serde_json::from_str(&fs::read_to_string(&plain).unwrap()).unwrap();
    json["genesis"]["runtimeGenesis"]["config"]["balances"]["balances"]
        .as_array_mut()
        .unwrap()
        .pop();
    fs::write(&plain, json.to_string()).unwrap();
    let fewer = show(&plain);
    assert_eq!(fewer["accounts"].as_array().map(Vec::len), Some(26));
    assert_ne!(fewer["genesis"], dev["genesis"]);
    done(&["runtime", "export", "--next", "--out", &code]);
    let other = file(folder.path(), "other.json");
    done(&[
        "chain-spec",
        "build",
        "--chain",
        &plain,
        "--code",
        &code,
        "--name",
        "Other",
        "--id",
        "other",
        "--raw",
        "--out",
        &other,
    ]);
    let other = show(&other);
    assert_eq!(
        (&other["name"], &other["id"], &other["spec_version"]),
        (&"Other".into(), &"other".into(), &2.into())
    );
    assert_ne!(other["genesis"], fewer["genesis"]);
}

#[test]
fn wrong_specs_are_refused_with_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let path = file(folder.path(), "spec.json");
    assert!(refused(&["chain-spec", "show", &path]).contains("quids chain-spec build"));
    fs::write(&path, "{\n  \"name\": 1\n}").unwrap();
    let said = refused(&["run", "--chain", &path]);
    assert!(said.contains("spec.json") && said.contains("line 2"), "{said}");
    // A raw spec that was changed by hand is no longer what it states.
    let raw = file(folder.path(), "raw.json");
    done(&["chain-spec", "build", "--raw", "--out", &raw]);
    assert!(refused(&["chain-spec", "build", "--out", &raw]).contains("cannot create"));
    let mut json: Value = serde_json::from_str(&fs::read_to_string(&raw).unwrap()).unwrap();
    json["genesis"]["raw"]["top"]["0x1234"] = "0x00".into();
    fs::write(&raw, json.to_string()).unwrap();
    let said = refused(&["chain-spec", "show", &raw]);
    assert!(
        said.contains("states genesis 0x") && said.contains("remove genesisHash"),
        "{said}"
    );
    assert!(refused(&["chain-spec", "build", "--chain", &raw, "--code", &path]).contains("raw chain spec"));
    // A genesis that the runtime refuses, and code that is none.
    for (pointer, value, said) in [
        (
            "/genesis/runtimeGenesis/config/balances",
            Value::from(7),
            "the genesis could not be built",
        ),
        ("/genesis/runtimeGenesis/code", Value::from("0x00"), "the runtime"),
    ] {
        let mut json: Value = serde_json::from_str(&done(&["chain-spec", "build"])).unwrap();
        *json.pointer_mut(pointer).unwrap() = value;
        fs::write(&path, json.to_string()).unwrap();
        let error = refused(&["chain-spec", "show", &path]);
        assert!(error.contains(said), "{pointer}: {error}");
    }
    assert_eq!(quids(&["chain-spec", "build", "--id", "../x"]).status.code(), Some(2));
}

#[test]
fn a_database_goes_on_with_its_own_genesis_only() {
    let folder = tempfile::tempdir().unwrap();
    let start = |spec| TestNode::builder().base_path(folder.path()).spec(spec).start_blocking();
    let mut plain = ChainSpec::dev();
    plain.genesis_check = GenesisCheck::Exact { stated: None };
    let node = start(plain.clone()).unwrap();
    node.transfer("alice", "bob", 1).unwrap();
    let best = node.chain().best();
    node.stop().unwrap();

    let raw = file(folder.path(), "raw.json");
    done(&["chain-spec", "build", "--raw", "--out", &raw]);
    for same in [plain.clone(), ChainSpec::load(&raw).unwrap(), ChainSpec::dev()] {
        let node = start(same).unwrap();
        assert_eq!(node.chain().best(), best);
        node.stop().unwrap();
    }
    let Genesis::Config { config, .. } = &mut plain.genesis else {
        panic!("the development chain is a configuration")
    };
    config["template"]["limit"] = 7.into();
    let error = start(plain).err().expect("another genesis").to_string();
    assert!(
        error.contains("made for another chain") && error.contains("quids purge-chain"),
        "{error}"
    );
}
