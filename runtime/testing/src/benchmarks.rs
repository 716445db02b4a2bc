//! Benchmarks as tests: each worst case can be set up and made.

use crate::{TestExternalities, TestRuntime};
use quids_support::{
    benchmark::{Benchmark, Benchmarks},
    composition::PalletParts,
    dispatch::GetDispatchInfo,
    metadata::PalletMetadata,
};
use scale_info::TypeDef;
use std::collections::BTreeSet;

/// Sets every benchmark of the pallet up with the least and the most of its components, and makes the call, which must
/// succeed, and declare what was measured for it if that is known. Every call of the pallet's metadata has a benchmark, or a reason
/// to have none, and nothing else has.
///
/// # Panics
/// If that does not hold.
#[track_caller]
pub fn check_benchmarks<T, P>(state: impl Fn() -> TestExternalities<T>)
where
    T: TestRuntime,
    P: PalletParts + Benchmarks<Call: Into<T::RuntimeCall>>,
{
    let benchmarks = P::benchmarks();
    for benchmark in &benchmarks {
        let low = benchmark.components.iter().map(|of| of.low).collect::<Vec<_>>();
        let high = benchmark.components.iter().map(|of| of.high).collect::<Vec<_>>();
        for values in [low, high] {
            state().execute_with(|| {
                let (origin, call) = match benchmark.set_up(&values) {
                    Ok((origin, call)) => (origin, call.into()),
                    Err(reason) => panic!("{} with {values:?} cannot be set up: {reason}", benchmark.call),
                };
                assert_eq!(
                    call.call_name(),
                    (P::NAME, benchmark.call),
                    "the benchmark makes another call"
                );
                let declared = call.dispatch_info().weight;
                if let Some(measured) = P::generated(benchmark.call, &values) {
                    assert!(
                        !measured.any_gt(declared),
                        "{} with {values:?} declares {declared:?}, {measured:?} were measured",
                        benchmark.call
                    );
                }
                if let Err(error) = T::call(origin, call) {
                    panic!("{} with {values:?} fails: {error:?}", benchmark.call);
                }
            });
        }
    }
    let unmeasured = P::unmeasured();
    let mut known = BTreeSet::new();
    for name in benchmarks
        .iter()
        .map(|of| of.call)
        .chain(unmeasured.iter().map(|(name, _)| *name))
    {
        assert!(known.insert(name.to_owned()), "{name} is named twice");
    }
    assert_eq!(
        known,
        calls_of::<P>(),
        "calls with a benchmark or a reason, and calls of {}",
        P::NAME
    );
}

/// Every benchmark, with its pallet's name, has its weight in the pallet's generated `weights.rs`, and every pallet of the runtime
/// (`pallets_metadata()`) with calls is among them but those that are `elsewhere`. For the tests of runtimes: a pallet is measured in one.
///
/// # Panics
/// If that does not hold.
#[track_caller]
pub fn check_weights<Call>(
    pallets: Vec<(u8, PalletMetadata)>,
    benchmarks: &[(&str, Benchmark<Call>)],
    elsewhere: &[&str],
) {
    for (_, pallet) in pallets.iter().filter(|(_, pallet)| pallet.calls.is_some()) {
        assert!(
            elsewhere.contains(&pallet.name) || benchmarks.iter().any(|(name, _)| *name == pallet.name),
            "pallet {} is not among the runtime's benchmarks: add of_pallet::<{0}, _>() to src/benchmarks.rs",
            pallet.name
        );
    }
    for (pallet, benchmark) in benchmarks {
        let most: Vec<u32> = benchmark.components.iter().map(|of| of.high).collect();
        assert!(
            benchmark.generated(&most).is_some_and(|weight| weight.ref_time > 0),
            "{pallet}.{} with {} components has no weight in the pallet's src/weights.rs: quids bench pallet --runtime FILE.wasm \
             --pallet {pallet} --output pallets",
            benchmark.call,
            most.len()
        );
    }
}

/// The names of a pallet's calls, from its metadata.
fn calls_of<P: PalletParts>() -> BTreeSet<String> {
    let calls = P::metadata().calls.map(|calls| calls.type_info().type_def);
    match calls {
        Some(TypeDef::Variant(calls)) => calls.variants.iter().map(|call| call.name.to_owned()).collect(),
        _ => BTreeSet::new(),
    }
}
