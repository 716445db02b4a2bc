//! Every misuse of the macros is an error at the user's line: `ui/*.rs` beside the compiler's output `ui/*.stderr`.
//! After an intended change: `TRYBUILD=overwrite cargo test -p quids-support --test misuse`, and read the difference.

use std::{fs, path::Path};

#[test]
fn every_misuse_is_reported_at_the_users_line() {
    trybuild::TestCases::new().compile_fail("tests/ui/*.rs");
}

/// The compiler's outputs, which the test above compares: none begins at the macro, unless its own arguments are wrong.
#[test]
fn no_misuse_is_reported_at_the_macro_first() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/ui");
    let mut seen = 0;
    for entry in fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "stderr") {
            continue;
        }
        seen += 1;
        let name = path.file_stem().unwrap().to_str().unwrap();
        let (output, source) = (read(&path), read(&path.with_extension("rs")));
        let place = output.lines().find_map(|line| line.trim().strip_prefix("--> "));
        let line: usize = place.unwrap().split(':').nth(1).unwrap().parse().unwrap();
        let line = source.lines().nth(line - 1).unwrap();
        let is_macro =
            line.starts_with("#[quids_support::pallet") || line.starts_with("quids_support::construct_runtime");
        let of_arguments = name.starts_with("attribute_") || name.starts_with("name_");
        assert!(!is_macro || of_arguments, "{name}: {place:?}");
    }
    assert!(seen > 60, "{seen}");
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap()
}
