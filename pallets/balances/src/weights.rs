//! Weights of the calls of pallet Balances, written by `quids bench pallet --output pallets`: change the benchmarks, not this file.
//!
//! Measured on 2026-11-29 in the WASM runtime on the database with 100000 accounts: AMD EPYC, 2 cores, load 1.73 at the start.
//! 3 rounds of 31 runs at 6 values of each component; of the rounds the highest median counts. What is written covers
//! every sample, rounded up, and has 20 % more of time and of a proof's branches, for the noise of shared machines and growing states.
//! Time (picoseconds) is the call's own, without decoding; reads and writes have reference costs.

use quids_core::Weight;
use quids_support::limits::cost;

/// 1792 ns, 2 reads, 3 writes, 4118 bytes of proof.
pub const fn transfer_allow_death() -> Weight {
    cost::measured(2_150_400, 2, 3, 4_942)
}

/// 1612 ns, 2 reads, 3 writes, 4118 bytes of proof.
pub const fn transfer_keep_alive() -> Weight {
    cost::measured(1_934_400, 2, 3, 4_942)
}

/// 1853 ns, 2 reads, 3 writes, 4118 bytes of proof.
pub const fn transfer_all() -> Weight {
    cost::measured(2_223_600, 2, 3, 4_942)
}

/// 1323 ns, 2 reads, 3 writes, 2873 bytes of proof.
pub const fn force_set_balance() -> Weight {
    cost::measured(1_587_600, 2, 3, 3_448)
}

/// 1132 ns, 1 reads, 3 writes, 2750 bytes of proof.
pub const fn burn() -> Weight {
    cost::measured(1_358_400, 1, 3, 3_300)
}

/// 1473 ns, 2 reads, 3 writes, 2910 bytes of proof.
pub const fn reserve() -> Weight {
    cost::measured(1_767_600, 2, 3, 3_492)
}

/// 1582 ns, 2 reads, 3 writes, 2910 bytes of proof.
pub const fn unreserve() -> Weight {
    cost::measured(1_898_400, 2, 3, 3_492)
}

/// The weight of a call by its name, with a value for each of its components. For tests.
#[cfg(any(feature = "runtime-benchmarks", not(target_arch = "wasm32")))]
pub fn by_name(call: &str, components: &[u32]) -> Option<Weight> {
    match (call, components) {
        ("transfer_allow_death", []) => Some(transfer_allow_death()),
        ("transfer_keep_alive", []) => Some(transfer_keep_alive()),
        ("transfer_all", []) => Some(transfer_all()),
        ("force_set_balance", []) => Some(force_set_balance()),
        ("burn", []) => Some(burn()),
        ("reserve", []) => Some(reserve()),
        ("unreserve", []) => Some(unreserve()),
        _ => None,
    }
}
