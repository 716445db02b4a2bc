//! A runtime of system, clock, balances and EVM; wallets of both kinds; contracts in bytecode.

use alloy_consensus::{SignableTransaction, TxEip1559};
use alloy_primitives::{Address, Bytes, Signature, TxKind, U256};
use pallet_balances::FeeSchedule;
use pallet_qevm::{GasWeight, PrecompileMap};
use quids_api::{
    TransactionValidityError,
    evm::{EvmOutcome, EvmStatus},
};
use quids_core::{AUTHOR_ENGINE_ID, AccountId20, Balance, Digest, DigestItem, H160, Hash, Height, Weight};
use quids_crypto::{KeyPair, SignatureScheme};
use quids_ethereum::{QuantumTransaction, TRANSACTION_TYPE};
use quids_support::{
    constant, construct_runtime,
    context::{Phase, set_phase},
    dispatch::PostDispatchInfo,
    hooks::Hooks,
    limits::BlockLimits,
    system::SystemPort,
    traits::{Currency, Get},
};
use quids_testing::{TestExternalities, TestRuntime, Version, assert_ok, test_runtime};

construct_runtime! {
    /// A test runtime.
    pub struct Runtime {
        System: pallet_system = 0,
        Timestamp: pallet_timestamp = 1,
        Balances: pallet_balances = 2,
        Qevm: pallet_qevm = 5,
    }
}

test_runtime!(Runtime);

pub const AUTHOR: AccountId20 = AccountId20([9; 20]);
pub const ETHER: u128 = 1_000_000_000_000_000_000;
pub const GWEI: u128 = 1_000_000_000;

constant!(pub Limits: BlockLimits = BlockLimits {
    max_weight: Weight::new(500_000_000_000, 64 << 20),
    normal_percent: 75,
    base_extrinsic: Weight::new(1_000_000, 10),
    base_block: Weight::ZERO,
    max_length: 1 << 24,
    max_extrinsic_length: 1 << 23,
});
constant!(pub HashCount: Height = Height(256));
constant!(pub ExistentialDeposit: Balance = Balance(0));
constant!(pub Fees: FeeSchedule = FeeSchedule {
    base: Balance(1),
    per_byte: Balance(1),
    per_microsecond: Balance(1),
    per_proof_byte: Balance(1),
});
constant!(pub MinimumPeriod: u64 = 1);
constant!(pub GasLimit: u64 = 30_000_000);
constant!(pub Weights: GasWeight = GasWeight { ref_time: 12_500, proof_size: 1 });
constant!(pub Map: PrecompileMap = PrecompileMap::QUIDS);
constant!(pub Author: Option<AccountId20> = Balances::author());

impl pallet_system::Config for Runtime {
    type BlockLimits = Limits;
    type BlockHashCount = HashCount;
    type Version = Version;
    type Observers = ();
}

impl pallet_timestamp::Config for Runtime {
    type MinimumPeriod = MinimumPeriod;
}

impl pallet_balances::Config for Runtime {
    type ExistentialDeposit = ExistentialDeposit;
    type Fees = Fees;
}

impl pallet_qevm::Config for Runtime {
    type BlockGasLimit = GasLimit;
    type GasWeight = Weights;
    type Precompiles = Map;
    type BaseFee = pallet_qevm::Eip1559;
    type Fees = Balances;
    type Time = Timestamp;
    type Author = Author;
    type Signers = crate::signing::Committees;
}

/// Runs in the first block after a genesis where these accounts have an ether each.
#[track_caller]
pub fn test<R>(rich: &[AccountId20], f: impl FnOnce() -> R) -> R {
    let edit = |genesis: &mut RuntimeGenesisConfig| {
        genesis.balances.balances = rich.iter().map(|who| (*who, Balance(ETHER))).collect();
    };
    TestExternalities::<Runtime>::genesis(edit).execute_with(|| {
        start(1);
        f()
    })
}

/// Starts a block.
pub fn start(height: u32) {
    let logs = vec![DigestItem::PreRuntime(AUTHOR_ENGINE_ID, AUTHOR.0.to_vec())];
    System::initialize(Height(height), Hash::repeat_byte(7), &Digest { logs });
    AllPallets::on_initialize(Height(height));
    set_phase(Phase::ApplyExtrinsic(1));
}

/// Ends the block.
pub fn end(height: u32) {
    Balances::on_finalize(Height(height));
    Qevm::on_finalize(Height(height));
}

/// Somebody who signs with secp256k1.
pub struct Legacy(KeyPair);

impl Legacy {
    pub fn new(seed: u8) -> Self {
        Self(KeyPair::from_secp256k1_secret(&[seed; 32]).unwrap())
    }

    pub fn account(&self) -> AccountId20 {
        self.0.account_id()
    }

