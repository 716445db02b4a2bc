//! Weights of the calls, by hand until they are measured: storage at reference costs, a little time for the code.

use quids_core::Weight;
use quids_support::limits::cost;

/// Two accounts.
pub const TRANSFER: Weight = cost::of(10_000_000, 2, 2);
/// The sender is read once more.
pub const TRANSFER_ALL: Weight = cost::of(12_000_000, 3, 2);
/// An account, and the issuance, which only this call reads.
pub const FORCE_SET_BALANCE: Weight = cost::of(10_000_000, 2, 2);
/// An account and a counter.
pub const BURN: Weight = cost::of(8_000_000, 1, 2);
/// An account and the entry of its own reserves.
pub const RESERVE: Weight = cost::of(8_000_000, 2, 2);
/// Fee pot, digest, author; three issuance values.
pub const ON_FINALIZE: Weight = cost::of(10_000_000, 6, 4);
