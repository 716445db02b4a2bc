//! The trial run, from the client and from inside a runtime.

use crate::guests::{Guest, SCRATCH, api, executor, state, version};
use codec::{Decode, Encode};
use quids_api::{CheckedRuntime, InvalidTransaction, TransactionValidityError, names};
use quids_core::{AUTHOR_ENGINE_ID, Digest, DigestItem, Hash, Header, Height, Weight, well_known_keys};
use quids_executor::{
    CheckError, ExecutorError,
    limits::{CHECK_FUEL_MAX, SHOWN_MAX},
};
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
    let mut ext = state();
    ext.set(b"k", b"old").unwrap();
    let before = ext.state().clone();
    let verdict = executor()
        .check_runtime(code, None, &mut ext)
        .map(|checked| checked.version);
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
        .check_runtime(&code, None, &mut with_level(&HOST_LEVEL.encode()))
        .unwrap();
    for level in [&(HOST_LEVEL + 1).encode()[..], &u32::MAX.encode(), b"", b"12345"] {
        let outside = executor().check_runtime(&code, None, &mut with_level(level));
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
    for name in names::REQUIRED {
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
            api: names::METADATA,
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

/// The header of the block that follows, by this author.
fn header(author: Option<u8>) -> Header {
    let named = |who| DigestItem::PreRuntime(AUTHOR_ENGINE_ID, vec![who; 20]);
    Header {
        parent_hash: Hash::zero(),
        number: Height(7),
        state_root: Hash::zero(),
        extrinsics_root: Hash::zero(),
        digest: Digest {
            logs: author.map(named).into_iter().collect(),
        },
    }
}

/// A runtime with one inherent that is one byte, whose APIs do what is replaced by `other` first.
fn block_maker(other: &[(&str, &str)]) -> Vec<u8> {
    // The answers are bytes of a page that nothing else uses; a header without digest is 98 zeros.
    let answers = [
        (names::CORE_INITIALIZE_BLOCK, 0u64, ""),
        (names::BLOCK_BUILDER_INHERENT_EXTRINSICS, 3, "\\04\\04\\aa"),
        (names::BLOCK_BUILDER_APPLY_EXTRINSIC, 2, "\\00\\00"),
        (names::BLOCK_BUILDER_COMMIT_EXTRINSICS, 1, "\\cc"),
        (names::BLOCK_BUILDER_FINALIZE_BLOCK, 98, "\\00"),
        (names::POBPC_NEXT, 1, "\\00"),
    ];
    let body = (0u64..).zip(answers).map(|(index, (name, length, bytes))| {
        let at = 8192 + 256 * index;
        let first = other
            .iter()
            .find(|(api, _)| *api == name)
            .map_or("", |(_, first)| first);
        let answer = format!("{first} (i64.const {})", length << 32 | at);
        format!("(data (i32.const {at}) \"{bytes}\")\n{}", api(name, &answer))
    });
    Guest::with(body.collect::<String>()).code()
}

/// Inside and outside, the same verdict; and the state is as before.
#[track_caller]
fn check_block(code: &[u8], author: Option<u8>, expected: Result<(), ExecutorError>) {
    let (mut ext, header) = (state(), header(author));
    ext.set(well_known_keys::CODE_UPDATED, &[1]).unwrap();
    let before = ext.state().clone();
    let verdict = executor().check_runtime(code, Some(&header), &mut ext).map(drop);
    assert_eq!(verdict, expected.clone().map_err(CheckError::Refused));
    let length = header.encoded_size();
    let body = format!(
        "(i64.or (i64.const {SCRATCH}) (i64.shl
           (call $ext_runtime_check_v2
             (i32.add (local.get $p) (i32.const {length})) (i32.sub (local.get $n) (i32.const {length}))
             (local.get $p) (i32.const {length}) (i32.const {SCRATCH}) (i32.const 600))
           (i64.const 32)))"
    );
    let runtime = Guest::with(api("Check", &body)).load();
    let input = [&header.encode(), code].concat();
    let output = runtime.call(&mut ext, "Check", &input).unwrap();
    let inside = Result::<Vec<u8>, String>::decode(&mut &output[..]).unwrap();
    assert_eq!(inside.map(drop).map_err(drop), expected.map_err(drop));
    assert_eq!(ext.state(), &before);
    assert!(ext.commit_transaction().is_err(), "no transaction is left open");
}

