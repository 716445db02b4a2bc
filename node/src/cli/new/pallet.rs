//! `quids new pallet`: the files of `pallets/starter`, which the workspace compiles and tests, under another name.

use super::{
    CliError,
    folder::{self, Files},
    name::{Name, replaced},
};
use clap::Args;
use std::{
    fs,
    path::{Path, PathBuf},
};

/// Names that the pallets of this project and what `construct_runtime!` makes have.
const TAKEN: [&str; 46] = [
    "System",
    "Timestamp",
    "Balances",
    "Upgrade",
    "Template",
    "Qevm",
    "Pobpc",
    "Utility",
    "Runtime",
    "RuntimeCall",
    "RuntimeEvent",
    "RuntimeError",
    "RuntimeGenesisConfig",
    "AllPallets",
    "Executive",
    "Extrinsic",
    "Extensions",
    "Author",
    "Filter",
    "CurrentVersion",
    "StepMax",
    "EnsureRoot",
    "Option",
    "Result",
    "Vec",
    "Benchmark",
    // What the starter's sources and tests name.
    "Benchmarks",
    "BuildGenesis",
    "Call",
    "Config",
    "Counts",
    "DispatchClass",
    "EnsureOrigin",
    "Error",
    "Event",
    "GenesisConfig",
    "Get",
    "Hooks",
    "Just",
    "Origin",
    "Pallet",
    "Strategy",
    "TestExternalities",
    "TestRuntime",
    "Total",
    "Weight",
];

/// Path below the crate, and text.
const STARTER: [(&str, &str); 6] = [
    ("Cargo.toml", include_str!("../../../../pallets/starter/Cargo.toml")),
    ("README.md", include_str!("../../../../pallets/starter/README.md")),
    ("src/lib.rs", include_str!("../../../../pallets/starter/src/lib.rs")),
    (
        "src/benchmarks.rs",
        include_str!("../../../../pallets/starter/src/benchmarks.rs"),
    ),
    (
        "src/weights.rs",
        include_str!("../../../../pallets/starter/src/weights.rs"),
    ),
    (
        "tests/starter.rs",
        include_str!("../../../../pallets/starter/tests/starter.rs"),
    ),
];

/// Write a pallet to start from: a crate with calls, storage, events, genesis, benchmarks and tests
#[derive(Args, Debug)]
pub struct PalletArgs {
    /// Its name: `asset-registry`, `asset_registry` and `AssetRegistry` are one
    name: Name,
    /// The crate's folder, a new one; by default pallets/NAME
    #[arg(long, value_name = "DIR")]
    path: Option<PathBuf>,
}

/// Runs the command: the text that says what to do next.
pub fn run(args: &PalletArgs) -> Result<String, CliError> {
    check(&args.name)?;
    let path = args
        .path
        .clone()
        .unwrap_or_else(|| Path::new("pallets").join(args.name.kebab()));
    let absolute = std::path::absolute(&path).map_err(CliError::file("find", &path))?;
    let package = format!("pallet-{}", args.name.kebab());
    let workspace = workspace_above(&absolute);
    let Some(manifest) = workspace else {
        return Err(CliError::Usage(format!(
            "there is no Cargo.toml above {}: a pallet is a crate of a chain's workspace, which `quids new chain NAME` makes",
            path.display()
        )));
    };
    if names(&manifest, &package) {
        return Err(CliError::Usage(format!(
            "{} has a {package} already",
            manifest.display()
        )));
    }
    folder::write(&absolute, &files(&args.name), &[])?;
    let folder = manifest.parent();
    let inside = folder.and_then(|folder| absolute.strip_prefix(folder).ok());
    Ok(next_steps(&args.name, inside.unwrap_or(&path)))
}

/// Whether a pallet may have the name.
pub fn check(name: &Name) -> Result<(), CliError> {
    if name.kebab().starts_with("pallet-") || name.kebab() == "pallet" {
        return Err(CliError::Usage(format!(
            "leave `pallet` out of {name}: the crate is called pallet-NAME"
        )));
    }
    if TAKEN.contains(&name.pascal().as_str()) {
        return Err(CliError::Usage(format!(
            "{} is the name of something every chain has: choose another",
            name.pascal()
        )));
    }
    Ok(())
}

