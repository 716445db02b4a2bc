//! Property tests: strategies for what calls take, and histories of steps after each of which every invariant holds.

use crate::{TestExternalities, TestRuntime, account};
use proptest::{
    prelude::*,
    test_runner::{Config, TestRunner},
};
use quids_core::{AccountId20, Balance};
use std::fmt::Debug;

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
/// If a step panics or breaks an invariant, with the history.
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
        start(&genesis).execute_with(|| {
            for (number, step) in steps.iter().enumerate() {
                apply(step);
                if let Err(broken) = T::try_state() {
                    return Err(TestCaseError::fail(format!("after step {number}, {step:?}: {broken}")));
                }
            }
            Ok(())
        })
    });
    if let Err(failure) = outcome {
        panic!("{failure}");
    }
}
