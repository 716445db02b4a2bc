//! A runtime's metadata.

use crate::Standard;
use alloc::{string::String, vec, vec::Vec};
use quids_api::{
    ApplyExtrinsicResult, CheckInherentsResult, ExtrinsicsCommitment, FeeDetails, InherentData, RuntimeDispatchInfo,
    RuntimeVersion, SignatureTask, TransactionSource, TransactionValidity, TransactionValidityError,
    evm::{
        ContractSafety, EvmAccount, EvmBlock, EvmChain, EvmError, EvmOutcome, EvmStorageKeys, EvmTransaction,
        SimulatedBlock, Simulation, SimulationOutcome, TraceOptions,
    },
    pobpc::{NextHeight, ToSay, ValidatorInfo},
    signing::{OpenRequest, SigningState},
    upgrade::{ProposalId, UpgradeStatus},
};
use quids_core::{AccountId20, Balance, Block, H160, H256, Hash, Header, Height, Nonce, OpaqueExtrinsic, Weight};
use quids_crypto::{AccountSignature, PublicKey};
use quids_executive::Extrinsic;
use quids_pobpc::Committee;
use quids_support::{
    extension::Extensions as _,
    extrinsic::VERSION,
    metadata::{ExtrinsicMetadata, RuntimeApiMetadata, RuntimeApiMethodMetadata, RuntimeMetadata, method},
};
use scale_info::meta_type;

/// The metadata in a version that clients know; `None` for others.
pub fn encoded<T: Standard>(version: u32) -> Option<Vec<u8>> {
    let metadata = RuntimeMetadata {
        pallets: <T as Standard>::pallets_metadata(),
        extrinsic: ExtrinsicMetadata {
            ty: meta_type::<Extrinsic<T>>(),
            version: VERSION,
            address: meta_type::<AccountId20>(),
            call: meta_type::<T::RuntimeCall>(),
            signature: meta_type::<AccountSignature>(),
            extra: meta_type::<T::Extensions>(),
            extensions: T::Extensions::metadata(),
        },
        runtime: meta_type::<T>(),
        call: meta_type::<T::RuntimeCall>(),
        event: meta_type::<T::RuntimeEvent>(),
        error: meta_type::<T::RuntimeError>(),
        apis: apis::<T>(),
    };
    metadata.encode(version)
}

fn api(name: &'static str, methods: Vec<RuntimeApiMethodMetadata>) -> RuntimeApiMetadata {
    RuntimeApiMetadata {
        name,
        methods,
        docs: vec![],
    }
}

/// The APIs that clients may call with `state_call`.
fn apis<T: Standard>() -> Vec<RuntimeApiMetadata> {
    vec![
        api("Core", vec![method::<(), RuntimeVersion>("version", &[])]),
        api(
            "Metadata",
            vec![
                method::<(), Vec<u8>>("metadata", &[]),
                method::<(u32,), Option<Vec<u8>>>("metadata_at_version", &["version"]),
                method::<(), Vec<u32>>("metadata_versions", &[]),
            ],
        ),
        api(
            "BlockBuilder",
            vec![
                method::<(u32, Extrinsic<T>), ApplyExtrinsicResult>("apply_extrinsic", &["index", "extrinsic"]),
                method::<(ExtrinsicsCommitment,), Header>("finalize_block", &["commitment"]),
                method::<(InherentData,), Vec<OpaqueExtrinsic>>("inherent_extrinsics", &["inherent"]),
                method::<(Block, InherentData), CheckInherentsResult>("check_inherents", &["block", "data"]),
                method::<(Vec<Vec<u8>>,), ExtrinsicsCommitment>("commit_extrinsics", &["extrinsics"]),
                method::<(Vec<u8>, u32), bool>("fits", &["extrinsic", "length"]),
            ],
        ),
        api(
            "SignatureApi",
            vec![method::<(Vec<Vec<u8>>,), Vec<SignatureTask>>(
                "collect",
                &["extrinsics"],
            )],
        ),
        api(
            "GenesisBuilder",
            vec![method::<(Vec<u8>,), Result<(), String>>("build_state", &["json"])],
        ),
        api(
            "TaggedTransactionQueue",
            vec![method::<(TransactionSource, Extrinsic<T>, Hash), TransactionValidity>(
                "validate_transaction",
                &["source", "tx", "block_hash"],
            )],
        ),
        api(
            "AccountNonceApi",
            vec![method::<(AccountId20,), Nonce>("account_nonce", &["account"])],
        ),
        api(
            "AccountKeyApi",
            vec![method::<(AccountId20,), Option<PublicKey>>("key", &["account"])],
        ),
        api(
            "QevmApi",
            vec![
                method::<(), EvmChain>("chain", &[]),
                method::<(), EvmBlock>("block", &[]),
                method::<(H160,), EvmAccount>("account", &["address"]),
                method::<(H160,), Vec<u8>>("code", &["address"]),
                method::<(H160, H256), H256>("storage", &["address", "slot"]),
                method::<(H160, Vec<H256>), EvmStorageKeys>("storage_keys", &["address", "slots"]),
                method::<(Simulation,), Result<SimulationOutcome, EvmError>>("simulate", &["simulation"]),
                method::<(SimulatedBlock, u64), Result<Result<u64, EvmOutcome>, EvmError>>(
                    "estimate",
                    &["block", "cap"],
                ),
                method::<(Vec<u8>,), Result<EvmTransaction, EvmError>>("check_transaction", &["envelope"]),
                method::<(Vec<u8>,), Vec<u8>>("extrinsic", &["envelope"]),
                method::<(Vec<Vec<u8>>,), Vec<Option<EvmTransaction>>>("transactions", &["extrinsics"]),
                method::<(u32, Vec<u8>, TraceOptions), Result<Option<EvmOutcome>, TransactionValidityError>>(
                    "trace_extrinsic",
                    &["index", "extrinsic", "options"],
                ),
                method::<(H160,), Option<ContractSafety>>("safety", &["address"]),
                method::<(), Vec<OpenRequest>>("signing_queue", &[]),
                method::<(Hash,), SigningState>("signing_state", &["handle"]),
            ],
        ),
        api(
            "PobpcApi",
            vec![
                method::<(), Option<NextHeight>>("next", &[]),
                method::<(), Vec<ValidatorInfo>>("validators", &[]),
                method::<(PublicKey,), Option<AccountId20>>("author_of", &["key"]),
                method::<(AccountId20,), Option<ToSay>>("to_say", &["account"]),
                method::<(Height,), Option<Committee>>("committee_at", &["height"]),
            ],
        ),
        api(
            "UpgradeApi",
            vec![
                method::<(), UpgradeStatus>("status", &[]),
                method::<(ProposalId,), Option<Vec<u8>>>("code", &["id"]),
                method::<(ProposalId, u32), Option<[u8; 32]>>("chunk", &["id", "index"]),
                method::<(), Result<(), String>>("try_state", &[]),
            ],
        ),
        api(
            "TransactionPaymentApi",
            vec![
                method::<(Extrinsic<T>, u32), RuntimeDispatchInfo>("query_info", &["uxt", "len"]),
                method::<(Extrinsic<T>, u32), FeeDetails>("query_fee_details", &["uxt", "len"]),
                method::<(Weight,), Balance>("query_weight_to_fee", &["weight"]),
                method::<(u32,), Balance>("query_length_to_fee", &["length"]),
            ],
        ),
    ]
}
