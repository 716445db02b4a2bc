//! The runtime APIs: each a function from encoded input to encoded output, exported from WASM and callable natively.

use crate::{Standard, metadata};
use alloc::{
    string::{String, ToString},
    vec::Vec,
};
use codec::{Decode, DecodeAll, Encode};
use pallet_balances::Pallet as Balances;
use pallet_pobpc::Pallet as Pobpc;
use pallet_qevm::Pallet as Qevm;
use pallet_system::Pallet as System;
use pallet_upgrade::Pallet as Upgrade;
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
use quids_executive::{Executive, Extrinsic};
use quids_pobpc::Committee;
use quids_support::{
    context::{Phase, set_phase},
    hooks::Hooks,
    system::SystemPort,
};

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
            #[doc = concat!("The API `", stringify!($name), "`; see `quids_api::names`.")]
            #[allow(non_snake_case)]
            pub fn $name<T: Standard>(bytes: &[u8]) -> Vec<u8> {
                let $input: $type = input(stringify!($name), bytes);
                let output: $output = $body;
                output.encode()
            }
        )*

        /// Calls an API by name, natively; `None` if there is no such API.
        pub fn call<T: Standard>(api: &str, bytes: &[u8]) -> Option<Vec<u8>> {
            match api {
                $(stringify!($name) => Some($name::<T>(bytes)),)*
                _ => None,
            }
        }

        /// The names of all APIs; a test holds them against `quids_api::names`.
        pub const NAMES: &[&str] = &[$(stringify!($name)),*];
    };
}

apis! {
    Core_version(() => ()) -> RuntimeVersion { System::<T>::version() }
    Core_initialize_block(header => Header) -> () { Executive::<T>::initialize_block(&header) }
    Core_execute_block(block => Block) -> () { Executive::<T>::execute_block(block) }
    Core_on_runtime_upgrade(() => ()) -> Weight { Executive::<T>::on_runtime_upgrade() }
    Core_migration_step(request => StepRequest) -> Result<Stepped, String> { migration_step::<T>(request) }
    BlockBuilder_apply_extrinsic((index, extrinsic) => (u32, Vec<u8>)) -> ApplyExtrinsicResult {
        Executive::<T>::apply_extrinsic(index, &extrinsic)
    }
    BlockBuilder_finalize_block(commitment => ExtrinsicsCommitment) -> Header {
        Executive::<T>::finalize_block(commitment)
    }
    BlockBuilder_inherent_extrinsics(data => InherentData) -> Vec<OpaqueExtrinsic> {
        Executive::<T>::inherent_extrinsics(&data)
    }
    BlockBuilder_check_inherents((block, data) => (Block, InherentData)) -> CheckInherentsResult {
        Executive::<T>::check_inherents(&block, &data)
    }
    BlockBuilder_commit_extrinsics(extrinsics => Vec<Vec<u8>>) -> ExtrinsicsCommitment {
        Executive::<T>::commit_extrinsics(&extrinsics)
    }
    BlockBuilder_fits((extrinsic, length) => (Vec<u8>, u32)) -> bool { Executive::<T>::fits(&extrinsic, length) }
    TaggedTransactionQueue_validate_transaction(
        (source, extrinsic, parent) => (TransactionSource, Vec<u8>, Hash)
    ) -> TransactionValidity { Executive::<T>::validate_transaction(source, &extrinsic, parent) }
    Metadata_metadata(() => ()) -> Vec<u8> { metadata::encoded::<T>(14).unwrap_or_default() }
    Metadata_metadata_at_version(version => u32) -> Option<Vec<u8>> { metadata::encoded::<T>(version) }
    Metadata_metadata_versions(() => ()) -> Vec<u32> { quids_support::metadata::VERSIONS.to_vec() }
    AccountNonceApi_account_nonce(who => AccountId20) -> Nonce {
        pallet_system::Account::<T>::get(&who).nonce
    }
    TransactionPaymentApi_query_info((extrinsic, _) => (Vec<u8>, u32)) -> RuntimeDispatchInfo { query_info::<T>(&extrinsic) }
    TransactionPaymentApi_query_fee_details((extrinsic, _) => (Vec<u8>, u32)) -> FeeDetails {
        query_fee_details::<T>(&extrinsic)
    }
    TransactionPaymentApi_query_weight_to_fee(weight => Weight) -> Balance {
        Balances::<T>::weight_to_fee(weight)
    }
    TransactionPaymentApi_query_length_to_fee(length => u32) -> Balance {
        Balances::<T>::length_to_fee(length)
    }
    SignatureApi_collect(extrinsics => Vec<Vec<u8>>) -> Vec<SignatureTask> {
        Executive::<T>::collect_signatures(&extrinsics)
    }
    GenesisBuilder_build_state(json => Vec<u8>) -> Result<(), String> { T::build_genesis(&json) }
    QevmApi_chain(() => ()) -> EvmChain { Qevm::<T>::chain() }
    QevmApi_block(() => ()) -> EvmBlock { Qevm::<T>::block() }
    QevmApi_account(who => H160) -> EvmAccount { Qevm::<T>::account(who) }
    QevmApi_code(who => H160) -> Vec<u8> { Qevm::<T>::code(who) }
    QevmApi_storage((who, slot) => (H160, H256)) -> H256 { Qevm::<T>::storage_at(who, slot) }
    QevmApi_storage_keys((who, slots) => (H160, Vec<H256>)) -> EvmStorageKeys { Qevm::<T>::storage_keys(who, &slots) }
    QevmApi_simulate(simulation => Simulation) -> Result<SimulationOutcome, EvmError> { Qevm::<T>::simulate(simulation) }
    QevmApi_estimate((block, cap) => (SimulatedBlock, u64)) -> Result<Result<u64, EvmOutcome>, EvmError> {
        Qevm::<T>::estimate(&block, cap)
    }
    QevmApi_check_transaction(envelope => Vec<u8>) -> Result<EvmTransaction, EvmError> {
        Qevm::<T>::check_transaction(&envelope)
    }
    QevmApi_extrinsic(envelope => Vec<u8>) -> Vec<u8> { carrying::<T>(envelope) }
    QevmApi_transactions(extrinsics => Vec<Vec<u8>>) -> Vec<Option<EvmTransaction>> { transactions::<T>(&extrinsics) }
    QevmApi_trace_extrinsic(
        (index, extrinsic, options) => (u32, Vec<u8>, TraceOptions)
    ) -> Result<Option<EvmOutcome>, TransactionValidityError> { trace_extrinsic::<T>(index, &extrinsic, options) }
    QevmApi_safety(who => H160) -> Option<ContractSafety> { Qevm::<T>::contract_safety(who) }
    QevmApi_signing_queue(() => ()) -> Vec<OpenRequest> { Qevm::<T>::signing_queue() }
    QevmApi_signing_state(handle => Hash) -> SigningState { Qevm::<T>::signing_state(handle) }
    PobpcApi_next(() => ()) -> Option<NextHeight> { Pobpc::<T>::next() }
    PobpcApi_validators(() => ()) -> Vec<ValidatorInfo> { Pobpc::<T>::validators() }
    PobpcApi_author_of(key => PublicKey) -> Option<AccountId20> { Pobpc::<T>::author_of(&key) }
    PobpcApi_to_say(account => AccountId20) -> Option<ToSay> { Pobpc::<T>::to_say(&account) }
    UpgradeApi_status(() => ()) -> UpgradeStatus { Upgrade::<T>::status() }
    UpgradeApi_code(id => ProposalId) -> Option<Vec<u8>> { Upgrade::<T>::proposed_code(id) }
    UpgradeApi_chunk((id, index) => (ProposalId, u32)) -> Option<[u8; 32]> { Upgrade::<T>::chunk_hash(id, index) }
    UpgradeApi_try_state(() => ()) -> Result<(), String> { T::Pallets::try_state() }
    PobpcApi_committee_at(height => Height) -> Option<Committee> { Pobpc::<T>::committee_at(height) }
    AccountKeyApi_key(who => AccountId20) -> Option<PublicKey> { System::<T>::key(&who) }
}

