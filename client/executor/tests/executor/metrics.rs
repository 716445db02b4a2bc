//! What an executor counts of calls that go well, fail, or are under way, each executor for itself.

use crate::guests::{Guest, api};
use quids_executor::{Executor, ExecutorConfig};
use quids_io::MemoryExternalities;
use quids_metrics::Registry;
use std::time::Duration;

fn check(registry: &Registry, when: &str, expected: &[&str]) {
    let text = registry.encode();
    for line in expected {
        assert!(text.lines().any(|found| found == *line), "{when}: no {line} in\n{text}");
    }
}

#[test]
fn calls_failures_instances_and_compilations_are_counted() {
    let registry = Registry::new();
    let cache = tempfile::tempdir().unwrap();
    let config = ExecutorConfig {
        cache_dir: Some(cache.path().into()),
    };
    let executor = Executor::with_metrics(config.clone(), &registry).unwrap();
    let apis = [
        api("Mine", "(i64.const 0)"),
        api("Trap", "unreachable"),
        api("Loop", "(loop $l (br $l)) (i64.const 0)"),
        api("Deep", "(call $deep (i64.const 1))"),
        "(func $deep (param $x i64) (result i64) (i64.add (local.get $x) (call $deep (local.get $x))))".into(),
    ];
    let code = Guest::with(apis.concat()).code();
    let runtime = executor.load(&code).unwrap();
    check(
        &registry,
        "loaded",
        &[
            "quids_executor_code_cache_lookups_total{outcome=\"miss\"} 1",
            "quids_executor_code_cache_lookups_total{outcome=\"hit\"} 0",
            "quids_executor_compile_seconds_count 1",
            "quids_executor_instances{purpose=\"calls\"} 0",
            "quids_executor_failed_calls_total{kind=\"trap\"} 0",
        ],
    );

    let mut ext = MemoryExternalities::default();
    let mut session = runtime.session().unwrap();
    runtime
        .call(&mut ext, "AccountNonceApi_account_nonce", b"")
        .unwrap_err();
    for _ in 0..3 {
        session.call(&mut ext, "BlockBuilder_fits", b"").unwrap();
    }
    runtime.call(&mut ext, "BlockBuilder_fits", b"").unwrap();
    runtime.call(&mut ext, "Mine", b"").unwrap();
    check(
        &registry,
        "in a session",
        &[
            "quids_executor_instances{purpose=\"calls\"} 1",
            "quids_executor_call_seconds_count{api=\"BlockBuilder_fits\"} 1",
            "quids_executor_call_seconds_count{api=\"other\"} 1",
            // The guest does not export it: no call was made.
            "quids_executor_call_seconds_count{api=\"AccountNonceApi_account_nonce\"} 0",
        ],
    );
    session.call(&mut ext, "Trap", b"").unwrap_err();
    check(
        &registry,
        "the trap took the instance",
        &["quids_executor_instances{purpose=\"calls\"} 0"],
    );
    session
        .call_with_deadline(&mut ext, "Loop", b"", Duration::from_millis(20))
        .unwrap_err();
    // Who asks for an answer only if it is quick sees no failure in its absence.
    let brief = Duration::from_millis(20);
    assert_eq!(runtime.call_within(&mut ext, "Loop", b"", brief), Ok(None));
    runtime.call(&mut ext, "Deep", b"").unwrap_err();
    drop(session);
    check(
        &registry,
        "the session ended",
        &[
            "quids_executor_call_seconds_count{api=\"BlockBuilder_fits\"} 4",
            "quids_executor_call_seconds_count{api=\"other\"} 4",
            "quids_executor_failed_calls_total{kind=\"trap\"} 1",
            "quids_executor_failed_calls_total{kind=\"deadline\"} 1",
            "quids_executor_failed_calls_total{kind=\"stack\"} 1",
            "quids_executor_failed_calls_total{kind=\"panic\"} 0",
        ],
    );

    let other = Registry::new();
    Executor::with_metrics(config, &other).unwrap().load(&code).unwrap();
    check(
        &other,
        "another executor, the same cache",
        &[
            "quids_executor_code_cache_lookups_total{outcome=\"hit\"} 1",
            "quids_executor_compile_seconds_count 0",
            "quids_executor_failed_calls_total{kind=\"trap\"} 0",
        ],
    );
}
