//! The runtime APIs: each a function from encoded input to encoded output, exported from WASM and callable natively.

use crate::{Executive, Extrinsic, Pobpc, Qevm, Runtime, RuntimeGenesisConfig, Upgrade, envelope, metadata, version};
use alloc::{string::String, string::ToString, vec::Vec};
use codec::{Decode, DecodeAll, Encode};
use quids_api::{
    ApplyExtrinsicResult, CheckInherentsResult, ExtrinsicsCommitment, FeeDetails, InherentData, RuntimeDispatchInfo,
    RuntimeVersion, SignatureTask, TransactionSource, TransactionValidity, TransactionValidityError,
    evm::{
        ContractSafety, EvmAccount, EvmBlock, EvmChain, EvmError, EvmOutcome, EvmStorageKeys, EvmTransaction,
        SimulatedBlock, Simulation, SimulationOutcome, TraceOptions,
    },
    pobpc::{NextHeight, ToSay, ValidatorInfo},
    signing::{OpenRequest, SigningState},
    upgrade::{ProposalId, StepRequest, Stepped, UpgradeStatus},
};
use quids_core::{AccountId20, Balance, Block, H160, H256, Hash, Header, Height, Nonce, OpaqueExtrinsic, Weight};
use quids_crypto::PublicKey;
use quids_pobpc::Committee;
use quids_support::{
    context::{Phase, set_phase},
    hooks::Hooks,
    system::SystemPort,
};

quids_io::warm!(pallet_qevm::warm);

/// The input of `api`.
///
/// # Panics
/// If the bytes do not decode to the end: the client does not know this API.
fn input<I: Decode>(api: &str, bytes: &[u8]) -> I {
    match I::decode_all(&mut &bytes[..]) {
        Ok(input) => input,
        Err(error) => panic!("the input of {api} does not decode: {error}"),
    }
}

macro_rules! apis {
    ($($name:ident($input:pat => $type:ty) -> $output:ty { $body:expr })*) => {
        $(
            #[allow(non_snake_case)]
            fn $name(bytes: &[u8]) -> Vec<u8> {
                let $input: $type = input(stringify!($name), bytes);
                let output: $output = $body;
                output.encode()
            }
        )*

        /// Calls an API by name, natively; `None` if there is no such API.
        pub fn call(api: &str, bytes: &[u8]) -> Option<Vec<u8>> {
            match api {
                $(stringify!($name) => Some($name(bytes)),)*
                _ => None,
            }
        }

        /// The names of all exports; a test holds them against `quids_api::names`.
        pub const EXPORTED: &[&str] = &[$(stringify!($name)),*];

        #[cfg(target_arch = "wasm32")]
        mod exports {
            $(
                /// # Safety
                /// `pointer` and `length` describe a buffer of `quids_alloc`, filled by the host.
                #[unsafe(no_mangle)]
                unsafe extern "C" fn $name(pointer: u32, length: u32) -> u64 {
                    // SAFETY: the host's promise, passed on.
                    unsafe { quids_io::guest::entry(pointer, length, super::$name) }
                }
            )*
        }
    };
}

