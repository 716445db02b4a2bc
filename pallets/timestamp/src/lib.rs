//! Timestamp: the chain's clock. The author of a block states the time in an inherent, exactly once a block.
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

/// The chain's clock, in milliseconds since the Unix epoch.
#[quids_support::pallet(name = "Timestamp")]
pub mod pallet {
    use crate::weights;
    use quids_api::TIMESTAMP_INHERENT;
    use quids_support::{prelude::*, traits::UnixTime};

    /// How far ahead of a node's own clock a block may be for the node to vote for it, in milliseconds. An opinion:
    /// it never decides validity.
    pub const AHEAD_MAX_MS: u64 = 30_000;

    /// That the block has its time is forgotten at its end.
    const ON_FINALIZE: Weight = cost::of(1_000_000, 1, 1);

    #[pallet::config]
    pub trait Config: pallet_system::Config {
        /// The least time between two blocks, in milliseconds; at least 1, since time never stands still.
        #[pallet::constant]
        type MinimumPeriod: Get<u64>;
    }

    #[pallet::pallet]
    pub struct Pallet<T>(PhantomData<T>);

    /// The time of the block in execution; between blocks that of the last one.
    #[pallet::storage]
    pub type Now<T> = StorageValue<_, u64, ValueQuery>;

    /// Whether the block in execution has its time. Absent between blocks.
    #[pallet::storage]
    pub type DidUpdate<T> = StorageValue<_, bool, ValueQuery>;

    #[pallet::error]
    pub enum Error<T> {
        /// The block has its time already.
        AlreadySet,
        /// The time is not at least the minimum period after the last block's.
        TooEarly,
    }

    #[pallet::call]
    impl<T: Config> Pallet<T> {
        /// States the block's time. The author's call: exactly one a block, not to be sent as a transaction.
        #[pallet::call_index(0)]
        #[pallet::weight((weights::set().saturating_add(ON_FINALIZE), DispatchClass::Mandatory))]
        pub fn set(origin: Origin, #[pallet::compact] now: u64) -> DispatchResult {
            ensure_none(origin)?;
            ensure!(!DidUpdate::<T>::exists(), Error::<T>::AlreadySet);
            ensure!(now >= Self::earliest(), Error::<T>::TooEarly);
            Now::<T>::put(now);
            DidUpdate::<T>::put(true);
            Ok(())
        }
    }

    #[pallet::hooks]
    impl<T: Config> Hooks for Pallet<T> {
        /// # Panics
        /// If nobody stated the block's time: such a block is invalid.
        #[expect(
            clippy::panic,
            reason = "a block without its time is invalid; the message is the client's error"
        )]
        fn on_finalize(height: Height) {
            if !DidUpdate::<T>::take() {
                panic!("invalid block: block {height} has no timestamp inherent");
            }
        }

        /// A block that has its time has one.
        fn try_state() -> Result<(), String> {
            ensure!(
                !DidUpdate::<T>::get() || Now::<T>::exists(),
                "the block in execution has been given its time, but there is none"
            );
            Ok(())
        }
    }

    #[pallet::inherent]
    impl<T: Config> ProvideInherent for Pallet<T> {
        type Call = Call<T>;
        const IDENTIFIER: Option<InherentIdentifier> = Some(TIMESTAMP_INHERENT);

        /// The author's clock, or the earliest valid time if the clock is behind.
        fn create_inherent(data: &InherentData) -> Option<Call<T>> {
            let clock: u64 = data.get(&TIMESTAMP_INHERENT)?;
            Some(Call::set {
                now: clock.max(Self::earliest()),
            })
        }

        fn check_inherent(call: &Call<T>, data: &InherentData) -> Result<(), String> {
            let (Call::set { now }, Some(clock)) = (call, data.get::<u64>(&TIMESTAMP_INHERENT)) else {
                return Ok(());
            };
            let ahead = now.saturating_sub(clock);
            if ahead > AHEAD_MAX_MS {
                return Err(alloc::format!(
                    "the block is {ahead} ms ahead of this node's clock, at most {AHEAD_MAX_MS}"
                ));
            }
            Ok(())
        }

        fn is_inherent(call: &Call<T>) -> bool {
            matches!(call, Call::set { .. })
        }
    }

    impl<T: Config> Pallet<T> {
        /// The earliest time that the block after `Now` may have.
        fn earliest() -> u64 {
            Now::<T>::get().saturating_add(T::MinimumPeriod::get().max(1))
        }
    }

    impl<T: Config> UnixTime for Pallet<T> {
        fn now_ms() -> u64 {
            Now::<T>::get()
        }
    }
}
