//! The Quids runtime: names the pallets, sets their constants, exports the runtime APIs. Compiled to WASM it is the
//! chain's logic; compiled natively the same code serves tests and benchmarks.
#![cfg_attr(target_arch = "wasm32", no_std)]

extern crate alloc;

mod apis;
#[cfg(any(feature = "runtime-benchmarks", not(target_arch = "wasm32")))]
pub mod benchmarks;
mod counted;
mod filter;
mod metadata;

pub use apis::{EXPORTED, call};

use alloc::{string::ToString, vec::Vec};
use quids_api::{
    CheckInherentsResult, InherentData, RuntimeVersion, SignatureClaim, TransactionSource, TransactionValidity,
    TransactionValidityError, api_id,
};
use quids_core::{AccountId20, Balance, Height, Weight};
use quids_support::{constant, construct_runtime, dispatch::DispatchResultWithPostInfo, limits::BlockLimits};

construct_runtime! {
    /// The development chain's runtime.
    #[call_filter(filter::Filter)]
    pub struct Runtime {
        System: pallet_system = 0,
        Timestamp: pallet_timestamp = 1,
        Balances: pallet_balances = 2,
        Upgrade: pallet_upgrade = 3,
        Template: pallet_template = 4,
        Qevm: pallet_qevm = 5,
        Pobpc: pallet_pobpc = 6,
        Utility: pallet_utility = 7,
    }
}

/// The version of this code. Metadata and `Core_version` state the same.
pub fn version() -> RuntimeVersion {
    let apis: &[(&str, u32)] = &[
        ("Core", 4),
        ("Metadata", 2),
        ("BlockBuilder", 6),
        ("TaggedTransactionQueue", 3),
        ("AccountNonceApi", 1),
        ("TransactionPaymentApi", 4),
        ("SignatureApi", 1),
        ("GenesisBuilder", 1),
        ("AccountKeyApi", 1),
        ("QevmApi", 1),
        ("PobpcApi", 1),
        ("UpgradeApi", 1),
    ];
    RuntimeVersion {
        spec_name: "quids".to_string(),
        impl_name: "quids".to_string(),
        authoring_version: 1,
        spec_version: if cfg!(feature = "next") { 2 } else { 1 },
        impl_version: 1,
        apis: apis.iter().map(|(name, version)| (api_id(name), *version)).collect(),
        transaction_version: 1,
        state_version: 1,
    }
}

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
constant!(pub CurrentVersion: RuntimeVersion = version());
constant!(
    /// No minimum: an account may hold any amount.
    pub ExistentialDeposit: Balance = Balance(0)
);

mod config;

/// The transaction extensions, in the order of their encoding.
pub type Extensions = (
    pallet_system::extensions::CheckSpecVersion<Runtime>,
    pallet_system::extensions::CheckTxVersion<Runtime>,
    pallet_system::extensions::CheckGenesis<Runtime>,
    pallet_system::extensions::CheckMortality<Runtime>,
    pallet_system::extensions::CheckNonce<Runtime>,
    pallet_balances::ChargeTransactionPayment<Runtime>,
);

/// The executive of this runtime.
pub type Executive = quids_executive::Executive<Runtime>;
/// The extrinsic of this runtime.
pub type Extrinsic = quids_executive::Extrinsic<Runtime>;

impl quids_executive::Config for Runtime {
    type System = counted::System;
    type Pallets = AllPallets;
    type Extensions = Extensions;
    type Migrations = Upgrade;

    fn is_always_taken(call: &RuntimeCall, who: Option<&AccountId20>) -> bool {
        match (call, who) {
            (RuntimeCall::Upgrade(_), Some(who)) => Upgrade::has_say(who),
            (RuntimeCall::Pobpc(pallet_pobpc::Call::report { .. }), _) => true,
            _ => false,
        }
    }
    fn is_inherent(call: &RuntimeCall) -> bool {
        Runtime::is_inherent(call)
    }
    fn create_inherents(data: &InherentData) -> Vec<RuntimeCall> {
        Runtime::create_inherents(data)
    }
    fn check_inherents(calls: &[RuntimeCall], data: &InherentData) -> CheckInherentsResult {
        Runtime::check_inherents(calls, data)
    }
    fn validate_unsigned(source: TransactionSource, call: &RuntimeCall) -> TransactionValidity {
        Runtime::validate_unsigned(source, call)
    }
    fn apply_self_contained(
        call: &RuntimeCall,
    ) -> Option<Result<DispatchResultWithPostInfo, TransactionValidityError>> {
        Some(Qevm::apply(envelope(call)?))
    }
    fn self_contained_claim(call: &RuntimeCall) -> Option<SignatureClaim> {
        Qevm::signature_claim(envelope(call)?)
    }
    fn take_signature(call: &mut RuntimeCall) -> Option<Vec<u8>> {
        let (rest, signature) = Qevm::split_signature(envelope(call)?)?;
        *call = pallet_qevm::Call::transact { envelope: rest }.into();
        Some(signature)
    }
}

/// The Ethereum transaction that a call carries.
pub(crate) fn envelope(call: &RuntimeCall) -> Option<&[u8]> {
    match call {
        RuntimeCall::Qevm(pallet_qevm::Call::transact { envelope }) => Some(envelope),
        _ => None,
    }
}
