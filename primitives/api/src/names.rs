//! Every runtime API with its SCALE input and output. A runtime exports a function of each name.

/// `() -> RuntimeVersion`
pub const CORE_VERSION: &str = "Core_version";
/// `StepRequest -> Result<Stepped, String>`: a step of a migration over many blocks. A block calls it by itself, guarded.
pub const CORE_MIGRATION_STEP: &str = "Core_migration_step";
/// `Header -> ()`: starts a block on the parent's state. `state_root` and `extrinsics_root` of the header are ignored.
pub const CORE_INITIALIZE_BLOCK: &str = "Core_initialize_block";
/// `Block -> ()`: executes a whole block; traps with the reason if it is invalid.
pub const CORE_EXECUTE_BLOCK: &str = "Core_execute_block";
/// `() -> Weight`: runs the single-block migrations of new code. Called by the trial run; a block calls it by itself, guarded.
pub const CORE_ON_RUNTIME_UPGRADE: &str = "Core_on_runtime_upgrade";
/// `(index: u32, extrinsic: Vec<u8>) -> ApplyExtrinsicResult`. The index is an argument, so that no global key is read
/// and written by every extrinsic. An `Err` leaves no trace: the extrinsic does not belong into the block.
pub const BLOCK_BUILDER_APPLY_EXTRINSIC: &str = "BlockBuilder_apply_extrinsic";
/// `ExtrinsicsCommitment -> Header`: ends the block; the returned header holds its roots.
pub const BLOCK_BUILDER_FINALIZE_BLOCK: &str = "BlockBuilder_finalize_block";
/// `InherentData -> Vec<OpaqueExtrinsic>`
pub const BLOCK_BUILDER_INHERENT_EXTRINSICS: &str = "BlockBuilder_inherent_extrinsics";
/// `(Block, InherentData) -> CheckInherentsResult`
pub const BLOCK_BUILDER_CHECK_INHERENTS: &str = "BlockBuilder_check_inherents";
/// `Vec<Vec<u8>> -> ExtrinsicsCommitment` of a block with these extrinsics.
pub const BLOCK_BUILDER_COMMIT_EXTRINSICS: &str = "BlockBuilder_commit_extrinsics";
/// `(extrinsic: Vec<u8>, length: u32) -> bool`: whether it fits into the block in construction, whose extrinsics have
/// `length` bytes so far.
pub const BLOCK_BUILDER_FITS: &str = "BlockBuilder_fits";
/// `(TransactionSource, extrinsic: Vec<u8>, parent: Hash) -> TransactionValidity`
pub const VALIDATE_TRANSACTION: &str = "TaggedTransactionQueue_validate_transaction";
/// `() -> OpaqueMetadata (Vec<u8>)`, version 14
pub const METADATA: &str = "Metadata_metadata";
/// `u32 -> Option<OpaqueMetadata>`
pub const METADATA_AT_VERSION: &str = "Metadata_metadata_at_version";
/// `() -> Vec<u32>`
pub const METADATA_VERSIONS: &str = "Metadata_metadata_versions";
/// `AccountId20 -> Nonce`
pub const ACCOUNT_NONCE: &str = "AccountNonceApi_account_nonce";
/// `(extrinsic: Vec<u8>, len: u32) -> RuntimeDispatchInfo`
pub const PAYMENT_QUERY_INFO: &str = "TransactionPaymentApi_query_info";
/// `(extrinsic, len: u32) -> FeeDetails`
pub const PAYMENT_QUERY_FEE_DETAILS: &str = "TransactionPaymentApi_query_fee_details";
/// `Weight -> Balance`
pub const PAYMENT_WEIGHT_TO_FEE: &str = "TransactionPaymentApi_query_weight_to_fee";
/// `u32 -> Balance`
pub const PAYMENT_LENGTH_TO_FEE: &str = "TransactionPaymentApi_query_length_to_fee";
/// `Vec<Vec<u8>> (extrinsics) -> Vec<SignatureTask>`: what to verify before execution, one entry an extrinsic,
/// resolved at the parent state.
pub const SIGNATURES_COLLECT: &str = "SignatureApi_collect";
/// `Vec<u8> (JSON, UTF-8) -> Result<(), String>`: writes the genesis state described by the JSON.
pub const GENESIS_BUILD: &str = "GenesisBuilder_build_state";
/// `AccountId20 -> Option<PublicKey>`: the key bound to the account.
pub const ACCOUNT_KEY: &str = "AccountKeyApi_key";

