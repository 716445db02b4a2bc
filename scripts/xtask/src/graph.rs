//! The dependency graph as the rules see it: small enough to write one by hand in a test.

use std::collections::{BTreeMap, BTreeSet};

/// When a dependency is there. Rules speak of normal ones; dev-dependencies are free, since no artefact holds them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Linked into the crate.
    Normal,
    /// Used by its build script.
    Build,
    /// Used by its tests, examples and benches.
    Dev,
}

/// One edge.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Dependency {
    /// Package name.
    pub name: String,
    /// When it is there.
    pub kind: Kind,
}

/// One package.
#[derive(Clone, Debug, Default)]
pub struct Package {
    /// Folder in the workspace, `/`-separated; `None` for a package from outside.
    pub folder: Option<String>,
    /// Direct dependencies, optional and platform-specific ones included.
    pub dependencies: BTreeSet<Dependency>,
}

/// Packages by name. Versions of one package are one node: no rule tells them apart.
#[derive(Clone, Debug, Default)]
pub struct Graph {
    packages: BTreeMap<String, Package>,
}

impl Graph {
    /// Adds a package of the workspace.
    pub fn add_member(&mut self, name: &str, folder: &str) {
        self.packages.entry(name.to_owned()).or_default().folder = Some(folder.to_owned());
    }

    /// Adds an edge, and its ends if they are new.
    pub fn add_dependency(&mut self, from: &str, to: &str, kind: Kind) {
        self.packages.entry(to.to_owned()).or_default();
        let dependency = Dependency {
            name: to.to_owned(),
            kind,
        };
        self.packages
            .entry(from.to_owned())
            .or_default()
            .dependencies
            .insert(dependency);
    }

    /// The packages of the workspace: name and folder.
    pub fn members(&self) -> impl Iterator<Item = (&str, &str)> {
        self.packages
            .iter()
            .filter_map(|(name, package)| Some((name.as_str(), package.folder.as_deref()?)))
    }

    /// The folder of a package of the workspace.
    #[must_use]
    pub fn folder(&self, name: &str) -> Option<&str> {
        self.packages.get(name)?.folder.as_deref()
    }

    /// Direct dependencies of one kind.
    pub fn direct<'a>(&'a self, name: &str, kind: Kind) -> impl Iterator<Item = &'a str> {
        let dependencies = self
            .packages
            .get(name)
            .into_iter()
            .flat_map(|package| &package.dependencies);
        dependencies
            .filter(move |dependency| dependency.kind == kind)
            .map(|dependency| dependency.name.as_str())
    }

    /// Everything linked into a package, each with the package that pulls it in.
    #[must_use]
    pub fn linked_into<'a>(&'a self, name: &'a str) -> BTreeMap<&'a str, &'a str> {
        let mut pulled_by = BTreeMap::new();
        let mut pending = vec![name];
        while let Some(from) = pending.pop() {
            for to in self.direct(from, Kind::Normal).filter(|to| *to != name) {
                pulled_by.entry(to).or_insert_with(|| {
                    pending.push(to);
                    from
                });
            }
        }
        pulled_by
    }

    /// How `to` comes into `from`: `from → .. → to`.
    #[must_use]
    pub fn path(&self, from: &str, to: &str) -> String {
        let pulled_by = self.linked_into(from);
        let mut names = vec![to];
        while let Some(previous) = names.last().and_then(|last| pulled_by.get(last)) {
            names.push(previous);
        }
        names.reverse();
        names.join(" → ")
    }
}
