//! Template: a small, complete pallet to copy from. Accounts give amounts, up to a limit that root sets, or whom the
//! runtime names; every round the sum is announced and starts anew. The comments say what each part is for and what to think of.
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

// Worst cases of the calls, from which their weights are measured: `quids bench pallet --pallet Template`.
#[cfg(any(feature = "runtime-benchmarks", not(target_arch = "wasm32")))]
mod benchmarks;

// With the feature `next` this is the pallet's next version: see `migration.rs` for what changes and how.
mod migration;

#[cfg(feature = "faulty")]
mod trouble;

// Written by `quids bench pallet`, never by hand.
pub mod weights;

pub use migration::{Limit, NewLimit};
pub use pallet::*;
#[cfg(feature = "faulty")]
pub use trouble::Trouble;

// The name is the prefix of the pallet's storage and its name for clients. It must be the one in `construct_runtime!`.
/// Giving, in rounds.
#[quids_support::pallet(name = "Template")]
pub mod pallet {
    use super::*;
    use quids_support::prelude::*;

    // What the runtime decides for the pallet. `pallet_system::Config` brings the runtime's types; the bound on
    // `RuntimeEvent` is needed by pallets with events. Types from other pallets come in as traits of
    // `quids_support::traits`, as in `type Currency: Currency;`.
    #[pallet::config]
    pub trait Config: pallet_system::Config<RuntimeEvent: From<Event<Self>>> {
        /// How many blocks a round has.
        // A constant is shown to clients in metadata.
        #[pallet::constant]
        type RoundLength: Get<Height>;
        /// Who sets the limit.
        // `EnsureRoot` in most runtimes; also a member of the council, the accounts of a list, or either.
        type AdminOrigin: EnsureOrigin;
    }

    #[pallet::pallet]
    pub struct Pallet<T>(PhantomData<T>);

    // Storage. A value that many transactions change would make them wait for each other, since the client executes
    // them in parallel. Three ways out, all used here: a map keyed by account; `add`, which does not read; a value
    // that calls only read.

    /// What an account has given over time.
    // `Blake2_128Concat` for keys that somebody may choose, so that nobody can make the trie lopsided.
    #[pallet::storage]
    pub type Given<T> = StorageMap<_, Blake2_128Concat, AccountId20, u64, ValueQuery>;

    /// What was given in this round.
    // A `u128` value can be added to without reading it.
    #[pallet::storage]
    pub type RoundTotal<T> = StorageValue<_, u128, ValueQuery>;

    /// The most that one call may give.
    #[pallet::storage]
    pub type CurrentLimit<T> = StorageValue<_, Limit, ValueQuery>;

    /// The version of this pallet's storage; absent: 1. Migrations read and write it.
    #[pallet::storage]
    pub type StorageVersion<T> = StorageValue<_, u16>;

    // Events tell clients what happened. They are never read by the chain.
    #[pallet::event]
    pub enum Event<T: Config> {
        /// An account gave something.
        Given { who: AccountId20, amount: u32 },
        /// The limit was set.
        LimitSet { limit: Limit },
        /// A round ended.
        RoundClosed { total: u128 },
    }

    // Errors say why a call failed. The call then has changed nothing: it runs in a storage transaction.
    #[pallet::error]
    pub enum Error<T> {
        /// The amount is 0 or above the limit.
        AmountRefused,
        /// The account's sum would not fit 64 bits.
        Overflow,
    }

    // Calls are what transactions make. Index and arguments are part of the transaction format: an index is never
    // reused for something else. The weight says, before the call runs, what it costs at most; it may use the
    // arguments, by reference. `quids bench pallet --pallet Template --output pallets` measures the benchmarks and writes
    // `weights.rs`, a function a call; until then, a weight by hand: `cost::of(picoseconds, reads, writes)`.
    #[pallet::call]
    impl<T: Config> Pallet<T> {
        /// Gives an amount.
        #[pallet::call_index(0)]
        #[pallet::weight(weights::give())]
        pub fn give(origin: Origin, amount: u32) -> DispatchResult {
            // Who may call: any account. `ensure_none` is for what blocks' authors bring in; for the rest there is `EnsureOrigin`.
            let who = ensure_signed(origin)?;
            ensure!(
                amount > 0 && CurrentLimit::<T>::get().allows(amount),
                Error::<T>::AmountRefused
            );
            // Checked arithmetic everywhere: what does not fit is an error, never a wrong number.
            Given::<T>::try_mutate(&who, |sum| {
                *sum = sum.checked_add(amount.into()).ok_or(Error::<T>::Overflow)?;
                Ok::<(), DispatchError>(())
            })?;
            RoundTotal::<T>::add(amount.into());
            Self::deposit_event(Event::Given { who, amount });
            Ok(())
        }

        /// Sets the limit. Only who the runtime lets: root, as a rule.
        #[pallet::call_index(1)]
        #[pallet::weight((weights::set_limit().saturating_add(T::AdminOrigin::WEIGHT), DispatchClass::Operational))]
        pub fn set_limit(origin: Origin, limit: NewLimit) -> DispatchResult {
            T::AdminOrigin::ensure(origin)?;
            let limit = migration::limit(limit);
            CurrentLimit::<T>::put(limit);
            Self::deposit_event(Event::LimitSet { limit });
            Ok(())
        }

        /// Forgets what the sender has given. New in version 2.
        // By hand, since the runtime that is measured has no such call.
        #[cfg(feature = "next")]
        #[pallet::call_index(2)]
        #[pallet::weight(cost::of(3_000_000, 0, 1))]
        pub fn forget(origin: Origin) -> DispatchResult {
            let who = ensure_signed(origin)?;
            Given::<T>::remove(&who);
            Ok(())
        }
    }

    // What the pallet does by itself. Each hook returns the weight it used; that of `on_finalize` is declared in
    // `on_initialize`.
    #[pallet::hooks]
    impl<T: Config> Hooks for Pallet<T> {
        fn on_initialize(height: Height) -> Weight {
            // A length of 0 is no rounds.
            if height.0.checked_rem(T::RoundLength::get().0) != Some(0) {
                return Weight::ZERO;
            }
            Self::deposit_event(Event::RoundClosed {
                total: RoundTotal::<T>::take(),
            });
            cost::of(1_000_000, 1, 1)
        }

        fn on_runtime_upgrade() -> Weight {
            #[cfg(feature = "faulty")]
            trouble::in_one_block::<T>();
            migration::run::<T>()
        }

        // What always holds of the pallet's storage. Tests ask after every test, a dry run of an upgrade on the live
        // state; the execution of blocks never does.
        fn try_state() -> Result<(), String> {
            let version = StorageVersion::<T>::get().unwrap_or(1);
            ensure!(
                version == migration::CURRENT,
                format!(
                    "the storage has version {version}, this code reads {}",
                    migration::CURRENT
                )
            );
            for (who, sum) in Given::<T>::iter() {
                ensure!(sum > 0, format!("{who} has given nothing, and has an entry"));
            }
            Ok(())
        }
    }

    // The state before the first block, from the chain's genesis file: `"template": { "limit": … }`.
    #[pallet::genesis_config]
    #[derive(Default)]
    pub struct GenesisConfig {
        /// The first limit.
        pub limit: u32,
    }

    #[pallet::genesis_build]
    impl<T: Config> BuildGenesis<T> for GenesisConfig {
        fn build(&self) {
            CurrentLimit::<T>::put(Limit::from_amount(self.limit));
            StorageVersion::<T>::put(migration::CURRENT);
        }
    }
}
