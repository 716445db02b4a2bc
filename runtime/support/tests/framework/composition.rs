//! What the runtime does with all its pallets: hooks, genesis, inherents, unsigned calls.

use crate::{
    AllPallets, Ledger, Runtime, RuntimeCall, RuntimeGenesisConfig, TRACE,
    ledger::pallet::{Call, Count, Notes, TIME},
};
use quids_api::TransactionValidityError;
use quids_io::MemoryExternalities;
use quids_support::prelude::*;

fn traced(f: impl FnOnce() -> Weight) -> (Weight, Vec<String>) {
    TRACE.take();
    (f(), TRACE.take())
}

#[test]
fn hooks_run_in_declared_order_and_weights_add_up() {
    let (used, lines) = traced(|| AllPallets::on_initialize(Height(7)));
    assert_eq!(lines, ["quiet initialize 7", "ledger initialize 7"]);
    assert_eq!(used, Weight::new(30, 3));

    let (used, lines) = traced(|| AllPallets::on_idle(Height(7), Weight::new(100, 0)));
    assert_eq!(lines, ["quiet idle 100", "ledger idle 60"]);
    assert_eq!(used, Weight::new(70, 0));

    let (used, lines) = traced(AllPallets::on_runtime_upgrade);
    assert_eq!(lines, ["quiet upgrade", "ledger upgrade"]);
    assert_eq!(used, Weight::new(5, 5));

    let ((), lines) = (AllPallets::on_finalize(Height(8)), TRACE.take());
    assert_eq!(lines, ["quiet finalize 8", "ledger finalize 8"]);
}

#[test]
fn what_is_not_marked_is_left_alone() {
    assert_eq!(Ledger::height(), Height(3));
}

#[test]
fn genesis_is_read_from_json_and_built() {
    let json = r#"{ "ledger": { "firstNotes": [["0x0101010101010101010101010101010101010101", "hi"]], "count": 4 } }"#;
    let genesis: RuntimeGenesisConfig = serde_json::from_str(json).expect("the JSON fits");
    MemoryExternalities::default().execute_with(|| {
        genesis.build();
        assert_eq!(Notes::<Runtime>::get(&AccountId20([1; 20])), Some(b"hi".to_vec()));
        assert_eq!(Count::<Runtime>::get(), 4);
    });
}

#[test]
fn genesis_has_defaults_and_refuses_what_it_does_not_know() {
    for accepted in [
        "{}",
        r#"{ "ledger": {} }"#,
        r#"{ "ledger": { "count": 1 }, "almostNothing": null }"#,
    ] {
        assert!(
            serde_json::from_str::<RuntimeGenesisConfig>(accepted).is_ok(),
            "{accepted}"
        );
    }
    for refused in [
        r#"{ "Ledger": {} }"#,
        r#"{ "ledger": { "first_notes": [] } }"#,
        r#"{ "nobody": {} }"#,
    ] {
        assert!(
            serde_json::from_str::<RuntimeGenesisConfig>(refused).is_err(),
            "{refused}"
        );
    }
}

#[test]
fn inherents_are_created_recognised_and_checked() {
    let mut data = InherentData::default();
    assert_eq!(Runtime::create_inherents(&data), []);
    data.put(TIME, &100u64);
    let inherents = Runtime::create_inherents(&data);
    assert_eq!(inherents, [RuntimeCall::Ledger(Call::set_time { time: 100 })]);
    assert!(Runtime::is_inherent(&inherents[0]));
    let other = RuntimeCall::Ledger(Call::write { note: vec![] });
    assert!(!Runtime::is_inherent(&other));

    let late = RuntimeCall::Ledger(Call::set_time { time: 131 });
    assert_eq!(Runtime::check_inherents(&inherents, &data).errors, []);
    let checked = Runtime::check_inherents(&[inherents[0].clone(), late, other], &data);
    assert_eq!(checked.errors, [(TIME, "131 is in the future".to_owned())]);
}

#[test]
fn unsigned_calls_are_the_pallets_decision() {
    let validate = |call: Call<Runtime>| Runtime::validate_unsigned(TransactionSource::External, &call.into());
    assert!(validate(Call::write { note: vec![] }).is_ok());
    assert_eq!(
        validate(Call::set_time { time: 0 }),
        Err(TransactionValidityError::Invalid(InvalidTransaction::Call))
    );
}
