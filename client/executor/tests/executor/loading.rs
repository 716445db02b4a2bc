//! What `load` accepts and refuses.

use crate::guests::{Guest, api, executor, imports, version};
use proptest::prelude::*;
use quids_api::names;
use quids_executor::{Executor, ExecutorConfig, ExecutorError, limits::TABLE_ELEMENTS_MAX};
use quids_io::abi::{CODE_SIZE_MAX, MEMORY_PAGES_MAX};
use std::sync::Arc;

#[test]
fn a_runtime_states_its_version_and_apis() {
    // Its own executor: other tests would push the runtime out of the shared one's memory.
    let executor = Executor::new(ExecutorConfig::default()).unwrap();
    let guest = Guest::with(api("Some_api", "(i64.const 0)"));
    let runtime = executor.load(&guest.code()).unwrap();
    assert_eq!(runtime.version(), &version());
    let apis: Vec<_> = runtime.apis_exported().collect();
    let mut expected: Vec<_> = names::REQUIRED.iter().copied().chain(["Some_api"]).collect();
    expected.sort_unstable();
    assert_eq!(apis, expected);
    assert!(runtime.has_api("Some_api") && !runtime.has_api("quids_alloc"));
    let hash = quids_crypto::blake3_256(&guest.code()).into();
    assert_eq!(runtime.code_hash(), hash);
    assert!(
        Arc::ptr_eq(&runtime, &executor.load(&guest.code()).unwrap()),
        "remembered by its hash"
    );
    assert!(Arc::ptr_eq(&runtime, &executor.loaded(&hash).unwrap()));
}

#[test]
fn what_breaks_the_abi_is_refused_by_name() {
    use ExecutorError as E;
    let check = |guest: Guest, expected: E| {
        assert_eq!(executor().load(&guest.code()).unwrap_err(), expected);
    };
    let import = |text: &str| Guest {
        imports: text.into(),
        ..Guest::default()
    };
    let unknown = |module: &str, name: &str| E::UnknownImport {
        module: module.into(),
        name: name.into(),
    };
    check(
        import("(import \"env\" \"ext_time_v1\" (func))"),
        unknown("env", "ext_time_v1"),
    );
    check(
        import("(import \"wasi\" \"ext_storage_begin_v1\" (func))"),
        unknown("wasi", "ext_storage_begin_v1"),
    );
    check(
        import("(import \"env\" \"ext_storage_begin_v1\" (global i32))"),
        unknown("env", "ext_storage_begin_v1"),
    );
    check(
        import("(import \"env\" \"table\" (table 1 funcref))"),
        unknown("env", "table"),
    );
    let mismatch = |name: &str, expected: &str, found: &str| E::SignatureMismatch {
        name: name.into(),
        expected: expected.into(),
        found: found.into(),
    };
    check(
        import("(import \"env\" \"ext_storage_exists_v1\" (func (param i32 i64) (result i32)))"),
        mismatch("ext_storage_exists_v1", "(i32, i32) -> (i32)", "(i32, i64) -> (i32)"),
    );
    check(
        Guest::with("(func (export \"PobpcApi_next\") (param f32))"),
        mismatch("PobpcApi_next", "(i32, i32) -> (i64)", "(other) -> ()"),
    );
    check(
        Guest {
            abi_version: 2,
            ..Guest::default()
        },
        E::AbiVersion { found: 2, supported: 1 },
    );
    check(
        Guest {
            memory: "(memory 1)".into(),
            ..Guest::default()
        },
        E::MissingExport("memory".into()),
    );
    let too_large = Guest {
        memory: "(memory (export \"memory\") 4097)".into(),
        ..Guest::default()
    };
    check(
        too_large,
        E::MemoryTooLarge {
            pages: 4097,
            max: MEMORY_PAGES_MAX,
        },
    );
    check(
        Guest::with("(table 65537 funcref)"),
        E::TableTooLarge {
            elements: 65_537,
            max: TABLE_ELEMENTS_MAX,
        },
    );
    check(Guest::with("(func $s) (start $s)"), E::Forbidden("a start function"));
}

