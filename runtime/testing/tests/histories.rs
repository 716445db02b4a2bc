//! That a history that fails says at which step.

use pallet_template::{Call, Given};
use proptest::prelude::*;
use quids_core::Height;
use quids_support::{
    constant,
    origin::{EnsureRoot, Origin},
};
use quids_testing::{TestExternalities, TestRuntime, account, mock_runtime, property::check_histories};
use std::panic::{AssertUnwindSafe, catch_unwind};

mock_runtime! {
    /// A test runtime.
    pub struct Runtime { Template: pallet_template = 1 }
}

constant!(pub RoundLength: Height = Height(10));

impl pallet_template::Config for Runtime {
    type RoundLength = RoundLength;
    type AdminOrigin = EnsureRoot;
}

#[derive(Clone, Debug, PartialEq)]
enum Step {
    Give(u32),
    Break,
    Panic,
}

fn apply(step: &Step) {
    match step {
        Step::Give(amount) => {
            let call = Call::give { amount: *amount };
            let _ = Runtime::call(Origin::Signed(account(1)), call);
        }
        Step::Break => Given::<Runtime>::insert(&account(2), 0),
        Step::Panic => panic!("no such step"),
    }
}

/// What histories of these steps fail with, on a state that `edit` has edited; empty if they do not.
fn message(steps: &[Step], edit: fn()) -> String {
    let start = |_: &()| {
        let mut state = TestExternalities::<Runtime>::genesis(|genesis| genesis.template.limit = 100);
        state.execute_unchecked(edit);
        state
    };
    let any_step = proptest::sample::select(steps.to_vec());
    let checked = catch_unwind(AssertUnwindSafe(|| {
        check_histories(64, 8, Just(()), any_step, start, apply);
    }));
    let Err(panic) = checked else {
        return String::new();
    };
    panic.downcast_ref::<String>().cloned().unwrap_or_default()
}

#[test]
fn a_failure_names_its_step() {
    use Step::{Break, Give, Panic};
    for (steps, expected) in [
        (vec![Give(1), Give(0), Give(101)], ""),
        (vec![Break], "step 1 of 1, Break: Template: "),
        (vec![Panic], "step 1 of 1, Panic: it panics: no such step"),
        // Shrunk to the step that fails.
        (vec![Give(5), Panic], "step 1 of 1, Panic: it panics: no such step"),
    ] {
        let message = message(&steps, || ());
        assert_eq!(message.is_empty(), expected.is_empty(), "{steps:?}: {message}");
        assert!(message.contains(expected), "{steps:?}: {message}");
    }
    let message = message(&[Give(1)], || Given::<Runtime>::insert(&account(2), 0));
    assert!(message.contains("before the first step: Template: "), "{message}");
}

#[test]
fn steps_are_counted_from_one() {
    // The third gift is one too many.
    let apply = |step: &u32| {
        apply(&Step::Give(*step));
        assert!(Given::<Runtime>::get(&account(1)) < 3, "too much");
    };
    let start = |_: &()| TestExternalities::<Runtime>::genesis(|genesis| genesis.template.limit = 100);
    let checked = catch_unwind(AssertUnwindSafe(|| {
        check_histories(64, 8, Just(()), Just(1), start, apply);
    }));
    let message = checked.unwrap_err().downcast_ref::<String>().cloned().unwrap();
    assert!(message.contains("step 3 of 3, 1: it panics: too much"), "{message}");
}