/// The crate's files.
pub fn files(name: &Name) -> Files {
    STARTER
        .iter()
        .map(|(path, text)| (PathBuf::from(renamed(path, name)), renamed(text, name)))
        .collect()
}

fn renamed(text: &str, name: &Name) -> String {
    replaced(text, &renames(name))
}

/// `pallet-starter` is a crate, `Starter` the pallet, `"starter"` its key in the genesis, `starter` anything else that has its name.
pub fn renames(name: &Name) -> [(&'static str, String); 4] {
    [
        ("pallet-starter", format!("pallet-{}", name.kebab())),
        ("Starter", name.pascal()),
        ("\"starter\"", format!("\"{}\"", name.camel())),
        ("starter", name.snake()),
    ]
}

/// The manifest of the workspace that a crate at this path would be in.
fn workspace_above(path: &Path) -> Option<PathBuf> {
    let manifests = path.ancestors().skip(1).map(|folder| folder.join("Cargo.toml"));
    manifests.into_iter().find(|manifest| manifest.is_file())
}

/// Whether a manifest says something of a package.
fn names(manifest: &Path, package: &str) -> bool {
    let text = fs::read_to_string(manifest).unwrap_or_default();
    text.lines().any(|line| {
        line.trim_start()
            .strip_prefix(package)
            .is_some_and(|rest| rest.trim_start().starts_with('='))
    })
}

fn next_steps(name: &Name, path: &Path) -> String {
    let (package, krate, pascal) = (
        format!("pallet-{}", name.kebab()),
        format!("pallet_{}", name.snake()),
        name.pascal(),
    );
    let path = path.display();
    format!(
        "{package} is in {path}. Next:

  1. In the workspace's Cargo.toml, unless they are there:
       members = [.., \"{path}\"]
       [workspace.dependencies]
       {package} = {{ path = \"{path}\" }}
  2. cargo test -p {package}
  3. In the runtime's Cargo.toml:
       [features]
       runtime-benchmarks = [.., \"{package}/runtime-benchmarks\"]
       [dependencies]
       {package}.workspace = true
  4. In the runtime, with an index that no pallet has had:
       construct_runtime! {{ .. {pascal}: {krate} = INDEX, }}
       constant!(pub {pascal}StepMax: u32 = 100);
       impl {krate}::Config for Runtime {{ type StepMax = {pascal}StepMax; type AdminOrigin = EnsureRoot; }}
     and in the list of its benchmarks (src/benchmarks.rs):
       of_pallet::<{pascal}, _>()

pallets/README.md of Quids goes on from there: a running chain, Solidity, TypeScript.
"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_of_the_starter_is_written() {
        let starter = Path::new(env!("CARGO_MANIFEST_DIR")).join("../pallets/starter");
        let mut there = Vec::new();
        let mut folders = vec![starter.clone()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    there.push(path.strip_prefix(&starter).unwrap().to_str().unwrap().to_owned());
                }
            }
        }
        there.sort();
        let mut written: Vec<_> = STARTER.iter().map(|(path, _)| (*path).to_owned()).collect();
        written.sort();
        assert_eq!(there, written);
    }

    #[test]
    fn nothing_of_the_old_name_is_left() {
        for (path, text) in files(&"asset-registry".parse().unwrap()) {
            let all = format!("{} {text}", path.display());
            assert!(!all.to_lowercase().contains("starter"), "{all}");
        }
        let (_, manifest) = &files(&"asset-registry".parse().unwrap())[0];
        assert!(manifest.contains("name = \"pallet-asset-registry\""), "{manifest}");
    }

    #[test]
    fn taken_names_are_refused() {
        for (name, free) in [
            ("system", false),
            ("Balances", false),
            ("runtime-call", false),
            ("total", false),
            ("event", false),
            ("pallet-x", false),
            ("x", true),
        ] {
            assert_eq!(check(&name.parse().unwrap()).is_ok(), free, "{name}");
        }
    }
}
