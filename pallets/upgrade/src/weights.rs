//! Weights of the calls, by hand until they are measured.

use quids_api::DispatchClass;
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
