//! Worst cases of the calls: each leaves the state as the call finds it at its most expensive, and says the call. The pallet's
//! tests make each once; `quids bench pallet --runtime FILE.wasm --pallet Starter` measures them.

use crate::{Call, Config, Counts, Pallet, weights};
use alloc::{vec, vec::Vec};
use quids_core::{AccountId20, Weight};
use quids_support::{
    benchmark::{Benchmark, Benchmarks},
    origin::{EnsureOrigin, Origin},
    traits::Get,
};

const WHO: AccountId20 = AccountId20([0xc1; 20]);

impl<T: Config> Benchmarks for Pallet<T> {
    type Call = Call<T>;

    fn benchmarks() -> Vec<Benchmark<Call<T>>> {
        vec![
            // What a call's cost grows with stands in the brackets: `[Component::new("bytes", 0, 1024)]`.
            Benchmark::new("count", [], |[]| {
                Counts::<T>::insert(&WHO, 1);
                let by = T::StepMax::get();
                Ok((Origin::Signed(WHO), Call::count { by }))
            }),
            Benchmark::new("restart", [], |[]| {
                let admin = T::AdminOrigin::passing().ok_or("nobody may restart")?;
                Counts::<T>::insert(&WHO, 1);
                Ok((admin, Call::restart { who: WHO }))
            }),
        ]
    }

    fn generated(call: &str, components: &[u32]) -> Option<Weight> {
        weights::by_name(call, components)
    }
}
