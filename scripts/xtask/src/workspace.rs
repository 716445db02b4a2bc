//! The real workspace: its root, and its graph from `cargo metadata`.

use std::fmt;
use std::path::{Path, PathBuf};

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, Package};

use crate::graph::{Graph, Kind};

/// Root of the workspace this tool was built in.
#[must_use]
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .nth(2)
        .unwrap_or(Path::new("."))
        .to_path_buf()
}

/// The graph of the workspace at `root`, for every platform and with every feature that the workspace turns on.
pub fn load(root: &Path) -> Result<Graph, WorkspaceError> {
    let mut command = MetadataCommand::new();
    command.current_dir(root).other_options(["--locked".to_owned()]);
    let metadata = command.exec().map_err(|error| WorkspaceError(error.to_string()))?;
    graph_of(&metadata)
}

fn graph_of(metadata: &Metadata) -> Result<Graph, WorkspaceError> {
    let mut graph = Graph::default();
    for package in metadata.workspace_packages() {
        let folder = package
            .manifest_path
            .parent()
            .and_then(|dir| dir.strip_prefix(&metadata.workspace_root).ok());
        let folder = folder.ok_or_else(|| WorkspaceError(format!("{} lies outside the workspace", package.name)))?;
        graph.add_member(&package.name, folder.as_str());
        add_declared(&mut graph, package);
    }
    add_resolved(&mut graph, metadata)?;
    Ok(graph)
}

/// What a manifest of ours says, so that a dependency counts even while its feature is off.
fn add_declared(graph: &mut Graph, package: &Package) {
    for dependency in &package.dependencies {
        graph.add_dependency(&package.name, &dependency.name, kind_of(dependency.kind));
    }
}

/// What cargo resolved for the packages from outside.
fn add_resolved(graph: &mut Graph, metadata: &Metadata) -> Result<(), WorkspaceError> {
    let resolve = metadata
        .resolve
        .as_ref()
        .ok_or_else(|| WorkspaceError("cargo resolved nothing".into()))?;
    for node in &resolve.nodes {
        for dependency in &node.deps {
            for kind in &dependency.dep_kinds {
                graph.add_dependency(
                    &metadata[&node.id].name,
                    &metadata[&dependency.pkg].name,
                    kind_of(kind.kind),
                );
            }
        }
    }
    Ok(())
}

fn kind_of(kind: DependencyKind) -> Kind {
    match kind {
        DependencyKind::Development => Kind::Dev,
        DependencyKind::Build => Kind::Build,
        _ => Kind::Normal,
    }
}

/// The workspace could not be read.
#[derive(Debug)]
pub struct WorkspaceError(pub(crate) String);

impl WorkspaceError {
    pub(crate) fn io(path: &Path, error: &std::io::Error) -> Self {
        Self(format!("{}: {error}", path.display()))
    }
}

impl fmt::Display for WorkspaceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for WorkspaceError {}