apis! {
    Core_version(() => ()) -> RuntimeVersion { version() }
    Core_initialize_block(header => Header) -> () { Executive::initialize_block(&header) }
    Core_execute_block(block => Block) -> () { Executive::execute_block(block) }
    Core_on_runtime_upgrade(() => ()) -> Weight { Executive::on_runtime_upgrade() }
    Core_migration_step(request => StepRequest) -> Result<Stepped, String> { migration_step(request) }
    BlockBuilder_apply_extrinsic((index, extrinsic) => (u32, Vec<u8>)) -> ApplyExtrinsicResult {
        Executive::apply_extrinsic(index, &extrinsic)
    }
    BlockBuilder_finalize_block(commitment => ExtrinsicsCommitment) -> Header {
        Executive::finalize_block(commitment)
    }
    BlockBuilder_inherent_extrinsics(data => InherentData) -> Vec<OpaqueExtrinsic> {
        Executive::inherent_extrinsics(&data)
    }
    BlockBuilder_check_inherents((block, data) => (Block, InherentData)) -> CheckInherentsResult {
        Executive::check_inherents(&block, &data)
    }
    BlockBuilder_commit_extrinsics(extrinsics => Vec<Vec<u8>>) -> ExtrinsicsCommitment {
        Executive::commit_extrinsics(&extrinsics)
    }
    BlockBuilder_fits((extrinsic, length) => (Vec<u8>, u32)) -> bool { Executive::fits(&extrinsic, length) }
    TaggedTransactionQueue_validate_transaction(
        (source, extrinsic, parent) => (TransactionSource, Vec<u8>, Hash)
    ) -> TransactionValidity { Executive::validate_transaction(source, &extrinsic, parent) }
    Metadata_metadata(() => ()) -> Vec<u8> { metadata::encoded(14).unwrap_or_default() }
    Metadata_metadata_at_version(version => u32) -> Option<Vec<u8>> { metadata::encoded(version) }
    Metadata_metadata_versions(() => ()) -> Vec<u32> { quids_support::metadata::VERSIONS.to_vec() }
    AccountNonceApi_account_nonce(who => AccountId20) -> Nonce {
        pallet_system::Account::<Runtime>::get(&who).nonce
    }
    TransactionPaymentApi_query_info((extrinsic, _) => (Vec<u8>, u32)) -> RuntimeDispatchInfo { query_info(&extrinsic) }
    TransactionPaymentApi_query_fee_details((extrinsic, _) => (Vec<u8>, u32)) -> FeeDetails {
        query_fee_details(&extrinsic)
    }
    TransactionPaymentApi_query_weight_to_fee(weight => Weight) -> Balance {
        pallet_balances::Pallet::<Runtime>::weight_to_fee(weight)
    }
    TransactionPaymentApi_query_length_to_fee(length => u32) -> Balance {
        pallet_balances::Pallet::<Runtime>::length_to_fee(length)
    }
    SignatureApi_collect(extrinsics => Vec<Vec<u8>>) -> Vec<SignatureTask> {
        Executive::collect_signatures(&extrinsics)
    }
    GenesisBuilder_build_state(json => Vec<u8>) -> Result<(), String> { build_genesis(&json) }
    QevmApi_chain(() => ()) -> EvmChain { Qevm::chain() }
    QevmApi_block(() => ()) -> EvmBlock { Qevm::block() }
    QevmApi_account(who => H160) -> EvmAccount { Qevm::account(who) }
    QevmApi_code(who => H160) -> Vec<u8> { Qevm::code(who) }
    QevmApi_storage((who, slot) => (H160, H256)) -> H256 { Qevm::storage_at(who, slot) }
    QevmApi_storage_keys((who, slots) => (H160, Vec<H256>)) -> EvmStorageKeys { Qevm::storage_keys(who, &slots) }
    QevmApi_simulate(simulation => Simulation) -> Result<SimulationOutcome, EvmError> { Qevm::simulate(simulation) }
    QevmApi_estimate((block, cap) => (SimulatedBlock, u64)) -> Result<Result<u64, EvmOutcome>, EvmError> {
        Qevm::estimate(&block, cap)
    }
    QevmApi_check_transaction(envelope => Vec<u8>) -> Result<EvmTransaction, EvmError> {
        Qevm::check_transaction(&envelope)
    }
    QevmApi_extrinsic(envelope => Vec<u8>) -> Vec<u8> { carrying(envelope) }
    QevmApi_transactions(extrinsics => Vec<Vec<u8>>) -> Vec<Option<EvmTransaction>> { transactions(&extrinsics) }
    QevmApi_trace_extrinsic(
        (index, extrinsic, options) => (u32, Vec<u8>, TraceOptions)
    ) -> Result<Option<EvmOutcome>, TransactionValidityError> { trace_extrinsic(index, &extrinsic, options) }
    QevmApi_safety(who => H160) -> Option<ContractSafety> { Qevm::contract_safety(who) }
    QevmApi_signing_queue(() => ()) -> Vec<OpenRequest> { Qevm::signing_queue() }
    QevmApi_signing_state(handle => Hash) -> SigningState { Qevm::signing_state(handle) }
    PobpcApi_next(() => ()) -> Option<NextHeight> { Pobpc::next() }
    PobpcApi_validators(() => ()) -> Vec<ValidatorInfo> { Pobpc::validators() }
    PobpcApi_author_of(key => PublicKey) -> Option<AccountId20> { Pobpc::author_of(&key) }
    PobpcApi_to_say(account => AccountId20) -> Option<ToSay> { Pobpc::to_say(&account) }
    UpgradeApi_status(() => ()) -> UpgradeStatus { Upgrade::status() }
    UpgradeApi_code(id => ProposalId) -> Option<Vec<u8>> { Upgrade::proposed_code(id) }
    UpgradeApi_chunk((id, index) => (ProposalId, u32)) -> Option<[u8; 32]> { Upgrade::chunk_hash(id, index) }
    UpgradeApi_try_state(() => ()) -> Result<(), String> { crate::AllPallets::try_state() }
    PobpcApi_committee_at(height => Height) -> Option<Committee> { Pobpc::committee_at(height) }
    AccountKeyApi_key(who => AccountId20) -> Option<PublicKey> { pallet_system::Pallet::<Runtime>::key(&who) }
}

