//! The host-function ABI, both sides of it: what the runtime calls (`storage`, `crypto`, `hashing`, `log`) and
//! what the host provides (`Externalities`). In WASM the calls are imports; natively they are plain calls.
#![cfg_attr(target_arch = "wasm32", no_std)]

extern crate alloc;

pub mod abi;
#[cfg(target_arch = "wasm32")]
mod allocator;
pub mod crypto;
#[cfg(not(target_arch = "wasm32"))]
mod externalities;
#[cfg(target_arch = "wasm32")]
pub mod guest;
pub mod hashing;
pub mod log;
#[cfg(not(target_arch = "wasm32"))]
mod memory;
pub mod runtime;
pub mod storage;

#[cfg(not(target_arch = "wasm32"))]
pub use externalities::{ExtError, ExtResult, Externalities, with_externalities, within};
#[cfg(not(target_arch = "wasm32"))]
pub use memory::MemoryExternalities;

/// Names the function that a runtime's heap is warmed with: `quids_io::warm!(path)`, once in the runtime's crate, for a
/// `fn()`. It runs before the first call of every instance, and what it allocates outlives `quids_reset`, so it fills
/// every static that holds a heap pointer. It must not read the state: its effect is the same in every instance.
#[macro_export]
macro_rules! warm {
    ($warm:path) => {
        #[cfg(target_arch = "wasm32")]
        #[unsafe(no_mangle)]
        extern "Rust" fn quids_warm() {
            $warm();
        }
    };
}
