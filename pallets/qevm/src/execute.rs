//! One execution: a message becomes revm's transaction, runs, and what came of it.

use crate::{
    Config, Pallet,
    convert::{address, b256, h160, logs, u256},
    error::{error, halt, refusal},
    handler::{Engine, Machine, Rules},
    precompiles::QuidsPrecompiles,
    state::{Changes, Store},
    trace::Tracer,
};
use alloc::vec::Vec;
use alloy_primitives::{TxKind, U256};
use quids_api::evm::{
    AccessListItem, Authorization, EvmBlockEnv, EvmError, EvmErrorKind, EvmMessage, EvmOutcome, EvmStatus,
    QuantumSignature, TraceOptions,
};
use quids_core::{H160, H256};
use quids_crypto::SignatureScheme;
use quids_support::traits::Get;
use revm::{
    context::{BlockEnv, CfgEnv, Evm, JournalTr, TxEnv},
    context_interface::{
        block::BlobExcessGasAndPrice,
        either::Either,
        result::{ExecutionResult, Output},
        transaction::{AccessList, AccessListItem as EvmAccessListItem, RecoveredAuthority, RecoveredAuthorization},
    },
    handler::{Handler, instructions::EthInstructions},
    inspector::InspectorHandler,
    primitives::{eip4844::BLOB_BASE_FEE_UPDATE_FRACTION_PRAGUE, hardfork::SpecId},
};

/// The type byte of a post-quantum transaction (EIP-2718).
pub const QUANTUM_TYPE: u8 = quids_ethereum::TRANSACTION_TYPE;
/// The most memory of the EVM's call stack together, bytes: what a transaction of the largest gas limit can reach in a
/// runtime's memory of 256 MiB.
const MEMORY_MAX: u64 = 96 << 20;
/// Gas of a byte of a post-quantum signature or key that a transaction carries: a zero byte's of the input.
const GAS_PER_SIGNATURE_BYTE: u64 = 4;

/// Where and how executions run.
#[derive(Clone)]
pub struct Setting {
    pub env: EvmBlockEnv,
    pub spec: SpecId,
    pub chain_id: u64,
    /// What `BLOCKHASH` answers before the chain is asked.
    pub block_hashes: Vec<(u64, H256)>,
    /// Whether nonce, fees and limits count.
    pub checked: bool,
    /// Whether the tip is paid in the execution itself.
    pub pays_beneficiary: bool,
    /// Whether the chain's own precompiles are there.
    pub quantum: bool,
    /// Precompiles that are elsewhere.
    pub moved: Vec<(H160, H160)>,
}

/// What an execution did: the outcome, and what has to be written if it is to last.
pub struct Executed {
    pub outcome: EvmOutcome,
    pub changes: Changes,
    pub effective_gas_price: u128,
    /// For the block's author; nothing if it was paid already.
    pub tip: u128,
}

impl<T: Config> Pallet<T> {
    /// How transactions of the block in execution run.
    pub(crate) fn setting() -> Setting {
        let env = Self::env();
        Setting {
            spec: Self::spec_at(env.number),
            env,
            chain_id: Self::chain_id(),
            block_hashes: Vec::new(),
            checked: true,
            pays_beneficiary: false,
            quantum: true,
            moved: Vec::new(),
        }
    }

