//! The worst case of the call: a block after one with a time.

use crate::{Call, Config, Now, Pallet, weights};
use alloc::{vec, vec::Vec};
use quids_core::Weight;
use quids_support::{
    benchmark::{Benchmark, Benchmarks},
    origin::Origin,
};

impl<T: Config> Benchmarks for Pallet<T> {
    type Call = Call<T>;

    fn benchmarks() -> Vec<Benchmark<Call<T>>> {
        vec![Benchmark::new("set", [], |[]| {
            Now::<T>::put(1);
            crate::DidUpdate::<T>::kill();
            Ok((Origin::None, Call::set { now: u64::MAX }))
        })]
    }

    fn generated(call: &str, components: &[u32]) -> Option<Weight> {
        weights::by_name(call, components)
    }
}
