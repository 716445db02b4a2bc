//! Every misuse of the macros is an error at the user's line: `ui/*.rs` beside the compiler's output `ui/*.stderr`.
//! After an intended change: `TRYBUILD=overwrite cargo test -p quids-support --test misuse`, and read the difference.

#[test]
fn every_misuse_is_reported_at_the_users_line() {
    trybuild::TestCases::new().compile_fail("tests/ui/*.rs");
}
