//! Weights of heights, by hand: storage at reference costs, keys at their size; and for how much the measured weights of calls are taken.

use crate::{Config, weights};
use quids_core::Weight;
use quids_pobpc::SEATS_MAX;
use quids_support::{limits::cost, traits::AccountObserver};

/// A block of a chain without validators: the counter, and that there is no committee.
pub const NO_CONSENSUS: Weight = cost::of(1_000_000, 2, 1);

/// Bytes of the largest consensus key, ML-DSA-87's.
const KEY_BYTES: u64 = 2_592;
/// Encoding and hashing of a key, and a draw, in picoseconds.
const SEAT_PS: u64 = 3_000_000;
/// Bytes of a candidate.
const CANDIDATE_BYTES: u64 = 37;
/// Active validators, at most.
pub const ACTIVE_MAX: u32 = crate::VALIDATORS_MAX as u32;
/// Seats of a committee, at most.
const SEATS: u32 = SEATS_MAX as u32;

/// Keys of so many seats.
const fn keys(seats: u64) -> Weight {
    cost::of(seats.saturating_mul(SEAT_PS), seats, 0).saturating_add(Weight::new(0, seats.saturating_mul(KEY_BYTES)))
}

/// The next committee with all its keys, drawn from as many candidates as there may be; author, reveal, the limit.
pub const fn end_height(seats: usize) -> Weight {
    let candidates = (crate::VALIDATORS_MAX as u64).saturating_mul(CANDIDATE_BYTES);
    keys(seats as u64)
        .saturating_add(cost::of(50_000_000, 16, 12))
        .saturating_add(Weight::new(0, candidates))
}

/// All validators are looked at.
pub const fn end_epoch(active: usize) -> Weight {
    let active = active as u64;
    cost::of(active.saturating_mul(1_000_000), active.saturating_add(3), 3)
}

/// Whether the sender sits is looked for among as many seats as there may be.
pub const fn withdraw() -> Weight {
    weights::withdraw(SEATS)
}

/// Twice, since the validation of a report without a signature verifies as much. The reporter may be new by the reward.
pub const fn report<T: Config>() -> Weight {
    let verified = weights::report(SEATS, ACTIVE_MAX).saturating_mul(2);
    verified.saturating_add(T::Observers::WEIGHT)
}

/// For so many signatures: a committee has no more than half as many seats again, or they would prove nothing.
pub const fn note_votes(signatures: u32) -> Weight {
    weights::note_votes(signatures.saturating_add(signatures.div_ceil(2)))
}
