//! Each pallet's configuration.

use crate::{CurrentVersion, ExistentialDeposit, HashCount, Limits, Runtime};
use pallet_balances::FeeSchedule;
use quids_core::{Balance, Height};
use quids_support::constant;

/// 10^-6 QDS.
const MICRO: u128 = 1_000_000_000_000;

constant!(
    /// A transfer from a bound ML-DSA-87 account costs about 0.006 QDS, mostly for its signature's bytes.
    pub Fees: FeeSchedule = FeeSchedule {
        base: Balance(100 * MICRO),
        per_byte: Balance(MICRO),
        per_microsecond: Balance(MICRO),
        per_proof_byte: Balance(MICRO / 100),
    }
);
constant!(
    /// The least time between two blocks, in milliseconds.
    pub MinimumPeriod: u64 = 1
);

constant!(pub RoundLength: Height = Height(100));

impl pallet_system::Config for Runtime {
    type BlockLimits = Limits;
    type BlockHashCount = HashCount;
    type Version = CurrentVersion;
}

impl pallet_timestamp::Config for Runtime {
    type MinimumPeriod = MinimumPeriod;
}

impl pallet_balances::Config for Runtime {
    type ExistentialDeposit = ExistentialDeposit;
    type Fees = Fees;
}

impl pallet_upgrade::Config for Runtime {}

impl pallet_template::Config for Runtime {
    type RoundLength = RoundLength;
}
