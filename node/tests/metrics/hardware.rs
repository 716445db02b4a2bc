//! `quids hardware` as an operator runs it.

use serde_json::Value;
use std::process::{Command, Output};

fn hardware(arguments: &[&str]) -> Output {
    let folder = tempfile::tempdir().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_quids"))
        .arg("hardware")
        .args(arguments)
        .args(["--base-path", folder.path().to_str().unwrap()])
        .output()
        .unwrap();
    assert_eq!(
        std::fs::read_dir(folder.path()).unwrap().count(),
        0,
        "it leaves nothing"
    );
    output
}

#[test]
fn it_says_each_value_and_exits_with_the_verdict() {
    let output = hardware(&["--json"]);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let readings: Vec<_> = report
        .as_object()
        .unwrap()
        .iter()
        .filter(|(name, _)| *name != "ok")
        .collect();
    assert_eq!(readings.len(), 7);
    for (name, reading) in &readings {
        let number = |field: &str| reading[field].as_f64().unwrap();
        assert!(number("value") > 0.0 && number("minimum") > 0.0, "{name}: {reading}");
        assert_eq!(
            reading["ok"].as_bool().unwrap(),
            number("value") >= number("minimum"),
            "{name}: {reading}"
        );
    }
    let all = readings.iter().all(|(_, reading)| reading["ok"] == true);
    assert_eq!(report["ok"].as_bool(), Some(all));
    // This machine may fall short under load; the exit code must say the same.
    assert_eq!(output.status.code(), Some(i32::from(!all)));

    let text = String::from_utf8(hardware(&[]).stdout).unwrap();
    for (name, _) in readings {
        let line = text
            .lines()
            .find(|line| line.starts_with(name.as_str()))
            .unwrap_or_else(|| panic!("{name}: {text}"));
        assert!(
            line.contains("(minimum ") && (line.ends_with(": ok") || line.ends_with(": too little")),
            "{line}"
        );
    }
}
