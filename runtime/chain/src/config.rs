//! Each pallet's configuration.

use crate::{Balances, CurrentVersion, ExistentialDeposit, HashCount, Limits, Runtime, Timestamp};
use pallet_balances::FeeSchedule;
use pallet_qevm::{GasWeight, PrecompileMap};
use quids_core::{AccountId20, Balance, Height};
use quids_support::{constant, traits::Get};

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

constant!(
    /// Gas of a block: what its weight for normal transactions comes to, so that the weight is the tighter limit.
    pub BlockGasLimit: u64 = 30_000_000
);
constant!(
    /// 80 Mgas/s on a reference core: `quids bench evm` has this chain's figures.
    pub GasWeightOfChain: GasWeight = GasWeight { ref_time: 12_500, proof_size: 1 }
);
constant!(
    /// The range of this chain's own precompiles.
    pub Precompiles: PrecompileMap = PrecompileMap::QUIDS
);

/// The author that the block's digest names.
pub struct Author;

impl Get<Option<AccountId20>> for Author {
    fn get() -> Option<AccountId20> {
        pallet_balances::Pallet::<Runtime>::author()
    }
}

impl pallet_qevm::Config for Runtime {
    type BlockGasLimit = BlockGasLimit;
    type GasWeight = GasWeightOfChain;
    type Precompiles = Precompiles;
    type BaseFee = pallet_qevm::Eip1559;
    type Fees = Balances;
    type Time = Timestamp;
    type Author = Author;
}

impl pallet_template::Config for Runtime {
    type RoundLength = RoundLength;
}