/// What it says it does in the block's initialisation.
fn migration_step(request: StepRequest) -> Result<Stepped, String> {
    set_phase(Phase::Initialization);
    Upgrade::run_step(request)
}

/// The extrinsic that carries an Ethereum transaction.
fn carrying(envelope: Vec<u8>) -> Vec<u8> {
    let call = pallet_qevm::Call::transact { envelope }.into();
    Extrinsic { signature: None, call }.encode()
}

/// Those of the extrinsics that carry an Ethereum transaction.
fn transactions(extrinsics: &[Vec<u8>]) -> Vec<Option<EvmTransaction>> {
    let transaction = |bytes: &Vec<u8>| {
        let extrinsic = Extrinsic::from_bytes(bytes)
            .ok()
            .filter(|extrinsic| extrinsic.signature.is_none())?;
        Qevm::describe(envelope(&extrinsic.call)?)
    };
    extrinsics.iter().map(transaction).collect()
}

/// Applies an extrinsic and records what the EVM does, if it carries an Ethereum transaction.
fn trace_extrinsic(
    index: u32,
    bytes: &[u8],
    options: TraceOptions,
) -> Result<Option<EvmOutcome>, TransactionValidityError> {
    let extrinsic = Extrinsic::from_bytes(bytes)
        .ok()
        .filter(|extrinsic| extrinsic.signature.is_none());
    let Some(envelope) = extrinsic.as_ref().and_then(|extrinsic| envelope(&extrinsic.call)) else {
        let (applied, outcome) = pallet_qevm::recorded(options, || Executive::apply_extrinsic(index, bytes));
        return applied.map(|_| outcome);
    };
    set_phase(Phase::ApplyExtrinsic(index));
    Qevm::apply_traced(envelope, Some(options)).map(|(_, outcome)| Some(outcome))
}

/// Weight, class and fee. A call that is not ours has none; the RPC layer checks decoding first.
fn query_info(extrinsic: &[u8]) -> RuntimeDispatchInfo {
    match Executive::cost(extrinsic) {
        Ok((info, length)) => pallet_balances::Pallet::<Runtime>::query_info(length, &info),
        Err(error) => panic!("no fee can be told: {error}"),
    }
}

fn query_fee_details(extrinsic: &[u8]) -> FeeDetails {
    match Executive::cost(extrinsic) {
        Ok((_, 0)) => FeeDetails { inclusion_fee: None },
        Ok((info, length)) => pallet_balances::Pallet::<Runtime>::query_fee_details(length, &info),
        Err(error) => panic!("no fee can be told: {error}"),
    }
}

fn build_genesis(json: &[u8]) -> Result<(), String> {
    let config: RuntimeGenesisConfig = serde_json::from_slice(json).map_err(|error| error.to_string())?;
    config.build();
    Ok(())
}
