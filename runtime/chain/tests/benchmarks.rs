//! Every call of the runtime has a weight that was measured, or a reason to have one by hand; every benchmark can be made on this
//! runtime, and declares what was measured.

use quids_io::MemoryExternalities;
use quids_runtime::{Runtime, RuntimeGenesisConfig, benchmarks};
use scale_info::TypeDef;
use std::collections::{BTreeMap, BTreeSet};

/// Pallet and call.
type Name = (String, String);

/// All calls, from metadata.
fn calls() -> BTreeSet<Name> {
    let mut all = BTreeSet::new();
    for (_, pallet) in Runtime::pallets_metadata() {
        let Some(TypeDef::Variant(calls)) = pallet.calls.map(|calls| calls.type_info().type_def) else {
            continue;
        };
        all.extend(
            calls
                .variants
                .iter()
                .map(|call| (pallet.name.to_owned(), call.name.to_owned())),
        );
    }
    all
}

#[test]
fn every_call_is_measured_or_has_a_reason() {
    let mut known: BTreeMap<Name, usize> = BTreeMap::new();
    for (pallet, benchmark) in benchmarks::all() {
        *known.entry((pallet.to_owned(), benchmark.call.to_owned())).or_default() += 1;
    }
    for (pallet, call, reason) in benchmarks::unmeasured() {
        assert!(reason.len() > 20, "{pallet}.{call} has no reason: {reason:?}");
        *known.entry((pallet.to_owned(), call.to_owned())).or_default() += 1;
    }
    for (name, times) in &known {
        assert_eq!(*times, 1, "{name:?} is measured, or excused, more than once");
    }
    assert_eq!(known.into_keys().collect::<BTreeSet<_>>(), calls());
}

#[test]
fn every_measured_call_has_its_generated_weight() {
    quids_testing::check_weights(Runtime::pallets_metadata(), &benchmarks::all(), &[]);
}

#[test]
fn every_benchmark_is_set_up_and_made() {
    let all = benchmarks::all();
    for (number, (pallet, call, components)) in (0..).zip(benchmarks::list()) {
        for high in [false, true] {
            let values: Vec<u32> = components
                .iter()
                .map(|(_, from, to)| if high { *to } else { *from })
                .collect();
            MemoryExternalities::default().execute_with(|| {
                RuntimeGenesisConfig::default().build();
                let (encoded, declared) = benchmarks::set_up(number, &values).unwrap();
                benchmarks::decode(&encoded).unwrap();
                let measured = all[number as usize].1.generated(&values).unwrap_or_default();
                assert!(
                    !measured.any_gt(declared),
                    "{pallet}.{call} with {values:?} declares {declared:?}, {measured:?} were measured"
                );
                assert_eq!(
                    benchmarks::dispatch(&encoded),
                    Ok(Ok(())),
                    "{pallet}.{call} with {values:?}"
                );
            });
        }
    }
    assert_eq!(
        benchmarks::set_up(1000, &[]),
        Err("there is no such benchmark".to_owned())
    );
    assert!(benchmarks::decode(&[7]).is_err());
}
