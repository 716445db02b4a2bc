//! Tests of the template pallet: a runtime of it and the system pallet, and a test for each behaviour.

use pallet_template::{Call, CurrentLimit, Error, Event, Given, Limit, RoundTotal, StorageVersion};
use quids_core::{AccountId20, DispatchError, Height};
use quids_support::{
    constant,
    hooks::Hooks,
    origin::{EnsureRoot, Origin},
};
use quids_testing::{TestExternalities, TestRuntime, account, assert_event, assert_noop, assert_ok, mock_runtime};

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

/// After a genesis with a limit of 100.
fn state() -> TestExternalities<Runtime> {
    TestExternalities::genesis(|genesis: &mut RuntimeGenesisConfig| genesis.template.limit = 100)
}

#[track_caller]
fn test(f: impl FnOnce()) {
    state().execute_with(f);
}

fn give(amount: u32) -> Call<Runtime> {
    Call::give { amount }
}

#[test]
fn amounts_up_to_the_limit_are_given() {
    test(|| {
        let who = AccountId20([1; 20]);
        for amount in [1, 100] {
            assert_ok!(Runtime::call(ALICE, give(amount)));
            assert_event!(Runtime, last Event::Given { who, amount });
        }
        assert_eq!((Given::<Runtime>::get(&who), RoundTotal::<Runtime>::get()), (101, 101));
        for amount in [0, 101, u32::MAX] {
            assert_noop!(Runtime::call(ALICE, give(amount)), Error::<Runtime>::AmountRefused);
        }
        Given::<Runtime>::insert(&who, u64::MAX - 9);
        assert_noop!(Runtime::call(ALICE, give(10)), Error::<Runtime>::Overflow);
        assert_noop!(Runtime::call(Origin::Root, give(10)), DispatchError::BadOrigin);
        assert_noop!(Runtime::call(Origin::None, give(10)), DispatchError::BadOrigin);
    });
}

#[test]
fn root_sets_the_limit() {
    test(|| {
        let limit = Limit::from_amount(5);
        assert_ok!(Runtime::call(Origin::Root, Call::set_limit { limit }));
        assert_eq!(Runtime::take_events(), [Event::LimitSet { limit }.into()]);
        assert_ok!(Runtime::call(ALICE, give(5)));
        assert_noop!(Runtime::call(ALICE, give(6)), Error::<Runtime>::AmountRefused);
        assert_noop!(
            Runtime::call(ALICE, Call::set_limit { limit }),
            DispatchError::BadOrigin
        );
    });
}

#[test]
fn a_round_ends_with_its_sum() {
    test(|| {
        Runtime::run_to_block(19);
        assert_ok!(Runtime::call(ALICE, give(7)));
        Runtime::take_events();
        Runtime::run_to_block(20);
        assert_eq!(Runtime::take_events(), [Event::RoundClosed { total: 7 }.into()]);
        assert_eq!(RoundTotal::<Runtime>::get(), 0);
        Runtime::run_to_block(21);
        assert_eq!(Runtime::take_events(), []);
    });
}

#[test]
fn an_entry_of_nothing_is_found() {
    for broken in [(|| Given::<Runtime>::insert(&account(1), 0)) as fn(), || {
        StorageVersion::<Runtime>::put(7)
    }] {
        state().execute_unchecked(|| {
            assert_ok!(Runtime::try_state());
            broken();
            assert!(Runtime::try_state().unwrap_err().starts_with("Template: "));
        });
    }
}

#[test]
fn an_upgrade_of_a_fresh_chain_changes_nothing() {
    test(|| {
        let before = quids_io::storage::root();
        Template::on_runtime_upgrade();
        assert_eq!(quids_io::storage::root(), before);
    });
}

#[cfg(feature = "next")]
#[test]
fn the_limit_of_version_1_becomes_a_structure_once() {
    // With a stored version, and without: version 1 had no genesis entry on the first chains.
    for version in [Some(1), None] {
        test(|| {
            quids_io::storage::set(&CurrentLimit::<Runtime>::key(), &42u32.to_le_bytes());
            StorageVersion::<Runtime>::set(version);
            Template::on_runtime_upgrade();
            assert_eq!(
                CurrentLimit::<Runtime>::get(),
                Limit {
                    at_least: 1,
                    at_most: 42
                }
            );
            assert_eq!(StorageVersion::<Runtime>::get(), Some(2));
            let before = quids_io::storage::root();
            Template::on_runtime_upgrade();
            assert_eq!(quids_io::storage::root(), before, "a migration ran twice");
        });
    }
}

#[cfg(feature = "next")]
#[test]
fn an_account_is_forgotten() {
    test(|| {
        assert_ok!(Runtime::call(ALICE, give(7)));
        assert_ok!(Runtime::call(ALICE, Call::forget {}));
        assert!(!Given::<Runtime>::contains_key(&AccountId20([1; 20])));
        assert_noop!(Runtime::call(Origin::Root, Call::forget {}), DispatchError::BadOrigin);
    });
}

#[cfg(not(feature = "next"))]
#[test]
fn the_stored_limit_is_a_number() {
    test(|| {
        let key = CurrentLimit::<Runtime>::key();
        assert_eq!(quids_io::storage::get(&key).as_deref(), Some(&100u32.to_le_bytes()[..]));
        assert_eq!(StorageVersion::<Runtime>::get(), Some(1));
    });
}

#[test]
fn every_call_has_a_benchmark() {
    quids_testing::check_benchmarks::<Runtime, Template>(state);
}
