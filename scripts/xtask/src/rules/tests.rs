//! The rules can fail: a sound graph passes, and each forbidden edge added to it is reported.

use super::*;

/// A small workspace that keeps every rule.
fn sound() -> Graph {
    let mut graph = Graph::default();
    let members = [
        ("quids-core", "primitives/core"),
        ("quids-crypto", "primitives/crypto"),
        ("quids-stark", "primitives/stark"),
        ("quids-macros", "runtime/macros"),
        ("quids-support", "runtime/support"),
        ("quids-runtime", "runtime/chain"),
        ("quids-runtime-wasm", "runtime/wasm"),
        ("pallet-system", "pallets/system"),
        ("pallet-balances", "pallets/balances"),
        ("pallet-qevm", "pallets/qevm"),
        ("quids-state", "client/state"),
        ("quids-consensus", "client/consensus"),
        ("quids-executor", "client/executor"),
        ("quids-db", "client/db"),
        ("quids-rpc", "client/rpc"),
        ("quids-metrics", "client/metrics"),
        ("quids-node", "node"),
        ("quids-bench", "bench"),
        ("quids-wasm-builder", "scripts/wasm-builder"),
        ("quids-subxt", "clients/subxt"),
    ];
    for (name, folder) in members {
        graph.add_member(name, folder);
    }
    let normal = [
        ("quids-stark", "quids-core"),
        ("quids-stark", "p3-field"),
        ("quids-macros", "syn"),
        ("quids-support", "quids-macros"),
        ("quids-support", "quids-core"),
        ("pallet-system", "quids-support"),
        ("pallet-balances", "pallet-system"),
        ("pallet-qevm", "revm"),
        ("quids-runtime", "pallet-balances"),
        ("quids-state", "quids-core"),
        // It names it and does not use it.
        ("quids-consensus", "arc-malachitebft-core-consensus"),
        ("arc-malachitebft-core-consensus", "tokio"),
        ("quids-executor", "wasmtime"),
        ("quids-executor", "quids-state"),
        ("quids-db", "rocksdb"),
        ("quids-db", "quids-metrics"),
        ("quids-rpc", "jsonrpsee"),
        ("jsonrpsee", "tokio"),
        ("quids-node", "quids-executor"),
        ("quids-node", "quids-runtime-wasm"),
        ("quids-node", "clap"),
        ("quids-bench", "quids-node"),
        ("quids-bench", "quids-runtime"),
    ];
    for (from, to) in normal {
        graph.add_dependency(from, to, Kind::Normal);
    }
    graph.add_dependency("quids-runtime-wasm", "quids-wasm-builder", Kind::Build);
    graph
}

/// What is reported once `from` depends on `to`.
fn with(from: &str, to: &str, kind: Kind) -> Vec<String> {
    let mut graph = sound();
    graph.add_dependency(from, to, kind);
    check_all(&graph).iter().map(ToString::to_string).collect()
}

#[track_caller]
fn reports(from: &str, to: &str, expected: &str) {
    let found = with(from, to, Kind::Normal);
    assert!(
        found.iter().any(|line| line.contains(expected)),
        "{from} → {to}: expected `{expected}` in {found:#?}"
    );
    assert_eq!(with(from, to, Kind::Dev), [""; 0], "dev-dependencies are free");
}

#[test]
fn a_sound_graph_passes() {
    assert_eq!(check_all(&sound()), []);
}

#[test]
fn edges_that_leave_their_layer_are_reported() {
    let check = |from, to| reports(from, to, &format!("layers: {from} ("));
    check("quids-core", "quids-support");
    check("quids-support", "pallet-system");
    check("pallet-system", "pallet-balances");
    check("pallet-qevm", "pallet-balances");
    check("quids-runtime", "quids-state");
    check("quids-runtime-wasm", "quids-runtime");
    check("quids-state", "quids-db");
    check("quids-db", "quids-executor");
    check("quids-metrics", "quids-db");
    check("quids-node", "quids-bench");
    check("quids-node", "quids-runtime");
    check("quids-wasm-builder", "quids-core");
    check("quids-db", "quids-wasm-builder");
    check("quids-subxt", "quids-rpc");
    check("quids-node", "quids-subxt");
}

