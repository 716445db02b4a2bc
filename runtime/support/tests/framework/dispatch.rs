//! Calls: what they do, what they leave behind when they fail, what they cost, how they are encoded.

use crate::{
    AlmostNothing, Ledger, Quiet, Runtime, RuntimeCall, RuntimeEvent,
    ledger::pallet::{Call, Count, Error, Event, LastNote, Notes, Paid, Shares},
};
use quids_core::ModuleError;
use quids_io::MemoryExternalities;
use quids_support::{
    composition::PalletParts,
    context::{self, Phase},
    dispatch::{DispatchErrorWithPostInfo, DispatchInfo, Dispatchable, GetDispatchInfo, dispatch_transactional},
    events::{EVENTS_KEY, EventRecord},
    prelude::*,
};

const ALICE: AccountId20 = AccountId20([1; 20]);

fn write(note: &[u8]) -> RuntimeCall {
    Call::write { note: note.to_vec() }.into()
}

fn pay(amount: u128, fail: bool) -> RuntimeCall {
    Call::pay {
        to: 7,
        amount,
        share: Balance(3),
        fail,
    }
    .into()
}

fn events() -> Vec<EventRecord<RuntimeEvent>> {
    let bytes = quids_io::storage::get(&EVENTS_KEY).unwrap_or_default();
    if bytes.is_empty() {
        Vec::new()
    } else {
        Decode::decode(&mut &bytes[..]).expect("events decode")
    }
}

#[test]
fn a_call_reaches_its_function_with_origin_and_arguments() {
    MemoryExternalities::default().execute_with(|| {
        let post = write(b"hello")
            .dispatch(Origin::Signed(ALICE))
            .expect("the note is short");
        assert_eq!(post, PostDispatchInfo::default());
        assert_eq!(Notes::<Runtime>::get(&ALICE), Some(b"hello".to_vec()));
        assert_eq!(LastNote::get(), Some(b"hello".to_vec()));
        assert_eq!(Count::<Runtime>::get(), 1);

        let post = pay(5, false).dispatch(Origin::None).expect("it is not asked to fail");
        assert_eq!(post.actual_weight, Some(Weight::new(1, 1)));
        assert_eq!(Paid::<Runtime>::get(&7), 5);
        assert_eq!(Shares::<Runtime>::get(&AccountId20::default(), &7), Balance(3));
    });
}

#[test]
fn a_failed_call_leaves_no_trace() {
    let mut ext = MemoryExternalities::default();
    ext.execute_with(|| pay(5, false).dispatch(Origin::None))
        .expect("it is not asked to fail");
    let before = ext.state().clone();
    ext.execute_with(|| {
        let failed = dispatch_transactional(pay(5, true), Origin::None).expect_err("it is asked to fail");
        assert_eq!(failed.error, Error::<Runtime>::Refused.into());
    });
    assert_eq!(ext.state(), &before);
    ext.execute_with(|| dispatch_transactional(pay(5, false), Origin::None))
        .expect("it is not asked to fail");
    ext.execute_with(|| assert_eq!(Paid::<Runtime>::get(&7), 10));
}

#[test]
fn a_nested_call_rolls_back_alone() {
    let mut ext = MemoryExternalities::default();
    let call: RuntimeCall = Call::nested {
        call: Box::new(pay(5, true)),
    }
    .into();
    let failed = ext
        .execute_with(|| dispatch_transactional(call, Origin::Root))
        .expect_err("the inner call fails");
    assert_eq!(failed.error, Error::<Runtime>::Refused.into());
    assert!(ext.state().is_empty());
}

#[test]
fn errors_carry_the_pallets_index_and_the_errors_number() {
    let module = |number| {
        DispatchError::Module(ModuleError {
            index: 4,
            error: [number, 0, 0, 0],
        })
    };
    assert_eq!(DispatchError::from(Error::<Runtime>::TooLong), module(0));
    assert_eq!(DispatchError::from(Error::<Runtime>::Refused), module(5));
    assert_eq!(Error::<Runtime>::Refused.encode(), [5]);
    assert_eq!(format!("{:?}", Error::<Runtime>::TooLong), "TooLong");

    MemoryExternalities::default().execute_with(|| {
        let result = write(b"far too long").dispatch(Origin::Signed(ALICE));
        let expected = DispatchErrorWithPostInfo {
            post_info: PostDispatchInfo::default(),
            error: module(0),
        };
        assert_eq!(result, Err(expected));
        assert_eq!(
            write(b"").dispatch(Origin::Root).map_err(|e| e.error),
            Err(DispatchError::BadOrigin)
        );
    });
}

