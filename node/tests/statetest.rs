//! Ethereum's state tests through `quids evm statetest`, and what it says of files that are none.

use serde_json::Value as Json;
use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

/// Cases in the fixtures, blob transactions included.
const CASES: u64 = 10_192;
/// The only reasons to skip a case.
const REASONS: [&str; 3] = [
    "blob transaction",
    "balance of 2^128 wei or more",
    "nonce beyond 64 bits",
];

fn statetest(path: &Path, options: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_quids"))
        .args(["evm", "statetest"])
        .arg(path)
        .args(options)
        .output()
        .unwrap()
}

/// The fixtures, which are not part of the repository; `None`, and a word about it, where they are not there.
fn fixtures(test: &str) -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/fixtures/ethereum/GeneralStateTests");
    if folder.is_dir() {
        return Some(folder);
    }
    println!("skipped: {test}: there is no {}", folder.display());
    None
}

/// Runs a folder and expects every case to pass or to be skipped for a reason that is known; the number of cases.
fn check(path: &Path) -> u64 {
    let output = statetest(path, &["--json"]);
    let report: Json = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)));
    let failures = report["failures"].as_array().unwrap();
    assert!(
        failures.is_empty(),
        "{} failures, the first: {:#}",
        failures.len(),
        failures[0]
    );
    assert!(output.status.success());
    let skips = report["skips"].as_array().unwrap();
    for skip in skips {
        println!("skipped: {} {}: {}", skip["file"], skip["test"], skip["reason"]);
        assert!(REASONS.contains(&skip["reason"].as_str().unwrap()), "{skip}");
    }
    assert_eq!(report["skipped"], skips.len());
    report["passed"].as_u64().unwrap() + report["skipped"].as_u64().unwrap()
}

#[test]
fn a_slice_of_the_state_tests_passes() {
    let Some(fixtures) = fixtures("a_slice_of_the_state_tests_passes") else {
        return;
    };
    let folders = [
        "stExample",
        "stEIP1559",
        "stSelfBalance",
        "stEIP3607",
        "Cancun/stEIP1153-transientStorage",
    ];
    for folder in folders {
        assert!(check(&fixtures.join(folder)) > 0, "{folder}");
    }
}

#[test]
fn all_state_tests_pass() {
    let Some(fixtures) = fixtures("all_state_tests_pass") else {
        return;
    };
    assert_eq!(check(&fixtures), CASES);
}

#[test]
fn a_wrong_expectation_fails_with_both_roots() {
    let Some(fixtures) = fixtures("a_wrong_expectation_fails_with_both_roots") else {
        return;
    };
    let text = fs::read_to_string(fixtures.join("stExample/add11.json")).unwrap();
    let mut test: Json = serde_json::from_str(&text).unwrap();
    let right = test["add11"]["post"]["Cancun"][0]["hash"].as_str().unwrap().to_owned();
    let wrong = format!("0x{}", "11".repeat(32));
    test["add11"]["post"]["Cancun"][0]["hash"] = wrong.as_str().into();
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("add11.json"), test.to_string()).unwrap();
    let output = statetest(folder.path(), &[]);
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains(&right) && said.contains(&wrong), "{said}");
    assert!(said.trim_end().ends_with("0 passed, 1 failed, 0 skipped"), "{said}");
}

#[test]
fn nothing_goes_unread() {
    let folder = tempfile::tempdir().unwrap();
    let said = |output: Output| {
        assert_eq!(output.status.code(), Some(2));
        String::from_utf8(output.stderr).unwrap()
    };
    assert!(said(statetest(folder.path(), &[])).contains("there is no .json file"));
    assert!(said(statetest(folder.path(), &["--fork", "Bellatrix"])).contains("known are Frontier"));
    fs::write(folder.path().join("x.json"), "{\"x\": {}}").unwrap();
    assert!(said(statetest(folder.path(), &[])).contains("is no file of state tests: missing field `env`"));
}
