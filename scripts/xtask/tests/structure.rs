//! The workspace keeps its structure. Each test is one rule; a failure lists every place that breaks it.

use quids_xtask::graph::Graph;
use quids_xtask::{Violation, load, root, rules, tidy};

#[track_caller]
fn none(violations: Vec<Violation>) {
    let lines: Vec<_> = violations.iter().map(ToString::to_string).collect();
    assert!(lines.is_empty(), "\n{}\n", lines.join("\n"));
}

fn graph() -> Graph {
    load(&root()).unwrap()
}

#[test]
fn every_crate_has_a_layer() {
    none(rules::known_layers(&graph()));
}

#[test]
fn dependencies_stay_in_their_layer() {
    none(rules::layers(&graph(), rules::EXCEPTIONS));
    none(rules::build_dependencies(&graph()));
}

#[test]
fn heavy_dependencies_have_one_owner() {
    none(rules::owners(&graph()));
}

#[test]
fn pure_client_crates_are_pure() {
    none(rules::pure_client(&graph()));
}

#[test]
fn the_client_links_no_runtime_code() {
    none(rules::client_without_runtime(&graph()));
}

#[test]
fn the_graph_is_not_empty() {
    let graph = graph();
    assert!(graph.members().count() > 10, "cargo metadata lost the workspace");
    assert!(
        graph.linked_into("quids-db").contains_key("librocksdb-sys"),
        "cargo metadata lost the resolved graph"
    );
}

#[test]
fn every_rust_file_says_what_it_is() {
    none(tidy::file_headers(&root()).unwrap());
}

#[test]
fn every_folder_has_a_readme() {
    none(tidy::readmes(&root()).unwrap());
}
