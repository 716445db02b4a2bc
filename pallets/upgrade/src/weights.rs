//! Weights of the calls, by hand until they are measured.

use crate::lifecycle::{CHUNKS_MAX, PROPOSALS_MAX};
use quids_api::{DispatchClass, upgrade::CHUNK_SIZE};
use quids_core::Weight;
use quids_support::{dispatch::DispatchInfo, limits::cost};

/// What `as_root` adds to the inner call: the root account is read, a storage transaction opened.
pub const AS_ROOT_OVERHEAD: Weight = cost::of(5_000_000, 1, 0);
pub const SET_ROOT: Weight = cost::of(3_000_000, 1, 1);
pub const AUTHORIZE: Weight = cost::of(3_000_000, 0, 1);

/// The trial run: the host compiles the code and runs version and migrations under fuel. It is not executed again by
/// the blocks that follow, so its share of a block is what counts.
const TRIAL_RUN_PS: u64 = 300_000_000_000;
/// Two hash functions over each byte, in picoseconds.
const HASH_PS_PER_BYTE: u64 = 5_000;
/// Reading or writing a byte of a large value.
const COPY_PS_PER_BYTE: u64 = 1_000;

/// The weight and class of the inner call, and the overhead. Always declared as paid for, or anybody could have free
/// transactions by wrapping a free call; a root call that is free is refunded.
pub fn as_root(inner: &DispatchInfo) -> (Weight, DispatchClass) {
    (inner.weight.saturating_add(AS_ROOT_OVERHEAD), inner.class)
}

/// Up to the comparison of hashes.
pub const fn hashing(bytes: usize) -> Weight {
    cost::of(
        5_000_000u64.saturating_add(HASH_PS_PER_BYTE.saturating_mul(bytes as u64)),
        1,
        0,
    )
}

/// All of it. The old code is not read, the new one is in the transaction: neither is part of a proof.
pub const fn apply(bytes: usize) -> Weight {
    hashing(bytes).saturating_add(cost::of(TRIAL_RUN_PS, 1, 4))
}

/// Up to the end of a refusal that reads proposal and council.
pub const COMPLETE_REFUSED: Weight = cost::of(10_000_000, 4, 0);
/// A vote reads proposal, agenda and council, and may write all of them.
pub const VOTE: Weight = cost::of(20_000_000, 4, 3);
/// All open proposals are looked through.
pub const PROPOSE: Weight = cost::of(30_000_000, 4 + PROPOSALS_MAX as u64, 4);
/// With all that may be removed.
pub const CANCEL: Weight = VOTE.saturating_add(REMOVE);
/// Every member's vote is read, and removed in the end.
pub const SET_COUNCIL: Weight = cost::of(30_000_000, 4 + crate::COUNCIL_MAX as u64, 4 + crate::COUNCIL_MAX as u64);
/// The council, every member's vote and what it is about are read; votes removed, and what was decided written.
pub const MOTION: Weight = cost::of(30_000_000, 6 + crate::COUNCIL_MAX as u64, 4 + crate::COUNCIL_MAX as u64);
/// What a block looks at in any case.
pub const AGENDA: Weight = cost::of(1_000_000, 2, 0);
/// A look whether a migration is under way.
pub const NO_MIGRATION: Weight = cost::of(1_000_000, 2, 0);
/// What keeping track of a migration adds to it: an instance, and the code's hash.
pub const MIGRATION: Weight = cost::of(3_000_000_000, 5, 5);
/// A proposal goes, with its code.
pub const REMOVE: Weight = cost::of(20_000_000, 3, 4 + CHUNKS_MAX as u64);

/// The chunk that was there is compared with this one.
pub const fn upload(bytes: usize) -> Weight {
    cost::of(
        20_000_000u64.saturating_add(COPY_PS_PER_BYTE.saturating_mul(bytes as u64)),
        4,
        2,
    )
    .saturating_add(Weight::new(0, CHUNK_SIZE as u64))
}

/// The chunks are read and hashed.
pub const fn reading_code(bytes: usize) -> Weight {
    hashing(bytes)
        .saturating_add(COMPLETE_REFUSED)
        .saturating_add(Weight::new(COPY_PS_PER_BYTE.saturating_mul(bytes as u64), bytes as u64))
}

/// All of it: the trial run, and the code in another place.
pub const fn complete(bytes: usize) -> Weight {
    reading_code(bytes)
        .saturating_add(Weight::new(TRIAL_RUN_PS, 0))
        .saturating_add(REMOVE)
}
