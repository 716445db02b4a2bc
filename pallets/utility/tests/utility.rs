//! Batches: what stands after them, what they tell, what they are charged.

use pallet_balances::FeeSchedule;
use pallet_template::Call as Giving;
use pallet_utility::{Call, Error, Event, costs, weights};
use proptest::prelude::*;
use quids_api::DispatchClass;
use quids_core::{AccountId20, Balance, DispatchError, Height, Weight};
use quids_support::{
    constant, construct_runtime,
    dispatch::{DispatchResultWithPostInfo, GetDispatchInfo, dispatch_transactional},
    filter::CallFilter,
    origin::{EnsureRoot, Origin},
    traits::Currency,
};
use quids_testing::{
    Limits, RecentHashes, TestExternalities, TestRuntime, Version, account, assert_event, assert_noop, assert_ok,
    property::{accounts, amounts, check_histories},
    test_runtime,
};

construct_runtime! {
    /// A test runtime whose accounts may not burn.
    #[call_filter(NoBurning)]
    pub struct Runtime {
        System: pallet_system = 0,
        Balances: pallet_balances = 1,
        Template: pallet_template = 2,
        Utility: pallet_utility = 3,
    }
}

test_runtime!(Runtime);

/// Lets only root burn.
pub struct NoBurning;

impl CallFilter<RuntimeCall> for NoBurning {
    fn admit(origin: &Origin, call: &RuntimeCall) -> Result<(), DispatchError> {
        match call {
            RuntimeCall::Balances(pallet_balances::Call::burn { .. }) if *origin != Origin::Root => {
                Err(pallet_system::Error::<Runtime>::CallFiltered.into())
            }
            _ => Ok(()),
        }
    }
}

constant!(pub ExistentialDeposit: Balance = Balance(0));
constant!(pub RoundLength: Height = Height(10));
constant!(pub CallsMax: u32 = 8);
constant!(pub Fees: FeeSchedule = FeeSchedule {
    base: Balance(0),
    per_byte: Balance(0),
    per_microsecond: Balance(0),
    per_proof_byte: Balance(0),
});

impl pallet_system::Config for Runtime {
    type BlockLimits = Limits;
    type BlockHashCount = RecentHashes;
    type Version = Version;
    type Observers = ();
}
impl pallet_balances::Config for Runtime {
    type ExistentialDeposit = ExistentialDeposit;
    type Fees = Fees;
}
impl pallet_template::Config for Runtime {
    type RoundLength = RoundLength;
    type AdminOrigin = EnsureRoot;
}
impl pallet_utility::Config for Runtime {
    type CallsMax = CallsMax;
}

const ALICE: AccountId20 = account(1);
const BOB: AccountId20 = account(2);
const BY_ALICE: Origin = Origin::Signed(ALICE);
const TOO_LITTLE: fn() -> DispatchError = || pallet_balances::Error::<Runtime>::InsufficientBalance.into();

/// Alice and Bob have 100 each.
fn state() -> TestExternalities<Runtime> {
    TestExternalities::genesis(|genesis: &mut RuntimeGenesisConfig| {
        genesis.balances.balances = vec![(ALICE, Balance(100)), (BOB, Balance(100))];
        genesis.template.limit = 10;
    })
}

fn pay(amount: u128) -> RuntimeCall {
    let (dest, value) = (BOB, Balance(amount));
    pallet_balances::Call::transfer_allow_death { dest, value }.into()
}

fn burn() -> RuntimeCall {
    let (value, keep_alive) = (Balance(1), false);
    pallet_balances::Call::burn { value, keep_alive }.into()
}

fn batch(calls: Vec<RuntimeCall>) -> RuntimeCall {
    Call::batch { calls }.into()
}

fn batch_all(calls: Vec<RuntimeCall>) -> RuntimeCall {
    Call::batch_all { calls }.into()
}

fn force_batch(calls: Vec<RuntimeCall>) -> RuntimeCall {
    Call::force_batch { calls }.into()
}

fn alice() -> u128 {
    Balances::free_balance(&ALICE).0
}

/// Alice has so much after the call, and the last event is this.
#[track_caller]
fn check(call: RuntimeCall, left: u128, last: Event<Runtime>) {
    state().execute_with(|| {
        assert_ok!(Runtime::call(BY_ALICE, call));
        assert_eq!(alice(), left);
        assert_event!(Runtime, last last);
    });
}

#[test]
fn what_stands_after_a_failure_is_the_modes() {
    let calls = || vec![pay(10), pay(1000), pay(20)];
    let error = TOO_LITTLE();
    check(batch(calls()), 90, Event::BatchInterrupted { index: 1, error });
    check(force_batch(calls()), 70, Event::BatchCompletedWithErrors);
    state().execute_with(|| assert_noop!(Runtime::call(BY_ALICE, batch_all(calls())), error));
    for mode in [batch, batch_all, force_batch] {
        check(mode(vec![pay(10), pay(20)]), 70, Event::BatchCompleted);
        check(mode(vec![]), 100, Event::BatchCompleted);
    }
}

