//! What every chain of the standard pallets has: their configuration, the transaction extensions, the executive's configuration,
//! the runtime APIs with their metadata. A chain names its pallets and says what is its own; the macros here emit the rest,
//! which is `impl` blocks and exports that could stand in the chain's own files.
#![cfg_attr(target_arch = "wasm32", no_std)]

extern crate alloc;

pub mod apis;
#[cfg(any(feature = "runtime-benchmarks", not(target_arch = "wasm32")))]
pub mod benchmarks;
pub mod config;
mod counted;
mod metadata;
mod runtime;

pub use counted::Counted;
pub use runtime::{Extensions, Standard, version};

/// What a chain's file brings in with one line.
pub mod prelude {
    pub use alloc::vec::Vec;
    pub use pallet_balances;
    pub use pallet_pobpc;
    pub use pallet_qevm;
    pub use pallet_system;
    pub use pallet_timestamp;
    pub use pallet_upgrade;
    pub use pallet_utility;
    pub use quids_api::RuntimeVersion;
    pub use quids_core::{AccountId20, Balance, Height, Weight};
    pub use quids_support::{
        benchmark::{Benchmark, of_pallet},
        constant, construct_runtime,
        filter::CallFilter,
        origin::{Anonymous, EitherOf, EnsureOrigin, EnsureRoot, EnsureSigned, EnsureSignedBy},
        traits::Get,
    };
}

/// What the macros name. Not for people.
#[doc(hidden)]
pub mod __private {
    pub use alloc::{string::String, vec::Vec};
    pub use codec;
    pub use pallet_balances;
    pub use pallet_pobpc;
    pub use pallet_qevm;
    pub use pallet_system;
    pub use pallet_timestamp;
    pub use pallet_upgrade;
    pub use pallet_utility;
    pub use quids_api;
    pub use quids_core;
    pub use quids_executive;
    pub use quids_io;
    pub use quids_support;
    pub use serde_json;
}
