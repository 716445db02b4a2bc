//! Each pallet's configuration.

use crate::{Balances, CurrentVersion, ExistentialDeposit, HashCount, Limits, Pobpc, Runtime, Timestamp};
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

constant!(
    /// Time to compile new code, and to look at it once more.
    pub ActivationLead: Height = Height(10)
);
constant!(
    /// A day, at a block per second.
    pub RecoveryDelay: Height = Height(86_400)
);
constant!(
    /// A week, at a block per second.
    pub ProposalLife: Height = Height(604_800)
);

/// Migrations of this code that take many blocks.
#[cfg(not(feature = "faulty"))]
type Migrations = ();
#[cfg(feature = "faulty")]
type Migrations = (pallet_template::Trouble<Runtime>,);

impl pallet_upgrade::Config for Runtime {
    type ActivationLead = ActivationLead;
    type RecoveryDelay = RecoveryDelay;
    type ProposalLife = ProposalLife;
    type Migrations = Migrations;
}

const BLOCK_GAS: u64 = 30_000_000;
/// Picoseconds of a gas.
const GAS_REF_TIME: u64 = 12_500;

// No transaction looks at how much gas a block has used: its weight has to run out first. And no transaction, which uses
// 10 500 gas at least, may weigh less than any extrinsic does.
const _: () =
    assert!(BLOCK_GAS * GAS_REF_TIME >= crate::NORMAL_REF_TIME && 10_500 * GAS_REF_TIME >= crate::BASE_REF_TIME);

constant!(
    /// Gas of a block: what its weight for normal transactions comes to, so that the weight is the tighter limit.
    pub BlockGasLimit: u64 = BLOCK_GAS
);
constant!(
    /// 80 Mgas/s on a reference core: `quids bench evm` has this chain's figures.
    pub GasWeightOfChain: GasWeight = GasWeight { ref_time: GAS_REF_TIME, proof_size: 1 }
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
    type Signers = Pobpc;
}

impl pallet_template::Config for Runtime {
    type RoundLength = RoundLength;
}

constant!(pub BatchCallsMax: u32 = 256);

impl pallet_utility::Config for Runtime {
    type CallsMax = BatchCallsMax;
}

constant!(
    /// What a validator bonds at least: 1000 QDS.
    pub MinimumBond: Balance = Balance(1_000_000_000 * MICRO)
);
constant!(pub EpochLength: Height = Height(EPOCH));
constant!(
    /// Three and a half hours, at a block per second.
    pub EvidenceWindow: Height = Height(EVIDENCE)
);
constant!(pub UnbondingDelay: Height = Height(UNBONDING));
const EPOCH: u32 = 20;
const EVIDENCE: u32 = 12_800;
const UNBONDING: u32 = 14_400;

// Who leaves may have a seat for two epochs, and be reported for it as long as evidence counts.
const _: () = assert!(UNBONDING > EVIDENCE + 2 * EPOCH);

constant!(
    /// An hour, at a block per second.
    pub JailTerm: Height = Height(3_600)
);

impl pallet_pobpc::Config for Runtime {
    type Currency = Balances;
    type Author = Author;
    type MinimumBond = MinimumBond;
    type EpochLength = EpochLength;
    type EvidenceWindow = EvidenceWindow;
    type UnbondingDelay = UnbondingDelay;
    type JailTerm = JailTerm;
}
