//! Ours: the runtime in a WASM session, over a state in a hash map. The messages are those of a simulation that obeys
//! every rule of transactions; what a block adds (signatures, receipts, fees of the chain) is in `quids bench anvil`.

use super::{BASE_FEE, GAS_LIMIT, TIMESTAMP};
use crate::{
    Result,
    transfers::{engine::Engine, flat::FlatBackend},
};
use alloy_primitives::hex;
use codec::Encode;
use quids_api::{
    evm::{BlockOverrides, EvmError, EvmMessage, EvmStatus, SimulatedBlock, Simulation, SimulationOutcome},
    names,
};
use quids_core::well_known_keys;
use quids_io::Externalities;
use quids_state::Overlay;
use revm::database::InMemoryDB;
use serde_json::{Value, json};

/// The chain's state with the contracts and balances of `state`.
pub fn genesis(engine: &mut Engine, state: &InMemoryDB) -> Result<FlatBackend> {
    let (mut contracts, mut balances) = (Vec::new(), Vec::new());
    for (address, account) in &state.cache.accounts {
        if !account.info.balance.is_zero() {
            balances.push(json!([hex::encode_prefixed(address), account.info.balance.to_string()]));
        }
        let code = state.cache.contracts.get(&account.info.code_hash);
        let code = code.map(|code| code.original_byte_slice()).unwrap_or_default();
        if !code.is_empty() {
            let slots: Vec<Value> = account
                .storage
                .iter()
                .map(|(slot, value)| {
                    json!([
                        hex::encode_prefixed(slot.to_be_bytes::<32>()),
                        hex::encode_prefixed(value.to_be_bytes::<32>())
                    ])
                })
                .collect();
            contracts.push(json!({
                "address": hex::encode_prefixed(address), "code": hex::encode_prefixed(code), "storage": slots,
            }));
        }
    }
    let config = json!({ "balances": { "balances": balances }, "qevm": { "contracts": contracts } });
    let mut overlay = Overlay::new(FlatBackend::default());
    overlay.set(well_known_keys::CODE, quids_runtime_wasm::WASM)?;
    let built: std::result::Result<(), String> =
        engine.call_typed(&mut overlay, names::GENESIS_BUILD, &config.to_string().into_bytes())?;
    built?;
    let mut backend = FlatBackend::default();
    backend.apply(overlay.into_commit()?.values);
    Ok(backend)
}

/// The input of a call that runs these messages.
pub fn input(messages: &[EvmMessage]) -> Vec<u8> {
    let simulation = Simulation {
        chain_id: Some(super::CHAIN_ID),
        blocks: vec![SimulatedBlock {
            block: BlockOverrides {
                number: Some(1),
                timestamp: Some(TIMESTAMP),
                gas_limit: Some(GAS_LIMIT),
                base_fee: Some(BASE_FEE.into()),
                ..BlockOverrides::default()
            },
            messages: messages.to_vec(),
            ..SimulatedBlock::default()
        }],
        validate: true,
        ..Simulation::default()
    };
    simulation.encode()
}

/// Runs them; the answer is looked at by [`gas_used`], outside of the measurement.
pub fn run(engine: &mut Engine, state: &mut dyn Externalities, input: &[u8]) -> Result<Vec<u8>> {
    engine.call(state, names::QEVM_SIMULATE, input)
}

/// Gas of each message. An error if one fails.
pub fn gas_used(output: &[u8]) -> Result<Vec<u64>> {
    let answer: std::result::Result<SimulationOutcome, EvmError> = codec::DecodeAll::decode_all(&mut &output[..])?;
    let answer = answer.map_err(|error| format!("the runtime refuses: {}", error.message))?;
    let block = answer.blocks.first().ok_or("the answer has no block")?;
    block
        .messages
        .iter()
        .map(|message| match message {
            Ok(outcome) if outcome.status == EvmStatus::Success => Ok(outcome.gas_used),
            other => Err(format!("a message fails: {other:?}").into()),
        })
        .collect()
}
