//! Guests that misbehave: each is an error of its kind, and the node goes on.

use crate::guests::{Guest, action, api};
use quids_executor::{ExecutorError, Runtime};
use quids_io::{MemoryExternalities, abi::MEMORY_PAGES_MAX};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

/// Answers with its input.
const ECHO: &str =
    "(i64.or (i64.extend_i32_u (local.get $p)) (i64.shl (i64.extend_i32_u (local.get $n)) (i64.const 32)))";

fn runtime() -> Arc<Runtime> {
    let apis = [
        api("echo", ECHO),
        api("panic", "(call $ext_panic_v1 (local.get $p) (local.get $n)) unreachable"),
        // A message and then a return is no panic.
        api("panic_and_return", "(call $ext_panic_v1 (local.get $p) (local.get $n)) (i64.const 0)"),
        api("unreachable", "unreachable"),
        api("divide", "(drop (i32.div_u (i32.const 1) (i32.const 0))) (i64.const 0)"),
        api("loop", "(loop $l (br $l)) (i64.const 0)"),
        api("recurse", "(call $deep (i64.const 1))"),
        // Grows page by page until refused and answers with the page count at 4096 as its output.
        api(
            "exhaust",
            "(loop $l (br_if $l (i32.ne (memory.grow (i32.const 1)) (i32.const -1))))
             (i32.store (i32.const 4096) (memory.size)) (i64.const 0x400001000)",
        ),
        api("touch_outside", "(i64.load (i32.const 0x7fffffff))"),
        api("output_outside", "(i64.const 0x7fffffff00000000)"),
        api("output_wraps", "(i64.const -1)"),
        api("overlapping_end", "(i64.const 0x20000fffff)"),
        action("key_outside", "(drop (call $ext_storage_exists_v1 (i32.const 0x7ffffff0) (i32.const 32)))"),
        action("key_wraps", "(drop (call $ext_storage_exists_v1 (i32.const -1) (i32.const -1)))"),
        action("root_outside", "(call $ext_storage_root_v1 (i32.const 131041))"),
        action(
            "capacity_outside",
            "(drop (call $ext_storage_get_v1 (i32.const 0) (i32.const 1) (i32.const 131000) (i32.const 1000)))",
        ),
        action("panic_outside", "(call $ext_panic_v1 (i32.const -16) (i32.const 32))"),
        "(func $deep (param $x i64) (result i64) (i64.add (local.get $x) (call $deep (i64.add (local.get $x) (i64.const 1)))))".into(),
        "(func (export \"not_an_api\") (result i64) (i64.const 0))".into(),
    ];
    Guest::with(apis.concat()).load()
}

#[test]
fn misbehaviour_is_an_error_of_its_kind_and_the_runtime_stays_usable() {
    let (runtime, mut ext) = (runtime(), MemoryExternalities::default());
    let mut check = |api: &str, expected: &dyn Fn(&ExecutorError) -> bool| {
        let mut session = runtime.session().unwrap();
        for result in [
            runtime.call(&mut ext, api, b"input"),
            session.call(&mut ext, api, b"input"),
        ] {
            let error = result.expect_err(api);
            assert!(expected(&error), "{api}: {error:?}");
            assert!(!error.is_local(), "{api}");
        }
        assert_eq!(
            session.call(&mut ext, "echo", b"again").unwrap(),
            b"again",
            "after {api}"
        );
        assert_eq!(
            runtime.call(&mut ext, "echo", b"again").unwrap(),
            b"again",
            "after {api}"
        );
    };
    use ExecutorError as E;
    check("panic", &|e| {
        *e == E::Panic {
            message: "input".into(),
        }
    });
    check(
        "unreachable",
        &|e| matches!(e, E::Trap { reason } if reason.contains("unreachable")),
    );
    check(
        "divide",
        &|e| matches!(e, E::Trap { reason } if reason.contains("divide by zero")),
    );
    check("recurse", &|e| *e == E::StackOverflow);
    check(
        "touch_outside",
        &|e| matches!(e, E::Trap { reason } if reason.contains("out of bounds")),
    );
    let memory = 2 * 65536;
    check("output_outside", &|e| {
        *e == E::Output {
            pointer: 0,
            length: 0x7fff_ffff,
            memory,
        }
    });
    check("output_wraps", &|e| {
        *e == E::Output {
            pointer: u32::MAX,
            length: u32::MAX,
            memory,
        }
    });
    check("overlapping_end", &|e| {
        *e == E::Output {
            pointer: 0xf_ffff,
            length: 32,
            memory,
        }
    });
    check("key_outside", &|e| {
        *e == E::Pointer {
            pointer: 0x7fff_fff0,
            length: 32,
            memory,
        }
    });
    check("key_wraps", &|e| {
        *e == E::Pointer {
            pointer: u32::MAX,
            length: u32::MAX,
            memory,
        }
    });
    check("root_outside", &|e| {
        *e == E::Pointer {
            pointer: 131_041,
            length: 32,
            memory,
        }
    });
    check("capacity_outside", &|e| {
        *e == E::Pointer {
            pointer: 131_000,
            length: 1000,
            memory,
        }
    });
    check("panic_outside", &|e| matches!(e, E::Pointer { .. }));
    check("no_such_api", &|e| *e == E::UnknownApi("no_such_api".into()));
    check("not_an_api", &|e| *e == E::UnknownApi("not_an_api".into()));
    check("quids_reset", &|e| *e == E::UnknownApi("quids_reset".into()));
}

