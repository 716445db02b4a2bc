//! Weights of the calls of pallet Upgrade, written by `quids bench pallet --output pallets`: change the benchmarks, not this file.
//!
//! Measured on 2026-11-29 in the WASM runtime on the database with 100000 accounts: AMD EPYC, 2 cores, load 1.73 at the start.
//! 3 rounds of 31 runs at 6 values of each component; of the rounds the highest median counts. What is written covers
//! every sample, rounded up, and has 20 % more of time and of a proof's branches, for the noise of shared machines and growing states.
//! Time (picoseconds) is the call's own, without decoding; reads and writes have reference costs.

use quids_core::Weight;
use quids_support::limits::cost;

/// 821 ns, 1 reads, 1 writes, 456 bytes of proof.
pub const fn as_root() -> Weight {
    cost::measured(985_200, 1, 1, 548)
}

/// 842 ns, 1 reads, 2 writes, 456 bytes of proof.
pub const fn set_root() -> Weight {
    cost::measured(1_010_400, 1, 2, 548)
}

/// 761 ns, 0 reads, 2 writes, 417 bytes of proof.
pub const fn authorize_upgrade() -> Weight {
    cost::measured(913_200, 0, 2, 501)
}

/// 761 ns, 0 reads, 2 writes, 417 bytes of proof.
pub const fn authorize_upgrade_without_checks() -> Weight {
    cost::measured(913_200, 0, 2, 501)
}

/// 3373 + 314·proposals ns (R² 0.996), 4 + 1·proposals reads, 4 writes, 1349 + 1885·proposals bytes of proof.
pub const fn propose(proposals: u32) -> Weight {
    let base = cost::measured(4_231_920, 4, 4, 1_672);
    let proposals = cost::each(proposals, 376_320, 1, 0, 2_262);
    base.saturating_add(proposals)
}

/// 1899 + 22.556·members ns (R² 0.979), 4 reads, 3 writes, 1981 + 40.023·members bytes of proof.
pub const fn approve(members: u32) -> Weight {
    let base = cost::measured(2_333_327, 4, 3, 2_376);
    let members = cost::each(members, 27_067, 0, 0, 41);
    base.saturating_add(members)
}

/// 23637 + 3122·chunks ns (R² 1.000), 3 reads, 4 + 1·chunks writes, 3036 + 93.756·chunks bytes of proof.
pub const fn cancel(chunks: u32) -> Weight {
    let base = cost::measured(29_293_536, 3, 4, 3_684);
    let chunks = cost::each(chunks, 3_746_172, 0, 1, 94);
    base.saturating_add(chunks)
}

/// 0 + 0.947·bytes ns (R² 0.997), 3 reads, 3 writes, 1819 + 1·bytes bytes of proof.
pub const fn upload_chunk(bytes: u32) -> Weight {
    let base = cost::measured(6_496_854, 3, 3, 2_208);
    let bytes = cost::each(bytes, 1_137, 0, 0, 1);
    base.saturating_add(bytes)
}

/// 0 + 1466·members + 977·proposals ns (R² 1.000), 3 + 1·members + 1·proposals reads, 3 + 2·members + 1·proposals writes, 0 + 793·members + 1888·proposals bytes of proof.
pub const fn set_council(members: u32, proposals: u32) -> Weight {
    let base = cost::measured(0, 3, 3, 0);
    let members = cost::each(members, 1_758_764, 1, 2, 952);
    let proposals = cost::each(proposals, 1_172_839, 1, 1, 2_267);
    base.saturating_add(members).saturating_add(proposals)
}

/// 2544 + 638·members ns (R² 1.000), 4 + 1·members reads, 2 + 1·members writes, 1778 + 141·members bytes of proof.
pub const fn stop_migration(members: u32) -> Weight {
    let base = cost::measured(3_191_675, 4, 2, 2_206);
    let members = cost::each(members, 765_997, 1, 1, 170);
    base.saturating_add(members)
}

/// 1888 + 560·members ns (R² 1.000), 3 + 1·members reads, 2 + 1·members writes, 616 + 115·members bytes of proof.
pub const fn raise_host_level(members: u32) -> Weight {
    let base = cost::measured(2_414_125, 3, 2, 773);
    let members = cost::each(members, 671_525, 1, 1, 140);
    base.saturating_add(members)
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
