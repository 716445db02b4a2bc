//! Tests of the pallet: a runtime of it and the system pallet, and a test for each behaviour.

use pallet_starter::{Call, Counts, Error, Event, Total};
use proptest::prelude::{Just, Strategy, prop_oneof};
use quids_core::DispatchError;
use quids_support::{
    constant,
    origin::{EnsureRoot, Origin},
};
use quids_testing::{
    TestExternalities, TestRuntime, account, assert_event, assert_noop, assert_ok, mock_runtime,
    property::{accounts, check_histories},
};

mock_runtime! {
    /// A test runtime.
    pub struct Runtime { Starter: pallet_starter = 1 }
}

constant!(pub StepMax: u32 = 10);

impl pallet_starter::Config for Runtime {
    type StepMax = StepMax;
    type AdminOrigin = EnsureRoot;
}

const ALICE: Origin = Origin::Signed(account(1));

/// After a genesis in which account 2 has counted to 5.
fn state() -> TestExternalities<Runtime> {
    TestExternalities::genesis(|genesis: &mut RuntimeGenesisConfig| {
        genesis.starter.counts = vec![(account(2), 5), (account(3), 0)];
    })
}

fn count(by: u32) -> Call<Runtime> {
    Call::count { by }
}

#[test]
fn steps_up_to_the_most_are_counted() {
    state().execute_with(|| {
        let who = account(1);
        for (by, count) in [(1, 1), (10, 11)] {
            assert_ok!(Runtime::call(ALICE, Call::count { by }));
            assert_event!(Runtime, last Event::Counted { who, by, count });
        }
        assert_eq!((Counts::<Runtime>::get(&who), Total::<Runtime>::get()), (11, 16));
        for by in [0, 11, u32::MAX] {
            assert_noop!(Runtime::call(ALICE, count(by)), Error::<Runtime>::StepRefused);
        }
        Counts::<Runtime>::insert(&who, u64::MAX - 4);
        assert_noop!(Runtime::call(ALICE, count(5)), Error::<Runtime>::Overflow);
        for origin in [Origin::Root, Origin::None] {
            assert_noop!(Runtime::call(origin, count(1)), DispatchError::BadOrigin);
        }
    });
}

#[test]
fn root_starts_a_count_anew() {
    state().execute_with(|| {
        let who = account(2);
        assert_eq!(Counts::<Runtime>::get(&who), 5);
        assert_noop!(Runtime::call(ALICE, Call::restart { who }), DispatchError::BadOrigin);
        assert_ok!(Runtime::call(Origin::Root, Call::restart { who }));
        assert_event!(Runtime, last Event::Restarted { who });
        assert!(!Counts::<Runtime>::contains_key(&who));
        assert_eq!(Total::<Runtime>::get(), 5);
    });
}

// Any calls by any account, in any order: after each the pallet's `try_state` is asked as well.
#[test]
fn nobody_has_counted_what_is_not_in_the_total() {
    let who = || accounts(3);
    let call = prop_oneof![
        (who(), 0..=11u32).prop_map(|(who, by)| (Origin::Signed(who), Call::count { by })),
        who().prop_map(|who| (Origin::Root, Call::restart { who })),
    ];
    check_histories(
        50,
        30,
        Just(()),
        call,
        |()| state(),
        |(origin, call)| {
            // Whether it succeeds is another test's matter.
            let _ = Runtime::call(*origin, call.clone());
            let counted: u128 = Counts::<Runtime>::iter().map(|(_, count)| u128::from(count)).sum();
            assert!(counted <= Total::<Runtime>::get());
        },
    );
}

#[test]
fn an_entry_of_nothing_is_found() {
    state().execute_unchecked(|| {
        assert_ok!(Runtime::try_state());
        Counts::<Runtime>::insert(&account(3), 0);
        assert!(Runtime::try_state().unwrap_err().starts_with("Starter: "));
    });
}

#[test]
fn every_call_has_a_benchmark() {
    quids_testing::check_benchmarks::<Runtime, Starter>(state);
}