    /// Runs a message. Nothing is written.
    pub(crate) fn execute(
        setting: &Setting,
        message: &EvmMessage,
        salt: Option<U256>,
        trace: Option<(TraceOptions, bool)>,
    ) -> Result<Executed, EvmError> {
        let quantum_codes_only = pallet_system::Pallet::<T>::phase().wants_quantum_codes();
        let extra_gas = Self::signature_gas(message);
        let base_fee = setting.env.base_fee;
        let machine = Self::machine(setting, message)?;
        let effective_gas_price = revm::context_interface::Transaction::effective_gas_price(&machine.tx, base_fee);
        let instructions = EthInstructions::new_mainnet_with_spec(setting.spec);
        let precompiles = QuidsPrecompiles::new(setting.quantum.then(T::Precompiles::get), Self::bound_key)
            .with_dispatch(Self::dispatch_gas)
            .with_certificates(Self::certificate)
            .with_moved(setting.moved.iter().copied());
        let (result, changes, trace) = match trace {
            None => {
                let mut engine: Engine<T, ()> = Evm::new(machine, instructions, precompiles);
                let mut rules = Rules::<T, _>::new(extra_gas, salt, setting.pays_beneficiary, quantum_codes_only);
                let result = rules.run(&mut engine).map_err(refusal::<core::convert::Infallible>)?;
                (result, Changes::of(&mut engine.ctx.journaled_state), None)
            }
            Some((options, transfers)) => {
                let tracer = Tracer::new(options, transfers);
                let mut engine: Engine<T, Tracer> = Evm::new_with_inspector(machine, tracer, instructions, precompiles);
                let mut rules = Rules::<T, _>::new(extra_gas, salt, setting.pays_beneficiary, quantum_codes_only);
                let result = rules
                    .inspect_run(&mut engine)
                    .map_err(refusal::<core::convert::Infallible>)?;
                let changes = Changes::of(&mut engine.ctx.journaled_state);
                (result, changes, Some(engine.inspector))
            }
        };
        let mut outcome = outcome(result);
        if let Some(mut tracer) = trace {
            if let Some(logs) = tracer.take_logs() {
                outcome.logs = logs;
            }
            let code_of = |hash| {
                let code = crate::Codes::<T>::get(&crate::convert::h256(hash));
                code.map(|code| code.bytes).unwrap_or_default()
            };
            outcome.trace = Some(tracer.finish(&changes.state, outcome.gas_used, code_of));
        }
        let tip_price = if setting.spec.is_enabled_in(SpecId::LONDON) {
            effective_gas_price.saturating_sub(base_fee)
        } else {
            effective_gas_price
        };
        let tip = if setting.pays_beneficiary {
            0
        } else {
            tip_price.saturating_mul(outcome.gas_used.into())
        };
        Ok(Executed {
            outcome,
            changes,
            effective_gas_price,
            tip,
        })
    }

    /// Everything that can be said of a message without running it.
    pub(crate) fn check_message(setting: &Setting, message: &EvmMessage) -> Result<(), EvmError> {
        let machine = Self::machine(setting, message)?;
        let instructions = EthInstructions::new_mainnet_with_spec(setting.spec);
        let precompiles = QuidsPrecompiles::new(None, Self::bound_key);
        let mut engine: Engine<T, ()> = Evm::new(machine, instructions, precompiles);
        let rules = Rules::<T, _>::new(Self::signature_gas(message), None, false, false);
        rules
            .validate(&mut engine)
            .map(drop)
            .map_err(refusal::<core::convert::Infallible>)
    }

    fn machine(setting: &Setting, message: &EvmMessage) -> Result<Machine<T>, EvmError> {
        let free = !setting.checked && message.max_fee_per_gas == 0;
        let mut cfg = CfgEnv::new_with_spec(setting.spec).with_chain_id(setting.chain_id);
        cfg.memory_limit = MEMORY_MAX;
        if !setting.checked {
            cfg.disable_eip3607 = true;
            cfg.disable_nonce_check = true;
            cfg.disable_block_gas_limit = true;
            cfg.disable_base_fee = free;
            cfg.tx_gas_limit_cap = Some(u64::MAX);
        }
        let nonce = match message.nonce {
            Some(nonce) => nonce,
            // Nothing goes by it: it is not checked, and no address is made of it.
            None if !setting.checked && message.to.is_some() => 0,
            None => Self::nonce(message.from),
        };
        let mut machine = Machine::<T>::new(Store::new(setting.block_hashes.clone(), !setting.quantum), setting.spec);
        machine.block = BlockEnv {
            number: U256::from(setting.env.number),
            beneficiary: address(setting.env.beneficiary),
            timestamp: U256::from(setting.env.timestamp),
            gas_limit: setting.env.gas_limit,
            basefee: if free {
                0
            } else {
                u64::try_from(setting.env.base_fee).unwrap_or(u64::MAX)
            },
            difficulty: if setting.spec.is_enabled_in(SpecId::MERGE) {
                U256::ZERO
            } else {
                U256::from_be_bytes(setting.env.prevrandao.0)
            },
            prevrandao: Some(b256(setting.env.prevrandao)),
            blob_excess_gas_and_price: Some(BlobExcessGasAndPrice::new(0, BLOB_BASE_FEE_UPDATE_FRACTION_PRAGUE)),
            slot_num: setting.env.number,
        };
        machine.journaled_state.set_spec_id(setting.spec);
        machine.cfg = cfg;
        machine.tx = transaction(setting, message, nonce)?;
        Ok(machine)
    }

