//! What a build script must tell cargo to watch: the sources and manifests of every crate that can be in the runtime.

use std::path::{Path, PathBuf};

use crate::ROUTE_ENV;

/// Folders of the workspace whose crates can be in the runtime.
const SOURCES: [&str; 3] = ["primitives", "runtime", "pallets"];
/// The one crate there that no runtime links: the test kit.
const NATIVE_ONLY: &str = "runtime/testing";

/// `cargo:rerun-if-*` lines. A crate's tests and READMEs are left out: they never change the artefact.
#[must_use]
pub fn rerun_lines(workspace: &Path) -> Vec<String> {
    let mut files = vec![workspace.join("Cargo.toml"), workspace.join("Cargo.lock")];
    for folder in SOURCES {
        files.extend(
            crates_in(&workspace.join(folder))
                .iter()
                .flat_map(|dir| watched_of(dir)),
        );
    }
    let line = |path: PathBuf| format!("cargo:rerun-if-changed={}", path.display());
    files
        .into_iter()
        .map(line)
        .chain([format!("cargo:rerun-if-env-changed={ROUTE_ENV}")])
        .collect()
}

fn crates_in(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut crates: Vec<_> = entries
        .map(|e| e.path())
        .filter(|dir| dir.join("Cargo.toml").is_file() && !dir.ends_with(NATIVE_ONLY))
        .collect();
    crates.sort();
    crates
}

fn watched_of(crate_dir: &Path) -> Vec<PathBuf> {
    let names = ["Cargo.toml", "build.rs", "src"];
    names
        .iter()
        .map(|name| crate_dir.join(name))
        .filter(|path| path.exists())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_workspace_is_watched() {
        let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let lines = rerun_lines(&workspace);
        for expected in [
            "Cargo.lock",
            "runtime/chain/src",
            "pallets/system/Cargo.toml",
            "primitives/core/src",
        ] {
            assert!(
                lines.iter().any(|line| line.ends_with(expected)),
                "{expected} is not in {lines:#?}"
            );
        }
        assert!(!lines.iter().any(|line| line.contains(NATIVE_ONLY)), "{lines:#?}");
    }
}
