//! That the kit's assertions fail when they should, and that blocks run their hooks and have their time.

mod clock;

use pallet_template::{Call, Error, Event, Given, RoundTotal};
use quids_core::{DispatchError, Height};
use quids_support::{
    benchmark::Benchmark,
    constant,
    dispatch::DispatchResult,
    origin::{EnsureRoot, Origin},
};
use quids_testing::{
    TestExternalities, TestRuntime, account, assert_err, assert_event, assert_noop, assert_ok, assert_storage_noop,
    check_weights, mock_runtime,
};
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

const ALICE: Origin = Origin::Signed(account(1));

fn state() -> TestExternalities<Runtime> {
    TestExternalities::genesis(|genesis: &mut RuntimeGenesisConfig| genesis.template.limit = 100)
}

fn give(amount: u32) -> DispatchResult {
    Runtime::call(ALICE, Call::give { amount })
}

/// What `f`, run on the state, fails with; empty if it does not.
fn message(f: impl FnOnce()) -> String {
    let Err(error) = catch_unwind(AssertUnwindSafe(|| state().execute_with(f))) else {
        return String::new();
    };
    let text = error.downcast_ref::<&str>().map(|text| text.to_string());
    text.or_else(|| error.downcast_ref::<String>().cloned())
        .unwrap_or_default()
}

/// Writes, then fails: what `Runtime::call` would undo.
fn careless() -> DispatchResult {
    Given::<Runtime>::insert(&account(9), 5);
    Err(DispatchError::BadOrigin)
}

#[test]
fn assertions_hold_or_say_why_not() {
    let refused = Error::<Runtime>::AmountRefused;
    let cases: [(fn(), &str); 16] = [
        (|| assert_ok!(give(5)), ""),
        (|| assert_ok!(give(0)), "expected Ok, found Module"),
        (|| assert_ok!(Ok::<_, ()>(4), 5), "left == right"),
        (|| assert_noop!(give(0), Error::<Runtime>::AmountRefused), ""),
        (
            || assert_noop!(give(1), Error::<Runtime>::AmountRefused),
            "expected an error, found Ok",
        ),
        (|| assert_noop!(give(0), DispatchError::BadOrigin), "left == right"),
        (
            || assert_noop!(careless(), DispatchError::BadOrigin),
            "careless() failed and changed the state: 1 keys",
        ),
        (|| assert_err!(careless(), DispatchError::BadOrigin), ""),
        (
            || assert_err!(give(1), DispatchError::BadOrigin),
            "expected an error, found Ok",
        ),
        (|| assert_err!(give(0), DispatchError::BadOrigin), "left == right"),
        (|| assert!(assert_storage_noop!(give(0).is_err())), ""),
        (
            || assert!(assert_storage_noop!(careless()).is_err()),
            "careless() changed the state: 1 keys",
        ),
        (
            || assert!(assert_storage_noop!(give(1)).is_ok()),
            "give(1) changed the state: ",
        ),
        (
            || assert_event!(Runtime, Event::RoundClosed { total: 0 }),
            "is not among",
        ),
        (
            || Given::<Runtime>::insert(&account(2), 0),
            "an invariant does not hold at the end: Template: ",
        ),
        (|| Runtime::run_to_block(3), ""),
    ];
    for (case, (f, expected)) in cases.into_iter().enumerate() {
        let message = message(f);
        assert_eq!(message.is_empty(), expected.is_empty(), "case {case}: {message}");
        assert!(message.contains(expected), "case {case}: {message}");
    }
    state().execute_with(|| assert_eq!(give(0).unwrap_err(), refused.into()));
}

#[test]
fn blocks_run_their_hooks() {
    state().execute_with(|| {
        Runtime::run_to_block(9);
        assert_ok!(give(7));
        assert_event!(
            Runtime,
            Event::Given {
                who: account(1),
                amount: 7
            }
        );
        Runtime::run_to_block(10);
        assert_event!(Runtime, last Event::RoundClosed { total: 7 });
        assert_eq!((Runtime::height(), RoundTotal::<Runtime>::get()), (Height(10), 0));
        let mut inside = Vec::new();
        Runtime::run_to_block_with(12, |_| Default::default(), |height| inside.push(height.0));
        assert_eq!(inside, [11, 12]);
        assert_eq!(Runtime::end_block().number, Height(12));
    });
}

#[test]
fn genesis_is_stated_as_data_or_as_json() {
    let json = TestExternalities::<Runtime>::from_json(serde_json::json!({ "template": { "limit": 100 } }));
    assert_eq!(json.state(), state().state());
    assert_ne!(json.state(), TestExternalities::<Runtime>::default().state());
    let wrong = catch_unwind(|| {
        drop(TestExternalities::<Runtime>::from_json(
            serde_json::json!({ "templates": {} }),
        ))
    });
    assert!(
        wrong
            .unwrap_err()
            .downcast_ref::<String>()
            .unwrap()
            .contains("unknown field")
    );
}

#[test]
fn a_call_without_a_measured_weight_is_found() {
    let guessed = [("Template", Benchmark::<()>::new("give", [], |[]| Err(String::new())))];
    let failure = message(|| check_weights(Runtime::pallets_metadata(), &guessed, &["System"]));
    assert!(failure.contains("Template.give"), "{failure}");
    let failure = message(|| check_weights::<()>(Runtime::pallets_metadata(), &[], &["System"]));
    assert!(failure.contains("of_pallet::<Template, _>()"), "{failure}");
    check_weights::<()>(Runtime::pallets_metadata(), &[], &["System", "Template"]);
}
