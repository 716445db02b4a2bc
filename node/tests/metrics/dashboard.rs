//! The Grafana dashboard: it can be imported, and its queries ask for what the node has.

use crate::node::{Running, block_on};
use quids_metrics::{Description, Kind};
use quids_node::Sealing;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

const DASHBOARD: &str = include_str!("../../docs/grafana/quids.json");

/// Metrics that no panel shows, and why.
const UNUSED: &[(&str, &str)] = &[
    (
        "quids_chain_block_extrinsics",
        "its buckets; its sum is shown as extrinsics per second",
    ),
    (
        "quids_db_compression_level",
        "it follows the time that commits take, which is shown",
    ),
    (
        "quids_fraud_height",
        "0, or else an alert, and an error in the log each minute",
    ),
    ("process_virtual_memory_bytes", "address space that costs nothing"),
    (
        "quids_hardware_memory_available_bytes",
        "of the moment of the start; resident memory is shown",
    ),
];

/// Functions and words of PromQL that queries may use.
const WORDS: &[&str] = &["sum", "max", "rate", "histogram_quantile", "by", "time", "le"];

fn dashboard() -> Value {
    serde_json::from_str(DASHBOARD).unwrap()
}

fn panels(dashboard: &Value) -> &Vec<Value> {
    dashboard["panels"].as_array().unwrap()
}

#[test]
fn it_has_what_an_import_needs() {
    let dashboard = dashboard();
    for (pointer, expected) in [
        ("/uid", "quids-node"),
        ("/__inputs/0/name", "DS_PROMETHEUS"),
        ("/__inputs/0/type", "datasource"),
        ("/__inputs/0/pluginId", "prometheus"),
        ("/templating/list/0/name", "DS_PROMETHEUS"),
        ("/templating/list/0/type", "datasource"),
        ("/templating/list/1/datasource/uid", "${DS_PROMETHEUS}"),
        ("/time/from", "now-1h"),
    ] {
        assert_eq!(
            dashboard.pointer(pointer).and_then(Value::as_str),
            Some(expected),
            "{pointer}"
        );
    }
    assert!(dashboard["schemaVersion"].as_u64().unwrap() >= 39);
    assert!(dashboard.get("id").is_none(), "an import chooses the id");
    let required: Vec<&str> = dashboard["__requires"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|item| item["id"].as_str())
        .collect();
    let rows: Vec<&str> = panels(&dashboard)
        .iter()
        .filter(|panel| panel["type"] == "row")
        .filter_map(|row| row["title"].as_str())
        .collect();
    assert_eq!(
        rows,
        [
            "Chain",
            "Authoring",
            "Pool",
            "RPC",
            "Executor",
            "Database",
            "Process",
            "EVM"
        ]
    );
    for panel in panels(&dashboard).iter().filter(|panel| panel["type"] != "row") {
        let title = panel["title"].as_str().unwrap();
        assert!(required.contains(&panel["type"].as_str().unwrap()), "{title}");
        let targets = panel["targets"].as_array().unwrap();
        assert!(!title.is_empty() && !targets.is_empty(), "{title}");
        let references: BTreeSet<_> = targets.iter().map(|target| target["refId"].as_str().unwrap()).collect();
        assert_eq!(references.len(), targets.len(), "{title}");
        for asked in std::iter::once(panel).chain(targets) {
            assert_eq!(asked["datasource"]["uid"], "${DS_PROMETHEUS}", "{title}");
        }
    }
}

#[test]
fn panels_have_ids_of_their_own_and_do_not_overlap() {
    let dashboard = dashboard();
    let ids: BTreeSet<u64> = panels(&dashboard)
        .iter()
        .map(|panel| panel["id"].as_u64().unwrap())
        .collect();
    assert_eq!(ids.len(), panels(&dashboard).len());
    let mut taken = BTreeMap::new();
    for panel in panels(&dashboard) {
        let at = |field: &str| panel["gridPos"][field].as_u64().unwrap();
        assert!(
            at("x") + at("w") <= 24 && at("w") > 0 && at("h") > 0,
            "{}",
            panel["title"]
        );
        for x in at("x")..at("x") + at("w") {
            for y in at("y")..at("y") + at("h") {
                if let Some(other) = taken.insert((x, y), panel["title"].clone()) {
                    panic!("{} lies over {other} at {x}, {y}", panel["title"]);
                }
            }
        }
    }
}

