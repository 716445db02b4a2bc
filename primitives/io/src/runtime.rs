//! The host's check of a new runtime.

use alloc::{string::String, vec::Vec};

/// Has the host check and trial-run `code` on a discarded overlay (see `README.md`, `ext_runtime_check`).
/// `Ok` holds a SCALE-encoded `quids_api::CheckedRuntime`, `Err` the reason in words.
pub fn check(code: &[u8]) -> Result<Vec<u8>, String> {
    #[cfg(target_arch = "wasm32")]
    return crate::guest::runtime_check(code);
    #[cfg(not(target_arch = "wasm32"))]
    crate::with_externalities(|e| e.check_runtime(code)).unwrap_or_else(|error| Err(error.to_string()))
}
