//! Property tests: strategies for what calls take, and histories of steps after each of which every invariant holds.

use crate::{TestExternalities, TestRuntime, account};
use proptest::{
    prelude::*,
    test_runner::{Config, TestRunner},
};
use quids_core::{AccountId20, Balance};
use std::{
    any::Any,
    fmt::Debug,
    panic::{AssertUnwindSafe, catch_unwind},
};

/// One of the accounts 1 to `count`: few, so that calls meet.
pub fn accounts(count: u8) -> impl Strategy<Value = AccountId20> + Clone {
    (1..=count.max(1)).prop_map(account)
}

/// Amounts that matter: small, about `typical`, and any.
pub fn amounts(typical: u128) -> impl Strategy<Value = Balance> + Clone {
    let about = typical.saturating_mul(2).max(1);
    prop_oneof![0..30u128, 0..=about, any::<u128>()].prop_map(Balance)
}

/// Takes `cases` histories of up to `steps_max` steps, each from a genesis of its own that `start` draws, and holds every
/// pallet's invariants after every step. A failure is shrunk to the shortest history that shows it.
///
/// # Panics
/// If a step panics or breaks an invariant, or if genesis does, with the step and the history.
#[track_caller]
pub fn check_histories<T: TestRuntime, G: Debug, S: Debug + Clone>(
    cases: u32,
    steps_max: usize,
    genesis: impl Strategy<Value = G>,
    step: impl Strategy<Value = S>,
    start: impl Fn(&G) -> TestExternalities<T>,
    apply: impl Fn(&S),
) {
    let config = Config {
        cases,
        failure_persistence: None,
        ..Config::default()
    };
    let histories = (genesis, proptest::collection::vec(step, 1..=steps_max.max(1)));
    let outcome = TestRunner::new(config).run(&histories, |(genesis, steps)| {
        // What `execute_with` would check at the end is checked after the last step, which then is named.
        start(&genesis).execute_unchecked(|| {
            T::try_state().map_err(|broken| TestCaseError::fail(format!("before the first step: {broken}")))?;
            for (step, number) in steps.iter().zip(1..) {
                take(step, &apply, T::try_state).map_err(|failure| {
                    TestCaseError::fail(format!("step {number} of {}, {step:?}: {failure}", steps.len()))
                })?;
            }
            Ok(())
        })
    });
    if let Err(failure) = outcome {
        panic!("{failure}");
    }
}

/// Takes a step; why it panics, or which invariant does not hold after it.
fn take<S>(step: &S, apply: impl Fn(&S), try_state: impl Fn() -> Result<(), String>) -> Result<(), String> {
    // Nothing is asked of the state after a panic: the history ends.
    let taken = catch_unwind(AssertUnwindSafe(|| {
        apply(step);
        try_state()
    }));
    taken.unwrap_or_else(|panic| Err(format!("it panics: {}", message(panic.as_ref()))))
}

fn message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("without a message")
}
