//! What client and runtime say to each other about the EVM: accounts, blocks as Ethereum sees them, simulations,
//! traces. Addresses are accounts, 20 bytes; amounts are in wei, the token's smallest unit.

use alloc::{string::String, vec::Vec};
use codec::{Decode, Encode};
use quids_core::{H160, H256, U256};
use scale_info::TypeInfo;

/// The chain as Ethereum's tools see it, for the block to come.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, TypeInfo)]
pub struct EvmChain {
    /// EIP-155.
    pub chain_id: u64,
    /// The hard fork in force, as revm numbers it (`SpecId as u8`).
    pub spec: u8,
    /// Gas that fits into a block.
    pub gas_limit: u64,
    /// The most gas of one transaction.
    pub transaction_gas_limit: u64,
    /// Of the next block, wei a gas (EIP-1559).
    pub base_fee: u128,
    /// Whether secp256k1 signatures are still accepted at all.
    pub legacy_signatures: bool,
    /// Addresses of the post-quantum precompiles, with their names.
    pub precompiles: Vec<(String, H160)>,
}

/// An account of the EVM.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Encode, Decode, TypeInfo)]
pub struct EvmAccount {
    pub balance: U256,
    pub nonce: u64,
    /// Keccak-256 of the code; of nothing for an account without.
    pub code_hash: H256,
}

/// What a block gives to the EVM.
#[derive(Clone, PartialEq, Eq, Debug, Default, Encode, Decode, TypeInfo)]
pub struct EvmBlockEnv {
    pub number: u64,
    /// Seconds since 1970.
    pub timestamp: u64,
    pub beneficiary: H160,
    pub gas_limit: u64,
    /// Wei a gas.
    pub base_fee: u128,
    pub prevrandao: H256,
}

/// A block as Ethereum sees it, in the state after it.
#[derive(Clone, PartialEq, Eq, Debug, Default, Encode, Decode, TypeInfo)]
pub struct EvmBlock {
    pub env: EvmBlockEnv,
    pub gas_used: u64,
    /// In the order of execution.
    pub transactions: Vec<ExecutedTransaction>,
}

/// A transaction of the EVM that is in a block.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, TypeInfo)]
pub struct ExecutedTransaction {
    /// Place of its extrinsic in the block's body.
    pub extrinsic_index: u32,
    /// Keccak-256 of `envelope`; where this is empty, of what `pallets/qevm/README.md` says.
    pub hash: H256,
    pub from: H160,
    /// EIP-2718 bytes; empty for a call of `qevm` by a signed extrinsic, which `call` describes.
    pub envelope: Vec<u8>,
    /// The call of a signed extrinsic.
    pub call: Option<EvmMessage>,
    pub receipt: EvmReceipt,
}

/// What came of a transaction.
#[derive(Clone, PartialEq, Eq, Debug, Default, Encode, Decode, TypeInfo)]
pub struct EvmReceipt {
    /// EIP-2718 type.
    pub transaction_type: u8,
    pub success: bool,
    pub gas_used: u64,
    /// Of the block up to and with this transaction.
    pub cumulative_gas_used: u64,
    /// Wei a gas that was paid.
    pub effective_gas_price: u128,
    /// The contract that a creation made.
    pub contract_address: Option<H160>,
    pub logs: Vec<EvmLog>,
}

/// A log entry.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, TypeInfo)]
pub struct EvmLog {
    pub address: H160,
    /// At most four.
    pub topics: Vec<H256>,
    pub data: Vec<u8>,
}

/// EIP-2930.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, TypeInfo)]
pub struct AccessListItem {
    pub address: H160,
    pub storage_keys: Vec<H256>,
}

/// An EIP-7702 authorisation whose signer is known; one that does not recover counts and does nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Encode, Decode, TypeInfo)]
pub struct Authorization {
    pub chain_id: U256,
    pub address: H160,
    pub nonce: u64,
    pub authority: Option<H160>,
}

