//! Worst cases of the calls: accounts that come to be, and accounts whose last balance goes.

use crate::{Call, Config, Pallet, weights};
use alloc::{format, string::String, vec, vec::Vec};
use quids_core::{AccountId20, Balance, Weight};
use quids_support::{
    benchmark::{Benchmark, Benchmarks, SetUp},
    origin::Origin,
    traits::Get,
};

const WHO: AccountId20 = AccountId20([0xb1; 20]);
const DEST: AccountId20 = AccountId20([0xb2; 20]);
const BY_WHO: Origin = Origin::Signed(WHO);

/// `WHO` has ten times the existential deposit and a little; so much.
fn rich<T: Config>() -> Result<Balance, String> {
    let amount = Balance(
        T::ExistentialDeposit::get()
            .0
            .saturating_mul(10)
            .saturating_add(1_000_000),
    );
    Pallet::<T>::set_free(&WHO, amount).map_err(|error| format!("no balance can be set: {error}"))?;
    Ok(amount)
}

/// More than the existential deposit, and less than `WHO` has to keep.
fn some<T: Config>() -> Balance {
    Balance(T::ExistentialDeposit::get().0.saturating_add(1_000))
}

impl<T: Config> Benchmarks for Pallet<T> {
    type Call = Call<T>;

    fn benchmarks() -> Vec<Benchmark<Call<T>>> {
        let signed = |make: fn(Balance) -> Call<T>| {
            move |[]: [u32; 0]| -> SetUp<Call<T>> { rich::<T>().map(|all| (BY_WHO, make(all))) }
        };
        vec![
            Benchmark::new(
                "transfer_allow_death",
                [],
                signed(|value| Call::transfer_allow_death { dest: DEST, value }),
            ),
            Benchmark::new(
                "transfer_keep_alive",
                [],
                signed(|_| Call::transfer_keep_alive {
                    dest: DEST,
                    value: some::<T>(),
                }),
            ),
            Benchmark::new(
                "transfer_all",
                [],
                signed(|_| Call::transfer_all {
                    dest: DEST,
                    keep_alive: false,
                }),
            ),
            Benchmark::new("force_set_balance", [], |[]| {
                let new_free = rich::<T>()?.saturating_add(Balance(1));
                Ok((Origin::Root, Call::force_set_balance { who: WHO, new_free }))
            }),
            Benchmark::new(
                "burn",
                [],
                signed(|value| Call::burn {
                    value,
                    keep_alive: false,
                }),
            ),
            Benchmark::new("reserve", [], signed(|_| Call::reserve { value: some::<T>() })),
            Benchmark::new("unreserve", [], |[]| {
                rich::<T>()?;
                let value = some::<T>();
                Self::reserve(BY_WHO, value).map_err(|error| format!("nothing can be reserved: {error}"))?;
                Ok((BY_WHO, Call::unreserve { value }))
            }),
        ]
    }

    fn generated(call: &str, components: &[u32]) -> Option<Weight> {
        weights::by_name(call, components)
    }
}
