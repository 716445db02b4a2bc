//! Weights of the calls of pallet Upgrade, written by `quids bench pallet --output pallets`: change the benchmarks, not this file.
//!
//! Measured on 2026-11-29 in the WASM runtime on the database with 100000 accounts: AMD EPYC, 2 cores, load 4.15 at the start.
//! 3 rounds of 31 runs at 6 values of each component; of the rounds the highest median counts. What is written covers
//! every sample, rounded up, and has 20 % more of time and of a proof's branches, for the noise of shared machines and growing states.
//! Time (picoseconds) is the call's own, without decoding; reads and writes have reference costs.

use quids_core::Weight;
use quids_support::limits::cost;

/// 1272 ns, 1 reads, 1 writes, 456 bytes of proof.
pub const fn as_root() -> Weight {
    cost::measured(1_526_400, 1, 1, 548)
}

/// 1292 ns, 1 reads, 2 writes, 456 bytes of proof.
pub const fn set_root() -> Weight {
    cost::measured(1_550_400, 1, 2, 548)
}

/// 1212 ns, 0 reads, 2 writes, 417 bytes of proof.
pub const fn authorize_upgrade() -> Weight {
    cost::measured(1_454_400, 0, 2, 501)
}

/// 1211 ns, 0 reads, 2 writes, 417 bytes of proof.
pub const fn authorize_upgrade_without_checks() -> Weight {
    cost::measured(1_453_200, 0, 2, 501)
}

/// 4567 + 257·proposals ns (R² 0.991), 4 + 1·proposals reads, 4 writes, 1349 + 1885·proposals bytes of proof.
pub const fn propose(proposals: u32) -> Weight {
    let base = cost::measured(5_737_332, 4, 4, 1_672);
    let proposals = cost::each(proposals, 307_852, 1, 0, 2_262);
    base.saturating_add(proposals)
}

/// 2150 + 29.006·members ns (R² 0.935), 4 reads, 3 writes, 1981 + 40.023·members bytes of proof.
pub const fn approve(members: u32) -> Weight {
    let base = cost::measured(2_696_144, 4, 3, 2_376);
    let members = cost::each(members, 34_808, 0, 0, 41);
    base.saturating_add(members)
}

/// 34045 + 3194·chunks ns (R² 1.000), 3 reads, 4 + 1·chunks writes, 3036 + 93.756·chunks bytes of proof.
pub const fn cancel(chunks: u32) -> Weight {
    let base = cost::measured(42_251_460, 3, 4, 3_684);
    let chunks = cost::each(chunks, 3_832_290, 0, 1, 94);
    base.saturating_add(chunks)
}

/// 203 + 0.976·bytes ns (R² 0.996), 4 reads, 3 writes, 2538 + 1·bytes bytes of proof.
pub const fn upload_chunk(bytes: u32) -> Weight {
    let base = cost::measured(7_046_024, 4, 3, 3_071);
    let bytes = cost::each(bytes, 1_172, 0, 0, 1);
    base.saturating_add(bytes)
}

/// 0 + 1238·members + 1042·proposals ns (R² 0.998), 3 + 1·members + 1·proposals reads, 3 + 1·members + 1·proposals writes, 0 + 793·members + 1888·proposals bytes of proof.
pub const fn set_council(members: u32, proposals: u32) -> Weight {
    let base = cost::measured(0, 3, 3, 0);
    let members = cost::each(members, 1_485_460, 1, 1, 952);
    let proposals = cost::each(proposals, 1_249_926, 1, 1, 2_267);
    base.saturating_add(members).saturating_add(proposals)
}

/// Not measured yet.
pub const fn stop_migration(members: u32) -> Weight {
    cost::measured(30_000_000, 40, 40, 40_000).saturating_add(cost::each(members, 1, 0, 0, 0))
}

/// Not measured yet.
pub const fn raise_host_level(members: u32) -> Weight {
    cost::measured(30_000_000, 40, 40, 40_000).saturating_add(cost::each(members, 1, 0, 0, 0))
}

/// The weight of a call by its name, with a value for each of its components. For tests.
#[cfg(any(feature = "runtime-benchmarks", not(target_arch = "wasm32")))]
pub fn by_name(call: &str, components: &[u32]) -> Option<Weight> {
    match (call, components) {
        ("as_root", []) => Some(as_root()),
        ("set_root", []) => Some(set_root()),
        ("authorize_upgrade", []) => Some(authorize_upgrade()),
        ("authorize_upgrade_without_checks", []) => Some(authorize_upgrade_without_checks()),
        ("propose", [proposals]) => Some(propose(*proposals)),
        ("approve", [members]) => Some(approve(*members)),
        ("cancel", [chunks]) => Some(cancel(*chunks)),
        ("upload_chunk", [bytes]) => Some(upload_chunk(*bytes)),
        ("set_council", [members, proposals]) => Some(set_council(*members, *proposals)),
        ("stop_migration", [members]) => Some(stop_migration(*members)),
        ("raise_host_level", [members]) => Some(raise_host_level(*members)),
        _ => None,
    }
}
