//! The runtime as a node sees it: through its APIs.

use codec::{Decode, Encode};
use quids_core::AccountId20;
use quids_io::MemoryExternalities;
use quids_support::composition::Composition;
use sapling_runtime::{Runtime, RuntimeCall, benchmarks, version};

/// The state after a genesis of this configuration.
fn genesis(json: &str) -> Result<MemoryExternalities, String> {
    let mut state = MemoryExternalities::default();
    let built = state.execute_with(|| {
        let output = sapling_runtime::call("GenesisBuilder_build_state", &json.as_bytes().encode()).unwrap();
        Result::<(), String>::decode(&mut &output[..]).unwrap()
    });
    built.map(|()| state)
}

#[test]
fn the_genesis_is_what_the_configuration_says() {
    let json = r#"{ "starter": { "counts": [["0x0707070707070707070707070707070707070707", 3]] } }"#;
    genesis(json).unwrap().execute_with(|| {
        assert_eq!(pallet_starter::Counts::<Runtime>::get(&AccountId20([7; 20])), 3);
        assert_eq!(sapling_runtime::call("Core_version", &[]), Some(version().encode()));
    });
    let error = genesis(r#"{ "nothing": 1 }"#).err().unwrap();
    assert!(error.contains("unknown field `nothing`"), "{error}");
}

#[test]
fn contracts_may_count_and_nothing_else() {
    let who = AccountId20([7; 20]);
    let cases: [(RuntimeCall, bool); 2] = [
        (pallet_starter::Call::count { by: 1 }.into(), true),
        (pallet_starter::Call::restart { who }.into(), false),
    ];
    for (call, open) in cases {
        assert_eq!(Runtime::is_open_to_contracts(&call), open, "{call:?}");
    }
}

#[test]
fn every_benchmark_is_set_up_and_made() {
    for (number, (pallet, call, components)) in (0..).zip(benchmarks::list()) {
        let values: Vec<u32> = components.iter().map(|(_, _, high)| *high).collect();
        genesis("{}").unwrap().execute_with(|| {
            let (encoded, _) = benchmarks::set_up(number, &values).unwrap();
            let made = benchmarks::dispatch(&encoded);
            assert_eq!(made, Ok(Ok(())), "{pallet}.{call} with {values:?}");
        });
    }
}

#[test]
fn every_call_has_a_measured_weight() {
    // Those of Quids are measured there.
    let elsewhere = ["System", "Timestamp", "Balances", "Upgrade", "Qevm", "Pobpc", "Utility"];
    quids_testing::check_weights(Runtime::pallets_metadata(), &benchmarks::all(), &elsewhere);
}