/// A call or creation, without signature.
#[derive(Clone, PartialEq, Eq, Debug, Default, Encode, Decode, TypeInfo)]
pub struct EvmMessage {
    /// EIP-2718 type, which says which of the fields below count.
    pub transaction_type: u8,
    pub from: H160,
    /// `None` creates a contract.
    pub to: Option<H160>,
    /// `None`: the account's next one.
    pub nonce: Option<u64>,
    pub value: U256,
    pub input: Vec<u8>,
    pub gas_limit: u64,
    /// Gas price, or the most that is paid a gas (EIP-1559). Wei.
    pub max_fee_per_gas: u128,
    /// EIP-1559.
    pub max_priority_fee_per_gas: Option<u128>,
    pub access_list: Vec<AccessListItem>,
    pub authorizations: Vec<Authorization>,
    /// Of a post-quantum transaction (type 0x71): what its signature costs. `None`: as the sender's next one.
    pub quantum: Option<QuantumSignature>,
}

/// What is paid for of a post-quantum transaction's signature.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Encode, Decode, TypeInfo)]
pub struct QuantumSignature {
    /// Tag of the scheme.
    pub scheme: u8,
    /// Whether the transaction carries the public key.
    pub with_key: bool,
}

/// What a simulation changes of the block it runs in. `None` is what the block has in whose state it runs.
#[derive(Clone, PartialEq, Eq, Debug, Default, Encode, Decode, TypeInfo)]
pub struct BlockOverrides {
    pub number: Option<u64>,
    pub timestamp: Option<u64>,
    pub beneficiary: Option<H160>,
    pub gas_limit: Option<u64>,
    pub base_fee: Option<u128>,
    pub prevrandao: Option<H256>,
    /// What `BLOCKHASH` answers for these numbers.
    pub block_hashes: Vec<(u64, H256)>,
}

/// What a simulation changes of an account beforehand.
#[derive(Clone, PartialEq, Eq, Debug, Default, Encode, Decode, TypeInfo)]
pub struct StateOverride {
    pub address: H160,
    /// More than a `u128` holds is refused.
    pub balance: Option<U256>,
    pub nonce: Option<u64>,
    pub code: Option<Vec<u8>>,
    /// Whether the account's storage is emptied first.
    pub clear_storage: bool,
    pub storage: Vec<(H256, H256)>,
    /// Where the precompile at `address` is to be found instead.
    pub move_precompile_to: Option<H160>,
}

/// One block of a simulation.
#[derive(Clone, PartialEq, Eq, Debug, Default, Encode, Decode, TypeInfo)]
pub struct SimulatedBlock {
    pub block: BlockOverrides,
    pub state: Vec<StateOverride>,
    pub messages: Vec<EvmMessage>,
}

/// Messages to run in the state after a block; nothing of it is kept.
#[derive(Clone, PartialEq, Eq, Debug, Default, Encode, Decode, TypeInfo)]
pub struct Simulation {
    /// Another hard fork than the chain's, as revm numbers it.
    pub spec: Option<u8>,
    /// Another chain id than the chain's.
    pub chain_id: Option<u64>,
    /// Each on the state that the one before leaves.
    pub blocks: Vec<SimulatedBlock>,
    /// As a real transaction: nonce, balance, fees and block limits count, fees are paid. Otherwise fees are paid only
    /// where a message has a price, and nonces do not matter.
    pub validate: bool,
    /// Ether transfers appear as logs of ERC-20 form (`eth_simulateV1`).
    pub trace_transfers: bool,
    pub trace: TraceOptions,
    /// Answers with every account of the EVM at the end. For tests of small states.
    pub dump: bool,
}

/// What a simulation answers.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, TypeInfo)]
pub struct SimulationOutcome {
    pub blocks: Vec<SimulatedOutcome>,
    pub accounts: Vec<DumpedAccount>,
}

/// One block's answers.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, TypeInfo)]
pub struct SimulatedOutcome {
    pub env: EvmBlockEnv,
    /// One a message. An `Err` is a message that no block could include.
    pub messages: Vec<Result<EvmOutcome, EvmError>>,
}

