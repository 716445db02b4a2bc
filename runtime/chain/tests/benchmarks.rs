//! Every pallet of the runtime is measured, or says why not; every benchmark can be made on this runtime.

use quids_io::MemoryExternalities;
use quids_runtime::{Runtime, RuntimeGenesisConfig, benchmarks};
use std::collections::BTreeSet;

#[test]
fn every_pallet_has_benchmarks_or_a_reason() {
    let measured: BTreeSet<_> = benchmarks::all().into_iter().map(|(pallet, _)| pallet).collect();
    let unmeasured: BTreeSet<_> = benchmarks::UNMEASURED.iter().map(|(pallet, _)| *pallet).collect();
    assert!(measured.is_disjoint(&unmeasured));
    let known: BTreeSet<_> = measured.union(&unmeasured).copied().collect();
    let pallets: BTreeSet<_> = Runtime::pallets_metadata()
        .into_iter()
        .map(|(_, pallet)| pallet.name)
        .collect();
    assert_eq!(known, pallets);
}

#[test]
fn every_benchmark_is_set_up_and_made() {
    for (number, (pallet, call, components)) in (0..).zip(benchmarks::list()) {
        for high in [false, true] {
            let values: Vec<u32> = components
                .iter()
                .map(|(_, from, to)| if high { *to } else { *from })
                .collect();
            MemoryExternalities::default().execute_with(|| {
                RuntimeGenesisConfig::default().build();
                let (encoded, _) = benchmarks::set_up(number, &values).unwrap();
                benchmarks::decode(&encoded).unwrap();
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
