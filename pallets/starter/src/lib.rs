//! Starter: accounts count, by at most so much at a time; who the runtime lets starts an account's count anew.
#![cfg_attr(target_arch = "wasm32", no_std)]
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects
    )
)]

extern crate alloc;

#[cfg(any(feature = "runtime-benchmarks", not(target_arch = "wasm32")))]
mod benchmarks;
pub mod weights;

pub use pallet::*;

// The name is the prefix of the pallet's storage, its name for clients, and the one in `construct_runtime!`.
/// Counting.
#[quids_support::pallet(name = "Starter")]
pub mod pallet {
    use crate::weights;
    use quids_support::prelude::*;

    /// What the runtime decides.
    #[pallet::config]
    pub trait Config: pallet_system::Config<RuntimeEvent: From<Event<Self>>> {
        /// The most that one call may count.
        #[pallet::constant]
        type StepMax: Get<u32>;
        /// Who starts counts anew.
        type AdminOrigin: EnsureOrigin;
    }

    #[pallet::pallet]
    pub struct Pallet<T>(PhantomData<T>);

    // Transactions are executed in parallel: a value that many of them read and write makes them wait for each other. A map
    // keyed by account does not, nor does `add`, which does not read.

    /// What an account has counted.
    #[pallet::storage]
    pub type Counts<T> = StorageMap<_, Blake2_128Concat, AccountId20, u64, ValueQuery>;

    /// What all have ever counted.
    #[pallet::storage]
    pub type Total<T> = StorageValue<_, u128, ValueQuery>;

    #[pallet::event]
    pub enum Event<T: Config> {
        /// An account counted.
        Counted { who: AccountId20, by: u32, count: u64 },
        /// An account's count was started anew.
        Restarted { who: AccountId20 },
    }

    // A call that fails has changed nothing: it runs in a storage transaction.
    #[pallet::error]
    pub enum Error<T> {
        /// The step is 0 or more than `StepMax`.
        StepRefused,
        /// The count would not fit 64 bits.
        Overflow,
    }

    // An index is part of the transaction format: never reuse one. A new call's weight is by hand until it is measured:
    // `cost::of(picoseconds of the code, reads, writes)`.
    #[pallet::call]
    impl<T: Config> Pallet<T> {
        /// Counts on.
        #[pallet::call_index(0)]
        #[pallet::weight(weights::count())]
        pub fn count(origin: Origin, by: u32) -> DispatchResult {
            let who = ensure_signed(origin)?;
            ensure!(by > 0 && by <= T::StepMax::get(), Error::<T>::StepRefused);
            let count = Counts::<T>::get(&who)
                .checked_add(by.into())
                .ok_or(Error::<T>::Overflow)?;
            Counts::<T>::insert(&who, count);
            Total::<T>::add(by.into());
            Self::deposit_event(Event::Counted { who, by, count });
            Ok(())
        }

        /// Starts an account's count anew. Only who the runtime lets.
        #[pallet::call_index(1)]
        #[pallet::weight((weights::restart().saturating_add(T::AdminOrigin::WEIGHT), DispatchClass::Operational))]
        pub fn restart(origin: Origin, who: AccountId20) -> DispatchResult {
            T::AdminOrigin::ensure(origin)?;
            Counts::<T>::remove(&who);
            Self::deposit_event(Event::Restarted { who });
            Ok(())
        }
    }

    #[pallet::hooks]
    impl<T: Config> Hooks for Pallet<T> {
        // What always holds: asked after every test, and by dry runs of upgrades on the live state.
        fn try_state() -> Result<(), String> {
            for (who, count) in Counts::<T>::iter() {
                ensure!(count > 0, format!("{who} has counted nothing, and has an entry"));
            }
            Ok(())
        }
    }

    /// What accounts have counted before the first block.
    #[pallet::genesis_config]
    #[derive(Default)]
    pub struct GenesisConfig {
        /// Accounts and their counts; those of 0 are left out.
        pub counts: Vec<(AccountId20, u64)>,
    }

    #[pallet::genesis_build]
    impl<T: Config> BuildGenesis<T> for GenesisConfig {
        fn build(&self) {
            for (who, count) in self.counts.iter().filter(|(_, count)| *count > 0) {
                Counts::<T>::insert(who, *count);
                Total::<T>::add((*count).into());
            }
        }
    }
}
