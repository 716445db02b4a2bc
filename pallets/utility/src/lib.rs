//! Utility: several calls in one transaction.
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

mod batch;
#[cfg(any(feature = "runtime-benchmarks", not(target_arch = "wasm32")))]
mod benchmarks;
pub mod costs;
pub mod weights;

pub use pallet::*;

/// Batches of calls.
#[quids_support::pallet(name = "Utility")]
pub mod pallet {
    use super::*;
    use batch::Mode;
    use quids_support::prelude::*;

    #[pallet::config]
    pub trait Config: pallet_system::Config<RuntimeEvent: From<Event<Self>>> {
        /// The most calls of one batch, those of batches within it not counted.
        #[pallet::constant]
        type CallsMax: Get<u32>;
    }

    #[pallet::pallet]
    pub struct Pallet<T>(PhantomData<T>);

    // FRAME's events, in its order.
    #[pallet::event]
    pub enum Event<T: Config> {
        /// A batch ended before the call of this index, which failed; what came before it stands.
        BatchInterrupted { index: u32, error: DispatchError },
        /// All calls of a batch succeeded.
        BatchCompleted,
        /// A batch was made to its end, and some of its calls failed.
        BatchCompletedWithErrors,
        /// A call of a batch succeeded.
        ItemCompleted,
        /// A call of a batch failed and changed nothing.
        ItemFailed { error: DispatchError },
    }

    #[pallet::error]
    pub enum Error<T> {
        /// The batch has more calls than it may.
        TooManyCalls,
    }

    // FRAME's indices.
    #[pallet::call]
    impl<T: Config> Pallet<T> {
        /// Makes the calls one after the other until one fails. The transaction succeeds in any case: see the event.
        #[pallet::call_index(0)]
        #[pallet::weight(costs::declared(weights::batch, calls))]
        pub fn batch(origin: Origin, calls: Vec<T::RuntimeCall>) -> DispatchResultWithPostInfo {
            Self::run(origin, calls, Mode::UntilFailure)
        }

        /// Makes all calls or none: if one fails, what the others did is undone.
        #[pallet::call_index(2)]
        #[pallet::weight(costs::declared(weights::batch_all, calls))]
        pub fn batch_all(origin: Origin, calls: Vec<T::RuntimeCall>) -> DispatchResultWithPostInfo {
            Self::run(origin, calls, Mode::All)
        }

        /// Makes every call, whatever becomes of the others. The transaction succeeds in any case: see the events.
        #[pallet::call_index(4)]
        #[pallet::weight(costs::declared(weights::force_batch, calls))]
        pub fn force_batch(origin: Origin, calls: Vec<T::RuntimeCall>) -> DispatchResultWithPostInfo {
            Self::run(origin, calls, Mode::Each)
        }
    }
}
