//! The table of host functions. The executor links exactly these; `README.md` says what they mean;
//! tests compare the three.

use codec::DecodeAll;

/// Version of the table and limits below. A runtime exports the one it was built for.
pub const ABI_VERSION: u32 = 1;

/// The most linear memory a runtime may have, in 64 KiB pages (256 MiB). Part of validity.
pub const MEMORY_PAGES_MAX: u32 = 4096;

/// The deepest nesting of storage transactions. Part of validity.
pub const TRANSACTION_DEPTH_MAX: usize = 256;

/// The largest runtime code, in bytes.
pub const CODE_SIZE_MAX: usize = 8 * 1024 * 1024;

/// The most bytes of a guarded call's output. Part of validity.
pub const GUARDED_OUTPUT_MAX: usize = 2000;

/// Bytes of the buffer that a guarded call needs: its answer fits in any case, since it is given once.
pub const GUARDED_ANSWER_MAX: usize = 2048;

/// The module name of all imports but [`KECCAK_ALIAS`].
pub const MODULE: &str = "env";

/// Module and name under which `alloy-primitives`, which revm stands on, imports Keccak-256 (its feature `native-keccak`), and
/// the host function that it is.
pub const KECCAK_ALIAS: (&str, &str, &str) = ("vm_hooks", "native_keccak256", "ext_hash_keccak_256_v1");

/// A WASM value type of the ABI.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ValueType {
    I32,
    I64,
}

/// The level of the last of [`HOST_FUNCTIONS`]. Whether new code may import a function is a matter of the state
/// (`well_known_keys::HOST_LEVEL`), not of the node that checks it: or nodes of two versions would find two states. So whoever adds
/// functions raises this, and gives each its level, which the check holds against the state's. A new ABI version is a level too. A
/// node that is behind the state's level checks nothing: it says that it is too old.
pub const HOST_LEVEL: u32 = if cfg!(feature = "next-level") { 3 } else { 2 };

/// The level that a state has under `well_known_keys::HOST_LEVEL`: 1 without one. Errors: what is there is no `u32`.
pub fn state_level(stored: Option<&[u8]>) -> Result<u32, codec::Error> {
    stored.map_or(Ok(1), |mut bytes| u32::decode_all(&mut bytes))
}

/// One import a runtime may have.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct HostFunction {
    pub name: &'static str,
    pub parameters: &'static [ValueType],
    pub results: &'static [ValueType],
    /// Code may import it where the state's level is this or more.
    pub level: u32,
}

const fn function(name: &'static str, parameters: &'static [ValueType], results: &'static [ValueType]) -> HostFunction {
    HostFunction {
        name,
        parameters,
        results,
        level: 1,
    }
}

use ValueType::{I32, I64};

/// Every host function of this ABI version, sorted by name.
pub const HOST_FUNCTIONS: &[HostFunction] = &[
    function("ext_crypto_ethereum_v1", &[I32, I32, I32, I32, I32], &[I64]),
    function(
        "ext_crypto_ml_dsa_verify_v1",
        &[I32, I32, I32, I32, I32, I32, I32],
        &[I32],
    ),
    function("ext_crypto_secp256k1_recover_v1", &[I32, I32, I32], &[I32]),
    function("ext_crypto_verify_v1", &[I32, I32, I32, I32, I32, I32, I32], &[I32]),
    function("ext_hash_blake2b_128_v1", &[I32, I32, I32], &[]),
    function("ext_hash_blake2b_256_v1", &[I32, I32, I32], &[]),
    function("ext_hash_blake3_256_v1", &[I32, I32, I32], &[]),
    function("ext_hash_keccak_256_v1", &[I32, I32, I32], &[]),
    function("ext_hash_quantum_resistant_v1", &[I32, I32, I32, I32, I32], &[]),
    function("ext_log_v1", &[I32, I32, I32], &[]),
    #[cfg(feature = "next-level")]
    HostFunction {
        level: 3,
        ..function("ext_log_v2", &[I32, I32, I32], &[])
    },
    function("ext_panic_v1", &[I32, I32], &[]),
    function("ext_runtime_check_v1", &[I32, I32, I32, I32], &[I64]),
    HostFunction {
        level: 2,
        ..function("ext_runtime_check_v2", &[I32, I32, I32, I32, I32, I32], &[I64])
    },
    function("ext_runtime_guarded_call_v1", &[I32, I32, I32, I32, I32, I32], &[I64]),
    function("ext_storage_add_v1", &[I32, I32, I64, I64], &[]),
    function("ext_storage_append_v1", &[I32, I32, I32, I32], &[]),
    function("ext_storage_begin_v1", &[], &[]),
    function("ext_storage_clear_prefix_v1", &[I32, I32, I32], &[I64]),
    function("ext_storage_clear_v1", &[I32, I32], &[]),
    function("ext_storage_commit_v1", &[], &[]),
    function("ext_storage_exists_v1", &[I32, I32], &[I32]),
    function("ext_storage_get_v1", &[I32, I32, I32, I32], &[I64]),
    function("ext_storage_next_key_v1", &[I32, I32, I32, I32], &[I64]),
    function("ext_storage_rollback_v1", &[], &[]),
    function("ext_storage_root_v1", &[I32], &[]),
    function("ext_storage_set_v1", &[I32, I32, I32, I32], &[]),
];

/// What a runtime exports beside its APIs: its memory, `quids_alloc(len: u32) -> u32` (a buffer for the input),
/// `quids_reset()` (forget every allocation since the first `quids_alloc` warmed the heap) and `quids_abi_version() -> u32`.
pub const GUEST_EXPORTS: &[&str] = &["memory", "quids_abi_version", "quids_alloc", "quids_reset"];
