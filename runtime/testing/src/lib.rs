//! What tests of pallets are written with: a runtime in a few lines, state in memory that starts at a genesis and checks
//! every pallet's invariants at the end, blocks to run to, assertions. Native only; a dev-dependency.

mod assertions;
mod benchmarks;
mod externalities;
mod mock;
#[cfg(feature = "property")]
pub mod property;
mod runtime;

pub use assertions::{State, as_error, changes, snapshot};
pub use benchmarks::{check_benchmarks, check_weights};
pub use externalities::TestExternalities;
pub use mock::{Limits, RecentHashes, Version, account};
pub use runtime::{BLOCK_TIME_MS, TestRuntime};

/// What the macros name. Not for people.
#[doc(hidden)]
pub mod __private {
    pub use pallet_system;
    pub use quids_api;
    pub use quids_support;
}
