//! The Quids runtime: names the pallets, sets their constants, exports the runtime APIs. Compiled to WASM it is the
//! chain's logic; compiled natively the same code serves tests and benchmarks.
#![cfg_attr(target_arch = "wasm32", no_std)]

extern crate alloc;

#[cfg(any(feature = "runtime-benchmarks", not(target_arch = "wasm32")))]
pub mod benchmarks;
mod config;
mod filter;

use quids_api::RuntimeVersion;
use quids_support::construct_runtime;

/// With the pallets that later versions add.
macro_rules! compose {
    ($($later:tt)*) => {
        construct_runtime! {
            /// The development chain's runtime.
            #[call_filter(filter::Filter)]
            pub struct Runtime {
                System: pallet_system = 0,
                Timestamp: pallet_timestamp = 1,
                Balances: pallet_balances = 2,
                Upgrade: pallet_upgrade = 3,
                Template: pallet_template = 4,
                Qevm: pallet_qevm = 5,
                Pobpc: pallet_pobpc = 6,
                Utility: pallet_utility = 7,
                $($later)*
            }
        }
    };
}
#[cfg(not(feature = "later"))]
compose!();
#[cfg(feature = "later")]
compose!(Starter: pallet_starter = 8,);

/// The development chain's, and those that upgrade tests upgrade to, one after the other.
const SPEC_VERSION: u32 = if cfg!(feature = "latest") {
    4
} else if cfg!(feature = "later") {
    3
} else if cfg!(feature = "next") {
    2
} else {
    1
};

/// The version of this code. Metadata and `Core_version` state the same.
pub fn version() -> RuntimeVersion {
    RuntimeVersion {
        // A call has another signature.
        transaction_version: if cfg!(feature = "latest") { 2 } else { 1 },
        ..quids_standard::version("quids", SPEC_VERSION)
    }
}

quids_standard::runtime!(Runtime, version);
