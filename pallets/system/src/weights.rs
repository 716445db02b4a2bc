//! Weights of the calls, by hand until they are measured: storage at reference costs, verification by scheme.

use quids_core::Weight;
use quids_crypto::SignatureScheme;
use quids_support::limits::cost;

/// Copying and decoding: half a nanosecond a byte.
pub const fn remark(bytes: usize) -> Weight {
    cost::of(1_000_000u64.saturating_add((bytes as u64).saturating_mul(500)), 0, 0)
}

/// Hashing with BLAKE3 comes to it: below two nanoseconds a byte.
pub const fn remark_with_event(bytes: usize) -> Weight {
    cost::of(2_000_000u64.saturating_add((bytes as u64).saturating_mul(2_500)), 0, 0)
}

/// Reads: key, genesis hash, account; writes: key, account.
pub const fn bind_key(scheme: SignatureScheme) -> Weight {
    cost::of(10_000_000, 3, 2).saturating_add(cost::verification(scheme))
}

/// Reads: key, genesis hash; writes: key.
pub const fn rotate_key(scheme: SignatureScheme) -> Weight {
    cost::of(10_000_000, 2, 1).saturating_add(cost::verification(scheme))
}

/// One value.
pub const SET_PHASE: Weight = cost::of(5_000_000, 1, 1);