/// What it says it does in the block's initialisation.
fn migration_step<T: Standard>(request: StepRequest) -> Result<Stepped, String> {
    set_phase(Phase::Initialization);
    Upgrade::<T>::run_step(request)
}

/// The extrinsic that carries an Ethereum transaction.
fn carrying<T: Standard>(envelope: Vec<u8>) -> Vec<u8> {
    let call = pallet_qevm::Call::transact { envelope }.into();
    Extrinsic::<T> { signature: None, call }.encode()
}

/// Those of the extrinsics that carry an Ethereum transaction.
fn transactions<T: Standard>(extrinsics: &[Vec<u8>]) -> Vec<Option<EvmTransaction>> {
    let transaction = |bytes: &Vec<u8>| {
        let extrinsic = Extrinsic::<T>::from_bytes(bytes)
            .ok()
            .filter(|extrinsic| extrinsic.signature.is_none())?;
        Qevm::<T>::describe(T::envelope(&extrinsic.call)?)
    };
    extrinsics.iter().map(transaction).collect()
}

/// Applies an extrinsic and records what the EVM does, if it carries an Ethereum transaction.
fn trace_extrinsic<T: Standard>(
    index: u32,
    bytes: &[u8],
    options: TraceOptions,
) -> Result<Option<EvmOutcome>, TransactionValidityError> {
    let extrinsic = Extrinsic::<T>::from_bytes(bytes)
        .ok()
        .filter(|extrinsic| extrinsic.signature.is_none());
    let Some(envelope) = extrinsic.as_ref().and_then(|extrinsic| T::envelope(&extrinsic.call)) else {
        let (applied, outcome) = pallet_qevm::recorded(options, || Executive::<T>::apply_extrinsic(index, bytes));
        return applied.map(|_| outcome);
    };
    set_phase(Phase::ApplyExtrinsic(index));
    Qevm::<T>::apply_traced(envelope, Some(options)).map(|(_, outcome)| Some(outcome))
}