/// `() -> EvmChain`
pub const QEVM_CHAIN: &str = "QevmApi_chain";
/// `() -> EvmBlock`: the block whose state this is.
pub const QEVM_BLOCK: &str = "QevmApi_block";
/// `H160 -> EvmAccount`
pub const QEVM_ACCOUNT: &str = "QevmApi_account";
/// `H160 -> Vec<u8>`: the account's code.
pub const QEVM_CODE: &str = "QevmApi_code";
/// `(H160, slot: H256) -> H256`
pub const QEVM_STORAGE: &str = "QevmApi_storage";
/// `(H160, slots: Vec<H256>) -> EvmStorageKeys`
pub const QEVM_STORAGE_KEYS: &str = "QevmApi_storage_keys";
/// `Simulation -> Result<SimulationOutcome, EvmError>`
pub const QEVM_SIMULATE: &str = "QevmApi_simulate";
/// `(SimulatedBlock with one message, cap: u64) -> Result<Result<u64, EvmOutcome>, EvmError>`: the gas limit that the message needs, at most
/// `cap` and at most 1.1 times the least sufficient one; the inner error is how it fails with all the gas there may be.
pub const QEVM_ESTIMATE: &str = "QevmApi_estimate";
/// `Vec<u8> (EIP-2718 bytes) -> Result<EvmTransaction, EvmError>`: as the pool would judge it, with the reason in words.
pub const QEVM_CHECK_TRANSACTION: &str = "QevmApi_check_transaction";
/// `Vec<u8> (EIP-2718 bytes) -> Vec<u8>`: the extrinsic that carries it.
pub const QEVM_EXTRINSIC: &str = "QevmApi_extrinsic";
/// `Vec<Vec<u8>> (extrinsics) -> Vec<Option<EvmTransaction>>`: those that carry one.
pub const QEVM_TRANSACTIONS: &str = "QevmApi_transactions";
/// `(index: u32, extrinsic: Vec<u8>, TraceOptions) -> Result<Option<EvmOutcome>, TransactionValidityError>`: applies the
/// extrinsic as `BlockBuilder_apply_extrinsic` does and records; `None` if it is no transaction of the EVM.
pub const QEVM_TRACE_EXTRINSIC: &str = "QevmApi_trace_extrinsic";
/// `H160 -> Option<ContractSafety>`: `None` without code.
pub const QEVM_SAFETY: &str = "QevmApi_safety";
/// `() -> Vec<OpenRequest>`: the requests of `qSign` that the next block may bring certificates for, oldest first.
pub const QEVM_SIGNING_QUEUE: &str = "QevmApi_signing_queue";
/// `Hash (handle) -> SigningState`: what became of a request of `qSign`.
pub const QEVM_SIGNING_STATE: &str = "QevmApi_signing_state";

/// `() -> Option<NextHeight>`: who decides the child of the block whose state this is; `None`: one node makes the blocks.
pub const POBPC_NEXT: &str = "PobpcApi_next";
/// `() -> Vec<ValidatorInfo>`: all, those that have left and not withdrawn included, by account.
pub const POBPC_VALIDATORS: &str = "PobpcApi_validators";
/// `PublicKey -> Option<AccountId20>`: the validator with this consensus key.
pub const POBPC_AUTHOR_OF: &str = "PobpcApi_author_of";