#[test]
fn every_required_export_is_named_when_it_is_missing() {
    for name in ["quids_abi_version", "quids_alloc", "quids_reset", "Core_version"] {
        let wat = Guest::default().wat().replace(&format!("(export \"{name}\")"), "");
        let error = executor().load(&wat::parse_str(wat).unwrap()).unwrap_err();
        assert_eq!(error, ExecutorError::MissingExport(name.into()));
    }
    let wat = Guest::default().wat().replace(
        "(func (export \"quids_reset\")",
        "(func (export \"quids_reset\") (param i32)",
    );
    let error = executor().load(&wat::parse_str(wat).unwrap()).unwrap_err();
    assert!(matches!(error, ExecutorError::SignatureMismatch { .. }), "{error:?}");
}

#[test]
fn features_that_differ_between_machines_are_refused_and_ours_are_taken() {
    let check = |body: &str, taken: bool| {
        let result = executor().load(&Guest::with(body).code());
        match result {
            Ok(_) => assert!(taken, "{body}"),
            Err(error) => assert!(!taken && matches!(error, ExecutorError::Invalid(_)), "{body}: {error}"),
        }
    };
    check(
        "(func (param i64 i64) (result i64 i64) local.get 0 local.get 0 local.get 1 local.get 1 i64.add128)",
        false,
    );
    check(
        "(func (param v128 v128) (result v128) local.get 0 local.get 1 i32x4.add)",
        true,
    );
    check("(func $f (param i32) local.get 0 return_call $f)", true);
    check("(func (memory.fill (i32.const 0) (i32.const 0) (i32.const 8)))", true);
    check(
        "(func (param v128 v128 v128) (result v128) local.get 0 local.get 1 local.get 2 f32x4.relaxed_madd)",
        false,
    );
    check("(func (drop (i32.atomic.load (i32.const 0))))", false);
    check("(memory 1)", false);
    check("(table 1 funcref) (table 1 funcref)", false);
    check("(func (param externref))", false);
    check("(tag (param i32))", false);
}

#[test]
fn what_is_no_wasm_is_refused() {
    use ExecutorError as E;
    let code = Guest::default().code();
    assert!(matches!(executor().load(&[]), Err(E::Invalid(_))));
    assert!(matches!(executor().load(b"garbage, not wasm"), Err(E::Invalid(_))));
    assert!(
        matches!(executor().load(b"(module)"), Err(E::Invalid(_))),
        "text is not accepted"
    );
    for length in [7, 8, 100, code.len() - 1] {
        let error = executor().load(&code[..length]).unwrap_err();
        assert!(
            matches!(error, E::Invalid(_) | E::MissingExport(_)),
            "{length}: {error}"
        );
    }
    let size = CODE_SIZE_MAX + 1;
    assert_eq!(
        executor().load(&vec![0; size]).unwrap_err(),
        E::TooLarge {
            size,
            max: CODE_SIZE_MAX
        }
    );
}

#[test]
fn a_version_that_traps_or_does_not_decode_is_refused() {
    let replace = |body: &str| {
        let wat = Guest::default().wat();
        let (before, after) = wat
            .split_once("(func (export \"Core_version\") (param i32 i32) (result i64) ")
            .unwrap();
        let (_, after) = after.split_once('\n').unwrap();
        let wat = format!("{before}(func (export \"Core_version\") (param i32 i32) (result i64) {body})\n{after}");
        executor().load(&wat::parse_str(wat).unwrap()).unwrap_err()
    };
    assert!(matches!(
        replace("(i64.const 0)"),
        ExecutorError::Undecodable {
            api: "Core_version",
            ..
        }
    ));
    assert!(matches!(replace("unreachable"), ExecutorError::Trap { .. }));
    assert!(matches!(replace("(i64.const -1)"), ExecutorError::Output { .. }));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn random_bytes_never_panic_the_loader(bytes in proptest::collection::vec(any::<u8>(), 0..512), header: bool) {
        let mut code = if header { b"\0asm\x01\0\0\0".to_vec() } else { vec![] };
        code.extend(bytes);
        prop_assert!(executor().load(&code).is_err());
    }

    #[test]
    fn damaged_runtimes_never_panic_the_loader(at in any::<prop::sample::Index>(), flip in 1..=255u8, cut in any::<bool>()) {
        let mut code = Guest { imports: imports(), ..Guest::default() }.code();
        let at = at.index(code.len());
        code[at] ^= flip;
        if cut {
            code.truncate(at + 1);
        }
        let _ = executor().load(&code);
    }
}
