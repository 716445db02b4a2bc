//! Weights of the calls of pallet Starter, written by `quids bench pallet --output pallets`: change the benchmarks, not this file.
//!
//! Measured on 2026-11-29 in the WASM runtime on the database with 100000 accounts: AMD EPYC, 2 cores, load 1.04 at the start.
//! 3 rounds of 31 runs at 6 values of each component; of the rounds the highest median counts. What is written covers
//! every sample, rounded up, and has 20 % more of time and of a proof's branches, for the noise of shared machines and growing states.
//! Time (picoseconds) is the call's own, without decoding; reads and writes have reference costs.

use quids_core::Weight;
use quids_support::limits::cost;

/// 2193 ns, 1 reads, 3 writes, 392 bytes of proof.
pub const fn count() -> Weight {
    cost::measured(2_631_600, 1, 3, 471)
}

/// 1352 ns, 0 reads, 2 writes, 392 bytes of proof.
pub const fn restart() -> Weight {
    cost::measured(1_622_400, 0, 2, 471)
}

/// The weight of a call by its name, with a value for each of its components. For tests.
#[cfg(any(feature = "runtime-benchmarks", not(target_arch = "wasm32")))]
pub fn by_name(call: &str, components: &[u32]) -> Option<Weight> {
    match (call, components) {
        ("count", []) => Some(count()),
        ("restart", []) => Some(restart()),
        _ => None,
    }
}