#[test]
fn batches_nest() {
    let error = TOO_LITTLE();
    // An inner failure is a success of `batch`, and a failure of `batch_all`.
    check(
        batch(vec![batch(vec![pay(10), pay(1000)]), pay(5)]),
        85,
        Event::BatchCompleted,
    );
    check(
        batch(vec![pay(1), batch_all(vec![pay(10), pay(1000)]), pay(5)]),
        99,
        Event::BatchInterrupted { index: 1, error },
    );
    check(
        force_batch(vec![pay(1), batch_all(vec![pay(10), pay(1000)]), pay(5)]),
        94,
        Event::BatchCompletedWithErrors,
    );
    let deep = |mode: fn(Vec<RuntimeCall>) -> RuntimeCall| (0..31).fold(pay(1), |inner, _| mode(vec![inner]));
    for mode in [batch, batch_all, force_batch] {
        check(deep(mode), 99, Event::BatchCompleted);
    }
}

#[test]
fn bounds_and_origins() {
    state().execute_with(|| {
        for mode in [batch, batch_all, force_batch] {
            assert_ok!(Runtime::call(BY_ALICE, mode(vec![pay(1); 8])));
            assert_noop!(
                Runtime::call(BY_ALICE, mode(vec![pay(1); 9])),
                Error::<Runtime>::TooManyCalls
            );
            assert_noop!(Runtime::call(Origin::None, mode(vec![])), DispatchError::BadOrigin);
        }
        // Calls are made as the batch's own origin.
        let limit = pallet_template::Limit::from_amount(3);
        let set = || RuntimeCall::from(Giving::set_limit { limit });
        assert_noop!(
            Runtime::call(BY_ALICE, batch_all(vec![set()])),
            DispatchError::BadOrigin
        );
        assert_ok!(Runtime::call(Origin::Root, batch_all(vec![set()])));
    });
}

#[test]
fn the_filter_is_asked_for_each_call() {
    let filtered: DispatchError = pallet_system::Error::<Runtime>::CallFiltered.into();
    state().execute_with(|| {
        assert_noop!(Runtime::call(BY_ALICE, burn()), filtered);
        assert_noop!(
            Runtime::call(BY_ALICE, batch_all(vec![pay(1), batch_all(vec![burn()])])),
            filtered
        );
        assert_ok!(Runtime::call(BY_ALICE, batch(vec![pay(1), burn()])));
        assert_event!(Runtime, last Event::BatchInterrupted { index: 1, error: filtered });
        // Root passes the filter, and has no account to burn from.
        assert_noop!(Runtime::call(Origin::Root, burn()), DispatchError::BadOrigin);
    });
}

fn used(call: RuntimeCall) -> Weight {
    let made: DispatchResultWithPostInfo = state().execute_with(|| dispatch_transactional(call, BY_ALICE));
    let post = match made {
        Ok(post) => post,
        Err(failed) => failed.post_info,
    };
    post.actual_weight.unwrap()
}

#[test]
fn a_batch_weighs_what_its_calls_used() {
    let calls = || vec![pay(1), pay(1000), pay(1)];
    for (mode, own, made) in [
        (batch as fn(_) -> _, weights::batch as fn(u32) -> _, 2),
        (batch_all, weights::batch_all, 2),
        (force_batch, weights::force_batch, 3),
    ] {
        let of = |count: u32| {
            let each = pay(1).dispatch_info().weight.saturating_add(costs::ITEM);
            own(count).saturating_add(each.saturating_mul(count.into()))
        };
        assert_eq!(mode(calls()).dispatch_info().weight, of(3));
        assert_eq!(used(mode(vec![pay(1); 3])), of(3));
        assert_eq!(used(mode(calls())), of(made));
    }
    // Operational only if all of it is, since operational calls have room of their own.
    let set = || {
        RuntimeCall::from(Giving::set_limit {
            limit: pallet_template::Limit::from_amount(3),
        })
    };
    for (calls, class) in [
        (vec![set(), set()], DispatchClass::Operational),
        (vec![set(), pay(1)], DispatchClass::Normal),
        (vec![], DispatchClass::Normal),
    ] {
        assert_eq!(batch(calls).dispatch_info().class, class);
    }
}

/// Whatever is batched, in whatever mode and nesting: nothing is made or lost, and a failed `batch_all` leaves nothing.
#[test]
fn any_batch_keeps_the_invariants() {
    let leaf = (accounts(3), amounts(60))
        .prop_map(|(dest, value)| RuntimeCall::from(pallet_balances::Call::transfer_allow_death { dest, value }));
    let call = leaf.prop_recursive(3, 24, 4, |inner| {
        (0..3u8, proptest::collection::vec(inner, 0..5)).prop_map(|(mode, calls)| match mode {
            0 => batch(calls),
            1 => batch_all(calls),
            _ => force_batch(calls),
        })
    });
    check_histories(
        128,
        12,
        Just(()),
        (accounts(3), call),
        |()| state(),
        |(who, call)| {
            let before = quids_testing::snapshot();
            if Runtime::call(Origin::Signed(*who), call.clone()).is_err() {
                assert_eq!(quids_testing::changes(&before, &quids_testing::snapshot()), None);
            }
        },
    );
}

#[test]
fn every_call_has_a_benchmark() {
    quids_testing::check_benchmarks::<Runtime, Utility>(state);
}
