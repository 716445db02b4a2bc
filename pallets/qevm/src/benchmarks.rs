//! The worst case of the one call that is neither gas nor signatures.

use crate::{Call, Config, Pallet, block::NEWEST, weights};
use alloc::{vec, vec::Vec};
use quids_core::Weight;
use quids_support::{
    benchmark::{Benchmark, Benchmarks, Component},
    origin::Origin,
};

impl<T: Config> Benchmarks for Pallet<T> {
    type Call = Call<T>;

    fn benchmarks() -> Vec<Benchmark<Call<T>>> {
        // There are fewer forks than that; any may come again.
        let forks = Component::new("forks", 0, 256);
        vec![Benchmark::new("set_forks", [forks], |[forks]| {
            let forks = (0..forks).map(|at| (at.into(), NEWEST as u8)).collect();
            Ok((Origin::Root, Call::set_forks { forks }))
        })]
    }

    fn unmeasured() -> Vec<(&'static str, &'static str)> {
        let gas = "it weighs its gas, which `quids bench evm` and `quids bench precompiles` measure";
        let signatures = "whose committee signs is behind a port that cannot be set up from here; a committee and its \
                          signatures are measured by `Pobpc.note_votes` and `quids bench crypto`";
        let of_gas = ["transact", "call", "create", "create2"]
            .into_iter()
            .map(|call| (call, gas));
        of_gas.chain([("note_certificates", signatures)]).collect()
    }

    fn generated(call: &str, components: &[u32]) -> Option<Weight> {
        weights::by_name(call, components)
    }
}