    pub fn sign(&self, transaction: TxEip1559) -> Vec<u8> {
        let signature = self.0.sign(&transaction.encoded_for_signing());
        let bytes = signature.as_bytes();
        let (r, s) = (U256::from_be_slice(&bytes[..32]), U256::from_be_slice(&bytes[32..64]));
        let signed = transaction.into_signed(Signature::new(r, s, bytes[64] % 27 == 1));
        let mut out = Vec::new();
        signed.eip2718_encode(&mut out);
        out
    }
}

/// A transaction to fill in.
pub fn blank() -> TxEip1559 {
    TxEip1559 {
        chain_id: 20_821,
        nonce: 0,
        gas_limit: 1_000_000,
        max_fee_per_gas: 3 * GWEI,
        max_priority_fee_per_gas: GWEI,
        to: TxKind::Create,
        value: U256::ZERO,
        access_list: Default::default(),
        input: Bytes::new(),
    }
}

/// Somebody who signs with a post-quantum key.
pub struct Quantum(KeyPair);

impl Quantum {
    pub fn new(scheme: SignatureScheme) -> Self {
        Self(KeyPair::from_seed(scheme, &[5; 32]).unwrap())
    }

    pub fn account(&self) -> AccountId20 {
        self.0.account_id()
    }

    pub fn public(&self) -> Vec<u8> {
        self.0.public().as_bytes().to_vec()
    }

    pub fn sign(&self, transaction: TxEip1559, with_key: bool) -> Vec<u8> {
        let mut quantum = QuantumTransaction {
            chain_id: transaction.chain_id,
            nonce: transaction.nonce,
            max_priority_fee_per_gas: transaction.max_priority_fee_per_gas,
            max_fee_per_gas: transaction.max_fee_per_gas,
            gas_limit: transaction.gas_limit,
            to: transaction.to,
            value: transaction.value,
            data: transaction.input,
            access_list: transaction.access_list,
            scheme: self.0.scheme(),
            sender: Address::from(self.account().0),
            public_key: if with_key { self.public().into() } else { Bytes::new() },
            signature: Bytes::new(),
        };
        quantum.signature = self.0.sign(&quantum.signing_hash()).as_bytes().to_vec().into();
        let out = quantum.encode();
        assert_eq!(out[0], TRANSACTION_TYPE);
        out
    }
}

/// Applies a transaction as the executive does: a refusal leaves nothing.
pub fn apply(envelope: &[u8]) -> Result<(PostDispatchInfo, EvmOutcome), TransactionValidityError> {
    quids_io::storage::with_transaction(|| Qevm::apply_traced(envelope, None))
}

/// Applies a transaction that must succeed.
#[track_caller]
pub fn succeed(envelope: &[u8]) -> EvmOutcome {
    let (_, outcome) = apply(envelope).unwrap();
    assert_eq!(outcome.status, EvmStatus::Success, "{outcome:?}");
    outcome
}

pub fn balance(who: AccountId20) -> u128 {
    Balances::free_balance(&who).0
}

pub fn nonce(who: AccountId20) -> u64 {
    Qevm::account(H160(who.0)).nonce
}

/// Nothing was made or lost, and what else always holds of the pallets' state.
#[track_caller]
pub fn assert_conserved() {
    assert_ok!(Runtime::try_state());
}

/// Code that deploys `runtime`, of at most 255 bytes.
pub fn deploying(runtime: &[u8]) -> Vec<u8> {
    let length = u8::try_from(runtime.len()).unwrap();
    // PUSH1 length DUP1 PUSH1 11 PUSH1 0 CODECOPY PUSH1 0 RETURN
    let mut code = vec![0x60, length, 0x80, 0x60, 11, 0x60, 0, 0x39, 0x60, 0, 0xf3];
    code.extend_from_slice(runtime);
    code
}

/// Counts its calls in slot 0 and logs the count.
pub const COUNTER: &[u8] = &[
    0x60, 0x00, 0x54, 0x60, 0x01, 0x01, // count + 1
    0x80, 0x60, 0x00, 0x55, // SSTORE(0, it)
    0x60, 0x00, 0x52, // MSTORE(0, it)
    0x60, 0x20, 0x60, 0x00, 0xa0, // LOG0
    0x60, 0x20, 0x60, 0x00, 0xf3, // RETURN it
];

/// Calls `ecrecover` with whatever.
pub const RECOVERS: &[u8] = &[
    0x60, 0x20, 0x60, 0x00, 0x60, 0x80, 0x60, 0x00, 0x60, 0x01, 0x62, 0x01, 0x00, 0x00, 0xfa, 0x00,
];

/// Reverts with a word of memory.
pub const REVERTS: &[u8] = &[0x60, 0x20, 0x60, 0x00, 0xfd];

/// The address that this sender's creation with this nonce has.
pub fn created(who: AccountId20, nonce: u64) -> H160 {
    H160(Address::from(who.0).create(nonce).into_array())
}

/// The block gas limit, for tests of limits.
pub fn gas_limit() -> u64 {
    GasLimit::get()
}
