//! Calls of the running code that may fail: what they changed is there or not, and the caller goes on.

use crate::guests::{Guest, SCRATCH, api, executor, state};
use codec::Decode;
use quids_core::well_known_keys;
use quids_executor::{
    CheckError, ExecutorError,
    limits::{KEY_SHOWN, SHOWN_MAX, VALUE_SHOWN_MAX, WRITTEN_MAX},
};
use quids_io::{
    ExtError, Externalities, MemoryExternalities,
    abi::{GUARDED_ANSWER_MAX, GUARDED_OUTPUT_MAX},
};

const WRITES: &str = "(i32.store8 (i32.const 4000) (i32.const 107))
    (call $ext_storage_set_v1 (i32.const 4000) (i32.const 1) (i32.const 4000) (i32.const 1))";

/// Calls the export that its input names, with a buffer of `capacity` bytes, and answers as the host does.
fn guard(capacity: usize) -> String {
    format!(
        "(i64.or (i64.const {SCRATCH}) (i64.shl
           (call $ext_runtime_guarded_call_v1 (local.get $p) (local.get $n) (local.get $p) (local.get $n)
             (i32.const {SCRATCH}) (i32.const {capacity}))
           (i64.const 32)))"
    )
}

fn repeated(times: u64, body: &str) -> String {
    format!(
        "(local.set $i (i32.const 0))
         (loop $again {body}
           (local.set $i (i32.add (local.get $i) (i32.const 1)))
           (br_if $again (i32.lt_u (local.get $i) (i32.const {times}))))"
    )
}

/// At so many keys of four bytes, and at the first once more.
fn looks_at(keys: u64) -> String {
    let look = "(i32.store (i32.const 4000) (local.get $i))
        (drop (call $ext_storage_exists_v1 (i32.const 4000) (i32.const 4)))";
    repeated(keys, look) + &repeated(1, look) + "(i64.const 0)"
}

/// From key to key, whose values are read: they have 12 bytes each, and values as long as proofs hold any.
fn looks_through(keys: u64) -> String {
    let next = "(drop (call $ext_storage_next_key_v1 (i32.const 4000) (i32.const 12) (i32.const 4000) (i32.const 12)))
        (drop (call $ext_storage_get_v1 (i32.const 4000) (i32.const 12) (i32.const 8192) (i32.const 0)))";
    // Behind `:code`.
    format!(
        "(i32.store8 (i32.const 4000) (i32.const 108)) {} (i64.const 0)",
        repeated(keys, next)
    )
}

/// 64 KiB and a key of four bytes.
fn writes_often(times: u64) -> String {
    let write = "(call $ext_storage_set_v1 (i32.const 4000) (i32.const 4) (i32.const 0) (i32.const 65536))";
    repeated(times, write) + "(i64.const 0)"
}

fn runtime() -> Guest {
    let answers = |length: usize| format!("{WRITES} (i64.const {})", (length as u64) << 32 | 8192);
    let bodies = [
        ("Guard", guard(GUARDED_ANSWER_MAX)),
        ("Guard_small", guard(GUARDED_ANSWER_MAX - 1)),
        ("Good", answers(3)),
        (
            "Echo",
            "(i64.or (i64.extend_i32_u (local.get $p)) (i64.shl (i64.extend_i32_u (local.get $n)) (i64.const 32)))"
                .into(),
        ),
        ("Fits", answers(GUARDED_OUTPUT_MAX)),
        ("Large", answers(GUARDED_OUTPUT_MAX + 1)),
        (
            "Panics",
            format!("{WRITES} (call $ext_panic_v1 (i32.const 4000) (i32.const 1)) unreachable"),
        ),
        ("Endless", format!("{WRITES} (loop $l (br $l)) (i64.const 0)")),
        ("Deep", format!("{WRITES} (call $deep (i64.const 1))")),
        ("Open", format!("(call $ext_storage_begin_v1) {}", answers(1))),
        ("Commits", format!("(call $ext_storage_commit_v1) {}", answers(1))),
        ("Outside", format!("{WRITES} (i64.const {})", 10u64 << 32 | 0xffff_fff0)),
        ("Shows_many", looks_at(SHOWN_MAX / (KEY_SHOWN + 4))),
        ("Shows_more", looks_at(SHOWN_MAX / (KEY_SHOWN + 4) + 1)),
        // The same key as often as one likes.
        (
            "Shows_one",
            repeated(
                20_000,
                "(drop (call $ext_storage_exists_v1 (i32.const 4000) (i32.const 4)))",
            ) + "(i64.const 0)",
        ),
        // As a map is gone through: by keys first.
        (
            "Shows_values",
            looks_through(SHOWN_MAX / (KEY_SHOWN + 12 + VALUE_SHOWN_MAX) - 1),
        ),
        (
            "Shows_more_values",
            looks_through(SHOWN_MAX / (KEY_SHOWN + 12 + VALUE_SHOWN_MAX) + 1),
        ),
        (
            "Clears",
            repeated(
                SHOWN_MAX / KEY_SHOWN,
                "(drop (call $ext_storage_clear_prefix_v1 (i32.const 4000) (i32.const 4) (i32.const 0)))",
            ) + "(i64.const 0)",
        ),
        ("Writes_much", writes_often(WRITTEN_MAX / 65_536 - 1)),
        ("Writes_more", writes_often(WRITTEN_MAX / 65_536)),
    ];
    let apis: String = bodies.iter().map(|(name, body)| api(name, body)).collect();
    let deep = "(func $deep (param $x i64) (result i64) (i64.add (local.get $x) (call $deep (local.get $x))))";
    Guest::with(format!("{apis} {deep}"))
}

