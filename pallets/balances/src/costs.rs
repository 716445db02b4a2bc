//! Weights of what no benchmark measures, by hand: storage at reference costs, a little time for the code; and what observers of
//! accounts may add to calls.

use crate::Config;
use quids_core::Weight;
use quids_support::{limits::cost, traits::AccountObserver};

/// Fee pot, digest, author; three issuance values.
const FINALIZE: Weight = cost::of(10_000_000, 6, 4);

/// A weight, and that of observers who may be told so many times.
pub const fn observed<T: Config>(weight: Weight, times: u64) -> Weight {
    weight.saturating_add(T::Observers::WEIGHT.saturating_mul(times))
}

/// The author may be new.
pub const fn on_finalize<T: Config>() -> Weight {
    observed::<T>(FINALIZE, 1)
}

/// The receiver may be new, the sender may go, and be new once more by what it gets back of its fee; the transfer itself.
pub const fn transfer<T: Config>(weight: Weight) -> Weight {
    observed::<T>(weight, 4)
}