/// `AccountId20 -> Option<ToSay>`: what the next block has to say if this validator makes it; `None`: nothing.
pub const POBPC_TO_SAY: &str = "PobpcApi_to_say";
/// `Height -> Option<Committee>`: of a height within the window of evidence, or the next.
pub const POBPC_COMMITTEE_AT: &str = "PobpcApi_committee_at";

/// `() -> UpgradeStatus`: who decides upgrades, and every proposal.
pub const UPGRADE_STATUS: &str = "UpgradeApi_status";
/// `ProposalId -> Option<Vec<u8>>`: the code of a proposal once all of it is uploaded, checked or not, for those who compile it ahead.
pub const UPGRADE_CODE: &str = "UpgradeApi_code";
/// `(ProposalId, index: u32) -> Option<[u8; 32]>`: BLAKE3-256 of an uploaded chunk, for those who go on with an upload.
pub const UPGRADE_CHUNK: &str = "UpgradeApi_chunk";
/// `() -> Result<(), String>`: whether what pallets say of their state holds; else what does not. Reads all of it, for dry runs.
pub const UPGRADE_TRY_STATE: &str = "UpgradeApi_try_state";

/// What a chain cannot go on without: code that lacks one of these never becomes the chain's.
pub const REQUIRED: &[&str] = &[
    CORE_VERSION,
    CORE_INITIALIZE_BLOCK,
    CORE_EXECUTE_BLOCK,
    CORE_ON_RUNTIME_UPGRADE,
    BLOCK_BUILDER_APPLY_EXTRINSIC,
    BLOCK_BUILDER_FINALIZE_BLOCK,
    BLOCK_BUILDER_INHERENT_EXTRINSICS,
    BLOCK_BUILDER_COMMIT_EXTRINSICS,
    BLOCK_BUILDER_FITS,
    VALIDATE_TRANSACTION,
    METADATA,
    METADATA_AT_VERSION,
    SIGNATURES_COLLECT,
];

/// All of them.
pub const ALL: &[&str] = &[
    CORE_VERSION,
    CORE_INITIALIZE_BLOCK,
    CORE_EXECUTE_BLOCK,
    CORE_ON_RUNTIME_UPGRADE,
    CORE_MIGRATION_STEP,
    BLOCK_BUILDER_APPLY_EXTRINSIC,
    BLOCK_BUILDER_FINALIZE_BLOCK,
    BLOCK_BUILDER_INHERENT_EXTRINSICS,
    BLOCK_BUILDER_CHECK_INHERENTS,
    BLOCK_BUILDER_COMMIT_EXTRINSICS,
    BLOCK_BUILDER_FITS,
    VALIDATE_TRANSACTION,
    METADATA,
    METADATA_AT_VERSION,
    METADATA_VERSIONS,
    ACCOUNT_NONCE,
    PAYMENT_QUERY_INFO,
    PAYMENT_QUERY_FEE_DETAILS,
    PAYMENT_WEIGHT_TO_FEE,
    PAYMENT_LENGTH_TO_FEE,
    SIGNATURES_COLLECT,
    GENESIS_BUILD,
    ACCOUNT_KEY,
    QEVM_CHAIN,
    QEVM_BLOCK,
    QEVM_ACCOUNT,
    QEVM_CODE,
    QEVM_STORAGE,
    QEVM_STORAGE_KEYS,
    QEVM_SIMULATE,
    QEVM_ESTIMATE,
    QEVM_CHECK_TRANSACTION,
    QEVM_EXTRINSIC,
    QEVM_TRANSACTIONS,
    QEVM_TRACE_EXTRINSIC,
    QEVM_SAFETY,
    QEVM_SIGNING_QUEUE,
    QEVM_SIGNING_STATE,
    POBPC_NEXT,
    POBPC_VALIDATORS,
    POBPC_AUTHOR_OF,
    POBPC_TO_SAY,
    UPGRADE_STATUS,
    UPGRADE_CODE,
    UPGRADE_CHUNK,
    UPGRADE_TRY_STATE,
    POBPC_COMMITTEE_AT,
];
