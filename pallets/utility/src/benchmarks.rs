//! Worst cases of batches: as many calls as they may have, each as cheap as can be, so that what the batch adds is seen.

use crate::{Call, Config, Pallet, weights};
use alloc::{vec, vec::Vec};
use quids_core::{AccountId20, Weight};
use quids_support::{
    benchmark::{Benchmark, Benchmarks, Component, SetUp},
    origin::Origin,
    traits::Get,
};

impl<T: Config<RuntimeCall: From<pallet_system::Call<T>>>> Benchmarks for Pallet<T> {
    type Call = Call<T>;

    fn benchmarks() -> Vec<Benchmark<Call<T>>> {
        let calls = || Component::new("calls", 0, T::CallsMax::get());
        let batch = |make: fn(Vec<T::RuntimeCall>) -> Call<T>| {
            move |[count]: [u32; 1]| -> SetUp<Call<T>> {
                let remark = || pallet_system::Call::<T>::remark { remark: Vec::new() }.into();
                let calls = (0..count).map(|_| remark()).collect();
                Ok((Origin::Signed(AccountId20([1; 20])), make(calls)))
            }
        };
        vec![
            Benchmark::new("batch", [calls()], batch(|calls| Call::batch { calls })),
            Benchmark::new("batch_all", [calls()], batch(|calls| Call::batch_all { calls })),
            Benchmark::new("force_batch", [calls()], batch(|calls| Call::force_batch { calls })),
        ]
    }

    fn generated(call: &str, components: &[u32]) -> Option<Weight> {
        weights::by_name(call, components)
    }
}