/// An account with its storage.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, TypeInfo)]
pub struct DumpedAccount {
    pub address: H160,
    pub balance: U256,
    pub nonce: u64,
    pub code: Vec<u8>,
    pub storage: Vec<(H256, H256)>,
}

/// How an execution ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Encode, Decode, TypeInfo)]
pub enum EvmStatus {
    Success,
    /// By `REVERT`; the output is its data.
    Revert,
    /// By an error that takes all gas.
    Halt(EvmHalt),
}

/// Errors that take all gas.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Encode, Decode, TypeInfo)]
pub enum EvmHalt {
    OutOfGas,
    InvalidOpcode,
    InvalidJump,
    StackUnderflow,
    StackOverflow,
    StaticStateChange,
    ReturnDataOutOfBounds,
    CallTooDeep,
    OutOfFunds,
    CreateCollision,
    CreateCodeSizeLimit,
    CreateInitCodeSizeLimit,
    CreateCodeStartingWithEf,
    NonceOverflow,
    Precompile,
    Other,
}

/// What an execution gave.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, TypeInfo)]
pub struct EvmOutcome {
    pub status: EvmStatus,
    /// After refunds.
    pub gas_used: u64,
    /// The most gas at any time, before refunds.
    pub gas_spent: u64,
    /// What the call returned, or why it reverted; of a creation the code.
    pub output: Vec<u8>,
    pub contract_address: Option<H160>,
    pub logs: Vec<EvmLog>,
    pub trace: Option<Trace>,
}

/// Why a transaction cannot be in a block on this state.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, TypeInfo)]
pub struct EvmError {
    pub kind: EvmErrorKind,
    /// For people, in go-ethereum's words where it has some, with the values that were wrong.
    pub message: String,
}

/// Classes of the above. The number of `InvalidTransaction::Custom` is 32 more than the index, unless a standard
/// variant says the same.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Encode, Decode, TypeInfo)]
pub enum EvmErrorKind {
    /// The bytes are no transaction.
    Malformed,
    /// A type byte that nobody knows.
    UnknownType,
    /// EIP-4844 transactions have no place on this chain.
    Blob,
    WrongChainId,
    /// A transaction without a chain id.
    Unprotected,
    BadSignature,
    /// The scheme is refused for this account, or by the chain's phase.
    SchemeRefused,
    NonceTooLow,
    NonceTooHigh,
    InsufficientFunds,
    IntrinsicGasTooLow,
    /// More gas than a block or a transaction may have.
    GasLimitTooHigh,
    FeeCapBelowBaseFee,
    TipAboveFeeCap,
    InitCodeTooLarge,
    /// EIP-3607.
    SenderHasCode,
    EmptyAuthorizationList,
    /// Larger than a transaction may be.
    Oversized,
    /// A type of transaction that the fork in force does not have.
    Unsupported,
    /// The account has no key and the transaction brings none.
    KeyMissing,
    KeyMismatch,
    /// A contract that the phase of the chain does not admit.
    NotQuantumCompatible,
    /// A simulation asks for what there is not.
    Request,
    Other,
}

/// What to record of an execution.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Encode, Decode, TypeInfo)]
pub struct TraceOptions {
    /// The tree of calls, with their logs.
    pub calls: bool,
    /// Every opcode.
    pub steps: Option<StepOptions>,
    /// Accounts touched, before and after.
    pub state: bool,
    /// Accounts and slots touched, as an access list would name them.
    pub accesses: bool,
}

/// What to record of each opcode.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Encode, Decode, TypeInfo)]
pub struct StepOptions {
    pub stack: bool,
    pub memory: bool,
    pub storage: bool,
    pub return_data: bool,
    /// At most so many steps; 0: as many as fit.
    pub limit: u64,
}

