//! The standard pallets' constants, and the macro that configures them with these. A chain that wants another value implements
//! that pallet's `Config` itself.

use core::marker::PhantomData;
use pallet_balances::FeeSchedule;
use pallet_qevm::{GasWeight, PrecompileMap};
use quids_core::{AccountId20, Balance, Height, Weight};
use quids_support::{constant, limits::BlockLimits, traits::Get};

/// One second of a reference core, in picoseconds.
const SECOND: u64 = 1_000_000_000_000;

const NORMAL_PERCENT: u8 = 75;
/// What normal transactions of a block may take,
const NORMAL_REF_TIME: u64 = SECOND / 2 / 100 * NORMAL_PERCENT as u64;
/// and what each of them takes besides its call.
const BASE_REF_TIME: u64 = 30_000_000;

constant!(
    /// What fits into a block: half of the interval's computation, the rest is for proofs and the network.
    pub Limits: BlockLimits = BlockLimits {
        max_weight: Weight::new(SECOND / 2, 64 * 1024 * 1024),
        normal_percent: NORMAL_PERCENT,
        base_extrinsic: Weight::new(BASE_REF_TIME, 512),
        base_block: Weight::new(500_000_000, 4_096),
        max_length: 16 * 1024 * 1024,
        max_extrinsic_length: 9 * 1024 * 1024,
    }
);
constant!(
    /// How many block hashes the state keeps: the longest mortal era.
    pub HashCount: Height = Height(4096)
);
constant!(
    /// No minimum: an account may hold any amount.
    pub ExistentialDeposit: Balance = Balance(0)
);

/// 10^-6 of the token, which has 18 decimals.
pub const MICRO: u128 = 1_000_000_000_000;

constant!(
    /// A transfer from a bound ML-DSA-87 account costs about 0.006 of the token, mostly for its signature's bytes.
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

const BLOCK_GAS: u64 = 30_000_000;
/// Picoseconds of a gas.
const GAS_REF_TIME: u64 = 12_500;

// No transaction looks at how much gas a block has used: its weight has to run out first. And no transaction, which uses
// 10 500 gas at least, may weigh less than any extrinsic does.
const _: () = assert!(BLOCK_GAS * GAS_REF_TIME >= NORMAL_REF_TIME && 10_500 * GAS_REF_TIME >= BASE_REF_TIME);

constant!(
    /// Gas of a block: what its weight for normal transactions comes to, so that the weight is the tighter limit.
    pub BlockGasLimit: u64 = BLOCK_GAS
);
constant!(
    /// 80 Mgas/s on a reference core: `quids bench evm` has this chain's figures.
    pub GasWeightOfChain: GasWeight = GasWeight { ref_time: GAS_REF_TIME, proof_size: 1 }
);
constant!(
    /// The range of Quids' own precompiles.
    pub Precompiles: PrecompileMap = PrecompileMap::QUIDS
);
constant!(pub BatchCallsMax: u32 = 256);
constant!(
    /// What a validator bonds at least: 1000 of the token.
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

/// The author that the block's digest names.
pub struct Author<T>(PhantomData<T>);

impl<T: pallet_balances::Config> Get<Option<AccountId20>> for Author<T> {
    fn get() -> Option<AccountId20> {
        pallet_balances::Pallet::<T>::author()
    }
}

/// One who may make the next block, for code on trial to make one of.
pub struct NextAuthor<T>(PhantomData<T>);

impl<T: pallet_pobpc::Config> Get<Option<AccountId20>> for NextAuthor<T> {
    fn get() -> Option<AccountId20> {
        pallet_pobpc::Pallet::<T>::next_author()
    }
}

/// Configures standard pallets with the constants of this module: `configure!(Runtime: System, Upgrade = Migrations)`. `System`
/// takes its version from `CurrentVersion`, which [`runtime!`](crate::runtime) makes, and may be given the observers of accounts, as
/// in `System = (Mine, Other)`; `Upgrade` may be given the migrations that take many blocks.
#[macro_export]
macro_rules! configure {
    ($runtime:ident: $($pallet:ident $(= $given:ty)?),+ $(,)?) => {
        $($crate::__configure!($pallet $runtime $($given)?);)+
    };
}

/// The configuration of one pallet, a part of [`configure!`].
#[doc(hidden)]
#[macro_export]
macro_rules! __configure {
    (System $runtime:ident) => {
        $crate::__configure!(System $runtime ());
    };
    (System $runtime:ident $observers:ty) => {
        impl $crate::__private::pallet_system::Config for $runtime {
            type BlockLimits = $crate::config::Limits;
            type BlockHashCount = $crate::config::HashCount;
            type Version = CurrentVersion;
            type Observers = $observers;
        }
    };
    (Timestamp $runtime:ident) => {
        impl $crate::__private::pallet_timestamp::Config for $runtime {
            type MinimumPeriod = $crate::config::MinimumPeriod;
        }
    };
    (Balances $runtime:ident) => {
        impl $crate::__private::pallet_balances::Config for $runtime {
            type ExistentialDeposit = $crate::config::ExistentialDeposit;
            type Fees = $crate::config::Fees;
        }
    };
    (Upgrade $runtime:ident) => {
        $crate::__configure!(Upgrade $runtime ());
    };
    (Upgrade $runtime:ident $migrations:ty) => {
        impl $crate::__private::pallet_upgrade::Config for $runtime {
            type ActivationLead = $crate::config::ActivationLead;
            type RecoveryDelay = $crate::config::RecoveryDelay;
            type ProposalLife = $crate::config::ProposalLife;
            type Migrations = $migrations;
            type NextAuthor = $crate::config::NextAuthor<$runtime>;
        }
    };
    (Qevm $runtime:ident) => {
        impl $crate::__private::pallet_qevm::Config for $runtime {
            type BlockGasLimit = $crate::config::BlockGasLimit;
            type GasWeight = $crate::config::GasWeightOfChain;
            type Precompiles = $crate::config::Precompiles;
            type BaseFee = $crate::__private::pallet_qevm::Eip1559;
            type Fees = $crate::__private::pallet_balances::Pallet<$runtime>;
            type Time = $crate::__private::pallet_timestamp::Pallet<$runtime>;
            type Author = $crate::config::Author<$runtime>;
            type Signers = $crate::__private::pallet_pobpc::Pallet<$runtime>;
        }
    };
    (Pobpc $runtime:ident) => {
        impl $crate::__private::pallet_pobpc::Config for $runtime {
            type Currency = $crate::__private::pallet_balances::Pallet<$runtime>;
            type Author = $crate::config::Author<$runtime>;
            type MinimumBond = $crate::config::MinimumBond;
            type EpochLength = $crate::config::EpochLength;
            type EvidenceWindow = $crate::config::EvidenceWindow;
            type UnbondingDelay = $crate::config::UnbondingDelay;
            type JailTerm = $crate::config::JailTerm;
        }
    };
    (Utility $runtime:ident) => {
        impl $crate::__private::pallet_utility::Config for $runtime {
            type CallsMax = $crate::config::BatchCallsMax;
        }
    };
}