#[test]
fn queries_and_metrics_know_each_other() {
    let descriptions = block_on(async {
        let node = Running::start(Sealing::Instant).await;
        node.scrape_all().await;
        let descriptions = node.node.registry().descriptions();
        node.node.stop().await;
        descriptions
    });
    // What a query may name, and whose it is.
    let mut names: BTreeMap<String, &Description> = BTreeMap::new();
    for description in &descriptions {
        if description.kind == Kind::Histogram {
            for ending in ["_bucket", "_sum", "_count"] {
                names.insert(format!("{}{ending}", description.name), description);
            }
        } else {
            names.insert(description.name.into(), description);
        }
    }
    let dashboard = dashboard();
    let mut used = BTreeSet::new();
    let mut buckets_used = BTreeSet::new();
    let targets = panels(&dashboard)
        .iter()
        .filter_map(|panel| panel["targets"].as_array())
        .flatten();
    for target in targets {
        let expression = target["expr"].as_str().unwrap();
        let mentioned = identifiers(expression);
        let metrics: Vec<&Description> = mentioned.iter().filter_map(|name| names.get(name).copied()).collect();
        assert!(!metrics.is_empty(), "no metric in {expression}");
        let has_label =
            |label: &str| label == "instance" || metrics.iter().any(|metric| metric.labels.contains(&label));
        for word in &mentioned {
            if !names.contains_key(word) {
                assert!(
                    WORDS.contains(&word.as_str()) || has_label(word),
                    "{word:?} in {expression}"
                );
            }
        }
        for label in legend_labels(target["legendFormat"].as_str().unwrap()) {
            assert!(has_label(&label), "{label:?} in the legend of {expression}");
        }
        let asks_once_a_node = expression.matches("instance=~\"$instance\"").count();
        let named = mentioned.iter().filter(|word| names.contains_key(*word)).count();
        assert_eq!(
            asks_once_a_node, named,
            "each metric is of the chosen nodes: {expression}"
        );
        for word in mentioned {
            if word.ends_with("_bucket") {
                buckets_used.extend(names.get(&word).map(|metric| metric.name));
            }
            used.extend(names.get(&word).map(|metric| metric.name));
        }
    }
    for description in &descriptions {
        let name = description.name;
        let is_unused = UNUSED.iter().any(|(unused, _)| *unused == name);
        let is_shown = used.contains(name) && (description.kind != Kind::Histogram || !is_unused);
        assert!(
            is_shown || is_unused,
            "{name} is in no panel: show it, or say in UNUSED why not"
        );
    }
    for (name, why) in UNUSED {
        let is_there = descriptions.iter().any(|description| description.name == *name);
        let is_shown = used.contains(name) && !why.starts_with("its buckets") || buckets_used.contains(name);
        assert!(is_there && !is_shown, "{name} is not there, or shown after all");
    }
}

/// The words of a query outside strings, durations and variables, in order.
fn identifiers(expression: &str) -> Vec<String> {
    let without_strings: String = expression.split('"').step_by(2).collect::<Vec<_>>().join(" ");
    let mut words = Vec::new();
    let mut outside = String::new();
    let mut depth = 0;
    for character in without_strings.chars() {
        match character {
            '[' => depth += 1,
            ']' => depth -= 1,
            _ if depth > 0 => {}
            character => outside.push(character),
        }
    }
    assert_eq!(depth, 0, "{expression}");
    for word in outside.split(|character: char| !(character.is_ascii_alphanumeric() || character == '_')) {
        if word.starts_with(|first: char| first.is_ascii_alphabetic()) {
            words.push(word.to_owned());
        }
    }
    words
}

fn legend_labels(legend: &str) -> Vec<String> {
    let parts = legend.split("{{").skip(1);
    parts.map(|part| part.split_once("}}").unwrap().0.to_owned()).collect()
}

#[test]
fn words_of_a_query_are_found() {
    let query = "histogram_quantile(0.5, sum by (le) (rate(a_bucket{x=~\"$y\",z!=\"b\"}[$__rate_interval]))) > 1e3";
    assert_eq!(
        identifiers(query),
        ["histogram_quantile", "sum", "by", "le", "rate", "a_bucket", "x", "z"]
    );
    assert_eq!(legend_labels("{{a}} and {{b_c}}"), ["a", "b_c"]);
}
