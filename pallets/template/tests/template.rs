//! Tests of the template pallet: a runtime of it and the system pallet, and a test for each behaviour.

use pallet_template::{Call, CurrentLimit, Error, Event, Given, Limit, RoundTotal, StorageVersion};
use quids_api::RuntimeVersion;
use quids_core::{AccountId20, DispatchError, Height, Weight};
use quids_io::MemoryExternalities;
use quids_support::{
    constant, construct_runtime, dispatch::dispatch_transactional, genesis::BuildGenesis, hooks::Hooks,
    limits::BlockLimits, origin::Origin,
};

construct_runtime! {
    /// A test runtime.
    pub struct Runtime {
        System: pallet_system = 0,
        Template: pallet_template = 1,
    }
}

constant!(pub Limits: BlockLimits = BlockLimits {
    max_weight: Weight::new(1_000_000_000_000, 1_000_000),
    normal_percent: 75,
    base_extrinsic: Weight::ZERO,
    base_block: Weight::ZERO,
    max_length: 1 << 20,
    max_extrinsic_length: 1 << 18,
});
constant!(pub HashCount: Height = Height(8));
constant!(pub Version: RuntimeVersion = RuntimeVersion {
    spec_name: "test".into(),
    impl_name: "test".into(),
    authoring_version: 1,
    spec_version: 5,
    impl_version: 1,
    apis: Vec::new(),
    transaction_version: 1,
    state_version: 1,
});

impl pallet_system::Config for Runtime {
    type BlockLimits = Limits;
    type BlockHashCount = HashCount;
    type Version = Version;
}

constant!(pub RoundLength: Height = Height(10));

impl pallet_template::Config for Runtime {
    type RoundLength = RoundLength;
}

/// Makes a call as the executive does.
fn call(origin: Origin, call: impl Into<RuntimeCall>) -> Result<(), DispatchError> {
    dispatch_transactional(call.into(), origin)
        .map(drop)
        .map_err(|failed| failed.error)
}

/// The call fails with this error and changes nothing.
#[track_caller]
fn refused(origin: Origin, c: impl Into<RuntimeCall>, error: impl Into<DispatchError>) {
    let before = quids_io::storage::root();
    assert_eq!(call(origin, c), Err(error.into()));
    assert_eq!(quids_io::storage::root(), before, "a failed call changed the state");
}

/// The events so far; forgets them.
fn events() -> Vec<RuntimeEvent> {
    pallet_system::Events::<Runtime>::take()
        .into_iter()
        .map(|record| record.event)
        .collect()
}

const ALICE: Origin = Origin::Signed(AccountId20([1; 20]));

/// Runs after a genesis with a limit of 100.
fn test(f: impl FnOnce()) {
    let config: pallet_template::GenesisConfig = serde_json::from_str(r#"{ "limit": 100 }"#).unwrap();
    MemoryExternalities::default().execute_with(|| {
        BuildGenesis::<Runtime>::build(&config);
        f();
    });
}

fn give(amount: u32) -> Call<Runtime> {
    Call::give { amount }
}

#[test]
fn amounts_up_to_the_limit_are_given() {
    test(|| {
        let who = AccountId20([1; 20]);
        for amount in [1, 100] {
            call(ALICE, give(amount)).unwrap();
            assert_eq!(events(), [Event::Given { who, amount }.into()]);
        }
        assert_eq!((Given::<Runtime>::get(&who), RoundTotal::<Runtime>::get()), (101, 101));
        for amount in [0, 101, u32::MAX] {
            refused(ALICE, give(amount), Error::<Runtime>::AmountRefused);
        }
        Given::<Runtime>::insert(&who, u64::MAX - 9);
        refused(ALICE, give(10), Error::<Runtime>::Overflow);
        refused(Origin::Root, give(10), DispatchError::BadOrigin);
        refused(Origin::None, give(10), DispatchError::BadOrigin);
    });
}

#[test]
fn root_sets_the_limit() {
    test(|| {
        let limit = Limit::from_amount(5);
        call(Origin::Root, Call::set_limit { limit }).unwrap();
        assert_eq!(events(), [Event::LimitSet { limit }.into()]);
        call(ALICE, give(5)).unwrap();
        refused(ALICE, give(6), Error::<Runtime>::AmountRefused);
        refused(ALICE, Call::set_limit { limit }, DispatchError::BadOrigin);
    });
}

#[test]
fn a_round_ends_with_its_sum() {
    test(|| {
        call(ALICE, give(7)).unwrap();
        events();
        assert_eq!(Template::on_initialize(Height(19)), Weight::ZERO);
        assert_eq!(events(), []);
        assert_ne!(Template::on_initialize(Height(20)), Weight::ZERO);
        assert_eq!(events(), [Event::RoundClosed { total: 7 }.into()]);
        assert_eq!(RoundTotal::<Runtime>::get(), 0);
    });
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
        call(ALICE, give(7)).unwrap();
        call(ALICE, Call::forget {}).unwrap();
        assert!(!Given::<Runtime>::contains_key(&AccountId20([1; 20])));
        refused(Origin::Root, Call::forget {}, DispatchError::BadOrigin);
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