#[test]
fn events_are_appended_with_their_phase() {
    MemoryExternalities::default().execute_with(|| {
        context::set_phase(Phase::ApplyExtrinsic(2));
        write(b"a").dispatch(Origin::Signed(ALICE)).expect("the note is short");
        context::set_phase(Phase::Finalization);
        pay(9, false).dispatch(Origin::None).expect("it is not asked to fail");
        context::set_phase(Phase::Initialization);

        let record = |phase, event: Event<Runtime>| EventRecord {
            phase,
            event: event.into(),
            topics: vec![],
        };
        assert_eq!(
            events(),
            [
                record(Phase::ApplyExtrinsic(2), Event::Written { who: ALICE, count: 1 }),
                record(Phase::Finalization, Event::Paid(9)),
            ]
        );
    });
    // Outer index, then the variant's position, then its fields.
    assert_eq!(RuntimeEvent::from(Event::<Runtime>::Paid(9)).encode()[..2], [4, 1]);
}

#[test]
fn weights_see_the_arguments() {
    check_info(write(b"abcd"), cost::of(4, 1, 2), DispatchClass::Normal, Pays::Yes);
    check_info(pay(77, false), Weight::new(77, 0), DispatchClass::Operational, Pays::No);
    check_info(
        Call::set_time { time: 0 }.into(),
        Weight::ZERO,
        DispatchClass::Mandatory,
        Pays::Yes,
    );
    check_info(
        Call::nested {
            call: Box::new(pay(77, false)),
        }
        .into(),
        Weight::new(77, 0),
        DispatchClass::Normal,
        Pays::Yes,
    );
}

fn check_info(call: RuntimeCall, weight: Weight, class: DispatchClass, pays_fee: Pays) {
    assert_eq!(
        call.dispatch_info(),
        DispatchInfo {
            weight,
            class,
            pays_fee
        }
    );
}

#[test]
fn calls_are_encoded_by_declared_indices_and_decode_again() {
    check_encoding(write(b"ab"), &[4, 0, 8, b'a', b'b'], "write");
    check_encoding(pay(63, true), &[4, 7, 7, 0, 0, 0, 63 << 2, 3 << 2, 1], "pay");
    check_encoding(
        Call::set_time { time: 1 }.into(),
        &[4, 3, 1, 0, 0, 0, 0, 0, 0, 0],
        "set_time",
    );
    check_encoding(
        Call::nested {
            call: Box::new(write(b"")),
        }
        .into(),
        &[4, 4, 4, 0, 0],
        "nested",
    );
    for unknown in [&[4, 1][..], &[9, 0], &[200, 0], &[0, 0], &[4]] {
        assert!(RuntimeCall::decode(&mut &unknown[..]).is_err(), "{unknown:?}");
    }
}

fn check_encoding(call: RuntimeCall, bytes: &[u8], name: &'static str) {
    assert_eq!(call.encode(), bytes);
    assert_eq!(RuntimeCall::decode(&mut &bytes[..]), Ok(call.clone()));
    assert_eq!(call.call_name(), ("Ledger", name));
}

#[test]
fn pallets_say_what_they_have() {
    check_parts::<Ledger>("Ledger", true, true, 4);
    check_parts::<Quiet>("Quiet", false, false, 9);
    check_parts::<AlmostNothing>("AlmostNothing", false, false, 200);
    assert_eq!(Runtime::pallet_index("Nobody"), None);
}

fn check_parts<P: PalletParts>(name: &str, calls: bool, events: bool, index: u8) {
    assert_eq!((P::NAME, P::HAS_CALLS, P::HAS_EVENTS), (name, calls, events));
    assert_eq!(Runtime::pallet_index(name), Some(index));
}
