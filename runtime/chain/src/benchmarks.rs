//! The worst cases of this runtime's calls, and the exports by which `quids bench pallet` makes them. In the WASM only with
//! the feature `runtime-benchmarks`: chains have no such runtime.

use crate::{Balances, RuntimeCall, System, Template, Timestamp, Utility};
use alloc::vec::Vec;
use quids_support::benchmark::{Benchmark, of_pallet};

/// Pallets that are not measured, and why.
pub const UNMEASURED: &[(&str, &str)] = &[
    (
        "Upgrade",
        "what counts is the host's trial run, which a block's limits bound",
    ),
    (
        "Qevm",
        "its weight is gas, which `quids bench evm` and `quids bench precompiles` measure",
    ),
    (
        "Pobpc",
        "what counts is signatures, whose keys are not made in WASM: `quids bench crypto`",
    ),
];

/// Every benchmark, with its pallet's name.
pub fn all() -> Vec<(&'static str, Benchmark<RuntimeCall>)> {
    let all = of_pallet::<System, _>().chain(of_pallet::<Timestamp, _>());
    let all = all.chain(of_pallet::<Balances, _>()).chain(of_pallet::<Template, _>());
    all.chain(of_pallet::<Utility, _>()).collect()
}

quids_standard::export_benchmarks!(all);