/// What was recorded.
#[derive(Clone, PartialEq, Eq, Debug, Default, Encode, Decode, TypeInfo)]
pub struct Trace {
    /// In the order in which they began; the first is the transaction.
    pub calls: Vec<CallFrame>,
    pub steps: Vec<Step>,
    /// Steps are missing: their number or their bytes had reached the limit.
    pub truncated: bool,
    pub state: Vec<TracedAccount>,
    pub accesses: Vec<AccessListItem>,
}

/// A call, creation or self-destruction.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, TypeInfo)]
pub struct CallFrame {
    pub kind: CallKind,
    /// 0 for the transaction itself.
    pub depth: u32,
    /// Place of the caller in the list; its own for the first.
    pub parent: u32,
    pub from: H160,
    /// The callee, the created contract, or who gets a destroyed contract's balance.
    pub to: H160,
    pub value: U256,
    pub gas: u64,
    pub gas_used: u64,
    pub input: Vec<u8>,
    pub output: Vec<u8>,
    pub status: EvmStatus,
    /// Each with the number of this frame's calls that had begun before it.
    pub logs: Vec<(u32, EvmLog)>,
}

/// How a frame began.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Encode, Decode, TypeInfo)]
pub enum CallKind {
    Call,
    CallCode,
    DelegateCall,
    StaticCall,
    Create,
    Create2,
    SelfDestruct,
}

/// An opcode about to be executed.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, TypeInfo)]
pub struct Step {
    pub pc: u32,
    pub opcode: u8,
    /// 1 for the transaction itself.
    pub depth: u32,
    pub gas: u64,
    pub gas_cost: u64,
    pub refund: u64,
    pub stack: Vec<U256>,
    pub memory: Vec<u8>,
    /// The slot that this step reads or writes, and its value after it.
    pub storage: Option<(H256, H256)>,
    pub return_data: Vec<u8>,
    pub error: Option<EvmHalt>,
}

/// An account that an execution touched.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, TypeInfo)]
pub struct TracedAccount {
    pub address: H160,
    /// `None`: it was not there.
    pub before: Option<AccountSnapshot>,
    /// `None`: it is not there any more.
    pub after: Option<AccountSnapshot>,
    /// Slots read or written: before and after.
    pub storage: Vec<(H256, H256, H256)>,
}

/// An account at a moment.
#[derive(Clone, PartialEq, Eq, Debug, Default, Encode, Decode, TypeInfo)]
pub struct AccountSnapshot {
    pub balance: U256,
    pub nonce: u64,
    pub code: Vec<u8>,
}

/// A transaction that nobody has executed.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, TypeInfo)]
pub struct EvmTransaction {
    /// As [`ExecutedTransaction::hash`].
    pub hash: H256,
    pub from: H160,
    pub nonce: u64,
    /// EIP-2718 bytes.
    pub envelope: Vec<u8>,
}

/// What the analysis of a contract's code found. Each is about code that execution may reach.
#[derive(Clone, PartialEq, Eq, Debug, Default, Encode, Decode, TypeInfo)]
pub struct ContractSafety {
    /// Version of the analysis.
    pub version: u32,
    pub code_hash: H256,
    /// Calls the precompile at 0x01.
    pub ecrecover: bool,
    /// Calls the precompile at 0x0100.
    pub secp256r1: bool,
    /// Calls the precompiles at 0x08 or 0x0f.
    pub pairing: bool,
    /// Calls the precompile at 0x0a.
    pub kzg: bool,
    pub selfdestruct: bool,
    /// Delegates to an address that it reads from storage.
    pub delegatecall_to_storage: bool,
    /// Calls or delegates to an address that the analysis cannot tell.
    pub unknown_calls: bool,
    /// None of the first four.
    pub is_quantum_compatible: bool,
}

/// Where an account of the EVM lies in the state, for proofs.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, TypeInfo)]
pub struct EvmStorageKeys {
    /// SCALE `AccountInfo`: nonce and balance.
    pub account: Vec<u8>,
    /// The code's hash; absent without code.
    pub code_hash: Vec<u8>,
    /// One a slot asked for, 32 bytes big-endian; absent is zero.
    pub slots: Vec<Vec<u8>>,
}
