//! The worst cases of this runtime's calls.

use crate::{Balances, RuntimeCall, Starter, System, Timestamp, Utility};
use quids_standard::prelude::{Benchmark, Vec, of_pallet};

/// Every benchmark, with its pallet's name.
pub fn all() -> Vec<(&'static str, Benchmark<RuntimeCall>)> {
    let all = of_pallet::<System, _>().chain(of_pallet::<Timestamp, _>());
    let all = all.chain(of_pallet::<Balances, _>()).chain(of_pallet::<Utility, _>());
    all.chain(of_pallet::<Starter, _>()).collect()
}

quids_standard::export_benchmarks!(all);