#[test]
fn services_may_use_metrics_and_bench_anything() {
    assert_eq!(with("quids-rpc", "quids-metrics", Kind::Normal), [""; 0]);
    assert_eq!(with("quids-bench", "pallet-qevm", Kind::Normal), [""; 0]);
}

#[test]
fn heavy_dependencies_have_one_owner() {
    reports(
        "quids-node",
        "wasmtime",
        "owners: quids-node depends on wasmtime: wasmtime* belongs to client/executor",
    );
    reports("quids-executor", "rocksdb", "rocksdb belongs to client/db");
    reports("quids-rpc", "libp2p-core", "libp2p* belongs to client/network");
    reports("quids-node", "jsonrpsee-ws-client", "jsonrpsee* belongs to client/rpc");
    reports("quids-node", "revm", "revm belongs to pallets/qevm and bench");
    reports("pallet-qevm", "revm-precompile", "revm-* belongs to primitives/crypto");
    assert_eq!(with("quids-crypto", "revm-precompile", Kind::Normal), [""; 0]);
    assert_eq!(with("quids-bench", "revm", Kind::Normal), [""; 0]);
    reports(
        "quids-core",
        "p3-air",
        "p3-* belongs to primitives/stark and client/prover",
    );
    reports("quids-bench", "clap", "clap* belongs to node");
    reports("quids-support", "syn", "syn belongs to runtime/macros");
    assert!(
        !with("quids-core", "syn", Kind::Build).is_empty(),
        "a build script is no way around"
    );
}

#[test]
fn pure_crates_are_pure_however_deep() {
    reports(
        "quids-state",
        "jsonrpsee",
        "pure client: quids-state is a pure crate: quids-state → jsonrpsee → tokio",
    );
    reports(
        "quids-core",
        "prometheus-client",
        "quids-state → quids-core → prometheus-client",
    );
    for impure in ["tokio", "rocksdb", "libp2p", "wasmtime"] {
        reports(
            "quids-state",
            impure,
            &format!("pure client: quids-state is a pure crate: quids-state → {impure}"),
        );
    }
}

#[test]
fn what_is_named_only_is_so_for_one_crate() {
    for from in ["quids-consensus", "arc-malachitebft-core-types"] {
        let mut graph = sound();
        graph.add_dependency("quids-consensus", "arc-malachitebft-core-types", Kind::Normal);
        assert_eq!(pure_client(&graph), []);
        graph.add_dependency(from, "tokio", Kind::Normal);
        assert_eq!(pure_client(&graph).len(), 1, "{from}");
    }
}

#[test]
fn the_client_links_no_runtime_however_deep() {
    reports(
        "quids-runtime-wasm",
        "quids-runtime",
        "client without runtime: quids-node → quids-runtime-wasm → quids-runtime",
    );
    reports(
        "quids-executor",
        "pallet-system",
        "client without runtime: quids-executor → pallet-system",
    );
}

#[test]
fn build_scripts_use_only_tools() {
    let found = with("quids-runtime-wasm", "quids-runtime", Kind::Build);
    assert_eq!(
        found,
        ["layers: the build script of quids-runtime-wasm may not depend on quids-runtime: only on scripts/*"]
    );
}

#[test]
fn a_folder_without_a_layer_is_reported() {
    let mut graph = sound();
    graph.add_member("quids-utils", "utils");
    graph.add_member("quids-more", "runtime/more");
    assert_eq!(check_all(&graph).len(), 2);
}

#[test]
fn exceptions_allow_one_edge_and_must_be_needed() {
    let exception = Exception {
        from: "quids-db",
        to: "quids-rpc",
        reason: "a test",
    };
    let mut graph = sound();
    assert!(layers(&graph, &[exception])[0].what.contains("is not needed"));
    graph.add_dependency("quids-db", "quids-rpc", Kind::Normal);
    assert_eq!(layers(&graph, &[exception]), []);
    assert_eq!(layers(&graph, &[]).len(), 1);
}
