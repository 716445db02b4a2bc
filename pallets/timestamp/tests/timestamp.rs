//! Tests of the timestamp pallet: when a time is accepted, and who states it.

use pallet_timestamp::{AHEAD_MAX_MS, Call, DidUpdate, Error, Now};
use quids_api::{DispatchClass, InherentData, TIMESTAMP_INHERENT};
use quids_core::{DispatchError, Height};
use quids_support::{
    constant, dispatch::GetDispatchInfo, hooks::Hooks, inherents::ProvideInherent, origin::Origin, traits::UnixTime,
};
use quids_testing::{TestExternalities, TestRuntime, account, assert_noop, assert_ok, mock_runtime};

mock_runtime! {
    /// A test runtime.
    pub struct Runtime { Timestamp: pallet_timestamp = 1 }
}

constant!(pub MinimumPeriod: u64 = 500);

impl pallet_timestamp::Config for Runtime {
    type MinimumPeriod = MinimumPeriod;
}

fn set(now: u64) -> Call<Runtime> {
    Call::set { now }
}

/// Runs in a block after one at 10 000 ms.
fn test(f: impl FnOnce()) {
    TestExternalities::<Runtime>::default().execute_with(|| {
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
                assert_ok!(Runtime::call(Origin::None, set(now)));
                assert_eq!(Timestamp::now_ms(), now);
            } else {
                assert_noop!(Runtime::call(Origin::None, set(now)), Error::<Runtime>::TooEarly);
            }
        });
    }
    TestExternalities::<Runtime>::default()
        .execute_with(|| assert_noop!(Runtime::call(Origin::None, set(0)), Error::<Runtime>::TooEarly));
}

#[test]
fn a_block_has_one_time() {
    test(|| {
        assert_ok!(Runtime::call(Origin::None, set(11_000)));
        assert_noop!(Runtime::call(Origin::None, set(12_000)), Error::<Runtime>::AlreadySet);
        Timestamp::on_finalize(Height(1));
        assert!(!DidUpdate::<Runtime>::exists());
        assert_ok!(Runtime::call(Origin::None, set(12_000)));
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
        let signed = Origin::Signed(account(1));
        assert_noop!(Runtime::call(signed, set(11_000)), DispatchError::BadOrigin);
        assert_noop!(Runtime::call(Origin::Root, set(11_000)), DispatchError::BadOrigin);
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

#[test]
fn every_call_has_a_benchmark() {
    quids_testing::check_benchmarks::<Runtime, Timestamp>(TestExternalities::default);
}
