//! Weights of the calls that no benchmark measures, by hand: storage at reference costs, verification by scheme.

use quids_core::Weight;
use quids_crypto::SignatureScheme;
use quids_support::limits::cost;

/// Reads: key, genesis hash, account; writes: key, account, event.
pub const fn bind_key(scheme: SignatureScheme) -> Weight {
    cost::of(10_000_000, 3, 3).saturating_add(cost::verification(scheme))
}

/// Reads: key, genesis hash; writes: key, event.
pub const fn rotate_key(scheme: SignatureScheme) -> Weight {
    cost::of(10_000_000, 2, 2).saturating_add(cost::verification(scheme))
}
