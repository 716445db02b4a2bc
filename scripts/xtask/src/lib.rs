//! Structural rules of the workspace as functions: layers, sole owners of heavy dependencies, file headers, READMEs.
//! `tests/structure.rs` runs them on the workspace; each rule's own tests show that it can fail.

pub mod graph;
pub mod layers;
pub mod rules;
pub mod tidy;
mod workspace;

use std::fmt;
use std::path::Path;

pub use workspace::{WorkspaceError, load, root};

/// One broken rule, at one place.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Violation {
    /// The rule's short name.
    pub rule: &'static str,
    /// Where and what.
    pub what: String,
}

impl Violation {
    pub(crate) fn new(rule: &'static str, what: impl Into<String>) -> Self {
        let what = what.into();
        Self { rule, what }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.rule, self.what)
    }
}

/// Every rule on the workspace at `root`.
pub fn check_structure(root: &Path) -> Result<Vec<Violation>, WorkspaceError> {
    let mut violations = rules::check_all(&load(root)?);
    violations.extend(tidy::file_headers(root)?);
    violations.extend(tidy::readmes(root)?);
    Ok(violations)
}
