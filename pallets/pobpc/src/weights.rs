//! Weights of the calls of pallet Pobpc, written by `quids bench pallet --output pallets`: change the benchmarks, not this file.
//!
//! Measured on 2026-11-29 in the WASM runtime on the database with 100000 accounts: AMD EPYC, 2 cores, load 1.73 at the start.
//! 3 rounds of 31 runs at 6 values of each component; of the rounds the highest median counts. What is written covers
//! every sample, rounded up, and has 20 % more of time and of a proof's branches, for the noise of shared machines and growing states.
//! Time (picoseconds) is the call's own, without decoding; reads and writes have reference costs.

use quids_core::Weight;
use quids_support::limits::cost;

/// 87025 + 3.638·active ns (R² 0.773), 6 reads, 6 writes, 4228 + 26.164·active bytes of proof.
pub const fn register(active: u32) -> Weight {
    let base = cost::measured(105_260_570, 6, 6, 5_636);
    let active = cost::each(active, 4_366, 0, 0, 27);
    base.saturating_add(active)
}

/// 2484 ns, 2 reads, 3 writes, 3073 bytes of proof.
pub const fn bond_more() -> Weight {
    cost::measured(2_980_800, 2, 3, 3_688)
}

/// 1673 ns, 2 reads, 2 writes, 834 bytes of proof.
pub const fn commit() -> Weight {
    cost::measured(2_007_600, 2, 2, 1_001)
}

/// 2003 + 6.561·active ns (R² 0.997), 4 reads, 3 writes, 1666 + 23.411·active bytes of proof.
pub const fn leave(active: u32) -> Weight {
    let base = cost::measured(2_468_082, 4, 3, 2_236);
    let active = cost::each(active, 7_874, 0, 0, 24);
    base.saturating_add(active)
}

/// 6410 ns (R² 0.464), 6 reads, 5 writes, 7025 + 34.203·seats bytes of proof.
pub const fn withdraw(seats: u32) -> Weight {
    let base = cost::measured(8_100_000, 6, 5, 8_979);
    let seats = cost::each(seats, 0, 0, 0, 35);
    base.saturating_add(seats)
}

/// 1730 + 4.594·active ns (R² 0.996), 3 reads, 3 writes, 1330 + 22.856·active bytes of proof.
pub const fn unjail(active: u32) -> Weight {
    let base = cost::measured(2_138_635, 3, 3, 1_916);
    let active = cost::each(active, 5_513, 0, 0, 23);
    base.saturating_add(active)
}

/// 161973 + 797·seats ns (R² 0.987), 11 + 1·seats reads, 10 writes, 0 + 2802·seats + 97.377·active bytes of proof.
pub const fn report(seats: u32, active: u32) -> Weight {
    let base = cost::measured(200_373_956, 11, 10, 0);
    let seats = cost::each(seats, 956_011, 1, 0, 3_364);
    let active = cost::each(active, 0, 0, 0, 98);
    base.saturating_add(seats).saturating_add(active)
}

/// 1919 + 77272·seats ns (R² 1.000), 5 + 2·seats reads, 1 writes, 1497 + 2786·seats bytes of proof.
pub const fn note_votes(seats: u32) -> Weight {
    let base = cost::measured(2_846_296, 5, 1, 1_875);
    let seats = cost::each(seats, 92_725_852, 2, 0, 3_345);
    base.saturating_add(seats)
}

/// 1268 + 2.701·active ns (R² 0.998), 2 reads, 3 writes, 921 + 21.717·active bytes of proof.
pub const fn set_parameters(active: u32) -> Weight {
    let base = cost::measured(1_557_995, 2, 3, 1_305);
    let active = cost::each(active, 3_241, 0, 0, 22);
    base.saturating_add(active)
}

/// The weight of a call by its name, with a value for each of its components. For tests.
#[cfg(any(feature = "runtime-benchmarks", not(target_arch = "wasm32")))]
pub fn by_name(call: &str, components: &[u32]) -> Option<Weight> {
    match (call, components) {
        ("register", [active]) => Some(register(*active)),
        ("bond_more", []) => Some(bond_more()),
        ("commit", []) => Some(commit()),
        ("leave", [active]) => Some(leave(*active)),
        ("withdraw", [seats]) => Some(withdraw(*seats)),
        ("unjail", [active]) => Some(unjail(*active)),
        ("report", [seats, active]) => Some(report(*seats, *active)),
        ("note_votes", [seats]) => Some(note_votes(*seats)),
        ("set_parameters", [active]) => Some(set_parameters(*active)),
        _ => None,
    }
}