#[test]
fn code_that_makes_no_block_is_refused_where_its_block_is_next() {
    use ExecutorError as E;
    check_block(&block_maker(&[]), None, Ok(()));
    let panic =
        "(i32.store8 (i32.const 4000) (i32.const 107)) (call $ext_panic_v1 (i32.const 4000) (i32.const 1)) unreachable";
    for api in [
        names::CORE_INITIALIZE_BLOCK,
        names::BLOCK_BUILDER_INHERENT_EXTRINSICS,
        names::BLOCK_BUILDER_APPLY_EXTRINSIC,
        names::BLOCK_BUILDER_COMMIT_EXTRINSICS,
        names::BLOCK_BUILDER_FINALIZE_BLOCK,
    ] {
        let panics = E::Panic { message: "k".into() };
        check_block(&block_maker(&[(api, panic)]), None, Err(panics));
        let endless = E::OutOfFuel { limit: CHECK_FUEL_MAX };
        check_block(&block_maker(&[(api, "(loop $l (br $l))")]), None, Err(endless));
    }
    // What one call may, its block may not as often as it likes.
    let works = "(local.set $i (i32.const 150000000))
        (loop $l (br_if $l (local.tee $i (i32.sub (local.get $i) (i32.const 1)))))";
    let looks = |first: u32| {
        format!(
            "(local.set $i (i32.const {first}))
             (loop $l
               (i32.store (i32.const 4000) (local.get $i))
               (drop (call $ext_storage_exists_v1 (i32.const 4000) (i32.const 4)))
               (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const {}))))",
            first + 8000
        )
    };
    let (begin, end) = (names::CORE_INITIALIZE_BLOCK, names::BLOCK_BUILDER_FINALIZE_BLOCK);
    check_block(&block_maker(&[(end, works)]), None, Ok(()));
    let out_of_fuel = E::OutOfFuel { limit: CHECK_FUEL_MAX };
    check_block(&block_maker(&[(begin, works), (end, works)]), None, Err(out_of_fuel));
    check_block(&block_maker(&[(begin, &looks(0)), (end, &looks(0))]), None, Ok(()));
    let shown = E::TooMuchState {
        does: "shows",
        max: SHOWN_MAX,
    };
    check_block(
        &block_maker(&[(begin, &looks(0)), (end, &looks(8000))]),
        None,
        Err(shown),
    );
    // 1, 0, 0: an invalid transaction, its call.
    let refuses = "(i32.store8 (i32.const 8704) (i32.const 1)) (return (i64.const 12884910592))";
    let refusal = TransactionValidityError::Invalid(InvalidTransaction::Call);
    check_block(
        &block_maker(&[(names::BLOCK_BUILDER_APPLY_EXTRINSIC, refuses)]),
        None,
        Err(E::NoBlock(format!("inherent 0 is refused: {refusal}"))),
    );
    let nobody = E::NoBlock("it does not say who decides the block after".into());
    check_block(&block_maker(&[]), Some(1), Err(nobody));
}

/// As where two codes are due one after the other: that the second is not tried inside the first one's trial is no fault of it.
#[test]
fn a_block_on_trial_may_end_with_another_trial_which_refuses() {
    let asks = format!(
        "(drop (call $ext_runtime_check_v2
           (i32.const 0) (i32.const 8) (i32.const 8192) (i32.const 98) (i32.const {SCRATCH}) (i32.const 600)))
         (if (i32.ne (i32.load8_u (i32.const {SCRATCH})) (i32.const 1)) (then unreachable))"
    );
    check_block(
        &block_maker(&[(names::BLOCK_BUILDER_FINALIZE_BLOCK, &asks)]),
        None,
        Ok(()),
    );
}
