//! Each pallet's configuration: the standard one, and what this chain adds.

use crate::{CurrentVersion, Runtime};
use quids_core::Height;
use quids_support::{constant, origin::EnsureRoot};

/// Migrations of this code that take many blocks.
#[cfg(not(feature = "faulty"))]
type Migrations = ();
#[cfg(feature = "faulty")]
type Migrations = (pallet_template::Trouble<Runtime>,);

quids_standard::configure!(Runtime: System, Timestamp, Balances, Upgrade = Migrations, Qevm, Pobpc, Utility);

constant!(pub RoundLength: Height = Height(100));

impl pallet_template::Config for Runtime {
    type RoundLength = RoundLength;
    type AdminOrigin = EnsureRoot;
}

#[cfg(feature = "later")]
constant!(pub StepMax: u32 = 10);

#[cfg(feature = "later")]
impl pallet_starter::Config for Runtime {
    type StepMax = StepMax;
    type AdminOrigin = EnsureRoot;
}
