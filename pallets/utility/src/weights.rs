//! Weights of the calls of pallet Utility, written by `quids bench pallet --output pallets`: change the benchmarks, not this file.
//!
//! Measured on 2026-11-29 in the WASM runtime on the database with 100000 accounts: AMD EPYC, 2 cores, load 1.73 at the start.
//! 3 rounds of 31 runs at 6 values of each component; of the rounds the highest median counts. What is written covers
//! every sample, rounded up, and has 20 % more of time and of a proof's branches, for the noise of shared machines and growing states.
//! Time (picoseconds) is the call's own, without decoding; reads and writes have reference costs.

use quids_core::Weight;
use quids_support::limits::cost;

/// 742 + 79.116·calls ns (R² 1.000), 0 reads, 1 writes, 0 bytes of proof.
pub const fn batch(calls: u32) -> Weight {
    let base = cost::measured(916_980, 0, 1, 0);
    let calls = cost::each(calls, 94_940, 0, 0, 0);
    base.saturating_add(calls)
}

/// 748 + 62.874·calls ns (R² 1.000), 0 reads, 1 writes, 0 bytes of proof.
pub const fn batch_all(calls: u32) -> Weight {
    let base = cost::measured(967_503, 0, 1, 0);
    let calls = cost::each(calls, 75_449, 0, 0, 0);
    base.saturating_add(calls)
}

/// 710 + 78.840·calls ns (R² 1.000), 0 reads, 1 writes, 0 bytes of proof.
pub const fn force_batch(calls: u32) -> Weight {
    let base = cost::measured(890_964, 0, 1, 0);
    let calls = cost::each(calls, 94_609, 0, 0, 0);
    base.saturating_add(calls)
}

/// The weight of a call by its name, with a value for each of its components. For tests.
#[cfg(any(feature = "runtime-benchmarks", not(target_arch = "wasm32")))]
pub fn by_name(call: &str, components: &[u32]) -> Option<Weight> {
    match (call, components) {
        ("batch", [calls]) => Some(batch(*calls)),
        ("batch_all", [calls]) => Some(batch_all(*calls)),
        ("force_batch", [calls]) => Some(force_batch(*calls)),
        _ => None,
    }
}
