//! Rules over the dependency graph: who may link whom. Dev-dependencies are exempt everywhere, since no artefact holds
//! them; build dependencies only have to be tools when they are ours.

use crate::Violation;
use crate::graph::{Graph, Kind};
use crate::layers::Layer;

/// Edges that the layers forbid and a reason allows. One that is no longer there is a violation too.
pub const EXCEPTIONS: &[Exception] = &[];

/// A forbidden edge that is allowed.
#[derive(Clone, Copy, Debug)]
pub struct Exception {
    /// The crate that depends.
    pub from: &'static str,
    /// The crate it depends on.
    pub to: &'static str,
    /// Why; one sentence.
    pub reason: &'static str,
}

/// Packages (a trailing `*` stands for anything) that only some crates of ours may name as a dependency.
const OWNERS: &[(&str, &[&str])] = &[
    ("wasmtime*", &["client/executor"]),
    // bench holds our trie against plain trie-db over it.
    ("rocksdb", &["client/db", "bench"]),
    ("librocksdb-sys", &["client/db"]),
    ("libp2p*", &["client/network"]),
    ("arc-malachitebft-*", &["client/consensus"]),
    // Its client for the CLI included: through the `client` module of quids-rpc.
    ("jsonrpsee*", &["client/rpc"]),
    ("prometheus*", &["client/metrics"]),
    // bench measures ours beside the native one.
    ("revm", &["pallets/qevm", "bench"]),
    // `revm-precompile`: the host's part. What else revm is made of is reached through revm.
    ("revm-*", &["primitives/crypto"]),
    ("p3-*", &["primitives/stark", "client/prover"]),
    ("clap*", &["node"]),
    // It replaces malloc wherever it is linked: for binaries to choose.
    ("mimalloc", &["node", "bench"]),
    ("prometheus*", &["client/metrics"]),
    ("subxt*", &["clients/subxt"]),
    ("syn", &["runtime/macros"]),
];

/// What must not be anywhere below a C0 crate: it touches no clock, file, network or thread pool.
const IMPURE: &[&str] = &["tokio", "rocksdb", "libp2p", "wasmtime", "prometheus*"];

/// Dependencies that a crate names and does not use: no code of theirs comes with it.
const NAMED_ONLY: &[(&str, &str)] = &[("arc-malachitebft-core-consensus", "tokio")];

/// Every rule of this module.
#[must_use]
pub fn check_all(graph: &Graph) -> Vec<Violation> {
    [
        known_layers(graph),
        layers(graph, EXCEPTIONS),
        build_dependencies(graph),
        owners(graph),
        pure_client(graph),
        client_without_runtime(graph),
    ]
    .concat()
}

/// Every crate lies in a folder that the architecture knows.
#[must_use]
pub fn known_layers(graph: &Graph) -> Vec<Violation> {
    let unknown = graph.members().filter(|(_, folder)| Layer::of_folder(folder).is_none());
    unknown
        .map(|(name, folder)| Violation::new("layers", format!("{name}: no layer has the folder {folder}")))
        .collect()
}

/// Direct dependencies go where the layer may go.
#[must_use]
pub fn layers(graph: &Graph, exceptions: &[Exception]) -> Vec<Violation> {
    let mut violations = Vec::new();
    let mut used = Vec::new();
    for (from, from_layer) in layered(graph) {
        for to in graph.direct(from, Kind::Normal) {
            let Some(to_layer) = layer_of(graph, to).filter(|to| !from_layer.may_link(*to)) else {
                continue;
            };
            match exceptions
                .iter()
                .position(|exception| (exception.from, exception.to) == (from, to))
            {
                Some(index) => used.push(index),
                None => violations.push(Violation::new(
                    "layers",
                    format!("{from} ({from_layer}) may not depend on {to} ({to_layer})"),
                )),
            }
        }
    }
    let stale = exceptions.iter().enumerate().filter(|(index, _)| !used.contains(index));
    let stale = stale.map(|(_, e)| format!("the exception {} → {} is not needed: remove it", e.from, e.to));
    violations.extend(stale.map(|what| Violation::new("layers", what)));
    violations
}

/// A build script of ours uses only tools of ours.
#[must_use]
pub fn build_dependencies(graph: &Graph) -> Vec<Violation> {
    let edges = graph
        .members()
        .flat_map(|(from, _)| graph.direct(from, Kind::Build).map(move |to| (from, to)));
    let wrong = edges.filter(|(_, to)| layer_of(graph, to).is_some_and(|layer| layer != Layer::Tool));
    let what = |(from, to)| format!("the build script of {from} may not depend on {to}: only on scripts/*");
    wrong.map(|edge| Violation::new("layers", what(edge))).collect()
}

/// A heavy dependency is named by its owner alone.
#[must_use]
pub fn owners(graph: &Graph) -> Vec<Violation> {
    let mut violations = Vec::new();
    for (name, folder) in graph.members() {
        for to in graph.direct(name, Kind::Normal).chain(graph.direct(name, Kind::Build)) {
            for (pattern, owners) in OWNERS.iter().filter(|(pattern, _)| matches(pattern, to)) {
                if graph.folder(to).is_none() && !owners.contains(&folder) {
                    let what = format!("{name} depends on {to}: {pattern} belongs to {}", owners.join(" and "));
                    violations.push(Violation::new("owners", what));
                }
            }
        }
    }
    violations
}

/// C0 crates stay pure, however deep.
#[must_use]
pub fn pure_client(graph: &Graph) -> Vec<Violation> {
    let pure = layered(graph).filter(|(_, layer)| *layer == Layer::PureClient);
    let is_impure = |name: &str| IMPURE.iter().any(|pattern| matches(pattern, name));
    pure.flat_map(|(name, _)| {
        let linked = graph.linked_into(name);
        let is_used = |to: &str| {
            let mut from = linked.keys().copied().chain([name]);
            from.any(|from| {
                !NAMED_ONLY.contains(&(from, to)) && graph.direct(from, Kind::Normal).any(|other| other == to)
            })
        };
        let impure: Vec<_> = linked
            .keys()
            .copied()
            .filter(|to| is_impure(to) && is_used(to))
            .collect();
        impure
            .into_iter()
            .map(move |to| format!("{name} is a pure crate: {}", graph.path(name, to)))
    })
    .map(|what| Violation::new("pure client", what))
    .collect()
}

/// The client and the node link no code of the runtime, however deep: they know it by its ABI and its bytes.
#[must_use]
pub fn client_without_runtime(graph: &Graph) -> Vec<Violation> {
    let clients = layered(graph).filter(|(_, layer)| layer.is_client_code());
    let is_runtime = |name: &str| layer_of(graph, name).is_some_and(Layer::is_runtime_code);
    clients
        .flat_map(|(name, _)| {
            let linked = graph.linked_into(name);
            let runtime: Vec<_> = linked.into_keys().filter(|to| is_runtime(to)).collect();
            runtime.into_iter().map(move |to| graph.path(name, to))
        })
        .map(|path| Violation::new("client without runtime", path))
        .collect()
}

fn layered(graph: &Graph) -> impl Iterator<Item = (&str, Layer)> {
    graph
        .members()
        .filter_map(|(name, folder)| Some((name, Layer::of_folder(folder)?)))
}

fn layer_of(graph: &Graph, name: &str) -> Option<Layer> {
    Layer::of_folder(graph.folder(name)?)
}

fn matches(pattern: &str, name: &str) -> bool {
    pattern
        .strip_suffix('*')
        .map_or(pattern == name, |prefix| name.starts_with(prefix))
}

#[cfg(test)]
mod tests;
