//! Tests of the timestamp pallet: when a time is accepted, and who states it.

use pallet_timestamp::{AHEAD_MAX_MS, Call, DidUpdate, Error, Now};
use quids_api::{DispatchClass, InherentData, RuntimeVersion, TIMESTAMP_INHERENT};
use quids_core::{AccountId20, DispatchError, Height, Weight};
use quids_io::MemoryExternalities;
use quids_support::{
    constant, construct_runtime,
    dispatch::{GetDispatchInfo, dispatch_transactional},
    hooks::Hooks,
    inherents::ProvideInherent,
    limits::BlockLimits,
    origin::Origin,
    traits::UnixTime,
};

construct_runtime! {
    /// A test runtime.
    pub struct Runtime {
        System: pallet_system = 0,
        Timestamp: pallet_timestamp = 1,
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

constant!(pub MinimumPeriod: u64 = 500);

impl pallet_timestamp::Config for Runtime {
    type MinimumPeriod = MinimumPeriod;
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

fn set(now: u64) -> Call<Runtime> {
    Call::set { now }
}

/// Runs in a block after one at 10 000 ms.
fn test(f: impl FnOnce()) {
    MemoryExternalities::default().execute_with(|| {
        Now::<Runtime>::put(10_000);
        f();
    });
}

fn clock(now: u64) -> InherentData {
    let mut data = InherentData::default();
    data.put(TIMESTAMP_INHERENT, &now);
    data
}

#[test]
fn time_goes_forward_by_the_minimum_period() {
    for (now, accepted) in [
        (10_500, true),
        (u64::MAX, true),
        (10_499, false),
        (10_000, false),
        (0, false),
    ] {
        test(|| {
            if accepted {
                call(Origin::None, set(now)).unwrap();
                assert_eq!(Timestamp::now_ms(), now);
            } else {
                refused(Origin::None, set(now), Error::<Runtime>::TooEarly);
            }
        });
    }
    MemoryExternalities::default().execute_with(|| refused(Origin::None, set(0), Error::<Runtime>::TooEarly));
}

#[test]
fn a_block_has_one_time() {
    test(|| {
        call(Origin::None, set(11_000)).unwrap();
        refused(Origin::None, set(12_000), Error::<Runtime>::AlreadySet);
        Timestamp::on_finalize(Height(1));
        assert!(!DidUpdate::<Runtime>::exists());
        call(Origin::None, set(12_000)).unwrap();
    });
    let panic = std::panic::catch_unwind(|| test(|| Timestamp::on_finalize(Height(3)))).unwrap_err();
    assert_eq!(
        panic.downcast_ref::<String>().unwrap(),
        "invalid block: block 3 has no timestamp inherent"
    );
}

#[test]
fn nobody_sends_it_as_a_transaction() {
    test(|| {
        refused(
            Origin::Signed(AccountId20([1; 20])),
            set(11_000),
            DispatchError::BadOrigin,
        );
        refused(Origin::Root, set(11_000), DispatchError::BadOrigin);
        assert_eq!(
            RuntimeCall::from(set(1)).dispatch_info().class,
            DispatchClass::Mandatory
        );
        assert!(Timestamp::is_inherent(&set(1)));
    });
}

#[test]
fn the_author_states_its_clock_or_the_earliest_time() {
    for (clock_ms, stated) in [(20_000, 20_000), (10_100, 10_500), (0, 10_500)] {
        test(|| assert_eq!(Timestamp::create_inherent(&clock(clock_ms)), Some(set(stated))));
    }
    test(|| assert_eq!(Timestamp::create_inherent(&InherentData::default()), None));
}

#[test]
fn a_node_disagrees_with_a_block_from_the_future() {
    let check = |now, data: &InherentData| Timestamp::check_inherent(&set(now), data);
    let data = clock(20_000);
    assert_eq!(check(20_000 + AHEAD_MAX_MS, &data), Ok(()));
    assert!(
        check(20_001 + AHEAD_MAX_MS, &data)
            .unwrap_err()
            .contains("30001 ms ahead")
    );
    assert_eq!(check(0, &data), Ok(()));
    assert_eq!(check(u64::MAX, &InherentData::default()), Ok(()));
}