    /// What a post-quantum signature costs beyond Ethereum's intrinsic gas: verification, and bytes of signature and key.
    pub(crate) fn signature_gas(message: &EvmMessage) -> u64 {
        if message.transaction_type != QUANTUM_TYPE {
            return 0;
        }
        let stated = message.quantum.or_else(|| {
            let (scheme, _) = Self::bound_key(&message.from)?;
            Some(QuantumSignature {
                scheme,
                with_key: false,
            })
        });
        let QuantumSignature { scheme, with_key } = stated.unwrap_or(QuantumSignature {
            scheme: SignatureScheme::MlDsa87.tag(),
            with_key: true,
        });
        let Some(scheme) = SignatureScheme::from_tag(scheme) else {
            return u64::MAX;
        };
        let key = if with_key { scheme.public_key_len() } else { 0 };
        let bytes = u64::try_from(scheme.signature_len().saturating_add(key)).unwrap_or(u64::MAX);
        verification_gas(scheme).saturating_add(bytes.saturating_mul(GAS_PER_SIGNATURE_BYTE))
    }
}

/// Gas of verifying a transaction's signature: that of the precompiles.
const fn verification_gas(scheme: SignatureScheme) -> u64 {
    match scheme {
        SignatureScheme::MlDsa87 => 13_500,
        SignatureScheme::Falcon512 => 3_000,
        // In Ethereum's 21 000.
        SignatureScheme::Secp256k1 => 0,
        SignatureScheme::SphincsShake256f => 180_000,
    }
}

fn transaction(setting: &Setting, message: &EvmMessage, nonce: u64) -> Result<TxEnv, EvmError> {
    // revm knows a post-quantum transaction as one of EIP-1559, whose fields it has.
    let tx_type = match message.transaction_type {
        QUANTUM_TYPE => 2,
        3 => {
            return Err(error(
                EvmErrorKind::Blob,
                "blob transactions (type 3) have no place on this chain",
            ));
        }
        known @ (0..=2 | 4) => known,
        other => {
            return Err(error(
                EvmErrorKind::UnknownType,
                alloc::format!("transaction type {other:#04x} not supported"),
            ));
        }
    };
    Ok(TxEnv {
        tx_type,
        caller: address(message.from),
        gas_limit: message.gas_limit,
        gas_price: message.max_fee_per_gas,
        kind: message.to.map_or(TxKind::Create, |to| TxKind::Call(address(to))),
        value: u256(message.value),
        data: message.input.clone().into(),
        nonce,
        chain_id: Some(setting.chain_id),
        access_list: access_list(&message.access_list),
        gas_priority_fee: match tx_type {
            2 | 4 => Some(message.max_priority_fee_per_gas.unwrap_or(0)),
            _ => None,
        },
        blob_hashes: Vec::new(),
        max_fee_per_blob_gas: 0,
        authorization_list: message
            .authorizations
            .iter()
            .map(|of| Either::Right(authorization(of)))
            .collect(),
    })
}

fn access_list(items: &[AccessListItem]) -> AccessList {
    let item = |item: &AccessListItem| EvmAccessListItem {
        address: address(item.address),
        storage_keys: item.storage_keys.iter().copied().map(b256).collect(),
    };
    AccessList(items.iter().map(item).collect())
}

fn authorization(of: &Authorization) -> RecoveredAuthorization {
    let inner = revm::context_interface::transaction::Authorization {
        chain_id: u256(of.chain_id),
        address: address(of.address),
        nonce: of.nonce,
    };
    let authority = of.authority.map_or(RecoveredAuthority::Invalid, |who| {
        RecoveredAuthority::Valid(address(who))
    });
    RecoveredAuthorization::new_unchecked(inner, authority)
}

fn outcome(result: ExecutionResult) -> EvmOutcome {
    let gas = *result.gas();
    let (status, output, contract_address, entries) = match result {
        ExecutionResult::Success { output, logs, .. } => match output {
            Output::Call(bytes) => (EvmStatus::Success, bytes, None, logs),
            Output::Create(bytes, made) => (EvmStatus::Success, bytes, made.map(h160), logs),
        },
        ExecutionResult::Revert { output, .. } => (EvmStatus::Revert, output, None, Vec::new()),
        ExecutionResult::Halt { reason, .. } => (EvmStatus::Halt(halt(&reason)), Default::default(), None, Vec::new()),
    };
    EvmOutcome {
        status,
        gas_used: gas.tx_gas_used(),
        gas_spent: gas.total_gas_spent(),
        output: output.to_vec(),
        contract_address,
        logs: logs(entries),
        trace: None,
    }
}
