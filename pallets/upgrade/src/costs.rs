//! Weights that no benchmark measures, by hand: trial runs, hooks, and what a call is refunded; and what calls are reckoned with.

use crate::{
    lifecycle::{CHUNKS_MAX, PROPOSALS_MAX},
    weights,
};
use quids_api::DispatchClass;
use quids_core::Weight;
use quids_io::abi::CODE_SIZE_MAX;
use quids_support::{dispatch::DispatchInfo, limits::cost};

/// Open and scheduled proposals that are reckoned with: the places of members, and as much for those of root and of recovery accounts,
/// which may change.
pub const OPEN_MAX: u32 = 2 * PROPOSALS_MAX as u32;

/// Members of the largest council.
pub const MEMBERS_MAX: u32 = crate::COUNCIL_MAX as u32;

/// The trial run: the host compiles the code and runs version and migrations under fuel. It is not executed again by
/// the blocks that follow, so its share of a block is what counts.
const TRIAL_RUN_PS: u64 = 300_000_000_000;
/// A block without transactions under the code, and its migrations once more.
const TRIAL_BLOCK_PS: u64 = 50_000_000_000;
/// Two hash functions over each byte, in picoseconds.
const HASH_PS_PER_BYTE: u64 = 5_000;
/// Reading or writing a byte of a large value.
const COPY_PS_PER_BYTE: u64 = 1_000;

/// The weight and class of the inner call, and the overhead. Always declared as paid for, or anybody could have free
/// transactions by wrapping a free call; a root call that is free is refunded.
pub fn as_root(inner: &DispatchInfo) -> (Weight, DispatchClass) {
    (inner.weight.saturating_add(weights::as_root()), inner.class)
}

/// Up to the comparison of hashes.
pub const fn hashing(bytes: usize) -> Weight {
    cost::of(
        5_000_000u64.saturating_add(HASH_PS_PER_BYTE.saturating_mul(bytes as u64)),
        1,
        0,
    )
}

/// All of it. The old code is set aside, the new one is in the transaction: witnesses have the former, so neither is part of a proof.
pub const fn apply(bytes: usize) -> Weight {
    hashing(bytes)
        .saturating_add(cost::of(TRIAL_RUN_PS, 1, 6))
        .saturating_add(TRIAL_BLOCK)
        .saturating_add(Weight::new(
            COPY_PS_PER_BYTE.saturating_mul(4).saturating_mul(CODE_SIZE_MAX as u64),
            0,
        ))
}

/// What a block on trial reads.
const TRIAL_BLOCK: Weight = cost::of(TRIAL_BLOCK_PS, 64, 0);

/// Up to the end of a refusal that reads proposal and council.
pub const COMPLETE_REFUSED: Weight = cost::of(10_000_000, 4, 0);
/// What a block looks at in any case.
pub const AGENDA: Weight = cost::of(1_000_000, 2, 0);
/// A look whether a migration is under way.
pub const NO_MIGRATION: Weight = cost::of(1_000_000, 2, 0);
/// What keeping track of a migration adds to it: an instance, and the code's hash.
pub const MIGRATION: Weight = cost::of(3_000_000_000, 5, 5);
/// A proposal goes, with its code: as by the last vote against it.
pub const REMOVE: Weight = weights::cancel(CHUNKS_MAX);

/// The chunks are read and hashed.
pub const fn reading_code(bytes: usize) -> Weight {
    hashing(bytes)
        .saturating_add(COMPLETE_REFUSED)
        .saturating_add(Weight::new(COPY_PS_PER_BYTE.saturating_mul(bytes as u64), bytes as u64))
}

/// All of it at a block's end: the trial run with a block, and the code in another place.
pub const fn activate(bytes: usize) -> Weight {
    complete(bytes).saturating_add(TRIAL_BLOCK)
}

/// All of it: the trial run, and the code in another place.
pub const fn complete(bytes: usize) -> Weight {
    reading_code(bytes)
        .saturating_add(Weight::new(TRIAL_RUN_PS, 0))
        .saturating_add(REMOVE)
}
