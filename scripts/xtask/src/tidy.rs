//! Rules over files: every room says what it is. A Rust file opens with `//!`; a top-level folder and a crate's folder
//! have a README that is not empty.

use std::fs;
use std::path::{Path, PathBuf};

use crate::{Violation, WorkspaceError};

/// Folders that hold nothing of ours.
const SKIPPED: [&str; 3] = ["target", "node_modules", "fixtures"];

/// Rust files that a macro's misuse test compiles open with `//!` too; trybuild shows the whole file to a reader.
pub fn file_headers(root: &Path) -> Result<Vec<Violation>, WorkspaceError> {
    let mut violations = Vec::new();
    for file in walk(root)?
        .into_iter()
        .filter(|path| path.extension().is_some_and(|e| e == "rs"))
    {
        let text = fs::read_to_string(&file).map_err(|error| WorkspaceError::io(&file, &error))?;
        if !opens_with_docs(&text) {
            violations.push(Violation::new(
                "file header",
                format!("{} does not open with //!", relative(root, &file)),
            ));
        }
    }
    Ok(violations)
}

/// READMEs of the root, of top-level folders and of crates.
pub fn readmes(root: &Path) -> Result<Vec<Violation>, WorkspaceError> {
    let mut folders = vec![root.to_path_buf()];
    folders.extend(subfolders(root)?);
    let manifests = walk(root)?
        .into_iter()
        .filter(|path| path.file_name().is_some_and(|name| name == "Cargo.toml"));
    folders.extend(manifests.filter_map(|path| path.parent().map(Path::to_path_buf)));
    folders.sort();
    folders.dedup();
    let missing = folders.iter().filter(|dir| !has_text(&dir.join("README.md")));
    let what = |dir| format!("{}/README.md is missing or empty", relative(root, dir));
    Ok(missing.map(|dir| Violation::new("readme", what(dir))).collect())
}

fn opens_with_docs(text: &str) -> bool {
    let first = text.lines().next().unwrap_or_default();
    first.strip_prefix("//!").is_some_and(|rest| !rest.trim().is_empty())
}

/// More than a title.
fn has_text(readme: &Path) -> bool {
    let text = fs::read_to_string(readme).unwrap_or_default();
    text.lines()
        .any(|line| !line.trim().is_empty() && !line.starts_with('#'))
}

fn walk(dir: &Path) -> Result<Vec<PathBuf>, WorkspaceError> {
    let mut files = Vec::new();
    let mut pending = vec![dir.to_path_buf()];
    while let Some(dir) = pending.pop() {
        let (dirs, here): (Vec<_>, Vec<_>) = entries(&dir)?.into_iter().partition(|path| path.is_dir());
        files.extend(here);
        pending.extend(dirs);
    }
    files.sort();
    Ok(files)
}

fn subfolders(dir: &Path) -> Result<Vec<PathBuf>, WorkspaceError> {
    Ok(entries(dir)?.into_iter().filter(|path| path.is_dir()).collect())
}

/// Entries that are ours: neither hidden nor skipped nor a link.
fn entries(dir: &Path) -> Result<Vec<PathBuf>, WorkspaceError> {
    let entries = fs::read_dir(dir).map_err(|error| WorkspaceError::io(dir, &error))?;
    let ours = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        !name.starts_with('.') && !SKIPPED.contains(&name.as_ref()) && !path.is_symlink()
    };
    Ok(entries.flatten().map(|entry| entry.path()).filter(ours).collect())
}

fn relative(root: &Path, path: &Path) -> String {
    let inside = path.strip_prefix(root).unwrap_or(path).display().to_string();
    if inside.is_empty() { ".".to_owned() } else { inside }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_the_first_line_and_says_something() {
        assert!(opens_with_docs("//! A room.\nuse x;"));
        for text in ["", "use x;", "\n//! late", "// plain", "//!\n//! late"] {
            assert!(!opens_with_docs(text), "{text:?}");
        }
    }

    #[test]
    fn missing_headers_and_readmes_are_reported() {
        let root = std::env::temp_dir().join(format!("quids-xtask-tidy-{}", std::process::id()));
        for dir in ["good/src", "bad/src", "target/debug", ".git"] {
            fs::create_dir_all(root.join(dir)).unwrap();
        }
        let files = [
            ("README.md", "# Root\n\nText."),
            ("good/README.md", "# Good\n\nText."),
            ("good/Cargo.toml", ""),
            ("good/src/lib.rs", "//! Good.\n"),
            ("bad/README.md", "# Only a title\n"),
            ("bad/Cargo.toml", ""),
            ("bad/src/lib.rs", "pub fn f() {}\n"),
            ("target/debug/x.rs", "not ours"),
        ];
        for (file, text) in files {
            fs::write(root.join(file), text).unwrap();
        }
        let found = [file_headers(&root).unwrap(), readmes(&root).unwrap()].concat();
        fs::remove_dir_all(&root).unwrap();
        let lines: Vec<_> = found.iter().map(ToString::to_string).collect();
        assert_eq!(
            lines,
            [
                "file header: bad/src/lib.rs does not open with //!",
                "readme: bad/README.md is missing or empty"
            ]
        );
    }
}
