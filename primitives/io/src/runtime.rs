//! The host's check of a new runtime, and calls of the running one that may fail.

use alloc::{string::String, vec::Vec};
use quids_core::Header;

/// Has the host check and trial-run `code` on a discarded overlay (see `README.md`, `ext_runtime_check`). With the header of the
/// `next` block, at the end of the one before, it makes that block too, without transactions.
/// `Ok` holds a SCALE-encoded `quids_api::CheckedRuntime`, `Err` the reason in words.
pub fn check(code: &[u8], next: Option<&Header>) -> Result<Vec<u8>, String> {
    #[cfg(target_arch = "wasm32")]
    return crate::guest::runtime_check(code, next);
    #[cfg(not(target_arch = "wasm32"))]
    crate::with_externalities(|e| e.check_runtime(code, next)).unwrap_or_else(|error| Err(error.to_string()))
}

/// Calls the export `api` of the code in the state, in an instance of its own and under fuel. If it traps, runs out of fuel or
/// answers with more than `abi::GUARDED_OUTPUT_MAX` bytes, what it changed is undone and the reason is the error. Not inside
/// another guarded call, nor inside a trial run: that ends the execution.
///
/// Natively there are no instances: `plain` runs instead, and a panic is the failure. It has to have closed the storage
/// transactions that it opened.
pub fn guarded(api: &str, input: &[u8], plain: impl FnOnce(&[u8]) -> Vec<u8>) -> Result<Vec<u8>, String> {
    #[cfg(target_arch = "wasm32")]
    {
        drop(plain);
        crate::guest::runtime_guarded_call(api, input)
    }
    #[cfg(not(target_arch = "wasm32"))]
    native::guarded(api, input, plain)
}

#[cfg(not(target_arch = "wasm32"))]
mod native {
    use crate::{abi::GUARDED_OUTPUT_MAX, storage};
    use std::panic::{AssertUnwindSafe, catch_unwind};

    pub fn guarded(api: &str, input: &[u8], plain: impl FnOnce(&[u8]) -> Vec<u8>) -> Result<Vec<u8>, String> {
        storage::with_transaction(|| {
            let output = catch_unwind(AssertUnwindSafe(|| plain(input))).map_err(|panic| {
                let text = panic.downcast_ref::<String>().cloned();
                let text = text.or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string));
                format!("runtime panicked: {}", text.unwrap_or_default())
            })?;
            if output.len() > GUARDED_OUTPUT_MAX {
                return Err(format!(
                    "{api} answers with {} bytes, more than {GUARDED_OUTPUT_MAX}",
                    output.len()
                ));
            }
            Ok(output)
        })
    }
}
