//! The worst cases of this runtime's calls, and the exports by which `quids bench pallet` makes them. In the WASM only with
//! the feature `runtime-benchmarks`: chains have no such runtime.

use crate::{Balances, Pobpc, Qevm, RuntimeCall, System, Template, Timestamp, Upgrade, Utility};
use alloc::vec::Vec;
use quids_support::{
    benchmark::{Benchmark, Benchmarks, of_pallet},
    composition::PalletParts,
};

macro_rules! of_pallets {
    ($($pallet:ident)*) => {
        /// Every benchmark, with its pallet's name.
        pub fn all() -> Vec<(&'static str, Benchmark<RuntimeCall>)> {
            let mut all = Vec::new();
            $(all.extend(of_pallet::<$pallet, _>());)*
            all
        }

        /// Pallet, call, and why the call's weight is by hand.
        pub fn unmeasured() -> Vec<(&'static str, &'static str, &'static str)> {
            let mut all = Vec::new();
            $(all.extend($pallet::unmeasured().into_iter().map(|(call, reason)| (<$pallet as PalletParts>::NAME, call, reason)));)*
            all
        }
    };
}

of_pallets!(System Timestamp Balances Upgrade Template Qevm Pobpc Utility);

quids_standard::export_benchmarks!(all);
