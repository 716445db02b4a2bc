//! Worst cases of the calls: each leaves the state as the call finds it at its most expensive, and says the call. The pallet's
//! tests make each once; `quids bench pallet --pallet Template` measures them.

use crate::{Call, Config, CurrentLimit, Given, Limit, Pallet, weights};
use alloc::{vec, vec::Vec};
use quids_core::{AccountId20, Weight};
use quids_support::{
    benchmark::{Benchmark, Benchmarks},
    origin::{EnsureOrigin, Origin},
};

const WHO: AccountId20 = AccountId20([0xc1; 20]);

impl<T: Config> Benchmarks for Pallet<T> {
    type Call = Call<T>;

    fn benchmarks() -> Vec<Benchmark<Call<T>>> {
        vec![
            // What a call's cost grows with stands in the brackets: `[Component::new("bytes", 0, 1024)]`.
            Benchmark::new("give", [], |[]| {
                CurrentLimit::<T>::put(Limit::from_amount(10));
                Given::<T>::insert(&WHO, 1);
                Ok((Origin::Signed(WHO), Call::give { amount: 10 }))
            }),
            Benchmark::new("set_limit", [], |[]| {
                let admin = T::AdminOrigin::passing().ok_or("nobody may set the limit")?;
                let limit = Limit::from_amount(10);
                Ok((admin, Call::set_limit { limit }))
            }),
            #[cfg(feature = "next")]
            Benchmark::new("forget", [], |[]| {
                Given::<T>::insert(&WHO, 1);
                Ok((Origin::Signed(WHO), Call::forget {}))
            }),
        ]
    }

    fn generated(call: &str, components: &[u32]) -> Option<Weight> {
        weights::by_name(call, components)
    }
}
