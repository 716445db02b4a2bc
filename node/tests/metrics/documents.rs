//! The reference and the alert rules against the code, and Prometheus's own tool on all of it where it is installed.

use crate::node::{Running, block_on, get};
use quids_metrics::{Description, Kind};
use quids_node::Sealing;
use std::{
    fmt::Write as _,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

fn docs(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs").join(path)
}

/// Descriptions, and a scrape, of a node that has measured the hardware and made a block.
fn node() -> (Vec<Description>, String) {
    block_on(async {
        let node = Running::start(Sealing::Instant).await;
        node.scrape_all().await;
        tokio::task::block_in_place(|| node.transfer(0)).unwrap();
        node.scrape_until("a block", |scraped| scraped.sum("quids_chain_best_height", &[]) >= 1.0)
            .await;
        let found = (node.node.registry().descriptions(), get(node.address));
        node.node.stop().await;
        found
    })
}

/// `node/docs/metrics.md`.
fn reference(descriptions: &[Description]) -> String {
    let mut text = String::from(
        "# Metrics\n\n\
         What `GET /metrics` of a node shows. Generated from the code by the test\n\
         `the_reference_is_that_of_the_code` (`QUIDS_BLESS=1` writes it); the dashboard is `grafana/quids.json`, example\n\
         alerts are `prometheus/alerts.yml`. A histogram has `_bucket`, `_sum` and `_count`. Counters start at 0 with\n\
         the node. `quids_hardware_*` are there only where the hardware was measured, `quids_rpc_*` with labels only\n\
         after the first of their kind.\n\n\
         | name | type | labels | what |\n|---|---|---|---|\n",
    );
    for Description {
        name,
        kind,
        help,
        labels,
    } in descriptions
    {
        let labels: Vec<String> = labels.iter().map(|label| format!("`{label}`")).collect();
        let _ = writeln!(text, "| `{name}` | {} | {} | {help} |", kind.name(), labels.join(", "));
    }
    text
}

#[test]
fn the_reference_is_that_of_the_code() {
    let (descriptions, _) = node();
    let (path, expected) = (docs("metrics.md"), reference(&descriptions));
    if std::env::var_os("QUIDS_BLESS").is_some() {
        std::fs::write(&path, &expected).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        found == expected,
        "{} is not of this code: run the test with QUIDS_BLESS=1",
        path.display()
    );
}

#[test]
fn alerts_name_metrics_that_exist() {
    let (descriptions, _) = node();
    let rules = std::fs::read_to_string(docs("prometheus/alerts.yml")).unwrap();
    let lines = rules.lines().filter(|line| !line.trim_start().starts_with('#'));
    let mut named = 0;
    for word in lines.flat_map(|line| line.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))) {
        if !(word.starts_with("quids_") || word.starts_with("process_")) {
            continue;
        }
        named += 1;
        let exists = descriptions.iter().any(|description| match description.kind {
            Kind::Histogram => word.strip_suffix("_bucket") == Some(description.name),
            _ => word == description.name,
        });
        assert!(exists, "{word} is no metric of the node");
    }
    assert!(named > 10, "{named}");
}

/// Runs promtool (`PROMTOOL` names another) with this input; `None` if it is not installed.
fn promtool(arguments: &[&str], input: &str) -> Option<(bool, String)> {
    let program = std::env::var_os("PROMTOOL").unwrap_or_else(|| "promtool".into());
    let child = Command::new(&program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut child = match child {
        Ok(child) => child,
        Err(error) => {
            eprintln!(
                "skipped: {}: {error} (Debian has it in the package prometheus)",
                program.display()
            );
            return None;
        }
    };
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    Some((output.status.success(), String::from_utf8_lossy(&said).into_owned()))
}

#[test]
fn promtool_finds_no_fault() {
    let (_, text) = node();
    let Some((ok, said)) = promtool(&["check", "metrics"], &text) else {
        return;
    };
    assert!(ok && said.is_empty(), "{said}");
    let (ok, said) = promtool(&["check", "rules", docs("prometheus/alerts.yml").to_str().unwrap()], "").unwrap();
    assert!(ok, "{said}");
    let tests = docs("prometheus/alerts_test.yml");
    let (ok, said) = promtool(&["test", "rules", tests.to_str().unwrap()], "").unwrap();
    assert!(ok, "{said}");
}
