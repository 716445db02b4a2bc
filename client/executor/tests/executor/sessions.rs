//! Sessions, fresh instances and threads: all the same to the guest.

use crate::guests::{Guest, api};
use quids_executor::{Executor, Runtime, Session};
use quids_io::{Externalities, MemoryExternalities};
use std::sync::Arc;

/// `Leave_traces` allocates and writes above the heap's start; `Look` answers with where its input was put, so that a heap that
/// was not reset is seen.
fn runtime() -> Arc<Runtime> {
    let apis = [
        api(
            "Look",
            "(i32.store (i32.const 4096) (local.get $p)) (i64.const 0x400001000)",
        ),
        api(
            "Count",
            "(call $ext_storage_add_v1 (local.get $p) (local.get $n) (i64.const 1) (i64.const 0))
             (drop (call $ext_storage_get_v1 (local.get $p) (local.get $n) (i32.const 4096) (i32.const 16)))
             (i64.const 0x1000001000)",
        ),
        api(
            "Trap",
            "(call $ext_storage_begin_v1) (call $ext_storage_set_v1 (local.get $p) (local.get $n) (local.get $p) (local.get $n)) unreachable",
        ),
    ];
    Guest::with(apis.concat()).load()
}

#[test]
fn reused_instances_behave_as_fresh_ones_do() {
    let runtime = runtime();
    let mut fresh = MemoryExternalities::default();
    let (mut reused, mut kept) = (MemoryExternalities::default(), MemoryExternalities::default());
    let mut session = runtime.session().unwrap();
    let calls: [(&str, &[u8]); 8] = [
        ("Look", b"1"),
        ("Look", b"some more bytes"),
        ("Count", b"key"),
        ("Trap", b"left"),
        ("Count", b"key"),
        ("Look", b""),
        ("Unknown", b""),
        ("Count", b"key"),
    ];
    for (api, input) in calls {
        let expected = runtime.session().unwrap().call(&mut fresh, api, input);
        assert_eq!(session.call(&mut reused, api, input), expected, "{api}");
        assert_eq!(runtime.call(&mut kept, api, input), expected, "{api}");
        assert_eq!(fresh.state(), reused.state());
        assert_eq!(fresh.state(), kept.state());
    }
    assert_eq!(fresh.get(b"key").unwrap().unwrap(), 3u128.to_le_bytes());
    assert_eq!(
        fresh.get(b"left").unwrap(),
        None,
        "the trap's open transaction was rolled back"
    );
}

#[test]
fn many_threads_call_at_once() {
    let runtime = runtime();
    std::thread::scope(|scope| {
        for thread in 0..8u8 {
            let runtime = &runtime;
            scope.spawn(move || {
                let mut ext = MemoryExternalities::default();
                let mut session = runtime.session().unwrap();
                for round in 1..=200u128 {
                    let own = round % 2 == 0;
                    let output = match own {
                        true => runtime.call(&mut ext, "Count", &[thread]),
                        false => session.call(&mut ext, "Count", &[thread]),
                    };
                    assert_eq!(output.unwrap(), round.to_le_bytes());
                }
            });
        }
    });
}

#[test]
fn the_types_cross_threads() {
    fn shared<T: Send + Sync>() {}
    fn moved<T: Send>() {}
    shared::<Executor>();
    shared::<Runtime>();
    moved::<Session>();
}

/// Not an assertion but a figure, printed with `--no-capture`.
#[test]
fn cost_of_calls() {
    let (runtime, mut ext) = (runtime(), MemoryExternalities::default());
    let mut session = runtime.session().unwrap();
    let count = 10_000;
    let start = std::time::Instant::now();
    for _ in 0..count {
        runtime.session().unwrap().call(&mut ext, "Look", b"1").unwrap();
    }
    println!("fresh instance and call: {:?}", start.elapsed() / count);
    let start = std::time::Instant::now();
    for _ in 0..count {
        session.call(&mut ext, "Look", b"1").unwrap();
    }
    println!("call of a session: {:?}", start.elapsed() / count);
}
