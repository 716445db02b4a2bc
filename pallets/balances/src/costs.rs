//! Weights of what no benchmark measures, by hand: storage at reference costs, a little time for the code.

use quids_core::Weight;
use quids_support::limits::cost;

/// Fee pot, digest, author; three issuance values.
pub const ON_FINALIZE: Weight = cost::of(10_000_000, 6, 4);
