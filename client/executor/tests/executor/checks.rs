//! The trial run, from the client and from inside a runtime.

use crate::guests::{Guest, SCRATCH, api, executor, version};
use codec::{Decode, Encode};
use quids_api::CheckedRuntime;
use quids_core::{Weight, well_known_keys};
use quids_executor::{CheckError, ExecutorError, limits::CHECK_FUEL_MAX};
use quids_io::{ExtError, Externalities, MemoryExternalities, abi::HOST_LEVEL};

fn upgrade(on_upgrade: &str) -> Vec<u8> {
    Guest {
        on_upgrade: on_upgrade.into(),
        ..Guest::default()
    }
    .code()
}

fn writes() -> String {
    "(i32.store8 (i32.const 4000) (i32.const 107))
     (call $ext_storage_set_v1 (i32.const 4000) (i32.const 1) (i32.const 4000) (i32.const 1))"
        .into()
}

/// A runtime whose API `Check` hands its input to the host's check, and answers with the host's answer.
fn pallet() -> Guest {
    let body = format!(
        "(i64.or (i64.const {SCRATCH}) (i64.shl
           (call $ext_runtime_check_v1 (local.get $p) (local.get $n) (i32.const {SCRATCH}) (i32.const 600))
           (i64.const 32)))"
    );
    Guest::with(api("Check", &body))
}

/// Inside and outside, the same verdict; and the state is as before.
fn check(code: &[u8], expected: Result<(), ExecutorError>) {
    let mut ext = MemoryExternalities::default();
    ext.set(b"k", b"old").unwrap();
    let before = ext.state().clone();
    let verdict = executor().check_runtime(code, &mut ext).map(|checked| checked.version);
    assert_eq!(
        verdict,
        expected.clone().map(|()| version()).map_err(CheckError::Refused)
    );
    let output = pallet().load().call(&mut ext, "Check", code).unwrap();
    let inside = Result::<Vec<u8>, String>::decode(&mut &output[..]).unwrap();
    match (inside, expected) {
        (Ok(found), Ok(())) => {
            let checked = CheckedRuntime::decode(&mut &found[..]).unwrap();
            assert_eq!((checked.version, checked.migrations), (version(), Weight::ZERO));
        }
        (Err(_), Err(_)) => {}
        (inside, expected) => panic!("{inside:?} inside, {expected:?} outside"),
    }
    assert_eq!(ext.state(), &before);
    assert!(ext.commit_transaction().is_err(), "no transaction is left open");
}

/// What code may import is up to the state, and a node that is behind it has no verdict.
#[test]
fn a_node_that_is_behind_the_chains_level_checks_nothing() {
    let code = upgrade("");
    let with_level = |level: &[u8]| {
        let mut ext = MemoryExternalities::default();
        ext.set(well_known_keys::HOST_LEVEL, level).unwrap();
        ext
    };
    executor()
        .check_runtime(&code, &mut with_level(&HOST_LEVEL.encode()))
        .unwrap();
    for level in [&(HOST_LEVEL + 1).encode()[..], &u32::MAX.encode(), b"", b"12345"] {
        let outside = executor().check_runtime(&code, &mut with_level(level));
        assert!(
            matches!(&outside, Err(CheckError::Local(error)) if matches!(error, ExecutorError::Outdated(_)) && error.is_local()),
            "{outside:?}"
        );
        let inside = pallet()
            .load()
            .call(&mut with_level(level), "Check", &code)
            .unwrap_err();
        assert!(matches!(inside, ExecutorError::Outdated(_)), "{inside}");
    }
}

#[test]
fn good_code_passes_and_its_migration_is_thrown_away() {
    check(&upgrade(&writes()), Ok(()));
}

