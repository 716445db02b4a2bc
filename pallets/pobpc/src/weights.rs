//! Weights by hand until they are measured: storage at reference costs, keys at their size, signatures as if each were
//! of ML-DSA-87.

use quids_core::Weight;
use quids_crypto::SignatureScheme;
use quids_pobpc::SEATS_MAX;
use quids_support::limits::cost;

/// A block of a chain without validators: the counter, and that there is no committee.
pub const NO_CONSENSUS: Weight = cost::of(1_000_000, 2, 1);

/// Bytes of the largest consensus key, ML-DSA-87's.
const KEY_BYTES: u64 = 2_592;
/// Encoding and hashing of a key, and a draw, in picoseconds.
const SEAT_PS: u64 = 3_000_000;
/// Bytes of a candidate.
const CANDIDATE_BYTES: u64 = 37;
/// The list of active validators, at its largest.
const ACTIVE_BYTES: u64 = 21 * crate::VALIDATORS_MAX as u64;

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

const VERIFICATION: Weight = cost::verification(SignatureScheme::MlDsa87);

/// Account, list, validator, key and its owner.
pub const REGISTER: Weight = cost::of(15_000_000, 6, 5)
    .saturating_add(VERIFICATION)
    .saturating_add(Weight::new(0, ACTIVE_BYTES));
pub const BOND_MORE: Weight = cost::of(8_000_000, 2, 2);
pub const COMMIT: Weight = cost::of(5_000_000, 2, 1);
pub const LEAVE: Weight = cost::of(8_000_000, 4, 2).saturating_add(Weight::new(0, ACTIVE_BYTES));
pub const WITHDRAW: Weight = cost::of(10_000_000, 6, 4).saturating_add(Weight::new(0, KEY_BYTES));
pub const UNJAIL: Weight = cost::of(8_000_000, 3, 2).saturating_add(Weight::new(0, ACTIVE_BYTES));
/// The largest committee there may be; two signatures, twice, since the validation of a bare report verifies as well; two
/// accounts, all lists.
pub const REPORT: Weight = keys(2 * SEATS_MAX as u64)
    .saturating_add(VERIFICATION.saturating_mul(4))
    .saturating_add(cost::of(20_000_000, 10, 9))
    .saturating_add(Weight::new(0, ACTIVE_BYTES.saturating_mul(5)));
pub const SET_PARAMETERS: Weight = cost::of(5_000_000, 2, 2).saturating_add(Weight::new(0, ACTIVE_BYTES));

/// The largest committee there may be, each of its members rated; so many signatures.
pub const fn note_votes(signatures: usize) -> Weight {
    let seats = SEATS_MAX as u64;
    keys(seats)
        .saturating_add(VERIFICATION.saturating_mul(signatures as u64))
        .saturating_add(cost::of(10_000_000, seats.saturating_add(4), seats.saturating_add(1)))
}
