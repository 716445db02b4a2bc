//! The chain's runtime as bytes: what a node puts into genesis, what an upgrade test upgrades to, and how both were
//! built. All are empty when `QUIDS_SKIP_WASM_BUILD=1` was set at build time.
#![no_std]

/// The runtime, without custom sections.
pub const WASM: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/runtime.wasm"));

/// The same runtime with its feature `next`: a later version with a storage migration, for upgrade tests.
pub const WASM_NEXT: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/runtime_next.wasm"));

/// The same runtime with its feature `faulty`: the same version, with migrations that fail as the state says, for tests of safe
/// mode.
pub const WASM_FAULTY: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/runtime_faulty.wasm"));

/// Toolchain and flags of [`WASM`], as one JSON object; `{"skipped":true}` if there is none.
pub const BUILD_INFO: &str = include_str!(concat!(env!("OUT_DIR"), "/build-info.json"));