/// Weight, class and fee. A call that is not ours has none; the RPC layer checks decoding first.
fn query_info<T: Standard>(extrinsic: &[u8]) -> RuntimeDispatchInfo {
    match Executive::<T>::cost(extrinsic) {
        Ok((info, length)) => Balances::<T>::query_info(length, &info),
        Err(error) => panic!("no fee can be told: {error}"),
    }
}

fn query_fee_details<T: Standard>(extrinsic: &[u8]) -> FeeDetails {
    match Executive::<T>::cost(extrinsic) {
        Ok((_, 0)) => FeeDetails { inclusion_fee: None },
        Ok((info, length)) => Balances::<T>::query_fee_details(length, &info),
        Err(error) => panic!("no fee can be told: {error}"),
    }
}

/// A runtime's `RuntimeGenesisConfig` from JSON.
pub fn genesis_config<C: serde::de::DeserializeOwned>(json: &[u8]) -> Result<C, String> {
    serde_json::from_slice(json).map_err(|error| error.to_string())
}

/// Hands the names of all APIs to a macro: `for_each_api!(path::to::a_macro [Given])` is `a_macro! { [Given] Core_version .. }`.
#[macro_export]
macro_rules! for_each_api {
    ($callback:path [$($given:tt)*]) => {
        $callback! {
            [$($given)*]
            Core_version
            Core_initialize_block
            Core_execute_block
            Core_on_runtime_upgrade
            Core_migration_step
            BlockBuilder_apply_extrinsic
            BlockBuilder_finalize_block
            BlockBuilder_inherent_extrinsics
            BlockBuilder_check_inherents
            BlockBuilder_commit_extrinsics
            BlockBuilder_fits
            TaggedTransactionQueue_validate_transaction
            Metadata_metadata
            Metadata_metadata_at_version
            Metadata_metadata_versions
            AccountNonceApi_account_nonce
            TransactionPaymentApi_query_info
            TransactionPaymentApi_query_fee_details
            TransactionPaymentApi_query_weight_to_fee
            TransactionPaymentApi_query_length_to_fee
            SignatureApi_collect
            GenesisBuilder_build_state
            QevmApi_chain
            QevmApi_block
            QevmApi_account
            QevmApi_code
            QevmApi_storage
            QevmApi_storage_keys
            QevmApi_simulate
            QevmApi_estimate
            QevmApi_check_transaction
            QevmApi_extrinsic
            QevmApi_transactions
            QevmApi_trace_extrinsic
            QevmApi_safety
            QevmApi_signing_queue
            QevmApi_signing_state
            PobpcApi_next
            PobpcApi_validators
            PobpcApi_author_of
            PobpcApi_to_say
            UpgradeApi_status
            UpgradeApi_code
            UpgradeApi_chunk
            UpgradeApi_try_state
            PobpcApi_committee_at
            AccountKeyApi_key
        }
    };
}

/// Exports the APIs of a runtime from its WASM: `for_each_api!(export_apis [Runtime])`.
#[macro_export]
macro_rules! export_apis {
    ([$runtime:ident] $($name:ident)*) => {
        #[cfg(target_arch = "wasm32")]
        mod exports {
            $(
                /// # Safety
                /// `pointer` and `length` describe a buffer of `quids_alloc`, filled by the host.
                #[unsafe(no_mangle)]
                unsafe extern "C" fn $name(pointer: u32, length: u32) -> u64 {
                    // SAFETY: the host's promise, passed on.
                    unsafe {
                        $crate::__private::quids_io::guest::entry(
                            pointer, length, $crate::apis::$name::<super::$runtime>,
                        )
                    }
                }
            )*
        }
    };
}

#[cfg(test)]
mod tests {
    use super::NAMES;
    use std::collections::BTreeSet;

    macro_rules! listed {
        ([$exported:ident] $($name:ident)*) => { const $exported: &[&str] = &[$(stringify!($name)),*]; };
    }
    crate::for_each_api!(listed[EXPORTED]);

    #[test]
    fn every_named_api_is_there_and_exported_and_nothing_else() {
        let named: BTreeSet<_> = quids_api::names::ALL.iter().collect();
        for list in [NAMES, EXPORTED] {
            assert_eq!(list.iter().collect::<BTreeSet<_>>(), named);
            assert_eq!(list.len(), named.len(), "an API is listed twice");
        }
        assert!(quids_api::names::REQUIRED.iter().all(|name| named.contains(name)));
    }
}
