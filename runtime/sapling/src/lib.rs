//! The runtime of Sapling: its pallets, and what is its own of their configuration.
#![cfg_attr(target_arch = "wasm32", no_std)]

#[cfg(any(feature = "runtime-benchmarks", not(target_arch = "wasm32")))]
pub mod benchmarks;

use quids_standard::prelude::*;

construct_runtime! {
    /// The runtime of Sapling. Indices are part of the transaction format.
    #[call_filter(Filter)]
    pub struct Runtime {
        System: pallet_system = 0,
        Timestamp: pallet_timestamp = 1,
        Balances: pallet_balances = 2,
        Upgrade: pallet_upgrade = 3,
        Qevm: pallet_qevm = 5,
        Pobpc: pallet_pobpc = 6,
        Utility: pallet_utility = 7,
        Starter: pallet_starter = 8,
    }
}

/// The version of this code; the number grows with every change of behaviour.
pub fn version() -> RuntimeVersion {
    quids_standard::version("sapling", 1)
}

quids_standard::runtime!(Runtime, version);
quids_standard::configure!(Runtime: System, Timestamp, Balances, Upgrade, Qevm, Pobpc, Utility);

constant!(
    /// The most that one call of `Starter` may count.
    pub StepMax: u32 = 100
);

impl pallet_starter::Config for Runtime {
    type StepMax = StepMax;
    type AdminOrigin = EnsureRoot;
}

/// Which calls the chain lets through: all, and to contracts those that are listed.
pub struct Filter;

impl CallFilter<RuntimeCall> for Filter {
    fn is_open_to_contracts(call: &RuntimeCall) -> bool {
        matches!(call, RuntimeCall::Starter(pallet_starter::Call::count { .. }))
    }
}