#[test]
fn code_that_fails_in_its_migration_is_refused() {
    use ExecutorError as E;
    let fuel = E::OutOfFuel { limit: CHECK_FUEL_MAX };
    check(&upgrade("(loop $l (br $l))"), Err(fuel.clone()));
    check(
        &upgrade("(loop $l (drop (call $ext_storage_exists_v1 (i32.const 0) (i32.const 1))) (br $l))"),
        Err(fuel),
    );
    check(
        &upgrade(&format!(
            "{} (call $ext_panic_v1 (i32.const 4000) (i32.const 1)) unreachable",
            writes()
        )),
        Err(E::Panic { message: "k".into() }),
    );
    check(
        &upgrade(&format!("(call $ext_storage_begin_v1) {}", writes())),
        Err(E::OpenTransactions(1)),
    );
    check(
        &upgrade(&format!("{} (call $ext_storage_commit_v1)", writes())),
        Err(E::Host(ExtError::NoTransaction("commit"))),
    );
}

#[test]
fn code_that_breaks_the_abi_is_refused() {
    use ExecutorError as E;
    let unknown = Guest {
        imports: "(import \"env\" \"ext_time_v1\" (func))".into(),
        ..Guest::default()
    };
    check(
        &unknown.code(),
        Err(E::UnknownImport {
            module: "env".into(),
            name: "ext_time_v1".into(),
        }),
    );
    check(
        &Guest {
            abi_version: 9,
            ..Guest::default()
        }
        .code(),
        Err(E::AbiVersion { found: 9, supported: 1 }),
    );
    for name in quids_api::names::REQUIRED {
        let wat = Guest::default().wat().replace(&format!("(export \"{name}\")"), "");
        check(&wat::parse_str(wat).unwrap(), Err(E::MissingExport((*name).into())));
    }
    for (bytes, reason) in [
        ("\\14beta\\0e", "its 5 bytes do not begin with \"meta\""),
        ("\\00", "its 0 bytes do not begin with \"meta\""),
    ] {
        let wat = Guest::default().wat().replace("\\14meta\\0e", bytes);
        let wat = match bytes.len() {
            3 => wat.replace(&(6u64 << 32 | 1600).to_string(), &(1u64 << 32 | 1600).to_string()),
            _ => wat,
        };
        let error = E::Undecodable {
            api: quids_api::names::METADATA,
            reason: reason.into(),
        };
        check(&wat::parse_str(wat).unwrap(), Err(error));
    }
    // Depth one of nesting is all there is.
    let nested = upgrade("(drop (call $ext_runtime_check_v1 (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)))");
    check(
        &nested,
        Err(E::Host(ExtError::Unavailable("a trial run inside a trial run"))),
    );
}

#[test]
fn deep_recursion_and_memory_are_contained_as_in_the_main_engine() {
    let recursion = Guest {
        on_upgrade: "(drop (call $deep (i64.const 1)))".into(),
        ..Guest::with("(func $deep (param $x i64) (result i64) (i64.add (local.get $x) (call $deep (local.get $x))))")
    };
    check(&recursion.code(), Err(ExecutorError::StackOverflow));
    let exhaust = "(loop $l (br_if $l (i32.ne (memory.grow (i32.const 64)) (i32.const -1))))
                   (if (i32.gt_u (memory.size) (i32.const 4096)) (then unreachable))
                   (if (i32.lt_u (memory.size) (i32.const 4032)) (then unreachable))";
    check(&upgrade(exhaust), Ok(()));
}

#[test]
fn oversized_code_is_refused_inside_a_runtime() {
    let body = "(drop (memory.grow (i32.const 200)))
        (i64.or (i64.const 2048) (i64.shl
          (call $ext_runtime_check_v1 (i32.const 65536) (i32.const 9000000) (i32.const 2048) (i32.const 600))
          (i64.const 32)))";
    let runtime = Guest::with(api("Check", body)).load();
    let output = runtime.call(&mut MemoryExternalities::default(), "Check", &[]).unwrap();
    let reason = Result::<Vec<u8>, String>::decode(&mut &output[..])
        .unwrap()
        .unwrap_err();
    assert_eq!(reason, "runtime code has 8388609 bytes, more than 8388608");
}
