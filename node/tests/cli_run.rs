//! The configuration of `quids run`, its logs, and what the binary tells shells and `man` of itself.

use serde_json::Value;
use std::{
    fs,
    io::{BufRead, BufReader},
    process::{Command, Output, Stdio},
};

fn quids(arguments: &[&str], environment: &[(&str, &str)]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_quids"))
        .args(arguments)
        .envs(environment.iter().copied())
        .output()
        .unwrap()
}

/// File, environment, arguments; a key, and what it then is.
type Case<'a> = (&'a str, &'a [(&'a str, &'a str)], &'a [&'a str], &'a str, Value);

#[test]
fn the_command_line_wins_over_environment_file_and_defaults() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("quids.toml");
    let path = file.to_str().unwrap();
    let cases: [Case; 9] = [
        ("", &[], &[], "rpc-port", 9944.into()),
        ("rpc-port = 1", &[], &[], "rpc-port", 1.into()),
        ("rpc-port = 1", &[("QUIDS_RPC_PORT", "2")], &[], "rpc-port", 2.into()),
        (
            "rpc-port = 1",
            &[("QUIDS_RPC_PORT", "2")],
            &["--rpc-port", "3"],
            "rpc-port",
            3.into(),
        ),
        ("", &[("QUIDS_SEALING", "instant")], &[], "sealing", "instant".into()),
        ("tmp = true", &[("QUIDS_BASE_PATH", "/x")], &[], "tmp", Value::Null),
        ("base-path = \"/x\"", &[], &["--tmp"], "base-path", Value::Null),
        ("dev = true", &[], &["--dev=false"], "dev", false.into()),
        (
            "log-format = \"json\"\nstatus = \"never\"",
            &[],
            &["--status", "always"],
            "status",
            "always".into(),
        ),
    ];
    for (text, environment, arguments, key, expected) in cases {
        fs::write(&file, text).unwrap();
        let output = quids(
            &[&["run", "--print-config=json", "--config", path], arguments].concat(),
            environment,
        );
        let printed: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(printed[key], expected, "{text:?} {environment:?} {arguments:?}");
    }
    // What is printed is a file of the same configuration, and the file may be named by the environment.
    let printed = quids(&["run", "--print-config", "--dev", "--block-time", "7"], &[]).stdout;
    fs::write(&file, &printed).unwrap();
    assert_eq!(
        quids(&["run", "--print-config"], &[("QUIDS_CONFIG", path)]).stdout,
        printed
    );
    // A key that there is not is told with the nearest.
    fs::write(&file, "rpc-prot = 1").unwrap();
    let output = quids(&["run", "--config", path], &[]);
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(
        error.contains("unknown key \"rpc-prot\"; the nearest is \"rpc-port\""),
        "{error}"
    );
}

#[test]
fn logs_are_objects_that_tell_what_runs() {
    let mut node = Command::new(env!("CARGO_BIN_EXE_quids"))
        .args([
            "run",
            "--dev",
            "--tmp",
            "--rpc-port",
            "0",
            "--log-format",
            "json",
            "--status",
            "always",
            "--name",
            "seven",
        ])
        .args(["--block-time", "100"])
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(node.stderr.take().unwrap()).lines();
    let mut wanted = vec![
        "seven",
        "Quids Development (dev)",
        "data in /",
        "genesis 0x",
        "RPC on ws://127.0.0.1:",
        "blocks/s",
    ];
    let mut status = None;
    while !wanted.is_empty() {
        let line = lines.next().expect("the node went on").unwrap();
        let event: Value = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{line}: {error}"));
        let message = event["message"].as_str().unwrap().to_owned();
        assert!(event["timestamp"].is_string() && event["level"].is_string() && event["target"].is_string());
        wanted.retain(|text| !message.contains(text));
        if event["target"] == "status" {
            status = Some(message);
        }
    }
    node.kill().unwrap();
    node.wait().unwrap();
    let status = status.unwrap();
    assert!(
        status.starts_with("idle  best #") && status.contains("pool 0 ready 0 future"),
        "{status}"
    );
}

#[test]
fn shells_and_man_know_every_command() {
    let help = String::from_utf8(quids(&["--help"], &[]).stdout).unwrap();
    let commands: Vec<&str> = help
        .lines()
        .skip_while(|line| *line != "Commands:")
        .skip(1)
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| *name != "help")
        .collect();
    assert!(commands.len() >= 12 && commands.contains(&"chain-spec"), "{commands:?}");
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = String::from_utf8(quids(&["completions", shell], &[]).stdout).unwrap();
        for command in &commands {
            assert!(script.contains(command), "{shell}: {command}");
        }
        assert!(script.contains("rpc-port"), "{shell}");
    }
    let page = String::from_utf8(quids(&["man"], &[]).stdout).unwrap();
    let folder = tempfile::tempdir().unwrap();
    assert!(
        quids(&["man", "--out", folder.path().to_str().unwrap()], &[])
            .status
            .success()
    );
    for command in commands {
        assert!(page.contains(&command.replace('-', "\\-")), "{command}");
        let own = fs::read_to_string(folder.path().join(format!("quids-{command}.1"))).unwrap();
        assert!(own.starts_with(".ie"), "{command}");
    }
}