#[test]
fn a_panic_message_is_forgotten_with_its_call() {
    let (runtime, mut ext) = (runtime(), MemoryExternalities::default());
    let mut session = runtime.session().unwrap();
    assert_eq!(session.call(&mut ext, "panic_and_return", b"old").unwrap(), b"");
    let error = session.call(&mut ext, "unreachable", &[]).unwrap_err();
    assert!(matches!(error, ExecutorError::Trap { .. }), "{error:?}");
}

#[test]
fn an_infinite_loop_ends_at_its_deadline() {
    let (runtime, mut ext) = (runtime(), MemoryExternalities::default());
    let mut session = runtime.session().unwrap();
    let start = Instant::now();
    let deadline = Duration::from_millis(50);
    assert_eq!(
        runtime.call_with_deadline(&mut ext, "loop", &[], deadline),
        Err(ExecutorError::Deadline)
    );
    assert_eq!(
        session.call_with_deadline(&mut ext, "loop", &[], deadline),
        Err(ExecutorError::Deadline)
    );
    assert_eq!(runtime.call_within(&mut ext, "loop", &[], deadline), Ok(None));
    assert!(
        start.elapsed() >= 3 * deadline && start.elapsed() < Duration::from_secs(5),
        "{:?}",
        start.elapsed()
    );
    assert!(ExecutorError::Deadline.is_local());
    assert_eq!(session.call(&mut ext, "echo", b"again").unwrap(), b"again");
    let long = Duration::from_secs(3600);
    assert_eq!(
        runtime.call_with_deadline(&mut ext, "echo", b"in time", long).unwrap(),
        b"in time"
    );
    assert_eq!(
        runtime.call_within(&mut ext, "echo", b"in time", long),
        Ok(Some(b"in time".to_vec()))
    );
    assert_eq!(
        runtime
            .call_with_deadline(&mut ext, "echo", b"forever", Duration::MAX)
            .unwrap(),
        b"forever"
    );
}

#[test]
fn memory_grows_to_the_limit_of_the_abi_and_no_further() {
    let (plain, mut ext) = (runtime(), MemoryExternalities::default());
    assert_eq!(
        plain.call(&mut ext, "exhaust", &[]).unwrap(),
        MEMORY_PAGES_MAX.to_le_bytes()
    );
    let grow = "(loop $l (br_if $l (i32.ne (memory.grow (i32.const 1)) (i32.const -1))))
                (i32.store (i32.const 4096) (memory.size)) (i64.const 0x400001000)";
    for (declared, pages) in [("2 10", 10), ("4096", 4096), ("4096 65536", 4096), ("1 65536", 4096)] {
        let memory = format!("(memory (export \"memory\") {declared})");
        let guest = Guest {
            memory,
            ..Guest::with(api("exhaust", grow))
        };
        assert_eq!(
            guest.load().call(&mut ext, "exhaust", &[]).unwrap(),
            u32::to_le_bytes(pages),
            "{declared}"
        );
    }
}

#[test]
fn an_input_that_does_not_fit_is_refused() {
    let (runtime, mut ext) = (runtime(), MemoryExternalities::default());
    // The guests' allocator is a bump pointer that never grows the memory.
    let error = runtime.call(&mut ext, "echo", &vec![0; 100_000]).unwrap_err();
    assert_eq!(
        error,
        ExecutorError::Pointer {
            pointer: 65_536,
            length: 100_000,
            memory: 131_072
        }
    );
}

#[test]
fn instances_run_out_with_an_error_and_come_back() {
    let (runtime, mut ext) = (runtime(), MemoryExternalities::default());
    let mut sessions = Vec::new();
    let error = loop {
        match runtime.session() {
            Ok(session) => sessions.push(session),
            Err(error) => break error,
        }
        assert!(sessions.len() <= 64, "the pool is bounded");
    };
    assert!(
        matches!(error, ExecutorError::Exhausted { limit: 64 }) && error.is_local(),
        "{error:?}"
    );
    drop(sessions);
    assert_eq!(runtime.call(&mut ext, "echo", b"back").unwrap(), b"back");
}

#[test]
fn idle_instances_take_no_place_from_others() {
    let runtimes: Vec<_> = (0..12)
        .map(|number| Guest::with(api("echo", &format!("(drop (i32.const {number})) {ECHO}"))).load())
        .collect();
    for runtime in &runtimes {
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    runtime
                        .call(&mut MemoryExternalities::default(), "echo", b"here")
                        .unwrap()
                });
            }
        });
    }
    let sessions: Vec<_> = (0..64).map(|at| runtimes[at % 12].session().unwrap()).collect();
    assert!(matches!(runtimes[0].session(), Err(ExecutorError::Exhausted { .. })));
    drop(sessions);
    for runtime in &runtimes {
        let answer = runtime.call(&mut MemoryExternalities::default(), "echo", b"still");
        assert_eq!(answer.unwrap(), b"still");
    }
}