#[test]
fn a_guarded_call_is_whole_or_leaves_no_trace_and_the_caller_goes_on() {
    let zeros = |length: usize| Ok(vec![0; length]);
    let cases: [(&str, Result<Vec<u8>, &str>); 21] = [
        ("Good", zeros(3)),
        ("Echo", Ok(b"Echo".to_vec())),
        ("Fits", zeros(GUARDED_OUTPUT_MAX)),
        ("Large", Err("output has 2001 bytes, more than 2000")),
        ("Panics", Err("runtime panicked: k")),
        ("Endless", Err("fuel")),
        ("Deep", Err("stack")),
        ("Open", Err("transaction")),
        ("Commits", Err("commit")),
        ("Outside", Err("output")),
        ("Guard", Err("a guarded call inside another one or a trial run")),
        ("Shows_many", zeros(0)),
        ("Shows_more", Err("runtime shows more than 12582912 bytes of state")),
        ("Shows_one", zeros(0)),
        ("Shows_values", zeros(0)),
        ("Shows_more_values", Err("runtime shows more than")),
        ("Clears", Err("runtime shows more than")),
        ("Writes_much", zeros(0)),
        ("Writes_more", Err("runtime writes more than 67108864 bytes of state")),
        ("Missing", Err("runtime has no api Missing")),
        ("", Err("runtime has no api")),
    ];
    let guest = runtime();
    let runtime = guest.load();
    for (name, expected) in cases {
        let mut ext = MemoryExternalities::default();
        ext.set(well_known_keys::CODE, &guest.code()).unwrap();
        for key in 0..SHOWN_MAX / KEY_SHOWN / 4 {
            let value = vec![1; VALUE_SHOWN_MAX as usize];
            ext.set(&[b"many".as_slice(), &key.to_be_bytes()].concat(), &value)
                .unwrap();
        }
        let before = ext.state().clone();
        let output = runtime.call(&mut ext, "Guard", name.as_bytes()).unwrap();
        let outcome = Result::<Vec<u8>, String>::decode(&mut &output[..]).unwrap();
        match expected {
            Ok(answer) => assert_eq!(outcome, Ok(answer), "{name}"),
            Err(words) => {
                let reason = outcome.expect_err(name);
                assert!(reason.contains(words), "{name}: {reason}");
            }
        }
        if name == "Writes_much" {
            assert_ne!(ext.state(), &before);
            continue;
        }
        let is_written = matches!(name, "Good" | "Fits");
        assert_eq!(ext.get(b"k").unwrap().is_some(), is_written, "{name}");
        assert!(is_written || ext.state() == &before, "{name} left a trace");
        assert!(ext.commit_transaction().is_err(), "{name} left a transaction open");
    }
}

#[test]
fn a_guarded_call_is_of_the_code_in_the_state() {
    let runtime = runtime().load();
    let mut ext = MemoryExternalities::default();
    for code in [&b""[..], b"no code"] {
        ext.set(well_known_keys::CODE, code).unwrap();
        let output = runtime.call(&mut ext, "Guard", b"Good").unwrap();
        assert!(Result::<Vec<u8>, String>::decode(&mut &output[..]).unwrap().is_err());
    }
    let other = Guest::with(api("Other", "(i64.const 0)"));
    ext.set(well_known_keys::CODE, &other.code()).unwrap();
    let output = runtime.call(&mut ext, "Guard", b"Other").unwrap();
    assert_eq!(Result::<Vec<u8>, String>::decode(&mut &output[..]).unwrap(), Ok(vec![]));
}

#[test]
fn it_is_not_nested_and_its_answer_fits() {
    let unavailable = |what| ExecutorError::Host(ExtError::Unavailable(what));
    let mut ext = MemoryExternalities::default();
    let small = runtime().load().call(&mut ext, "Guard_small", b"Good").unwrap_err();
    assert_eq!(small, unavailable("a guarded call with too small a buffer"));
    let nesting = Guest {
        on_upgrade: format!(
            "(drop (call $ext_runtime_guarded_call_v1 (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)
               (i32.const {SCRATCH}) (i32.const {GUARDED_ANSWER_MAX})))"
        ),
        ..Guest::default()
    };
    let verdict = executor().check_runtime(&nesting.code(), None, &mut state()).map(drop);
    let inside = unavailable("a guarded call inside another one or a trial run");
    assert_eq!(verdict, Err(CheckError::Refused(inside)));
}
