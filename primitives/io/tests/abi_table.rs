//! The ABI's three descriptions agree: the table in code, the README and the guest's imports.

use quids_io::abi::HOST_FUNCTIONS;
use std::collections::BTreeSet;

fn in_code() -> BTreeSet<String> {
    HOST_FUNCTIONS.iter().map(|f| f.name.to_string()).collect()
}

#[test]
fn table_is_sorted_and_without_duplicates() {
    assert!(HOST_FUNCTIONS.windows(2).all(|w| w[0].name < w[1].name));
    assert!(HOST_FUNCTIONS.len() > 20);
}

#[test]
fn readme_lists_the_same_functions() {
    let readme = include_str!("../README.md");
    let listed: BTreeSet<String> = readme
        .lines()
        .filter_map(|line| line.strip_prefix("| `ext_"))
        .filter_map(|rest| rest.split('`').next())
        .map(|name| format!("ext_{name}"))
        .collect();
    assert_eq!(listed, in_code());
}

/// Of each function the last version: what went before is there for code that was built with it.
#[test]
fn guest_imports_the_same_functions() {
    let guest = include_str!("../src/guest.rs");
    let imported: BTreeSet<String> = guest
        .lines()
        .filter_map(|line| line.trim().strip_prefix("fn ext_"))
        .filter_map(|rest| rest.split('(').next())
        .map(|name| format!("ext_{name}"))
        .collect();
    let all = in_code();
    let version = |name: &str| {
        let (name, version) = name.rsplit_once("_v")?;
        Some(format!("{name}_v{}", version.parse::<u32>().ok()? + 1))
    };
    let last = all.iter().filter(|name| !all.contains(&version(name).unwrap()));
    assert_eq!(imported, last.cloned().collect());
}
